"""Convolutional autoencoder with a dense head."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.modules._dense_autoencoder import check_output_activation
from sknumerai.modules._mlp import MLP, check_size

# Kernels and strides of the source. Its decoder is no mirror of its encoder: they fit
# for 310 features and eight other numbers of features only.
_ENCODER = ((5, 2), (5, 2), (5, 3), (5, 3), (3, 1))
_DECODER = ((5, 1), (5, 4), (7, 4), (10, 2))
# The least length that leaves one position of the code
_MIN_LENGTH = 149
_SLOPE = 0.2


class ConvAutoencoder(nn.Module):
    """Convolutions that learn to rebuild the features, and a head that predicts.

    The encoder runs five convolutions over the features, the decoder rebuilds the
    features from the code, and a perceptron predicts the targets from the code beside
    the features. The code is handed to the perceptron without gradient, so that the
    encoder learns from the reconstruction alone. It is GTRUDA of Gianluca Truda [1]_.

    Parameters
    ----------
    in_features : int
        Number of features, any.

    out_features : int
        Number of targets.

    n_channels : int, default=4
        Channels of the first convolution; each of the next four has twice as many.

    head_features : sequence of int, default=(256, 64)
        Widths of the perceptron's hidden layers.

    head_dropout : float, default=0.0
        Share of their outputs that is dropped in training.

    detach_code : bool, default=True
        Whether the code is handed to the perceptron without gradient.

    recon_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the decoder. Use 'identity' for features that leave [0, 1].

    output_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the perceptron. Use 'identity' for targets that leave [0, 1].

    output_gain : float, default=1.0
        Factor of the first weights of the perceptron's output layer. Small ones let it
        begin with what is learned, not with its random start.

    Raises
    ------
    ValueError
        If a size is not a positive integer or an option is not among those named.

    See Also
    --------
    DenseAutoencoder : Without convolutions and targets.
    SupervisedAutoencoder : The encoder learns from the targets too.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``; outputs ``(batch_size, in_features)``
    and ``(batch_size, out_features)``.

    With 310 features the lengths are 310-153-75-24-7-5 and back 5-9-37-151-310, the code
    has 64 channels of 5 positions, and there are 23,641 parameters in the autoencoder
    and 178,049 in the head. The source's decoder gives back the length that came in for
    182, 214, 246, ..., 438 features only. For all others the decoder mirrors the
    encoder, stride by stride; fewer than 149 features are padded with zeros to 149.

    A convolution sees which features are neighbours, so the order of the columns counts.

    References
    ----------
    .. [1] Truda, G. (2023). numerai: GTRUDA, in the notebooks of his models for the
       Numerai tournament, 2021-2023. Public repository gianlucatruda/numerai.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import ConvAutoencoder
    >>> module = ConvAutoencoder(in_features=310, out_features=1)
    >>> X = torch.rand(5, 310)
    >>> [tuple(out.shape) for out in module(X)]
    [(5, 310), (5, 1)]
    >>> module.encode(X).shape
    torch.Size([5, 320])
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        n_channels=4,
        head_features=(256, 64),
        head_dropout=0.0,
        detach_code=True,
        recon_activation="sigmoid",
        output_activation="sigmoid",
        output_gain=1.0,
    ):
        super().__init__()
        self.in_features = check_size("in_features", in_features)
        n_channels = check_size("n_channels", n_channels)
        check_output_activation("recon_activation", recon_activation)
        check_output_activation("output_activation", output_activation)
        self.detach_code = bool(detach_code)
        self.recon_activation = recon_activation
        self.output_activation = output_activation

        channels = [1, *(n_channels * 2**i for i in range(5))]
        self.lengths = [max(self.in_features, _MIN_LENGTH)]
        self.encoder = nn.Sequential()
        for i, (width, stride) in enumerate(_ENCODER):
            layer = nn.Conv1d(channels[i], channels[i + 1], width, stride)
            self.encoder.append(layer)
            if 0 < i < 4:
                self.encoder.append(_BatchNorm(channels[i + 1]))
            self.encoder.append(nn.LeakyReLU(_SLOPE) if i < 4 else nn.ReLU())
            self.lengths.append((self.lengths[-1] - width) // stride + 1)

        if _decoded_length(self.lengths[-1]) == self.lengths[0]:
            widths = [
                *channels[:1:-1],
                1,
            ]  # four layers: the first channels are skipped
            layers = [(*layer, 0) for layer in _DECODER]
        else:
            widths, layers = channels[::-1], []
            for i in range(4, -1, -1):
                width, stride = _ENCODER[i]
                rest = self.lengths[i] - (self.lengths[i + 1] - 1) * stride - width
                layers.append((width, stride, rest))
        self.decoder = nn.Sequential()
        for i, (width, stride, rest) in enumerate(layers):
            layer = nn.ConvTranspose1d(
                widths[i], widths[i + 1], width, stride, output_padding=rest
            )
            self.decoder.append(layer)
            if 0 < i < len(layers) - 1:
                self.decoder.append(_BatchNorm(widths[i + 1]))
            if i < len(layers) - 1:
                self.decoder.append(nn.LeakyReLU(_SLOPE))

        self.code_shape = channels[-1], self.lengths[-1]
        self.head = MLP(
            self.code_features + self.in_features,
            out_features,
            hidden_features=head_features,
            dropout=head_dropout,
            output_gain=output_gain,
        )

    @property
    def out_features(self):
        """Number of targets."""
        return self.head.out_features

    @property
    def code_features(self):
        """Width of the code."""
        return self.code_shape[0] * self.code_shape[1]

    def reset_parameters(self):
        """Draw new weights and forget the running statistics."""
        for layer in (*self.encoder, *self.decoder, self.head):
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def forward(self, X, logits=False):
        """Compute reconstruction and predictions.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        logits : bool, default=False
            Whether the reconstruction is left without `recon_activation`.

        Returns
        -------
        reconstruction : torch.Tensor of shape (batch_size, in_features)
            The features as rebuilt from the code.

        targets : torch.Tensor of shape (batch_size, out_features)
            The predictions.
        """
        code = self.encode(X)
        return self.decode(code, logits), self._targets(code, X)

    def forward_targets(self, X):
        """Compute the predictions alone, without the decoder.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, out_features)
            The second output of `forward`.
        """
        return self._targets(self.encode(X), X)

    def encode(self, X):
        """Compute the code.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, code_features)
            The code, channel by channel.
        """
        if self.in_features < self.lengths[0]:
            X = F.pad(X, (0, self.lengths[0] - self.in_features))
        return self.encoder(X[:, None]).flatten(1)

    def decode(self, code, logits=False):
        """Rebuild the features from the code.

        Parameters
        ----------
        code : torch.Tensor of shape (batch_size, code_features)
            The code.

        logits : bool, default=False
            Whether the reconstruction is left without `recon_activation`.

        Returns
        -------
        torch.Tensor of shape (batch_size, in_features)
            The reconstruction.
        """
        out = self.decoder(code.reshape(len(code), *self.code_shape))
        out = out[:, 0, : self.in_features]
        if logits or self.recon_activation == "identity":
            return out
        return torch.sigmoid(out)

    def reconstruction(self, X, logits=False):
        """Compute the reconstruction alone, for training the autoencoder first.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        logits : bool, default=False
            Whether the reconstruction is left without `recon_activation`.

        Returns
        -------
        torch.Tensor of shape (batch_size, in_features)
            The first output of `forward`.
        """
        return self.decode(self.encode(X), logits)

    def extra_repr(self):
        """Say the options that no layer shows.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"in_features={self.in_features}, detach_code={self.detach_code}, "
            f"recon_activation={self.recon_activation!r}, "
            f"output_activation={self.output_activation!r}"
        )

    def _targets(self, code, X):
        if self.detach_code:
            code = code.detach()
        out = self.head(torch.cat([code, X], dim=1))
        return torch.sigmoid(out) if self.output_activation == "sigmoid" else out


class _BatchNorm(nn.BatchNorm1d):
    """torch's, which leaves the running statistics as they are for no rows."""

    def forward(self, X):
        return super().forward(X) if len(X) else X


def _decoded_length(length):
    for width, stride in _DECODER:
        length = (length - 1) * stride + width
    return length
