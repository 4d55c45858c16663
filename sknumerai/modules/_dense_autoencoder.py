"""Dense autoencoder."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.modules._activation import make_activation
from sknumerai.modules._mlp import check_size, check_sizes, reset_parameters


class DenseAutoencoder(nn.Module):
    """Dense layers to a narrow code, and their mirror image back to the features.

    With the defaults and 50 features it is the autoencoder of an article of 2018 [1]_:
    50-128-64-32-64-128-50, 33,746 parameters.

    Parameters
    ----------
    in_features : int
        Number of features.

    hidden_units : sequence of int, default=(128, 64, 32)
        Widths of the encoder's layers; the last is the code. The decoder has the others
        in reverse.

    activation : str or type, default='relu'
        Activation of all layers but the last, the code included, see `MLP`.

    output_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the decoder. Use 'identity' for features that leave [0, 1].

    Raises
    ------
    ValueError
        If a size is not a positive integer, `hidden_units` is empty, or an option is
        not among those named.

    See Also
    --------
    ConvAutoencoder : With convolutions over the features, and a head that predicts.
    SupervisedAutoencoder : Trained with the targets.

    Notes
    -----
    Shape: input and output ``(batch_size, in_features)``. Weights begin as
    Glorot-uniform, biases as zero.

    References
    ----------
    .. [1] Deep Learning Approach for Predicting Stock Market via Numerai (2018).
       Article on fibers.io.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import DenseAutoencoder
    >>> module = DenseAutoencoder(50)
    >>> X = torch.rand(5, 50)
    >>> module(X).shape, module.encode(X).shape
    (torch.Size([5, 50]), torch.Size([5, 32]))
    >>> sum(p.numel() for p in module.parameters())
    33746
    """

    def __init__(
        self,
        in_features,
        *,
        hidden_units=(128, 64, 32),
        activation="relu",
        output_activation="sigmoid",
    ):
        super().__init__()
        sizes = check_sizes("hidden_units", hidden_units)
        if not sizes:
            raise ValueError(
                "hidden_units must hold at least the width of the code. Got "
                f"{hidden_units!r} instead."
            )
        check_output_activation("output_activation", output_activation)
        sizes = (check_size("in_features", in_features), *sizes)
        self.output_activation = output_activation
        self.encoder = nn.Sequential()
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            self.encoder.append(nn.Linear(n_in, n_out))
            self.encoder.append(make_activation(activation))
        self.decoder = nn.Sequential()
        for n_in, n_out in zip(sizes[:1:-1], sizes[-2:0:-1]):
            self.decoder.append(nn.Linear(n_in, n_out))
            self.decoder.append(make_activation(activation))
        self.decoder.append(nn.Linear(sizes[1], sizes[0]))
        self.reset_parameters()

    @property
    def in_features(self):
        """Number of features."""
        return self.encoder[0].in_features

    @property
    def code_features(self):
        """Width of the code."""
        return self.encoder[-2].out_features

    def reset_parameters(self):
        """Draw Glorot-uniform weights, zero the biases."""
        reset_parameters(self)

    def forward(self, X, logits=False):
        """Rebuild the features.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        logits : bool, default=False
            Whether the reconstruction is left without `output_activation`.

        Returns
        -------
        torch.Tensor of shape (batch_size, in_features)
            The reconstruction.
        """
        return self.decode(self.encode(X), logits)

    def encode(self, X):
        """Compute the code.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, hidden_units[-1])
            The code.
        """
        return self.encoder(X)

    def decode(self, code, logits=False):
        """Rebuild the features from the code.

        Parameters
        ----------
        code : torch.Tensor of shape (batch_size, hidden_units[-1])
            The code.

        logits : bool, default=False
            Whether the reconstruction is left without `output_activation`.

        Returns
        -------
        torch.Tensor of shape (batch_size, in_features)
            The reconstruction.
        """
        out = self.decoder(code)
        if logits or self.output_activation == "identity":
            return out
        return torch.sigmoid(out)

    def extra_repr(self):
        """Say the options that no layer shows.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"output_activation={self.output_activation!r}"


def check_output_activation(name, value):
    """Raise an error for what is neither 'sigmoid' nor 'identity'.

    Parameters
    ----------
    name : str
        The parameter, for the message.

    value : str
        What was given.
    """
    if value not in ("sigmoid", "identity"):
        raise ValueError(
            f"{name} must be one of ('sigmoid', 'identity'). Got {value!r} instead."
        )
