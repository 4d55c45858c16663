"""Dense layers of k networks at once, with shared and with separate weights."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn


class EnsembleLinear(nn.Module):
    """Apply k dense layers that share one weight matrix.

    Layer i is ``((x * r[i]) @ weight.T) * s[i] + bias[i]``: what differs between the
    layers are the vectors r, s and bias.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs of each layer.

    k : int
        Number of layers.

    scale_in : bool, default=True
        Whether there is an r.

    scale_out : bool, default=True
        Whether there is an s and each layer has a bias of its own. Without them the
        bias is shared.

    random_signs : bool, default=False
        Whether r begins as random signs, so that the layers differ, or as ones.

    Notes
    -----
    Shape: input ``(batch_size, in_features)`` for the first layer of a network, or
    ``(k, batch_size, in_features)``; output ``(k, batch_size, out_features)``.
    """

    def __init__(
        self,
        in_features,
        out_features,
        k,
        *,
        scale_in=True,
        scale_out=True,
        random_signs=False,
    ):
        super().__init__()
        self.random_signs = random_signs
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.r = nn.Parameter(torch.empty(k, in_features)) if scale_in else None
        self.s = nn.Parameter(torch.empty(k, out_features)) if scale_out else None
        self.bias = nn.Parameter(torch.empty(k if scale_out else 1, out_features))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self):
        """Draw new weights; all layers begin with the same bias."""
        bound = self.weight.shape[1] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.r is not None:
            nn.init.ones_(self.r)
            if self.random_signs:
                self.r.bernoulli_(0.5).mul_(2).sub_(1)
        if self.s is not None:
            nn.init.ones_(self.s)
        self.bias.copy_(self.bias[0].uniform_(-bound, bound).clone())

    def forward(self, X):
        """Apply all layers."""
        weight = self.weight
        out_features = len(weight)
        # The matrix of each layer is written out where that is smaller than the input
        # of each layer, of which autograd keeps a copy
        if X.shape[-2] > out_features and self.r is not None:
            scale = self.r[:, None, :]
            if self.s is not None:
                scale = scale * self.s[:, :, None]
            weight = weight * scale
            X = X.expand(len(weight), *X.shape[-2:])
            bias = self.bias[:, None].expand(len(weight), 1, out_features)
            return torch.baddbmm(bias, X, weight.mT)
        if self.r is not None:
            X = X * self.r[:, None]
        out = X @ weight.T
        if self.s is not None:
            return torch.addcmul(self.bias[:, None], out, self.s[:, None])
        return out + self.bias[:, None]

    def one(self, i, X):
        """Apply layer i to a tensor of shape (batch_size, in_features)."""
        weight = self.weight
        if self.r is not None:
            weight = weight * self.r[i]
        if self.s is not None:
            weight = weight * self.s[i, :, None]
        bias = self.bias[i if len(self.bias) > 1 else 0]
        return nn.functional.linear(X, weight, bias)

    def extra_repr(self):
        """Say the sizes."""
        out_features, in_features = self.weight.shape
        n_scales = sum(p is not None for p in (self.r, self.s))
        return f"{in_features}, {out_features}, {n_scales} scalings"


class SeparateLinear(nn.Module):
    """Apply k dense layers that share nothing.

    Parameters
    ----------
    in_features : int
        Number of input columns.

    out_features : int
        Number of outputs of each layer.

    k : int
        Number of layers.

    Notes
    -----
    Shape: as for `EnsembleLinear`.
    """

    def __init__(self, in_features, out_features, k):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(k, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(k, out_features))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights."""
        bound = self.weight.shape[2] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, X):
        """Apply all layers."""
        X = X.expand(len(self.weight), *X.shape[-2:])
        return torch.baddbmm(self.bias[:, None], X, self.weight.mT)

    def one(self, i, X):
        """Apply layer i to a tensor of shape (batch_size, in_features)."""
        return nn.functional.linear(X, self.weight[i], self.bias[i])

    def extra_repr(self):
        """Say the sizes."""
        k, out_features, in_features = self.weight.shape
        return f"{in_features}, {out_features}, k={k}"
