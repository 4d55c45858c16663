"""Cross-entropy of logits.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F


class LogLoss(nn.Module):
    """Log loss of one logit for two classes, or of one logit for each class.

    The weighted mean over rows, divided by the sum of the weights.
    """

    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n, k)
            Logits.

        y_true : torch.Tensor of shape (n, k)
            0 or 1 for one column, else 1 in the column of the class.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows.

        groups : torch.Tensor of shape (n,) or None, default=None
            Ignored: rows are independent.

        Returns
        -------
        torch.Tensor of shape ()
            The loss.
        """
        if y_pred.shape[1] == 1:
            loss = F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
            loss = loss[:, 0]
        else:
            loss = -(y_true * torch.log_softmax(y_pred, dim=1)).sum(dim=1)
        if sample_weight is None:
            return loss.mean()
        total = sample_weight.sum().clamp_min(torch.finfo(loss.dtype).tiny)
        return (loss * sample_weight).sum() / total
