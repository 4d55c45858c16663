"""The problem of each era, of inputs that are checked once."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import scipy.optimize
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from sknumerai.portfolio._dual_newton import Problem
from sknumerai.portfolio._era_inputs import (
    check_labels,
    check_matrix,
    one_hots,
    standardized,
)
from sknumerai.utils import check_eras, one_era

# The default limit of a weight, in shares of the gross limit that an equal part is.
_DEFAULT_CAP = 10.0
# A budget that is short of what is needed by less is rounding.
_ROUNDING = 1e-9


class EraProblems:
    """The problem of each era, of inputs that are checked once."""

    def __init__(
        self,
        optimizer,
        scores,
        *,
        exposures=None,
        groups=None,
        neutral=None,
        factors=None,
        variances=None,
        start=None,
        caller,
    ):
        self.optimizer, self.caller = optimizer, caller
        n = len(scores)
        if not n:
            raise ValueError(f"{caller}: there are no rows.")
        names = ("scores", "exposures", "neutral", "factors", "variances", "start")
        sides = exposures, neutral, factors, variances, start
        eras = check_eras(
            groups,
            scores,
            *sides,
            n_samples=n,
            allow_live=True,
            names=names,
            caller=caller,
        )
        self.has_eras = eras is not None
        self.eras = eras if self.has_eras else one_era(n)
        self.exposures = check_matrix(exposures, n, "exposures", caller)
        self.codes = check_labels(neutral, n, caller)
        self.factors = check_matrix(factors, n, "factors", caller)
        self.variances = check_matrix(variances, n, "variances", caller)
        self.start = check_matrix(start, n, "start", caller)
        for name, side in (("variances", self.variances), ("start", self.start)):
            if side is not None and side.shape[1] != 1:
                raise ValueError(
                    f"{caller}: {name} must have shape (n_samples,). Got {side.shape}."
                )
        if self.variances is not None and not (self.variances > 0).all():
            raise ValueError(f"{caller}: variances must be positive.")
        if (start is None) != (optimizer.turnover is None):
            given = "turnover" if start is None else "start"
            other = "start" if start is None else "turnover"
            raise ValueError(
                f"{caller}: got {given} without {other}. The limit of turnover is of "
                "trades from the starting portfolio: give both or neither."
            )
        n_factors = 0 if factors is None else self.factors.shape[1]
        bound = np.asarray(optimizer.factor_bound, dtype=np.float64)
        if not (bound >= 0).all() or bound.ndim > 1:
            raise ValueError(f"{caller}: factor_bound must be 0 or more. Got {bound}.")
        if bound.ndim and len(bound) != n_factors:
            raise ValueError(
                f"{caller}: factor_bound has {len(bound)} bounds for {n_factors} "
                "factors. Give one for each, or one number."
            )
        self.bound = np.broadcast_to(bound, n_factors)

    def __iter__(self):
        n = len(self.eras.codes)
        for label, rows in zip(self.eras.labels, self.eras.rows()):
            yield label, np.arange(n)[rows]

    def problem(self, label, rows):
        """The problem of one era, in units of the gross limit."""
        opt, n = self.optimizer, len(rows)
        gross = float(opt.gross)
        F, B = np.zeros((n, 0)), np.zeros((n, 0))
        if self.exposures is not None and opt.exposure_penalty > 0:
            F = self.exposures[rows].astype(np.float64)
            F = standardized(F) if opt.standardize else F
            F = F * np.sqrt(opt.exposure_penalty * gross)
        if self.factors is not None:
            B = self.factors[rows].astype(np.float64)
        b = self.bound / gross
        equal, limited, limits = [B[:, b == 0]], [B[:, b > 0]], [b[b > 0]]
        if opt.dollar_neutral or opt.long_only:
            equal.append(np.ones((n, 1)))
        if self.codes is not None:
            members = one_hots(self.codes[rows])
            if opt.neutral_bound > 0:
                limited.append(members)
                limits.append(np.full(members.shape[1], opt.neutral_bound / gross))
            else:
                equal.append(members)
        cap = _DEFAULT_CAP / n if opt.max_weight is None else opt.max_weight / gross
        if opt.long_only and cap * n < 1 - _ROUNDING:
            raise ValueError(
                f"{self.caller}: max_weight={opt.max_weight} for the {n} stocks of era "
                f"{label} sums to {cap * n * gross:.6g} at most, less than "
                f"gross={opt.gross}, all of which a long-only portfolio invests. Raise "
                "max_weight or lower gross."
            )
        cap = min(cap, 1.0)
        v = np.ones(n) if self.variances is None else self.variances[rows, 0]
        start = None if self.start is None else self.start[rows, 0] / gross
        problem = Problem(
            F,
            np.hstack(equal),
            np.hstack(limited),
            np.concatenate(limits),
            opt.idio_risk * n * gross * v,
            np.full(n, 0.0 if opt.long_only else -cap),
            np.full(n, cap),
            np.full(n, 1.0 / n if opt.long_only else 0.0),
            limit_gross=not opt.long_only,
            start=start,
            turnover=None if start is None else opt.turnover / gross,
            tol=opt.tol,
            max_iter=opt.max_iter,
        )
        if start is not None:
            self._check_turnover(problem, label)
        return problem

    def _check_turnover(self, problem, label):
        """Raise where no portfolio is near enough to the starting one."""
        center = np.full(problem.n, 1 / problem.n) * self.optimizer.long_only
        budget = problem.above[-1]
        if np.abs(problem.start - center).sum() <= budget:
            return
        least = least_turnover(problem, center)
        if least > budget + _ROUNDING:
            # rounded up: the number that is told must do
            told = least * self.optimizer.gross * (1 + 1e-5)
            raise ValueError(
                f"{self.caller}: turnover={self.optimizer.turnover} is too little in "
                f"era {label}: from start to a portfolio within max_weight, gross and "
                f"the neutrality limits takes at least {told:.6g}."
            )


def least_turnover(problem, center):
    """The least trades from the start to any portfolio within the other limits."""
    n, k, q = problem.n, problem.n_exposures, problem.n_columns
    C = problem.M[:, k : k + problem.n_equal].T
    B = problem.M[:, k + problem.n_equal :].T
    b, start = problem.above[k + problem.n_equal : q], problem.start
    # the start, what is bought and sold; then sizes of the weights
    zero = np.zeros((len(B), n))
    rows = [np.hstack([B, -B, zero]), np.hstack([-B, B, zero])]
    right = [b + B @ (center - start), b - B @ (center - start)]
    eye = scipy.sparse.eye_array(n)
    sizes = [
        scipy.sparse.hstack([eye, -eye, -eye]),
        scipy.sparse.hstack([-eye, eye, -eye]),
        scipy.sparse.hstack([eye, -eye, 0 * eye]),
        scipy.sparse.hstack([-eye, eye, 0 * eye]),
    ]
    right += [-start, start, problem.high - start, start - problem.low]
    total = np.r_[np.zeros(2 * n), np.ones(n)][None]
    if not problem.limit_gross:
        total = 0 * total
    result = scipy.optimize.linprog(
        np.r_[np.ones(2 * n), np.zeros(n)],
        A_ub=scipy.sparse.vstack(
            [scipy.sparse.csr_array(part) for part in [*rows, *sizes, total]]
        ).tocsr(),
        b_ub=np.concatenate([*right, [1.0]]),
        A_eq=np.hstack([C, -C, np.zeros((len(C), n))]) if len(C) else None,
        b_eq=C @ (center - start) if len(C) else None,
    )
    return result.fun if result.success else np.inf


def warn_unconverged(solution, label, caller):
    """Warn of a solution that is not accurate."""
    if not solution.converged:
        warnings.warn(
            f"{caller}: the portfolio of era {label} is accurate to "
            f"{solution.residual:.1e} of the gross limit only. Raise max_iter, or "
            "idio_risk.",
            ConvergenceWarning,
            stacklevel=3,
        )
