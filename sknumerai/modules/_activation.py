"""Activations by name."""

# SPDX-License-Identifier: BSD-3-Clause

from torch import nn

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
}


def make_activation(activation):
    """Return a new activation layer from its name or its class.

    Parameters
    ----------
    activation : str or type
        A key of `ACTIVATIONS`, or a subclass of ``torch.nn.Module`` that needs no
        argument.

    Returns
    -------
    torch.nn.Module
        The layer.
    """
    if isinstance(activation, str) and activation in ACTIVATIONS:
        return ACTIVATIONS[activation]()
    if isinstance(activation, type) and issubclass(activation, nn.Module):
        return activation()
    raise ValueError(
        f"activation must be one of {sorted(ACTIVATIONS)} or a subclass of "
        f"torch.nn.Module (the class, not an instance). Got {activation!r} instead."
    )
