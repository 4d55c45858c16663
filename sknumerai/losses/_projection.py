"""Residuals of the least-squares fit by the features of each era."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

# Reciprocal squared length, beside the columns before it, that a normalized column
# must have for a Cholesky factor to be exact enough.
_INDEPENDENT = 1e-10
# Share of the largest eigenvalue below which a direction is none: the square of the
# cut-off 1e-6 for singular values that numerai-tools has.
_CUT = 1e-12
# A residual that is a smaller share of what was there is rounding.
_NOTHING = 1e-20


def neutral_residuals(values, features, inside, groups, *, fit_intercept=True):
    """Subtract in each era the least-squares fit by the features.

    Parameters
    ----------
    values : torch.Tensor of shape (n, k)
        What to make neutral.

    features : torch.Tensor of shape (n, m)
        Finite numbers.

    inside : torch.Tensor of shape (n, k) of bool
        The cells that count; the fit of each column is over these.

    groups : torch.Tensor of shape (n,) of int64, or None
        Era codes.

    fit_intercept : bool, default=True
        Whether a constant is fitted too.

    Returns
    -------
    torch.Tensor of shape (n, k)
        Residuals, 0 outside. Exactly 0 where the features explain all but rounding.
    """
    if groups is None:
        eras = [torch.arange(len(values), device=values.device)]
    else:
        order = torch.argsort(groups, stable=True)
        eras = torch.split(order, torch.bincount(groups).tolist())
    parts, places = [], []
    for rows in eras:
        if not len(rows):
            continue
        masks = inside[rows]
        for columns in _alike(masks):
            picked = rows[masks[:, columns[0]]]
            if not len(picked):
                continue
            cells = picked[:, None] * values.shape[1] + columns
            project = _projection(features[picked].double(), fit_intercept)
            parts.append(_residual(values.reshape(-1)[cells], project).reshape(-1))
            places.append(cells.reshape(-1))
    if not parts:
        return values * 0.0
    out = torch.zeros_like(values).reshape(-1)
    out = out.index_copy(0, torch.cat(places), torch.cat(parts))
    return out.reshape(values.shape)


def _alike(masks):
    """Groups of columns of which the same rows count."""
    if masks.shape[1] == 1 or bool((masks == masks[:, :1]).all()):
        return [torch.arange(masks.shape[1], device=masks.device)]
    return torch.arange(masks.shape[1], device=masks.device).split(1)


def _residual(values, project):
    exact = values.double()
    rest = exact - project(exact)
    # once more: takes back what the squared condition number cost
    rest = rest - project(rest)
    left = rest.detach().square().sum(dim=0)
    rest = torch.where(left > _NOTHING * exact.detach().square().sum(dim=0), rest, 0.0)
    return rest.to(values.dtype)


def _projection(A, fit_intercept):
    """Return the function that projects columns onto the span of those of A."""
    if fit_intercept:
        return _with_mean(_span(A - A.mean(dim=0)))
    return _span(A)


def _with_mean(project):
    def projected(values):
        mean = values.mean(dim=0, keepdim=True)
        return mean + project(values - mean)

    return projected


def _span(A):
    length = torch.linalg.vector_norm(A, dim=0)
    # centered columns that were constant are rounding, or zero
    keep = length > 1e-12 * length.max() if A.shape[1] else length > 0
    A = A[:, keep] / length[keep]
    if not A.shape[1]:
        return torch.zeros_like
    if A.shape[1] >= len(A):
        U, s, _ = torch.linalg.svd(A, full_matrices=False)
        return _onto(U[:, s > _CUT**0.5 * s[0]])
    gram = A.T @ A
    factor, info = torch.linalg.cholesky_ex(gram)
    if not int(info) and bool((factor.diagonal().square() > _INDEPENDENT).all()):
        return lambda values: A @ torch.cholesky_solve(A.T @ values, factor)
    size, directions = torch.linalg.eigh(gram)
    kept = size > _CUT * size[-1]
    return _onto(A @ (directions[:, kept] * size[kept].rsqrt()))


def _onto(basis):
    return lambda values: basis @ (basis.T @ values)
