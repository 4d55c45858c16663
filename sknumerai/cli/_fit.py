"""Fit, predict and cross-validate without copying the features."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
import sys

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm.auto import tqdm

from sknumerai.utils import check_eras, fitted_eras

CHUNK_ROWS = 100_000


def fit_model(model, X, y, aux=None):
    """Fit a model, with auxiliary targets where it takes them.

    Parameters
    ----------
    model : estimator
        What to fit.

    X : DataFrame of shape (n_samples, n_features)
        Features.

    y : Series of shape (n_samples,)
        Main target.

    aux : DataFrame or None, default=None
        Auxiliary targets; may hold more rows than `X`.

    Returns
    -------
    model : estimator
        The fitted model, with ``eras_seen_``, the numbers of the eras.
    """
    if aux is not None and takes_aux_targets(model):
        model = model.fit(X, y, aux_targets=aux)
    else:
        model = model.fit(X, y)
    eras = check_eras(None, X)
    if eras is not None and fitted_eras(model) is None:
        # so that `evaluate` can tell which eras are new to it, as networks tell
        model.eras_seen_ = eras.numbers
    return model


def takes_aux_targets(model):
    """Tell whether a model learns from auxiliary targets.

    Parameters
    ----------
    model : estimator
        Any estimator.

    Returns
    -------
    takes : bool
        Whether its `fit` has a parameter `aux_targets`.
    """
    return "aux_targets" in inspect.signature(model.fit).parameters


def predict_in_chunks(predict, X):
    """Predict some eras at a time.

    Parameters
    ----------
    predict : callable
        From a frame to an array.

    X : DataFrame of shape (n_samples, n_features)
        Features, indexed by `era` and `id`, in the order of the eras.

    Returns
    -------
    predictions : ndarray of shape (n_samples,)
        In the order of `X`.
    """
    eras = check_eras(None, X, required=True, allow_live=True)
    out = np.empty(len(X))
    starts = eras.starts
    first = 0
    bar = tqdm(
        range(1, len(starts)),
        "predict",
        unit="era",
        delay=2,
        disable=not sys.stderr.isatty(),
    )
    for i in bar:
        if i == len(starts) - 1 or starts[i + 1] - starts[first] > CHUNK_ROWS:
            rows = slice(int(starts[first]), int(starts[i]))
            out[rows] = np.asarray(predict(X.iloc[rows])).reshape(
                rows.stop - rows.start
            )
            first = i
    return out


def cross_val_predictions(models, X, y, cv, *, aux=None, progress=True):
    """Predict each test set of a walk-forward split by models that did not see it.

    Parameters
    ----------
    models : dict of str to estimator
        Models, cloned for each fold.

    X : DataFrame of shape (n_samples, n_features)
        Features, indexed by `era` and `id`, in the order of the eras.

    y : Series of shape (n_samples,)
        Main target.

    cv : splitter
        Splits rows by eras.

    aux : DataFrame or None, default=None
        Auxiliary targets.

    progress : bool, default=True
        Whether to show a bar over folds and models.

    Returns
    -------
    predictions : DataFrame of shape (n_test_samples, n_models)
        Out-of-sample predictions of all test sets.

    rows : slice or ndarray of shape (n_test_samples,)
        Their positions in `X`. At the real size they are looked up in a moment, and
        labels of the index are not.
    """
    folds = list(cv.split(X, y))
    parts = {name: [] for name in models}
    with tqdm(
        total=len(folds) * len(models),
        desc="cross-validation",
        unit="fit",
        disable=not progress,
    ) as bar:
        for train, test in folds:
            train, test = _as_slice(train), _as_slice(test)
            for name, model in models.items():
                bar.set_postfix_str(name)
                fitted = fit_model(clone(model), X.iloc[train], y.iloc[train], aux)
                parts[name].append(predict_in_chunks(fitted.predict, X.iloc[test]))
                bar.update()
    rows = _as_slice(np.concatenate([test for _, test in folds]))
    columns = {name: np.concatenate(part) for name, part in parts.items()}
    return pd.DataFrame(columns, index=X.index[rows]), rows


def _as_slice(rows):
    """A run of rows as a slice: a view of the features instead of a copy."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
