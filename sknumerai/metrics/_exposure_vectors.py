"""Correlations of predictions with thousands of features, for one era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._correlation import top_bottom_rows
from sknumerai.utils import average_ranks, pearson_correlation, unit_columns

METHODS = ("pearson", "spearman")
# Values of one block of features in float64: few enough for the processor's cache.
_BLOCK = 2**18

# Exposures of this size are what rounding leaves of none.
_NOTHING = 1e-10


def exposures(pred, features, method, top_bottom, caller):
    """Exposure vectors of one era.

    Parameters
    ----------
    pred : RankedColumns
        Predictions, n rows and m columns.

    features : ndarray of shape (n, k)
        Finite features.

    method : {"pearson", "spearman"}
        Which correlation.

    top_bottom : int or None
        Take only so many rows of either end of each column.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    exposures : ndarray of shape (k, m)
        NaN in the row of a feature that is constant and in the column of a prediction
        that is.
    """
    features = as_columns(features, caller)
    if top_bottom is None:
        return correlate(pred.values, features, method)
    columns = []
    ends = top_bottom_rows(pred.values, top_bottom, caller)
    for j, rows in enumerate(np.sort(ends, axis=0).T):
        part = pred.values[rows, j : j + 1]
        columns.append(correlate(part, features[rows], method))
    return np.concatenate(columns, axis=1)


def largest(exposures):
    """Largest size in each column, NaN left out: (k, m) to (m,)."""
    return np.fmax.reduce(np.abs(exposures), axis=0)


def root_mean_square(exposures):
    """Root mean square of each column, NaN left out: (k, m) to (m,)."""
    count = (~np.isnan(exposures)).sum(axis=0)
    total = np.square(exposures).sum(axis=0, where=~np.isnan(exposures))
    return np.sqrt(total / np.where(count, count, np.nan))


def dissimilarity(exposures, example):
    """One minus the share of the example's exposures: (k, m) and (k,) to (m,)."""
    known = ~np.isnan(example)
    square = example[known] @ example[known]
    if square <= known.sum() * _NOTHING**2:
        # an example without any exposure has no pattern to compare with
        return np.full(exposures.shape[1], np.nan)
    return 1 - (example[known] @ exposures[known]) / square


def as_columns(features, caller):
    """Features as a matrix of at least one column."""
    features = features if features.ndim == 2 else features[:, None]
    if features.shape[1] == 0:
        raise ValueError(f"{caller}: features has no columns.")
    return features


def check_method(method, caller):
    """Raise if `method` is not the name of a correlation."""
    if method not in METHODS:
        raise ValueError(
            f"{caller}: method must be one of {list(METHODS)}. Got {method!r} instead."
        )


def correlate(scores, features, method):
    """Exposures of one era as arrays: (n, m) and (n, k) to (k, m)."""
    if method == "spearman":
        return _by_columns(average_ranks(scores), features, average_ranks)
    if features.dtype.kind in "biu" and features.dtype.itemsize == 1:
        return _of_codes(scores, features)
    return _by_columns(scores, features, None)


def _of_codes(scores, features):
    """Of integers of one byte, whose sums and squares are exact without centering."""
    n, k = features.shape
    # a last column of ones gives the sums of the features in the same product
    right = np.ones((n, scores.shape[1] + 1))
    right[:, :-1] = unit_columns(scores.astype(np.float64))
    products = np.zeros((k, right.shape[1]))
    squares = np.zeros(k)
    step = max(1, _BLOCK // k)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        block = features[rows].astype(np.float64)
        products += block.T @ right[rows]
        squares += np.einsum("ij,ij->j", block, block)
    sums = products[:, -1]
    # whole numbers below 2**53: zero for constant features and for no others
    variance = (n * squares - sums**2) / n
    scale = np.sqrt(np.where(variance > 0, variance, np.nan))
    drift = np.outer(sums / n, right[:, :-1].sum(axis=0))
    return (products[:, :-1] - drift) / scale[:, None]


def _by_columns(scores, features, transform):
    n, k = features.shape
    out = np.empty((k, scores.shape[1]))
    step = max(1, _BLOCK // n)
    for start in range(0, k, step):
        columns = slice(start, start + step)
        block = features[:, columns]
        if transform is not None:
            block = transform(block)
        out[columns] = pearson_correlation(block, scores)
    return out
