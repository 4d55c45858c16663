"""Contribution to a meta model or benchmark with soft ranks."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._eras import mean_counting
from sknumerai.losses._ranked import (
    RankedEras,
    check_temperature,
    gaussian,
    side_columns,
)


class MMCLoss(EraScoreLoss):
    """Minus the contribution to the meta model (MMC), with ranks that have a gradient.

    In each era predictions, softly, and meta model are ranked and made Gaussian, the
    predictions are made orthogonal to the meta model, and their covariance with the
    target is taken; then minus the mean over eras and targets. Smaller is better; a
    copy of the meta model has 0.0.

    Parameters
    ----------
    temperature : float, default=3.0
        Softness of the ranks, see `NumeraiCorrLoss`.

    target_scale : {4, 1}, default=4
        Numerai multiplies targets by 4 where all of an era's lie in [0, 1]. 1: never.

    Raises
    ------
    TypeError
        In `forward`, if there is no `meta_model`.

    ValueError
        If a parameter is out of its range.

    See Also
    --------
    PayoutLoss : Together with CORR.
    sknumerai.metrics.mmc_score : The score.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. The covariance is in units of the target, so
    networks leave the target as it is for this loss. With benchmark models for the meta
    model it is minus BMC; several columns count as the mean of their ranks. Rows that
    the meta model does not have (NaN) are left out, and eras whose meta model or target
    is constant do not count.

    References
    ----------
    .. [1] Numerai's documentation, "Meta Model Contribution (MMC)".

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import MMCLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> MMCLoss()(y_pred, y_true, meta_model=torch.tensor([0.4, 0.1, 0.5, 0.6]))
    tensor(-1.1503)
    """

    # networks must not standardize the target
    raw_targets = True

    def __init__(self, temperature=3.0, *, target_scale=4):
        super().__init__()
        self.temperature = check_temperature(temperature)
        self.target_scale = check_target_scale(target_scale)

    def forward(self, y_pred, y_true, sample_weight=None, groups=None, meta_model=None):
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

        meta_model : torch.Tensor of shape (n,) or (n, m), default=None
            Predictions of the meta model or of m benchmarks, NaN where missing. Must
            be given.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        return -mean_counting(
            *self.era_scores(
                y_pred, y_true, sample_weight, groups, meta_model=meta_model
            )
        )

    def _scores(self, y_pred, y_true, sample_weight, groups, meta_model=None):
        meta_model = side_columns(meta_model, "meta_model", self, len(y_pred))
        known = ~torch.isnan(meta_model).any(dim=1)
        eras = RankedEras(
            y_pred, y_true, sample_weight, groups, self.temperature, known=known
        )
        scores = gaussian(eras.ranks(eras.y_pred))
        return contribution(eras, scores, meta_model, self.target_scale)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"temperature={self.temperature:g}, target_scale={self.target_scale}"


def contribution(eras, scores, meta_model, target_scale):
    """Compute the contribution of Gaussian scores to a meta model, by era.

    Parameters
    ----------
    eras : RankedEras
        The cells that count, all known to the meta model.

    scores : torch.Tensor of shape (n, k)
        Predictions, ranked and made Gaussian.

    meta_model : torch.Tensor of shape (n, m)
        Meta model; of several columns the mean of their ranks counts.

    target_scale : int
        What targets in [0, 1] are multiplied by.

    Returns
    -------
    scores : torch.Tensor of shape (n_eras, k)
        Contributions.

    counts : torch.Tensor of shape (n_eras, k) of bool
        Whether the era has one.
    """
    sums = eras.eras
    ranks = sum(
        eras.hard_ranks(column[:, None].expand(eras.inside.shape))
        for column in meta_model.unbind(dim=1)
    )
    if meta_model.shape[1] > 1:
        # rounded, so that equal means are ties
        ranks = eras.hard_ranks((2 * ranks * sums.spread(eras.n_rows)).round())
    other = gaussian(ranks)
    low, high = sums.extremes(eras.y_true, eras.weight)
    factor = torch.where((low >= 0) & (high <= 1), float(target_scale), 1.0)
    target = eras.centered_target() * sums.spread(factor.to(scores.dtype))
    share = eras.per_row
    square = sums.sum(other * other * share)
    counts = eras.counts & (square > 0)
    part = sums.sum(other * target * share) / torch.where(counts, square, 1.0)
    gained = sums.sum(scores * target * share)
    return gained - part * sums.sum(scores * other * share), counts


def check_target_scale(target_scale):
    """Return the scale, or raise.

    Parameters
    ----------
    target_scale : int
        4 or 1.

    Returns
    -------
    int
        The same.
    """
    if target_scale not in (4, 1):
        raise ValueError(
            "target_scale must be 4, as Numerai scores, or 1. Got "
            f"{target_scale!r} instead."
        )
    return int(target_scale)
