"""Whether one model is better than another on the same eras."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
import pandas as pd
from scipy import stats

from sknumerai.metrics._blocks import (
    block_rows,
    check_enough,
    correction,
    freedom,
    independent_eras,
)
from sknumerai.metrics._bootstrap import (
    check_bootstrap,
    check_confidence_level,
    check_statistic,
    resample,
    spread,
)
from sknumerai.metrics._table import as_table, drop_missing
from sknumerai.utils import ERA_LEVEL, era_numbers
from sknumerai.utils._progress import bar_over

# A standard error that is a smaller share of the difference is rounding.
_ROUNDING = 1e-12


def compare_scores(
    scores_a,
    scores_b=None,
    *,
    baseline=None,
    statistic="mean",
    confidence_level=0.95,
    horizon=None,
    block_size=None,
    method="stationary",
    n_resamples=2000,
    min_overlap=0.8,
    nan_policy="propagate",
    random_state=None,
    verbose=1,
):
    """Test whether models differ from another one on the same eras.

    Models are good and bad in the same eras, so their difference is far less uncertain
    than each alone. The same blocks of eras are drawn of both, and the difference is
    computed of each resample.

    Parameters
    ----------
    scores_a : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras of one model or of several. Pandas objects are matched by their
        index (where it is called "era", by era numbers) and put in time order; arrays
        by position.

    scores_b : array-like of shape (n_eras,), default=None
        Scores of the model that they are compared with.

    baseline : label, default=None
        Column of `scores_a` that the other columns are compared with, instead of
        `scores_b`.

    statistic : str or callable, default="mean"
        What to compare: the name of an aggregate, such as "mean" or "sharpe", or a
        function of an array of one model's era scores that gives a float.

    confidence_level : float, default=0.95
        Share of such intervals that should hold the true difference.

    horizon : int, default=None
        Days that the target looks ahead, 20 or 60; 0 for scores that do not overlap.
        By default the end of the scores' names, where these are names of targets such
        as "target_ender_20".

    block_size : float, default=None
        Mean length of a block in eras, instead of `horizon`; see
        :func:`bootstrap_interval`.

    method : {"stationary", "circular"}, default="stationary"
        How blocks are drawn, see :func:`bootstrap_interval`.

    n_resamples : int, default=2000
        Number of resamples.

    min_overlap : float, default=0.8
        Smallest share of all eras, of either model, that both must have. Eras that only
        one has are left out and counted in `n_left_out`.

    nan_policy : {"propagate", "omit", "raise"}, default="propagate"
        What to do where a score is NaN: NaN as the result, leave the era out for the
        two models at hand, or raise.

    random_state : int, RandomState instance or None, default=None
        Seed of the resamples. With an int a comparison is the same alone and beside
        others.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    comparison : Series of shape (8,) or DataFrame of shape (n_models, 9)
        `difference` (a less b), `standard_error`, `low` and `high` (its confidence
        interval), `p_value` (two-sided), `n_eras`, `n_effective` (see
        :func:`effective_n_eras`, of the differences) and `n_left_out`. For several
        models also `p_adjusted`, by Holm's method: all that are below 0.05 may be
        believed together. Intervals are not adjusted.

    Raises
    ------
    UnknownHorizonError
        If neither `horizon` nor `block_size` is given and no name tells the horizon.

    ValueError
        If the models have too few eras in common, these hold fewer than two blocks, an
        era is there twice, or a parameter is out of its range.

    See Also
    --------
    bootstrap_interval : Interval of one model's statistic.
    deflated_sharpe : Whether the best of many trials is better than luck.

    Notes
    -----
    Recentred at zero, the resampled differences are those of models that are equally
    good. Their corrected standard deviation is `standard_error`, and the p-value is that
    of Student's distribution with about 0.8 degrees of freedom for each block, so that
    it is below 0.05 exactly where the 95 % interval leaves zero out.
    Counting the recentred resamples that are larger than the difference instead calls
    equal models different in 9 to 26 % of cases at a nominal 5 %; see the user guide.

    References
    ----------
    Politis, D. N. and Romano, J. P. (1994). The stationary bootstrap. Journal of the
    American Statistical Association 89. Ledoit, O. and Wolf, M. (2008). Robust
    performance hypothesis testing with the Sharpe ratio. Journal of Empirical Finance
    15. Holm, S. (1979). A simple sequentially rejective multiple test procedure.
    Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sknumerai.metrics import compare_scores
    >>> rng = np.random.default_rng(0)
    >>> market = rng.normal(0.02, 0.02, size=200)
    >>> scores = pd.DataFrame(
    ...     {
    ...         "old": market + rng.normal(0, 0.005, size=200),
    ...         "new": market + rng.normal(0.002, 0.005, size=200),
    ...         "other": market + rng.normal(0, 0.005, size=200),
    ...     }
    ... )
    >>> result = compare_scores(scores, baseline="old", horizon=20, random_state=0)
    >>> result[["difference", "standard_error", "p_value", "p_adjusted"]].round(4)
           difference  standard_error  p_value  p_adjusted
    new        0.0025          0.0005   0.0001      0.0002
    other      0.0003          0.0005   0.6201      0.6201
    """
    caller = "compare_scores"
    kernel = check_statistic(statistic, caller)
    check_confidence_level(confidence_level, caller)
    check_bootstrap(method, n_resamples, caller)
    _check_share(min_overlap, caller)
    models, other, by_position, is_one = _split(scores_a, scores_b, baseline, caller)
    align = _align_rows if by_position else _align_eras
    models, other, n_left_out = align(models, other, min_overlap, caller)
    both = pd.concat([models, other], axis=1)
    rows = block_rows(both, horizon, block_size, caller)
    check_enough(len(both), rows, caller)
    results = []
    numbers = range(models.shape[1])
    for j in bar_over(numbers, caller, verbose, unit="model"):
        pair = _pair(models.iloc[:, j], other.iloc[:, 0], nan_policy, caller)
        one, other_one = kernel(pair)
        draws = None
        if pair.shape[1] >= 2 * rows:
            draws = resample(
                pair, {statistic: kernel}, rows, method, n_resamples, random_state
            )[statistic]
        results.append(
            {
                **_judge(one - other_one, draws, pair, rows, method, confidence_level),
                "n_eras": pair.shape[1],
                "n_effective": independent_eras(pair[0] - pair[1], rows),
                "n_left_out": n_left_out,
            }
        )
    table = pd.DataFrame(results, index=models.columns)
    if is_one:
        return table.iloc[0]
    table.insert(5, "p_adjusted", holm(table["p_value"].to_numpy()))
    return table


def holm(p_values):
    """Holm's adjusted p-values; NaN stays NaN and does not count."""
    adjusted = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: int(np.isfinite(p_values).sum())]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _judge(difference, draws, pair, rows, method, confidence_level):
    error = reach = p_value = np.nan
    if draws is not None and not np.isnan(difference):
        n_eras = pair.shape[1]
        error = correction(n_eras, rows, method) * spread(draws[:1] - draws[1:])[0]
        student = stats.t(freedom(n_eras, rows, method))
        reach = error * student.ppf((1 + confidence_level) / 2)
        if error <= _ROUNDING * abs(difference):
            # all eras differ by the same
            error, reach = 0.0, 0.0
        if (pair[0] == pair[1]).all():
            p_value = 1.0
        else:
            with np.errstate(divide="ignore"):
                p_value = 2 * student.sf(abs(difference) / error)
    return {
        "difference": float(difference),
        "standard_error": float(error),
        "low": float(difference - reach),
        "high": float(difference + reach),
        "p_value": float(p_value),
    }


