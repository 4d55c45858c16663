"""The scorer of a single metric, as an object."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import Parameter
from numbers import Real

import numpy as np
import pandas as pd

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._aggregates import aggregate_scores
from sknumerai.metrics._base_era_scorer import BaseEraScorer
from sknumerai.metrics._by_era import each_era
from sknumerai.metrics._columns_of_x import ColumnsOfX
from sknumerai.metrics._horizon_warnings import warn_of_horizons
from sknumerai.metrics._inputs import check_target
from sknumerai.metrics._scored_predictions import parameters_of
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.metrics._side_inputs import (
    SideInputs,
    describe_input,
    is_pandas,
    with_index,
)
from sknumerai.utils import ERA_LEVEL

# Columns of X that a metric needs are copied for so many values at a time.
CHUNK = 2**24


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
        rows = self._rows(estimator, X, y, groups)
        score = as_float(self._scores(rows, self.aggregate), self.metric)
        return score if self.greater_is_better else -score

    def era_table(self, estimator, X, y, groups=None):
        """Score each era.

        Parameters
        ----------
        estimator : object
            A fitted estimator.

        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, of which the first column is scored.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X, else of y.

        Returns
        -------
        table : DataFrame of shape (n_eras, 1)
            Rows are the eras that have a target, in the order of their numbers. The
            column is named after the metric.

        Raises
        ------
        ScoringError
            As of calling the scorer, and if the metric aggregates the eras itself.
        """
        rows = self._rows(estimator, X, y, groups)
        scores = self._scores(rows, None)
        if not isinstance(scores, pd.Series):
            # of rows that are all of one era metrics may give its score
            scores = pd.Series([as_float(scores, self.metric)], rows.eras.labels)
            scores.index.name = ERA_LEVEL
        name = getattr(self.metric, "__name__", "score").removesuffix("_score")
        return (scores if self.greater_is_better else -scores).to_frame(name)

    def _rows(self, estimator, X, y, groups):
        rows = ScoredRows(estimator, X, y, groups, repr(self), stacklevel=4)
        if rows.n_not_finite:
            raise ValueError(
                f"{rows.say_not_finite()} A search leaves out such a setting with "
                "error_score=np.nan."
            )
        if self._tells:
            self._tell_horizons(getattr(rows.y_true, "name", None), stacklevel=4)
        return rows

    def _tell_horizons(self, target, stacklevel):
        benchmark = (self.side_inputs or {}).get("benchmark")
        warn_of_horizons(target, repr(self), benchmark=benchmark, stacklevel=stacklevel)

    def _scores(self, rows, aggregate):
        """The aggregate of the eras' scores, or without one the scores."""
        sides = SideInputs() if self.side_inputs is None else self.side_inputs
        try:
            return self._score(rows, sides, aggregate)
        except ValueError as error:
            # a search of Optuna would swallow it and refit default parameters
            raise ScoringError(str(error)) from error

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

    def _score(self, rows, sides, aggregate):
        parameters = parameters_of(self.metric)
        params = {**self._quiet(parameters), **(self.metric_params or {})}
        names = list(sides)
        if "features" not in sides and needs_features(self.metric):
            names.append("features")
        if "groups" not in parameters:
            return self._score_eras(rows, sides, names, params, aggregate)
        if "aggregate" not in parameters:
            if parameters["groups"].default is not Parameter.empty:
                return self._score_eras(rows, sides, names, params, aggregate)
            return self._score_whole(rows, sides, names, params, aggregate)
        y_true = rows.labelled_target() if names else rows.y_true
        # inputs by keyword are of rows that the metric knows itself, such as `previous`
        given = {
            name: sides[name]
            if name in parameters and parameters[name].kind is Parameter.KEYWORD_ONLY
            else rows.side(name, sides)
            for name in names
        }
        if any(isinstance(value, ColumnsOfX) for value in given.values()):
            scores = self._score_chunks(rows, y_true, params, given)
            if scores is not None:
                return aggregate_scores(scores, aggregate)
            given = _taken(given, slice(None), rows, rows.index, {})
        return self.metric(
            y_true,
            rows.y_pred,
            groups=rows.labels,
            aggregate=aggregate,
            **params,
            **given,
        )

    def _quiet(self, parameters):
        """No bars of a metric, which scorers call for each fold."""
        chosen = getattr(self.metric, "keywords", {})
        is_ours = _module_of(self.metric).startswith("sknumerai.metrics")
        wanted = is_ours and "verbose" in parameters and "verbose" not in chosen
        return {"verbose": 0} if wanted else {}

    def _score_chunks(self, rows, y_true, params, given):
        """Scores of eras, some eras at a time; None where the whole is needed.

        Each chunk is scored as the whole is. One that raises may lack what the whole
        has: targets, or the coverage that is asked for.
        """
        width = sum(v.at.size for v in given.values() if isinstance(v, ColumnsOfX))
        whole = rows.n_samples * width <= CHUNK
        own = getattr(self.metric, "__module__", "").startswith("sknumerai.metrics")
        # churn compares eras with each other
        if whole or not own or "previous" in parameters_of(self.metric):
            return None
        found, buffers = [], {}
        for part in _chunks(rows.eras, max(1, CHUNK // width)):
            # one index for all, so that nobody compares or looks up
            index = rows.index[part]
            try:
                scores = self.metric(
                    with_index(_iloc(y_true, part), index),
                    rows.y_pred[part],
                    groups=rows.labels[part],
                    aggregate=None,
                    **params,
                    **_taken(given, part, rows, index, buffers),
                )
            except ValueError:
                return None
            found.append(scores)
        return pd.concat(found)

    def _score_whole(self, rows, sides, names, params, aggregate):
        """Score by a metric that needs the eras and aggregates them itself."""
        every = slice(0, rows.n_samples)
        given = {name: rows.cut(name, sides)(every) for name in names}
        labels = np.asarray(rows.labels)
        score = self.metric(rows.y_true, rows.y_pred, groups=labels, **params, **given)
        if isinstance(score, pd.Series):
            return aggregate_scores(score, aggregate)
        if aggregate != "mean":
            raise ValueError(
                f"{rows.caller}: the metric aggregates the eras itself. Leave "
                "aggregate out, or let the metric give a Series of era scores."
            )
        return score

    def _score_eras(self, rows, sides, names, params, aggregate):
        """Score by a metric that knows one era."""
        takes = {name: rows.cut(name, sides) for name in names}
        target = check_target(rows.y_true, rows.caller)
        labels, scores = [], []
        for label, part in each_era(rows.eras, target, rows.caller):
            given = {name: take(part) for name, take in takes.items()}
            y_true = _iloc(rows.y_true, part)
            score = self.metric(y_true, rows.y_pred[part], **params, **given)
            labels.append(label)
            scores.append(as_float(score, self.metric))
        index = pd.Index(np.array(labels), name=ERA_LEVEL)
        return aggregate_scores(pd.Series(scores, index=index), aggregate)


def _module_of(metric):
    """Where a metric is from, or that which functools.partial holds."""
    return getattr(getattr(metric, "func", metric), "__module__", None) or ""


def needs_features(metric):
    """Whether a metric cannot do without a side input called features."""
    parameter = parameters_of(metric).get("features")
    return parameter is not None and parameter.default is Parameter.empty


def as_float(score, metric):
    """The score as a float, if it is one number."""
    if isinstance(score, Real) or (
        isinstance(score, np.ndarray | np.generic)
        and score.ndim == 0
        and score.dtype.kind in "biuf"
    ):
        return float(score)
    name = getattr(metric, "__name__", repr(metric))
    shape = f" of shape {score.shape}" if hasattr(score, "shape") else ""
    raise TypeError(
        f"make_era_scorer: the metric must give one float. {name} gives a "
        f"{type(score).__name__}{shape}."
    )


def _chunks(eras, n_rows):
    """Positions of rows, by whole eras, as many of them as `n_rows` allow."""
    parts, size = [], 0
    for part in eras.rows():
        n = part.stop - part.start if isinstance(part, slice) else len(part)
        if parts and size + n > n_rows:
            yield _joined(parts)
            parts, size = [], 0
        parts.append(part)
        size += n
    yield _joined(parts)


def _joined(parts):
    if isinstance(parts[0], slice):
        return slice(parts[0].start, parts[-1].stop)
    return np.concatenate(parts)


def _taken(given, part, rows, index, buffers):
    """Inputs of some of the rows, where they are of these rows.

    Frames that metrics have left to the collector of garbage share their memory with
    those of the next chunk.
    """
    taken = {}
    for name, values in given.items():
        if isinstance(values, ColumnsOfX):
            values, buffers[name] = values.take_into(buffers.get(name), part, index)
        elif not is_pandas(values):
            values = _iloc(values, part)
        elif values.index.is_(rows.index):
            values = with_index(_iloc(values, part), index)
        taken[name] = values
    return taken


def _iloc(values, part):
    return values.iloc[part] if is_pandas(values) else values[part]
