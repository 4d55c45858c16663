"""Models and files of predictions that commands are given."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
from pathlib import Path

import numpy as np
import pandas as pd

from sknumerai.cli._data import load

PICKLES = {".pkl", ".pickle", ".joblib"}
TABLES = {".csv", ".parquet"}


def open_all(paths):
    """Label and open models and predictions.

    Parameters
    ----------
    paths : list of str or path-like
        Models (.pkl) and predictions (.csv, .parquet).

    Returns
    -------
    sources : dict of str to object
        By name: a model, something callable or a frame indexed by id.
    """
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
        is_model = path.suffix.lower() in PICKLES
        sources[label] = open_model(path) if is_model else _open_table(path)
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
    if path.suffix.lower() == ".csv":
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


def load_rows(args, sources, targets, features=()):
    """Load the features that the models read; one column where there is no model.

    Parameters
    ----------
    args : argparse.Namespace
        With the arguments of :func:`sknumerai.cli._data.add_data_arguments` and `data`.

    sources : dict of str to object
        From :func:`open_all`.

    targets : list of str
        Targets to load.

    features : list of str or None, default=()
        Further features to load. None for all.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        See :func:`sknumerai.datasets.load_numerai`.
    """
    if features is None:
        return load(args, targets=targets)
    features = list(features)
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


def predict_all(sources, bunch):
    """Predict with the models, and look the rows up in the tables.

    Parameters
    ----------
    sources : dict of str to object
        From :func:`open_all`.

    bunch : sklearn.utils.Bunch
        From :func:`load_rows`.

    Returns
    -------
    predictions : DataFrame of shape (n_samples, n_models)
        One column per model, NaN where a table lacks a row.
    """
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
            columns[label] = predict_in_chunks(predict_of(source), X)
    return pd.DataFrame(columns, index=X.index)


def predict_of(model):
    """Give the method or function of a model that predicts a frame.

    Parameters
    ----------
    model : object
        From :func:`open_model`.

    Returns
    -------
    predict : callable
        From a frame of features, indexed by `era` and `id`, to an array.
    """
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
