"""``sknumerai preflight``: try a file as Numerai runs it."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
from pathlib import Path

HELP = "try an exported file as Numerai runs it"
DESCRIPTION = (
    "Run an exported file in an environment with the versions of Numerai's image, "
    "within Numerai's limits, and check what its runner and server check. The "
    "environment is made at the first call, from the index of pip. Ends with code 1 if "
    "Numerai would refuse the file. It is run: try only files that you made yourself."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("file", help="the exported file, predict.pkl")
    parser.add_argument(
        "live",
        nargs="?",
        help="live.parquet, a folder that holds it, or a data set such as v5.3 "
        "(default: random codes of the features that the file reads)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--benchmarks",
        metavar="FILE",
        help="live_benchmark_models.parquet (default: random numbers)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--image",
        help="Python of the image that you upload for (default: the running one)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--torch",
        metavar="VERSION",
        help="version of torch instead of the image's, such as 2.7.1+cpu",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--n-arguments",
        type=int,
        choices=(1, 2),
        help="number of arguments that it must take (default: either)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--memory-limit", type=float, default=4.0, metavar="GB", help="most memory"
    )
    parser.add_argument(
        "--time-limit", type=float, default=600.0, metavar="SECONDS", help="most time"
    )
    parser.add_argument(
        "--environment",
        metavar="PATH",
        help="a virtual environment, or its Python, instead of making one",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data-home",
        help="folder of the data sets and environments (default: SKNUMERAI_DATA or "
        "~/sknumerai_data)",
        default=argparse.SUPPRESS,
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.exceptions import SubmissionError
    from sknumerai.submission import preflight

    data_home = getattr(args, "data_home", None)
    report = preflight(
        args.file,
        _live(getattr(args, "live", None), data_home),
        live_benchmark_models=getattr(args, "benchmarks", None),
        image=getattr(args, "image", None),
        torch=getattr(args, "torch", None),
        n_arguments=getattr(args, "n_arguments", None),
        memory_limit=args.memory_limit * 1e9,
        time_limit=args.time_limit,
        environment=getattr(args, "environment", None),
        data_home=data_home,
        raise_error=False,
    )
    print(report)
    if not report.ok:
        n = len(report.problems)
        raise SubmissionError(
            f"{report.path} has {n} problem{'s' if n > 1 else ''}. Do not upload it."
        )


def _live(live, data_home):
    from sknumerai.datasets import get_data_home

    if live is None:
        return None
    path = Path(live)
    if not path.exists():
        path = get_data_home(data_home) / live
    if path.is_dir():
        path = path / "live.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no live data at {live} or {path}. `sknumerai download --split "
            "live` gets today's."
        )
    return path
