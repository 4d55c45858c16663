"""Average the ranks that regressors give the rows of an era."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn import get_config
from sklearn.base import _fit_context, clone
from sklearn.ensemble import VotingRegressor
from sklearn.utils import Bunch, get_tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from sknumerai.ensemble._delegation import params_of
from sknumerai.ensemble._members import (
    average,
    check_same_rows,
    check_target,
    check_weights,
    fit_members,
    remember_eras,
)
from sknumerai.preprocessing._tables import find_eras
from sknumerai.utils import refuse_era_column
from sknumerai.utils._old_state import keeps_old_state


class RankAveragingRegressor(VotingRegressor):
    """Fit several regressors and average the ranks of their predictions, era by era.

    A :class:`sklearn.ensemble.VotingRegressor` for models of different kinds: what one
    of them calls a large prediction is another's small one, and Numerai looks at ranks
    only. It passes eras, sample weights and targets of several columns on, which the
    original does not. For models of one kind the ordinary one is as good.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Regressors and their names; "drop" leaves one out. One that is fitted already
        stays as it is inside a :class:`sklearn.frozen.FrozenEstimator`.

    weights : array-like of shape (n_estimators,) or "donate", default=None
        Weights of the estimators, 0 or more. "donate" gives the last estimator one
        half, the one before a quarter and so on, the first as much as the second. None:
        all the same.

    ranks : {"uniform", "gaussian"}, default="uniform"
        Whether ranks are spread over (0, 1) or made Gaussian, which lets the extremes
        weigh more. The average of the former is a submission as it is.

    n_jobs : int, default=None
        Estimators fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the estimators.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted regressors.

    named_estimators_ : Bunch
        The fitted regressors by name.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    SeedAveragingRegressor : The same regressor with several seeds.

    Notes
    -----
    A prediction depends on the other rows of its era: the same era gives the same ranks
    alone, beside other eras, and in any order. Where no eras are found the rows are
    taken as one era, which a live round is.

    References
    ----------
    The weights are known as "Donate et al." weights, as used by Zhang, Y., Jane Street
    Market Prediction, first place solution (2021).

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import RankAveragingRegressor
    >>> data = make_numerai(n_eras=4, n_samples_per_era=50, n_features=5, random_state=0)
    >>> model = RankAveragingRegressor(
    ...     [("linear", LinearRegression()), ("neighbors", KNeighborsRegressor())]
    ... )
    >>> y_pred = model.fit(data.data, data.target).predict(data.data)
    >>> y_pred.shape, round(y_pred.mean(), 2)
    ((200,), np.float64(0.5))
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__predict = {"groups": True}
    __metadata_request__transform = {"groups": True}

    _parameter_constraints: dict = {
        **VotingRegressor._parameter_constraints,
        "weights": ["array-like", StrOptions({"donate"}), None],
        "ranks": [StrOptions({"uniform", "gaussian"})],
    }

    def __init__(
        self, estimators, *, weights=None, ranks="uniform", n_jobs=None, verbose=False
    ):
        super().__init__(estimators, weights=weights, n_jobs=n_jobs, verbose=verbose)
        self.ranks = ranks

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit the regressors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Handed to the regressors as they are.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, of several columns where all regressors take them.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for regressors whose ``fit`` takes it. Others find eras in
            the index.

        **fit_params : dict
            Further arguments of the regressors' ``fit``, such as ``sample_weight``.
            All of them get them, or with metadata routing those that request them.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        used = self._used()
        self._used_weights(caller)
        X, y = self._read(X, y, groups, caller)
        params = self._params("fit", used, groups, fit_params)
        return self._keep(self._fit_all(used, X, y, params), y)

    def predict(self, X, groups=None):
        """Predict the average rank within the era.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included. By default the index level "era"
            of `X`; where there is none, the rows are one era.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Average ranks, float64; in (0, 1) where `ranks` is "uniform".
        """
        check_is_fitted(self)
        return average(
            self._predictions(X, groups),
            self._used_weights(
                f"{type(self).__name__}.predict", self.named_estimators_
            ),
            how=self.ranks,
            find_eras=lambda: find_eras(self, groups, X, None, _num_samples(X)),
        )

    def transform(self, X, groups=None):
        """Return what each regressor predicts, not ranked.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for regressors whose ``predict`` takes it.

        Returns
        -------
        predictions : ndarray of shape (n_samples, n_estimators * n_outputs)
            The outputs of the first regressor, of the second, and so on.
        """
        check_is_fitted(self)
        columns = [
            np.asarray(values).reshape(len(values), -1)
            for values in self._predictions(X, groups, "transform")
        ]
        return np.concatenate(columns, axis=1)

    def get_feature_names_out(self, input_features=None):
        """Get names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used.

        Returns
        -------
        names : ndarray of str
            With the name of each regressor, and the number of the output where there
            are several.
        """
        check_is_fitted(self)
        prefix = type(self).__name__.lower()
        names = [f"{prefix}_{name}" for name, _ in self._members()]
        if self._n_outputs is not None:
            outputs = range(self._n_outputs)
            names = [f"{name}{j}" for name in names for j in outputs]
        return np.array(names, dtype=object)

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests and those of the regressors.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="predict", callee="predict")
        mapping.add(caller="transform", callee="predict")
        router = MetadataRouter(owner=self).add_self_request(self)
        for name, estimator in self.estimators:
            if estimator != "drop":
                router.add(**{name: estimator}, method_mapping=mapping)
        return router

    def _used(self):
        """The regressors that are not left out, with their names."""
        names, estimators = self._validate_estimators()
        return [pair for pair in zip(names, estimators) if pair[1] != "drop"]

    def _read(self, X, y, groups, caller):
        refuse_era_column(X, type(self).__name__)
        if not hasattr(X, "iloc"):
            X = check_array(X, dtype="numeric", ensure_all_finite="allow-nan")
        y = check_target(y, caller)
        remember_eras(self, check_same_rows(X, y, groups, caller))
        return X, y

    def _fit_all(self, used, X, y, params, rows=None):
        """Fit clones, to some rows or all; by name."""
        fitted = fit_members(
            self, [(clone(est), X, y, params[name], rows) for name, est in used]
        )
        return {name: member for (name, _), member in zip(used, fitted)}

    def _keep(self, fitted, y):
        self._n_outputs = None if np.ndim(y) == 1 else y.shape[1]
        self.estimators_ = list(fitted.values())
        self.named_estimators_ = Bunch(
            **{name: fitted.get(name, "drop") for name, _ in self.estimators}
        )
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        for member in self.estimators_:
            if hasattr(member, "feature_names_in_"):
                self.feature_names_in_ = member.feature_names_in_
                break
        return self

    def _members(self):
        """The fitted regressors, with their names."""
        found = self.named_estimators_.items()
        return [(name, member) for name, member in found if member != "drop"]

    def _used_weights(self, caller, named=None):
        """Weights of those of the named estimators that are not left out."""
        named = dict(self.estimators) if named is None else named
        weights = check_weights(self.weights, len(named), caller, "estimators")
        used = np.array([estimator != "drop" for estimator in named.values()])
        return check_weights(weights[used], int(used.sum()), caller)

    def _predictions(self, X, groups, method="predict"):
        refuse_era_column(X, type(self).__name__)
        used = self._members()
        params = self._params("predict", used, groups, {}, method)
        for name, member in used:
            values = np.asarray(member.predict(X, **params[name]))
            # one column comes back as a vector from some regressors
            yield values if self._n_outputs is None else values.reshape(len(values), -1)

    def _params(self, callee, used, groups, params, method=None):
        """What `callee` of each regressor is given in a method of this, by name."""
        if get_config()["enable_metadata_routing"]:
            given = params if groups is None else {**params, "groups": groups}
            if not given:
                return {name: {} for name, _ in used}
            routed = process_routing(self, method or callee, **given)
            return {name: dict(routed[name][callee]) for name, _ in used}
        return {
            name: params_of(self, callee, estimator, groups, params)
            for name, estimator in used
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        # ranks are in no units of the target
        tags.regressor_tags.poor_score = True
        try:
            tags.target_tags.multi_output = all(
                get_tags(estimator).target_tags.multi_output
                for _, estimator in self.estimators
                if estimator != "drop"
            )
        except (TypeError, ValueError, AttributeError):
            # no list of named estimators, which fit says
            pass
        return tags
