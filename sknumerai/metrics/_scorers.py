"""Scorers for scikit-learn's cross-validation and searches, era by era."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.validation import _num_samples

from sknumerai.metrics._by_era import era_scores
from sknumerai.metrics._correlation import numerai_corr_score, spearman_score
from sknumerai.metrics._summary import aggregate_scores, check_aggregate
from sknumerai.utils import ERA_LEVEL, check_eras


def make_era_scorer(
    metric, *, aggregate="mean", greater_is_better=True, **metric_params
):
    """Make a scorer from a metric, to be used wherever scikit-learn takes `scoring`.

    The scorer finds the eras of the rows in `groups` (metadata routing passes it), else
    in the index level "era" of X, else of y. It pickles, clones and works in
    ``cross_val_score``, ``cross_validate``, ``GridSearchCV``,
    ``permutation_importance`` and ``OptunaSearchCV``.

    Parameters
    ----------
    metric : callable
        A metric of this package, or any ``metric(y_true, y_pred)`` of the rows of one
        era that gives a float.

    aggregate : str or callable, default="mean"
        How the scores of eras become one: "mean", "median", "std", "min", "max",
        "sharpe", "max_drawdown", "positive_share", "autocorrelation", or a callable
        of the Series of era scores. A lambda works, but not in parallel processes.

    greater_is_better : bool, default=True
        If False the sign is turned, so that a search still maximises: for errors, and
        for ``aggregate="max_drawdown"`` or ``"std"``.

    **metric_params : dict
        Passed on to the metric, for example ``top_bottom=200``.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, groups=None)`` gives a float. Of several targets or
        predicted columns the first, the main one, is scored.

    Raises
    ------
    TypeError
        If `metric` is not callable.

    ValueError
        If `aggregate` is not known.

    See Also
    --------
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
    >>> from sknumerai.metrics import make_era_scorer, numerai_corr_score
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index(np.repeat([1, 2, 3], 50), name="era")
    >>> X = pd.DataFrame(rng.normal(size=(150, 3)), index=index)
    >>> y = X[0] + rng.normal(size=150)
    >>> scorer = make_era_scorer(numerai_corr_score, aggregate="min")
    >>> scorer
    make_era_scorer(numerai_corr_score, aggregate='min')
    >>> round(scorer(Ridge().fit(X, y), X, y), 2)
    0.67
    """
    if not callable(metric):
        raise TypeError(
            f"make_era_scorer: metric must be a function of y_true and y_pred. Got "
            f"{metric!r}."
        )
    if aggregate is None:
        raise ValueError(
            "make_era_scorer: a scorer gives one number, so aggregate cannot be None. "
            "For the scores of all eras call the metric with aggregate=None."
        )
    check_aggregate(aggregate, "make_era_scorer")
    return EraScorer(metric, aggregate, greater_is_better, metric_params or None)


class EraScorer:
    """Score an estimator's predictions era by era.

    Parameters
    ----------
    estimator : object
        A fitted estimator. Where its `predict` takes `groups` and X does not carry the
        eras itself, it is given them; in a Pipeline the last step is.

    X : array-like of shape (n_samples, n_features)
        Rows to predict.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets, of which the first column is scored.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of X, else of y.

    Returns
    -------
    score : float
        The aggregated score of the eras.

    Raises
    ------
    MissingErasError
        If no eras are found.

    See Also
    --------
    make_era_scorer : Make such a scorer.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sknumerai.metrics import numerai_corr_scorer
    >>> model = DummyRegressor().fit([[0], [1]], [0, 1])
    >>> numerai_corr_scorer(model, [[0], [1]], [0, 1], groups=[1, 1])
    nan
    """

    def __init__(
        self, metric, aggregate="mean", greater_is_better=True, metric_params=None
    ):
        self.metric = metric
        self.aggregate = aggregate
        self.greater_is_better = greater_is_better
        self.metric_params = metric_params

    def __call__(self, estimator, X, y, groups=None):
        # documented in the class, which is what help() of a scorer shows
        n_samples = _num_samples(X)
        eras = check_eras(
            groups, X, y, n_samples=n_samples, required=True, caller=repr(self)
        )
        # codes and labels as one object, which check_eras takes without a search
        labels = pd.Categorical.from_codes(eras.codes, eras.labels)
        given = None if groups is None and _carries_eras(X) else np.asarray(labels)
        y_pred = _main_column(_predict(estimator, X, given))
        score = self._score(_main_column(y), y_pred, labels)
        return score if self.greater_is_better else -score

    def __repr__(self):
        name = getattr(self.metric, "__name__", repr(self.metric))
        said = [name]
        if self.aggregate != "mean":
            said.append(
                f"aggregate={getattr(self.aggregate, '__name__', repr(self.aggregate))}"
            )
        if not self.greater_is_better:
            said.append("greater_is_better=False")
        said += [f"{k}={v!r}" for k, v in (self.metric_params or {}).items()]
        return f"make_era_scorer({', '.join(said)})"

    # Parameters as a scikit-learn estimator has them, for clone and set_params. Not a
    # BaseEstimator: those print nested parameters their own way, past __repr__.
    def get_params(self, deep=True):
        """Get the parameters of this scorer.

        Parameters
        ----------
        deep : bool, default=True
            Not used: no parameter has parameters.

        Returns
        -------
        params : dict
            Names and values.
        """
        return {
            "metric": self.metric,
            "aggregate": self.aggregate,
            "greater_is_better": self.greater_is_better,
            "metric_params": self.metric_params,
        }

    def set_params(self, **params):
        """Set parameters of this scorer.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : EraScorer
            This scorer.
        """
        unknown = set(params) - set(self.get_params())
        if unknown:
            raise ValueError(
                f"{self!r} has no parameters {sorted(unknown)}; it has "
                f"{list(self.get_params())}."
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def get_metadata_routing(self):
        """Get metadata routing of this object: it asks for `groups`.

        Returns
        -------
        routing : MetadataRequest
            What the scorer requests.
        """
        # the class attribute __metadata_request__score counts only beside a method
        # `score`, so the request is made here
        request = MetadataRequest(owner=self)
        request.score.add_request(param="groups", alias=True)
        return request

    def _score(self, y_true, y_pred, groups):
        params = self.metric_params or {}
        if {"groups", "aggregate"} <= set(_parameters(self.metric)):
            score = self.metric(
                y_true, y_pred, groups=groups, aggregate=self.aggregate, **params
            )
            return float(score)

        def one_era(y_true, y_pred):
            return self.metric(y_true, y_pred, **params)

        scores = era_scores(one_era, y_true, y_pred, groups=groups)
        return aggregate_scores(scores, self.aggregate)

    def _accept_sample_weight(self):
        # asked for by searches that are given sample_weight
        return False


def _predict(estimator, X, groups):
    if groups is not None and _takes_groups(estimator):
        return estimator.predict(X, groups=groups)
    return estimator.predict(X)


def _takes_groups(estimator):
    if isinstance(estimator, Pipeline):
        if get_config()["enable_metadata_routing"]:
            routing = get_routing_for_object(estimator)
            return bool(routing.consumes("predict", {"groups"}))
        # without routing a pipeline hands what it is given to its last step
        estimator = estimator[-1]
    return "groups" in _parameters(getattr(estimator, "predict", None))


def _parameters(function):
    try:
        return signature(function).parameters
    except (TypeError, ValueError):
        # compiled functions may not tell
        return {}


def _carries_eras(X):
    return ERA_LEVEL in getattr(getattr(X, "index", None), "names", ())


def _main_column(values):
    if isinstance(values, pd.DataFrame):
        return values.iloc[:, 0]
    if isinstance(values, pd.Series):
        return values
    values = np.asarray(values)
    return values[:, 0] if values.ndim == 2 else values


numerai_corr_scorer = make_era_scorer(numerai_corr_score)
numerai_sharpe_scorer = make_era_scorer(numerai_corr_score, aggregate="sharpe")
spearman_scorer = make_era_scorer(spearman_score)
