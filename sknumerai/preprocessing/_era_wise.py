"""What transformers share that look at the rows of one era at a time."""

# SPDX-License-Identifier: BSD-3-Clause

from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from sknumerai.preprocessing._tables import eras_of_target, find_eras, read_features
from sknumerai.utils import with_index_of
from sknumerai.utils._progress import bar_over


class BaseEraTransformer(TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of transformers whose result for a row depends on its era alone.

    A subclass has `_transform(matrix, eras)`, maybe `_fit(matrix, eras)`, and
    `get_feature_names_out`.
    """

    # requested by the class: with routing on, one groups= reaches every step
    __metadata_request__fit = {"groups": True}
    __metadata_request__transform = {"groups": True}

    @abstractmethod
    def __init__(self):
        """Only store the parameters."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None):
        """Check the features and remember their names.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Integers stay in their type.

        y : array-like of shape (n_samples,), default=None
            Ignored, but for the eras in its index.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`; where there
            is none, all rows are one era.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        matrix = read_features(self, X, reset=True, allow_nan=self._allow_nan())
        eras = find_eras(self, groups, X, y, len(matrix))
        self._fit(matrix, eras)
        return self

    def transform(self, X, groups=None):
        """Transform the features, each era by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live ones ("X") included. By default the index level `era`
            of `X`; where there is none, all rows are one era.

        Returns
        -------
        transformed : ndarray or DataFrame of shape (n_samples, n_features_out)
            A frame with the index of `X`, eras included, if `X` is one.
        """
        check_is_fitted(self)
        matrix = read_features(self, X, reset=False, allow_nan=self._allow_nan())
        eras = find_eras(self, groups, X, None, len(matrix))
        values = self._transform(matrix, eras)
        return with_index_of(X, values, self.get_feature_names_out())

    def fit_transform(self, X, y=None, groups=None):
        """Fit to the features and transform them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,), default=None
            Ignored, but for the eras in its index.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`.

        Returns
        -------
        transformed : ndarray or DataFrame of shape (n_samples, n_features_out)
            A frame with the index of `X` if `X` is one.
        """
        if groups is None and y is not None:
            # transform does not see y, so that its eras would be lost
            groups = eras_of_target(X, y)
        return self.fit(X, y, groups=groups).transform(X, groups=groups)

    def _fit(self, matrix, eras):
        pass

    def _bar(self, rows, method="transform"):
        # absent in older pickles
        verbose = getattr(self, "verbose", False)
        return bar_over(rows, f"{type(self).__name__}.{method}", verbose, unit="era")

    def _allow_nan(self):
        return True

    @abstractmethod
    def _transform(self, matrix, eras):
        """Transform clean features."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._allow_nan()
        return tags


def by_era(matrix, eras, dtype, work, bar):
    """Fill a matrix of the shape of another, era by era.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features)
        What is read.

    eras : Eras
        Eras of the rows.

    dtype : dtype
        Type of the result.

    work : callable
        ``work(part, out)`` writes into `out` what the rows of an era, `part`, become.

    bar : callable
        Shows which of the eras' rows are done.

    Returns
    -------
    out : ndarray of shape (n_samples, n_features)
        In the memory order of `matrix`.
    """
    out = np.empty_like(matrix, dtype=dtype)
    for rows in bar(eras.rows()):
        part = matrix[rows]
        if isinstance(rows, slice):
            work(part, out[rows])
        else:
            result = np.empty(part.shape, dtype=dtype)
            work(part, result)
            out[rows] = result
    return out
