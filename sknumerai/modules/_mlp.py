"""Multi-layer perceptron."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import torch
from torch import nn

from sknumerai.modules._activation import make_activation
from sknumerai.modules._batch_norm import make_batch_norm
from sknumerai.modules._level_encoding import LevelEncoding


class MLP(nn.Module):
    """Dense layers, each followed by an activation, and a linear output.

    A hidden layer is ``Linear -> BatchNorm -> activation -> Dropout``; the last layer
    is linear. Weights begin as Glorot-uniform, biases as zero.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs, one for each target.

    hidden_features : sequence of int, default=(256, 128)
        Widths of the hidden layers, from the input on. Empty for a linear model.

    activation : str or type, default='relu'
        One of 'elu', 'gelu', 'identity', 'leaky_relu', 'mish', 'relu', 'selu',
        'sigmoid', 'silu' or 'swish', 'tanh', or a subclass of ``torch.nn.Module`` that is built
        without arguments.

    batch_norm : bool or 'warm_up', default=False
        Whether hidden layers are batch-normalized, with the constants of Keras
        (``eps`` 1e-3, a batch moves the running statistics by 0.01). With 'warm_up'
        the running statistics are the plain mean of the batches for the first
        hundred, so that evaluation sees what training saw from the first batch on.
        Without it they begin at 0 and 1, of which 37 % is left after 100 batches.

    dropout : float or sequence of float, default=0.0
        Share of a hidden layer's outputs that is dropped in training: one number for
        all, or one for each hidden layer. In the range [0, 1).

    n_levels : int or None, default=None
        Number of levels, evenly spaced from -1 to 1, that features are encoded by
        before the first layer: 5 gives each of Numerai's codes a weight of its own.
        None leaves features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features to the outputs is added to
        the last one. It begins as zero.

    output_gain : float, default=1.0
        What the first weights of the output layer are multiplied by. Where the targets
        are mostly noise, a network that begins far from 0 has to unlearn its random
        start first.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a dropout is outside [0, 1), the number of
        dropouts is not the number of hidden layers, or there is one level only.

    See Also
    --------
    SupervisedAutoencoder : A network that learns features beside the targets.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``, output ``(batch_size, out_features)``.

    In training mode a batch of one row, which has no variance, is normalized by the
    running statistics.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import MLP
    >>> module = MLP(in_features=42, out_features=3, hidden_features=(64, 32))
    >>> module(torch.rand(5, 42)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        hidden_features=(256, 128),
        activation="relu",
        batch_norm=False,
        dropout=0.0,
        n_levels=None,
        linear_skip=False,
        output_gain=1.0,
    ):
        super().__init__()
        sizes = check_sizes("hidden_features", hidden_features)
        self.in_features = check_size("in_features", in_features)
        self.encoding, n_columns = make_encoding(n_levels, in_features)
        self.output_gain = output_gain
        sizes = (
            n_columns,
            *sizes,
            check_size("out_features", out_features),
        )
        dropouts = check_dropouts("dropout", dropout, len(sizes) - 2)
        layers = []
        for n_in, n_out, p in zip(sizes[:-2], sizes[1:-1], dropouts):
            layers += [
                nn.Linear(n_in, n_out),
                make_batch_norm(batch_norm, n_out),
                make_activation(activation),
                nn.Dropout(p),
            ]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(sizes[-2], sizes[-1])
        self.skip = None
        if linear_skip:
            self.skip = nn.Linear(n_columns, sizes[-1], bias=False)
        self.reset_parameters()

    @property
    def out_features(self):
        """Number of outputs."""
        return self.output.out_features

    def reset_parameters(self):
        """Draw new weights and forget the running statistics."""
        reset_parameters(self)

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
        X = self.encoding(X)
        out = self.output(self.hidden(X))
        return out if self.skip is None else out + self.skip(X)


def make_encoding(n_levels, in_features):
    """Return the module that encodes features by levels, and the columns it gives.

    Parameters
    ----------
    n_levels : int or None
        Number of levels; None for no encoding.

    in_features : int
        Number of features.

    Returns
    -------
    encoding : torch.nn.Module
        `LevelEncoding`, or the identity.

    n_columns : int
        Width of what it gives.
    """
    if n_levels is None:
        return nn.Identity(), in_features
    n_levels = check_size("n_levels", n_levels)
    if n_levels < 2:
        raise ValueError(f"n_levels must be 2 or more, or None. Got {n_levels}.")
    return LevelEncoding(n_levels), in_features * n_levels


def reset_parameters(module):
    """Reset all layers of a module: Glorot-uniform weights, zero biases.

    Of a perceptron within it, the skip begins as zero, and the output layer with the
    gain that the perceptron asks for.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            layer.reset_parameters()
    for part in module.modules():
        if isinstance(part, MLP):
            with torch.no_grad():
                part.output.weight.mul_(part.output_gain)
            if part.skip is not None:
                nn.init.zeros_(part.skip.weight)


def check_size(name, value):
    """Return a size as an int.

    Parameters
    ----------
    name : str
        The parameter, for the message.

    value : int
        What was given.

    Returns
    -------
    int
        The size.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer. Got {value!r} instead.")
    return int(value)


def check_sizes(name, values):
    """Return sizes as a tuple of int.

    Parameters
    ----------
    name : str
        The parameter, for the message.

    values : sequence of int
        What was given.

    Returns
    -------
    tuple of int
        The sizes.
    """
    if isinstance(values, (str, Integral)) or not hasattr(values, "__iter__"):
        raise ValueError(
            f"{name} must be a sequence of positive integers, for example (64, 32). "
            f"Got {values!r} instead."
        )
    return tuple(check_size(f"each of {name}", v) for v in values)


def check_dropouts(name, values, n):
    """Return one dropout for each of n layers.

    Parameters
    ----------
    name : str
        The parameter, for the message.

    values : float or sequence of float
        What was given.

    n : int
        Number of layers.

    Returns
    -------
    tuple of float
        The dropouts.
    """
    values = (values,) * n if isinstance(values, Real) else tuple(values)
    if len(values) != n:
        raise ValueError(
            f"{name} must be one number or one for each of the {n} layers that drop. "
            f"Got {len(values)} numbers: {values}."
        )
    for value in values:
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be in [0, 1). Got {value!r} instead.")
    return tuple(float(v) for v in values)
