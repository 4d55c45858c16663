"""A penalty on the exposure of predictions to features."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.losses._era_score import accepted
from sknumerai.losses._eras import EPS, mean_counting
from sknumerai.losses._ranked import RankedEras, check_top_bottom, side_columns


class ExposurePenalty(nn.Module):
    """Penalize correlations of the predictions with features, beside another loss.

    In each era the correlations of the predictions with the features are taken; what
    exceeds `max_exposure` is squared and averaged over features, eras and targets.
    ``loss + weight * penalty`` is what is returned. The best value of the penalty is
    0.0.

    Parameters
    ----------
    loss : torch.nn.Module or None, default=None
        Another loss, with the protocol of :mod:`sknumerai.losses`; None for the penalty
        alone.

    weight : float, default=1.0
        Weight of the penalty.

    max_exposure : float, default=0.0
        Size of a correlation that goes free.

    kind : {'pearson', 'total'}, default='pearson'
        'total' takes the sum over features of squared products with the predictions,
        which are centered and of length 1, as mdo does: features are not standardized,
        wide ones count for more, and the sum grows with rows and features. His weights
        were 1e-4, and 1e-3 for the ends, at 5,000 rows and 1,050 features in [0, 1].

    top_bottom : int or None, default=None
        Take only so many rows with the highest and lowest predictions of an era.

    columns : sequence of int or None, default=None
        Positions of the features that count; None takes all.

    Raises
    ------
    TypeError
        In `forward`, if there are no `features`, or if `loss` is no module.

    ValueError
        If a parameter is out of its range.

    See Also
    --------
    NeutralCorrelationLoss : The correlation after neutralization.
    sknumerai.metrics.rms_feature_exposure : The root of the penalty.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Exposures are over the rows whose target is
    known, without `sample_weight`, which goes to `loss` alone; a row of weight 0 does
    not count. With several targets each column of the predictions is penalized.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import ExposurePenalty, NumeraiCorrLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> features = torch.tensor([[0.0], [1.0], [1.0], [2.0]])
    >>> ExposurePenalty()(y_pred, y_true, features=features)
    tensor(0.1000)
    >>> loss = ExposurePenalty(NumeraiCorrLoss(), weight=0.1)
    >>> loss(y_pred, y_true, features=features)
    tensor(-0.9795)
    """

    era_wise = True

    def __init__(
        self,
        loss=None,
        *,
        weight=1.0,
        max_exposure=0.0,
        kind="pearson",
        top_bottom=None,
        columns=None,
    ):
        super().__init__()
        if loss is not None and not isinstance(loss, nn.Module):
            raise TypeError(
                f"loss must be an instance of a torch.nn.Module, or None. Got {loss!r}."
            )
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight must be 0 or more. Got {weight!r} instead.")
        if not 0 <= max_exposure <= 1:
            raise ValueError(
                f"max_exposure must be between 0 and 1. Got {max_exposure!r} instead."
            )
        if kind not in ("pearson", "total"):
            raise ValueError(
                f"kind must be 'pearson' or 'total'. Got {kind!r} instead."
            )
        if kind == "total" and max_exposure:
            raise ValueError(
                "max_exposure is a correlation, so it goes with kind='pearson' only. "
                f"Got max_exposure={max_exposure!r}."
            )
        self.loss = loss
        self.weight = float(weight)
        self.max_exposure = float(max_exposure)
        self.kind = kind
        self.top_bottom = check_top_bottom(top_bottom)
        self.columns = None if columns is None else [int(c) for c in columns]
        # what the estimators ask a loss
        self.scale_free = loss is None or getattr(loss, "scale_free", False)
        self.learns_scale = getattr(loss, "learns_scale", False)
        self.raw_targets = getattr(loss, "raw_targets", False)
        self.min_eras = getattr(loss, "min_eras", 1)
        self.eras_per_batch = getattr(loss, "eras_per_batch", 1)

    def forward(
        self,
        y_pred,
        y_true,
        sample_weight=None,
        groups=None,
        features=None,
        meta_model=None,
    ):
        """Compute the loss and add the penalty.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows, for `loss`.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        features : torch.Tensor of shape (n, m), default=None
            Finite features. Must be given.

        meta_model : torch.Tensor of shape (n,) or (n, m), default=None
            For a `loss` that takes it.

        Returns
        -------
        torch.Tensor of shape ()
            The loss.
        """
        penalty = self.penalty(y_pred, y_true, sample_weight, groups, features)
        if self.loss is None:
            return self.weight * penalty
        side = accepted(self.loss, features=features, meta_model=meta_model)
        loss = self.loss(y_pred, y_true, sample_weight, groups, **side)
        return loss + self.weight * penalty

    def penalty(self, y_pred, y_true, sample_weight=None, groups=None, features=None):
        """Compute the penalty alone, without its weight.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            As in `forward`.

        y_true : torch.Tensor of the same shape
            As in `forward`.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Rows of weight 0 do not count.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            As in `forward`.

        features : torch.Tensor of shape (n, m), default=None
            As in `forward`.

        Returns
        -------
        torch.Tensor of shape ()
            The penalty.
        """
        features = side_columns(features, "features", self, len(y_pred))
        if self.columns is not None:
            features = features[:, self.columns]
        cells = RankedEras(y_pred, y_true, sample_weight, groups, 0)
        eras, inside = cells.eras, cells.inside
        if self.top_bottom is not None:
            inside = cells.ends(cells.y_pred, self.top_bottom)
        counted = inside.to(cells.y_pred.dtype)
        counts = eras.sum(counted) > 1
        if self.kind == "total":
            total = total_exposure(cells.y_pred, inside, features, cells)
            return mean_counting(total, counts)
        features = features.to(cells.y_pred.dtype)
        share = cells.shares(counted)
        p = cells.y_pred
        p = torch.where(inside, p - eras.spread(eras.sum(p * share)), 0.0)
        p = p * eras.spread(torch.rsqrt(eras.sum(p * p * share) + EPS))
        found = []
        for j in range(p.shape[1]):
            part = share[:, j : j + 1]
            F = features - eras.spread(eras.sum(features * part))
            exposures = eras.sum(F * (p[:, j : j + 1] * part))
            variance = eras.sum(F.square() * part)
            varies = variance > EPS
            scale = torch.where(varies, variance, 1.0).rsqrt() * varies
            over = ((exposures * scale).abs() - self.max_exposure).clamp_min(0)
            n_features = varies.sum(dim=1).clamp_min(1)
            found.append(over.square().sum(dim=1) / n_features)
        return mean_counting(torch.stack(found, dim=1), counts)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"weight={self.weight:g}, max_exposure={self.max_exposure:g}, "
            f"kind={self.kind!r}, top_bottom={self.top_bottom}"
        )


def total_exposure(scores, rows, features, eras):
    """Sum the squared products of features with the scores of an era.

    Parameters
    ----------
    scores : torch.Tensor of shape (n, k)
        Scores of a scale around 1.

    rows : torch.Tensor of shape (n, k) of bool
        The cells that count.

    features : torch.Tensor of shape (n, m)
        Features.

    eras : RankedEras
        Eras of the rows.

    Returns
    -------
    torch.Tensor of shape (n_eras, k)
        The sums.
    """
    sums = eras.eras
    share = eras.shares(rows.to(scores.dtype))
    p = torch.where(rows, scores - sums.spread(sums.sum(scores * share)), 0.0)
    variance = sums.sum(p * p * share)
    n_rows = sums.sum(rows.to(scores.dtype))
    p = p * sums.spread(torch.rsqrt((variance + EPS) * n_rows.clamp_min(1)))
    features = features.detach().to(p.dtype)
    if sums.groups is None:
        return (p.T @ features).square().sum(dim=1)[None]
    found = []
    for code in range(sums.n_eras):
        era = (sums.groups == code).nonzero()[:, 0]
        found.append((p[era].T @ features[era]).square().sum(dim=1))
    return torch.stack(found)
