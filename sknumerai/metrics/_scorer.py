"""Scorers as objects: what they share, and the one of a single metric."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import Parameter

from sklearn.utils.metadata_routing import MetadataRequest

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._by_era import era_scores
from sknumerai.metrics._scorer_inputs import ScoredRows, parameters_of
from sknumerai.metrics._side_inputs import SideInputs, describe_input


class BaseEraScorer:
    """What era scorers share: parameters as an estimator has them, and routing.

    Not a BaseEstimator: those print nested parameters their own way, past __repr__.
    """

    _names = ()

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
        return {name: getattr(self, name) for name in self._names}

    def set_params(self, **params):
        """Set parameters of this scorer.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            This scorer.
        """
        unknown = set(params) - set(self._names)
        if unknown:
            raise ValueError(
                f"{self!r} has no parameters {sorted(unknown)}; it has "
                f"{list(self._names)}."
            )
        for name, value in params.items():
            if name == "side_inputs":
                value = SideInputs(value or {})
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

    def _accept_sample_weight(self):
        # asked for by searches that are given sample_weight
        return False


class EraScorer(BaseEraScorer):
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

    ScoringError
        If a side input cannot be matched with the rows or covers too few eras, or the
        metric raises a ValueError for another reason.

    ValueError
        If the estimator predicts NaN or infinity, or lengths differ.

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

    _names = (
        "metric",
        "aggregate",
        "greater_is_better",
        "metric_params",
        "side_inputs",
    )

    def __init__(
        self,
        metric,
        aggregate="mean",
        greater_is_better=True,
        metric_params=None,
        side_inputs=None,
    ):
        self.metric = metric
        self.aggregate = aggregate
        self.greater_is_better = greater_is_better
        self.metric_params = metric_params
        self.side_inputs = side_inputs

    def __call__(self, estimator, X, y, groups=None):
        # documented in the class, which is what help() of a scorer shows
        rows = ScoredRows(estimator, X, y, groups, repr(self))
        sides = SideInputs() if self.side_inputs is None else self.side_inputs
        rows.warn_of_horizons(sides.get("benchmark"))
        try:
            score = float(self._score(rows, sides))
        except ValueError as error:
            # a search of Optuna would swallow it and refit default parameters
            raise ScoringError(str(error)) from error
        return score if self.greater_is_better else -score

    def __repr__(self):
        said = [getattr(self.metric, "__name__", repr(self.metric))]
        if self.aggregate != "mean":
            said.append(
                f"aggregate={getattr(self.aggregate, '__name__', repr(self.aggregate))}"
            )
        if not self.greater_is_better:
            said.append("greater_is_better=False")
        given = {**(self.side_inputs or {}), **(self.metric_params or {})}
        said += [f"{name}={describe_input(value)}" for name, value in given.items()]
        return f"make_era_scorer({', '.join(said)})"

    def _score(self, rows, sides):
        params = self.metric_params or {}
        parameters = parameters_of(self.metric)
        names = list(sides)
        if "features" not in sides and needs_features(self.metric):
            names.append("features")
        if not {"groups", "aggregate"} <= set(parameters):
            scores = self._score_eras(rows, sides, names, params)
            return aggregate_scores(scores, self.aggregate)
        y_true = rows.labelled_target() if names else rows.y_true
        # inputs by keyword are of rows that the metric knows itself, such as `previous`
        given = {
            name: sides[name]
            if parameters[name].kind is Parameter.KEYWORD_ONLY
            else rows.side(name, sides)
            for name in names
        }
        return self.metric(
            y_true,
            rows.y_pred,
            groups=rows.labels,
            aggregate=self.aggregate,
            **params,
            **given,
        )

    def _score_eras(self, rows, sides, names, params):
        cut = [rows.cut(name, sides) for name in names]

        def one_era(y_true, y_pred, *others):
            return self.metric(y_true, y_pred, **params, **dict(zip(names, others)))

        return era_scores(one_era, rows.y_true, rows.y_pred, *cut, groups=rows.labels)


def needs_features(metric):
    """Whether a metric cannot do without a side input called features."""
    parameter = parameters_of(metric).get("features")
    return parameter is not None and parameter.default is Parameter.empty
