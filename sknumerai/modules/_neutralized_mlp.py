"""Perceptron with an output that is neutral to its features."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

from torch import nn

from sknumerai.modules._batch_norm import BatchNorm
from sknumerai.modules._mlp import MLP
from sknumerai.utils._tensor_residuals import neutral_residuals


class NeutralizedMLP(nn.Module):
    """Perceptron whose output is neutralized by the features of its era.

    Dense layers and batch normalization give a raw output for each row. The neutral
    output is what least squares on the features of the era leaves of it: no linear bet
    on a feature remains. The projection has a gradient, so that losses on the neutral
    output train the layers.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs, one for each target.

    hidden_features : sequence of int, default=(100, 30)
        Widths of the hidden layers, from the input on.

    activation : str or type, default='mish'
        Activation of the hidden layers, see `MLP`.

    dropout : float or sequence of float, default=0.5
        Share of a hidden layer's outputs that is dropped in training: one number for
        all, or one for each hidden layer. In the range [0, 1).

    neutralizers : sequence of int or None, default=None
        Columns of the input by which the output is neutralized; None for all.

    fit_intercept : bool, default=False
        Whether the neutral output is also neutral to a constant, that is, has mean 0
        in each era.

    n_levels : int or None, default=None
        Number of levels that the perceptron encodes features by, see `MLP`. The output
        is neutralized by the features as they are.

    linear_skip : bool, default=False
        Whether the perceptron has a linear skip, see `MLP`.

    output_gain : float, default=1.0
        What the first weights of the output layer are multiplied by, see `MLP`.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a dropout is outside [0, 1), or a column
        of `neutralizers` is not there or named twice.

    See Also
    --------
    MLP : The layers.
    sknumerai.losses.NeutralizedMLPLoss : What the author minimizes.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``, output two tensors of shape
    ``(batch_size, out_features)``, raw and neutral. With 1,050 features and one output
    there are 108,163 weights.

    Features should be centred: without an intercept the zero point matters. Of an era
    with no more rows than neutralizers nothing is left.

    Least squares is computed in float64 by a Cholesky factor, which costs
    ``n_rows * n_neutralizers ** 2`` multiplications for each era and pass; eras with
    linearly dependent features take an eigendecomposition, several times as long.
    Features that are zero (with an intercept: constant) for the whole era are left out
    before.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import NeutralizedMLP
    >>> module, X = NeutralizedMLP(in_features=5, out_features=1), torch.rand(50, 5)
    >>> raw, neutral = module(X - 0.5)
    >>> neutral.shape
    torch.Size([50, 1])
    >>> bool(((X - 0.5).T @ neutral).abs().max() < 1e-4)
    True
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        hidden_features=(100, 30),
        activation="mish",
        dropout=0.5,
        neutralizers=None,
        fit_intercept=False,
        n_levels=None,
        linear_skip=False,
        output_gain=1.0,
    ):
        super().__init__()
        self.mlp = MLP(
            in_features,
            out_features,
            hidden_features=hidden_features,
            activation=activation,
            dropout=dropout,
            n_levels=n_levels,
            linear_skip=linear_skip,
            output_gain=output_gain,
        )
        # torch's own constants, as in the source
        self.norm = BatchNorm(out_features, eps=1e-5, momentum=0.1)
        self.neutralizers = _check_columns(neutralizers, in_features)
        self.fit_intercept = bool(fit_intercept)

    @property
    def in_features(self):
        """Number of input columns."""
        return self.mlp.in_features

    @property
    def out_features(self):
        """Number of outputs."""
        return self.mlp.out_features

    @property
    def n_neutralizers(self):
        """Number of columns by which the output is neutralized, a constant included."""
        known = self.neutralizers
        n = self.in_features if known is None else len(known)
        return n + self.fit_intercept

    def reset_parameters(self):
        """Draw new weights and forget the running statistics."""
        self.mlp.reset_parameters()
        self.norm.reset_parameters()

    def forward(self, X, groups=None):
        """Compute both outputs.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        groups : torch.Tensor of shape (batch_size,) of int64, or None, default=None
            Era codes 0, 1, ...; None means that the batch is one era.

        Returns
        -------
        raw : torch.Tensor of shape (batch_size, out_features)
            Outputs of the layers.

        neutral : torch.Tensor of shape (batch_size, out_features)
            The same, neutralized.
        """
        raw = self.raw(X)
        return raw, self.neutralize(raw, X, groups)

    def raw(self, X):
        """Compute the output before neutralization.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, out_features)
            Outputs, not bounded.
        """
        return self.norm(self.mlp(X))

    def neutralize(self, values, X, groups=None):
        """Subtract from values their least-squares fit by the features of the era.

        Parameters
        ----------
        values : torch.Tensor of shape (batch_size, k)
            What to neutralize.

        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        groups : torch.Tensor of shape (batch_size,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        Returns
        -------
        torch.Tensor of shape (batch_size, k)
            Residuals.
        """
        if self.neutralizers is not None:
            X = X[:, list(self.neutralizers)]
        return neutral_residuals(values, X, groups, fit_intercept=self.fit_intercept)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        n = self.n_neutralizers
        return f"n_neutralizers={n}, fit_intercept={self.fit_intercept}"


def _check_columns(columns, in_features):
    if columns is None:
        return None
    columns = tuple(columns)
    wrong = [
        c
        for c in columns
        if not isinstance(c, Integral)
        or isinstance(c, bool)
        or not 0 <= c < in_features
    ]
    if wrong or len(set(columns)) < len(columns) or not columns:
        raise ValueError(
            f"neutralizers must be different columns from 0 to {in_features - 1}, one "
            f"at the least, or None for all. Got {wrong or columns!r}."
        )
    return tuple(int(c) for c in columns)
