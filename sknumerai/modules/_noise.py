"""Noise on the features, in training only."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn


class GaussianNoise(nn.Module):
    """Add Gaussian noise of a fixed standard deviation in training.

    In evaluation mode, or with ``std=0``, the input is handed back as it is.

    Parameters
    ----------
    std : float, default=0.1
        Standard deviation of the noise, in the units of the input (it is not relative
        to the values).

    Raises
    ------
    ValueError
        If `std` is negative.

    See Also
    --------
    CoupledGaussianDropout : Noise that grows with the value.

    Notes
    -----
    Shape: input and output have the same, any, shape. Random numbers come from torch's
    global generator of the device.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import GaussianNoise
    >>> GaussianNoise(0.035)(torch.rand(5, 42)).shape
    torch.Size([5, 42])
    """

    def __init__(self, std=0.1):
        super().__init__()
        if not std >= 0:
            raise ValueError(f"std must be 0 or more. Got {std!r} instead.")
        self.std = float(std)

    def forward(self, X):
        """Add the noise.

        Parameters
        ----------
        X : torch.Tensor
            Floating-point values.

        Returns
        -------
        torch.Tensor of the same shape
            The values with noise in training mode.
        """
        if not self.training or not self.std:
            return X
        return X + self.std * torch.randn_like(X)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"std={self.std:g}"


class FeatureReversalNoise(nn.Module):
    """Turn the sign of randomly chosen features around in training.

    For each batch every column draws one sign for all rows: -1 with probability `p`.
    A model cannot lean on a feature whose sign it cannot trust, so feature exposures
    become smaller. In evaluation mode the input is handed back as it is.

    Parameters
    ----------
    p : float, default=0.25
        Probability that a column is reversed. In the range [0, 1].

    center : float, default=0.0
        The value about which a column is mirrored: 0.0 for features that are centred,
        0.5 for features in [0, 1].

    Raises
    ------
    ValueError
        If `p` is outside [0, 1].

    See Also
    --------
    CoupledGaussianDropout : Its companion in the source.

    Notes
    -----
    Shape: input and output ``(batch_size, n_features)``. Random numbers come from
    torch's global generator of the device. The source has features in [-0.5, 0.5].

    References
    ----------
    .. [1] mdo (2021). Feature reversing input noise. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import FeatureReversalNoise
    >>> FeatureReversalNoise(p=1.0, center=0.5)(torch.tensor([[0.0, 0.25, 1.0]]))
    tensor([[1.0000, 0.7500, 0.0000]])
    """

    def __init__(self, p=0.25, *, center=0.0):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in [0, 1]. Got {p!r} instead.")
        self.p = float(p)
        self.center = float(center)

    def forward(self, X):
        """Reverse the columns that the draw says.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, n_features)
            Floating-point values.

        Returns
        -------
        torch.Tensor of shape (batch_size, n_features)
            The values, some columns mirrored in training mode.
        """
        if not self.training or not self.p:
            return X
        reverse = torch.rand(X.shape[-1], device=X.device) < self.p
        return torch.where(reverse, 2 * self.center - X, X)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"p={self.p:g}, center={self.center:g}"


class CoupledGaussianDropout(nn.Module):
    """Add Gaussian noise whose variance is the size of the value, in training.

    ``x + alpha * noise * sqrt(max(abs(x), 1e-6))`` with standard normal noise. The
    factor beside the noise has no gradient. In evaluation mode the input is handed back
    as it is.

    Parameters
    ----------
    alpha : float, default=1.0
        Scale of the noise.

    Raises
    ------
    ValueError
        If `alpha` is negative.

    See Also
    --------
    GaussianNoise : Noise of the same size everywhere.

    Notes
    -----
    Shape: input and output have the same, any, shape. Random numbers come from torch's
    global generator of the device.

    References
    ----------
    .. [1] mdo (2021). Feature reversing input noise. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import CoupledGaussianDropout
    >>> CoupledGaussianDropout(0.5)(torch.rand(5, 42)).shape
    torch.Size([5, 42])
    """

    def __init__(self, alpha=1.0):
        super().__init__()
        if not alpha >= 0:
            raise ValueError(f"alpha must be 0 or more. Got {alpha!r} instead.")
        self.alpha = float(alpha)

    def forward(self, X):
        """Add the noise.

        Parameters
        ----------
        X : torch.Tensor
            Floating-point values.

        Returns
        -------
        torch.Tensor of the same shape
            The values with noise in training mode.
        """
        if not self.training or not self.alpha:
            return X
        std = X.detach().abs().clamp_min(1e-6).sqrt()
        return X + self.alpha * std * torch.randn_like(X)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"alpha={self.alpha:g}"
