"""Logistic loss of all pairs of rows of an era."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses._eras import EraCells, fill_missing
from sknumerai.losses._soft_rank import EraOrder

# Pairs that are looked at together: about 16 MB in float32
_PAIRS = 2**22


class RankNetLoss(nn.Module):
    """Logistic loss of pairs: how likely the higher target has the lower prediction.

    In each era the mean of ``log(1 + exp(p_j - p_i))`` over all pairs of rows with a
    higher target in i than in j; then the mean over eras and targets. The best value is
    0.0; constant predictions have log 2.

    Parameters
    ----------
    weight_by_diff : bool, default=False
        Whether a pair counts in proportion to the difference of its targets.

    Raises
    ------
    TypeError
        If `weight_by_diff` is neither True nor False.

    See Also
    --------
    ListNetLoss : Lists instead of pairs.
    NumeraiCorrLoss : The score itself.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Pairs within an era only, each with the product
    of the weights of its rows. Eras count alike; allRank takes one mean over the pairs
    of all lists, and skips nothing else. All pairs are taken, block by block: n rows
    cost n**2 / 2 steps and memory for a few million pairs, whatever n.

    References
    ----------
    .. [1] Burges, C., Shaked, T., Renshaw, E., Lazier, A., Deeds, M., Hamilton, N. and
       Hullender, G. (2005). Learning to Rank Using Gradient Descent. ICML.
    .. [2] Pobrotyn, P., Bartczak, T., Synowiec, M., Bialobrzeski, R. and Bojar, J.
       (2020). Context-Aware Learning to Rank with Self-Attention. (allRank)

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import RankNetLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> RankNetLoss()(torch.zeros(4), y_true)
    tensor(0.6931)
    >>> RankNetLoss()(4 * y_true, y_true)
    tensor(0.1052)
    """

    era_wise = True
    scale_free = True
    # how far apart predictions are says how sure they are: not to be fixed
    learns_scale = True

    def __init__(self, *, weight_by_diff=False):
        super().__init__()
        if not isinstance(weight_by_diff, bool):
            raise TypeError(
                f"weight_by_diff must be True or False. Got {weight_by_diff!r}."
            )
        self.weight_by_diff = weight_by_diff

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
        sizes = order.counts.tolist()
        lists = zip(
            torch.split(y_pred.reshape(-1)[order.cells], sizes),
            torch.split(y_true.reshape(-1)[order.cells], sizes),
            torch.split(cells.weight.reshape(-1)[order.cells], sizes),
        )
        losses = torch.stack([_of_pairs(*one, self.weight_by_diff) for one in lists])
        return cells.mean(losses.reshape(cells.counts.shape))

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"weight_by_diff={self.weight_by_diff}"


@torch.no_grad()
def _pairs(p, y, w, weight_by_diff):
    """Mean logistic loss of pairs, and its gradient; targets must rise."""
    n = len(p)
    y = y.contiguous()
    # those with a lower target are the first
    below = torch.searchsorted(y, y)
    total, pairs, gradient = p.new_zeros(()), p.new_zeros(()), torch.zeros_like(p)
    step = max(1, _PAIRS // max(n, 1))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        most = int(below[rows].max())
        if not most:
            continue
        low = torch.arange(most, device=p.device) < below[rows, None]
        weight = w[rows, None] * w[:most] * low
        if weight_by_diff:
            weight = weight * (y[rows, None] - y[:most])
        wrong = p[:most] - p[rows, None]
        total += (weight * F.softplus(wrong)).sum()
        pairs += weight.sum()
        slope = weight * torch.sigmoid(wrong)
        gradient[rows] -= slope.sum(dim=1)
        gradient[:most] += slope.sum(dim=0)
    pairs = pairs.clamp_min(torch.finfo(p.dtype).tiny)
    return total / pairs, gradient / pairs


def _of_pairs(p, y, w, weight_by_diff):
    value, gradient = _pairs(p, y, w, weight_by_diff)
    # Autograd would keep all pairs for the way back. This is `value` with the gradient
    # that is known already; a torch.autograd.Function does not pickle by value.
    product = p @ gradient
    return value + (product - product.detach())
