"""Correlations, projections and least squares of one era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.linalg.lapack import dlange, dpocon, dpotrf, dpotrs, dpstrf

# Numerai's tools call numpy.linalg.lstsq with this cut-off for singular values.
RCOND = 1e-6
# The Gram matrix squares the condition number. Above this reciprocal condition no
# singular value is near the cut-off, and one refinement step gives full accuracy.
_GRAM_RCOND = 1e-10
# Columns whose part outside the span of the others is smaller than this share of the
# longest column are in it.
_DEPENDENT = 1e-12
# Changes of a fit by a smaller share of y are not worth a pass over A.
_ROUNDING = 1e-13
# Integers up to here are exact in float32.
_FLOAT32_EXACT = 2**24


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


def least_squares_residuals(y, A, *, proportion=1.0, fit_intercept=True):
    """Subtract from `y` a share of its least-squares fit by the columns of `A`.

    The same numbers as ``numpy.linalg.lstsq([A, 1], y, rcond=1e-6)`` gives, by a
    Cholesky factor of the Gram matrix. Columns that depend linearly on others, such as
    a feature that is missing for a whole era, are recognised and left out. Where a
    singular value lies too near the cut-off to tell, lstsq itself is called.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_columns)
        Finite numbers, for example the predictions of one era.

    A : array-like of shape (n_samples, n_features)
        Finite numbers, for example the features of the era. Integers are not copied
        as float64: the memory needed beyond `A` is that of a float32 copy and two
        square matrices of ``n_features`` rows.

    proportion : float, default=1.0
        Share of the fit to subtract.

    fit_intercept : bool, default=True
        Whether a constant column is appended to `A`.

    Returns
    -------
    residuals : ndarray of the shape of `y`
        ``y - proportion * fit``, float64.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.neutralize``.

    Examples
    --------
    >>> from sknumerai.utils import least_squares_residuals
    >>> least_squares_residuals([1.0, 2.0, 4.0], [[0], [1], [2]]).round(3)
    array([ 0.167, -0.333,  0.167])
    """
    y, A = np.asarray(y, dtype=np.float64), np.asarray(A)
    if A.ndim != 2 or len(A) != len(y):
        raise ValueError(
            "least_squares_residuals needs one row of A for each of y: got shapes "
            f"{A.shape} and {y.shape}."
        )
    if A.dtype.kind not in "biuf":
        A = A.astype(np.float64)
    columns = y if y.ndim == 2 else y[:, None]
    fit = _fit(columns, A, fit_intercept).reshape(y.shape)
    return y - proportion * fit


def _fit(y, A, fit_intercept):
    """Fitted values of the least-squares regression of y on A."""
    if fit_intercept:
        # beside an intercept, constant columns add nothing; missing features are such
        varying = (A != A[:1]).any(axis=0)
        if not varying.all():
            A = A[:, varying]
    n, k = A.shape[0], A.shape[1] + fit_intercept
    if k == 0 or n == 0:
        return np.zeros_like(y)
    if k < n:
        fit = _fit_by_cholesky(y, _Design(A, fit_intercept))
        if fit is not None:
            return fit
    A = A.astype(np.float64)
    if fit_intercept:
        A = np.hstack([A, np.ones((n, 1))])
    return A @ np.linalg.lstsq(A, y, rcond=RCOND)[0]


class _Design:
    """The matrix [A, 1], multiplied without being built in float64."""

    def __init__(self, A, fit_intercept):
        self.fit_intercept = fit_intercept
        exact = A.dtype.kind in "biu" and A.dtype.itemsize == 1
        if exact:
            largest = max(abs(int(A.max())), abs(int(A.min())), 1) if A.size else 1
            exact = largest**2 * len(A) < _FLOAT32_EXACT
        # products and sums of small integers are exact in float32 at half the cost
        self.A = A.astype(np.float32 if exact else np.float64, copy=False)

    def gram(self):
        A = self.A
        k = A.shape[1]
        gram = np.empty((k + self.fit_intercept,) * 2, order="F")
        # symmetric: transposed it is copied in the order of memory
        gram[:k, :k] = (A.T @ A).T
        if self.fit_intercept:
            gram[k, :k] = gram[:k, k] = A.sum(axis=0, dtype=np.float64)
            gram[k, k] = len(A)
        return gram

    def blocks(self):
        """Row blocks of [A, 1] in float64, each of about 32 MB."""
        n, k = self.A.shape
        step = max(1, 2**22 // (k + 1))
        # a copy to the other order of memory would take longer than the product
        order = "F" if self.A.strides[0] < self.A.strides[1] else "C"
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            size = rows.stop - rows.start, k + self.fit_intercept
            block = np.empty(size, order=order)
            block[:, :k] = self.A[rows]
            block[:, k:] = 1.0
            yield rows, block

    def dot(self, coef):
        out = np.empty((len(self.A), coef.shape[1]))
        for rows, block in self.blocks():
            out[rows] = block @ coef
        return out

    def tdot(self, y):
        out = 0.0
        for rows, block in self.blocks():
            out = out + block.T @ y[rows]
        return out

    def columns(self, keep):
        kept = object.__new__(_Design)
        k = self.A.shape[1]
        kept.fit_intercept = bool((keep == k).any())
        kept.A = self.A[:, keep[keep < k]]
        return kept


def _fit_by_cholesky(y, design):
    """Fitted values, or None where the Gram matrix cannot give them exactly."""
    gram = design.gram()
    if not np.isfinite(gram).all():
        return None
    factor, info = dpotrf(gram, lower=True, overwrite_a=False)
    if info != 0 or not _well_conditioned(factor, gram):
        design = _independent_columns(design, gram)
        if design is None:
            return None
        gram = design.gram()
        factor, info = dpotrf(gram, lower=True, overwrite_a=False)
        if info != 0 or not _well_conditioned(factor, gram):
            return None
    fit = design.dot(_solve(factor, design.tdot(y)))
    # one step of refinement takes back what the squared condition number cost
    moment = design.tdot(y - fit)
    coef = _solve(factor, moment)
    # the length of the step, known before it is made
    step = np.einsum("ij,ij->j", moment, coef)
    if (step <= _ROUNDING**2 * np.einsum("ij,ij->j", y, y)).all():
        return fit
    return fit + design.dot(coef)


def _independent_columns(design, gram):
    """The columns that a pivoted Cholesky keeps, if the others lie in their span."""
    k = len(gram)
    _, pivots, rank, _ = dpstrf(gram, lower=True, tol=-1.0)
    pivots = np.asarray(pivots) - 1
    if rank == 0 or rank == k:
        return None
    keep, drop = np.sort(pivots[:rank]), np.sort(pivots[rank:])
    sub = np.asfortranarray(gram[np.ix_(keep, keep)])
    factor, info = dpotrf(sub, lower=True, overwrite_a=False)
    if info != 0 or not _well_conditioned(factor, sub):
        return None
    coef = _solve(factor, gram[np.ix_(keep, drop)])
    moment = 0.0
    for _, block in design.blocks():
        inside, out = block[:, keep], block[:, drop]
        moment = moment + inside.T @ (out - inside @ coef)
    coef += _solve(factor, moment)
    outside = 0.0
    for _, block in design.blocks():
        outside += ((block[:, drop] - block[:, keep] @ coef) ** 2).sum()
    limit = _DEPENDENT * np.sqrt(gram.diagonal().max())
    return design.columns(keep) if np.sqrt(outside) <= limit else None


def _well_conditioned(factor, gram):
    norm = dlange("1", gram)
    return dpocon(factor, norm, uplo="L")[0] > _GRAM_RCOND


def _solve(factor, right):
    return dpotrs(factor, right, lower=True)[0]
