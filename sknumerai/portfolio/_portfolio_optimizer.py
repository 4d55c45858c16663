"""Portfolios of scores."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from sknumerai.portfolio._era_inputs import check_matrix
from sknumerai.portfolio._era_problems import EraProblems, warn_unconverged
from sknumerai.portfolio._standard_scores import standard_scores
from sknumerai.utils._frames import like


class PortfolioOptimizer(BaseEstimator):
    """Weights of stocks that use scores best at limited risk, by era.

    In each era the scores are standardized to z, and the weights w maximize::

        z'w - exposure_penalty |F'w|^2 / 2 - idio_risk n sum_i v_i w_i^2 / 2

    with F the exposures and v the variances of n stocks, such that long and short
    positions cancel out in total, in each country, sector and factor, no weight is
    large, and the weights' sizes add up to `gross` at most.

    Parameters
    ----------
    exposure_penalty : float, default=1.0
        Cost of exposure to the features, not negative.

    idio_risk : float, default=0.1
        Cost of the risk of single stocks, not negative. It spreads the portfolio: with
        less, fewer stocks are held and the weights change more with the scores.

    max_weight : float or None, default=None
        Largest size of a weight. None is ``10 * gross / n_stocks``, twice the weights
        of equally weighted top and bottom deciles; ``float("inf")`` is no limit.

    gross : float, default=1.0
        Limit of the sum of the sizes of the weights. Of a long-only portfolio it is
        the sum of the weights itself.

    dollar_neutral : bool, default=True
        Whether the weights sum to 0. Ignored by a long-only portfolio.

    neutral_bound : float, default=0.0
        Limit of the net weight of each country, sector or other label of `neutral`.

    factor_bound : float or array-like of shape (n_factors,), default=0.0
        Limit of the net exposure to each factor, ``|factors' w|``.

    turnover : float or None, default=None
        Limit of the sum of the sizes of the trades from the starting portfolio. Needs
        `start` in `solve`.

    long_only : bool, default=False
        Whether no weight is negative. All of `gross` is then invested, and exposures,
        countries, sectors and factors are counted from the equally weighted portfolio
        of the era's stocks: a label's weights sum to what they sum to in it.

    standardize : bool, default=True
        Whether columns of `exposures` are brought to mean 0 and standard deviation 1 in
        each era, so that the penalty does not depend on their units.

    tol : float, default=1e-10
        Tolerance of the solution, relative to `gross`.

    max_iter : int, default=200
        Limit of the number of Newton steps.

    See Also
    --------
    DifferentiablePortfolio : The same as a layer of a network.
    decile_positions : Equal weights of the best and the worst tenth.
    portfolio_return_score : What the portfolio earns.

    Notes
    -----
    The problem is solved exactly by a semismooth Newton method on its dual, whose
    unknowns are one multiplier per exposure and constraint: time grows with the number
    of stocks times the square of the smaller of the number of exposures and the number
    of stocks that are free (held, and not at the limit). Groupings of which one depends
    on another, as countries and regions do, are fine.

    Without `idio_risk` the problem may have several solutions. One of them is found by
    the proximal point method, which takes some ten times as long.

    Numerai's own optimizer is not public. What is known of it is that it is convex,
    penalizes feature exposure, and neutralizes market, countries and sectors.

    References
    ----------
    .. [1] Numerai (2022). True Contribution Details. Numerai's forum.
    .. [2] Li, X., Sun, D. and Toh, K.-C. (2018). A Highly Efficient Semismooth Newton
       Augmented Lagrangian Method for Solving Lasso Problems. SIAM Journal on
       Optimization 28(1).

    Examples
    --------
    >>> from sknumerai.portfolio import PortfolioOptimizer
    >>> scores = [0.9, 0.8, 0.3, 0.2, 0.6, 0.1]
    >>> country = ["US", "US", "US", "JP", "JP", "JP"]
    >>> weights = PortfolioOptimizer(max_weight=0.3).solve(scores, neutral=country)
    >>> weights.round(3) + 0.0
    array([ 0.3,  0. , -0.3,  0. ,  0.2, -0.2])
    """

    _parameter_constraints: dict = {
        "exposure_penalty": [Interval(Real, 0, np.inf, closed="left")],
        "idio_risk": [Interval(Real, 0, np.inf, closed="left")],
        "max_weight": [Interval(Real, 1e-300, None, closed="both"), None],
        "gross": [Interval(Real, 0, np.inf, closed="neither")],
        "dollar_neutral": ["boolean"],
        "neutral_bound": [Interval(Real, 0, np.inf, closed="left")],
        "factor_bound": [Interval(Real, 0, None, closed="left"), "array-like"],
        "turnover": [Interval(Real, 0, np.inf, closed="left"), None],
        "long_only": ["boolean"],
        "standardize": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        exposure_penalty=1.0,
        idio_risk=0.1,
        max_weight=None,
        gross=1.0,
        dollar_neutral=True,
        neutral_bound=0.0,
        factor_bound=0.0,
        turnover=None,
        long_only=False,
        standardize=True,
        tol=1e-10,
        max_iter=200,
    ):
        self.exposure_penalty = exposure_penalty
        self.idio_risk = idio_risk
        self.max_weight = max_weight
        self.gross = gross
        self.dollar_neutral = dollar_neutral
        self.neutral_bound = neutral_bound
        self.factor_bound = factor_bound
        self.turnover = turnover
        self.long_only = long_only
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter

    def solve(
        self,
        scores,
        *,
        exposures=None,
        groups=None,
        neutral=None,
        factors=None,
        variances=None,
        start=None,
    ):
        """Find the weights of each era.

        Parameters
        ----------
        scores : array-like of shape (n_samples,) or (n_samples, n_models)
            Finite predictions, on any scale: higher is better. The columns are models,
            each of which gets a portfolio of its own.

        exposures : array-like of shape (n_samples, n_features), default=None
            Finite features, exposure to which costs.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `scores`; where there
            is none, all rows are one era.

        neutral : array-like of shape (n_samples,) or (n_samples, n_groupings), \
                default=None
            Labels to be neutral to, such as a column of countries and one of sectors.

        factors : array-like of shape (n_samples, n_factors), default=None
            Finite factors, exposure to which is limited.

        variances : array-like of shape (n_samples,), default=None
            Positive relative variances of the stocks, with a mean near 1. None is 1.

        start : array-like of shape (n_samples,), default=None
            Weights held before. Needed with `turnover`, and only then.

        Returns
        -------
        weights : ndarray, Series or DataFrame of the shape of `scores`
            Portfolio weights, with the index of `scores`.

        Raises
        ------
        ValueError
            If an input is not finite, does not fit the scores, the scores of an era are
            all the same, or no portfolio keeps all limits: `max_weight` times the
            number of stocks is less than `gross` in a long-only portfolio, or
            `turnover` is too little to come from `start` within the other limits.

        Warns
        -----
        ConvergenceWarning
            If a solution is not accurate to a hundred times `tol`.
        """
        caller = "PortfolioOptimizer.solve"
        self._validate_params()
        values = check_matrix(scores, len(scores), "scores", caller)
        rounds = EraProblems(
            self,
            scores,
            exposures=exposures,
            groups=groups,
            neutral=neutral,
            factors=factors,
            variances=variances,
            start=start,
            caller=caller,
        )
        out = np.empty(values.shape)
        for label, rows in rounds:
            problem = rounds.problem(label, rows)
            warm = None
            for j in range(values.shape[1]):
                a = standard_scores(values[rows, j], label, caller)[0]
                warm = problem.solve(a, warm)
                warn_unconverged(warm, label, caller)
                out[rows, j] = self.gross * warm.weights
        return like(scores, out)
