"""Weights of models that stay equal where the data do not tell otherwise."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted

from sknumerai.utils import check_eras

# Blocks of time whose spread tells how certain the weights are; 120 eras in 20 blocks
# of six, longer than the 4 eras that a target of 20 days reaches ahead
N_BLOCKS = 20
# How far the statistic must exceed what chance gives before weights move
CLEAR = 4


class ShrunkAverage(RegressorMixin, BaseEstimator):
    """Average models with weights of 0 or more that are shrunk towards equal ones.

    Least squares of each model's deviation from the mean of all, times
    ``max(0, 1 - 4 * (n_models - 1) / W)``, where W tests that all models deserve the
    same weight: Hotelling's statistic of the score over blocks of neighbouring eras. It
    is about ``n_models - 1`` where they do, and exceeds four times that in one of some
    25 samples. Weights below 0 are set to 0.

    Attributes
    ----------
    coef_ : ndarray of shape (n_models,)
        Weights, 0 or more. Those of the mean where the mean has no positive slope.

    intercept_ : float
        Constant.

    shrinkage_ : float
        From 0, least squares, to 1, equal weights.
    """

    __metadata_request__fit = {"groups": True, "sample_weight": True}

    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit to predictions of models.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_models)
            Predictions.

        y : array-like of shape (n_samples,)
            Target.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of rows.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for the order of time. Without, that of the rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        eras = check_eras(groups, X)
        Z = check_array(X, dtype=np.float64)
        y = np.asarray(y, dtype=np.float64)
        n_models = Z.shape[1]
        weight = np.ones(len(y))
        if sample_weight is not None:
            weight = np.asarray(sample_weight, dtype=np.float64)
        order = None if eras is None else eras.order()
        blocks = np.array_split(np.arange(len(y)), min(N_BLOCKS, len(y)))
        if order is not None:
            blocks = [order[block] for block in blocks]
        center, middle = (
            np.average(Z, axis=0, weights=weight),
            np.average(y, weights=weight),
        )
        mean = (Z - center).mean(axis=1)
        variance = np.average(mean**2, weights=weight)
        slope = np.average(mean * y, weights=weight) / variance if variance else 0.0
        self.coef_, self.shrinkage_ = np.full(n_models, 1 / n_models), 1.0
        if slope > 0:
            self.coef_ *= slope
            self._tilt(Z - center, y - middle - slope * mean, weight, blocks)
        self.intercept_ = middle - center @ self.coef_
        return self

    def predict(self, X):
        """Average models.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_models)
            Predictions.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            In the units of the target.
        """
        check_is_fitted(self, "coef_")
        return check_array(X, dtype=np.float64) @ self.coef_ + self.intercept_

    def _tilt(self, Z, residual, weight, blocks):
        """Move the weights as far as what the mean leaves over allows."""
        q, n_blocks = Z.shape[1] - 1, len(blocks)
        deviations = Z - Z.mean(axis=1, keepdims=True)
        gram = (deviations * weight[:, None]).T @ deviations
        if q < 1 or n_blocks <= q + 1 or not np.trace(gram) > 0:
            return
        scores = deviations * (weight * residual)[:, None]
        scores = np.array([scores[block].sum(axis=0) for block in blocks])
        total = scores.sum(axis=0)
        spread = n_blocks * np.cov(scores.T)
        statistic = total @ _inverse(spread) @ total
        statistic *= (n_blocks - q) / (n_blocks - 1)
        if statistic > CLEAR * q:
            self.shrinkage_ = CLEAR * q / statistic
            tilt = _inverse(gram) @ total
            self.coef_ = np.maximum(self.coef_ + (1 - self.shrinkage_) * tilt, 0.0)


def _inverse(matrix):
    """Inverse without the direction of the mean, along which deviations are rounding."""
    return np.linalg.pinv(matrix, 1e-10, hermitian=True)
