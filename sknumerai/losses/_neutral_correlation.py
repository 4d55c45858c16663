"""Feature-neutral correlation with soft ranks."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

from sknumerai.losses._era_score import EraScoreLoss
from sknumerai.losses._eras import mean_counting
from sknumerai.losses._ranked import (
    RankedEras,
    check_temperature,
    check_top_bottom,
    gaussian,
    side_columns,
)
from sknumerai.utils._tensor_residuals import neutral_residuals


class NeutralCorrelationLoss(EraScoreLoss):
    """Minus the feature-neutral correlation (FNC), with ranks that have a gradient.

    In each era the predictions are ranked softly and made Gaussian, their least-squares
    fit by the features is subtracted, and Numerai's correlation, with soft ranks too,
    is taken of the rest; then minus the mean over eras and targets. In the range
    [-1, 1], the best value is -1.0.

    Parameters
    ----------
    temperature : float, default=3.0
        Softness of the ranks, see `NumeraiCorrLoss`.

    proportion : float, default=1.0
        Share of the fit that is subtracted.

    fit_intercept : bool, default=True
        Whether a constant is fitted beside the features, as in the score.

    top_bottom : int or None, default=None
        Correlate over so many rows with the highest and lowest neutral predictions.

    columns : sequence of int or None, default=None
        Positions of the features to be neutral to; None takes all.

    Raises
    ------
    TypeError
        In `forward`, if there are no `features`.

    ValueError
        If a parameter is out of its range.

    See Also
    --------
    ExposurePenalty : A penalty on correlations with the features instead.
    sknumerai.metrics.fnc_score : The score.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. The fit is by a Cholesky factor of each era in
    float64, with the cost of one product of the features with themselves for each era
    and pass: 0.1 s for 5,000 rows of 700 features on one core, 20 times that for
    3,000. Choose `columns` of a wide matrix. Features that are constant in an era, or
    linear in others, make no difference. Eras that nothing is left of, as where there
    are no more rows than features, do not count, with a warning. What the network predicts stays as it is: this
    trains it to be good after neutralization.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.
    .. [2] Numerai's documentation, "Feature Neutral Correlation (FNC)".

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import NeutralCorrelationLoss
    >>> y_true = torch.tensor([0.0, 0.5, 1.0, 0.5])
    >>> y_pred = torch.tensor([0.1, 0.3, 0.4, 0.2])
    >>> features = torch.tensor([[0.0], [1.0], [1.0], [3.0]])
    >>> NeutralCorrelationLoss(temperature=0)(y_pred, y_true, features=features)
    tensor(-0.9895)
    """

    def __init__(
        self,
        temperature=3.0,
        *,
        proportion=1.0,
        fit_intercept=True,
        top_bottom=None,
        columns=None,
    ):
        super().__init__()
        if not 0 <= proportion <= 1:
            raise ValueError(
                f"proportion must be between 0 and 1. Got {proportion!r} instead."
            )
        self.temperature = check_temperature(temperature)
        self.proportion = float(proportion)
        self.fit_intercept = bool(fit_intercept)
        self.top_bottom = check_top_bottom(top_bottom)
        self.columns = None if columns is None else [int(c) for c in columns]

    def forward(self, y_pred, y_true, sample_weight=None, groups=None, features=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Predictions.

        y_true : torch.Tensor of the same shape
            Targets, NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows within their era. The fit is without weights.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        features : torch.Tensor of shape (n, m), default=None
            Finite features. Must be given.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if no era counts.
        """
        return -mean_counting(
            *self.era_scores(y_pred, y_true, sample_weight, groups, features=features)
        )

    def _scores(self, y_pred, y_true, sample_weight, groups, features=None):
        features = side_columns(features, "features", self, len(y_pred))
        if self.columns is not None:
            features = features[:, self.columns]
        eras = RankedEras(y_pred, y_true, sample_weight, groups, self.temperature)
        scores = gaussian(eras.ranks(eras.y_pred))
        rest = neutral_residuals(
            scores, features, groups, eras.inside, fit_intercept=self.fit_intercept
        )
        counts = eras.counts
        if self.proportion != 1:
            rest = scores + self.proportion * (rest - scores)
        else:
            counts = counts & ~self._is_nothing(rest, features, eras)
        return eras.numerai_corr(rest, self.top_bottom), counts

    def _is_nothing(self, rest, features, eras):
        """Tell which eras have too few rows for the features to leave anything."""
        few = eras.counts & (eras.n_rows <= features.shape[1] + self.fit_intercept)
        if few.any():
            few = few & (eras.eras.sum((rest != 0).to(rest.dtype)) == 0)
        if few.any():
            warnings.warn(
                f"{type(self).__name__}: an era of {int(eras.n_rows[few].max())} rows is "
                f"neutralized by {features.shape[1]} features, which leaves nothing: it "
                "does not count. Name fewer columns=.",
                UserWarning,
                stacklevel=2,
            )
        return few

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"temperature={self.temperature:g}, proportion={self.proportion:g}, "
            f"fit_intercept={self.fit_intercept}, top_bottom={self.top_bottom}"
        )
