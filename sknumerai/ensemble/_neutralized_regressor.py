"""A regressor whose predictions are neutralized."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from sknumerai.ensemble._delegation import DelegatingRegressor, params_of
from sknumerai.ensemble._members import check_same_rows, check_target, remember_eras
from sknumerai.preprocessing._feature_groups import column_names, positions_of_either
from sknumerai.preprocessing._neutralize import check_proportion
from sknumerai.preprocessing._neutralize_in_table import (
    neutralize_in_table,
    reduce_in_table,
)
from sknumerai.preprocessing._residuals import residual_function
from sknumerai.preprocessing._rows import read_columns
from sknumerai.preprocessing._tables import find_eras, read_table
from sknumerai.utils import era_gaussian_ranks
from sknumerai.utils._frames import like
from sknumerai.utils._old_state import keeps_old_state


class NeutralizedRegressor(DelegatingRegressor):
    """Neutralize the predictions of a regressor to features, era by era.

    ``fit`` fits the regressor and nothing else. ``predict`` subtracts from its
    predictions, in each era, a share of their least-squares fit by features. What is
    left bets less on single features, which costs CORR and may steady it: the share is
    worth a search. The mean of an era's predictions stays.

    Parameters
    ----------
    estimator : estimator
        Regressor to fit.

    features : list of str or int, default=None
        Columns of X to neutralize to, by name or, for arrays, by position. None: all.

    proportion : float or dict, default=1.0
        Share of the fit to subtract, from 0 to 1; with `feature_groups` a dict of a
        share for each group.

    feature_groups : dict of str to list, default=None
        Columns of X to neutralize to by group, one group after the other, instead of
        `features`.

    top_k : int, default=None
        Neutralize only to so many features, those with the largest exposure in the
        era.

    max_exposure : float, default=None
        Instead of a share, take away only as much as brings the size of all exposures
        to at most this, see :func:`sknumerai.preprocessing.reduce_exposure`.

    normalize : bool, default=False
        Whether predictions are ranked and made Gaussian in each era first, as FNC does.
        They are no longer in the units of the target then.

    device : str, default=None
        Torch device that neutralizes, for example "cuda". None computes with NumPy.
        Fitted with "cuda", the CPU computes where there is none, as where an exported
        model runs.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if neutralizing takes more than two
        seconds.

    Attributes
    ----------
    estimator_ : estimator
        The fitted regressor.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    sknumerai.preprocessing.neutralize : The same for predictions at hand.
    ResidualTargetRegressor : Takes it out of the target instead.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import NeutralizedRegressor
    >>> from sknumerai.metrics import max_feature_exposure
    >>> data = make_numerai(n_eras=4, n_samples_per_era=200, n_features=5, random_state=0)
    >>> X, y = data.data, data.target
    >>> model = NeutralizedRegressor(KNeighborsRegressor(), max_exposure=0.1).fit(X, y)
    >>> pred = model.predict(X)
    >>> round(max_feature_exposure(None, pred, X, groups=data.eras), 3)
    0.1
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "features": ["array-like", None],
        "proportion": [Interval(Real, 0, 1, closed="both"), Mapping],
        "feature_groups": [Mapping, None],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "max_exposure": [Interval(Real, 0, 1, closed="both"), None],
        "normalize": ["boolean"],
        "device": [str, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        *,
        features=None,
        proportion=1.0,
        feature_groups=None,
        top_k=None,
        max_exposure=None,
        normalize=False,
        device=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.features = features
        self.proportion = proportion
        self.feature_groups = feature_groups
        self.top_k = top_k
        self.max_exposure = max_exposure
        self.normalize = normalize
        self.device = device
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit the regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

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
        read_table(self, X, reset=True)
        check_target(y, caller)
        remember_eras(self, check_same_rows(X, y, groups, caller))
        full = not isinstance(self.proportion, Mapping) and self.proportion == 1
        if self.max_exposure is not None and (self.top_k is not None or not full):
            raise ValueError(
                f"{caller}: max_exposure takes away what exceeds it, and no share: "
                "leave proportion and top_k at their defaults. Got "
                f"proportion={self.proportion!r} and top_k={self.top_k!r}."
            )
        self._residuals = residual_function(self.device, caller)
        self._groups = positions_of_either(
            self.features, self.feature_groups, column_names(self), caller
        )
        if not self._groups:
            self._groups = [np.arange(self.n_features_in_)]
        check_proportion(self.proportion, self.feature_groups, caller)
        params = params_of(self, "fit", self.estimator, groups, fit_params)
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def predict(self, X, groups=None):
        """Predict, and neutralize to the features.

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
            Neutral predictions, float64.
        """
        check_is_fitted(self, "estimator_")
        caller = f"{type(self).__name__}.predict"
        table = read_table(self, X, reset=False)
        params = params_of(self, "predict", self.estimator_, groups, {})
        pred = np.asarray(self.estimator_.predict(X, **params))
        values = read_columns(pred, "predictions", caller)
        eras = find_eras(self, groups, X, None, len(values))
        if self.normalize:
            values = era_gaussian_ranks(values, eras)
        # absent in older pickles
        verbose = getattr(self, "verbose", False)
        if self.max_exposure is not None:
            reduce_in_table(
                values, table, self._groups, eras, self.max_exposure, caller, verbose
            )
            return like(pred, values)
        means = [_means(values[rows]) for rows in eras.rows()]
        neutralize_in_table(
            values,
            table,
            self._groups,
            eras,
            check_proportion(self.proportion, self.feature_groups, caller)[None],
            residuals=self._residuals,
            top_k=self.top_k,
            caller=caller,
            verbose=verbose,
        )
        for rows, mean in zip(eras.rows(), means):
            values[rows] += mean - _means(values[rows])
        return like(pred, values)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # what features explain is what scores on a sample: it is taken away
        tags.regressor_tags.poor_score = True
        tags.target_tags = get_tags(self.estimator).target_tags
        return tags


def _means(values):
    """Means of columns without what is missing; 0 where nothing is there."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return sums / np.maximum(known.sum(axis=0), 1)
