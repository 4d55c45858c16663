"""Rank correlation with soft ranks."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._ranked import RankedEras, check_temperature, gaussian


class SoftRankCorrelationLoss(EraScoreLoss):
    """Minus Spearman's rank correlation, with ranks that have a gradient.

    In each era Pearson's correlation of the soft ranks of the predictions with the
    target, or its ranks; then minus the mean over eras and targets. In the range
    [-1, 1], the best value is -1.0.

    Parameters
    ----------
    temperature : float, default=3.0
        Softness of the ranks, see `NumeraiCorrLoss`.

    target : {'rank', 'value'}, default='rank'
        Whether the target is ranked too, with ties kept, as Spearman's correlation has
        it; or taken as it is, as Numerai scored from 2019 to 2022.

    transform : {'rank', 'gaussian'}, default='rank'
        What is correlated of the predictions: their ranks, or the quantiles of the
        standard normal at their ranks.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    ApproximateSpearmanLoss : Sarfati's, without ranks.
    NumeraiCorrLoss : Today's score.
    soft_rank : The ranks.
    sknumerai.metrics.spearman_score : The score.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Predictions are standardized within their era
    before they are ranked, since the softness of ranks depends on the scale.

    References
    ----------
    .. [1] Blondel, M., Teboul, O., Berthet, Q. and Djolonga, J. (2020). Fast
       Differentiable Sorting and Ranking. ICML.
    .. [2] teddykoker (2021). Differentiable Spearman in PyTorch (Optimize for CORR
       directly). Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import SoftRankCorrelationLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> SoftRankCorrelationLoss()(y_pred, y_true)
    tensor(-0.9487)
    """

    def __init__(self, temperature=3.0, *, target="rank", transform="rank"):
        super().__init__()
        if target not in ("rank", "value"):
            raise ValueError(
                f"target must be 'rank' or 'value'. Got {target!r} instead."
            )
        if transform not in ("rank", "gaussian"):
            raise ValueError(
                f"transform must be 'rank' or 'gaussian'. Got {transform!r} instead."
            )
        self.temperature = check_temperature(temperature)
        self.target = target
        self.transform = transform

    def _scores(self, y_pred, y_true, sample_weight, groups):
        eras = RankedEras(y_pred, y_true, sample_weight, groups, self.temperature)
        scores = eras.ranks(eras.y_pred)
        if self.transform == "gaussian":
            scores = gaussian(scores)
        if self.target == "rank":
            target = eras.hard_ranks(eras.y_true)
        else:
            target = eras.centered_target()
        return eras.correlation(scores, target), eras.counts

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"temperature={self.temperature:g}, target={self.target!r}, "
            f"transform={self.transform!r}"
        )
