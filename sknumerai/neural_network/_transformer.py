"""What networks share that learn from features alone, and transform them."""

# SPDX-License-Identifier: BSD-3-Clause

from sklearn.base import _fit_context

from sknumerai.neural_network._base import BaseNeuralNet
from sknumerai.neural_network._code_transformer import CodeTransformerMixin


class BaseNeuralNetTransformer(CodeTransformerMixin, BaseNeuralNet):
    """Base class for transformers that train a torch module without targets.

    A subclass has what `BaseNeuralNet` asks for; its module has `encode`.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None, sample_weight=None):
        """Fit the network to the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Integers stay in their dtype; a row-major matrix, read-only and
            memory-mapped ones included, is not copied.

        y : array-like of shape (n_samples,), default=None
            Ignored, but for the eras in its index.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for `n_validation_eras`. By default the index level `era`
            of `X` or `y`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        from sknumerai.neural_network._fitting_features import fit_to_features

        return fit_to_features(self, X, y, groups, sample_weight)
