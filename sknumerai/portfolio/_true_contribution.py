"""True Contribution of models to a portfolio."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sknumerai.portfolio._contribution_rounds import (
    ContributionRounds,
    check_predictions,
    masks_of,
    prepared,
    takes_part,
)
from sknumerai.utils import ERA_LEVEL, era_numbers

# Scores that spread less, as a share of the largest, are all equal.
_EQUAL = 1e-12


class TrueContribution(BaseEstimator):
    """Gradient of the return of the meta model's portfolio by the stakes of models.

    The meta model is the average of the prepared predictions, weighted by the stakes;
    `PortfolioOptimizer` makes its portfolio. The True Contribution (TC) of a model is
    the derivative of what the portfolio earned by the model's share of the stakes,
    averaged over rounds in each of which a random half of the models is left out.

    Parameters
    ----------
    optimizer : PortfolioOptimizer or None, default=None
        Makes the portfolio, without a limit of turnover. None is
        ``PortfolioOptimizer()``.

    n_rounds : int, default=100
        Number of rounds of dropout. 0 is one round with all stakes.

    dropout : float, default=0.5
        Chance that a model is left out of a round, from 0 to below 1. The stakes of the
        others are divided by what is left, as dropout does.

    paired : bool, default=False
        Whether each second round leaves out what the one before kept. The scores then
        vary less with the draws. Needs ``dropout=0.5``.

    prepare : bool, default=True
        Whether predictions are ranked by era and made Gaussian first, with the middle
        where one is missing. Otherwise they are taken as they are, and none may be
        missing.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws. An era's are made from it and the era's number, so that an
        era scores the same alone and beside others.

    verbose : int, default=1
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Attributes
    ----------
    scores_ : Series of shape (n_models,) or DataFrame of shape (n_eras, n_models)
        TC of each model, larger is better; with rows for eras where there are eras. NaN
        for a model that lacks more than a fifth of an era's stocks, as one that was not
        there yet: it has no part in that era's meta model, and its stake counts nothing.

    stock_gradient_ : ndarray of shape (n_samples,)
        Derivative of the return by the meta model of each stock. Any prepared signal's
        product with it is the signal's TC.

    portfolio_returns_ : list of ndarray of shape (n_rounds,)
        What the portfolio of each round earned, for each era; NaN where there is none.

    reliability_ : ndarray of shape (n_eras,)
        Correlation that the scores are expected to have with those of other draws, by
        the Spearman-Brown formula from two halves of the rounds. It is 0 where the
        halves do not agree at all (their correlation is not positive), and NaN where it
        cannot be said: with fewer than 4 rounds or 3 models (any 2 correlate by 1 or
        -1), or scores that are all equal.

    converged_ : list of ndarray of shape (n_rounds,)
        Whether the portfolio of each round is there and accurate. Others are left out.

    See Also
    --------
    leave_one_out_contribution : What the portfolio earns less without a model.
    meta_portfolio_contribution_score : Its successor in Numerai Signals.

    Notes
    -----
    There is one portfolio and one gradient for each round, whatever the number of
    models. The score of a model with no stake is that of its first unit of stake, and
    equal signals score the same whatever their stakes. As the meta model is
    standardized, only the proportions of stakes matter, and in a round with all stakes
    the scores times the stakes sum to 0.

    Numerai paid on TC from April 2022 to the end of 2023, and retired it: it is
    hard to see through, and depends on the optimizer's settings, which change. Those
    are not public, so these scores are not the official ones.

    References
    ----------
    .. [1] Numerai (2022). True Contribution Details. Numerai's forum.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.portfolio import TrueContribution
    >>> rng = np.random.default_rng(0)
    >>> returns = rng.normal(size=200)
    >>> predictions = returns[:, None] * [0.5, 0.0, -0.5] + rng.normal(size=(200, 3))
    >>> tc = TrueContribution(n_rounds=20, random_state=0)
    >>> tc.fit(predictions, [10, 10, 0], returns).scores_.rank().tolist()
    [3.0, 2.0, 1.0]
    """

    _parameter_constraints: dict = {
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "paired": ["boolean"],
        "prepare": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        optimizer=None,
        *,
        n_rounds=100,
        dropout=0.5,
        paired=False,
        prepare=True,
        random_state=None,
        verbose=1,
    ):
        self.optimizer = optimizer
        self.n_rounds = n_rounds
        self.dropout = dropout
        self.paired = paired
        self.prepare = prepare
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        predictions,
        stakes,
        returns,
        *,
        exposures=None,
        groups=None,
        neutral=None,
        factors=None,
        variances=None,
    ):
        """Score all models.

        Parameters
        ----------
        predictions : array-like of shape (n_samples, n_models)
            Predictions, NaN where missing. The columns are models, whose names may
            repeat only if the stakes are given by position.

        stakes : array-like of shape (n_models,), dict or DataFrame
            Stake of each model, see `stake_weighted_average`.

        returns : array-like of shape (n_samples,)
            Finite realized returns of the stocks.

        exposures : array-like of shape (n_samples, n_features), default=None
            Finite features, exposure to which costs.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `predictions`.

        neutral : array-like of shape (n_samples,) or (n_samples, n_groupings), \
                default=None
            Labels to be neutral to, such as countries.

        factors : array-like of shape (n_samples, n_factors), default=None
            Finite factors, exposure to which is limited.

        variances : array-like of shape (n_samples,), default=None
            Positive relative variances of the stocks. None is 1.

        Returns
        -------
        self : TrueContribution
            The scores are its attributes.

        Raises
        ------
        ValueError
            If an input is not finite or does not fit the others, all stakes of an era
            are 0, the meta model is constant, models cancel each other, or the optimizer has no curvature.

        Warns
        -----
        ConvergenceWarning
            If some rounds are left out because their portfolio is not accurate, or the
            models that they kept cancel each other.

        UserWarning
            If all scores of an era are 0 because the limits leave its weights no room.
        """
        caller = "TrueContribution.fit"
        self._validate_params()
        if self.paired and self.dropout != 0.5:
            raise ValueError(
                f"paired=True needs dropout=0.5. Got dropout={self.dropout!r}."
            )
        sides = {
            "exposures": exposures,
            "groups": groups,
            "neutral": neutral,
            "factors": factors,
            "variances": variances,
        }
        rounds = ContributionRounds(
            predictions, stakes, returns, self.optimizer, self.prepare, sides, caller
        )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        has_eras = rounds.problems.has_eras
        stock_gradient = np.zeros(len(rounds.values))
        eras, table, reliability, returned, all_converged = [], [], [], [], []
        for label, rows, era in rounds.shown(self.verbose):
            number = era_numbers([label], allow_live=True)[0] if has_eras else 0
            rng = np.random.default_rng([seed, int(number) % 2**64])
            gradients, earned, converged = self._fit_era(era, rng, caller)
            stock_gradient[rows] = gradients.mean(axis=1)
            eras.append((label, rows))
            scores = era.signals.T @ stock_gradient[rows]
            table.append(np.where(era.active, scores, np.nan))
            signals = era.signals[:, era.active]
            reliability.append(_reliability(signals.T @ gradients, converged))
            returned.append(earned)
            all_converged.append(converged)
        # all at once: a fit that fails leaves what there was
        self._index = getattr(predictions, "index", None)
        self._eras, self._has_eras = eras, has_eras
        self.stock_gradient_ = stock_gradient
        self.portfolio_returns_, self.converged_ = returned, all_converged
        self.reliability_ = np.array(reliability)
        self.scores_ = self._as_scores(table, predictions)
        return self

    def score_signals(self, signals):
        """Score signals that had no part in the meta model.

        Parameters
        ----------
        signals : array-like of shape (n_samples,) or (n_samples, n_signals)
            Predictions for the rows of `fit`, prepared as those.

        Returns
        -------
        scores : Series of shape (n_signals,) or DataFrame of shape (n_eras, n_signals)
            TC of each signal.

        Raises
        ------
        NotFittedError
            If there was no `fit`.

        ValueError
            If the rows are others than those of `fit`.
        """
        caller = "TrueContribution.score_signals"
        check_is_fitted(self, "stock_gradient_")
        n = len(self.stock_gradient_)
        index = getattr(signals, "index", None)
        other = self._index is not None and index is not None
        if len(signals) != n or (other and not self._index.equals(index)):
            raise ValueError(
                f"{caller}: the signals must have the {n} rows of fit. Got "
                f"{len(signals)} rows, or another index."
            )
        values = check_predictions(signals, self.prepare, caller)
        values = values.reshape(n, -1)
        table = []
        for _, rows in self._eras:
            scores = prepared(values[rows], self.prepare).T @ self.stock_gradient_[rows]
            table.append(np.where(takes_part(values[rows]), scores, np.nan))
        return self._as_scores(table, signals)

    def _fit_era(self, era, rng, caller):
        masks = masks_of(era, self.n_rounds, self.dropout, self.paired, rng, caller)
        # every round starts from the same point: the order of rounds is no matter
        first = next(era.solve_all(era.shares[:, None]))[0]
        gradients, earned, converged = [], [], []
        kept = era.shares[:, None] * masks
        for solved in era.solve_rounds(kept, first):
            if solved is None:
                earned.append(np.nan)
                converged.append(False)
                continue
            solution, value, z, deviation = solved
            earned.append(value)
            converged.append(solution.converged)
            if solution.converged:
                gradients.append(era.gradient(solution, z, deviation))
        if not gradients:
            raise ValueError(
                f"{caller}: no portfolio of era {era.label} converged. Raise the "
                "optimizer's idio_risk or max_iter."
            )
        if not all(converged):
            warnings.warn(
                f"{caller}: {converged.count(False)} of {len(converged)} portfolios of "
                f"era {era.label} are left out: {int(np.isnan(earned).sum())} because "
                "the models that the round kept cancel each other, the others because "
                "they are not accurate. For these raise the optimizer's idio_risk or "
                "max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )
        gradients = np.column_stack(gradients)
        if not gradients.any() and era.returns.any():
            warnings.warn(
                f"{caller}: a small change of the stakes changes no portfolio of era "
                f"{era.label}, so every score is 0: the limits (max_weight, gross, "
                "neutral, factors) leave the weights no room. Raise the optimizer's "
                "idio_risk, or give it fewer limits.",
                UserWarning,
                stacklevel=3,
            )
        return gradients, np.array(earned), np.array(converged)

    def _as_scores(self, table, like):
        table, names = np.array(table), getattr(like, "columns", None)
        if not self._has_eras:
            return pd.Series(table[0], index=names)
        labels = pd.Index([label for label, _ in self._eras], name=ERA_LEVEL)
        return pd.DataFrame(table, index=labels, columns=names)


def _reliability(scores, converged):
    """Of the mean of rounds (n_models, those that converged), from two halves."""
    # pairs of rounds that complement each other stay together
    half = len(converged) // 4 * 2
    number = np.flatnonzero(converged)
    first, second = number < half, (number >= half) & (number < 2 * half)
    if not first.any() or not second.any() or len(scores) < 3:
        return np.nan
    halves = np.array([scores[:, part].mean(axis=1) for part in (first, second)])
    size = np.abs(halves).max(axis=1)
    halves -= halves.mean(axis=1, keepdims=True)
    if (np.abs(halves).max(axis=1) <= _EQUAL * size).any():
        return np.nan
    length = np.linalg.norm(halves, axis=1)
    r = min(1.0, (halves[0] / length[0]) @ (halves[1] / length[1]))
    return 2 * r / (1 + r) if r > 0 else 0.0
