"""The loss of the network that neutralizes its own output."""

# SPDX-License-Identifier: BSD-3-Clause

from torch import nn

from sknumerai.losses._exposure import total_exposure
from sknumerai.losses._ranked import (
    RankedEras,
    check_temperature,
    check_top_bottom,
    gaussian,
)
from sknumerai.losses._terms import check_loss_weights, weighted_sum

TERMS = (
    "top_bottom_corr_loss",
    "neutral_corr_loss",
    "corr_loss",
    "top_bottom_exposure",
    "exposure",
)


class NeutralizedMLPLoss(nn.Module):
    """Weighted sum of three correlations and two exposures of a raw and neutral output.

    The terms are minus the correlation of the neutral output over its highest and
    lowest rows, minus that over all rows, and minus that of the raw output; then the
    total exposure to the features of the neutral output's highest and lowest rows, and
    that of the raw output. All of them are taken of soft ranks.

    Parameters
    ----------
    top_bottom : int, default=500
        Rows at each end. Of eras with fewer than twice as many, each half.

    loss_weights : sequence of float, default=(1, 1, 1, 1e-3, 1e-4)
        Weights of the five terms. A term of weight 0 is not minimized.

    transform : {'rank', 'gaussian'}, default='rank'
        What is correlated of the outputs: their ranks, or the quantiles of the standard
        normal at their ranks.

    temperature : float, default=3.0
        Softness of the ranks, see `SoftRankCorrelationLoss`.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    sknumerai.modules.NeutralizedMLP : The module.
    NeutralCorrelationLoss : Neutralization in the loss, today's score.

    Notes
    -----
    The total exposure is the sum over features of the squared product of feature and
    output, the output centred and of length 1 over the rows that count; features are
    taken as they are. It grows with the number of rows and features: the weights are
    the author's, for 1,050 features in [-0.5, 0.5].

    In the source ranks are soft to 1e-4 in units of the output, so that they change
    with its scale, and rows are ends by their soft rank. Here outputs are standardized
    within the era and ends are chosen by hard ranks. 1e-4 is a `temperature` of 0.5
    for an era of 5,000 rows.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import NeutralizedMLPLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> raw, neutral = torch.tensor([0.1, 0.2, 0.4, 0.3]), torch.tensor([-1.0, 1, 2, 0])
    >>> X = torch.tensor([[-0.5], [0.0], [0.0], [0.5]])
    >>> loss = NeutralizedMLPLoss(top_bottom=1)
    >>> terms = loss.terms((raw, neutral), y_true, X)
    >>> for name, term in terms.items():
    ...     print(f"{name}: {term:.2f}")
    top_bottom_corr_loss: -1.00
    neutral_corr_loss: -0.95
    corr_loss: -0.95
    top_bottom_exposure: 0.13
    exposure: 0.20
    """

    era_wise = True
    scale_free = True

    def __init__(
        self,
        top_bottom=500,
        *,
        loss_weights=(1, 1, 1, 1e-3, 1e-4),
        transform="rank",
        temperature=3.0,
    ):
        super().__init__()
        self.top_bottom = check_top_bottom(top_bottom)
        self.loss_weights = check_loss_weights(loss_weights, TERMS)
        if transform not in ("rank", "gaussian"):
            raise ValueError(
                f"transform must be 'rank' or 'gaussian'. Got {transform!r} instead."
            )
        self.transform = transform
        self.temperature = check_temperature(temperature)

    def forward(self, outputs, y_true, X, sample_weight=None, groups=None):
        """Compute the weighted sum.

        Parameters
        ----------
        outputs : tuple of two torch.Tensor of shape (n,) or (n, k)
            Raw and neutral output.

        y_true : torch.Tensor of shape (n,) or (n, k)
            Targets, NaN where missing.

        X : torch.Tensor of shape (n, n_features)
            Features of the exposures.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows in the correlations.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        Returns
        -------
        torch.Tensor of shape ()
            The loss.
        """
        return self.combine(self.terms(outputs, y_true, X, sample_weight, groups))

    def terms(self, outputs, y_true, X, sample_weight=None, groups=None):
        """Compute the five terms without their weights.

        Parameters
        ----------
        outputs : tuple of two torch.Tensor of shape (n,) or (n, k)
            As in `forward`.

        y_true : torch.Tensor of shape (n,) or (n, k)
            As in `forward`.

        X : torch.Tensor of shape (n, n_features)
            As in `forward`.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            As in `forward`.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            As in `forward`.

        Returns
        -------
        dict of torch.Tensor of shape ()
            'top_bottom_corr_loss', 'neutral_corr_loss', 'corr_loss',
            'top_bottom_exposure' and 'exposure', means over the eras and targets that
            count.
        """
        values = []
        for output in (outputs[1], outputs[0]):
            eras = RankedEras(output, y_true, sample_weight, groups, self.temperature)
            scores = eras.ranks(eras.y_pred)
            if self.transform == "gaussian":
                scores = gaussian(scores)
            target = eras.centered_target()
            corr = -eras.mean(eras.correlation(scores, target))
            rows = eras.inside
            if output is outputs[1]:
                rows = eras.ends(eras.y_pred, self.top_bottom)
                ends = eras.correlation(scores, target, eras.weight * rows)
                values.append(-eras.mean(ends))
            values.append(corr)
            values.append(eras.mean(total_exposure(scores, rows, X, eras)))
        top_bottom, neutral, end_exposure, raw, exposure = values
        return dict(zip(TERMS, (top_bottom, neutral, raw, end_exposure, exposure)))

    def combine(self, terms):
        """Add up terms that `terms` has computed, with their weights.

        Parameters
        ----------
        terms : dict of torch.Tensor
            What `terms` returned.

        Returns
        -------
        torch.Tensor of shape ()
            The loss; the same as that of `forward`.
        """
        return weighted_sum(terms, dict(zip(TERMS, self.loss_weights)))

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"{self.top_bottom}, loss_weights={self.loss_weights}, "
            f"transform={self.transform!r}, temperature={self.temperature:g}"
        )
