"""How far era scores depend on each other: blocks of eras and what they are worth."""

# SPDX-License-Identifier: BSD-3-Clause

import re
from numbers import Integral, Real

import numpy as np

from sknumerai.exceptions import UnknownHorizonError
from sknumerai.metrics._table import as_table, by_model, drop_missing
from sknumerai.utils import ERA_LEVEL, era_numbers

# Only the name of a target tells the horizon of scores: "lgbm_20" is what a model was
# trained on, which may be scored on another target.
_TARGET = re.compile(r"target\w*_(\d+)d?", re.IGNORECASE)
DAYS_PER_ERA = 5
# A block twice as long as the overlap lets through most of the dependence and leaves
# as many blocks as possible; what it cuts off is put back by `correction`.
OVERLAPS_PER_BLOCK = 2


def effective_n_eras(scores, *, horizon=None, block_size=None, nan_policy="propagate"):
    """Count the independent eras that would tell as much about the mean.

    Targets of 20 and 60 days overlap those of the next 4 and 12 eras, so neighbouring
    scores repeat each other: 100 of them may be worth 30 or 10. The number is the
    variance of the scores over the variance of their mean.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.

    horizon : int, default=None
        Days that the target looks ahead, 20 or 60; 0 for scores that do not overlap.
        By default the end of the scores' names, where these are names of targets such
        as "target_ender_20".

    block_size : float, default=None
        Mean length of a block in eras, instead of `horizon`; see
        :func:`bootstrap_interval`.

    nan_policy : {"propagate", "omit", "raise"}, default="propagate"
        What to do where a score is NaN: NaN as the result, leave the era out, or raise.

    Returns
    -------
    n_effective : float or Series of shape (n_models,)
        Between 0 and the number of eras, which is also the answer where neighbours are
        negatively related. NaN where a score is NaN or all are equal.

    Raises
    ------
    UnknownHorizonError
        If neither `horizon` nor `block_size` is given and no name tells the horizon.

    ValueError
        If the eras are not in time order, hold fewer than two blocks, or a parameter is
        out of its range.

    Notes
    -----
    The variance of the mean is that of the stationary bootstrap, which has a closed
    form (Politis & Romano 1994), with the correction of
    :func:`bootstrap_interval`.

    References
    ----------
    Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. Journal of the
    American Statistical Association 89, Lemma 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import effective_n_eras
    >>> noise = np.random.default_rng(0).normal(size=403)
    >>> overlapping = np.convolve(noise, np.ones(4), mode="valid")
    >>> round(effective_n_eras(overlapping, horizon=20))
    107
    """
    caller = "effective_n_eras"
    table, _ = as_table(scores)
    rows = block_rows(table, horizon, block_size, caller)
    check_enough(len(table), rows, caller)
    values = drop_missing(table, nan_policy, caller)
    return by_model(scores, [independent_eras(v, rows) for v in values])


def independent_eras(values, rows):
    """Effective number of one model's eras, given the mean length of a block in rows."""
    n_eras = len(values)
    if n_eras < 2 * rows or np.isnan(values).any() or (values == values[0]).all():
        return np.nan
    centred = values - values.mean()
    products = np.correlate(centred, centred, mode="full")[n_eras - 1 :]
    stay = _staying(n_eras, rows, "stationary")
    variance = products[0] + 2 * (stay[1:] * products[1:]).sum()
    variance *= correction(n_eras, rows, "stationary") ** 2
    if variance <= 0:
        return float(n_eras)
    # one more, as the scores' own variance is too small by one independent era
    return float(min(n_eras, 1 + n_eras * products[0] / variance))


def block_rows(table, horizon, block_size, caller):
    """Mean length of a block in rows of the table.

    It is given in eras. Where the index holds era numbers, rows that are four eras
    apart make blocks of a fourth of the rows.
    """
    eras = block_size
    if block_size is None:
        eras = _eras_of_horizon(_horizon(table, horizon, caller))
    elif isinstance(block_size, bool) or not (
        isinstance(block_size, Real) and 1 <= block_size < np.inf
    ):
        raise ValueError(
            f"{caller}: block_size must be a number of eras of at least 1. Got "
            f"{block_size!r}."
        )
    return max(1.0, eras / _era_step(table.index, caller))


