"""``sknumerai predict``: predictions of a saved model for rows of Numerai's files."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import inspect
import sys
from pathlib import Path

import pandas as pd

from sknumerai.cli._data import add_data_arguments, feature_set_of, row_options
from sknumerai.cli._files import check_output
from sknumerai.cli._sources import PICKLES, TABLES, open_model, predict_of

HELP = "predictions of a saved model, straight from Numerai's files"
DESCRIPTION = (
    "Predict rows of Numerai's files with a saved model (.pkl of train, or an exported "
    "predict.pkl) and write the predictions. The files are read one row group and one "
    "era at a time, in bounded memory. A .pkl runs code when it is loaded: open only "
    "files that you made yourself."
)


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE",
        help="a fitted or an exported model (.pkl)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data",
        default="v5.3",
        help="a data set, a folder with live.parquet or validation.parquet, or one "
        "parquet or csv file",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="file of the predictions (.parquet, .csv): id, era and prediction",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--feature-set",
        nargs="+",
        metavar="NAME",
        help="a set of features.json, or names of columns, for a model that was fitted "
        "on arrays (default: the features that the model names)",
        default=argparse.SUPPRESS,
    )
    add_data_arguments(parser, split="live", targets=False)


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    path = Path(args.model)
    if path.suffix.lower() in TABLES:
        raise ValueError(f"{path} holds predictions, not a model.")
    if path.suffix.lower() not in PICKLES:
        raise ValueError(f"{path} is not a model ({', '.join(sorted(PICKLES))}).")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    out = check_output(args.out)

    from sknumerai.datasets import predict_numerai
    from sknumerai.utils import check_eras, warn_of_leakage

    opened = open_model(path)
    model, names = opened, feature_set_of(args)
    if not hasattr(opened, "predict"):
        model, names = _Exported(opened, names, path, args), None
    elif names is None and not hasattr(opened, "feature_names_in_"):
        raise ValueError(
            f"{path} does not say which features it reads (it has no "
            "feature_names_in_). Name those that it was fitted on: --feature-set medium."
        )
    predict_numerai(
        model,
        args.data,
        out=out,
        feature_set=names,
        verbose=sys.stderr.isatty(),
        **row_options(args),
    )
    written = _eras_of(out)
    eras = check_eras(written, allow_live=True)
    warn_of_leakage(getattr(opened, "model", opened), eras, path.name)
    first, last = eras.labels[0], eras.labels[-1]
    print(
        f"wrote {out}: predictions of {len(written):,} rows, {eras.n_eras} "
        + (f"era ({first})" if eras.n_eras == 1 else f"eras ({first} to {last})")
    )


def _eras_of(path):
    if path.suffix == ".csv":
        return pd.read_csv(path, usecols=["era"], dtype=str)["era"]
    return pd.read_parquet(path, columns=["era"])["era"]


class _Exported:
    """An exported function as a model that is given frames."""

    def __init__(self, function, feature_set, path, args):
        arguments = inspect.signature(function).parameters.values()
        needed = [a for a in arguments if a.default is a.empty]
        if sum(a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD) for a in needed) > 1:
            raise ValueError(
                f"{path} asks for the live benchmark models too. `sknumerai submit "
                "--dry-run --out FILE` gives it both."
            )
        names = getattr(function, "features", None)
        if names is None:
            names = _names(feature_set, path, args)
        elif feature_set is not None:
            raise ValueError(
                f"{path} names the {len(names)} features that it reads. Leave "
                "--feature-set out."
            )
        further = getattr(getattr(function, "neutralization", None), "features", ())
        self.feature_names_in_ = list(dict.fromkeys([*names, *further]))
        self.predict = predict_of(function)


def _names(feature_set, path, args):
    """The columns of a function of the user's, which does not tell them."""
    from sknumerai.datasets import load_feature_sets

    if feature_set is None:
        raise ValueError(
            f"{path} is a function that does not say which features it reads. Name "
            "them: --feature-set all."
        )
    if not isinstance(feature_set, str):
        return feature_set
    sets = load_feature_sets(args.data, data_home=getattr(args, "data_home", None))
    if feature_set not in sets:
        raise ValueError(
            f"There is no feature set {feature_set!r}, only {', '.join(sorted(sets))}."
        )
    return sets[feature_set]
