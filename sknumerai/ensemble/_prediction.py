"""Predictions of many rows in blocks of whole eras."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.utils import _safe_indexing

from sknumerai.ensemble._members import rows_of_params

# Rows predicted at a time: regressors turn int8 into floats of four or eight bytes.
BLOCK = 100_000


def predict_by_eras(estimator, X, eras, params, *, block=BLOCK):
    """Predict in blocks of whole eras, so that a copy in floats stays small.

    Parameters
    ----------
    estimator : estimator
        A fitted regressor.

    X : DataFrame or ndarray of shape (n_samples, n_features)
        Features.

    eras : Eras
        Era of each row. An era is never cut, as a row's prediction may depend on it.

    params : dict
        Arguments of ``predict``; of those as long as X a block takes its rows.

    block : int, default=100,000
        Rows of a block at the least.

    Returns
    -------
    y : ndarray of shape (n_samples,)
        Predictions.
    """
    n_samples = len(eras.codes)
    if n_samples <= block or eras.n_eras == 1:
        return np.asarray(estimator.predict(X, **params)).reshape(n_samples)
    out = np.empty(n_samples)
    order, starts = eras.order(), eras.starts
    first = 0
    while first < n_samples:
        stop = int(starts[min(np.searchsorted(starts, first + block), eras.n_eras)])
        rows = slice(first, stop) if order is None else np.sort(order[first:stop])
        given = rows_of_params(params, n_samples, rows)
        part = estimator.predict(_safe_indexing(X, rows), **given)
        out[rows] = np.asarray(part).reshape(-1)
        first = stop
    return out
