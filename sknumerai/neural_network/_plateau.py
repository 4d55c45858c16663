"""Lower learning rates where the loss no longer falls.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import math

from skorch.callbacks import Callback


class ReduceLROnPlateau(Callback):
    """Lower the learning rates after some epochs without a new best, as Keras does.

    torch's scheduler of this name waits one epoch longer and asks for a relative
    improvement.

    Parameters
    ----------
    patience : int
        Epochs without a new best before the rates are lowered.

    factor : float
        What they are multiplied by.

    min_lr : float
        They are not lowered further than this.

    min_delta : float, default=1e-4
        What a new best must be better by.

    monitor : str, default='valid_loss'
        What is watched; the training loss where no rows are held out.
    """

    def __init__(self, patience, factor, min_lr, min_delta=1e-4, monitor="valid_loss"):
        self.patience = patience
        self.factor = factor
        self.min_lr = min_lr
        self.min_delta = min_delta
        self.monitor = monitor

    def on_train_begin(self, net, **kwargs):
        """Forget earlier trainings."""
        self.best_ = math.inf
        self.wait_ = 0

    def on_epoch_end(self, net, **kwargs):
        """Lower the rates if it is time."""
        row = net.history[-1]
        # no batch of an epoch may have been large enough: that is no new best
        loss = row.get(self.monitor, row.get("train_loss", math.nan))
        groups = [g for optimizer in net.optimizers_ for g in optimizer.param_groups]
        if loss < self.best_ - self.min_delta:
            self.best_, self.wait_ = loss, 0
            return
        self.wait_ += 1
        if self.wait_ >= self.patience:
            self.wait_ = 0
            for group in groups:
                # a rate that was lower from the start is left alone
                lowered = max(group["lr"] * self.factor, self.min_lr)
                group["lr"] = min(group["lr"], lowered)
