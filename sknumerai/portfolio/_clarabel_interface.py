"""cvxpylayers' solver: Clarabel, polished, with the gradient of the active constraints.

Imported only where cvxpylayers is used.
"""

# SPDX-License-Identifier: BSD-3-Clause

import difflib
import warnings

import clarabel
import numpy as np
import scipy.sparse
import torch
from cvxpylayers.interfaces.base import SolverInterface
from sklearn.exceptions import ConvergenceWarning

from sknumerai.portfolio._conic_active_set import ActiveSet, Cones, adjoint

# From such points the polish starts; it does without more exact ones.
_TOLERANCE = 1e-10
_SOLVED = ("Solved", "AlmostSolved", "InsufficientProgress", "NumericalError")
_INFINITE = 1e20
# Share of the derivative's equations that have no solution: rounding, below
_ROUNDING = 1e-6


class PolishedClarabel(SolverInterface):
    """Solve by Clarabel, and make the solution and its derivative exact."""

    canon_solver = "CLARABEL"
    supports_quad_obj = True

    def __init__(self, caller, settings):
        self.caller, self.settings = caller, dict(settings)
        self._settings()

    def _settings(self):
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _TOLERANCE
        for name, value in self.settings.items():
            if not hasattr(settings, name):
                near = difflib.get_close_matches(name, dir(settings))
                hint = f" Did you mean {' or '.join(near)}?" if near else ""
                raise ValueError(
                    f"{self.caller}: solver_args has {name!r}, which is no setting of "
                    f"Clarabel.{hint} All are attributes of clarabel.DefaultSettings()."
                )
            try:
                setattr(settings, name, value)
            except (TypeError, OverflowError) as error:
                raise TypeError(
                    f"{self.caller}: solver_args[{name!r}] cannot be {value!r}: {error}"
                ) from None
        return settings

    def setup(self, ctx):
        """Keep how the problem's matrices are stored, and which entries vary."""
        dims = ctx.cone_dims
        others = {
            "exponential": dims.exp,
            "positive semidefinite": len(dims.psd),
            "power": len(dims.p3d) + len(getattr(dims, "pnd", [])),
        }
        if any(others.values()):
            kinds = " and ".join(kind for kind, count in others.items() if count)
            raise ValueError(
                f"{self.caller}: problem has {kinds} cones (of exp, log, entropy, "
                "powers, or matrix inequalities). The exact gradient is that of linear "
                "and quadratic objectives and constraints, and norms."
            )
        self.cones = Cones(int(dims.zero), int(dims.nonneg), tuple(map(int, dims.soc)))
        self.P_entries = _Entries(ctx.reduced_P)
        self.A_entries = _Entries(ctx.reduced_A)

    def solve_torch_batch(self, P, q, A, dims, solver_args, needs_grad):
        """Solve each problem of a batch of CPU tensors."""
        P = [None] * len(q) if P is None else P.numpy()
        out = [self._solve(*one, i, len(q)) for i, one in enumerate(zip(P, q, A))]
        primal, dual = (np.stack([one[j] for one in out]) for j in (1, 2))
        return torch.from_numpy(primal), torch.from_numpy(dual), out

    def _solve(self, P, q, A, i, n):
        which = f"problem {i} of the batch" if n > 1 else "the problem"
        q, A = q.numpy()[:-1], A.numpy()
        problem = self._problem(P, q, A)
        cones = [
            clarabel.ZeroConeT(self.cones.n_zero),
            clarabel.NonnegativeConeT(self.cones.n_nonnegative),
            *(clarabel.SecondOrderConeT(k) for k in self.cones.second_order),
        ]
        result = clarabel.DefaultSolver(
            scipy.sparse.csc_matrix(scipy.sparse.triu(problem.P)),
            problem.q,
            scipy.sparse.csc_matrix(problem.A),
            problem.b,
            cones,
            self._settings(),
        ).solve()
        status = str(result.status)
        if status not in _SOLVED:
            raise NotSolved(status, which, np.array(result.z), np.array(result.x))
        x, s, z = (np.array(part) for part in (result.x, result.s, result.z))
        if not np.isfinite(np.concatenate([x, s, z])).all():
            raise NotSolved(status, which, z, x)
        x, z, face, exact = problem.polish(x, s, z)
        if not exact:
            if status != "Solved":
                raise NotSolved(status, which, z, x)
            warnings.warn(
                f"{self.caller}: the active constraints of {which} could not be told "
                "from those that are not, so the solution is accurate to Clarabel's "
                "tolerance only, and the gradient less. Bring objective, variables and "
                "constraints to sizes near 1.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return (P, q, A, face), x, z

    def _problem(self, P, q, A):
        n = len(q)
        shape = (n, n)
        P = scipy.sparse.csr_array(shape) if P is None else self.P_entries.matrix(P)
        columns = self.A_entries.matrix(A).tocsc()
        b, A = columns[:, [n]].toarray().ravel(), -columns[:, :n].tocsr()
        loose = b >= _INFINITE
        if loose.any():
            # no limit at all: 0 <= 1
            A = scipy.sparse.diags_array(np.where(loose, 0.0, 1.0)) @ A
            b = np.where(loose, 1.0, b)
        return ActiveSet(P.tocsr(), q, A.tocsr(), b, self.cones)

    def derivative_torch_batch(self, dprimal, ddual, saved_state):
        """Pull gradients by solutions and multipliers back to the matrices."""
        out = [
            self._pull_back(*one, dx, dz)
            for one, dx, dz in zip(saved_state, dprimal.numpy(), ddual.numpy())
        ]
        return tuple(
            None if part[0] is None else torch.from_numpy(np.stack(part))
            for part in zip(*out)
        )

    def _pull_back(self, state, x, z, dx, dz):
        P, q, A, face = state
        problem = self._problem(P, q, A)
        u, v, off = adjoint(problem, face, x, z, dx, dz)
        if off > _ROUNDING:
            warnings.warn(
                f"{self.caller}: the gradient is by variables that the solution does "
                "not determine: it is the one of least squares. Add curvature, as a "
                "penalty of their squares, or use the variables that are determined.",
                ConvergenceWarning,
                stacklevel=2,
            )
        dP = None if P is None else -self.P_entries.products(u, x)
        # the last column is b, and A is stored with the other sign
        left, right = np.append(u, 0.0), np.append(x, 1.0)
        dA = self.A_entries.products(z, left) - self.A_entries.products(v, right)
        return dP, np.append(-u, 0.0), dA


class NotSolved(Exception):
    """Clarabel's status of a problem that has no solution, with its certificate."""

    def __init__(self, status, which, z, x):
        super().__init__(status, which, z, x)
        self.status, self.which, self.z, self.x = status, which, z, x


class _Entries:
    """Where the stored numbers of a matrix lie, and which depend on parameters."""

    def __init__(self, reduced):
        self.varies = None
        if reduced.reduced_mat is None:
            return
        indices, indptr, shape = reduced.problem_data_index
        self.indices, self.indptr = np.asarray(indices), np.asarray(indptr)
        self.shape = tuple(map(int, shape))
        weights = scipy.sparse.csr_array(reduced.reduced_mat)[:, :-1]
        self.varies = np.flatnonzero(np.diff(weights.indptr) > 0)
        column = np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))
        self.row, self.column = self.indices[self.varies], column[self.varies]

    def matrix(self, values):
        """The matrix of some values."""
        return scipy.sparse.csc_array((values, self.indices, self.indptr), self.shape)

    def products(self, left, right):
        """left_i right_j at each entry that depends on parameters, 0 at the others."""
        out = np.zeros(len(self.indices))
        out[self.varies] = left[self.row] * right[self.column]
        return out
