"""``sknumerai export``: the file for Numerai's model upload, of a saved model."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import sys
from pathlib import Path

from sknumerai.cli._files import check_output
from sknumerai.cli._sources import open_model

HELP = "write the file for Numerai's model upload"
DESCRIPTION = (
    "Write a saved model as a file that Numerai runs without sknumerai, and try it in a "
    "fresh process. A .pkl runs code when it is loaded: open only files that you made "
    "yourself."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("model", help="a fitted model (.pkl)")
    parser.add_argument(
        "--out", metavar="FILE", default="predict.pkl", help="file to write"
    )
    parser.add_argument(
        "--features",
        nargs="+",
        metavar="NAME",
        help="features in the order of the columns, or a text file with one name in "
        "each line; for models fitted on arrays (default: the model's own)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--neutralize",
        nargs="*",
        metavar="NAME",
        help="neutralize the live prediction to these features, or to those of a text "
        "file; without names to all that the model reads (default: not)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--proportion",
        type=float,
        help="share of the fit that --neutralize takes away (default: 1, all)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--missing",
        type=_missing,
        default="raise",
        metavar="NUMBER",
        help="what stands in for absent features and NaN, such as 2; raise: an error",
    )
    parser.add_argument(
        "--n-arguments",
        type=int,
        choices=(1, 2),
        default=2,
        help="number of arguments of the callable",
    )
    parser.add_argument(
        "--by-value",
        nargs="+",
        metavar="MODULE",
        default=[],
        help="modules of your own to store in the file",
    )
    parser.add_argument(
        "--no-verify",
        action="store_true",
        help="do not try the exported file in a fresh process",
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    path = Path(args.model)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    out = check_output(args.out)
    if out.exists() and out.samefile(path):
        raise ValueError(f"{out} is the model itself; name another file with --out.")
    neutralize = None
    if hasattr(args, "neutralize"):
        neutralize = {"features": _names(args.neutralize) or None}
        neutralize["proportion"] = getattr(args, "proportion", 1.0)
    elif hasattr(args, "proportion"):
        raise ValueError("--proportion is the share that --neutralize takes away.")
    if args.by_value and os.getcwd() not in sys.path:
        # where `python train.py` has found them
        sys.path.insert(0, os.getcwd())
    model = open_model(path)
    if not hasattr(model, "predict"):
        raise ValueError(f"{path} is an exported file already.")

    from sknumerai.submission import export_model

    export_model(
        model,
        out,
        features=_names(getattr(args, "features", None)),
        neutralize=neutralize,
        n_arguments=args.n_arguments,
        missing=args.missing,
        by_value=args.by_value,
        verify=not args.no_verify,
    )
    python = ".".join(map(str, sys.version_info[:2]))
    print(
        f"wrote {out}: for Numerai's model upload, image Python {python} "
        f"({out.stat().st_size / 1e6:.1f} MB)"
    )


def _missing(text):
    return text if text == "raise" else float(text)


def _names(names):
    """Names, or the lines of the one file that they name."""
    if names is not None and len(names) == 1 and Path(names[0]).is_file():
        lines = Path(names[0]).read_text(encoding="utf-8").split("\n")
        return [line.strip() for line in lines if line.strip()]
    return names
