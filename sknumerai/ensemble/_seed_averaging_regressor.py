"""The same regressor with several seeds, averaged."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import Interval

from sknumerai.ensemble._averaging import (
    BaseAveragingRegressor,
    set_seeds,
)
from sknumerai.ensemble._delegation import params_of
from sknumerai.ensemble._members import fit_members, read_rows
from sknumerai.utils._old_state import keeps_old_state


class SeedAveragingRegressor(BaseAveragingRegressor):
    """Fit a regressor with several seeds and average its predictions.

    A network's score depends on the draw of its first weights and batches. The average
    of a few seeds has most of their skill without their luck, which also makes
    comparisons of settings steadier.

    Parameters
    ----------
    estimator : estimator
        Regressor with a parameter `random_state`, its own or of a regressor inside
        (``mlpregressor__random_state``).

    n_seeds : int, default=5
        How many are fitted.

    aggregation : {"mean", "median", "rank_mean"}, default="mean"
        Mean or median of the predictions, or mean of their ranks in (0, 1) within the
        era.

    random_state : int, RandomState instance or None, default=None
        Decides the seeds of all members; what `estimator` says of its own is replaced.

    n_jobs : int, default=None
        Members fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the members.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted members.

    seeds_ : list of int
        The seed of each.

    weights_ : ndarray of shape (n_seeds,)
        All the same.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    FoldAveragingRegressor : Averages the models of folds, and seeds of each.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import SeedAveragingRegressor
    >>> from sknumerai.neural_network import MLPRegressor
    >>> data = make_numerai(n_eras=4, n_samples_per_era=50, n_features=5, random_state=0)
    >>> model = SeedAveragingRegressor(MLPRegressor(max_epochs=2), n_seeds=3, random_state=0)
    >>> model.fit(data.data, data.target).predict(data.data).shape
    (200,)
    """

    _parameter_constraints: dict = {
        **BaseAveragingRegressor._parameter_constraints,
        "n_seeds": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator,
        n_seeds=5,
        *,
        aggregation="mean",
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.n_seeds = n_seeds
        self.aggregation = aggregation
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit the regressor with each seed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Handed to the members as they are.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for a regressor whose ``fit`` takes it. Others find eras
            in the index.

        **fit_params : dict
            Further arguments of the regressor's ``fit``, such as ``sample_weight``.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        X, y = read_rows(self, X, y, groups, caller)
        seeds = self._draw_seeds(self.n_seeds, caller)
        params = params_of(self, "fit", self.estimator, groups, fit_params)
        members = [set_seeds(clone(self.estimator), seed) for seed in seeds]
        self.estimators_ = fit_members(
            self, [(member, X, y, params, None) for member in members]
        )
        self.seeds_ = seeds
        self.weights_ = np.full(len(seeds), 1 / len(seeds))
        return self
