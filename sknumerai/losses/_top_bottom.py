"""Numerai's correlation over the highest and lowest predictions."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._ranked import RankedEras, check_temperature, check_top_bottom


class TopBottomCorrelationLoss(EraScoreLoss):
    """Minus the correlation over the rows with the highest and lowest predictions.

    As `NumeraiCorrLoss`, ranks and powers taken over the whole era, but the correlation
    over the ends alone: where a portfolio trades. Which rows are the ends is decided by
    the hard ranks of the predictions and has no gradient.

    Parameters
    ----------
    top_bottom : int, default=200
        Rows at each end. Of eras with fewer than twice as many, each half.

    temperature : float, default=3.0
        Softness of the ranks, see `NumeraiCorrLoss`.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    NumeraiCorrLoss : Over all rows.
    NeutralCorrelationLoss : Over the ends of neutral predictions, with `top_bottom`.
    sknumerai.metrics.numerai_corr_score : The score, with ``top_bottom=200``.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. mdo found 500 rows at each end to overfit less
    than 200, and used it beside losses over all rows: the rows in the middle get no
    gradient from it.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import TopBottomCorrelationLoss
    >>> y_true = torch.tensor([0.0, 1.0, 0.5, 0.25, 0.75, 1.0])
    >>> TopBottomCorrelationLoss(2)(torch.arange(6.0), y_true)
    tensor(-0.7401)
    """

    def __init__(self, top_bottom=200, *, temperature=3.0):
        super().__init__()
        self.top_bottom = check_top_bottom(top_bottom)
        self.temperature = check_temperature(temperature)

    def _scores(self, y_pred, y_true, sample_weight, groups):
        eras = RankedEras(y_pred, y_true, sample_weight, groups, self.temperature)
        return eras.numerai_corr(eras.y_pred, self.top_bottom), eras.counts

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"{self.top_bottom}, temperature={self.temperature:g}"
