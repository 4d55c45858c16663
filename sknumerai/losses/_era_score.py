"""Losses that are minus a score of eras."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect

from torch import nn

from sknumerai.losses._eras import mean_counting


class EraScoreLoss(nn.Module):
    """Minus the mean over eras and targets of a score; subclasses have `_scores`.

    `era_wise` tells the estimators that batches must be whole eras, `scale_free` that
    the loss does not fix the scale of the predictions.
    """

    era_wise = True
    scale_free = True

    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows within their era.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        return -mean_counting(*self.era_scores(y_pred, y_true, sample_weight, groups))

    def era_scores(self, y_pred, y_true, sample_weight=None, groups=None, **side):
        """Compute the score of each era and target.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows within their era.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        **side : torch.Tensor
            Further inputs that `forward` takes, by name.

        Returns
        -------
        scores : torch.Tensor of shape (n_eras, k)
            Scores, larger is better.

        counts : torch.Tensor of shape (n_eras, k) of bool
            Whether the era has a score.
        """
        return self._scores(y_pred, y_true, sample_weight, groups, **side)


def accepted(loss, **side):
    """Return those of further inputs that the `forward` of a loss takes.

    Parameters
    ----------
    loss : torch.nn.Module
        The loss.

    **side : torch.Tensor or None
        Inputs by name.

    Returns
    -------
    dict of str to torch.Tensor
        Without those that are None.
    """
    names = inspect.signature(loss.forward).parameters
    return {k: v for k, v in side.items() if k in names and v is not None}
