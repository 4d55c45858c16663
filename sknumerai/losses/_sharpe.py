"""Sharpe ratio over the eras of a batch."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.losses._era_score import accepted
from sknumerai.losses._eras import EPS, mean_counting
from sknumerai.losses._numerai_corr import NumeraiCorrLoss


class SharpeLoss(nn.Module):
    """Minus the Sharpe ratio of the scores of eras.

    The mean over the eras of a batch of another loss's score, divided by its standard
    deviation; then minus the mean over targets. Smaller is better.

    Parameters
    ----------
    loss : torch.nn.Module or None, default=None
        A loss of :mod:`sknumerai.losses` that is minus a score of eras, that is, has
        `era_scores`. None is `NumeraiCorrLoss`.

    adjusted : bool, default=False
        Whether the ratio is corrected for skewness and kurtosis.

    cost : float, default=0.0
        Subtracted from the mean score first.

    ddof : {0, 1}, default=0
        The standard deviation divides by ``n_eras - ddof``.

    min_std : float, default=0.01
        Least standard deviation, in units of the score: a smaller one counts as this,
        in the adjusted ratio too.

    Raises
    ------
    TypeError
        If `loss` has no `era_scores`.

    ValueError
        If `cost` is not finite, `ddof` is neither 0 nor 1, or `min_std` is negative
        or not finite.

    See Also
    --------
    sknumerai.metrics.sharpe_ratio : The figure.
    sknumerai.metrics.adjusted_sharpe : The adjusted one.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. The ratio is of the eras of a batch, 16 by
    default in the estimators (``batch_size``): of few eras it is a noisy figure that is
    too large in the mean. Where a batch has fewer than two eras that count the loss is
    minus their score.

    Without `min_std` the ratio, and its gradient, have no bound: they would be those of
    the batches whose eras happen to score alike. Numerai's scores of good models
    have a standard deviation of 0.015 to 0.03 over eras of 5,000 stocks, more over
    fewer. The forum's advice is to start from weights trained with another
    loss (``warm_start``), with a small learning rate.

    References
    ----------
    .. [1] Pezier, J. (2004). Risk and Risk Aversion. In: Alexander, C. and Sheedy, E.
       (eds.), The Professional Risk Managers' Handbook, chapter I.A.1.
    .. [2] mdo (2020). Custom loss functions for XGBoost using PyTorch. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import CorrelationLoss, SharpeLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.0, 0.5, 1.0])
    >>> y_pred = torch.tensor([0.1, 0.2, 0.3, 5.0, 5.4, 5.2])
    >>> groups = torch.tensor([0, 0, 0, 1, 1, 1])
    >>> SharpeLoss(CorrelationLoss())(y_pred, y_true, groups=groups)  # of 1 and 0.5
    tensor(-3.0000)
    """

    era_wise = True
    scale_free = True
    # what a batch of the estimators must hold, and does where nothing is said
    min_eras = 2
    eras_per_batch = 16

    def __init__(self, loss=None, *, adjusted=False, cost=0.0, ddof=0, min_std=0.01):
        super().__init__()
        loss = NumeraiCorrLoss() if loss is None else loss
        if not isinstance(loss, nn.Module) or not hasattr(loss, "era_scores"):
            raise TypeError(
                "SharpeLoss needs an instance of a loss with era_scores, such as "
                f"NumeraiCorrLoss() or CorrelationLoss(). Got {loss!r}."
            )
        if not -float("inf") < cost < float("inf"):
            raise ValueError(f"cost must be a finite number. Got {cost!r} instead.")
        if ddof not in (0, 1):
            raise ValueError(f"ddof must be 0 or 1. Got {ddof!r} instead.")
        if not 0 <= min_std < float("inf"):
            raise ValueError(
                f"min_std must be 0 or more, and finite. Got {min_std!r} instead."
            )
        self.loss = loss
        self.adjusted = bool(adjusted)
        self.cost = float(cost)
        self.ddof = int(ddof)
        self.min_std = float(min_std)
        self.raw_targets = getattr(loss, "raw_targets", False)

    def forward(
        self,
        y_pred,
        y_true,
        sample_weight=None,
        groups=None,
        features=None,
        meta_model=None,
    ):
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

        features : torch.Tensor of shape (n, m), default=None
            For a `loss` that takes it.

        meta_model : torch.Tensor of shape (n,) or (n, m), default=None
            For a `loss` that takes it.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        side = accepted(self.loss, features=features, meta_model=meta_model)
        scores, counts = self.loss.era_scores(
            y_pred, y_true, sample_weight, groups, **side
        )
        n = counts.sum(dim=0)
        mean = self._mean(scores, counts)
        deviation = torch.where(counts, scores - mean, 0.0)
        # a ratio of fewer than two eras would divide by zero
        several = n > 1
        variance = deviation.square().sum(dim=0) / (n - self.ddof).clamp_min(1)
        least = max(self.min_std**2, EPS)
        variance = torch.where(several, variance.clamp_min(least), 1.0)
        ratio = (mean - self.cost) * variance.rsqrt()
        if self.adjusted:
            second = self._moment(deviation, n, 2).clamp_min(least)
            second = torch.where(several, second, 1.0)
            skewness = self._moment(deviation, n, 3) * second.pow(-1.5)
            excess = self._moment(deviation, n, 4) / second.square() - 3
            adjusted = 1 + skewness * ratio / 6 - excess * ratio.square() / 24
            ratio = torch.where(several, ratio * adjusted, ratio)
        return -mean_counting(ratio, n > 0)

    @staticmethod
    def _mean(scores, counts):
        total = torch.where(counts, scores, 0.0).sum(dim=0)
        return total / counts.sum(dim=0).clamp_min(1)

    @staticmethod
    def _moment(deviation, n, power):
        return deviation.pow(power).sum(dim=0) / n.clamp_min(1)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"adjusted={self.adjusted}, cost={self.cost:g}, ddof={self.ddof}, "
            f"min_std={self.min_std:g}"
        )
