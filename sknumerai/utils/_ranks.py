"""Ranks with ties kept, Gaussian ranks and signed powers, exact and by era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.special import ndtri

from sknumerai.utils._ordering import stable_order


def average_ranks(values):
    """Rank each column from 1, tied values sharing the mean of their ranks.

    Equal to ``scipy.stats.rankdata(..., method="average", axis=0)`` to the last bit.
    Integers of one byte are counted instead of sorted.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers. NaN keeps its place and is not ranked.

    Returns
    -------
    ranks : ndarray of the shape of `values`
        Ranks from 1 to the number of values that are not NaN, float64.

    Examples
    --------
    >>> from sknumerai.utils import average_ranks
    >>> average_ranks([10, 30, 20, 20])
    array([1. , 4. , 2.5, 2.5])
    """
    return _by_column(_ranks_1d, _as_numbers(values))


def normalized_ranks(values):
    """Rank each column to the open interval (0, 1): ``(rank - 0.5) / count``.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers. NaN keeps its place; `count` is the number of other values.

    Returns
    -------
    ranks : ndarray of the shape of `values`
        Float64, of mean 0.5. A constant column is 0.5 everywhere.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.tie_kept_rank``.

    Examples
    --------
    >>> from sknumerai.utils import normalized_ranks
    >>> normalized_ranks([10, 30, 20, 20])
    array([0.125, 0.875, 0.5  , 0.5  ])
    """
    return _by_column(_normalized_1d, _as_numbers(values))


def gaussian_ranks(values):
    """Rank each column and give the rank's quantile of the standard normal.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers. NaN stays NaN.

    Returns
    -------
    scores : ndarray of the shape of `values`
        Float64, of mean 0. A constant column is 0 everywhere.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.gaussian`` of ``tie_kept_rank``.

    Examples
    --------
    >>> from sknumerai.utils import gaussian_ranks
    >>> gaussian_ranks([10, 30, 20]).round(3)
    array([-0.967,  0.967,  0.   ])
    """
    ranks = normalized_ranks(values)
    return ndtri(ranks, out=ranks)


def signed_power(values, exponent):
    """Raise the size of each value to a power and keep its sign.

    Parameters
    ----------
    values : array-like
        Numbers.

    exponent : float
        The power. Numerai's correlation takes 1.5.

    Returns
    -------
    powers : ndarray of the shape of `values`
        ``sign(values) * abs(values) ** exponent``.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.power``.

    Examples
    --------
    >>> from sknumerai.utils import signed_power
    >>> signed_power([-4.0, 0.0, 1.0], 1.5)
    array([-8.,  0.,  1.])
    """
    values = np.asarray(values)
    if exponent == 1.5:
        # ten times faster than a power, and at least as exact
        return values * np.sqrt(np.abs(values))
    return np.sign(values) * np.abs(values) ** exponent


def era_normalized_ranks(values, eras):
    """Rank each column within each era to the open interval (0, 1).

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers, in any order of rows. NaN stays NaN.

    eras : Eras
        Era of each row, from `check_eras`.

    Returns
    -------
    ranks : ndarray of the shape of `values`
        What :func:`normalized_ranks` gives for each era alone.

    Examples
    --------
    >>> from sknumerai.utils import check_eras, era_normalized_ranks
    >>> era_normalized_ranks([1, 5, 2, 3], check_eras([1, 2, 1, 2]))
    array([0.25, 0.75, 0.75, 0.25])
    """
    return _by_era(normalized_ranks, values, eras)


def era_gaussian_ranks(values, eras):
    """Give each column's Gaussian ranks within each era.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers, in any order of rows. NaN stays NaN.

    eras : Eras
        Era of each row, from `check_eras`.

    Returns
    -------
    scores : ndarray of the shape of `values`
        What :func:`gaussian_ranks` gives for each era alone.

    Examples
    --------
    >>> from sknumerai.utils import check_eras, era_gaussian_ranks
    >>> era_gaussian_ranks([1, 5, 2, 3], check_eras([1, 2, 1, 2])).round(3)
    array([-0.674,  0.674,  0.674, -0.674])
    """
    return _by_era(gaussian_ranks, values, eras)


def _as_numbers(values):
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        values = values.astype(np.float64)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"ranks are taken of one or two dimensions, got shape {values.shape}."
        )
    return values


def _by_column(rank, values):
    if values.ndim == 1:
        return rank(values)
    out = np.empty(values.shape)
    for j in range(values.shape[1]):
        # a contiguous copy of one column sorts faster than a strided view
        out[:, j] = rank(np.ascontiguousarray(values[:, j]))
    return out


def _by_era(rank, values, eras):
    values = _as_numbers(values)
    if len(values) != len(eras.codes):
        raise ValueError(f"got {len(eras.codes)} eras for {len(values)} rows.")
    out = np.empty(values.shape)
    for rows in eras.rows():
        out[rows] = rank(values[rows])
    return out


def _ranks_1d(values):
    if values.dtype.itemsize == 1 and values.dtype.kind in "biu":
        return _counted_ranks(values)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if missing.any():
            ranks = np.full(len(values), np.nan)
            ranks[~missing] = _ranks_1d(values[~missing])
            return ranks
    n = len(values)
    order, ordered = (rows[0] for rows in stable_order(values[None]))
    ranks = np.empty(n)
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if len(starts) == n - 1:
        ranks[order] = np.arange(1.0, n + 1)
        return ranks
    # the values at sorted positions a to b - 1 are tied: their mean rank
    edges = np.concatenate([[0], starts, [n]])
    mean_ranks = 0.5 * (edges[:-1] + edges[1:] + 1)
    ranks[order] = np.repeat(mean_ranks, np.diff(edges))
    return ranks


def _counted_ranks(values):
    lowest = 128 if values.dtype.kind == "i" else 0
    codes = values.view(np.uint8) if not lowest else values.astype(np.int16) + lowest
    ends = np.cumsum(np.bincount(codes, minlength=256))
    starts = np.concatenate([[0], ends[:-1]])
    return (0.5 * (starts + ends + 1))[codes]


def _normalized_1d(values):
    ranks = _ranks_1d(values)
    n_valid = len(ranks)
    if values.dtype.kind == "f":
        n_valid -= np.count_nonzero(np.isnan(ranks))
    ranks -= 0.5
    # where all are NaN there is nothing to divide
    ranks /= max(n_valid, 1)
    return ranks
