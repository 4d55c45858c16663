"""What happens at the end of an epoch: scores on held-out eras, best weights, a bar."""

# SPDX-License-Identifier: BSD-3-Clause

import math
import warnings

import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm


class StopTraining(KeyboardInterrupt):
    """Ends skorch's loop, as its own early stopping does with a KeyboardInterrupt."""


class Validation(Callback):
    """Score the held-out eras after each epoch and keep the best weights.

    Parameters
    ----------
    score : callable
        From the net to a dict of scores of the held-out eras.

    monitor : str
        Which of the scores is watched.

    lower_is_better : bool
        Direction of `monitor`.

    patience : int or None
        Epochs without a new best before training stops; None to never stop.

    min_delta : float
        What a new best must be better by.

    start : dict or None, default=None
        Weights that are kept if no epoch is better, as epoch 0.
    """

    def __init__(
        self, score, *, monitor, lower_is_better, patience, min_delta, start=None
    ):
        self.score = score
        self.monitor = monitor
        self.lower_is_better = lower_is_better
        self.patience = patience
        self.min_delta = min_delta
        self.start = start

    def on_train_begin(self, net, **kwargs):
        """Forget earlier trainings; score the weights to start from."""
        self.best_ = math.inf
        self.best_epoch_ = None
        self.best_weights_ = None
        self.is_over_ = False
        if self.start is None:
            return
        now = copy_of_weights(net.module_)
        net.module_.load_state_dict(self.start)
        loss = self._loss(self.score(net))
        if math.isfinite(loss):
            self.best_, self.best_epoch_ = loss, 0
            self.best_weights_ = copy_of_weights(net.module_)
        net.module_.load_state_dict(now)

    def _loss(self, scores):
        return scores[self.monitor] if self.lower_is_better else -scores[self.monitor]

    def on_epoch_end(self, net, **kwargs):
        """Score, remember the best, see whether it is long ago."""
        epoch = len(net.history)
        scores = self.score(net)
        loss = self._loss(scores)
        is_best = loss < self.best_ - self.min_delta
        if is_best or self.best_weights_ is None:
            # a first score may be NaN (predictions still constant): any is better
            self.best_ = loss if is_best else math.inf
            self.best_epoch_ = epoch
            self.best_weights_ = copy_of_weights(net.module_)
        for name, value in scores.items():
            net.history.record(name, value)
        net.history.record("best", bool(is_best))
        if self.patience is not None:
            self.is_over_ = epoch - self.best_epoch_ >= self.patience

    def restore(self, module):
        """Put the best weights back; warn if no epoch could be scored."""
        if self.best_weights_ is None:
            return
        module.load_state_dict(self.best_weights_)
        if not math.isfinite(self.best_):
            warnings.warn(
                f"No epoch had a finite {self.monitor} on the held-out eras, so early "
                "stopping had nothing to go by. Look at history_, watch another score "
                "(monitor=), or hold out more eras (n_validation_eras=).",
                UserWarning,
                stacklevel=2,
            )


class Stop(Callback):
    """End a training that is over, after all other callbacks have seen its last epoch.

    Parameters
    ----------
    validation : Validation
        Says so.
    """

    def __init__(self, validation):
        self.validation = validation

    def on_epoch_end(self, net, **kwargs):
        """Stop."""
        if self.validation.is_over_:
            raise StopTraining


class SoftThreshold(Callback):
    """Shrink weights towards 0 after each step, to exactly 0 where they are small.

    Parameters
    ----------
    strength : float
        Weight of the sum of absolute weights; a step shrinks by `strength` times the
        learning rate.

    weights : callable
        From a module to the parameters to shrink.
    """

    def __init__(self, strength, weights):
        self.strength = strength
        self.weights = weights

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Shrink."""
        if not training:
            return
        by = self.strength * net.optimizer_.param_groups[0]["lr"]
        with torch.no_grad():
            for weight in self.weights(net.module_):
                weight.copy_(torch.nn.functional.softshrink(weight, by))


class ProgressBar(Callback):
    """A bar over epochs that shows the last losses and scores.

    Parameters
    ----------
    description : str
        Left of the bar.

    max_epochs : int
        Length of the bar.
    """

    def __init__(self, description, max_epochs):
        self.description = description
        self.max_epochs = max_epochs

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance the bar."""
        shown = {
            name: f"{value:.2g}" if name == "lr" else f"{value:.4f}"
            for name, value in net.history[-1].items()
            if isinstance(value, float) and name != "dur"
        }
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar_.close()


def copy_of_weights(module):
    """Return the weights of a module, apart from it."""
    with torch.no_grad():
        return {name: t.detach().clone() for name, t in module.state_dict().items()}
