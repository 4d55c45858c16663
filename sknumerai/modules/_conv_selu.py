"""Convolutions, then a self-normalizing perceptron."""

# SPDX-License-Identifier: BSD-3-Clause

import math

import torch
from torch import nn

from sknumerai.modules._mlp import check_dropouts, check_size, check_sizes

# Standard deviation of a normal variable cut at two of its standard deviations
_CUT_NORMAL_STD = 0.87962566103423978


class ConvSELUNet(nn.Module):
    """Convolutions and average pooling, then dense SELU layers at each position.

    It is the classifier of an article of 2018 [1]_: convolutions with ReLU that halve
    the length, dense layers that normalize themselves [2]_ (SELU, weights of
    ``lecun_normal``, alpha dropout), and one linear output on all positions.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs.

    conv_axis : {'features', 'time'}, default='features'
        What the convolutions run over. 'features' takes a row as a sequence of its
        columns, with one channel. 'time' takes the columns as `n_steps` steps of
        ``in_features / n_steps`` channels, the steps one after the other.

    n_steps : int, default=1
        Number of steps in a row, for ``conv_axis='time'``. With one step, as in the
        article, the convolutions see nothing but padding beside it.

    conv_channels : sequence of int, default=(128, 256)
        Channels of the convolutions.

    kernel_sizes : sequence of int, default=(3, 5)
        Widths of the convolutions.

    pool_size : int, default=2
        How many positions the pooling after each convolution averages.

    dense_features : sequence of int, default=(256, 128, 64)
        Widths of the dense layers.

    alpha_dropout : float, default=0.1
        Share of the outputs of each dense layer that alpha dropout sets to SELU's
        lower limit in training, keeping mean and variance. In the range [0, 1).

    output_gain : float, default=1.0
        Factor of the output layer's first weights. Small ones let the network begin
        with what is learned, not with its random start.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a list does not fit another, or an option
        is not among those named.

    See Also
    --------
    ConvAutoencoder : Convolutions that learn to rebuild the features.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``, output ``(batch_size, out_features)``.

    Convolutions are padded to keep the length ('same' in Keras); the last window of a
    pooling averages what is there. The dense layers act on the channels of each
    position. With 32 columns and one output there are 272,065 parameters along the
    features and 283,521 along the time of the article.

    Along the features a row takes up to ``max(conv_channels) * in_features`` numbers
    inside (`activations_per_row`), so take batches that fit.

    References
    ----------
    .. [1] Deep Learning Approach for Predicting Stock Market via Numerai (2018).
       Article on fibers.io.

    .. [2] Klambauer, G., Unterthiner, T., Mayr, A. and Hochreiter, S. (2017).
       Self-Normalizing Neural Networks. NeurIPS. :arxiv:`1706.02515`

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import ConvSELUNet
    >>> module = ConvSELUNet(in_features=32, out_features=1)
    >>> module(torch.rand(5, 32)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        conv_axis="features",
        n_steps=1,
        conv_channels=(128, 256),
        kernel_sizes=(3, 5),
        pool_size=2,
        dense_features=(256, 128, 64),
        alpha_dropout=0.1,
        output_gain=1.0,
    ):
        super().__init__()
        self.output_gain = output_gain
        self.in_features = check_size("in_features", in_features)
        self.out_features = check_size("out_features", out_features)
        conv_channels = check_sizes("conv_channels", conv_channels)
        kernel_sizes = check_sizes("kernel_sizes", kernel_sizes)
        dense_features = check_sizes("dense_features", dense_features)
        pool_size = check_size("pool_size", pool_size)
        n_steps = check_size("n_steps", n_steps)
        (dropout,) = check_dropouts("alpha_dropout", alpha_dropout, 1)
        if len(kernel_sizes) != len(conv_channels):
            raise ValueError(
                "kernel_sizes and conv_channels must be of one length. Got "
                f"{kernel_sizes} and {conv_channels}."
            )
        if conv_axis not in ("features", "time"):
            raise ValueError(
                f"conv_axis must be one of ('features', 'time'). Got {conv_axis!r} "
                "instead."
            )
        if conv_axis == "features" and n_steps != 1:
            raise ValueError(
                f"n_steps={n_steps} is for conv_axis='time'; along the features the "
                "steps are the columns."
            )
        if self.in_features % n_steps:
            raise ValueError(
                f"n_steps={n_steps} does not divide the {self.in_features} columns."
            )
        self.conv_axis = conv_axis
        length, n_in = n_steps, self.in_features // n_steps
        if conv_axis == "features":
            length, n_in = self.in_features, 1
        self.shape = length, n_in
        self.activations_per_row = self.in_features
        self.convolutions = nn.Sequential()
        for n_out, width in zip(conv_channels, kernel_sizes):
            self.convolutions.append(nn.Conv1d(n_in, n_out, width, padding="same"))
            self.convolutions.append(nn.ReLU())
            # a last window that is cut off averages what it has
            self.convolutions.append(nn.AvgPool1d(pool_size, ceil_mode=True))
            self.activations_per_row = max(self.activations_per_row, length * n_out)
            length, n_in = math.ceil(length / pool_size), n_out
        self.dense = nn.Sequential()
        for n_out in dense_features:
            self.dense.append(nn.Linear(n_in, n_out))
            self.dense.append(nn.SELU())
            self.dense.append(nn.AlphaDropout(dropout))
            self.activations_per_row = max(self.activations_per_row, length * n_out)
            n_in = n_out
        self.output = nn.Linear(length * n_in, self.out_features)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights: lecun_normal in the dense layers, else Glorot-uniform."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        for layer in self.dense:
            if isinstance(layer, nn.Linear):
                std = layer.in_features**-0.5 / _CUT_NORMAL_STD
                nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
        with torch.no_grad():
            self.output.weight.mul_(self.output_gain)

    def forward(self, X):
        """Compute the outputs.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, out_features)
            Outputs, not bounded.
        """
        steps = X.reshape(len(X), *self.shape).transpose(1, 2)
        out = self.dense(self.convolutions(steps).transpose(1, 2))
        return self.output(out.flatten(1))

    def extra_repr(self):
        """Say the options that no layer shows.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"in_features={self.in_features}, conv_axis={self.conv_axis!r}"