def check_enough(n_eras, rows, caller):
    """Raise if the rows hold fewer than two blocks."""
    if n_eras < 2 * rows:
        raise ValueError(
            f"{caller}: {n_eras} era scores hold fewer than two blocks of {rows:g} "
            "rows, so they do not show how uncertain they are. Score more eras, or "
            "pass a shorter block_size if they depend on each other less than that."
        )


def correction(n_eras, rows, method):
    """Factor by which resampled blocks understate a standard error.

    Blocks cut off a part of the dependence of eras, and deviations from the own mean of
    few blocks are too small, as with any variance over n instead of n - 1. Both are
    exactly known for a mean of eras that overlap by half a block.
    """
    lag = np.arange(n_eras)
    covariance = np.maximum(1 - lag * OVERLAPS_PER_BLOCK / rows, 0)
    covariance[0] = 1
    # of each era with the sum of all
    partial = covariance.cumsum()
    with_sum = partial + partial[::-1] - 1
    of_mean = with_sum.sum() / n_eras**2
    # expected sums of products of deviations from the mean, so many eras apart
    n_pairs = n_eras - lag
    products = n_pairs * (covariance + of_mean)
    products -= 2 * with_sum.cumsum()[::-1] / n_eras
    stay = _staying(n_eras, rows, method)
    seen = (products[0] + 2 * (stay[1:] * products[1:]).sum()) / n_eras**2
    return np.sqrt(of_mean / seen)


def freedom(n_eras, rows, method):
    """Degrees of freedom of a standard error by resampled blocks.

    Satterthwaite's rule for eras that overlap by half a block; these lines follow it to
    a tenth from two blocks on.
    """
    if rows == 1:
        return n_eras - 1
    n_blocks = n_eras / rows
    return 1.13 * n_blocks - 0.6 if method == "circular" else 0.78 * n_blocks + 0.9


def _staying(n_eras, rows, method):
    """Chance that two eras, so many rows apart, stay together, round the end too."""
    lag = np.arange(n_eras)
    if method == "circular":
        length = max(1, round(rows))
        away = n_eras - lag
        return np.maximum(1 - lag / length, 0) + np.maximum(1 - away / length, 0)
    share = lag / n_eras
    keep = 1 - 1 / rows
    return (1 - share) * keep**lag + share * keep ** (n_eras - lag)


def _eras_of_horizon(horizon):
    # 20 days from the Friday of one era reach into the fifth era
    overlap = horizon // DAYS_PER_ERA + 1 if horizon else 1
    return OVERLAPS_PER_BLOCK * overlap if horizon else 1


def _horizon(table, horizon, caller):
    if horizon is not None:
        if isinstance(horizon, bool) or not isinstance(horizon, Integral):
            raise ValueError(
                f"{caller}: horizon must be an integer number of days. Got {horizon!r}."
            )
        if horizon < 0:
            raise ValueError(f"{caller}: horizon must not be negative. Got {horizon}.")
        return int(horizon)
    told = [_TARGET.fullmatch(str(name)) for name in table.columns]
    if not told or not all(told):
        raise UnknownHorizonError(
            f"{caller}: how long neighbouring era scores depend on each other is not "
            f"known from the names {[*table.columns][:3]}. Pass the days that the "
            "target looks ahead: horizon=20 or horizon=60 (0 if eras do not overlap), "
            "or block_size in eras."
        )
    return max(int(match[1]) for match in told)


def _era_step(index, caller):
    if ERA_LEVEL not in index.names or len(index) < 2:
        return 1.0
    numbers = era_numbers(index.get_level_values(ERA_LEVEL).tolist(), caller=caller)
    steps = np.diff(numbers)
    if (steps <= 0).any():
        position = int(np.argmax(steps <= 0))
        raise ValueError(
            f"{caller}: eras must be in time order, each once: era "
            f"{numbers[position + 1]} follows {numbers[position]}. Sort the scores "
            "first."
        )
    return float(np.median(steps))
