"""Correlations and projections of one era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def pearson_correlation(a, b):
    """Correlate the columns of one array with those of another.

    Parameters
    ----------
    a : array-like of shape (n_samples,) or (n_samples, n_a)
        Finite numbers.

    b : array-like of shape (n_samples,) or (n_samples, n_b)
        Finite numbers.

    Returns
    -------
    correlation : float or ndarray
        Float for two vectors, shape (n_a,) or (n_b,) for a matrix and a vector,
        (n_a, n_b) for two matrices. NaN, without a warning, where a column is constant
        or has fewer than two rows.

    Raises
    ------
    ValueError
        If the numbers of rows differ.

    Examples
    --------
    >>> from sknumerai.utils import pearson_correlation
    >>> pearson_correlation([[1, 1], [2, 1], [4, 1]], [2, 4, 8])
    array([ 1., nan])
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(
            f"pearson_correlation needs as many rows of a as of b: got {len(a)} and "
            f"{len(b)}."
        )
    if len(a) == 0:
        nothing = np.full(a.shape[1:] + b.shape[1:], np.nan)
        return nothing if nothing.ndim else np.nan
    a, b = unit_columns(a), unit_columns(b)
    return a.T @ b if a.ndim + b.ndim > 2 else float(a @ b)


def unit_columns(a):
    """Center each column and scale it to length 1.

    Parameters
    ----------
    a : ndarray of shape (n_samples,) or (n_samples, n_columns)
        Finite numbers, at least one row.

    Returns
    -------
    unit : ndarray of the shape of `a`
        Float64. NaN, without a warning, where a column is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils import unit_columns
    >>> unit_columns(np.array([1.0, 1.0, 4.0])).round(3)
    array([-0.408, -0.408,  0.816])
    """
    centered = a - a.mean(axis=0)
    # scaled first: squares of tiny or huge values would leave the range of floats
    scale = np.abs(centered).max(axis=0)
    # a mean that is off by rounding leaves a constant column not quite at zero
    constant = (a == a[0]).all(axis=0)
    scale = np.where(constant, np.nan, scale)
    centered /= scale
    # of columns that hardly vary the first mean was too far off
    centered -= centered.mean(axis=0)
    return centered / np.sqrt(np.einsum("i...,i...->...", centered, centered))


def orthogonalize(v, u):
    """Subtract from `v` its projection on the vector `u`.

    Parameters
    ----------
    v : array-like of shape (n_samples,) or (n_samples, n_columns)
        What to orthogonalize.

    u : array-like of shape (n_samples,)
        The direction to remove. Where it is zero, the result is NaN.

    Returns
    -------
    residual : ndarray of the shape of `v`
        ``v - u (u'v) / (u'u)``.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.orthogonalize``.

    Examples
    --------
    >>> from sknumerai.utils import orthogonalize
    >>> orthogonalize([3.0, 4.0], [1.0, 0.0])
    array([0., 4.])
    """
    v, u = np.asarray(v, dtype=np.float64), np.asarray(u, dtype=np.float64)
    square = u @ u
    if square == 0:
        return np.full(v.shape, np.nan)
    share = (u @ v) / square
    return v - (np.outer(u, share) if v.ndim == 2 else u * share)
