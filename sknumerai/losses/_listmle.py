"""Likelihood of the order of an era."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.losses._eras import EraCells, fill_missing
from sknumerai.losses._listnet import relative_weight
from sknumerai.losses._soft_rank import EraOrder

# exp(-_NEVER) is 0 in every dtype, and its gradient too
_NEVER = 1e30


class ListMLELoss(nn.Module):
    """Minus the log-likelihood of the order by target, under a Plackett-Luce model.

    From the highest target down, the probability that each row is the next one drawn,
    in proportion to ``exp(p)`` among those that are left. Minus the mean logarithm over
    the rows of an era, then the mean over eras and targets.

    See Also
    --------
    ListNetLoss : The first draw only.
    RankNetLoss : Pairs instead of lists.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Rows of equal targets are all drawn from the
    rows that have that target or less (Breslow's likelihood for ties), so that their
    order does not matter; allRank breaks ties at random, of which there are many with
    the five values of Numerai's targets. allRank adds up the rows where this takes
    their mean. Weights are relative to their mean in the era.

    References
    ----------
    .. [1] Xia, F., Liu, T.-Y., Wang, J., Zhang, W. and Li, H. (2008). Listwise Approach
       to Learning to Rank: Theory and Algorithm. ICML.
    .. [2] Pobrotyn, P., Bartczak, T., Synowiec, M., Bialobrzeski, R. and Bojar, J.
       (2020). Context-Aware Learning to Rank with Self-Attention. (allRank)

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import ListMLELoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0])
    >>> ListMLELoss()(torch.zeros(3), y_true)  # log(3!) / 3
    tensor(0.5973)
    """

    era_wise = True
    scale_free = True
    # how far apart predictions are says how sure they are: not to be fixed
    learns_scale = True

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

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        cells = EraCells(y_true, observed, sample_weight, groups)
        order = EraOrder(y_true, cells.weight > 0, cells.eras)
        if not len(order.cells):
            return cells.mean(cells.eras.sum(y_pred * 0))
        scores = y_pred.reshape(-1)[order.cells]
        weight = relative_weight(cells).reshape(-1)[order.cells]
        # one row for each era and column, from the lowest target up
        lists = scores.new_full((len(order.counts), int(order.counts.max())), -_NEVER)
        at = order.segment, order.place
        lists = lists.index_put(at, scores + weight.log())
        left = torch.logcumsumexp(lists, dim=1)
        # up to the last row of the same target
        last = (order.new | (order.gaps > 0)).roll(-1)
        last[-1] = True
        run = last.cumsum(0) - last.long()
        ends = last.nonzero()[:, 0][run]
        surprise = left[order.segment, order.place[ends]] - scores
        surprise = order.scatter(surprise)
        return cells.mean(cells.eras.sum(surprise * cells.per_row))
