"""TabM: k perceptrons in one."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.modules._activation import make_activation
from sknumerai.modules._ensemble_linear import EnsembleLinear, SeparateLinear
from sknumerai.modules._mlp import (
    check_dropouts,
    check_size,
    check_sizes,
    make_encoding,
)

# Elements of the widest layer of one submodel, where nothing is kept for gradients
_CHUNK = 2**22


class TabM(nn.Module):
    """Many perceptrons that share their weight matrices, with k predictions.

    Submodel i multiplies the input of a shared dense layer by a vector r[i] and its
    output by a vector s[i], and has its own bias and its own output layer. The r of
    the first layer begins as random signs, all others as ones: the submodels begin with
    different views of the features and the same layers.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs of each submodel, one for each target.

    hidden_features : sequence of int, default=(512, 512, 512)
        Widths of the hidden layers, from the input on.

    k : int, default=32
        Number of submodels.

    variant : {'tabm', 'mini'}, default='tabm'
        'mini' shares all but the first r and the output layers.

    activation : str or type, default='relu'
        Activation after each hidden layer, see `MLP`.

    dropout : float or sequence of float, default=0.1
        Share of a hidden layer's outputs that is dropped in training, drawn for each
        submodel: one number for all, or one for each hidden layer. In the range [0, 1).

    n_levels : int or None, default=None
        Number of levels, evenly spaced from -1 to 1, that features are encoded by
        before the first layer: 5 gives each of Numerai's codes a weight of its own.
        None leaves features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features to the outputs, one for all
        submodels, is added to theirs. It begins as zero.

    output_gain : float, default=1.0
        What the first weights of the output layer are multiplied by. Where the targets
        are mostly noise, a network that begins far from 0 has to unlearn its random
        start first.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a dropout is outside [0, 1), the number
        of dropouts is not the number of hidden layers, or `variant` is not among those
        named.

    See Also
    --------
    MLP : One perceptron.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``, output
    ``(batch_size, k, out_features)``. The submodels are to be trained on the mean of
    their losses, not on the loss of their mean.

    With n features, hidden widths h1, ..., hm and L outputs there are
    ``n h1 + h1 h2 + ... + k (hm L + L)`` weights of matrices and output layers. Beside
    these, 'tabm' has ``k (n + 2 h1) + k (h1 + 2 h2) + ...`` scalings and biases, and
    'mini' ``k n + h1 + h2 + ...``.

    Weights begin as uniform in ``1 / sqrt(width of the input)``, as torch's do.

    Where gradients are off the submodels are run one after the other on slices of rows,
    so that memory does not grow with k. In training, a batch of 1,024 rows takes
    about 16 bytes for each row, submodel and hidden unit.

    References
    ----------
    .. [1] Gorishniy, Y., Kotelnikov, A. and Babenko, A. (2025). TabM: Advancing Tabular
       Deep Learning with Parameter-Efficient Ensembling. ICLR. Section 3.
    .. [2] Wen, Y., Tran, D. and Ba, J. (2020). BatchEnsemble: An Alternative Approach
       to Efficient Ensemble and Lifelong Learning. ICLR. Equation 5.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import TabM
    >>> module = TabM(in_features=42, out_features=3, hidden_features=(64, 64), k=8)
    >>> module(torch.rand(5, 42)).shape
    torch.Size([5, 8, 3])
    >>> module.mean(torch.rand(5, 42)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        hidden_features=(512, 512, 512),
        k=32,
        variant="tabm",
        activation="relu",
        dropout=0.1,
        n_levels=None,
        linear_skip=False,
        output_gain=1.0,
    ):
        super().__init__()
        if variant not in ("tabm", "mini"):
            raise ValueError(
                f"variant must be 'tabm' or 'mini'. Got {variant!r} instead."
            )
        hidden = check_sizes("hidden_features", hidden_features)
        self.in_features = check_size("in_features", in_features)
        self.encoding, n_columns = make_encoding(n_levels, in_features)
        self.output_gain = output_gain
        sizes = (n_columns, *hidden)
        out_features = check_size("out_features", out_features)
        k = check_size("k", k)
        dropouts = check_dropouts("dropout", dropout, len(hidden))
        is_mini = variant == "mini"
        self.layers = nn.ModuleList(
            EnsembleLinear(
                n_in,
                n_out,
                k,
                scale_in=not is_mini or i == 0,
                scale_out=not is_mini,
                random_signs=i == 0,
            )
            for i, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:]))
        )
        self.activations = nn.ModuleList(
            nn.Sequential(make_activation(activation), nn.Dropout(p)) for p in dropouts
        )
        self.output = SeparateLinear(sizes[-1], out_features, k)
        self.skip = None
        if linear_skip:
            self.skip = nn.Linear(n_columns, out_features, bias=False)
        self._begin_output()

    @property
    def out_features(self):
        """Number of outputs of each submodel."""
        return self.output.weight.shape[1]

    @property
    def k(self):
        """Number of submodels."""
        return self.output.weight.shape[0]

    def reset_parameters(self):
        """Draw new weights."""
        for layer in (*self.layers, self.output):
            layer.reset_parameters()
        self._begin_output()

    @torch.no_grad()
    def _begin_output(self):
        self.output.weight.mul_(self.output_gain)
        self.output.bias.mul_(self.output_gain)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def forward(self, X):
        """Compute the outputs of all submodels.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, k, out_features)
            Outputs, not bounded.
        """
        if not torch.is_grad_enabled():
            return torch.cat(
                [
                    torch.stack([self._one(i, rows) for i in range(self.k)], dim=1)
                    for rows in map(self.encoding, self._slices(X))
                ]
            )
        X = features = self.encoding(X)
        for layer, activation in zip(self.layers, self.activations):
            X = activation(layer(X))
        out = self.output(X)
        if self.skip is not None:
            out = out + self.skip(features)
        return out.transpose(0, 1)

    def mean(self, X):
        """Compute the mean of the submodels' outputs, what `predict` is made of.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, out_features)
            Outputs, not bounded.
        """
        if torch.is_grad_enabled():
            return self(X).mean(dim=1)
        means = []
        for rows in map(self.encoding, self._slices(X)):
            total = self._one(0, rows)
            for i in range(1, self.k):
                total += self._one(i, rows)
            means.append(total / self.k)
        return torch.cat(means)

    def _slices(self, X):
        widest = max(layer.weight.shape[-1] for layer in (*self.layers, self.output))
        return X.split(max(256, _CHUNK // widest))

    def _one(self, i, features):
        X = features
        for layer, activation in zip(self.layers, self.activations):
            X = activation(layer.one(i, X))
        out = self.output.one(i, X)
        return out if self.skip is None else out + self.skip(features)
