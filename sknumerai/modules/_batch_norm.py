"""Batch normalization as Keras does it after a dense layer."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm1d):
    """Normalize columns by the batch in training, by running statistics otherwise.

    The kernels are torch's. Three things differ from ``torch.nn.BatchNorm1d``, of
    which the first two are what Keras does with two-dimensional input: ``eps`` is
    1e-3 and a batch moves the running statistics by 0.01; the running variance
    averages the biased variance of the batches (divided by n, torch divides by
    n - 1); and a batch of one row, which has no variance, is normalized by the
    running statistics and leaves them as they are (torch raises).

    Parameters
    ----------
    num_features : int
        Number of columns.

    warm_up : bool, default=False
        Whether the running statistics begin as the plain mean over the batches seen,
        until a batch counts less than `momentum`. Without it they begin at 0 and 1
        and keep a share of ``(1 - momentum) ** n_batches`` of these: 37 % after 100
        batches at 0.01.

    eps : float, default=1e-3
        Added to the variance.

    momentum : float, default=0.01
        Weight of the newest batch in the running statistics; 1 minus Keras's.
    """

    def __init__(self, num_features, *, warm_up=False, eps=1e-3, momentum=0.01):
        super().__init__(num_features, eps=eps, momentum=momentum)
        self.warm_up = warm_up

    def forward(self, X):
        n_rows = X.shape[0]
        if not self.training or n_rows < 2:
            return F.batch_norm(
                X,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                training=False,
                eps=self.eps,
            )
        # momentum=1 hands out the batch's own statistics
        mean = torch.zeros_like(self.running_mean)
        var = torch.ones_like(self.running_var)
        out = F.batch_norm(
            X, mean, var, self.weight, self.bias, True, momentum=1.0, eps=self.eps
        )
        with torch.no_grad():
            self.num_batches_tracked += 1
            newest = torch.full_like(var[0], self.momentum)
            if self.warm_up:
                newest = torch.maximum(newest, 1.0 / self.num_batches_tracked)
            self.running_mean.lerp_(mean, newest)
            self.running_var.lerp_(var * ((n_rows - 1) / n_rows), newest)
        return out

    def extra_repr(self):
        return f"{super().extra_repr()}, warm_up={self.warm_up}"


def make_batch_norm(batch_norm, num_features):
    """Return the layer that the parameter ``batch_norm`` of a network asks for.

    Parameters
    ----------
    batch_norm : bool or 'warm_up'
        As in `MLP`.

    num_features : int
        Number of columns.

    Returns
    -------
    torch.nn.Module
        A `BatchNorm`, or the identity.
    """
    if batch_norm not in (False, True, "warm_up"):
        raise ValueError(
            f"batch_norm must be True, False or 'warm_up'. Got {batch_norm!r} instead."
        )
    if batch_norm:
        return BatchNorm(num_features, warm_up=batch_norm == "warm_up")
    return nn.Identity()
