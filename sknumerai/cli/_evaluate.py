"""``sknumerai evaluate``: era-wise scores of a model or of predictions."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import re
import sys
import warnings

import numpy as np

from sknumerai.cli._data import add_data_arguments, describe
from sknumerai.cli._files import check_output, whole_file
from sknumerai.cli._sources import load_rows, open_all, predict_all
from sknumerai.exceptions import HorizonWarning
from sknumerai.utils import check_eras, model_horizon, target_horizon, warn_of_leakage

HELP = "era-wise scores of a model or a file of predictions"
DESCRIPTION = (
    "Score a saved model (.pkl of train, or an exported predict.pkl) or a file of "
    "predictions (.csv or .parquet with id and one column per model) era by era. A "
    ".pkl runs code when it is loaded: open only files that you made yourself."
)
# how Numerai names its benchmark models
BENCHMARK = re.compile(r"(?:.*:)?(v\d+_\w+)")


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.add_argument("model", help="a model (.pkl) or predictions (.csv, .parquet)")
    parser.add_argument(
        "data",
        help="a data set such as v5.3, a folder with validation.parquet, or one "
        "parquet or csv file",
    )
    parser.add_argument(
        "--target",
        nargs="+",
        required=True,
        help="target to score against; several give a table each",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--baseline",
        nargs="+",
        default=[],
        metavar="FILE",
        help="further models or predictions, shown beside it on the same eras",
    )
    add_data_arguments(parser, split="validation")
    parser.add_argument(
        "--per-era", action="store_true", help="print the score of each era too"
    )
    parser.add_argument(
        "--scores",
        metavar="FILE",
        help="csv for the score of each era (default: not written)",
        default=argparse.SUPPRESS,
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.
    """
    from sknumerai.cli._table import format_table, score_models, summarize

    scores_file = getattr(args, "scores", None)
    if scores_file is not None:
        scores_file = check_output(scores_file)
    sources = open_all([args.model, *args.baseline])
    targets = list(dict.fromkeys(args.target))
    bunch = load_rows(args, sources, targets)
    print(describe(bunch))
    predictions = predict_all(sources, bunch)
    covered = _covered_rows(predictions)
    predictions, y = predictions[covered], bunch.target[covered]
    _warn_of_leakage(sources, predictions)
    for target in targets:
        _warn_of_horizons(predictions.columns[1:], target)
        scores = score_models(y[target], predictions)
        if scores.empty:
            raise ValueError(f"The target {target!r} is not resolved in these eras.")
        title = (
            f"\nCORR by era with {target} (era {scores.index[0]} to {scores.index[-1]})"
        )
        print(format_table(summarize(scores), title))
        if args.per_era:
            print("\n" + scores.to_string(float_format="{:.4f}".format))
        if scores_file is not None:
            path = scores_file
            if len(targets) > 1:
                path = path.with_name(f"{path.stem}_{target}{path.suffix}")
            with whole_file(path) as part:
                scores.to_csv(part)
            print(f"wrote {path}")


def _covered_rows(predictions):
    """Leave out eras that a file does not cover; refuse eras that it covers partly."""
    eras = check_eras(None, predictions, required=True)
    absent = np.zeros(eras.n_eras, dtype=bool)
    for name, column in predictions.items():
        n_missing = np.bincount(eras.codes[column.isna()], minlength=eras.n_eras)
        partly = (n_missing > 0) & (n_missing < eras.counts)
        if partly.any():
            era = int(np.flatnonzero(partly)[0])
            raise ValueError(
                f"{name} lacks predictions for {n_missing[era]} of {eras.counts[era]} "
                f"rows of era {eras.labels[era]}. An era needs a prediction for each "
                "row."
            )
        absent |= n_missing > 0
    if absent.all():
        raise ValueError("The files have no era in common.")
    if absent.any():
        print(
            f"{absent.sum()} of {eras.n_eras} eras are left out, which a file of "
            "predictions does not cover.",
            file=sys.stderr,
        )
    return ~absent[eras.codes]


def _warn_of_leakage(sources, predictions):
    eras = check_eras(None, predictions, required=True)
    for label, source in sources.items():
        # an exported function holds the model that it was made of
        model = getattr(source, "model", source)
        warn_of_leakage(model, eras, label)


def _warn_of_horizons(baselines, target):
    days = target_horizon(target)
    for name in baselines:
        match = BENCHMARK.fullmatch(name)
        other = model_horizon(match[1]) if match else None
        if days in (20, 60) and other not in (None, days):
            warnings.warn(
                f"{name} was trained for {other} days ahead and {target} looks {days} "
                "days ahead. To beat it here is easier than to beat the benchmark of "
                "this target.",
                HorizonWarning,
                stacklevel=2,
            )
