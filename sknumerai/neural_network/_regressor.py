"""What networks that predict targets share."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.base import RegressorMixin

from sknumerai.neural_network._base import BaseNeuralNet
from sknumerai.utils import check_eras, one_era


class BaseNeuralNetRegressor(RegressorMixin, BaseNeuralNet):
    """Base class for regressors that train a torch module with skorch."""

    __metadata_request__fit = {"groups": True, "benchmark": True, "meta_model": True}

    def predict(self, X, groups=None):
        """Predict the main target, or all columns of a two-dimensional `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included. By default the index level `era`
            of `X`; where there is none, the rows are one era.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the units of `y`: float32 after a one-dimensional `y`,
            otherwise float64.
        """
        outputs = self._predict_outputs(X, groups)
        caller = f"{type(self).__name__}.predict"
        eras = check_eras(
            groups, X, n_samples=len(outputs), allow_live=True, caller=caller
        )
        if self._y_ndim == 1:
            return self._aggregate(outputs, eras or one_era(len(outputs)))
        return outputs.astype(np.float64)

    def predict_targets(self, X, groups=None):
        """Predict every target that the network learned, auxiliary ones included.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, as in `predict`. Of use where stocks of an era are compared.

        Returns
        -------
        y : ndarray of shape (n_samples, n_targets)
            Predictions in the units of the targets, the main one first, float64.
        """
        return self._predict_outputs(X, groups).astype(np.float64)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
