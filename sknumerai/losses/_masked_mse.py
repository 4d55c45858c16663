"""Mean squared error over the targets that are there."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses._eras import check_columns, is_plain, mean_observed


class MaskedMSELoss(nn.Module):
    """Mean squared error over the observed cells.

    The sum of squared errors over the cells whose target is not NaN, divided by their
    number; with weights the weighted mean of the same. The best value is 0.0.

    See Also
    --------
    MaskedBCELoss : Cross-entropy for targets in [0, 1].
    CorrelationLoss : What the tournament scores, up to the shape of the tails.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Without NaN and weights it is
    ``torch.nn.MSELoss``. A row of weight 2 counts as the row twice.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import MaskedMSELoss
    >>> y_true = torch.tensor([[0.5, float("nan")], [1.0, 0.0]])
    >>> MaskedMSELoss()(torch.tensor([[0.5, 9.0], [0.0, 1.0]]), y_true)
    tensor(0.6667)
    """

    def __init__(self):
        super().__init__()

    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows.

        groups : torch.Tensor of shape (n,) or None, default=None
            Ignored: rows are independent.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if nothing is observed.
        """
        if is_plain(y_pred, y_true, sample_weight):
            loss = F.mse_loss(y_pred, y_true)
            if torch.isfinite(loss):
                return loss  # nothing is missing
        y_pred, y_true, observed = check_columns(y_pred, y_true)
        # a difference passes on no gradient of NaN, so nothing is filled before it
        error = torch.where(observed, y_pred - y_true, 0.0)
        return mean_observed(error.square(), observed, sample_weight)
