"""Scorers for scikit-learn's cross-validation and searches, era by era."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import Parameter

from sknumerai.metrics._aggregates import check_aggregate
from sknumerai.metrics._correlation import numerai_corr_score, spearman_score
from sknumerai.metrics._scorer import EraScorer
from sknumerai.metrics._scorer_inputs import parameters_of
from sknumerai.metrics._side_inputs import SideInputs, as_input, is_input


def make_era_scorer(
    metric,
    *,
    aggregate="mean",
    greater_is_better=True,
    meta_model=None,
    benchmark=None,
    features=None,
    **metric_params,
):
    """Make a scorer from a metric, to be used wherever scikit-learn takes `scoring`.

    The scorer finds the eras of the rows in `groups` (metadata routing passes it), else
    in the index level "era" of X, else of y. It pickles, clones and works in
    ``cross_val_score``, ``cross_validate``, ``GridSearchCV``,
    ``permutation_importance`` and ``OptunaSearchCV``.

    Side inputs, such as a benchmark, are given once, for all rows. In each fold the
    scorer matches them with the rows of the fold by the labels of the index: X's, or
    y's where X has none.

    Parameters
    ----------
    metric : callable
        A metric of this package, or any ``metric(y_true, y_pred)`` of the rows of one
        era that gives a float.

    aggregate : str or callable, default="mean"
        How the scores of eras become one: "mean", "median", "std", "min" or "worst",
        "max", "mean_plus_worst", "sharpe", "adjusted_sharpe", "smart_sharpe",
        "max_drawdown", "positive_share", "longest_losing_run", "autocorrelation", or a
        callable of the Series of era scores. A lambda works, but not in parallel
        processes.

    greater_is_better : bool, default=True
        If False the sign is turned, so that a search still maximises: for errors, for
        exposures and churn, and for ``aggregate="max_drawdown"`` or ``"std"``.

    meta_model : Series or DataFrame of shape (n_rows, 1), default=None
        The meta model's predictions, for metrics that take it.

    benchmark : Series or DataFrame of shape (n_rows, n_benchmarks), default=None
        Benchmark models' predictions, for metrics that take them.

    features : DataFrame or list of column names of X, default=None
        Features, for metrics that take them. Names are taken from the fold's own X and
        weigh nothing in a pickle. None: all columns of X, where the metric needs some.

    **metric_params : dict
        Passed on to the metric, for example ``top_bottom=200`` or ``min_coverage=0.9``.
        Series, DataFrames and arrays among them are side inputs like the three above,
        under the metric's name for them: `other`, `neutralizers`, `sample_weight`,
        `example_predictions`. Keyword-only ones, such as `previous` of
        :func:`churn_score`, the metric matches itself.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, groups=None)`` gives a float. Of several targets or
        predicted columns the first, the main one, is scored. A prediction that is NaN
        or infinite raises a ValueError. Side inputs are shared with its clones, not
        copied, so do not change them.

    Raises
    ------
    TypeError
        If `metric` is not callable, lacks a side input that it needs, or is given one
        that it does not take.

    ValueError
        If `aggregate` is not known.

    Warns
    -----
    LeakageWarning
        When scoring, if the estimator stored the eras that it was fitted on, as this
        package's networks do, and some of them are scored. So ``cross_validate`` with
        ``return_train_score=True`` warns, and rightly.

    HorizonWarning
        When scoring, if the names of y and of `benchmark` tell different horizons.

    See Also
    --------
    numerai_scoring : All scores at once, from one prediction.
    numerai_corr_scorer : Mean CORR, ready made.
    numerai_sharpe_scorer : Sharpe ratio of CORR, ready made.

    Notes
    -----
    Scikit-learn's searches turn errors of a scorer into NaN unless told
    ``error_score="raise"``, which is recommended.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import KFold, cross_val_score
    >>> from sknumerai.metrics import bmc_score, make_era_scorer, numerai_corr_score
    >>> rng = np.random.default_rng(0)
    >>> index = pd.MultiIndex.from_product([[1, 2, 3], range(50)], names=["era", "id"])
    >>> X = pd.DataFrame(rng.normal(size=(150, 3)), index=index)
    >>> y = X[0] + rng.normal(size=150)
    >>> scorer = make_era_scorer(numerai_corr_score, aggregate="min")
    >>> scorer
    make_era_scorer(numerai_corr_score, aggregate='min')
    >>> round(scorer(Ridge().fit(X, y), X, y), 2)
    0.67

    A benchmark of all rows, of which each fold takes its own:

    >>> benchmark = X[0] + rng.normal(size=150)
    >>> scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    >>> scorer
    make_era_scorer(bmc_score, benchmark=<Series of shape (150,)>)
    >>> cross_val_score(Ridge(), X, y, cv=KFold(3), scoring=scorer).round(2)
    array([0.74, 0.48, 0.32])
    """
    caller = "make_era_scorer"
    if not callable(metric):
        raise TypeError(
            f"{caller}: metric must be a function of y_true and y_pred. Got {metric!r}."
        )
    if aggregate is None:
        raise ValueError(
            f"{caller}: a scorer gives one number, so aggregate cannot be None. "
            "For the scores of all eras call the metric with aggregate=None."
        )
    check_aggregate(aggregate, caller)
    named = {"meta_model": meta_model, "benchmark": benchmark, "features": features}
    sides = {
        name: as_input(name, value)
        for name, value in named.items()
        if value is not None
    }
    for name, value in list(metric_params.items()):
        if is_input(value) or (name == "neutralizers" and isinstance(value, list)):
            sides[name] = as_input(name, metric_params.pop(name))
    _check_takes(metric, {*sides, *metric_params}, caller)
    return EraScorer(
        metric,
        aggregate,
        greater_is_better,
        metric_params or None,
        SideInputs(sides) if sides else None,
    )


def _check_takes(metric, given, caller):
    parameters = parameters_of(metric)
    kinds = {parameter.kind for parameter in parameters.values()}
    if not parameters or Parameter.VAR_POSITIONAL in kinds:
        return
    name = getattr(metric, "__name__", repr(metric))
    unknown = sorted(given - set(parameters))
    if unknown and Parameter.VAR_KEYWORD not in kinds:
        raise TypeError(
            f"{caller}: {name} takes no {' and no '.join(unknown)}. It takes "
            f"{list(parameters)}."
        )
    # features default to X, groups and aggregate are the scorer's
    known = {*given, "features", "groups", "aggregate"}
    absent = [
        key
        for key, parameter in list(parameters.items())[2:]
        if parameter.default is Parameter.empty
        and parameter.kind is not Parameter.VAR_KEYWORD
        and key not in known
    ]
    if absent:
        raise TypeError(
            f"{caller}: {name} needs {' and '.join(absent)}. Pass "
            + ", ".join(f"{key}=..." for key in absent)
            + " for all rows, with their index; folds take their own rows of it."
        )


numerai_corr_scorer = make_era_scorer(numerai_corr_score)
numerai_sharpe_scorer = make_era_scorer(numerai_corr_score, aggregate="sharpe")
spearman_scorer = make_era_scorer(spearman_score)
