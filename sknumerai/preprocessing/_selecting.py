"""What selectors of features share."""

# SPDX-License-Identifier: BSD-3-Clause

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils._param_validation import Interval, RealNotInt
from sklearn.utils.validation import check_is_fitted

from sknumerai.preprocessing._tables import read_features

# How many of the best are kept, and how good they must be.
CHOICE_CONSTRAINTS = {
    "n_features": [
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="neither"),
        None,
    ],
    "threshold": [Interval(Real, None, None, closed="neither"), None],
}


class BaseFeatureSelector(SelectorMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of selectors; eras matter in fit only.

    A subclass has `fit(X, y, groups)` that sets `support_`.
    """

    __metadata_request__fit = {"groups": True}

    @abstractmethod
    def __init__(self):
        """Only store the parameters."""

    def transform(self, X):
        """Keep the selected features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, in any type: it is kept.

        Returns
        -------
        selected : ndarray or DataFrame of shape (n_samples, n_selected_features)
            A frame with the index of `X`, eras included, if `X` is one.

        Raises
        ------
        ValueError
            If a column of fit is missing.
        """
        check_is_fitted(self)
        matrix = read_features(self, X, reset=False, allow_nan=self._allow_nan())
        positions = self.get_support(indices=True)
        if not isinstance(X, pd.DataFrame):
            return matrix[:, positions]
        selected, names = X.iloc[:, positions], self.get_feature_names_out()
        # fitted on an array, or on names that are no strings, they have others
        same = selected.columns.equals(pd.Index(names))
        return selected if same else selected.set_axis(names, axis=1)

    def fit_transform(self, X, y=None, groups=None):
        """Select features and keep them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,), default=None
            Target.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`.

        Returns
        -------
        selected : ndarray or DataFrame of shape (n_samples, n_selected_features)
            A frame with the index of `X` if `X` is one.
        """
        return self.fit(X, y, groups=groups).transform(X)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def _allow_nan(self):
        return False


def main_target(y):
    """The first column of several targets, which is the main one in this package.

    The others may be unknown in places: networks of many targets take such y, and a
    selector before them in a pipeline is given it.
    """
    if isinstance(y, pd.DataFrame):
        return y.iloc[:, 0]
    if y is None or isinstance(y, pd.Series):
        return y
    y = np.asarray(y)
    return y[:, 0] if y.ndim == 2 and y.shape[1] else y


def best(scores, n_features, threshold):
    """Choose the features with the highest scores.

    Parameters
    ----------
    scores : ndarray of shape (n_features,)
        More is better; NaN is never chosen.

    n_features : int, float or None
        The most that are kept, as a number or as a share of all.

    threshold : float or None
        The least score.

    Returns
    -------
    support : ndarray of shape (n_features,)
        Whether each is kept. Of equal scores the first is.
    """
    support = ~np.isnan(scores)
    if threshold is not None:
        support &= scores >= threshold
    if n_features is None:
        return support
    most = n_features
    if not isinstance(n_features, Integral):
        most = max(1, round(n_features * len(scores)))
    ranked = np.argsort(np.where(support, -scores, np.inf), kind="stable")
    support[ranked[most:]] = False
    return support
