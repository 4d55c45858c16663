"""What networks share that transform features to a code."""

# SPDX-License-Identifier: BSD-3-Clause

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from sknumerai.utils import with_index_of


class CodeTransformerMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Mixin of networks whose module has `encode` and `code_features`."""

    __metadata_request__transform = {"groups": True}

    def fit_transform(self, X, y=None, **fit_params):
        """Fit the network, then compute the code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets, for networks that learn them.

        **fit_params : dict
            Further parameters of `fit`, `groups` among them.

        Returns
        -------
        code : ndarray or DataFrame of shape (n_samples, n_code_features)
            See :meth:`transform`.
        """
        # scikit-learn's warns that it does not hand groups to transform
        return self.fit(X, y, **fit_params).transform(X)

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
        code = self._apply(X, self._encoder)
        return with_index_of(X, code, self.get_feature_names_out())

    def _encoder(self, module):
        """Return the function from a batch to its code that `transform` applies."""
        return module.encode

    @property
    def _n_features_out(self):
        return self.module_.code_features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