def _split(scores_a, scores_b, baseline, caller):
    """The models, the one they are compared with, how to match them, if but one."""
    if (scores_b is None) == (baseline is None):
        raise ValueError(
            f"{caller}: pass either scores_b, the scores of one model, or baseline, the "
            f"column of scores_a to compare with. Got "
            f"{'neither' if baseline is None else 'both'}."
        )
    models, is_one = as_table(scores_a)
    if scores_b is not None:
        other, _ = as_table(scores_b)
        if other.shape[1] != 1:
            raise ValueError(
                f"{caller}: scores_b must be of one model, got {other.shape[1]}. For "
                "several pairs call it for each."
            )
        pandas = pd.Series | pd.DataFrame
        by_index = isinstance(scores_a, pandas) and isinstance(scores_b, pandas)
        return _by_number(models), _by_number(other), not by_index, is_one
    found = np.flatnonzero(models.columns == baseline)
    if is_one or len(found) != 1 or models.shape[1] < 2:
        raise ValueError(
            f"{caller}: baseline={baseline!r} must be one of at least two columns of "
            f"scores_a. These are {[*models.columns][:5]}."
        )
    models = _by_number(models)
    return models.drop(columns=baseline), models[[baseline]], False, False


def _by_number(table):
    """The table with the numbers of its eras as index, where it holds eras."""
    if ERA_LEVEL not in table.index.names:
        return table
    labels = table.index.get_level_values(ERA_LEVEL).tolist()
    numbers = era_numbers(labels, caller="compare_scores")
    return table.set_axis(pd.Index(numbers, name=ERA_LEVEL))


def _in_time_order(table):
    return table.sort_index() if table.index.name == ERA_LEVEL else table


def _check_share(min_overlap, caller):
    if isinstance(min_overlap, bool) or not (
        isinstance(min_overlap, Real) and 0 <= min_overlap <= 1
    ):
        raise ValueError(
            f"{caller}: min_overlap must be a share between 0 and 1. Got "
            f"{min_overlap!r}."
        )


def _align_rows(models, other, min_overlap, caller):
    """Both as they are, with the index of the one that has one."""
    if len(models) != len(other):
        raise ValueError(
            f"{caller}: arrays are matched by position, but scores_a has "
            f"{len(models)} eras and scores_b {len(other)}. Pass Series with the "
            "era as index to compare the eras that both have."
        )
    index = other.index if other.index.name == ERA_LEVEL else models.index
    models, other = models.set_axis(index), other.set_axis(index)
    return _in_time_order(models), _in_time_order(other), 0


def _align_eras(models, other, min_overlap, caller):
    """Both with the eras that both have, and the number of those that one lacks."""
    for name, table in (("scores_a", models), ("scores_b", other)):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][0]
            raise ValueError(
                f"{caller}: era {twice} is in {name} more than once. Give each era "
                "one score."
            )
    common = models.index[models.index.isin(other.index)]
    n_all = len(models) + len(other) - len(common)
    if len(common) < min_overlap * n_all or not len(common):
        raise ValueError(
            f"{caller}: scores_a has {len(models)} eras, scores_b {len(other)}, and "
            f"{len(common)} are in both, less than {min_overlap:.0%} of all. Compare "
            "models on the same eras, or lower min_overlap if you mean it."
        )
    models, other = _in_time_order(models.loc[common]), other.loc[common]
    return models, other.loc[models.index], n_all - len(common)


def _pair(one, other, nan_policy, caller):
    """The scores of two models as an array of shape (2, n_eras)."""
    both = pd.concat([one, other], axis=1)
    if nan_policy == "omit":
        # the eras that both have: dropping them by model would undo the pairs
        both = both.dropna()
    return np.stack(drop_missing(both, nan_policy, caller))
