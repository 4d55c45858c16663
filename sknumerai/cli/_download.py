"""``sknumerai download``: the official files, and what changed in them."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse

HELP = "download the official files, or tell what changed in them"
DESCRIPTION = (
    "Download files of a data set that are not here yet into the data home "
    "(SKNUMERAI_DATA or ~/sknumerai_data). An interrupted download is continued by the "
    "next call. With --check nothing is downloaded: features added or removed, the "
    "named target that `target` equals, resolved eras and rows are told."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("name", nargs="?", default="v5.3", help="version of the data")
    parser.add_argument(
        "--split",
        nargs="+",
        default=["train", "validation", "live"],
        metavar="NAME",
        help="which of train, validation and live",
    )
    parser.add_argument(
        "--files",
        nargs="+",
        metavar="FILE",
        help="further files, e.g. meta_model.parquet, or all",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--update", action="store_true", help="replace files that the server has anew"
    )
    parser.add_argument(
        "--check", action="store_true", help="download nothing, tell what changed"
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="with --check: compare with earlier checks, do not ask the server",
    )
    parser.add_argument(
        "--data-home",
        help="folder of the data sets (default: SKNUMERAI_DATA or ~/sknumerai_data)",
        default=argparse.SUPPRESS,
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.datasets import check_numerai, fetch_numerai

    data_home = getattr(args, "data_home", None)
    if args.offline and not args.check:
        raise ValueError("--offline goes with --check only.")
    if args.check:
        print(check_numerai(args.name, online=not args.offline, data_home=data_home))
        return
    files = getattr(args, "files", None)
    paths = fetch_numerai(
        args.name,
        split=args.split,
        files="all" if files == ["all"] else files,
        update=args.update,
        load=False,
        data_home=data_home,
    )
    for path in paths:
        print(f"{path} ({path.stat().st_size / 1e6:,.1f} MB)")
