"""Pearson's correlation over all rows of a batch."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._correlation import CorrelationLoss


class PooledCorrelationLoss(CorrelationLoss):
    """Minus the mean over targets of Pearson's correlation over the whole batch.

    As `CorrelationLoss`, but eras are not told apart: a prediction that knows which
    eras are good scores too, which the tournament does not pay. It is here to do what
    sources did. In the range [-1, 1], the best value is -1.0.

    See Also
    --------
    CorrelationLoss : Era by era.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Batches may be rows of all eras
    (``era_wise = False``); the value of small batches is biased towards 0 and noisy.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import PooledCorrelationLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.0, 0.5, 1.0])
    >>> y_pred = torch.tensor([0.1, 0.2, 0.3, 5.0, 5.2, 5.4])
    >>> PooledCorrelationLoss()(y_pred, y_true, groups=torch.tensor([0, 0, 0, 1, 1, 1]))
    tensor(-0.0489)
    """

    era_wise = False

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

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Ignored.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if the targets do not vary.
        """
        return super().forward(y_pred, y_true, sample_weight, None)
