"""Learn several targets and predict one number, or all of them."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import _fit_context, clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import (
    _num_samples,
    check_is_fitted,
)

from sknumerai.ensemble._delegation import DelegatingRegressor, params_of
from sknumerai.ensemble._members import (
    average,
    check_weights,
    fit_members,
    read_rows,
    refuse_gaps,
)
from sknumerai.model_selection._folds import as_slice
from sknumerai.preprocessing._tables import find_eras, read_table
from sknumerai.utils._old_state import keeps_old_state

AGGREGATIONS = ("auto", "rank_mean", "mean", "median", "main")


class MultiTargetRegressor(DelegatingRegressor):
    """Learn several targets, one model for each or jointly, and average them.

    Models of Numerai's auxiliary targets make other mistakes than a model of the main
    one, and their average is often better for the main target too. Targets may have
    gaps: a model learns from the rows where its own target is known.

    The targets are the columns of a two-dimensional y, the main one first, or y and
    `aux_targets` of ``fit``. Within scikit-learn's Voting-, Stacking- or
    TransformedTargetRegressor, which take a y of one column, use the latter.

    Parameters
    ----------
    estimator : estimator
        Regressor to fit to each target, or to all of them at once.

    strategy : {"separate", "joint"}, default="separate"
        Whether a copy of `estimator` is fitted to each target, or one to all of them:
        a network with several outputs, for example, which masks gaps itself.

    target_aggregation : {"auto", "rank_mean", "mean", "median", "main"}, str or int, \
default="auto"
        What ``predict`` makes of the predictions of the targets: the mean of their ranks
        in (0, 1) within the era, their mean or median, or those of one target, the main
        one or that of this name or position. "auto" is all of them as columns where y
        has columns, as scikit-learn has it, and otherwise "rank_mean".

    target_weights : array-like of shape (n_targets,), dict or None, default=None
        Weights of the targets in means, the main target's first, or by name. Targets
        that a dict does not name weigh nothing, and are fitted all the same.

    n_jobs : int, default=None
        Models fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the targets.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted regressors: one for each target, or one.

    target_names_ : list
        Names of the targets, or their positions where they have none.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    sknumerai.neural_network.SupervisedAutoencoderRegressor : Learns several targets
        and aggregates them by itself.

    Notes
    -----
    Where the known rows of a target are neighbours, as where its last eras are not
    resolved yet, they are a view of X.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import MultiTargetRegressor
    >>> data = make_numerai(
    ...     n_eras=4, n_samples_per_era=50, n_features=5, random_state=0,
    ...     targets=["target_ender_20", "target_jasper_20"],
    ... )
    >>> X, Y = data.data, data.target
    >>> MultiTargetRegressor(Ridge()).fit(X, Y).predict(X).shape
    (200, 2)
    >>> model = MultiTargetRegressor(Ridge(), target_aggregation="rank_mean")
    >>> model.fit(X, Y).predict(X).shape
    (200,)
    """

    __metadata_request__fit = {"groups": True, "aux_targets": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "strategy": [StrOptions({"separate", "joint"})],
        "target_aggregation": [str, Integral],
        "target_weights": ["array-like", Mapping, None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        *,
        strategy="separate",
        target_aggregation="auto",
        target_weights=None,
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.target_aggregation = target_aggregation
        self.target_weights = target_weights
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, aux_targets=None, **fit_params):
        """Fit a regressor to each target, or one to all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Handed to the regressors as they are.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, the main one first. Of several, NaN is left out target by target
            where `strategy` is "separate".

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for a regressor whose ``fit`` takes it. Others find eras
            in the index.

        aux_targets : array-like of shape (n_samples, n_aux), default=None
            Further targets beside a one-dimensional `y`. A frame or series is aligned
            with `X` by index and may hold more rows. NaN is left out.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``. Of
            those that are as long as X each target takes its rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        table, y = read_rows(self, X, y, groups, caller, allow_gaps=True)
        self._one_column = np.ndim(y) == 1
        targets, names = _columns(y, aux_targets, table, caller)
        self._check_aggregation(names, caller)
        params = params_of(self, "fit", self.estimator, groups, fit_params)
        if self.strategy == "joint":
            together = targets[0] if len(targets) == 1 else _beside(targets, names)
            tasks = [(clone(self.estimator), table, together, params, None)]
        else:
            tasks = [
                (clone(self.estimator), table, target, params, rows)
                for target, rows in zip(targets, _known_rows(targets, names, caller))
            ]
        self.estimators_ = fit_members(self, tasks)
        self.target_names_ = names
        return self

    def predict(self, X, groups=None):
        """Predict one number for each row, or all targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included. By default the index level "era"
            of `X`; where there is none, the rows are one era.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            What `target_aggregation` says.
        """
        caller = f"{type(self).__name__}.predict"
        outputs = self.predict_targets(X, groups)
        names, how = self.target_names_, self.target_aggregation
        weights = self._check_aggregation(names, caller)
        if how == "auto" and not self._one_column:
            return outputs
        if how == "auto" and len(names) == 1:
            return outputs[:, 0]
        if how not in AGGREGATIONS or how == "main":
            return outputs[:, 0 if how == "main" else _position(how, names)]
        return average(
            outputs.T,
            weights,
            how="rank_mean" if how == "auto" else how,
            find_eras=lambda: find_eras(self, groups, X, None, _num_samples(X)),
        )

    def predict_targets(self, X, groups=None):
        """Predict all targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for a regressor whose ``predict`` takes it.

        Returns
        -------
        y : ndarray of shape (n_samples, n_targets)
            In the units of the targets, float64.
        """
        check_is_fitted(self, "estimators_")
        read_table(self, X, reset=False)
        params = params_of(self, "predict", self.estimators_[0], groups, {})
        each = [np.asarray(member.predict(X, **params)) for member in self.estimators_]
        columns = [values.reshape(len(values), -1) for values in each]
        return np.concatenate(columns, axis=1).astype(np.float64, copy=False)

    def _check_aggregation(self, names, caller):
        """The weights of the targets; raises where a target is not there."""
        how, weights = self.target_aggregation, self.target_weights
        if how not in AGGREGATIONS:
            _position(how, names, caller)
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in names]
            if unknown:
                raise ValueError(
                    f"{caller}: target_weights names {unknown[:3]}, which are not among "
                    f"the targets {names}."
                )
            weights = [weights.get(name, 0.0) for name in names]
        return check_weights(weights, len(names), caller, "targets")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        if self.target_aggregation == "auto" and (
            self.strategy == "separate" or inner.target_tags.multi_output
        ):
            tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        # ranks are in no units of the target
        tags.regressor_tags.poor_score = self.target_aggregation == "rank_mean" or (
            inner.regressor_tags is not None and inner.regressor_tags.poor_score
        )
        return tags


