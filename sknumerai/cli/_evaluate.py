"""``sknumerai evaluate``: era-wise scores of a model or of predictions."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import inspect
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sknumerai.cli._data import add_data_arguments, describe, load
from sknumerai.cli._files import check_output, whole_file
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
PICKLES = {".pkl", ".pickle", ".joblib"}
TABLES = {".csv", ".parquet"}


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
    sources = _open_all([args.model, *args.baseline])
    targets = list(dict.fromkeys(args.target))
    bunch = _load(args, sources, targets)
    print(describe(bunch))
    predictions = _predictions(sources, bunch)
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


def _open_all(paths):
    """Label and open models and predictions, each a callable or a frame."""
    sources = {}
    for path in map(Path, paths):
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder; name a model or predictions.")
        if path.suffix.lower() not in PICKLES | TABLES:
            raise ValueError(
                f"{path} is neither a model ({', '.join(sorted(PICKLES))}) nor "
                f"predictions ({', '.join(sorted(TABLES))})."
            )
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}.")
        label = path.stem if path.stem not in sources else str(path)
        opened = open_model(path) if path.suffix in PICKLES else _open_table(path)
        sources[label] = opened
    return sources


def open_model(path):
    """Load a model that was saved.

    Parameters
    ----------
    path : pathlib.Path
        File of the pickle.

    Returns
    -------
    model : object
        Something that predicts.
    """
    import joblib

    try:
        model = joblib.load(path)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be loaded as a model ({type(error).__name__}: {error}). It "
            "must come from the same versions of Python and packages."
        ) from error
    if not hasattr(model, "predict") and not callable(model):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, which cannot predict."
        )
    return model


def _open_table(path):
    if path.suffix == ".csv":
        table = pd.read_csv(path)
    else:
        table = pd.read_parquet(path).reset_index()
    if "id" not in table.columns:
        raise ValueError(
            f"{path} has no column 'id', only {list(table.columns)[:5]}. Predictions "
            "are a table of id and one column per model."
        )
    table = table.set_index("id").select_dtypes("number")
    table = table.drop(columns=["era", "index"], errors="ignore")
    if table.shape[1] == 0:
        raise ValueError(f"{path} has no column of numbers beside 'id'.")
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()]
        raise ValueError(
            f"{path}: {len(twice)} ids appear more than once, the first is {twice[0]!r}."
        )
    return table


def _load(args, sources, targets):
    """Load the features that the models read; one column where there is no model."""
    features = []
    for label, source in sources.items():
        if isinstance(source, pd.DataFrame):
            continue
        names = getattr(source, "feature_names_in_", getattr(source, "features", None))
        if names is None and hasattr(source, "predict"):
            raise ValueError(
                f"The model {label} does not say which features it reads (it has no "
                "feature_names_in_). Fit it on a DataFrame."
            )
        if names is None:  # any exported function: it picks its columns itself
            return load(args, targets=targets)
        features += [str(name) for name in names]
    features = list(dict.fromkeys(features)) or _any_feature(args)
    return load(args, targets=targets, feature_set=features)


def _any_feature(args):
    """One feature, where only rows and targets are wanted; all if none is known."""
    from sknumerai.datasets import load_feature_sets

    try:
        sets = load_feature_sets(args.data, data_home=getattr(args, "data_home", None))
    except FileNotFoundError:
        return None
    names = min((names for names in sets.values() if names), key=len, default=None)
    return names and names[:1]


def _predictions(sources, bunch):
    from sknumerai.cli._fit import predict_in_chunks

    X = bunch.data
    columns = {}
    for label, source in sources.items():
        if isinstance(source, pd.DataFrame):
            ids = X.index.get_level_values("id")
            aligned = source.reindex(ids)
            if aligned.isna().all(axis=None):
                raise ValueError(
                    f"None of the {len(source):,} ids of {label} are among the "
                    f"{len(X):,} rows of the data. Is it another split or version?"
                )
            for name in aligned.columns:
                one = aligned.shape[1] == 1 or name == "prediction"
                column = aligned[name].to_numpy()
                columns[label if one else f"{label}:{name}"] = column
        else:
            columns[label] = predict_in_chunks(_predict_of(source), X)
    return pd.DataFrame(columns, index=X.index)


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


def _predict_of(model):
    if hasattr(model, "predict"):
        names = list(model.feature_names_in_)
        return lambda X: model.predict(X if list(X.columns) == names else X[names])
    # an exported function is given what Numerai's runner gives it
    n_arguments = len(inspect.signature(model).parameters)

    def predict(X):
        live = X.reset_index("era")
        more = [pd.DataFrame(index=live.index)] * (n_arguments - 1)
        return np.asarray(model(live, *more).iloc[:, 0])

    return predict
