"""What networks that classify share: labels, probabilities."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from sknumerai.neural_network._base import BaseNeuralNet
from sknumerai.neural_network._losses import check_classifier_loss
from sknumerai.utils import check_eras


class BaseNeuralNetClassifier(ClassifierMixin, BaseNeuralNet):
    """Base class for classifiers that train a torch module with skorch.

    The module gives one logit for two classes, else one for each class.
    """

    __metadata_request__predict_proba = {"groups": True}

    _parameter_constraints: dict = {
        **BaseNeuralNet._parameter_constraints,
        "loss": [StrOptions({"log_loss"}), callable],
    }

    _default_monitor = "loss"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None, sample_weight=None):
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Integers stay in their dtype; a row-major matrix, read-only and
            memory-mapped ones included, is not copied.

        y : array-like of shape (n_samples,)
            Classes: numbers, strings or booleans.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        from sknumerai.neural_network._fitting_classes import fit_classifier

        return fit_classifier(self, X, y, groups, sample_weight)

    def predict(self, X, groups=None):
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row: checked, but the class of a row depends on that row only.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        check_is_fitted(self, "module_")
        return self.classes_[np.argmax(self._probabilities(X, groups), axis=1)]

    def predict_proba(self, X, groups=None):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row: checked, but the probabilities of a row depend on that row
            only.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, float32.
        """
        return self._probabilities(X, groups)

    def _probabilities(self, X, groups):
        logits = self._predict_outputs(X)
        caller = f"{type(self).__name__}.predict"
        check_eras(groups, X, n_samples=len(logits), allow_live=True, caller=caller)
        if logits.shape[1] == 1:
            # each class from its own logit: 1 - p would lose what is small
            return expit(np.hstack([-logits, logits]))
        return softmax(logits, axis=1)

    def _make_loss(self):
        if self.loss == "log_loss":
            from sknumerai.neural_network._log_loss import LogLoss

            return LogLoss()
        loss = super()._make_loss()
        check_classifier_loss(loss, type(self).__name__)
        return loss

    def _to_units(self, outputs):
        return outputs  # logits

    def _target_map(self, y, weight):
        return 0.0, 1.0

    def _targets_of(self, output, phase):
        # correlations with more than two classes have no meaning
        output = output.reshape(len(output), -1)
        return output if output.shape[1] == 1 else None
