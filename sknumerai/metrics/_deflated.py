"""Sharpe ratios judged by the number of eras and the number of trials."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from scipy import special

from sknumerai.metrics._blocks import block_rows, check_enough, independent_eras
from sknumerai.metrics._statistics import shape_moments, sharpe
from sknumerai.metrics._table import as_table, by_model, by_model_frame, drop_missing


def probabilistic_sharpe(
    scores,
    *,
    benchmark_sharpe=0.0,
    horizon=None,
    block_size=None,
    nan_policy="propagate",
):
    """Find how sure one may be that the true Sharpe ratio exceeds a benchmark.

    More is better, between 0 and 1.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras in time order, such as a metric gives with ``aggregate=None``.

    benchmark_sharpe : float, default=0.0
        Sharpe ratio per era, not annualised, to compare with.

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
    probability : float or Series of shape (n_models,)
        NaN where a score is NaN, all are equal, or no more than one era's worth of
        independent scores is there.

    Raises
    ------
    UnknownHorizonError
        If neither `horizon` nor `block_size` is given and no name tells the horizon.

    ValueError
        If the eras are not in time order, hold fewer than two blocks, or a parameter is
        out of its range.

    See Also
    --------
    deflated_sharpe : The benchmark that luck sets after many trials.
    effective_n_eras : The number of eras that enters.

    Notes
    -----
    ``Phi((S - B) * sqrt(n - 1) / sqrt(1 - skew * S + (kurtosis - 1) / 4 * S**2))`` with
    the Sharpe ratio S, the benchmark B and moments of the population (kurtosis 3 for
    normal scores). The source counts every observation in n, as if they were
    independent. Eras overlap, so n is :func:`effective_n_eras` here.

    References
    ----------
    Bailey, D. H. and Lopez de Prado, M. (2012). The Sharpe ratio efficient frontier.
    Journal of Risk 15(2).

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import probabilistic_sharpe
    >>> scores = np.random.default_rng(0).normal(0.003, 0.02, size=120)
    >>> round(probabilistic_sharpe(scores, horizon=0), 3)
    0.995
    >>> round(probabilistic_sharpe(scores, horizon=0, benchmark_sharpe=0.2), 2)
    0.67
    """
    caller = "probabilistic_sharpe"
    _check_number(benchmark_sharpe, "benchmark_sharpe", caller)
    table, _ = as_table(scores)
    rows = block_rows(table, horizon, block_size, caller)
    check_enough(len(table), rows, caller)
    models = drop_missing(table, nan_policy, caller)
    return by_model(
        scores,
        [_confidence(v, benchmark_sharpe, independent_eras(v, rows)) for v in models],
    )


def deflated_sharpe(
    scores,
    *,
    n_trials,
    trial_sharpes=None,
    sharpe_variance=None,
    horizon=None,
    block_size=None,
    nan_policy="propagate",
):
    """Find how sure one may be of a Sharpe ratio that was the best of many trials.

    The best of many models without any skill looks good. The benchmark is the Sharpe
    ratio that the best of so many is expected to have.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models)
        Scores of eras of the chosen model, in time order. Several models are judged one
        by one, each as the best of all trials.

    n_trials : int
        Number of models that were tried on these eras, those that were given up too.
        Trials that are much alike count for less than one: the number of clusters is a
        fair one.

    trial_sharpes : array-like of shape (n_known_trials,), default=None
        Sharpe ratios of trials on these eras, at least two, for the variance among
        trials. They need not be all.

    sharpe_variance : float, default=None
        That variance itself. By default that of models without skill that have nothing
        in common: ``1 / (n_effective - 1)``.

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
    deflated : Series of shape (4,) or DataFrame of shape (n_models, 4)
        `sharpe`; `expected_max_sharpe`, that of the best of `n_trials` models without
        skill; `n_effective`, see :func:`effective_n_eras`; and `probability`, the
        deflated Sharpe ratio: 0.95 or more is called significant, 0.5 is what luck
        gives.

    Raises
    ------
    UnknownHorizonError
        If neither `horizon` nor `block_size` is given and no name tells the horizon.

    ValueError
        If the eras are not in time order, hold fewer than two blocks, or a parameter is
        out of its range.

    See Also
    --------
    probabilistic_sharpe : The same for a benchmark of one's own.
    compare_scores : Test against a model instead of against luck.

    Notes
    -----
    The expected maximum is ``sqrt(V) * ((1 - g) * q(1 - 1 / N) + g * q(1 - 1 / (N e)))``
    with the variance V among the N trials, Euler's constant g and quantiles q of the
    normal distribution; 0 for one trial.

    The null hypothesis is a Sharpe ratio of 0: apt for MMC, BMC and differences to a
    benchmark model. Almost every model has a positive CORR.

    References
    ----------
    Bailey, D. H. and Lopez de Prado, M. (2014). The deflated Sharpe ratio. Journal of
    Portfolio Management 40(5).

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.metrics import deflated_sharpe
    >>> scores = np.random.default_rng(0).normal(0.003, 0.02, size=120)
    >>> deflated_sharpe(scores, n_trials=20, horizon=0).round(2)
    sharpe                   0.24
    expected_max_sharpe      0.17
    n_effective            120.00
    probability              0.77
    dtype: float64
    """
    caller = "deflated_sharpe"
    if isinstance(n_trials, bool) or not isinstance(n_trials, Integral) or n_trials < 1:
        raise ValueError(
            f"{caller}: n_trials must be the number of models tried, at least 1. Got "
            f"{n_trials!r}."
        )
    variance = _variance(trial_sharpes, sharpe_variance, caller)
    table, _ = as_table(scores)
    rows = block_rows(table, horizon, block_size, caller)
    check_enough(len(table), rows, caller)
    results = []
    for values in drop_missing(table, nan_policy, caller):
        n_effective = independent_eras(values, rows)
        spread = variance
        if variance is None:
            spread = 1 / (n_effective - 1) if n_effective > 1 else np.nan
        benchmark = expected_max(n_trials, spread)
        results.append(
            {
                "sharpe": float(sharpe(values)),
                "expected_max_sharpe": benchmark,
                "n_effective": n_effective,
                "probability": _confidence(values, benchmark, n_effective),
            }
        )
    return by_model_frame(scores, results)


def expected_max(n_trials, variance):
    """Expected maximum of the Sharpe ratios of trials without skill."""
    if n_trials == 1:
        return 0.0
    # the upper tails, which 1 - 1 / N would round for many trials
    high = -special.ndtri(1 / n_trials)
    higher = -special.ndtri(1 / (n_trials * np.e))
    weight = np.euler_gamma
    return float(np.sqrt(variance) * ((1 - weight) * high + weight * higher))


def _confidence(values, benchmark, n_effective):
    if not n_effective > 1:
        return np.nan
    ratio = sharpe(values)
    skewness, kurtosis = shape_moments(values)
    inflation = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    # 0 for two equally frequent values whose mean is their distance
    if not inflation > 0:
        return np.nan
    z = (ratio - benchmark) * np.sqrt((n_effective - 1) / inflation)
    return float(special.ndtr(z))


def _variance(trial_sharpes, sharpe_variance, caller):
    if trial_sharpes is not None and sharpe_variance is not None:
        raise ValueError(f"{caller}: pass trial_sharpes or sharpe_variance, not both.")
    if sharpe_variance is not None:
        _check_number(sharpe_variance, "sharpe_variance", caller)
        if sharpe_variance < 0:
            raise ValueError(
                f"{caller}: sharpe_variance must not be negative. Got "
                f"{sharpe_variance}."
            )
        return float(sharpe_variance)
    if trial_sharpes is None:
        return None
    trials = np.asarray(trial_sharpes, dtype=np.float64)
    if trials.ndim != 1 or len(trials) < 2 or not np.isfinite(trials).all():
        raise ValueError(
            f"{caller}: trial_sharpes must be the finite Sharpe ratios of at least two "
            f"trials. Got shape {trials.shape} with "
            f"{int(np.isfinite(trials).sum())} finite numbers."
        )
    return float(trials.var(ddof=1))


def _check_number(value, name, caller):
    if isinstance(value, bool) or not (isinstance(value, Real) and np.isfinite(value)):
        raise ValueError(f"{caller}: {name} must be a finite number. Got {value!r}.")
