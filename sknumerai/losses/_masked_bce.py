"""Binary cross-entropy over the targets that are there."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses._eras import fill_missing, is_plain, mean_observed


class MaskedBCELoss(nn.Module):
    """Binary cross-entropy over the observed cells, for targets in [0, 1].

    The target is read as the probability of 1, so the five values of a Numerai target
    are fine. The mean over the cells whose target is not NaN, weighted with weights.
    The best value is the entropy of the targets, which is 0.0 for zeros and ones only.

    Parameters
    ----------
    from_logits : bool, default=False
        Whether predictions are logits. If False they are probabilities, and the
        logarithm is cut at -100 as in ``torch.nn.BCELoss``: a probability that rounded
        to 0 or 1 has no gradient left, which logits do not suffer from.

    label_smoothing : float, default=0.0
        Targets y become ``y * (1 - label_smoothing) + label_smoothing / 2``. In the
        range [0, 1].

    Raises
    ------
    ValueError
        If `label_smoothing` is outside [0, 1]; in `forward`, if a target or a
        probability is outside [0, 1].

    See Also
    --------
    MaskedMSELoss : Squared error with the same mask.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import MaskedBCELoss
    >>> y_true = torch.tensor([[1.0, float("nan")], [0.5, 0.0]])
    >>> MaskedBCELoss(from_logits=True)(torch.zeros(2, 2), y_true)
    tensor(0.6931)
    """

    def __init__(self, *, from_logits=False, label_smoothing=0.0):
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1]. Got {label_smoothing!r} instead."
            )
        self.from_logits = bool(from_logits)
        self.label_smoothing = float(label_smoothing)

    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Logits or probabilities, as `from_logits` says.

        y_true : torch.Tensor of the same shape
            Targets in [0, 1], NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows.

        groups : torch.Tensor of shape (n,) or None, default=None
            Ignored: rows are independent.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if nothing is observed.
        """
        if self._is_plain(y_pred, y_true, sample_weight):
            return F.binary_cross_entropy_with_logits(y_pred, y_true)
        y_pred, y_true, observed = fill_missing(y_pred, y_true)
        check_unit_interval(y_true, "targets", "scale them, or use MaskedMSELoss")
        if self.label_smoothing:
            y_true = y_true * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.from_logits:
            values = F.binary_cross_entropy_with_logits(
                y_pred, y_true, reduction="none"
            )
        else:
            check_unit_interval(
                y_pred, "probabilities", "pass from_logits=True if these are logits"
            )
            values = F.binary_cross_entropy(y_pred, y_true, reduction="none")
        return mean_observed(values, observed, sample_weight)

    def _is_plain(self, y_pred, y_true, sample_weight):
        """Whether torch's loss is the same: there it takes fewer passes over memory."""
        if not self.from_logits or self.label_smoothing:
            return False
        return is_plain(y_pred, y_true, sample_weight) and _in_unit_interval(y_true)

    def extra_repr(self):
        """Say the parameters.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"from_logits={self.from_logits}, label_smoothing={self.label_smoothing:g}"
        )


def check_unit_interval(values, what, remedy):
    """Raise an error for values outside [0, 1] and for NaN.

    Parameters
    ----------
    values : torch.Tensor
        Any shape.

    what : str
        What the values are, for the message.

    remedy : str
        What the user can do, for the message.
    """
    if not values.numel():
        return
    if not _in_unit_interval(values):
        low, high = (float(v) for v in torch.aminmax(values.detach()))
        raise ValueError(
            f"The {what} must be in [0, 1]. Got values from {low:g} to {high:g}: "
            f"{remedy}."
        )


def _in_unit_interval(values):
    """False for NaN."""
    low, high = (float(v) for v in torch.aminmax(values.detach()))
    return low >= 0 and high <= 1
