"""Exact solutions of convex problems, and their gradients, by the active constraints.

The problem is cvxpy's: minimize x'Px / 2 + q'x such that s = b - Ax lies in a product of
cones: zeros, then numbers that are not negative, then second-order cones. z are the
multipliers, with Px + q + A'z = 0.
"""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

# Relative to the equilibrated matrix: what makes a singular one solvable. Refinement
# takes its effect on the solution out again.
_SHIFT = 1e-8
_N_REFINEMENTS = 30
# Residuals, relative to the terms they are sums of
_EXACT = 1e-13
_CONVERGED = 1e-12
_ACCURATE = 1e-8
# Slacks and multipliers that are less negative than this, relatively, are zero.
_SIGN = 1e-9
_NOTHING = 1e-6
_MAX_CHANGES = 40
# Newton steps on one face; the second on a linear one takes rounding out.
_N_LINEAR, _N_CURVED = 2, 15
# Of a second-order cone: its constraint is not active, is active where the cone is
# smooth, or is active at the cone's apex.
_INSIDE, _BOUNDARY, _APEX = 0, 1, 2


@dataclass(frozen=True)
class Cones:
    """How the rows of A are shared among the cones."""

    n_zero: int
    n_nonnegative: int
    second_order: tuple

    def blocks(self):
        """Rows of each second-order cone."""
        start = self.n_zero + self.n_nonnegative
        for size in self.second_order:
            yield slice(start, start + size)
            start += size


@dataclass(frozen=True)
class Face:
    """The constraints that are active: flags of rows, and states of the cones."""

    rows: np.ndarray
    states: tuple


