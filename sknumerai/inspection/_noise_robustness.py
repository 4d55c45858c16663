"""How much of a score is left where the features are disturbed."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sknumerai.inspection._checks import check_choice
from sknumerai.inspection._feature_noise import KINDS, SCALE_FREE, FeatureNoise
from sknumerai.inspection._noise_robustness_display import NoiseRobustnessDisplay
from sknumerai.inspection._noisy_predictions import NoisyPredictions, have_targets
from sknumerai.metrics import compare_scores, numerai_corr_score, score_summary
from sknumerai.metrics._base_era_scorer import BaseEraScorer
from sknumerai.metrics._blocks import block_rows, check_enough
from sknumerai.metrics._scored_predictions import main_column
from sknumerai.utils import (
    check_eras,
    refuse_era_column,
    target_horizon,
    warn_of_leakage,
)

CALLER = "noise_robustness"


def noise_robustness(
    estimator,
    X,
    y,
    *,
    groups=None,
    metric=None,
    noise_levels=(0.05, 0.1, 0.2, 0.4),
    kind="reversal",
    n_repeats=3,
    feature_range="auto",
    confidence_level=0.95,
    horizon=None,
    block_size=None,
    random_state=None,
    verbose=1,
):
    """Score a fitted model on rows whose features are disturbed.

    A model that leans on few features loses its score where these fail or change their
    sign, as they do from one regime of the market to the next; one that spreads its bets
    loses little. The noise is added to the features of the test rows, era by era; the
    model is not fitted anew. Read more in the
    :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    estimator : object
        A fitted model with `predict`. Where that takes `groups`, it gets the eras.

    X : array-like of shape (n_samples, n_features)
        Features of rows that the model was not fitted to, one era at a time is copied.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets, of which the first column is scored. Eras without any are left out.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of `X`, else of `y`.

    metric : callable, default=None
        Score of predictions, ``metric(y_true, y_pred)``: a metric of this package, such
        as ``functools.partial(mmc_score, meta_model=meta_model)``, or a function of
        the rows of one era. None is :func:`~sknumerai.metrics.numerai_corr_score`.

    noise_levels : sequence of float, default=(0.05, 0.1, 0.2, 0.4)
        Strengths of the noise. 0, no noise, is always added.

    kind : {'reversal', 'shuffle', 'swap', 'missing', 'gaussian'}, default='reversal'
        What is done to the features of an era. 'reversal': each feature is mirrored for
        the whole era, with the level as probability; 'shuffle': its values are
        permuted among the rows, with the level as probability; 'swap': each single
        value is replaced, with the level as probability, by that of another row; 'missing':
        by the middle of the range, Numerai's code of missing values; 'gaussian': to
        each value normal noise is added, whose standard deviation is the level times
        the width of the range; values stay in the range and codes whole numbers.

    n_repeats : int, default=3
        How often noise is drawn.

    feature_range : tuple of (low, high) or 'auto', default='auto'
        Least and largest value of a feature. 'auto' is (0, 4) for integers. Other
        features need it, except with 'shuffle' and 'swap'.

    confidence_level : float or None, default=0.95
        Share of intervals that should hold the true mean. None for no intervals.

    horizon : int, default=None
        For the intervals: days that the target looks ahead, 20 or 60; 0 for scores that
        do not overlap. By default the end of y's name.

    block_size : float, default=None
        For the intervals: mean length of a block in eras, instead of `horizon`, see
        :func:`~sknumerai.metrics.bootstrap_interval`.

    random_state : int, RandomState instance or None, default=None
        Decides the noise and the intervals. With an int the noise of an era is the same,
        whatever other eras and levels there are.

    verbose : int, default=1
        Whether to show a progress bar after two seconds.

    Returns
    -------
    display : NoiseRobustnessDisplay
        `table`, a row for each level, `era_scores`, and `plot`. Printed, it is the
        table.

    Raises
    ------
    MissingErasError
        If no eras are found.

    UnknownHorizonError
        If intervals are asked for and neither `horizon` nor `block_size` nor the name
        of `y` tells how far eras overlap.

    ValueError
        If a parameter is out of its range, features are outside of `feature_range` or
        have none, there are too few eras for intervals, or the model predicts NaN.

    See Also
    --------
    sknumerai.preprocessing.PermutationImportanceSelector : Shuffles one feature at a
        time.
    sknumerai.modules.FeatureReversalNoise : The same noise in training.

    Notes
    -----
    The model predicts ``1 + n_repeats * len(noise_levels)`` times. Memory is that of
    one era: its features twice, up to 8 bytes for each value for the random numbers, and
    the predictions of all rows. Draws are shared by the levels of a repeat: what is
    disturbed at a low level is so at a higher one, too.

    References
    ----------
    .. [1] mdo (2021). Feature reversing input noise. Numerai's forum.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.inspection import noise_robustness
    >>> bunch = make_numerai(n_eras=40, n_features=8, random_state=0)
    >>> X, y = bunch.data, bunch.target
    >>> test = X.index.get_level_values("era") > "0020"
    >>> model = Ridge().fit(X[~test], y[~test])
    >>> display = noise_robustness(
    ...     model, X[test], y[test], noise_levels=[0.25, 0.5], horizon=0, random_state=0
    ... )
    >>> display.table.index.tolist()
    [0.0, 0.25, 0.5]
    >>> bool(display.table["mean"].is_monotonic_decreasing)
    True
    """
    metric = _check_metric(metric)
    levels = _check_levels(noise_levels, kind)
    is_count = isinstance(n_repeats, Integral) and not isinstance(n_repeats, bool)
    if not is_count or n_repeats < 1:
        raise ValueError(
            f"{CALLER}: n_repeats must be an integer of 1 or more. Got {n_repeats!r}."
        )
    refuse_era_column(X, CALLER)
    X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
    if y is None:
        raise ValueError(f"{CALLER}: y is None. Pass the targets of the rows of X.")
    y = main_column(y, "y", CALLER)
    eras = check_eras(groups, X, y, n_samples=len(X), required=True, caller=CALLER)
    resolved = {"horizon": horizon, "block_size": block_size}
    if confidence_level is not None:
        if horizon is None and block_size is None:
            resolved["horizon"] = target_horizon(getattr(y, "name", None))
        _check_intervals(eras, y, resolved)
    noise = FeatureNoise(kind, _check_range(feature_range, kind, X))
    warn_of_leakage(estimator, eras, CALLER, stacklevel=2)
    rng = check_random_state(random_state)
    seed, interval_seed = (int(s) for s in rng.randint(2**31 - 1, size=2))
    draws = [(0, 0.0), *((r, s) for r in range(n_repeats) for s in levels[1:])]
    scored = NoisyPredictions(estimator, X, y, eras, noise, CALLER)
    predictions = scored.predict(draws, seed, verbose)
    columns = pd.MultiIndex.from_tuples(
        [(level, repeat) for repeat, level in draws], names=["level", "repeat"]
    )
    scores = scored.score(metric, predictions, columns).sort_index(axis=1)
    intervals = None
    if confidence_level is not None:
        intervals = {
            **resolved,
            "confidence_level": confidence_level,
            "random_state": interval_seed,
            "verbose": verbose,
        }
    return NoiseRobustnessDisplay(
        _table(scores, intervals),
        scores,
        kind=kind,
        metric=_name_of(metric),
        estimator=type(estimator).__name__,
        confidence_level=confidence_level,
    )


def _table(scores, intervals):
    """A row for each level; `scores` has a column for each level and repeat."""
    by_level = scores.T.groupby(level="level").mean().T
    of_repeats = scores.mean().groupby(level="level")
    table = pd.DataFrame({"mean": by_level.mean()})
    if intervals is not None:
        summary = score_summary(by_level, statistics=["mean"], **intervals)
        table["low"], table["high"] = summary["mean_low"], summary["mean_high"]
    table["std"] = by_level.std(ddof=0)
    table["std_of_repeats"] = of_repeats.std(ddof=1)
    table["difference"] = table["mean"] - table["mean"].iloc[0]
    if intervals is not None and len(table) > 1:
        compared = compare_scores(by_level, baseline=by_level.columns[0], **intervals)
        table["difference_low"] = compared["low"]
        table["difference_high"] = compared["high"]
    first = table["mean"].iloc[0]
    # of a score that is not above 0 there is no share
    table["share"] = table["mean"] / (first if first > 0 else np.nan)
    every = scores.notna().T.groupby(level="level").all().T
    table["n_eras"] = every.sum()
    lost = table.index[table["n_eras"] < table["n_eras"].iloc[0]]
    if len(lost):
        warnings.warn(
            f"{CALLER}: eras without a score, such as those with one prediction for "
            f"all rows, at noise levels {', '.join(f'{x:g}' for x in lost)}: their "
            "means are of fewer eras or draws, see n_eras of the table.",
            UserWarning,
            stacklevel=3,
        )
    return table


def _check_metric(metric):
    if metric is None:
        return numerai_corr_score
    if isinstance(metric, BaseEraScorer):
        raise TypeError(
            f"{CALLER}: metric must be a function of targets and predictions, such as "
            f"numerai_corr_score. Got the scorer {metric!r}."
        )
    if not callable(metric):
        raise TypeError(
            f"{CALLER}: metric must be a callable, such as numerai_corr_score. Got "
            f"{metric!r}."
        )
    return metric


def _check_levels(levels, kind):
    check_choice(kind, sorted(KINDS), "kind", CALLER)
    levels = [levels] if isinstance(levels, Real) else list(levels)
    for level in levels:
        is_number = isinstance(level, Real) and not isinstance(level, bool)
        most = np.inf if kind == "gaussian" else 1
        if not is_number or not 0 <= level <= most or level == np.inf:
            limits = "0 or more" if kind == "gaussian" else "in [0, 1]"
            raise ValueError(
                f"{CALLER}: noise_levels must be {limits}, each the "
                f"{KINDS[kind]}. Got {level!r}."
            )
    return sorted({0.0, *(float(level) for level in levels)})


def _check_range(given, kind, X):
    if kind in SCALE_FREE:
        return None
    dtypes = X.dtypes if isinstance(X, pd.DataFrame) else [X.dtype]
    is_integer = all(isinstance(d, np.dtype) and d.kind in "iu" for d in dtypes)
    if isinstance(given, str) and given == "auto":
        if not is_integer:
            raise ValueError(
                f"{CALLER}: X holds no integers, so their range is not known. Pass "
                "feature_range=(low, high), such as (0, 1), or kind='shuffle'."
            )
        given = (0, 4)
    if isinstance(given, str) or len(given) != 2 or not given[0] < given[1]:
        raise ValueError(
            f"{CALLER}: feature_range must be (low, high) with low < high, or 'auto'. "
            f"Got {given!r}."
        )
    if not is_integer:
        return tuple(float(value) for value in given)
    low, high = (int(value) for value in given)
    if (low, high) != tuple(given) or (kind == "missing" and (low + high) % 2):
        raise ValueError(
            f"{CALLER}: X holds integers, so feature_range must be whole numbers, with a "
            f"whole number in the middle for kind='missing'. Got {tuple(given)!r}."
        )
    for dtype in dtypes:
        limits = np.iinfo(dtype)
        if low < limits.min or high > limits.max:
            raise ValueError(
                f"{CALLER}: feature_range={tuple(given)!r} does not fit {dtype}, the "
                "type of X."
            )
    return low, high


def _check_intervals(eras, y, resolved):
    """Raise before anything is predicted if there will be no intervals."""
    index = pd.Index(eras.labels[have_targets(eras, y)], name="era")
    table = pd.DataFrame({getattr(y, "name", None): 0.0}, index=index)
    rows = block_rows(table, resolved["horizon"], resolved["block_size"], CALLER)
    try:
        check_enough(len(table), rows, CALLER)
    except ValueError as error:
        raise ValueError(f"{error} confidence_level=None does without.") from None


def _name_of(metric):
    metric = getattr(metric, "func", metric)  # of a partial
    name = getattr(metric, "__name__", type(metric).__name__)
    return name.removesuffix("_score")
