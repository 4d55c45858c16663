"""What callbacks of the package share: the hooks of skorch, without importing it."""

# SPDX-License-Identifier: BSD-3-Clause

from sklearn.base import BaseEstimator


class BaseCallback(BaseEstimator):
    """Base class for callbacks: skorch's hooks, all of which do nothing.

    A subclass of `skorch.callbacks.Callback` would import skorch, which a fitted network
    does without.
    """

    def initialize(self):
        """Get ready for a net.

        Returns
        -------
        self : object
            This callback.
        """
        return self

    def on_train_begin(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """

    def on_train_end(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What was trained.

        **kwargs : object
            Ignored.
        """

    def on_epoch_begin(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """

    def on_epoch_end(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """

    def on_batch_begin(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """

    def on_batch_end(self, net, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """

    def on_grad_computed(self, net, named_parameters, **kwargs):
        """Do nothing.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        named_parameters : iterable
            Parameters with their gradients.

        **kwargs : object
            Ignored.
        """
