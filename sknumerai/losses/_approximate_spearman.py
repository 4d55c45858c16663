"""The loss of the context-aware ranker: correlation and a squared difference."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.losses._eras import EPS, EraMoments, fill_missing


class ApproximateSpearmanLoss(nn.Module):
    """One minus Pearson's correlation, plus a small penalty on squared differences.

    For each era and target ``1 - r + penalty_weight * sqd`` with Pearson's correlation
    r and the mean squared difference over the standard deviation of the target; then
    the mean over eras and targets. With predictions that are spread over the range of
    the target the correlation stands for that of the ranks, and the penalty keeps
    them there. The best value is 0.0.

    Parameters
    ----------
    penalty_weight : float, default=0.01
        Weight of the squared differences. 0 leaves one minus the correlation.

    penalty_norm : {'n', 'batch'}, default='n'
        What N is in ``sqd = sum((p - y) ** 2) / (N * sqrt(sum((y - mean) ** 2) / N))``:
        the observed rows of the era, as in the paper, or the number of eras in the
        batch, as in the author's earlier program for another competition. The latter is
        larger by the root of rows over eras: times 45 for 4,000 rows and 2 eras.

    padding_mode : {'mask', 'zero'}, default='mask'
        'zero' is for replication only: shorter eras of a batch are filled up to the
        longest with rows whose prediction and target are 0, which count, as the paper
        describes its masking. That inflates the correlation: with a fifth of the rows
        filled up, uniform predictions that know nothing get one of 0.4.

    Raises
    ------
    ValueError
        If `penalty_weight` is negative, or `penalty_norm` or `padding_mode` is not
        among those named.

    See Also
    --------
    CorrelationLoss : The correlation alone, minus 1.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`.

    Predictions are taken as they are: stretching the scores of an era to [0, 1] or
    [-1, 1] is the ranker's part. As in `CorrelationLoss` an era with a constant target
    does not count, and weights act within the era, where only their ratios matter.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Section 6.1.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import ApproximateSpearmanLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> ApproximateSpearmanLoss()(torch.tensor([0.0, 0.4, 1.0, 0.6]), y_true)
    tensor(0.0196)
    """

    era_wise = True
    scale_free = True

    def __init__(self, penalty_weight=0.01, *, penalty_norm="n", padding_mode="mask"):
        super().__init__()
        if not penalty_weight >= 0:
            raise ValueError(
                f"penalty_weight must be 0 or more. Got {penalty_weight!r} instead."
            )
        if penalty_norm not in ("n", "batch"):
            raise ValueError(
                f"penalty_norm must be 'n' or 'batch'. Got {penalty_norm!r} instead."
            )
        if padding_mode not in ("mask", "zero"):
            raise ValueError(
                f"padding_mode must be 'mask' or 'zero'. Got {padding_mode!r} instead."
            )
        self.penalty_weight = float(penalty_weight)
        self.penalty_norm = penalty_norm
        self.padding_mode = padding_mode

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
        if self.padding_mode == "zero" and groups is not None and len(groups):
            filled = _padding(groups)
            groups = torch.cat([groups, filled])
            y_pred, y_true, sample_weight = (
                None if t is None else _append(t, len(filled), value)
                for t, value in ((y_pred, 0.0), (y_true, 0.0), (sample_weight, 1.0))
            )
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        moments = EraMoments(y_pred, y_true, observed, sample_weight, groups)
        loss = 1 - moments.correlation()
        if self.penalty_weight:
            squares = moments.eras.sum((y_pred - y_true).square() * moments.per_row)
            sqd = squares * torch.rsqrt(moments.true_variance + EPS)
            if self.penalty_norm == "batch":
                n_rows = moments.eras.sum((moments.per_row > 0).to(sqd.dtype))
                sqd = sqd * (n_rows / moments.eras.n_eras).sqrt()
            loss = loss + self.penalty_weight * sqd
        return moments.mean(loss)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"{self.penalty_weight:g}, penalty_norm={self.penalty_norm!r}, "
            f"padding_mode={self.padding_mode!r}"
        )


def _padding(groups):
    """Return the era codes of the rows that fill all eras up to the longest."""
    counts = torch.bincount(groups)
    codes = torch.arange(len(counts), device=groups.device)
    return codes.repeat_interleave(counts.max() - counts)


def _append(values, n, value):
    return torch.cat([values, values.new_full((n, *values.shape[1:]), value)])
