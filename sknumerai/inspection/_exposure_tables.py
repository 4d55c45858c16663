"""Exposures of models to features, summed up by era and by feature."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics import feature_exposures

# Exposures that are held at once, in bytes; models beyond take another turn.
_MAX_BYTES = 2**27
_STATISTICS = ("mean", "std", "low", "high", "largest", "n_eras")


def exposure_tables(y_true, y_pred, features, names, *, n_eras, **params):
    """Sum up the exposures of models, some models at a time.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or None
        Not used, but for its eras.

    y_pred : Series, DataFrame or ndarray of shape (n_samples,) or (n_samples, n_models)
        Predictions.

    features : array-like of shape (n_samples, n_features)
        Features.

    names : Index
        The models.

    n_eras : int
        Number of eras.

    **params : dict
        Further parameters of :func:`feature_exposures`.

    Returns
    -------
    by_era : DataFrame
        Rows are eras, columns (model, "max" or "rms").

    by_feature : DataFrame
        Rows are features, columns (model, statistic).
    """
    n_models = len(names)
    n_features = np.shape(features)[1] if np.ndim(features) == 2 else 1
    n_at_once = max(1, _MAX_BYTES // (8 * n_eras * max(1, n_features)))
    found = []
    for start in range(0, n_models, n_at_once):
        table = feature_exposures(
            y_true,
            _some(y_pred, start, start + n_at_once),
            features,
            aggregate=None,
            **params,
        )
        width = table.shape[1] // max(1, min(n_at_once, n_models - start))
        values = table.to_numpy()
        for j in range(0, values.shape[1], width):
            found.append(_summarize(values[:, j : j + width]))
    columns = getattr(features, "columns", pd.RangeIndex(n_features))
    return tuple(
        pd.concat([pd.DataFrame(t, index=rows) for t in tables], axis=1, keys=names)
        for tables, rows in zip(zip(*found), (table.index, columns))
    )


def _some(y_pred, start, stop):
    if y_pred.ndim == 1:
        return y_pred
    if isinstance(y_pred, pd.DataFrame):
        return y_pred.iloc[:, start:stop]
    return y_pred[:, start:stop]


def _summarize(values):
    """By era and by feature, of one model's exposures of shape (n_eras, n_features)."""
    known = ~np.isnan(values)
    size = np.abs(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(np.square(size).sum(axis=1, where=known) / known.sum(axis=1))
    by_era = {"max": np.fmax.reduce(size, axis=1), "rms": rms}
    columns = np.full((len(_STATISTICS), values.shape[1]), np.nan)
    columns[-1] = known.sum(axis=0)
    some = columns[-1] > 0
    whole = some & (columns[-1] == len(values))
    columns[:-1, whole] = _over_eras(values[:, whole])
    for j in np.flatnonzero(some & ~whole):
        columns[:-1, j] = _over_eras(values[known[:, j], j : j + 1])[:, 0]
    by_feature = dict(zip(_STATISTICS, columns))
    by_feature["n_eras"] = columns[-1].astype(np.int64)
    return by_era, by_feature


def _over_eras(values):
    if values.shape[1] == 0:
        return np.empty((len(_STATISTICS) - 1, 0))
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    at = np.abs(values).argmax(axis=0)
    largest = values[at, np.arange(values.shape[1])]
    return np.stack([values.mean(axis=0), values.std(axis=0), low, high, largest])