def _columns(y, aux_targets, X, caller):
    """Each target by itself, and their names."""
    names = _names(y)
    columns = _split(y)
    if aux_targets is not None:
        # networks have the same argument; torch is loaded where it is used
        from sknumerai.neural_network._inputs import check_aux_targets

        aux = check_aux_targets(aux_targets, X, y, np.ndim(y), caller)
        names += _names(aux_targets, len(names), aux.shape[1])
        index = getattr(y, "index", getattr(X, "index", None))
        for values in aux.T:
            values = np.ascontiguousarray(values)
            if index is not None:
                # their names tell networks the horizon
                values = pd.Series(values, index, name=names[len(columns)], copy=False)
            columns.append(values)
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{caller}: several targets are called {twice[:3]}.")
    return columns, names


def _names(values, first=0, n_columns=None):
    if isinstance(values, pd.DataFrame):
        return list(values.columns)
    name = getattr(values, "name", None)
    if name is not None:
        return [name]
    if n_columns is None:
        n_columns = 1 if values.ndim == 1 else values.shape[1]
    return list(range(first, first + n_columns))


def _split(y):
    if isinstance(y, pd.DataFrame):
        return [y.iloc[:, j] for j in range(y.shape[1])]
    return [y] if y.ndim == 1 else list(y.T)


def _beside(columns, names):
    """Targets in one table."""
    if isinstance(columns[0], pd.Series):
        values = {name: np.asarray(column) for name, column in zip(names, columns)}
        return pd.DataFrame(values, index=columns[0].index)
    return np.column_stack(columns)


def _known_rows(columns, names, caller):
    """The rows where each target is known, None for all."""
    for column, name in zip(columns, names):
        missing = np.asarray(pd.isna(column))
        if not missing.any():
            yield None
            continue
        if len(columns) == 1:
            refuse_gaps(missing, caller)
        if missing.all():
            raise ValueError(
                f"{caller}: the target {name!r} is NaN in all {len(missing)} rows. "
                "Leave it out."
            )
        yield as_slice(np.flatnonzero(~missing))


def _position(which, names, caller="predict"):
    """Where a target stands, by name or position."""
    if which in names:
        return names.index(which)
    if isinstance(which, Integral) and -len(names) <= which < len(names):
        return int(which)
    raise ValueError(
        f"{caller}: target_aggregation must be one of {list(AGGREGATIONS)}, or the "
        f"name or position of one of the targets {names}. Got {which!r}."
    )
