"""Least squares of one era, by a Cholesky factor of the Gram matrix."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.linalg import lapack

from sknumerai.utils._blas import product
from sknumerai.utils._packed_gram import packed_gram, packed_rows
from sknumerai.utils._panel_cholesky import PanelCholesky

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
# Powers of 2 whose squares, and sums of them, are far from the ends of float64.
_PLAIN_EXPONENT = 300
# Numbers in a block of rows.
_BLOCK = 2**19
# Columns of a panel of the Gram matrix, and of one that is not cut into panels: BLAS
# computes half of a symmetric product, but not of the panels' ones.
_WIDTH = 256
_WHOLE = 1024


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
    # squares of the very large and the very small are no numbers
    size = np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1]
    if np.abs(size).max(initial=0) <= _PLAIN_EXPONENT:
        return y - proportion * _fit(columns, A, fit_intercept).reshape(y.shape)
    unit = np.ldexp(columns, -size)
    rest = unit - proportion * _fit(unit, A, fit_intercept)
    return np.ldexp(rest, size).reshape(y.shape)


def _fit(y, A, fit_intercept):
    """Fitted values of the least-squares regression of y on A."""
    n = len(A)
    keep = np.arange(A.shape[1])
    if fit_intercept and n:
        # beside an intercept, constant columns add nothing; missing features are such
        keep = np.flatnonzero(_varying(A))
    k = len(keep) + fit_intercept
    if k == 0 or n == 0:
        return np.zeros_like(y)
    if k < n:
        fit = _fit_by_cholesky(y, _Design(A, keep, fit_intercept))
        if fit is not None:
            return fit
    A = A[:, keep].astype(np.float64)
    if fit_intercept:
        A = np.hstack([A, np.ones((n, 1))])
    return A @ np.linalg.lstsq(A, y, rcond=RCOND)[0]


def _varying(A):
    """Which columns hold different values."""
    varying = np.zeros(A.shape[1], dtype=bool)
    for rows in _blocks_of(len(A), A.shape[1]):
        varying |= (A[rows] != A[:1]).any(axis=0)
        if varying.all():
            break
    return varying


def _blocks_of(n, k, n_rows=None):
    step = n_rows or max(1, _BLOCK // max(1, k))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


class _Design:
    """The matrix [A, 1] of some columns of A, never built whole in another type."""

    def __init__(self, A, keep, fit_intercept):
        self.A, self.keep, self.fit_intercept = A, keep, fit_intercept
        self.shape = len(A), len(keep) + fit_intercept
        exact = A.dtype.kind in "biu" and A.dtype.itemsize == 1
        self.packed_rows = 0
        if exact:
            # 1 is the constant column
            self.low = min(int(A.min()), 1) if A.size else 1
            self.high = max(int(A.max()), 1) if A.size else 1
            largest = max(-self.low, self.high)
            exact = largest**2 * len(A) < _FLOAT32_EXACT
            self.packed_rows = packed_rows(self.low, self.high, len(A))
        # products and sums of small integers are exact in float32 at half the cost
        self.exact_type = np.float32 if exact else np.float64

    def blocks(self, dtype=np.float64, first=0, n_rows=None):
        """Blocks of rows of the columns from the first on."""
        n, k = self.shape
        whole = len(self.keep) == self.A.shape[1]
        at = slice(first, None) if whole else self.keep[first:]
        width = k - first
        # a copy to the other order of memory would take longer than the product
        order = "F" if self.A.strides[0] < self.A.strides[1] else "C"
        for rows in _blocks_of(n, width, n_rows):
            block = np.empty((rows.stop - rows.start, width), dtype=dtype, order=order)
            inner = len(self.keep) - first
            if inner > 0:
                block[:, :inner] = self.A[rows, at]
            block[:, max(inner, 0) :] = 1.0
            yield rows, block

    def panels(self):
        """The Gram matrix from its diagonal down, some columns at a time."""
        k = self.shape[1]
        if self.packed_rows and k > _WIDTH:
            blocks = self.blocks(np.float32, n_rows=self.packed_rows)
            parts = (block for _, block in blocks)
            return packed_gram(parts, k, _WIDTH, self.low, self.high)
        step = k if k <= _WHOLE else _WIDTH
        panels = []
        for first in range(0, k, step):
            width = min(step, k - first)
            panel = None
            for _, block in self.blocks(self.exact_type, first):
                part = block.T @ block[:, :width]
                panel = part if panel is None else np.add(panel, part, out=panel)
            panels.append(np.ascontiguousarray(panel, dtype=np.float64))
        return panels

    def gram(self):
        """The Gram matrix whole."""
        k = self.shape[1]
        gram = np.empty((k, k), order="F")
        first = 0
        for panel in self.panels():
            width = panel.shape[1]
            gram[first:, first : first + width] = panel
            gram[first : first + width, first:] = panel.T
            first += width
        return gram

    def dot(self, coef):
        out = np.empty((self.shape[0], coef.shape[1]))
        for rows, block in self.blocks():
            out[rows] = product(block, coef)
        return out

    def tdot(self, y):
        out = 0.0
        for rows, block in self.blocks():
            out = out + product(block.T, y[rows])
        return out

    def columns(self, at):
        """The design of some of its columns."""
        intercept = len(self.keep)
        has = bool(self.fit_intercept and (at == intercept).any())
        return _Design(self.A, self.keep[at[at < intercept]], has)


def _fit_by_cholesky(y, design):
    """Fitted values, or None where the Gram matrix cannot give them exactly."""
    factor = _factor(design)
    if factor is None:
        gram = design.gram()
        if not np.isfinite(gram).all():
            return None
        design = _independent_columns(design, gram)
        del gram
        factor = None if design is None else _factor(design)
        if factor is None:
            return None
    fit = design.dot(factor.solve(design.tdot(y)))
    # one step of refinement takes back what the squared condition number cost
    moment = design.tdot(y - fit)
    coef = factor.solve(moment)
    # the length of the step, known before it is made
    step = np.einsum("ij,ij->j", moment, coef)
    if (step <= _ROUNDING**2 * np.einsum("ij,ij->j", y, y)).all():
        return fit
    return fit + design.dot(coef)


def _factor(design):
    factor = PanelCholesky(design.panels())
    return factor if factor.rcond() > _GRAM_RCOND else None


def _independent_columns(design, gram):
    """The columns that a pivoted Cholesky keeps, if the others lie in their span."""
    k = len(gram)
    _, pivots, rank, _ = lapack.dpstrf(gram, lower=True, tol=-1.0)
    pivots = np.asarray(pivots) - 1
    if rank == 0 or rank == k:
        return None
    keep, drop = np.sort(pivots[:rank]), np.sort(pivots[rank:])
    sub = np.asfortranarray(gram[np.ix_(keep, keep)])
    factor, info = lapack.dpotrf(sub, lower=True, overwrite_a=False)
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
    norm = lapack.dlange("1", gram)
    return lapack.dpocon(factor, norm, uplo="L")[0] > _GRAM_RCOND


def _solve(factor, right):
    return lapack.dpotrs(factor, right, lower=True)[0]