class ActiveSet:
    """A problem, with what its active constraints say at a point."""

    def __init__(self, P, q, A, b, cones):
        self.P, self.q, self.A, self.b, self.cones = P, q, A, b, cones
        self.size_A, self.size_P = abs(A), abs(P)

    def first_guess(self, s, z):
        """The face that an interior solution is nearest to."""
        cones = self.cones
        rows = np.zeros(len(s), dtype=bool)
        rows[: cones.n_zero] = True
        flat = slice(cones.n_zero, cones.n_zero + cones.n_nonnegative)
        rows[flat] = z[flat] > s[flat]
        states = []
        for block in cones.blocks():
            length, length_z = (
                np.linalg.norm(s[block][1:]),
                np.linalg.norm(z[block][1:]),
            )
            if s[block][0] - length > z[block][0] + length_z:
                states.append(_INSIDE)
            elif s[block][0] + length < z[block][0] - length_z:
                states.append(_APEX)
            else:
                states.append(_BOUNDARY)
            rows[block] = states[-1] == _APEX
        return Face(rows, tuple(states))

    def polish(self, x, s, z):
        """The exact solution near (x, s, z): x, z, its face and whether it is exact.

        Newton steps on the conditions of the active constraints; those with a negative
        multiplier are dropped and those that are broken are added, until none are. Of
        constraints that contradict each other, one is dropped as well.
        """
        start = self.first_guess(s, z)
        face, x0, z0, seen = start, x, z, set()
        for _ in range(_MAX_CHANGES):
            key = face.rows.tobytes(), face.states
            if key in seen:
                break
            seen.add(key)
            try:
                x1, z1 = self._newton(face, x0, z0)
            except np.linalg.LinAlgError:
                break
            changed = self._relaxed(face, x1, z1)
            if changed is face:
                changed = self._corrected(face, x1, z1)
            if changed is None:
                break
            if changed is face:
                if self._is_solution(face, x1, z1):
                    return x1, z1, face, True
                break
            face, x0, z0 = changed, x1, z1
        return x, z, start, False

    def _newton(self, face, x, z):
        """Solve the conditions of a face: once if they are linear."""
        curved = _BOUNDARY in face.states
        z = self._multipliers_of(face, self.b - self.A @ x, self._values(face, z))
        system = None if curved else KKT(self, face, None, z)
        for _ in range(_N_CURVED if curved else _N_LINEAR):
            s = self.b - self.A @ x
            if curved:
                if self._is_solution(face, x, z, _CONVERGED):
                    break
                system = KKT(self, face, s, z)
            slope = self.P @ x + self.q + self.A.T @ z
            dx, dy, _ = system.solve(-slope, self._off(face, s))
            values = self._values(face, z) + dy
            x = x + dx
            z = self._multipliers_of(face, self.b - self.A @ x, values)
        return x, z

    def _off(self, face, s):
        """By how much each active constraint is not one."""
        return np.concatenate(
            [s[face.rows], [_depth(s[block]) for block in self.curved(face)]]
        )

    def curved(self, face):
        """Rows of the cones that are active where they are smooth."""
        for block, state in zip(self.cones.blocks(), face.states):
            if state == _BOUNDARY:
                yield block

    def _values(self, face, z):
        """Multipliers, one for each active constraint."""
        return np.concatenate(
            [z[face.rows], [z[block.start] for block in self.curved(face)]]
        )

    def _multipliers_of(self, face, s, values):
        z = np.zeros(len(s))
        n = int(face.rows.sum())
        z[face.rows] = values[:n]
        for block, value in zip(self.curved(face), values[n:]):
            z[block] = value * _normal(s[block])
        return z

    def _corrected(self, face, x, z):
        """The face without what has the wrong sign; None where it cannot be told."""
        cones, rows = self.cones, face.rows.copy()
        s = self.b - self.A @ x
        size = self._size_s(x)
        # multipliers in units of the gradient
        pull = np.abs(z) * _row_norms(self.A)
        flat = slice(cones.n_zero, cones.n_zero + cones.n_nonnegative)
        largest = pull.max(initial=0.0)
        wrong = rows[flat] & (z[flat] < 0) & (pull[flat] > _SIGN * largest)
        broken = ~rows[flat] & (s[flat] < -_SIGN * size[flat])
        rows[flat] ^= wrong | broken
        states = list(face.states)
        for i, block in enumerate(cones.blocks()):
            scale = _SIGN * size[block].max()
            if states[i] == _INSIDE and _depth(s[block]) < -scale:
                states[i] = _BOUNDARY
            elif states[i] == _BOUNDARY:
                if z[block.start] < 0 and pull[block.start] > _SIGN * largest:
                    states[i] = _INSIDE
                elif np.linalg.norm(s[block][1:]) <= scale:
                    return None
            elif states[i] == _APEX and _depth(z[block]) < -_SIGN * abs(z[block.start]):
                return None
            rows[block] = states[i] == _APEX
        if (rows == face.rows).all() and tuple(states) == face.states:
            return face
        return Face(rows, tuple(states))

    def _relaxed(self, face, x, z):
        """The face without what keeps its constraints from being active together.

        Newton's step then left them broken by some amounts, whose pulls cancel out:
        along these the multipliers may move until one is 0, and is dropped.
        """
        s = self.b - self.A @ x
        off = self._off(face, s)
        rows = np.flatnonzero(face.rows)
        if (np.abs(off[: len(rows)]) <= _ACCURATE * self._size_s(x)[rows]).all():
            return face
        n, m = self.cones.n_zero, self.cones.n_nonnegative
        flat = rows[(rows >= n) & (rows < n + m)]
        falls = flat[s[flat] > 0]
        if not len(falls):
            return face
        first = falls[np.argmin(np.maximum(z[falls], 0.0) / s[falls])]
        changed = face.rows.copy()
        changed[first] = False
        return Face(changed, face.states)

    def _is_solution(self, face, x, z, tol=_ACCURATE):
        s = self.b - self.A @ x
        off = np.concatenate([self.P @ x + self.q + self.A.T @ z, self._off(face, s)])
        size_s = self._size_s(x)
        size_x = self.size_P @ np.abs(x) + np.abs(self.q) + self.size_A.T @ np.abs(z)
        sizes = np.concatenate(
            [
                _floored(size_x, self.size_P, x),
                size_s[face.rows],
                [size_s[block].max() for block in self.curved(face)],
            ]
        )
        return bool((np.abs(off) <= tol * sizes).all())

    def _size_s(self, x):
        """The size of the terms that each slack is the sum of."""
        return _floored(self.size_A @ np.abs(x) + np.abs(self.b), self.size_A, x)


