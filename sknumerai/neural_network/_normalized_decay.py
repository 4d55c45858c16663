"""Weight decay that does not depend on batches and epochs.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import math


def normalized_weight_decay(base, *, batch_rows, n_rows, n_epochs, lr):
    """Compute the `weight_decay` of torch's AdamW for a normalized weight decay.

    A step takes the share ``base * sqrt(b / (B * T))`` of the weights, with b rows in a
    batch, B rows in all and T epochs (Loshchilov and Hutter, Decoupled Weight Decay
    Regularization, 2019, appendix B.1). torch multiplies its `weight_decay` by the
    learning rate, so that this share is divided by it; where a schedule lowers the
    rate, the decay falls with it.

    Parameters
    ----------
    base : float
        Normalized weight decay.

    batch_rows : float
        Rows of a batch.

    n_rows : int
        Rows in all.

    n_epochs : int
        Epochs.

    lr : float
        Learning rate at the start.

    Returns
    -------
    float
        For ``torch.optim.AdamW(weight_decay=...)``.
    """
    share = min(batch_rows, n_rows) / n_rows  # a batch has no more than all rows
    return base * math.sqrt(share / n_epochs) / lr
