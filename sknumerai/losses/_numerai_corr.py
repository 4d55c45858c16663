"""Numerai's correlation with soft ranks."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._ranked import RankedEras, check_temperature


class NumeraiCorrLoss(EraScoreLoss):
    """Minus Numerai's correlation (CORR), with ranks that have a gradient.

    In each era the predictions are ranked softly, made Gaussian and raised to the power
    1.5, the target is centered and raised to the power 1.5, and Pearson's correlation
    is taken of the two; then minus the mean over eras and targets. In the range
    [-1, 1], the best value is -1.0.

    Parameters
    ----------
    temperature : float, default=3.0
        Softness of the ranks, for predictions that are standardized in their era:
        ranks are pooled where the quantile function of the predictions is less steep.
        0.1 is close to hard ranks, whose gradient is noise; from 10 on nearly all ranks
        are linear in the predictions. 0 gives hard ranks: the score itself, without a
        gradient, to watch but not to train.

    Raises
    ------
    ValueError
        If `temperature` is negative or not finite.

    See Also
    --------
    CorrelationLoss : Pearson's correlation, without ranks and powers.
    TopBottomCorrelationLoss : The same over the highest and lowest rows.
    sknumerai.metrics.numerai_corr_score : The score.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Ranks are over the rows of an era whose target
    is known and whose weight is not 0; weights enter means and correlations. Eras with
    a constant target do not count; with constant predictions the score is 0.

    References
    ----------
    .. [1] Numerai's documentation, "Correlation (CORR)".
    .. [2] Blondel, M., Teboul, O., Berthet, Q. and Djolonga, J. (2020). Fast
       Differentiable Sorting and Ranking. ICML.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import NumeraiCorrLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> NumeraiCorrLoss(temperature=0)(y_pred, y_true)
    tensor(-0.9895)
    >>> NumeraiCorrLoss()(y_pred, y_true)
    tensor(-0.9895)
    """

    def __init__(self, temperature=3.0):
        super().__init__()
        self.temperature = check_temperature(temperature)

    def _scores(self, y_pred, y_true, sample_weight, groups):
        eras = RankedEras(y_pred, y_true, sample_weight, groups, self.temperature)
        return eras.numerai_corr(eras.y_pred), eras.counts

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"temperature={self.temperature:g}"
