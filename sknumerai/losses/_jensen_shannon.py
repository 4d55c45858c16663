"""Jensen-Shannon divergence of a reconstruction."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses._eras import fill_missing, mean_observed
from sknumerai.losses._masked_bce import check_unit_interval


class JensenShannonLoss(nn.Module):
    """Jensen-Shannon divergence between Bernoulli probabilities, cell by cell.

    A value in [0, 1], a feature say, is read as the probability of 1. The divergence
    is ``H((p + q) / 2) - H(p) / 2 - H(q) / 2`` with the entropy H in nats, averaged
    over the observed cells. Symmetric and bounded: between 0.0, the best, and
    ln 2 = 0.693, so that single cells that are far off weigh less than in a
    cross-entropy.

    See Also
    --------
    MaskedBCELoss : Cross-entropy, not bounded.

    Notes
    -----
    Shape: see :mod:`sknumerai.losses`. Predictions are logits: the sigmoid is taken
    here, where it can be done without rounding to 0 or 1. The divergence is the square
    of the Jensen-Shannon distance.

    References
    ----------
    .. [1] Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE
       Transactions on Information Theory 37(1), section IV.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import JensenShannonLoss
    >>> JensenShannonLoss()(torch.tensor([0.0, 100.0]), torch.tensor([0.5, 0.0]))
    tensor(0.3466)
    """

    def __init__(self):
        super().__init__()

    def forward(self, y_pred, y_true, sample_weight=None, groups=None):
        """Compute the loss.

        Parameters
        ----------
        y_pred : torch.Tensor of shape (n,) or (n, k)
            Logits.

        y_true : torch.Tensor of the same shape
            Probabilities in [0, 1], NaN where missing.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows.

        groups : torch.Tensor of shape (n,) or None, default=None
            Ignored: rows are independent.

        Returns
        -------
        torch.Tensor of shape ()
            The loss, 0 if nothing is observed.
        """
        z, q, observed = fill_missing(y_pred, y_true)
        check_unit_interval(q, "values to compare with", "scale them to [0, 1]")
        # Each probability beside its complement: 1 - p would lose what is small.
        p, not_p = torch.sigmoid(z), torch.sigmoid(-z)
        entropy_p = p * F.softplus(-z) + not_p * F.softplus(z)
        entropy_q = -_xlogx(q) - _xlogx(1 - q)
        entropy_mean = -_xlogx((p + q) / 2) - _xlogx((not_p + (1 - q)) / 2)
        divergence = entropy_mean - (entropy_p + entropy_q) / 2
        return mean_observed(divergence, observed, sample_weight)


def _xlogx(x):
    return x * x.clamp_min(torch.finfo(x.dtype).tiny).log()
