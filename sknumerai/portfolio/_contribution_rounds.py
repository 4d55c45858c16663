"""What a portfolio earns by the stakes of its models, and the gradient."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._cuts import MAX_MISSING
from sknumerai.portfolio._adjoint import pull_back
from sknumerai.portfolio._era_inputs import check_matrix
from sknumerai.portfolio._era_problems import EraProblems
from sknumerai.portfolio._portfolio_optimizer import PortfolioOptimizer
from sknumerai.portfolio._stakes import StakeShares
from sknumerai.portfolio._standard_scores import (
    ConstantScoresError,
    pull_back_scores,
    standard_scores,
)
from sknumerai.utils import as_numbers, gaussian_ranks, normalized_ranks

# Masks are drawn again so often before there is no use.
_DRAWS = 1000


class ContributionRounds:
    """Predictions, stakes and returns of eras, checked."""

    def __init__(self, predictions, stakes, returns, optimizer, prepare, sides, caller):
        self.caller, self.prepare = caller, prepare
        self.optimizer = PortfolioOptimizer() if optimizer is None else optimizer
        if not isinstance(self.optimizer, PortfolioOptimizer):
            raise TypeError(
                f"{caller}: optimizer must be a PortfolioOptimizer or None. Got "
                f"{optimizer!r}."
            )
        self.optimizer._validate_params()
        if self.optimizer.turnover is not None:
            raise ValueError(
                f"{caller}: a contribution is to a portfolio without a past. Set "
                "turnover=None."
            )
        exposed = sides["exposures"] is not None and self.optimizer.exposure_penalty > 0
        if self.optimizer.idio_risk == 0 and not exposed:
            raise ValueError(
                f"{caller}: without curvature every contribution is 0. Set idio_risk "
                "above 0."
            )
        if np.ndim(predictions) != 2 or not np.shape(predictions)[1]:
            raise ValueError(
                f"{caller}: predictions must have shape (n_samples, n_models). Got "
                f"{np.shape(predictions)}."
            )
        self.values = check_predictions(predictions, prepare, caller)
        self.shares = StakeShares(stakes, predictions, caller)
        self.problems = EraProblems(self.optimizer, predictions, caller=caller, **sides)
        self.returns = check_matrix(returns, len(self.values), "returns", caller)
        if self.returns.shape[1] != 1:
            raise ValueError(
                f"{caller}: returns must have shape (n_samples,). Got "
                f"{self.returns.shape}."
            )
        indexes = [getattr(x, "index", None) for x in (predictions, returns)]
        both = all(isinstance(index, pd.Index) for index in indexes)
        if both and not indexes[0].equals(indexes[1]):
            raise ValueError(
                f"{caller}: returns and predictions have different indexes. Bring them "
                "to the same rows."
            )

    def __iter__(self):
        """Each era: label, rows, its Round."""
        for label, rows in self.problems:
            yield label, rows, Round(self, label, rows)

    def shown(self, verbose):
        """The eras, with a bar if there are several and they take a while."""
        n_eras = self.problems.eras.n_eras
        if not verbose or n_eras < 2:
            return self
        from tqdm.auto import tqdm

        return tqdm(self, self.caller, n_eras, unit="era", delay=2)


class Round:
    """One era: signals (n, m), shares of the stakes (m,) and returns (n,)."""

    def __init__(self, rounds, label, rows):
        self.label, self.caller = label, rounds.caller
        values = rounds.values[rows]
        self.signals, self.active = prepared(values, rounds.prepare), takes_part(values)
        self.problem = rounds.problems.problem(label, rows)
        self.shares = rounds.shares.of(label, self.active)
        self.returns = rounds.returns[rows, 0].astype(np.float64)
        self.gross = float(rounds.optimizer.gross)
        self.sizes = self.signals.std(axis=0)

    def solve_all(self, weights, warm=None):
        """Portfolio, what it earned, z and its scale, of each column of weights."""
        meta_models = self.signals @ weights
        for j, size in enumerate(self.sizes @ weights):
            yield self._solve(meta_models[:, j], size, warm)

    def solve_rounds(self, weights, warm):
        """The same, None where the models that are kept cancel each other."""
        meta_models = self.signals @ weights
        for j, size in enumerate(self.sizes @ weights):
            try:
                yield self._solve(meta_models[:, j], size, warm)
            except ConstantScoresError:
                yield None

    def _solve(self, meta_model, size, warm):
        z, deviation = standard_scores(meta_model, self.label, self.caller, size)
        solution = self.problem.solve(z, warm)
        earned = self.gross * solution.weights @ self.returns
        return solution, earned, z, deviation

    def gradient(self, solution, z, deviation):
        """Of what is earned, by the meta model of each stock."""
        v = self.gross * pull_back(self.problem, solution, self.returns)
        return pull_back_scores(v, z, deviation)


def masks_of(era, n_rounds, dropout, paired, rng, caller):
    """Multipliers of stakes (n_models, n_rounds), 0 where a stake is dropped."""
    shares = era.shares
    if n_rounds == 0 or dropout == 0:
        return np.ones((len(shares), 1))
    staked = shares > 0
    least = 2 if paired else 1
    if staked.sum() < least:
        raise ValueError(
            f"{caller}: {int(staked.sum())} models have a stake, too few for paired "
            "dropout, which needs 2. Set paired=False or dropout=0."
        )
    # a meta model without models, or of constant ones, has no portfolio
    needed = staked & (era.sizes > 0)
    # where all are constant, standard_scores says so
    needed = needed if needed.any() else staked
    out = []
    while len(out) < n_rounds:
        for _ in range(_DRAWS):
            # drawn for stakes alone: models without one change nothing for others
            keep = np.ones(len(shares), dtype=bool)
            keep[staked] = rng.random(staked.sum()) >= dropout
            if keep[needed].any() and not (paired and keep[needed].all()):
                break
        else:
            raise ValueError(f"{caller}: dropout={dropout} leaves no stake. Lower it.")
        out += [keep, ~keep] if paired else [keep]
    return np.column_stack(out[:n_rounds]) / (1.0 - dropout)


def check_predictions(predictions, prepare, caller):
    """Numbers of shape (n_samples, n_models); gaps only where they are prepared."""
    if not prepare:
        return check_matrix(predictions, len(predictions), "predictions", caller)
    values = as_numbers(predictions, "predictions", caller)
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(f"{caller}: predictions must not be infinite.")
    return values


def takes_part(values):
    """Which models predict enough of an era's stocks (n_models,)."""
    return pd.isna(values).mean(axis=0) <= MAX_MISSING


def prepared(values, prepare):
    """Gaussian ranks of one era, the middle where a prediction is missing."""
    if not prepare:
        return values.astype(np.float64)
    ranks = normalized_ranks(values)
    missing = np.isnan(ranks)
    if missing.any():
        ranks = np.where(missing, 0.5, ranks)
    return gaussian_ranks(ranks)
