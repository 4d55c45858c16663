"""What a round pays, with soft ranks."""

# SPDX-License-Identifier: BSD-3-Clause

import math

import torch

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._eras import mean_counting
from sknumerai.losses._mmc import contribution
from sknumerai.losses._ranked import (
    RankedEras,
    check_temperature,
    gaussian,
    power,
    side_columns,
)


class PayoutLoss(EraScoreLoss):
    """Minus the payout of a round, with ranks that have a gradient.

    For each era ``corr_weight * CORR + mmc_weight * MMC``, then minus the mean over
    eras and targets. Smaller is better.

    Parameters
    ----------
    corr_weight : float, default=3.0
        Weight of CORR, see `NumeraiCorrLoss`. The default is the rule of the rounds
        from 1343 on.

    mmc_weight : float, default=15.0
        Weight of MMC, see `MMCLoss`. Weights 1 and 2 with benchmark models for the meta
        model give Sarfati's "LearnPayout".

    clip : float or None, default=None
        The most that an era can pay or burn, as a share of the stake. An era beyond it
        has no gradient, so that training is better done without.

    payout_factor : float, default=1.0
        What the sum is multiplied by before it is clipped.

    temperature : float, default=3.0
        Softness of the ranks, see `NumeraiCorrLoss`.

    Raises
    ------
    TypeError
        In `forward`, if there is no `meta_model`.

    ValueError
        If a parameter is out of its range.

    See Also
    --------
    MMCLoss : The contribution alone.
    sknumerai.metrics.payout_score : The score.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Contributions are in units of the target, so
    networks leave it as it is for this loss. CORR is over all rows with a target, MMC
    over those that the meta model has too; an era counts where it has both.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Equations 17 and 18.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import PayoutLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> meta_model = torch.tensor([0.4, 0.1, 0.5, 0.6])
    >>> PayoutLoss(0.5, 2.0)(y_pred, y_true, meta_model=meta_model)
    tensor(-2.7955)
    """

    raw_targets = True

    def __init__(
        self,
        corr_weight=3.0,
        mmc_weight=15.0,
        *,
        clip=None,
        payout_factor=1.0,
        temperature=3.0,
    ):
        super().__init__()
        numbers = {
            "corr_weight": corr_weight,
            "mmc_weight": mmc_weight,
            "payout_factor": payout_factor,
        }
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number. Got {value!r}.")
        if clip is not None and not clip > 0:
            raise ValueError(f"clip must be above 0, or None. Got {clip!r} instead.")
        self.corr_weight = float(corr_weight)
        self.mmc_weight = float(mmc_weight)
        self.payout_factor = float(payout_factor)
        self.clip = None if clip is None else float(clip)
        self.temperature = check_temperature(temperature)

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
        weighted = sample_weight, groups, self.temperature
        eras = both = RankedEras(y_pred, y_true, *weighted)
        scores = contributing = gaussian(eras.ranks(eras.y_pred))
        if not known.all():
            both = RankedEras(y_pred, y_true, *weighted, known=known)
            contributing = gaussian(both.ranks(both.y_pred))
        corr = eras.correlation(power(scores), power(eras.centered_target()))
        mmc, counts = contribution(both, contributing, meta_model, 4)
        payout = self.corr_weight * corr + self.mmc_weight * mmc
        payout = self.payout_factor * payout
        if self.clip is not None:
            payout = payout.clamp(-self.clip, self.clip)
        return payout, counts & eras.counts

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"{self.corr_weight:g}, {self.mmc_weight:g}, clip={self.clip}, "
            f"payout_factor={self.payout_factor:g}, temperature={self.temperature:g}"
        )
