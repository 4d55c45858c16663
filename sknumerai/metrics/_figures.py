"""Single figures of era scores: Sharpe ratios, drawdown, shares, runs."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics import _statistics
from sknumerai.metrics._table import as_rows, as_table, by_model


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
    return statistic_by_model(_statistics.sharpe, scores, ddof=ddof)


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
    return statistic_by_model(_statistics.drawdown, scores, from_zero=from_zero)


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
    return statistic_by_model(_statistics.autocorrelation, scores, lag=lag)


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
    return statistic_by_model(_statistics.positive_share, scores)


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
    return statistic_by_model(_statistics.losing_run, scores)


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
    return statistic_by_model(_statistics.adjusted_sharpe, scores, ddof=ddof, cost=cost)


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
    return statistic_by_model(_statistics.smart_sharpe, scores, ddof=ddof)


def statistic_by_model(kernel, scores, **kwargs):
    table, _ = as_table(scores)
    return by_model(scores, kernel(as_rows(table), **kwargs))
