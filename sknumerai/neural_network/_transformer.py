"""What networks share that learn from features alone, and transform them."""

# SPDX-License-Identifier: BSD-3-Clause

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context

from sknumerai.neural_network._base import BaseNeuralNet
from sknumerai.utils import with_index_of


class BaseNeuralNetTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseNeuralNet
):
    """Base class for transformers that train a torch module without targets.

    A subclass has what `BaseNeuralNet` asks for; its module has `encode`.
    """

    __metadata_request__transform = {"groups": True}

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

    def transform(self, X, groups=None):
        """Compute the code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Ignored: the code of a row depends on that row only.

        Returns
        -------
        code : ndarray or DataFrame of shape (n_samples, n_code_features)
            The encoder's output, float32; a frame with the index of `X`, eras included,
            if `X` is one.
        """
        code = self._apply(X, lambda module: module.encode)
        return with_index_of(X, code, self.get_feature_names_out())

    @property
    def _n_features_out(self):
        return self.module_.code_features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
