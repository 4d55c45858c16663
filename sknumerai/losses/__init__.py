"""Losses for torch, era-wise and masked.

All losses are ``torch.nn.Module`` with one protocol::

    loss(y_pred, y_true, sample_weight=None, groups=None)  ->  tensor of shape ()

* ``y_pred`` has shape (n, k): n rows, k targets. Shape (n,) means k = 1.
* ``y_true`` has the same shape. NaN is a missing target: the cell is left out, and what
  was predicted for it neither changes the loss nor gets a gradient. It is cast to the
  dtype of ``y_pred``.
* ``sample_weight`` has shape (n,) and is not negative; None means 1 everywhere. The
  result is a weighted mean: it is divided by the sum of the weights, so their scale
  does not matter (Keras divides by the number of rows instead).
* ``groups`` has shape (n,) and holds the codes 0, 1, ... of the eras in this batch as
  int64, in any order, eras of any length. None means that the batch is one era.
  Losses that compare rows with each other do so within an era and average over eras;
  the others ignore it.

Losses that need more take it by name after these, ``features=`` of shape (n, m) or
``meta_model=`` of shape (n,) or (n, m); networks pass what the parameters of `forward`
ask for.

The result is finite, and so are the gradients, if the predictions are: also for targets
that are missing throughout, eras of one row and constant predictions. Smaller is
better.
"""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.losses._approximate_spearman import ApproximateSpearmanLoss
from sknumerai.losses._correlation import CorrelationLoss
from sknumerai.losses._exposure import ExposurePenalty
from sknumerai.losses._jensen_shannon import JensenShannonLoss
from sknumerai.losses._listmle import ListMLELoss
from sknumerai.losses._listnet import ListNetLoss
from sknumerai.losses._masked_bce import MaskedBCELoss
from sknumerai.losses._masked_mse import MaskedMSELoss
from sknumerai.losses._mmc import MMCLoss
from sknumerai.losses._neutral_correlation import NeutralCorrelationLoss
from sknumerai.losses._neutralized_mlp import NeutralizedMLPLoss
from sknumerai.losses._numerai_corr import NumeraiCorrLoss
from sknumerai.losses._payout import PayoutLoss
from sknumerai.losses._pooled_correlation import PooledCorrelationLoss
from sknumerai.losses._ranknet import RankNetLoss
from sknumerai.losses._sharpe import SharpeLoss
from sknumerai.losses._soft_rank import soft_rank
from sknumerai.losses._soft_rank_correlation import SoftRankCorrelationLoss
from sknumerai.losses._supervised_autoencoder import SupervisedAutoencoderLoss
from sknumerai.losses._top_bottom import TopBottomCorrelationLoss

__all__ = [
    "ApproximateSpearmanLoss",
    "CorrelationLoss",
    "ExposurePenalty",
    "JensenShannonLoss",
    "ListMLELoss",
    "ListNetLoss",
    "MMCLoss",
    "MaskedBCELoss",
    "MaskedMSELoss",
    "NeutralCorrelationLoss",
    "NeutralizedMLPLoss",
    "NumeraiCorrLoss",
    "PayoutLoss",
    "PooledCorrelationLoss",
    "RankNetLoss",
    "SharpeLoss",
    "SoftRankCorrelationLoss",
    "SupervisedAutoencoderLoss",
    "TopBottomCorrelationLoss",
    "soft_rank",
]
