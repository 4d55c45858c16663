"""Gradients through an optimal portfolio, by its active set."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.linalg

# Directions of smaller curvature, as a share of the largest, have none.
_FLAT = 1e-12
# Constraints of a smaller share of the largest are rounding.
_NONE = 1e-24
_FLAT_PROXIMAL = 1e-11
_DEPENDENT = 1e-10


def pull_back(problem, solution, r):
    """The transposed derivative of the weights by the scores, times r (n,) or (n, k).

    Near the solution the free weights maximize the objective in the plane of the
    active constraints; the others do not move.
    """
    out = np.zeros_like(r)
    rows = np.flatnonzero(solution.free)
    if not len(rows):
        return out
    active = np.flatnonzero(~problem.kinked | (solution.dual != 0))
    A = problem.active_columns(rows, solution.weights, active)
    s = np.sign(solution.weights[rows]) if solution.nu > 0 else None
    columns = r[rows].reshape(len(rows), -1)
    held = len(active) + (s is not None)
    if len(rows) > held and not solution.proximal:
        free = _dual_side(problem, rows, A, active, s, columns)
    else:
        free = _null_space(problem, rows, A, s, columns)
    out[rows] = free.reshape(out[rows].shape)
    return out


def _dual_side(problem, rows, A, active, s, r):
    """As many equations as active columns: needs curvature of each weight."""
    scale = 1.0 / np.sqrt(problem.d[rows])[:, None]
    A, r = A * scale, r * scale
    if s is not None:
        s = s[:, None] * scale
        s /= np.linalg.norm(s)
        A, r = A - s @ (s.T @ A), r - s @ (s.T @ r)
    H, right = A.T @ A, A.T @ r
    H[np.diag_indices_from(H)] += problem.R[active]
    # exposures, whose block has curvature of its own; then what they leave of the rest
    k = problem.n_exposures
    size = H[np.arange(k, len(H)), np.arange(k, len(H))]
    x = np.zeros(right.shape)
    if k:
        factor = scipy.linalg.cho_factor(H[:k, :k], lower=True, check_finite=False)
        solved = scipy.linalg.cho_solve(
            factor, np.column_stack([H[:k, k:], right[:k]]), check_finite=False
        )
        across, x[:k] = solved[:, : len(size)], solved[:, len(size) :]
        H, right = H[k:, k:] - H[k:, :k] @ across, right[k:] - H[k:, :k] @ x[:k]
    if len(size):
        # constraints that only name weights that are not free leave rows of zeros
        unit = np.where(size > _NONE * size.max(), size, np.inf)[:, None] ** -0.5
        value, vector = np.linalg.eigh(H * unit * unit.T)
        keep = value > _FLAT * value.max(initial=0.0)
        value, vector = value[keep, None], vector[:, keep]
        x[k:] = unit * (vector @ ((vector.T @ (unit * right)) / value))
        if k:
            x[:k] -= across @ x[k:]
    return (r - A @ x) * scale


def _null_space(problem, rows, A, s, r):
    """As many equations as directions that the constraints leave."""
    k = problem.n_exposures
    F, G = A[:, :k], A[:, k:]
    if s is not None:
        G = np.column_stack([G, s])
    Z = np.eye(len(rows))
    if G.shape[1]:
        Q, triangle, _ = scipy.linalg.qr(G, pivoting=True)
        size = np.abs(np.diag(triangle))
        Z = Q[:, int((size > _DEPENDENT * max(size[0], 1e-300)).sum()) :]
    if not Z.shape[1]:
        return np.zeros_like(r)
    FZ = F.T @ Z
    H = FZ.T @ FZ + (Z * problem.d[rows][:, None]).T @ Z
    value, vector = np.linalg.eigh(H)
    keep = value > _FLAT_PROXIMAL * max(value[-1], 1e-300)
    value, vector = value[keep, None], Z @ vector[:, keep]
    return vector @ ((vector.T @ r) / value)
