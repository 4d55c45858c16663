"""Statistics of era scores along the last axis: the formulas, once for all uses.

Each takes an array of shape (..., n_eras) and gives one of shape (...). NaN goes through
to the result. One model, many models and thousands of resamples are computed alike.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def mean(values):
    """Mean; NaN of nothing."""
    return values.mean(axis=-1) if values.shape[-1] else _nothing(values)


def std(values, ddof=0):
    """Standard deviation; NaN of `ddof` eras or fewer."""
    if values.shape[-1] <= ddof:
        return _nothing(values)
    return values.std(axis=-1, ddof=ddof)


def sharpe(values, ddof=0, cost=0.0):
    """Mean less `cost` over standard deviation; NaN of equal scores."""
    if values.shape[-1] <= ddof:
        return _nothing(values)
    # equal scores have no spread, though their rounded mean may differ from them
    equal = (values == values[..., :1]).all(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (values.mean(axis=-1) - cost) / values.std(axis=-1, ddof=ddof)
    return np.where(equal, np.nan, ratio)


def adjusted_sharpe(values, ddof=0, cost=0.0):
    """Sharpe ratio corrected for skewness and excess kurtosis."""
    ratio = sharpe(values, ddof, cost)
    skewness, kurtosis = shape_moments(values)
    return ratio * (1 + skewness * ratio / 6 - (kurtosis - 3) * ratio**2 / 24)


def smart_sharpe(values, ddof=1, first=None):
    """Sharpe ratio with a standard deviation raised for autocorrelation.

    `first` is the autocorrelation of neighbours where it was computed otherwise.
    """
    first = autocorrelation(values) if first is None else first
    return sharpe(values, ddof) / _persistence(first, values.shape[-1])


def _persistence(first, n_eras):
    """Square root of 1 + 2 sum_i (n - i) / n first^i, by Horner's rule."""
    total = np.zeros_like(first)
    for weight in np.arange(1, n_eras)[::-1]:
        total = (total + (n_eras - weight) / n_eras) * first
    inflation = 1 + 2 * total
    return np.sqrt(np.where(inflation > 0, inflation, np.nan))


def shape_moments(values):
    """Skewness and kurtosis (3 for normal scores), both of the population."""
    if values.shape[-1] == 0:
        return _nothing(values), _nothing(values)
    centred = values - values.mean(axis=-1, keepdims=True)
    squares = centred**2
    variance = squares.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = (squares * centred).mean(axis=-1) / variance**1.5
        kurtosis = (squares**2).mean(axis=-1) / variance**2
    return skewness, kurtosis


def drawdown(values, from_zero=False):
    """Deepest fall of the cumulated scores below their highest point."""
    total = values.cumsum(axis=-1)
    if from_zero:
        start = np.zeros((*values.shape[:-1], 1))
        total = np.concatenate([start, total], axis=-1)
    if total.shape[-1] == 0:
        return _nothing(values)
    # NaN goes through cumsum, maximum and max to the result
    top = np.maximum.accumulate(total, axis=-1)
    return np.subtract(top, total, out=top).max(axis=-1)


def positive_share(values):
    """Share of eras above 0."""
    if values.shape[-1] == 0:
        return _nothing(values)
    return np.where(np.isnan(values).any(-1), np.nan, (values > 0).mean(axis=-1))


def losing_run(values):
    """Largest number of eras in a row below 0."""
    if values.shape[-1] == 0:
        return _nothing(values)
    position = np.arange(values.shape[-1])
    last_kept = np.maximum.accumulate(np.where(values < 0, -1, position), axis=-1)
    longest = (position - last_kept).max(axis=-1).astype(np.float64)
    return np.where(np.isnan(values).any(axis=-1), np.nan, longest)


def autocorrelation(values, lag=1):
    """Pearson's correlation of the scores with those `lag` rows earlier."""
    earlier, later = values[..., :-lag], values[..., lag:]
    if earlier.shape[-1] < 2:
        return _nothing(values)
    earlier, later = _unit(earlier), _unit(later)
    return np.einsum("...i,...i->...", earlier, later)


def _unit(values):
    equal = (values == values[..., :1]).all(axis=-1, keepdims=True)
    centred = values - values.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = centred / np.sqrt((centred**2).sum(axis=-1, keepdims=True))
    return np.where(equal, np.nan, unit)


def minimum(values):
    """Worst era."""
    return values.min(axis=-1) if values.shape[-1] else _nothing(values)


def maximum(values):
    """Best era."""
    return values.max(axis=-1) if values.shape[-1] else _nothing(values)


def _nothing(values):
    return np.full(values.shape[:-1], np.nan)


def median(values):
    """Median; NaN of nothing."""
    return np.median(values, axis=-1) if values.shape[-1] else _nothing(values)


def mean_plus_worst(values):
    """Mean plus the worst era: a mean that pays for its deepest loss."""
    if values.shape[-1] == 0:
        return _nothing(values)
    return values.mean(axis=-1) + values.min(axis=-1)


def _nothing(values):
    return np.full(values.shape[:-1], np.nan)


AGGREGATES = {
    "mean": mean,
    "median": median,
    "std": std,
    "min": minimum,
    "max": maximum,
    "worst": minimum,
    "mean_plus_worst": mean_plus_worst,
    "sharpe": sharpe,
    "adjusted_sharpe": adjusted_sharpe,
    "smart_sharpe": smart_sharpe,
    "max_drawdown": drawdown,
    "positive_share": positive_share,
    "longest_losing_run": losing_run,
    "autocorrelation": autocorrelation,
}
