"""Optimal portfolios by a semismooth Newton method on the dual problem."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import scipy.linalg

# Columns of equalities whose pivot is a smaller share of the first are dependent.
_DEPENDENT = 1e-10
# Least regularization of the Hessian, as a share of its diagonal.
_RIDGE = 1e-9
# Outer steps of the proximal method, and the weight its steps start with.
_PROXIMAL_STEPS = 80
_PROXIMAL = 0.02


@dataclass(frozen=True)
class Solution:
    """Weights of one problem, its multipliers and which weights are free."""

    weights: np.ndarray
    dual: np.ndarray  # one multiplier per column of M, and of the turnover
    nu: float  # of the gross limit
    free: np.ndarray  # at no bound, not held at 0 or at the start
    n_iter: int
    residual: float
    converged: bool
    proximal: bool


class Problem:
    """max a'w - |F'(w - c)|^2 / 2 - sum d w^2 / 2 in a polyhedron, gross 1.

    Subject to ``C'(w - c) = 0``, ``|B'(w - c)| <= b``, ``low <= w <= high``, the gross
    limit ``|w|_1 <= 1`` if `limit_gross`, and ``|w - start|_1 <= turnover``. Arrays are
    clean float64; the columns of C may depend on each other.
    """

    def __init__(
        self,
        F,
        C,
        B,
        b,
        d,
        low,
        high,
        center,
        *,
        limit_gross=True,
        start=None,
        turnover=None,
        tol=1e-10,
        max_iter=200,
    ):
        n = len(d)
        C = _independent(C)
        self.n, self.n_exposures, self.n_equal = n, F.shape[1], C.shape[1]
        self.M = np.ascontiguousarray(np.hstack([F, C, B]))
        self.n_columns = self.M.shape[1]
        self.d, self.low, self.high = d, low, high
        self.limit_gross, self.start = limit_gross, start
        self.tol, self.max_iter = tol, max_iter
        self.typical = None
        q = self.n_columns + (start is not None)
        self.n_dual = q
        # curvature of the dual, what its parts cost, and where they are 0 otherwise
        self.R = np.zeros(q)
        self.R[: self.n_exposures] = 1.0
        self.shift = np.zeros(q)
        self.shift[: self.n_columns] = center @ self.M
        self.above, self.below = np.zeros(q), np.zeros(q)
        self.kinked = np.zeros(q, dtype=bool)
        self.kinked[self.n_exposures + self.n_equal :] = True
        at = slice(self.n_exposures + self.n_equal, self.n_columns)
        self.above[at] = self.below[at] = b
        if start is not None:
            self.above[-1], self.below[-1] = turnover, np.inf
            self.first, self.last = np.minimum(start, 0.0), np.maximum(start, 0.0)

    def solve(self, a, warm=None):
        """The Solution for scores a, from another's multipliers if warm."""
        dual = None if warm is None else warm.dual
        unproven, nu = None, None if warm is None else warm.nu
        if (self.d > 0).all():
            state = self._newton(a, self.d, dual, nu)
            if state[-1] <= 100 * self.tol:
                return self._pack(state, state[-2], state[-1], False)
            unproven = state
        # without curvature: the proximal method adds one that vanishes at the optimum
        scale = max(np.sqrt(np.mean(a * a)), 1e-300)
        sigma, least = _PROXIMAL * self.n * scale, 2e-5 * self.n * scale
        if warm is not None:
            w = warm.weights
        else:
            w = np.zeros(self.n) if unproven is None else unproven[1]
        n_iter = 0
        for _ in range(_PROXIMAL_STEPS):
            state = self._newton(a + sigma * w, self.d + sigma, dual, nu)
            dual, new, nu = state[:3]
            n_iter += state[-2]
            change = np.abs(new - w).max() * sigma / scale
            w = new
            if change <= self.tol and state[-1] <= 100 * self.tol:
                break
            sigma = max(0.3 * sigma, least)
        return self._pack(state, n_iter, max(state[-1], change), True)

    def _pack(self, state, n_iter, residual, proximal):
        y, w, nu = state[:3]
        free = self._free(w, nu, y)
        done = bool(residual <= 100 * self.tol)
        return Solution(w, y, float(nu), free, n_iter, float(residual), done, proximal)

    def _newton(self, a, d, y, nu=None):
        """Multipliers, weights, nu, iterations and residual."""
        y = np.zeros(self.n_dual) if y is None else y.copy()
        h, w, nu = self._evaluate(a, d, y, nu)
        if d is not self.d:
            typical = self._diagonal(1.0 / d)
        elif self.typical is None:
            typical = self.typical = self._diagonal(1.0 / d)
        else:
            typical = self.typical
        gram = Gram(self.M, d)
        first = None
        boost, n_iter = 1.0, 0
        while True:
            free = self._free(w, nu, y)
            pg, along = self._gradient(d, w, nu, free, y)
            residual = np.abs(pg).max(initial=0.0)
            if residual <= self.tol or n_iter == self.max_iter:
                break
            n_iter += 1
            moving = np.flatnonzero(~self.kinked | (y != 0) | (pg != 0))
            if first is None:
                first = max(residual, 1e-3)
            share = max(min(1.0, residual / first) * boost, _RIDGE)
            ridge = 1e-3 * share * typical[moving] + 1e-300
            try:
                step = np.zeros(self.n_dual)
                step[moving] = -self._direction(
                    gram, w, nu, free, along, moving, ridge, pg[moving]
                )
            except scipy.linalg.LinAlgError:
                boost *= 100
                continue
            side = np.where(y != 0, np.sign(y), -np.sign(pg))
            t, found = 1.0, False
            for _ in range(40):
                new = y + t * step
                new[self.kinked & (np.sign(new) != side)] = 0.0
                trial = self._evaluate(a, d, new, nu)
                fall = min(pg @ (new - y), 0.0)
                if trial[0] <= h + 1e-4 * fall + 1e-14 * abs(h):
                    found = True
                    break
                t *= 0.5
            if not found:
                if boost >= 1e6:
                    break
                boost = max(boost, 1.0) * 100
                continue
            if t < 0.1:
                boost = min(1e3, boost * 10)
            elif t == 1.0:
                boost = max(1e-3, boost * 0.3)
            y, (h, w, nu) = new, trial
        return y, w, nu, n_iter, residual

    def _gradient(self, d, w, nu, free, y):
        """Least-norm subgradient of the dual, and the columns' products with others.

        These are, over the free weights, the signs that the gross limit and the
        turnover add, each divided by d.
        """
        weights = [w]
        if nu > 0:
            weights.append(np.sign(w) * free / d)
        if self.start is not None:
            weights.append(np.sign(w - self.start) * free / d)
        weights = np.array(weights)
        used = np.flatnonzero(weights.any(axis=0))
        products = weights[:, used] @ self.M[used]
        grad = self.R * y + self.shift
        grad[: self.n_columns] -= products[0]
        if self.start is not None:
            grad[-1] -= np.abs(w - self.start).sum()
        up, down = grad + self.above, grad - self.below
        at_kink = np.where(up < 0, up, np.where(down > 0, down, 0.0))
        pg = np.where(y > 0, up, np.where(y < 0, down, at_kink))
        return pg, products[1:]

    def _evaluate(self, a, d, y, nu=None):
        """The dual objective, the weights that attain it and nu."""
        g = a - self.M @ y[: self.n_columns]
        mu = y[-1] if self.start is not None else 0.0
        nu, w = self._gross(g, d, mu, nu)
        h = 0.5 * (self.R * y * y).sum() + self.shift @ y
        kinked = y[self.kinked]
        cost = np.where(kinked > 0, self.above[self.kinked], self.below[self.kinked])
        h += np.abs(kinked[kinked != 0]) @ cost[kinked != 0]
        h += nu * self.limit_gross + (g * w - nu * np.abs(w) - 0.5 * d * w * w).sum()
        if mu:
            h -= mu * np.abs(w - self.start).sum()
        return h, w, nu

    def _positions(self, g, d, nu, mu):
        """Weights that maximize g w - d w^2 / 2 - nu |w| - mu |w - start|."""
        if mu == 0.0:
            w = np.sign(g) * np.maximum(np.abs(g) - nu, 0.0) / d
        else:
            low, high = (g + nu + mu) / d, (g - nu - mu) / d
            sign = np.sign(self.start)
            inside = np.clip((g - sign * (nu - mu)) / d, self.first, self.last)
            w = np.where(
                low < self.first, low, np.where(high > self.last, high, inside)
            )
        return np.clip(w, self.low, self.high)

    def _gross(self, g, d, mu, guess):
        """The multiplier nu of the gross limit, exact, and the weights."""
        w = self._positions(g, d, 0.0, mu)
        if not self.limit_gross or np.abs(w).sum() <= 1.0:
            return 0.0, w
        low, high = 0.0, float(np.abs(g).max()) + mu
        nu = 0.5 * high if guess is None or not 0.0 < guess < high else guess
        for _ in range(200):
            w = self._positions(g, d, nu, mu)
            excess = np.abs(w).sum() - 1.0
            if abs(excess) <= 4e-16:
                break
            if excess > 0:
                low = nu
            else:
                high = nu
            free = (w != 0) & (w > self.low) & (w < self.high)
            if mu:
                free &= w != self.start
            slope = (free / d).sum()
            new = nu + excess / slope if slope > 0 else 0.5 * (low + high)
            if not low < new < high:
                new = 0.5 * (low + high)
            if new == nu:
                break
            nu = new
        return nu, w

    def _free(self, w, nu, y):
        free = (w > self.low) & (w < self.high)
        if nu > 0:
            free &= w != 0
        if self.start is not None and y[-1] > 0:
            free &= w != self.start
        return free

    def active_columns(self, rows, w, columns):
        """Rows of [M, sign(w - start)], some of its columns."""
        if self.start is None or not len(columns) or columns[-1] < self.n_columns:
            whole = len(columns) == self.n_columns
            return self.M[rows] if whole else self.M[np.ix_(rows, columns)]
        inner = self.M[np.ix_(rows, columns[:-1])]
        return np.column_stack([inner, np.sign(w[rows] - self.start[rows])])

    def _direction(self, gram, w, nu, free, along, moving, ridge, pg):
        """Solve the regularized Newton equations, on the smaller side."""
        rows = np.flatnonzero(free)
        E = self.R[moving] + ridge
        if len(rows) >= len(moving):
            H = self._hessian(gram, w, nu, free, along)
            if len(moving) < self.n_dual:
                H = H[np.ix_(moving, moving)]
            H[np.diag_indices_from(H)] += E
            return _solve(H, pg)
        scale = gram.scale[rows]
        A = self.active_columns(rows, w, moving) * scale[:, None]
        if nu > 0 and len(rows):
            # the gross limit takes one direction away
            s = np.sign(w[rows]) * scale
            A -= np.outer(s, (s @ A) / (s @ s))
        # the other side of Woodbury's identity: as many equations as free weights
        k = self.n_exposures
        F, G = A[:, :k], A[:, k:]
        p, e = pg, E[:k]
        T = (F / e) @ F.T
        T[np.diag_indices_from(T)] += 1.0
        right = np.column_stack([F @ (p[:k] / e), G])
        both = _solve(T, right) if len(rows) else right
        S = G.T @ both[:, 1:]
        S[np.diag_indices_from(S)] += E[k:]
        x = _solve(S, p[k:] - G.T @ both[:, 0]) if S.size else p[k:]
        inner = both[:, 0] + both[:, 1:] @ x
        return np.r_[(p[:k] - F.T @ inner) / e, x]

    def _hessian(self, gram, w, nu, free, along):
        """Of the dual by all multipliers, without the exposures' own curvature."""
        H = gram.of(free)
        inverse = free * gram.scale**2
        if self.start is not None:
            H = np.pad(H, (0, 1))
            H[-1, :-1] = H[:-1, -1] = along[-1]
            H[-1, -1] = inverse.sum()
        if nu > 0 and free.any():
            # the gross limit takes one direction away
            u = along[0]
            if self.start is not None:
                u = np.r_[u, (np.sign(w) * np.sign(w - self.start)) @ inverse]
            H = H - np.outer(u, u / inverse.sum())
        return H if H is not gram.H else H.copy()

    def _diagonal(self, weight):
        out = np.full(self.n_dual, weight.sum())
        out[: self.n_columns] = np.einsum("ij,ij,i->j", self.M, self.M, weight)
        return out


