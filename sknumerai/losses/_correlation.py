"""Pearson's correlation, era by era."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._eras import EraMoments, fill_missing


class CorrelationLoss(EraScoreLoss):
    """Minus the mean over eras and targets of Pearson's correlation.

    Each era of the batch gives one correlation for each target, over the rows that are
    observed; they count alike, however many rows the eras have. In the range [-1, 1],
    the best value is -1.0.

    See Also
    --------
    ApproximateSpearmanLoss : With a penalty that also fixes the scale.
    MaskedMSELoss : Row by row.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`.

    The loss does not see the level of the predictions of an era, nor their scale: 1e-12
    is added to variances, so that a constant prediction has correlation 0 and a finite
    gradient; it takes 5e-5 of the correlation where the predictions of an era have a
    standard deviation of 1e-4. An era with a constant
    target (a single row, say), or with nothing observed, does not count. Weights enter
    means, variances and covariances; the eras count alike whatever their weights.

    On CUDA the sums over eras add in an order that changes from call to call, unless
    ``torch.use_deterministic_algorithms`` is on.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import CorrelationLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.0, 0.5, 1.0])
    >>> y_pred = torch.tensor([0.1, 0.2, 0.3, 5.0, 5.2, 5.4])
    >>> CorrelationLoss()(y_pred, y_true, groups=torch.tensor([0, 0, 0, 1, 1, 1]))
    tensor(-1.0000)
    """

    def __init__(self):
        super().__init__()

    def _scores(self, y_pred, y_true, sample_weight, groups):
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        moments = EraMoments(y_pred, y_true, observed, sample_weight, groups)
        return moments.correlation(), moments.counts
