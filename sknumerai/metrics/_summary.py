"""Summaries of era scores."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np
import pandas as pd

from sknumerai.metrics import _statistics
from sknumerai.metrics._blocks import block_rows, check_enough
from sknumerai.metrics._bootstrap import (
    check_bootstrap,
    check_confidence_level,
    intervals,
)
from sknumerai.metrics._statistics import AGGREGATES
from sknumerai.metrics._table import (
    as_rows,
    as_table,
    by_model,
    by_model_frame,
    drop_missing,
)

DEFAULT_STATISTICS = (
    "mean",
    "std",
    "sharpe",
    "max_drawdown",
    "positive_share",
    "autocorrelation",
)
ALL_STATISTICS = (
    *DEFAULT_STATISTICS,
    "adjusted_sharpe",
    "smart_sharpe",
    "longest_losing_run",
    "worst",
    "mean_plus_worst",
    "median",
)


def sharpe_ratio(scores, *, ddof=0):
    """Divide the mean of era scores by their standard deviation.

    Not annualised. More is better.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.

    ddof : int, default=0
        The standard deviation divides by ``n_eras - ddof``. Numerai takes 0, pandas 1.

    Returns
    -------
    sharpe : float or Series of shape (n_models,)
        NaN where a score is NaN, or all are equal, one era among them: numpy would
        give infinity there, and a search would take it for the best model.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.sharpe_ratio``.

    Examples
    --------
    >>> from sknumerai.metrics import sharpe_ratio
    >>> sharpe_ratio([0.01, 0.03])
    2.0
    """
    return _statistic(_statistics.sharpe, scores, ddof=ddof)


def max_drawdown(scores, *, from_zero=False):
    """Find the deepest fall of the cumulated era scores below their highest point.

    Less is better, the best value is 0.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order.

    from_zero : bool, default=False
        Whether the sum starts at 0, so that a loss in the first era counts. Numerai's
        own figures start at the first era's score, and so does the default.

    Returns
    -------
    drawdown : float or Series of shape (n_models,)
        Not negative, in units of the scores. NaN where a score is NaN.

    References
    ----------
    Numerai's example notebook "Hello Numerai": the maximum of
    ``cumsum.cummax() - cumsum``.

    Examples
    --------
    >>> from sknumerai.metrics import max_drawdown
    >>> max_drawdown([-1, 2, -3, 1]), max_drawdown([-1, 0.5], from_zero=True)
    (3.0, 1.0)
    """
    return _statistic(_statistics.drawdown, scores, from_zero=from_zero)


def autocorrelation(scores, *, lag=1):
    """Correlate era scores with those of an earlier era.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order. Rows are counted, not era numbers.

    lag : int, default=1
        Number of rows between the two eras. Targets of 20 and 60 days reach over 4 and
        12 weekly eras, so neighbouring scores are related by nature.

    Returns
    -------
    correlation : float or Series of shape (n_models,)
        Pearson's correlation of the scores with those `lag` rows earlier. NaN where a
        score is NaN, or there are fewer than ``lag + 2`` eras.

    Examples
    --------
    >>> from sknumerai.metrics import autocorrelation
    >>> round(autocorrelation([1, 2, 1, 2, 1]), 6)
    -1.0
    """
    if not isinstance(lag, int | np.integer) or lag < 1:
        raise ValueError(
            f"autocorrelation: lag must be an integer of at least 1. Got {lag!r}."
        )
    return _statistic(_statistics.autocorrelation, scores, lag=lag)


def positive_share(scores):
    """Count the share of eras whose score is above 0.

    More is better, between 0 and 1.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras.

    Returns
    -------
    share : float or Series of shape (n_models,)
        NaN where a score is NaN. An era of exactly 0 is not positive.

    Examples
    --------
    >>> from sknumerai.metrics import positive_share
    >>> positive_share([0.02, -0.01, 0.03, 0.0])
    0.5
    """
    return _statistic(_statistics.positive_share, scores)


def longest_losing_run(scores):
    """Count the largest number of eras in a row whose score is below 0.

    Less is better, the best value is 0.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order. Rows are counted, not era numbers.

    Returns
    -------
    n_eras : float or Series of shape (n_models,)
        A whole number, NaN where a score is NaN. An era of exactly 0 ends a run.

    Examples
    --------
    >>> from sknumerai.metrics import longest_losing_run
    >>> longest_losing_run([0.02, -0.01, -0.03, 0.01, -0.02])
    2.0
    """
    return _statistic(_statistics.losing_run, scores)


def adjusted_sharpe(scores, *, ddof=0, cost=0.0):
    """Correct the Sharpe ratio for skewness and kurtosis.

    Losses that are rarer but deeper than gains lower it. More is better.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras.

    ddof : int, default=0
        The standard deviation divides by ``n_eras - ddof``.

    cost : float, default=0.0
        Subtracted from the mean first. Numerai's forum takes 0.010415154, what Richard
        Craib gave as the cost of trading when eras were months and scores were those
        of 2020. Numerai has not published how its diagnostics' AdjustedSharpe is
        computed.

    Returns
    -------
    sharpe : float or Series of shape (n_models,)
        ``S * (1 + skew * S / 6 - excess_kurtosis * S**2 / 24)`` with the Sharpe ratio
        S, not annualised, and moments of the population. NaN where a score is NaN, or
        all are equal.

    References
    ----------
    Pezier, J. (2005). In: Alexander, C. and Sheedy, E. (eds.), The Professional Risk
    Managers' Handbook. Posted for Numerai in the forum's thread
    "Probabilistic Sharpe ratio" (2020).

    Examples
    --------
    >>> from sknumerai.metrics import adjusted_sharpe, sharpe_ratio
    >>> scores = [0.03, 0.02, 0.03, 0.02, 0.03, -0.06]
    >>> round(sharpe_ratio(scores), 3), round(adjusted_sharpe(scores), 3)
    (0.361, 0.321)
    """
    return _statistic(_statistics.adjusted_sharpe, scores, ddof=ddof, cost=cost)


def smart_sharpe(scores, *, ddof=1):
    """Divide the Sharpe ratio by what autocorrelation makes of it.

    A model whose good and bad eras come in streaks is riskier than its standard
    deviation says. More is better.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order.

    ddof : int, default=1
        The standard deviation divides by ``n_eras - ddof``. The forum's definition
        takes 1, unlike Numerai's own Sharpe ratio.

    Returns
    -------
    sharpe : float or Series of shape (n_models,)
        ``mean / (std * sqrt(1 + 2 * sum((n - i) / n * r**i)))`` with the sum over i
        from 1 to n - 1 and the autocorrelation r of neighbouring eras. NaN where a
        score is NaN, all are equal, or there are fewer than three eras.

    References
    ----------
    Lo, A. W. (2002). The statistics of Sharpe ratios. Financial Analysts Journal 58(4).
    Posted for Numerai in the forum's thread "Era boosted models" (2020).

    Examples
    --------
    >>> from sknumerai.metrics import sharpe_ratio, smart_sharpe
    >>> scores = [0.03, 0.04, 0.03, -0.01, -0.02, 0.01]
    >>> round(sharpe_ratio(scores), 2), round(smart_sharpe(scores), 2)
    (0.6, 0.36)
    """
    return _statistic(_statistics.smart_sharpe, scores, ddof=ddof)


def score_summary(
    scores,
    *,
    statistics=None,
    ddof=0,
    from_zero=False,
    nan_policy="propagate",
    confidence_level=None,
    horizon=None,
    block_size=None,
    method="stationary",
    n_resamples=2000,
    random_state=None,
):
    """Summarize the era scores of one or many models.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.

    statistics : "all", sequence of str or None, default=None
        Names of aggregates. None: mean, std, sharpe, max_drawdown, positive_share
        (share of eras above 0) and autocorrelation (of neighbouring eras). "all" adds
        adjusted_sharpe, smart_sharpe, longest_losing_run, worst, mean_plus_worst and
        median.

    ddof : int, default=0
        The standard deviation divides by ``n_eras - ddof``, also that of `sharpe` and
        `adjusted_sharpe`; `smart_sharpe` is :func:`smart_sharpe`'s with 1.

    from_zero : bool, default=False
        Whether the sum that the drawdown is taken of starts at 0, see
        :func:`max_drawdown`.

    nan_policy : {"propagate", "omit", "raise"}, default="propagate"
        What to do where a score is NaN, as a model's is that predicts the same for a
        whole era: NaN in the summary, leave the era out, or raise a ValueError.

    confidence_level : float, default=None
        With 0.95, two more columns for each statistic: ``mean_low``, ``mean_high``...,
        the ends of 95 % confidence intervals by :func:`bootstrap_interval`. NaN for a
        model whose eras are fewer than two blocks after `nan_policy` left some out.

    horizon : int, default=None
        For intervals: days that the target looks ahead, 20 or 60; 0 for scores that do
        not overlap. By default the end of the scores' names, where these are names of
        targets such as "target_ender_20".

    block_size : float, default=None
        For intervals: mean length of a block in eras, instead of `horizon`.

    method : {"stationary", "circular"}, default="stationary"
        For intervals: how blocks are drawn, see :func:`bootstrap_interval`.

    n_resamples : int, default=2000
        For intervals: number of resamples.

    random_state : int, RandomState instance or None, default=None
        For intervals: seed of the resamples. With an int a model has the same interval
        alone and beside others.

    Returns
    -------
    summary : Series of shape (7,) or DataFrame of shape (n_models, 7)
        The statistics, with their intervals if asked for, and `n_eras`.

    Raises
    ------
    UnknownHorizonError
        If intervals are asked for, neither `horizon` nor `block_size` is given and no
        name tells the horizon.

    ValueError
        If a statistic is not known, `nan_policy` is "raise" and a score is NaN, or a
        parameter of the intervals is out of its range.

    See Also
    --------
    bootstrap_interval : Interval of one statistic, any function among them.
    compare_scores : Whether one model is better than another.
    sharpe_ratio : Mean over standard deviation.
    max_drawdown : Deepest fall of the sum.

    Examples
    --------
    >>> from sknumerai.metrics import score_summary
    >>> score_summary([0.02, -0.01, 0.03, 0.04]).round(3)
    mean               0.020
    std                0.019
    sharpe             1.069
    max_drawdown       0.010
    positive_share     0.750
    autocorrelation   -0.091
    n_eras             4.000
    dtype: float64

    >>> import numpy as np
    >>> scores = np.random.default_rng(0).normal(0.02, 0.02, size=200)
    >>> score_summary(
    ...     scores, statistics=["mean"], confidence_level=0.95, horizon=20,
    ...     random_state=0,
    ... ).round(3)
    mean           0.020
    mean_low       0.017
    mean_high      0.024
    n_eras       200.000
    dtype: float64
    """
    caller = "score_summary"
    names = _check_statistics(statistics, caller)
    table, _ = as_table(scores)
    models = drop_missing(table, nan_policy, caller)
    kernels = {name: _with_options(name, ddof, from_zero) for name in names}
    wants_intervals = confidence_level is not None
    if wants_intervals:
        check_confidence_level(confidence_level, caller)
        check_bootstrap(method, n_resamples, caller)
        rows = block_rows(table, horizon, block_size, caller)
        check_enough(len(table), rows, caller)
        bounds = intervals(
            models,
            kernels,
            rows=rows,
            confidence_level=confidence_level,
            method=method,
            n_resamples=n_resamples,
            random_state=random_state,
        )
    summaries = []
    for i, values in enumerate(models):
        summary = {}
        for name, kernel in kernels.items():
            summary[name] = float(kernel(values))
            if wants_intervals:
                summary[f"{name}_low"] = float(bounds[name].low[i])
                summary[f"{name}_high"] = float(bounds[name].high[i])
        summaries.append({**summary, "n_eras": len(values)})
    return by_model_frame(scores, summaries)


def check_aggregate(aggregate, caller):
    """Raise if `aggregate` is neither a name, nor a callable, nor None."""
    if not (aggregate is None or callable(aggregate) or aggregate in AGGREGATES):
        raise ValueError(
            f"{caller}: aggregate must be one of {sorted(AGGREGATES)}, a callable of "
            f"one model's era scores, or None. Got {aggregate!r} instead."
        )


def aggregate_scores(scores, aggregate):
    """Aggregate the scores of a Series to a float, those of a DataFrame by column."""
    if not callable(aggregate):
        return _statistic(AGGREGATES[aggregate], scores)
    if isinstance(scores, pd.Series):
        return float(aggregate(scores))
    return scores.apply(aggregate).astype(np.float64)


def _statistic(kernel, scores, **kwargs):
    table, _ = as_table(scores)
    return by_model(scores, kernel(as_rows(table), **kwargs))


def _check_statistics(statistics, caller):
    if statistics is None:
        return list(DEFAULT_STATISTICS)
    if isinstance(statistics, str):
        statistics = ALL_STATISTICS if statistics == "all" else [statistics]
    unknown = [name for name in statistics if name not in AGGREGATES]
    if unknown or not len(statistics):
        raise ValueError(
            f"{caller}: statistics must be 'all' or names of {sorted(AGGREGATES)}. Got "
            f"{unknown or 'none'}."
        )
    return list(statistics)


def _with_options(name, ddof, from_zero):
    if name in ("std", "sharpe", "adjusted_sharpe"):
        return partial(AGGREGATES[name], ddof=ddof)
    if name == "max_drawdown":
        return partial(AGGREGATES[name], from_zero=from_zero)
    return AGGREGATES[name]
