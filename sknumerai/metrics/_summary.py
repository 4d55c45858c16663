"""Summaries of era scores."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils import pearson_correlation


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
    return _by_model(_sharpe, scores, ddof=ddof)


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
    return _by_model(_drawdown, scores, from_zero=from_zero)


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
    return _by_model(_autocorrelation, scores, lag=lag)


def score_summary(scores, *, ddof=0, from_zero=False, nan_policy="propagate"):
    """Summarize the era scores of one or many models.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.

    ddof : int, default=0
        The standard deviation divides by ``n_eras - ddof``.

    from_zero : bool, default=False
        Whether the sum that the drawdown is taken of starts at 0, see
        :func:`max_drawdown`.

    nan_policy : {"propagate", "omit", "raise"}, default="propagate"
        What to do where a score is NaN, as a model's is that predicts the same for a
        whole era: NaN in the summary, leave the era out, or raise a ValueError.

    Returns
    -------
    summary : Series of shape (7,) or DataFrame of shape (n_models, 7)
        `mean`, `std`, `sharpe`, `max_drawdown`, `positive_share` (share of eras above
        0), `autocorrelation` (of neighbouring eras) and `n_eras`.

    Raises
    ------
    ValueError
        If `nan_policy` is none of the three, or is "raise" and a score is NaN.

    See Also
    --------
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
    """
    if nan_policy not in ("propagate", "omit", "raise"):
        raise ValueError(
            "score_summary: nan_policy must be 'propagate', 'omit' or 'raise'. Got "
            f"{nan_policy!r} instead."
        )
    table, is_one = _as_table(scores)
    rows = {}
    for j, name in enumerate(table.columns):
        values = table.iloc[:, j].to_numpy()
        missing = np.isnan(values)
        if missing.any() and nan_policy == "raise":
            raise ValueError(
                f"score_summary: {int(missing.sum())} of {len(values)} era scores of "
                f"model {name!r} are NaN, the first in era "
                f"{table.index[missing][0]}. Does it predict the same for a whole "
                "era? Pass nan_policy='omit' to leave such eras out."
            )
        if nan_policy == "omit":
            values = values[~missing]
        rows[j] = {
            "mean": _mean(values),
            "std": _std(values, ddof),
            "sharpe": _sharpe(values, ddof),
            "max_drawdown": _drawdown(values, from_zero),
            "positive_share": _positive_share(values),
            "autocorrelation": _autocorrelation(values),
            "n_eras": len(values),
        }
    summary = pd.DataFrame.from_dict(rows, orient="index")
    if is_one:
        return summary.iloc[0].rename(table.columns[0])
    summary.index = table.columns
    return summary


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
        return _by_model(AGGREGATES[aggregate], scores)
    if isinstance(scores, pd.Series):
        return float(aggregate(scores))
    return scores.apply(aggregate).astype(np.float64)


def _as_table(scores):
    is_one = np.ndim(scores) == 1
    if isinstance(scores, pd.Series):
        table = scores.to_frame()
        table.columns = [scores.name]
    elif is_one:
        table = pd.DataFrame({None: np.asarray(scores, dtype=np.float64)})
    else:
        table = pd.DataFrame(scores)
    return table.astype(np.float64), is_one


def _by_model(statistic, scores, **kwargs):
    table, is_one = _as_table(scores)
    values = table.to_numpy()
    results = [statistic(values[:, j], **kwargs) for j in range(values.shape[1])]
    return results[0] if is_one else pd.Series(results, index=table.columns)


def _mean(values):
    return float(np.mean(values)) if len(values) else np.nan


def _std(values, ddof=0):
    if len(values) <= ddof:
        return np.nan
    return float(np.std(values, ddof=ddof))


def _sharpe(values, ddof=0):
    # equal scores have no spread, though their rounded mean may differ from them
    if len(values) <= ddof or (values == values[0]).all():
        return np.nan
    return float(np.mean(values) / np.std(values, ddof=ddof))


def _drawdown(values, from_zero=False):
    total = np.cumsum(values)
    if from_zero:
        total = np.concatenate([[0.0], total])
    if len(total) == 0:
        return np.nan
    # NaN goes through cumsum, maximum and max to the result
    return float((np.maximum.accumulate(total) - total).max())


def _positive_share(values):
    if len(values) == 0 or np.isnan(values).any():
        return np.nan
    return float((values > 0).mean())


def _autocorrelation(values, lag=1):
    return pearson_correlation(values[:-lag], values[lag:])


AGGREGATES = {
    "mean": _mean,
    "median": lambda values: float(np.median(values)) if len(values) else np.nan,
    "std": _std,
    "min": lambda values: float(np.min(values, initial=np.inf)),
    "max": lambda values: float(np.max(values, initial=-np.inf)),
    "sharpe": _sharpe,
    "max_drawdown": _drawdown,
    "positive_share": _positive_share,
    "autocorrelation": _autocorrelation,
}
