"""A regressor that learns what a benchmark or features do not explain."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import _fit_context, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_is_fitted,
)

from sknumerai.ensemble._delegation import DelegatingRegressor, params_of
from sknumerai.ensemble._members import (
    check_same_rows,
    check_target,
    refuse_gaps,
    remember_eras,
    rows_of_params,
)
from sknumerai.model_selection._folds import as_slice
from sknumerai.preprocessing import residualize_target
from sknumerai.preprocessing._feature_groups import positions_of
from sknumerai.preprocessing._tables import columns_of, read_table
from sknumerai.utils import ERA_LEVEL, has_eras
from sknumerai.utils._frames import like
from sknumerai.utils._old_state import keeps_old_state


class _NotStored:
    """Stands for the benchmark in the pickle of a fitted model."""

    def __repr__(self):
        return "<not stored>"


class ResidualTargetRegressor(DelegatingRegressor):
    """Fit a regressor to the part of the target that something else does not explain.

    In each era the least-squares fit of the target by a benchmark's predictions, or by
    features, is subtracted from it before the regressor is fitted. Its predictions are
    worth little by themselves and much beside the benchmark: contribution (MMC, BMC) is
    what Numerai pays most for.

    Parameters
    ----------
    estimator : estimator
        Regressor to fit.

    by : Series, DataFrame, list of column names or "X", default=None
        What to take out of the target: predictions of benchmark models, out of sample,
        matched by index, for all rows or more; some columns of X, by name or, for
        arrays, by position; or all of X. Rows without a value are left out of the
        training. None: nothing but the constant, so that the target stays.

    proportion : float, default=1.0
        Share of the fit to subtract, from 0 to 1.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if taking the fit out of the
        target takes more than two seconds.

    Attributes
    ----------
    estimator_ : estimator
        The fitted regressor. It is all that predicts.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    sknumerai.preprocessing.residualize_target : The target that is learned.
    NeutralizedRegressor : Takes it out of the predictions instead.

    Notes
    -----
    A pickle of a fitted model is without the benchmark, which predicting does not need.
    To fit it again set `by` anew; :func:`sklearn.base.clone` of the object that was
    fitted keeps it.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import ResidualTargetRegressor
    >>> data = make_numerai(n_eras=4, n_samples_per_era=200, n_features=5, random_state=0)
    >>> model = ResidualTargetRegressor(Ridge(), by=data.benchmark)
    >>> model.fit(data.data, data.target).predict(data.data).shape
    (800,)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "by": [StrOptions({"X"}), "array-like", None, _NotStored],
        "proportion": [Interval(Real, 0, 1, closed="both")],
        "verbose": ["verbose"],
    }

    def __init__(self, estimator, by=None, *, proportion=1.0, verbose=False):
        self.estimator = estimator
        self.by = by
        self.proportion = proportion
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit the regressor to the residual of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `X` or `y`; where
            there is none, the rows are one era.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``. Of
            those that are as long as X only the rows that are learned are handed on.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        if isinstance(self.by, _NotStored):
            raise TypeError(
                f"{caller}: this model was fitted, and stored without its benchmark. "
                "Give it one to fit it again: model.set_params(by=benchmark)."
            )
        table = read_table(self, X, reset=True)
        y = check_target(y, caller, allow_gaps=True)
        eras = check_same_rows(table, y, groups, caller)
        target = self._residual(table, y, groups, caller)
        rows = _rows_with(target, y, caller)
        remember_eras(self, eras, rows)
        params = {"groups": groups, **fit_params}
        if rows is not None:
            X, target = _safe_indexing(X, rows), _safe_indexing(target, rows)
            params = rows_of_params(params, len(y), rows)
        groups = params.pop("groups")
        params = params_of(self, "fit", self.estimator, groups, params)
        self.estimator_ = clone(self.estimator).fit(X, target, **params)
        return self

    def predict(self, X, groups=None):
        """Predict the residual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for a regressor whose ``predict`` takes it.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            What the regressor predicts.
        """
        check_is_fitted(self, "estimator_")
        read_table(self, X, reset=False)
        params = params_of(self, "predict", self.estimator_, groups, {})
        return self.estimator_.predict(X, **params)

    def __getstate__(self):
        state = super().__getstate__()
        if "estimator_" in state and isinstance(self.by, pd.Series | pd.DataFrame):
            # it may be the object's own dict
            return {**state, "by": _NotStored()}
        return state

    def _residual(self, X, y, groups, caller):
        """The target without what is known, NaN where that is not known."""
        if self.by is None:
            return y
        is_frame = isinstance(X, pd.DataFrame)
        if groups is None:
            for values in (X, y):
                if has_eras(values):
                    groups = values.index.get_level_values(ERA_LEVEL)
                    break
        by = self.by
        if isinstance(by, pd.Series | pd.DataFrame):
            if not is_frame and not hasattr(y, "index"):
                raise ValueError(
                    f"{caller}: by has an index, and neither X nor y has one to match "
                    "it with. Keep X in pandas."
                )
            if not hasattr(y, "index"):
                make = pd.Series if y.ndim == 1 else pd.DataFrame
                y = make(y, index=X.index)
        else:
            by = X if isinstance(by, str) else self._columns(X, caller)
            # of the same rows, whatever the index of y
            residual = residualize_target(
                np.asarray(y),
                np.asarray(by),
                groups=None if groups is None else np.asarray(groups),
                proportion=self.proportion,
                verbose=self.verbose,
            )
            # networks read the horizon from its name
            return like(y, residual.reshape(len(residual), -1))
        return residualize_target(
            y, by, groups=groups, proportion=self.proportion, verbose=self.verbose
        )

    def _columns(self, table, caller):
        if np.ndim(self.by) != 1:
            raise TypeError(
                f"{caller}: by must be a Series or DataFrame, a list of columns of X, "
                f"'X' or None. Got an array of shape {np.shape(self.by)}: give it an "
                "index, so that folds find their rows."
            )
        return columns_of(table, positions_of(self.by, table, "by", caller))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # a residual is not the target that it is scored by
        tags.regressor_tags.poor_score = self.by is not None
        tags.target_tags = get_tags(self.estimator).target_tags
        return tags


def _rows_with(residual, y, caller):
    """The rows whose main target is known: None for all, a slice where they are one."""
    main = np.asarray(residual)
    main = main if main.ndim == 1 else main[:, 0]
    known = np.asarray(y) if np.ndim(y) == 1 else np.asarray(y)[:, 0]
    refuse_gaps(pd.isna(known), caller)
    kept = np.flatnonzero(~pd.isna(main))
    if len(kept) == len(main):
        return None
    if not len(kept):
        raise ValueError(
            f"{caller}: by has no value for any of the {len(main)} rows of X. Pass "
            "predictions for the eras that are fitted, with the index of X."
        )
    # a view as a rule: benchmarks begin some eras later than the data
    return as_slice(kept)
