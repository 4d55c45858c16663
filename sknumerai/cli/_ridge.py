"""Ridge regression in bounded memory, the baseline of the command line."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from scipy.linalg import solve
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data


class BlockRidge(RegressorMixin, BaseEstimator):
    """Ridge regression that reads its rows in blocks.

    The same solution as :class:`sklearn.linear_model.Ridge`, which would turn an int8
    matrix into float64, eight times its size. Here only a block of rows and a matrix
    of features times features are held.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, as in scikit-learn.

    block_rows : int, default=16384
        Rows that are cast at a time.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.

    intercept_ : float
        Intercept.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`.

    Examples
    --------
    >>> from sknumerai.cli._ridge import BlockRidge
    >>> BlockRidge(alpha=0.5).fit([[0], [1], [2]], [0, 1, 2]).coef_
    array([0.8])
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "block_rows": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, alpha=1.0, *, block_rows=16384):
        self.alpha = alpha
        self.block_rows = block_rows

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Fit the coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,)
            Target.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        X, y = validate_data(self, X, y, dtype="numeric", y_numeric=True)
        y = y.astype(np.float64)
        n_samples, n_features = X.shape
        gram = np.zeros((n_features, n_features))
        moment, total = np.zeros(n_features), np.zeros(n_features)
        y_mean = y.mean()
        for rows, block in self._blocks(X):
            gram += block.T @ block
            moment += block.T @ (y[rows] - y_mean).astype(block.dtype)
            total += block.sum(axis=0, dtype=np.float64)
        mean = total / n_samples
        gram -= n_samples * np.outer(mean, mean)
        gram[np.diag_indices(n_features)] += self.alpha
        self.coef_ = solve(gram, moment, assume_a="pos")
        self.intercept_ = float(y_mean - mean @ self.coef_)
        return self

    def predict(self, X):
        """Predict.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predictions.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype="numeric", reset=False)
        out = np.empty(X.shape[0])
        for rows, block in self._blocks(X):
            out[rows] = block @ self.coef_ + self.intercept_
        return out

    def _blocks(self, X):
        for start in range(0, len(X), self.block_rows):
            rows = slice(start, start + self.block_rows)
            # float64 always: sums of float32 products lose what weak signals consist of
            yield rows, np.asarray(X[rows], dtype=np.float64)