class Gram:
    """Products of the columns of M over the free rows, divided by d.

    From one Newton step to the next few rows come and go, and only these are added and
    taken away. What that leaves in rounding is far below the regularization.
    """

    def __init__(self, M, d):
        self.M, self.scale = M, 1.0 / np.sqrt(d)
        self.free = np.zeros(len(d), dtype=bool)
        self.H = np.zeros((M.shape[1], M.shape[1]))

    def of(self, free):
        come, go = free & ~self.free, self.free & ~free
        if come.sum() + go.sum() > free.sum():
            # more changes than stays
            self.H, come, go = self._of(free), free & False, free & False
        if come.any():
            self.H += self._of(come)
        if go.any():
            self.H -= self._of(go)
        self.free = free
        return self.H

    def _of(self, rows):
        A = self.M[rows]
        A *= self.scale[rows, None]
        return A.T @ A


def _solve(H, right):
    factor = scipy.linalg.cho_factor(H, lower=True, check_finite=False)
    return scipy.linalg.cho_solve(factor, right, check_finite=False)


def _independent(C):
    """Columns that span C, of length sqrt(n): one-hots of two groupings depend."""
    if not C.shape[1]:
        return C
    norm = np.linalg.norm(C, axis=0)
    C = C[:, norm > 0] * (np.sqrt(len(C)) / norm[norm > 0])
    if not C.shape[1]:
        return C
    triangle, pivots = scipy.linalg.qr(C, mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    return C[:, np.sort(pivots[: int((size > _DEPENDENT * size[0]).sum())])]