class KKT:
    """Equations of the motion of a solution whose active constraints stay active."""

    def __init__(self, problem, face, s, z):
        A, n, m = problem.A, len(problem.q), int(face.rows.sum())
        below, self.blocks = [A[face.rows]], []
        signs = [np.ones(n), -np.ones(m)]
        turned = []
        for block in problem.curved(face):
            B, normal, turn = A[block], _normal(s[block]), _Turn(s[block], z[block])
            self.blocks.append((block, normal, turn))
            below.append(scipy.sparse.csr_array((normal @ B)[None]))
            # B'(turn B) is dense: it stays a product, of more unknowns
            root = np.sqrt(max(turn.rate, 0.0))
            turned.append(root * B[1:])
            turned.append(scipy.sparse.csr_array(root * (turn.direction @ B[1:])[None]))
            signs.append(np.r_[-np.ones(B.shape[0] - 1), 1.0])
        m += len(self.blocks)
        signs.insert(2, -np.ones(len(self.blocks)))
        self.n, self.m, sign = n, m, np.concatenate(signs)
        K = _symmetric(
            problem.P,
            [*below, *turned],
            np.where(np.arange(len(sign)) < n + m, 0.0, sign),
        )
        column = np.repeat(np.arange(K.shape[1]), np.diff(K.indptr))
        self.scale = _equilibration(K, column)
        K.data *= self.scale[K.indices] * self.scale[column]
        shifted = K.copy()
        shifted.data += np.where(K.indices == column, _SHIFT * sign[column], 0.0)
        self.K, self.factor = K, _factorize(shifted)

    def solve(self, right_x, right_y):
        """The solution of least size, and how much of the right side has none."""
        n, m = self.n, self.m
        r = np.zeros(len(self.scale))
        r[: n + m] = np.concatenate([right_x, right_y]) * self.scale[: n + m]
        v, left = self._refined(r)
        off = np.abs(left).max(initial=0.0) / max(np.abs(r).max(initial=0.0), 1e-300)
        if off > _ACCURATE:
            # what is left has no solution: leave it out
            v, _ = self._refined(r - left)
        v = v * self.scale
        return v[:n], v[n : n + m], off

    def _refined(self, r):
        """Proximal point steps from 0: to the solution of least size, if there is one."""
        v, left = np.zeros_like(r), r
        least, best = np.inf, (v, left)
        size = np.abs(r).max(initial=0.0)
        for _ in range(_N_REFINEMENTS):
            v = v + self.factor.solve(left)
            left = r - self.K @ v
            off = np.abs(left).max(initial=0.0)
            if not off < 0.9 * least:
                break
            least, best = off, (v, left)
            if off <= _EXACT * size:
                break
        return best


def adjoint(problem, face, x, z, dx, dz):
    """Transposed derivative of (x, z): x's and z's part, and the unsolvable share.

    With the parts u and v, the gradients are -u by q, -u_i x_j by P_ij, -v by b, and
    v_i x_j - z_i u_j by A_ij.
    """
    s = problem.b - problem.A @ x
    system = KKT(problem, face, s, z)
    right_x, right_y = dx.copy(), [dz[face.rows]]
    for block, normal, turn in system.blocks:
        right_x += problem.A[block].T @ turn(dz[block])
        right_y.append([normal @ dz[block]])
    u, y, off = system.solve(right_x, np.concatenate(right_y))
    v = np.zeros(len(z))
    n = int(face.rows.sum())
    v[face.rows] = -y[:n]
    for (block, normal, turn), value in zip(system.blocks, y[n:]):
        v[block] = turn(dz[block] - problem.A[block] @ u) - value * normal
    return u, v, off


def _depth(s):
    """How far inside its second-order cone a point is."""
    return s[0] - np.linalg.norm(s[1:])


def _normal(s):
    """The inward normal (1, -u/|u|) of the cone at (t, u)."""
    length = np.linalg.norm(s[1:])
    if not length > 0:
        raise np.linalg.LinAlgError("the cone has no normal at its apex")
    return np.concatenate([[1.0], -s[1:] / length])


class _Turn:
    """Minus the derivative of a cone's multipliers by its slack, as its normal turns."""

    def __init__(self, s, z):
        length = np.linalg.norm(s[1:])
        self.direction, self.rate = s[1:] / length, z[0] / length

    def __call__(self, v):
        u = self.direction
        return np.r_[0.0, self.rate * (v[1:] - u * (u @ v[1:]))]


def _floored(sizes, M, x):
    """Sizes, those that are nothing beside the others raised to rounding."""
    largest = np.abs(M.data).max(initial=1.0) * max(np.abs(x).max(), _NOTHING)
    return np.maximum(sizes, _NOTHING * max(largest, sizes.max(initial=0.0)))


def _row_norms(A):
    return np.sqrt(np.asarray((A * A).sum(axis=1)).ravel())


def _symmetric(P, below, diagonal):
    """[[P, B'], [B, 0]] with some diagonal added, all of which is stored."""
    n = P.shape[0]
    first = P.tocoo()
    rows, columns, data = [first.row], [first.col], [first.data]
    for B in below:
        part = B.tocoo()
        rows += [part.row + n, part.col]
        columns += [part.col, part.row + n]
        data += [part.data, part.data]
        n += B.shape[0]
    rows.append(np.arange(n))
    columns.append(np.arange(n))
    data.append(diagonal)
    triplets = np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.csc_array(triplets, shape=(n, n))


def _equilibration(K, column):
    """Scales that bring the largest entry of each row and column near 1."""
    size, scale = np.abs(K.data), np.ones(K.shape[0])
    for _ in range(4):
        # no column is empty: the diagonal is stored
        largest = np.maximum.reduceat(
            size * scale[K.indices] * scale[column], K.indptr[:-1]
        )
        scale /= np.sqrt(np.where(largest > 0, largest, 1.0))
    return scale


def _factorize(K):
    try:
        return scipy.sparse.linalg.splu(
            K, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
        )
    except RuntimeError as error:
        raise np.linalg.LinAlgError(str(error)) from None
