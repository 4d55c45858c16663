"""Summaries of era scores."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

from sknumerai.metrics._blocks import block_rows, check_enough
from sknumerai.metrics._bootstrap import (
    check_bootstrap,
    check_confidence_level,
    intervals,
)
from sknumerai.metrics._statistics import AGGREGATES
from sknumerai.metrics._table import (
    as_table,
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
    verbose=1,
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

    verbose : int, default=1
        For intervals: whether a progress bar appears if it takes more than two seconds.

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
            verbose=verbose,
            caller=caller,
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
