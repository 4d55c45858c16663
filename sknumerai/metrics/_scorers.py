"""Scorers for scikit-learn's cross-validation and searches, era by era."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import Parameter

from sknumerai.metrics._base_era_scorer import check_one_number
from sknumerai.metrics._correlation import numerai_corr_score, spearman_score
from sknumerai.metrics._scored_predictions import parameters_of
from sknumerai.metrics._scorer import EraScorer
from sknumerai.metrics._side_inputs import FROM_X, SideInputs, as_input, is_input

BY_POSITION = (
    Parameter.POSITIONAL_ONLY,
    Parameter.POSITIONAL_OR_KEYWORD,
    Parameter.VAR_POSITIONAL,
)


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
        era that gives a float. One that needs `groups` and takes no `aggregate` is
        called once, with all rows and their eras, and gives a float or a Series of
        the scores of eras.

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

    features : DataFrame, list of column names of X or "X", default=None
        Features, for metrics that take them. Names are taken from the fold's own X and
        weigh nothing in a pickle. "X": all columns of X, and so does None, where the
        metric needs some.

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
        or infinite raises a ValueError, whatever else is wrong a ScoringError. Side
        inputs are shared with its clones, not copied, so do not change them.

    Raises
    ------
    TypeError
        If `metric` is no function of targets and predictions, lacks a side input that
        it needs, or is given one that it does not take.

    ValueError
        If `aggregate` is not known, or a side input is empty or no numbers.

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
    ``error_score="raise"``, which is recommended, but where training may diverge:
    ``error_score=np.nan`` leaves out a setting that predicts NaN.

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
    check_one_number(aggregate, caller)
    _check_scores_predictions(metric, caller)
    own = sorted({"groups", "y_true", "y_pred"} & set(metric_params))
    if own:
        raise TypeError(
            f"{caller}: {' and '.join(own)} cannot be given: the scorer takes targets, "
            "predictions and eras from the rows that it scores."
        )
    named = {"meta_model": meta_model, "benchmark": benchmark, "features": features}
    sides = {
        name: as_input(name, value)
        for name, value in named.items()
        if value is not None
    }
    for name, value in list(metric_params.items()):
        if is_input(value) or (name in FROM_X and value is not None):
            sides[name] = as_input(name, metric_params.pop(name))
    _check_takes(metric, {*sides, *metric_params}, caller)
    return EraScorer(
        metric,
        aggregate,
        greater_is_better,
        metric_params or None,
        SideInputs(sides) if sides else None,
    )


def _check_scores_predictions(metric, caller):
    """Raise if a function is none of targets and predictions."""
    name = getattr(metric, "__name__", repr(metric))
    parameters = parameters_of(metric)
    first = next(iter(parameters), "")
    if first.startswith("scores"):
        raise TypeError(
            f"{caller}: {name} takes scores of eras, not predictions. What makes one "
            "number of them is the aggregate: make_era_scorer(numerai_corr_score, "
            f"aggregate='sharpe'). Else call {name} with the scores that a metric gives "
            "with aggregate=None."
        )
    taken = [p for p in parameters.values() if p.kind in BY_POSITION]
    several = any(p.kind is Parameter.VAR_POSITIONAL for p in taken)
    if parameters and not several and len(taken) < 2:
        raise TypeError(
            f"{caller}: metric must be a function of targets and predictions, "
            f"metric(y_true, y_pred). {name} takes {list(parameters)}."
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
