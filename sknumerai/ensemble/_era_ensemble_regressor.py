"""A stack of models of slices of eras (V3X)."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
)
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import MethodMapping, process_routing
from sklearn.utils.validation import (
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
)

from sknumerai.ensemble._delegation import params_of, router_of
from sknumerai.ensemble._members import fit_members, read_rows, rows_of_params
from sknumerai.ensemble._prediction import predict_by_eras
from sknumerai.ensemble._shrunk_average import ShrunkAverage
from sknumerai.ensemble._slices import fill_with_others, honest_rows, make_slices
from sknumerai.preprocessing._tables import find_eras, read_table
from sknumerai.utils import import_optional, with_index_of
from sknumerai.utils._old_state import keeps_old_state


class EraEnsembleRegressor(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit a model to each slice of eras, and a linear model to their predictions (V3X).

    Markets change: a model of 40 neighbouring eras learns what held then, and a linear
    model on top weighs what several such times have taught. Slices are also smaller
    than the data: three models of a third each take no more time than one of all, and a
    third of its memory.

    V3X lets the model on top learn from predictions that each model makes of its own
    slice, where it is too good. Here, by default, it learns from predictions out of
    sample: the model of a slice is not asked about its own eras or those within the
    embargo, and the mean of the others stands in. `from_preset` gives V3X as it was.

    Parameters
    ----------
    estimator : estimator, default=None
        Regressor to fit to each slice. None is a
        :class:`sklearn.ensemble.HistGradientBoostingRegressor` of 100 trees of depth 3
        and learning rate 0.1, which needs no further package, but holds a slice in
        float64: for thousands of features pass XGBoost's or LightGBM's.

    final_estimator : estimator, default=None
        Regressor of their predictions. None is V3X's
        :class:`sklearn.linear_model.RidgeCV` where `stacking` is "in_sample", and
        otherwise an average with weights of 0 or more, equal ones unless the data tell
        them apart, see Notes.

    n_slices : int, default=3
        Number of slices. 1 is for ``stacking="in_sample"`` alone.

    overlap : int, default=1
        Eras that a slice shares with the next one. Rows as slices have none.

    slices : {"eras", "rows", "steps"}, default="eras"
        Whether slices have as many eras each, as many rows each in the order of eras,
        or are steps of ``n_eras // n_slices`` eras as in V3X: then what is left makes
        further slices, 12 for 120 eras and `n_slices` of 11.

    stacking : {"out_of_slice", "in_sample"}, default="out_of_slice"
        Predictions that the final estimator learns from: of each slice's model without
        those that it was trained on or that lie within the embargo, or all.

    embargo : int or "auto", default="auto"
        Eras on both sides of a slice of which its model's predictions are not learned
        from. "auto" reads the horizon from y's name (8 for targets of 20 days, 16 of
        60), and is 8 where it tells nothing.

    n_jobs : int, default=None
        Models fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the slices.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted regressor of each slice.

    final_estimator_ : estimator or None
        The fitted regressor of their predictions. None where it would have predicted a
        constant: then the mean is taken.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras fitted on, where eras were known.

    Warns
    -----
    UserWarning
        If the final estimator leaves every model out, as LassoCV may.

    See Also
    --------
    EraBoostingRegressor : Spends more trees on eras that are predicted badly.
    sklearn.ensemble.StackingRegressor : Stacks models of all rows; takes
        :class:`sknumerai.model_selection.PurgedGroupKFold`.

    Notes
    -----
    Out of sample a model explains a thousandth of the target, and a ridge of a few such
    models learns noise; in sample it finds them all good, which leaves it near their
    mean. So the default for predictions out of sample is the mean, times its slope, and
    moves towards least squares as far as a test over blocks of eras finds the models to
    deserve different weights; no weight is below 0.

    V3X may reduce each slice to its principal components first: pass a pipeline,
    ``make_pipeline(PCA(0.9), estimator)``.

    Where no eras are known the rows are taken to be in the order of time and cut as
    with ``slices="rows"``, and nothing is left out beside a slice: rows at its ends may
    share an era, or their labels days, with it. A number for `embargo` is refused then.

    Slices of data in the order of eras are views. Predictions of many rows are made in
    blocks of whole eras.

    References
    ----------
    Truda, G., numerai: "V3X stable" and "Numerai development v3_21" (class EraEnsemble,
    class ChunkEnsemble), 2021-2023.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import EraEnsembleRegressor
    >>> data = make_numerai(n_eras=30, n_samples_per_era=20, n_features=5, random_state=0)
    >>> model = EraEnsembleRegressor(Ridge(), embargo=4).fit(data.data, data.target)
    >>> model.final_estimator_.coef_.shape
    (3,)
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__predict = {"groups": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "final_estimator": [HasMethods(["fit", "predict"]), None],
        "n_slices": [Interval(Integral, 1, None, closed="left")],
        "overlap": [Interval(Integral, 0, None, closed="left")],
        "slices": [StrOptions({"eras", "rows", "steps"})],
        "stacking": [StrOptions({"out_of_slice", "in_sample"})],
        "embargo": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        final_estimator=None,
        n_slices=3,
        overlap=1,
        slices="eras",
        stacking="out_of_slice",
        embargo="auto",
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.final_estimator = final_estimator
        self.n_slices = n_slices
        self.overlap = overlap
        self.slices = slices
        self.stacking = stacking
        self.embargo = embargo
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def from_preset(cls, name, **overrides):
        """Make an estimator with the settings of the source.

        Parameters
        ----------
        name : {"v3x", "chunk_ensemble"}
            "v3x" is the model that was submitted: three slices in steps of eras, one
            era shared, stacked in sample. "chunk_ensemble" is the later experiment:
            five slices of rows.

        **overrides : dict
            Parameters that differ. Without `estimator` XGBoost's regressor is taken,
            with the defaults of the version of the time: 100 trees of depth 3,
            learning rate 0.1.

        Returns
        -------
        estimator : EraEnsembleRegressor
            Not fitted.

        Raises
        ------
        ValueError
            If there is no preset of this name.

        ImportError
            If XGBoost is needed and not installed. The message names the extra.
        """
        presets = {
            "v3x": {"slices": "steps", "n_slices": 3, "overlap": 1},
            "chunk_ensemble": {"slices": "rows", "n_slices": 5, "overlap": 0},
        }
        if name not in presets:
            raise ValueError(
                f"{cls.__name__}.from_preset: name must be one of {sorted(presets)}. "
                f"Got {name!r} instead."
            )
        params = {**presets[name], "stacking": "in_sample", **overrides}
        if "estimator" not in params:
            xgboost = import_optional(
                "xgboost", extra="boosting", caller=f"{cls.__name__}.from_preset"
            )
            params["estimator"] = xgboost.XGBRegressor(
                n_estimators=100, max_depth=3, learning_rate=0.1, verbosity=0
            )
        return cls(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit a regressor to each slice, and one to their predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, in any order of rows.

        y : array-like of shape (n_samples,)
            Target.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `X` or `y`; where there
            is none, slices are of rows.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``. Of
            those that are as long as X each slice takes its rows. ``sample_weight`` is
            handed to the final estimator too, if that takes it.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        table, target = read_rows(self, X, y, groups, caller)
        values = column_or_1d(target, warn=True)
        y = target if np.ndim(target) == 1 else values
        eras = find_eras(self, groups, X, y, len(values))
        how = self.slices if eras.n_eras > 1 else "rows"
        slices = make_slices(eras, self.n_slices, self.overlap, how, caller)
        honest = None
        if self.stacking == "out_of_slice":
            honest = honest_rows(eras, slices, self.embargo, y, caller)
        inner = self._inner()
        params = params_of(self, "fit", inner, groups, fit_params)
        self.estimators_ = fit_members(
            self, [(clone(inner), table, y, params, rows) for rows in slices]
        )
        if eras.n_eras > 1:
            self.eras_seen_ = eras.numbers
        elif hasattr(self, "eras_seen_"):
            del self.eras_seen_
        stacked = self._stack(table, groups, eras)
        self._fit_final(X, stacked, y, honest, eras, groups, fit_params)
        return self

    def predict(self, X, groups=None):
        """Predict what the final estimator makes of the models' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included, for regressors whose ``predict``
            takes it.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predictions in the units of the target.
        """
        stacked = self.predict_slices(X, groups)
        if self.final_estimator_ is None:
            return np.asarray(stacked).mean(axis=1)
        return self.final_estimator_.predict(stacked)

    def predict_slices(self, X, groups=None):
        """Return the prediction of the model of each slice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for regressors whose ``predict`` takes it.

        Returns
        -------
        predictions : ndarray or DataFrame of shape (n_samples, n_slices)
            In the order of the slices; a frame with the index of X if X is one.
        """
        check_is_fitted(self, "estimators_")
        table = read_table(self, X, reset=False)
        eras = find_eras(self, groups, X, None, len(table))
        return self._framed(X, self._stack(table, groups, eras))

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests and those of both regressors.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = router_of(self, self._inner())
        return router.add(final_estimator=self._final(), method_mapping=mapping)

    def _inner(self):
        if self.estimator is not None:
            return self.estimator
        inner = HistGradientBoostingRegressor(
            max_iter=100, max_depth=3, learning_rate=0.1, early_stopping=False
        )
        return _requesting_weights(inner)

    def _final(self):
        if self.final_estimator is not None:
            return self.final_estimator
        in_sample = self.stacking == "in_sample"
        return _requesting_weights(RidgeCV() if in_sample else ShrunkAverage())

    def _stack(self, table, groups, eras):
        params = params_of(self, "predict", self.estimators_[0], groups, {})
        columns = [
            predict_by_eras(member, table, eras, params) for member in self.estimators_
        ]
        return np.column_stack(columns).astype(np.float64, copy=False)

    def _fit_final(self, X, stacked, y, honest, eras, groups, fit_params):
        rows = None
        if honest is not None:
            rows = np.flatnonzero(fill_with_others(stacked, honest))
        framed = self._framed(X, stacked)
        final = clone(self._final())
        params = {}
        if get_config()["enable_metadata_routing"]:
            given = fit_params if groups is None else {**fit_params, "groups": groups}
            if given:
                params = process_routing(self, "fit", **given).final_estimator.fit
        elif "sample_weight" in fit_params and has_fit_parameter(
            final, "sample_weight"
        ):
            params = {"sample_weight": fit_params["sample_weight"]}
        if isinstance(final, ShrunkAverage):
            params = {**params, "groups": eras.numbers[eras.codes]}
        if rows is not None and len(rows) < len(stacked):
            params = rows_of_params(params, len(stacked), rows)
            framed, y = _safe_indexing(framed, rows), _safe_indexing(y, rows)
        final.fit(framed, y, **params)
        self.final_estimator_ = final
        spread = np.ptp(stacked, axis=0).max()
        if spread > 0 and np.ptp(np.asarray(final.predict(framed))) < 1e-9 * spread:
            warnings.warn(
                f"{type(self).__name__}: {type(final).__name__} predicts a constant from "
                "the models of the slices, so their mean is taken instead.",
                UserWarning,
                stacklevel=5,
            )
            self.final_estimator_ = None

    def _framed(self, X, stacked):
        names = [f"slice_{j}" for j in range(stacked.shape[1])]
        return with_index_of(X, stacked, names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self._inner()).input_tags.allow_nan
        return tags


def _requesting_weights(estimator):
    """Default estimators ask for weights where metadata is routed."""
    if get_config()["enable_metadata_routing"]:
        estimator.set_fit_request(sample_weight=True)
    return estimator
