"""One model for each fold, averaged."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MethodMapping

from sknumerai.ensemble._averaging import (
    BaseAveragingRegressor,
    set_seeds,
)
from sknumerai.ensemble._delegation import params_of, split_folds
from sknumerai.ensemble._members import (
    check_same_rows,
    check_weights,
    fit_members,
    read_rows,
    remember_eras,
)
from sknumerai.utils._old_state import keeps_old_state


class FoldAveragingRegressor(BaseAveragingRegressor):
    """Fit a regressor to the training rows of each fold and average its predictions.

    What cross-validation has measured is then what predicts: no model is fitted to all
    rows, and each has stopped early on eras that it was not trained on. Later folds
    know more of the recent past: keep the `last` ones, or weigh them more.

    Parameters
    ----------
    estimator : estimator
        Regressor to fit.

    cv : int, splitter or iterable
        Folds, as scikit-learn takes them, such as a
        :class:`sknumerai.model_selection.GroupTimeSeriesSplit`. A number is so many
        splits of that, whose embargo y's name tells; where rows have no eras, of
        ``KFold``. Only training rows are used; with `valid_size` of that splitter they end with the validation eras, of
        which networks cut off their own.

    last : int, default=None
        How many folds to fit, the last ones. None: all.

    weights : {"equal", "donate"} or array-like of shape (n_folds,), default="equal"
        Weights of the folds that are fitted. "donate" gives the last one half, the one
        before a quarter and so on, the first as much as the second.

    n_seeds : int, default=1
        How many members each fold has, with different seeds. With 1 the `random_state`
        of `estimator` stays.

    aggregation : {"mean", "median", "rank_mean"}, default="mean"
        Mean or median of the predictions, or mean of their ranks in (0, 1) within the
        era. The median takes no weights.

    random_state : int, RandomState instance or None, default=None
        Decides the seeds where there are several.

    n_jobs : int, default=None
        Members fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the members.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted members, all seeds of a fold before the next fold.

    weights_ : ndarray of shape (n_folds * n_seeds,)
        Weight of each, of sum 1.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    SeedAveragingRegressor : Averages seeds of a model of all rows.

    Notes
    -----
    A fold whose rows are neighbours, as of data in the order of eras, is a view of X
    and costs no memory.

    References
    ----------
    Zhang, Y., Jane Street Market Prediction, first place solution (2021): three seeds
    of the models of the last two of five folds; fold scores with the weights 1/16,
    1/16, 1/8, 1/4, 1/2.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import FoldAveragingRegressor
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit
    >>> data = make_numerai(n_eras=30, n_samples_per_era=20, n_features=5, random_state=0)
    >>> cv = GroupTimeSeriesSplit(5, test_size=2, embargo=4)
    >>> model = FoldAveragingRegressor(Ridge(), cv, last=2)
    >>> len(model.fit(data.data, data.target).estimators_)
    2
    """

    _parameter_constraints: dict = {
        **BaseAveragingRegressor._parameter_constraints,
        "cv": ["cv_object"],
        "last": [Interval(Integral, 1, None, closed="left"), None],
        "weights": [StrOptions({"equal", "donate"}), "array-like"],
        "n_seeds": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator,
        cv,
        last=None,
        weights="equal",
        *,
        n_seeds=1,
        aggregation="mean",
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.cv = cv
        self.last = last
        self.weights = weights
        self.n_seeds = n_seeds
        self.aggregation = aggregation
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit the regressor to each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for the splitter, and for a regressor whose ``fit`` takes
            it. By default the index level "era" of `X` or `y`.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``. Of
            those that are as long as X each fold takes its rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        X, y = read_rows(self, X, y, groups, caller)
        folds = split_folds(self, "splitter", X, y, groups, fit_params)
        folds = [train for train, _ in folds]
        if self.last is not None and self.last > len(folds):
            raise ValueError(
                f"{caller}: last={self.last} is more than the {len(folds)} folds of cv."
            )
        folds = folds[-self.last :] if self.last else folds
        eras = check_same_rows(X, y, groups, caller)
        learned = np.zeros(len(y), dtype=bool)
        for train in folds:
            learned[train] = True
        remember_eras(self, eras, learned)
        weights = check_weights(self.weights, len(folds), caller, "folds")
        params = params_of(self, "fit", self.estimator, groups, fit_params)
        tasks = []
        seeds = self._draw_seeds(len(folds) * self.n_seeds, caller)
        for i, seed in enumerate(seeds):
            member = clone(self.estimator)
            if self.n_seeds > 1:
                set_seeds(member, seed)
            tasks.append((member, X, y, params, folds[i // self.n_seeds]))
        self.estimators_ = fit_members(self, tasks)
        self.weights_ = np.repeat(weights / self.n_seeds, self.n_seeds)
        return self

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests, and those of the regressor and of the splitter.
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        router = super().get_metadata_routing()
        return router.add(splitter=check_cv(self.cv), method_mapping=mapping)
