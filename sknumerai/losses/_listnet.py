"""Cross-entropy of the probabilities to be first."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.losses._eras import EraCells, fill_missing


class ListNetLoss(nn.Module):
    """Cross-entropy of the probabilities to be first, by target and by prediction.

    In each era ``-sum(softmax(y) * log_softmax(p))`` over its rows, then the mean over
    eras and targets. The best value is the entropy of ``softmax(y)``.

    Parameters
    ----------
    target_temperature : float, default=1.0
        What targets are divided by before the softmax. Numerai's targets have a
        standard deviation of 0.22, with which an era of thousands of rows is close to
        uniform; the estimators standardize targets first.

    Raises
    ------
    ValueError
        If `target_temperature` is not above 0.

    See Also
    --------
    ListMLELoss : The likelihood of the whole order.
    RankNetLoss : Pairs instead of lists.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Weights are relative to their mean in the era: a
    row of weight 2 among such of weight 1 draws as two rows do.

    References
    ----------
    .. [1] Cao, Z., Qin, T., Liu, T.-Y., Tsai, M.-F. and Li, H. (2007). Learning to
       Rank: From Pairwise Approach to Listwise Approach. ICML.
    .. [2] Pobrotyn, P., Bartczak, T., Synowiec, M., Bialobrzeski, R. and Bojar, J.
       (2020). Context-Aware Learning to Rank with Self-Attention. (allRank)

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import ListNetLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> ListNetLoss()(torch.zeros(4), y_true)  # log 4
    tensor(1.3863)
    >>> ListNetLoss()(y_true, y_true)
    tensor(1.3257)
    """

    era_wise = True
    scale_free = True
    # how far apart predictions are says how sure they are: not to be fixed
    learns_scale = True

    def __init__(self, target_temperature=1.0):
        super().__init__()
        if not 0 < target_temperature < float("inf"):
            raise ValueError(
                "target_temperature must be above 0 and finite. Got "
                f"{target_temperature!r} instead."
            )
        self.target_temperature = float(target_temperature)

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
        share, _ = _softmax(y_true / self.target_temperature, cells)
        _, log_share = _softmax(y_pred, cells)
        return cells.mean(-cells.eras.sum(share * log_share))

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"target_temperature={self.target_temperature:g}"


def relative_weight(cells):
    """Return weights that are 1 in the mean over the rows of an era that count.

    Parameters
    ----------
    cells : EraCells
        Cells with their weights.

    Returns
    -------
    torch.Tensor of shape (n, k)
        Weights.
    """
    n_rows = cells.eras.sum((cells.weight > 0).to(cells.weight.dtype))
    return cells.per_row * cells.eras.spread(n_rows)


def _softmax(values, cells):
    """Weighted softmax within eras, and the logarithm of one row's share; 0 outside."""
    eras, weight = cells.eras, relative_weight(cells)
    highest = eras.extremes(values, weight)[1]
    inside = weight > 0
    values = torch.where(inside, values - eras.spread(highest), 0.0)
    size = weight * values.exp()
    total = eras.sum(size).clamp_min(torch.finfo(size.dtype).tiny)
    log_share = values - eras.spread(total.log())
    return size / eras.spread(total), torch.where(inside, log_share, 0.0)
