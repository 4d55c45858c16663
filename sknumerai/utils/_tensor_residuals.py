"""Residuals of least squares on the features of each era, with a gradient.

Networks and losses share this file, and both lie above this subpackage. It needs torch,
so that ``sknumerai.utils`` does not import it.
"""

# SPDX-License-Identifier: BSD-3-Clause

import torch

# Singular values below this share of the largest are left out, as in Numerai's tools.
RCOND = 1e-6
# The Gram matrix squares the condition number. Above this reciprocal condition nothing
# is near the cut-off, and a second pass gives full accuracy.
_GRAM_RCOND = 1e-10
# A residual that is a smaller share of what was there is rounding.
_NOTHING = 1e-10
# Integers up to here are exact in float32.
_FLOAT32_EXACT = 2**24
_N_INVERSE_STEPS = 6


def neutral_residuals(
    values, features, groups=None, inside=None, *, fit_intercept=False
):
    """Subtract in each era the least-squares fit by the features.

    Parameters
    ----------
    values : torch.Tensor of shape (n, k)
        What to make neutral.

    features : torch.Tensor of shape (n, m)
        Finite numbers; gets no gradient.

    groups : torch.Tensor of shape (n,) of int64, or None, default=None
        Era codes; None means one era.

    inside : torch.Tensor of shape (n, k) of bool, or None, default=None
        The cells that count; the fit of each column is over these. None is all.

    fit_intercept : bool, default=False
        Whether a constant is fitted too.

    Returns
    -------
    torch.Tensor of shape (n, k)
        Residuals, 0 outside. Exactly 0 where the features explain all but rounding.
    """
    n, k = values.shape
    if groups is None:
        eras = [torch.arange(n, device=values.device)]
    else:
        order = torch.argsort(groups, stable=True)
        eras = torch.split(order, torch.bincount(groups).tolist())
    parts, places = [], []
    for rows in eras:
        for columns, picked in _fits(rows, k, inside):
            residuals = Residuals(features[picked], fit_intercept=fit_intercept)
            cells = picked[:, None] * k + columns
            parts.append(residuals(values.reshape(-1)[cells]).reshape(-1))
            places.append(cells.reshape(-1))
    if not parts:
        return values * 0.0
    out = torch.zeros_like(values).reshape(-1)
    out = out.index_copy(0, torch.cat(places), torch.cat(parts))
    return out.reshape(values.shape)


def _fits(rows, k, inside):
    """Yield the columns that one fit serves, with its rows."""
    columns = torch.arange(k, device=rows.device)
    if inside is None:
        together = [(columns, rows)]
    else:
        masks = inside[rows]
        alike = k == 1 or bool((masks == masks[:, :1]).all())
        parts = [columns] if alike else columns.split(1)
        together = [(part, rows[masks[:, part[0]]]) for part in parts]
    for part, picked in together:
        if len(picked):
            yield part, picked


class Residuals:
    """What least squares on the columns of a matrix leaves of a vector.

    The residuals are linear in the vector and have its gradient: that of a loss with
    respect to the vector is the residual of that with respect to the residuals. All is
    computed in float64. Most matrices take a Cholesky factor of the Gram matrix. Where
    columns depend linearly on others, or are more than the rows, its eigenvectors, and
    where these cannot tell, a singular value decomposition, give the same as a
    pseudo-inverse with a cut-off of 1e-6. Residuals that are but rounding are 0.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Finite numbers; gets no gradient.

    fit_intercept : bool, default=False
        Whether a column of ones is added.
    """

    @torch.no_grad()
    def __init__(self, features, *, fit_intercept=False):
        A = features.detach()
        if not A.is_floating_point():
            # integers of more than 16 bits may not be exact in float32
            A = A.to(torch.float32 if A.element_size() <= 2 else torch.float64)
        # features that are missing for a whole era are constant
        if fit_intercept:
            A = A[:, (A != A[:1]).any(dim=0)]
            A = torch.cat([A, A.new_ones(len(A), 1)], dim=1)
        else:
            A = A[:, (A != 0).any(dim=0)]
        self.basis = self.factor = None
        self.A = A.double()
        n, d = A.shape
        if not n or not d:
            return
        if d < n:
            gram = _gram(A, self.A)
            self.factor = _cholesky(gram)
            if self.factor is None:
                self.basis = _basis_of_columns(self.A, gram)
        else:
            values, vectors = torch.linalg.eigh(_gram(A.T, self.A.T))
            keep = _kept(values)
            self.basis = vectors[:, keep] if keep is not None else None
        if self.factor is None and self.basis is None:
            left, values, _ = torch.linalg.svd(self.A, full_matrices=False)
            self.basis = left[:, values > RCOND * values[0]]

    def __call__(self, values):
        """Return the residuals of each column of a tensor of shape (n, k)."""
        if not self.A.shape[1] or not len(values):
            return values
        whole = values.double()
        rest = whole - self._fit(whole)
        # again: takes back what the squared condition number cost
        rest = rest - self._fit(rest)
        length, was = (v.detach().square().sum(dim=0) for v in (rest, whole))
        rest = torch.where(length > _NOTHING**2 * was, rest, 0.0)
        return rest.to(values.dtype)

    def _fit(self, values):
        if self.factor is None:
            return self.basis @ (self.basis.T @ values)
        moment = self.A.T @ values
        return self.A @ torch.cholesky_solve(moment, self.factor)


def _gram(A, A64):
    """Return A'A in float64, by way of float32 where that is exact at half the cost."""
    quarters = A * 4
    most = float(quarters.abs().max())
    if most**2 * len(A) < _FLOAT32_EXACT and bool((quarters == quarters.round()).all()):
        quarters = quarters.to(torch.float32)
        return (quarters.T @ quarters).double() / 16
    return A64.T @ A64


def _cholesky(gram):
    """Return the factor, or None where the matrix is singular or nearly so."""
    factor, info = torch.linalg.cholesky_ex(gram)
    if int(info) or not bool(torch.isfinite(factor).all()):
        return None
    # inverse iteration from a vector that is orthogonal to nothing in particular
    v = torch.arange(len(gram), dtype=gram.dtype, device=gram.device).cos()[:, None]
    growth = 0.0
    for _ in range(_N_INVERSE_STEPS):
        v = v / v.norm()
        v = torch.cholesky_solve(v, factor)
        growth = float(v.norm())
    largest = float(torch.linalg.matrix_norm(gram, 1))
    return factor if growth * largest * _GRAM_RCOND < 1 else None


def _kept(values):
    """Tell which eigenvalues count, or None where rounding does not let us tell."""
    share = values / values[-1].clamp_min(torch.finfo(values.dtype).tiny)
    rounding = len(values) * torch.finfo(values.dtype).eps
    if bool(((share > rounding) & (share < _GRAM_RCOND)).any()):
        return None
    return share >= _GRAM_RCOND


def _basis_of_columns(A, gram):
    """Return an orthonormal basis of what the columns of A span, or None."""
    values, vectors = torch.linalg.eigh(gram)
    keep = _kept(values)
    if keep is None:
        return None
    return A @ (vectors[:, keep] * values[keep].rsqrt())
