"""Confidence intervals of statistics of era scores, by resampling blocks of eras."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from sknumerai.metrics._blocks import (
    block_rows,
    check_enough,
    correction,
    freedom,
)
from sknumerai.metrics._statistics import AGGREGATES, smart_sharpe
from sknumerai.metrics._table import as_table, by_model_frame, drop_missing
from sknumerai.utils._progress import bar_of

METHODS = ("stationary", "circular")
INTERVALS = ("student", "percentile", "basic")
# Elements of the arrays that are held at once: 2 MB of indices, 16 MB of scores.
MAX_INDEX, MAX_DRAWN = 2**18, 2**21
# Scales on which resamples are closer to normal; None: as they are.
_ROOT = (
    lambda x: np.sqrt(np.maximum(x, 0)),
    lambda z: np.maximum(z, 0) ** 2,
)
_SCALES = {
    "std": (
        lambda x: np.log(np.maximum(x, np.finfo(np.float64).tiny)),
        np.exp,
    ),
    "max_drawdown": _ROOT,
    "longest_losing_run": _ROOT,
    "positive_share": (
        lambda x: np.arcsin(np.sqrt(x)),
        lambda z: np.sin(np.clip(z, 0, np.pi / 2)) ** 2,
    ),
    "autocorrelation": (
        lambda x: np.arctanh(np.clip(x, -1 + 1e-9, 1 - 1e-9)),
        np.tanh,
    ),
}
_IDENTITY = (lambda x: x, lambda z: z)


@dataclass(frozen=True, eq=False)
class Interval:
    """Estimate, standard error and ends of the intervals of some models."""

    estimate: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def empty(cls, n_models):
        """Intervals of which nothing is known yet."""
        return cls(*(np.full(n_models, np.nan) for _ in range(4)))

    def of_model(self, i):
        """What is known of one model, as a dict of floats."""
        return {name: float(value[i]) for name, value in vars(self).items()}


def bootstrap_interval(
    scores,
    statistic="mean",
    *,
    confidence_level=0.95,
    horizon=None,
    block_size=None,
    method="stationary",
    interval="student",
    n_resamples=2000,
    nan_policy="propagate",
    random_state=None,
    verbose=1,
):
    """Estimate how uncertain a statistic of era scores is.

    Scores of neighbouring eras repeat each other, as their targets overlap. So blocks
    of eras are drawn with replacement, not single eras, until a series as long as the
    original is there, and the statistic is computed of many such series.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.
        Rows are taken for consecutive: eras on both sides of a gap are neighbours.

    statistic : str or callable, default="mean"
        Name of an aggregate, such as "mean", "sharpe" or "max_drawdown", or a function
        of an array of one model's era scores that gives a float. Functions are called
        for each resample, which takes its time.

    confidence_level : float, default=0.95
        Share of such intervals that should hold the true value.

    horizon : int, default=None
        Days that the target looks ahead: 20 means blocks of 10 eras, 60 of 26, and
        other numbers twice as many eras as overlap; 0 means single eras. By default the
        end of the scores' names, where these are names of targets such as
        "target_ender_20".

    block_size : float, default=None
        Mean length of a block in eras, instead of `horizon`. It should be twice the
        number of eras that depend on each other. Where the index level "era" holds era
        numbers, eras are counted by number: of every fourth era a block of 10 takes
        2.5 rows on average. Otherwise a row is an era.

    method : {"stationary", "circular"}, default="stationary"
        Whether the lengths of blocks vary, geometrically distributed around the mean
        length, or are all the same (rounded). Both continue at the first era where a
        block reaches past the last one.

    interval : {"student", "percentile", "basic"}, default="student"
        "student": the estimate plus and minus the corrected standard error times the
        quantile of Student's distribution with about 0.8 degrees of freedom for each
        block (1.1 if `method` is "circular"). "percentile", "basic": quantiles of the resamples, as they are
        or reflected at the estimate.

    n_resamples : int, default=2000
        Number of resamples.

    nan_policy : {"propagate", "omit", "raise"}, default="propagate"
        What to do where a score is NaN: NaN as the result, leave the era out, or raise.

    random_state : int, RandomState instance or None, default=None
        Seed of the resamples. With an int a model has the same interval alone and
        beside others.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    interval : Series of shape (5,) or DataFrame of shape (n_models, 5)
        `estimate`, `standard_error`, `low`, `high` and `n_eras`.

    Raises
    ------
    UnknownHorizonError
        If neither `horizon` nor `block_size` is given and no name tells the horizon.

    ValueError
        If the eras are not in time order, hold fewer than two blocks, or a parameter is
        out of its range.

    See Also
    --------
    score_summary : Intervals of all statistics at once.
    compare_scores : Interval of the difference of two models.

    Notes
    -----
    The default was chosen by coverage. In simulations of overlapping targets 95 %
    intervals of the mean by percentiles held the true value in 74 to 92 % of cases, and
    "student" in 95 to 96 %; the user guide has the table. Reasons: blocks cut off part
    of the dependence, and deviations from the mean of a few blocks are too small. Both
    are known for eras that overlap by half a block, and the standard error is corrected
    for them. "student" works on a scale that is closer to normal: logarithm of the
    standard deviation, square root of drawdowns and runs, arcsine of the root of
    shares, Fisher's z of the autocorrelation. Pairs of neighbours are resampled as
    pairs.

    An interval of a drawdown, a longest run or a worst era is about histories of the
    same length, and rough: no resample has a worse era than there was. Where all resamples
    agree, as of a share of eras that is 1, the interval has no width, which is no
    certainty.

    Time and memory grow with eras x models x resamples; no more than about 100 MB are
    held at once, besides one number for each model and resample.

    References
    ----------
    Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. Journal of the
    American Statistical Association 89. Politis, D. N. and Romano, J. P. (1992). A
    circular block-resampling procedure for stationary data. Satterthwaite, F. E.
    (1946). An approximate distribution of estimates of variance components. Biometrics
    Bulletin 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import bootstrap_interval
    >>> noise = np.random.default_rng(0).normal(size=204)
    >>> scores = 0.02 + 0.01 * np.convolve(noise, np.ones(5), mode="valid")
    >>> bootstrap_interval(scores, horizon=20, random_state=0).round(3)
    estimate            0.020
    standard_error      0.004
    low                 0.013
    high                0.028
    n_eras            200.000
    dtype: float64
    """
    caller = "bootstrap_interval"
    kernel = check_statistic(statistic, caller)
    check_confidence_level(confidence_level, caller)
    check_bootstrap(method, n_resamples, caller)
    if interval not in INTERVALS:
        raise ValueError(
            f"{caller}: interval must be one of {INTERVALS}. Got {interval!r}."
        )
    table, _ = as_table(scores)
    rows = block_rows(table, horizon, block_size, caller)
    check_enough(len(table), rows, caller)
    models = drop_missing(table, nan_policy, caller)
    bounds = intervals(
        models,
        {statistic: kernel},
        rows=rows,
        confidence_level=confidence_level,
        method=method,
        interval=interval,
        n_resamples=n_resamples,
        random_state=random_state,
        verbose=verbose,
        caller=caller,
    )[statistic]
    results = [
        {**bounds.of_model(i), "n_eras": len(values)} for i, values in enumerate(models)
    ]
    return by_model_frame(scores, results)


def intervals(
    models,
    kernels,
    *,
    rows,
    confidence_level,
    method,
    n_resamples,
    random_state,
    interval="student",
    verbose=0,
    caller=None,
):
    """Intervals of several statistics of the era scores of each model.

    `models` is a list of vectors, `kernels` a dict of functions along the last axis.
    Gives a dict of :class:`Interval`. Fewer than two blocks of eras have no interval.
    """
    lengths = np.array([len(values) for values in models])
    found = {name: Interval.empty(len(models)) for name in kernels}
    # models with as many eras are resampled together
    n_drawn = n_resamples * int((lengths >= 2 * rows).sum())
    with bar_of(n_drawn, caller, verbose, unit="resample") as bar:
        for n_eras in np.unique(lengths):
            where = np.flatnonzero(lengths == n_eras)
            values = np.stack([models[i] for i in where])
            for name, kernel in kernels.items():
                found[name].estimate[where] = kernel(values)
            if n_eras < 2 * rows:
                continue
            draws = resample(
                values, kernels, rows, method, n_resamples, random_state, bar.update
            )
            factor = correction(n_eras, rows, method)
            for name, drawn in draws.items():
                one = found[name]
                one.standard_error[where] = factor * spread(drawn)
                estimate = one.estimate[where]
                scale = _SCALES.get(name, _IDENTITY)
                if interval == "student":
                    student = stats.t(freedom(n_eras, rows, method))
                    reach = factor * student.ppf((1 + confidence_level) / 2)
                    low, high = _student(estimate, drawn, scale, reach)
                else:
                    low, high = _quantiles(estimate, drawn, confidence_level, interval)
                one.low[where], one.high[where] = low, high
    return found


def resample(values, kernels, rows, method, n_resamples, random_state, update=None):
    """Statistics of resampled eras, a dict of arrays of shape (n_models, n_resamples).

    All models of `values`, of shape (n_models, n_eras), are given the same eras.
    `update` is told how many more resamples of how many models are done.
    """
    random_state = check_random_state(random_state)
    n_models, n_eras = values.shape
    # chunks of resamples do not depend on the number of models, so neither do draws
    n_at_once = max(1, MAX_INDEX // n_eras)
    n_together = max(1, MAX_DRAWN // (n_at_once * n_eras))
    found = {name: np.empty((n_models, n_resamples)) for name in kernels}
    for start in range(0, n_resamples, n_at_once):
        chunk = slice(start, min(start + n_at_once, n_resamples))
        shape = (chunk.stop - chunk.start, n_eras)
        index = draw_eras(shape, rows, method, random_state)
        for first in range(0, n_models, n_together):
            some = slice(first, first + n_together)
            drawn = np.take(values[some], index, axis=1)
            pairs = None
            if not kernels.keys().isdisjoint(("autocorrelation", "smart_sharpe")):
                pairs = _pair_correlation(values[some], drawn, index)
            for name, kernel in kernels.items():
                if name == "autocorrelation":
                    found[name][some, chunk] = pairs
                elif name == "smart_sharpe":
                    found[name][some, chunk] = smart_sharpe(drawn, first=pairs)
                else:
                    found[name][some, chunk] = kernel(drawn)
            if update is not None:
                update(drawn.shape[0] * drawn.shape[1])
    return found


def draw_eras(shape, rows, method, random_state):
    """Positions of drawn eras, of shape (n_resamples, n_eras)."""
    n_resamples, n_eras = shape
    position = np.arange(n_eras)
    if method == "circular":
        length = max(1, round(rows))
        first = random_state.randint(n_eras, size=(n_resamples, -(-n_eras // length)))
        blocks = first[:, :, None] + np.arange(length)
        return blocks.reshape(n_resamples, -1)[:, :n_eras] % n_eras
    first = random_state.randint(n_eras, size=shape)
    begins = random_state.random_sample(shape) < 1 / rows
    begins[:, 0] = True
    # where the block began that holds each position
    began = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    index = np.take_along_axis(first, began, axis=1)
    index += position
    index -= began
    index %= n_eras
    return index


def _pair_correlation(values, drawn, index):
    """Correlation of drawn eras with those that follow them in the original.

    Where two blocks meet in a resample two eras are neighbours that never were, and
    correlating the resample itself would understate the autocorrelation.
    """
    n_eras = values.shape[1]
    centre = values.mean(axis=1)[:, None]
    earlier = drawn - centre[:, None]
    later = np.take(values - centre, (index + 1) % n_eras, axis=1)
    has_next = (index < n_eras - 1).astype(np.float64)
    earlier *= has_next
    later *= has_next
    count = has_next.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_earlier = earlier.sum(axis=-1) / count
        mean_later = later.sum(axis=-1) / count
        dot = "mri,mri->mr"
        square_earlier = np.einsum(dot, earlier, earlier) / count - mean_earlier**2
        square_later = np.einsum(dot, later, later) / count - mean_later**2
        product = np.einsum(dot, earlier, later) / count - mean_earlier * mean_later
        return np.clip(product / np.sqrt(square_earlier * square_later), -1, 1)


def spread(drawn):
    """Standard deviation of resamples, those without a value left out."""
    known = np.isfinite(drawn)
    count = known.sum(axis=1)
    # a statistic that most resamples lack has no known spread
    enough = count >= max(2, 0.9 * drawn.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, drawn, 0).sum(axis=1) / count
        squares = np.where(known, (drawn - mean[:, None]) ** 2, 0).sum(axis=1)
        return np.where(enough, np.sqrt(squares / (count - 1)), np.nan)


def _student(estimate, drawn, scale, reach):
    forth, back = scale
    width = reach * spread(forth(drawn))
    low, high = back(forth(estimate) - width), back(forth(estimate) + width)
    # a statistic at the end of its range comes back inexact
    return np.fmin(low, estimate) + 0 * width, np.fmax(high, estimate) + 0 * width


def _quantiles(estimate, drawn, confidence_level, interval):
    ends = (1 - confidence_level) / 2, (1 + confidence_level) / 2
    low, high = np.quantile(drawn, ends, axis=1)
    if interval == "basic":
        low, high = 2 * estimate - high, 2 * estimate - low
    return low, high


def check_statistic(statistic, caller):
    """The function along the last axis of a statistic's name or of a callable."""
    if callable(statistic):
        return lambda values: np.apply_along_axis(statistic, -1, values)
    if not isinstance(statistic, str) or statistic not in AGGREGATES:
        raise ValueError(
            f"{caller}: statistic must be one of {sorted(AGGREGATES)} or a function of "
            f"one model's era scores. Got {statistic!r}."
        )
    return AGGREGATES[statistic]


def check_confidence_level(confidence_level, caller):
    """Raise if it is no share between 0 and 1."""
    if isinstance(confidence_level, bool) or not (
        isinstance(confidence_level, Real) and 0 < confidence_level < 1
    ):
        raise ValueError(
            f"{caller}: confidence_level must be between 0 and 1, such as 0.95. Got "
            f"{confidence_level!r}."
        )


def check_bootstrap(method, n_resamples, caller):
    """Raise if blocks cannot be drawn so, or not so often."""
    if method not in METHODS:
        raise ValueError(f"{caller}: method must be one of {METHODS}. Got {method!r}.")
    if (
        isinstance(n_resamples, bool)
        or not isinstance(n_resamples, Integral)
        or n_resamples < 2
    ):
        raise ValueError(
            f"{caller}: n_resamples must be an integer of at least 2. Got "
            f"{n_resamples!r}."
        )
