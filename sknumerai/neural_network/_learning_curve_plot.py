"""Learning curves while training goes on."""

# SPDX-License-Identifier: BSD-3-Clause

import os
import sys
from numbers import Integral
from pathlib import Path

from sknumerai.neural_network._callback import BaseCallback
from sknumerai.utils import import_optional
from sknumerai.utils._learning_curves import (
    best_epoch,
    draw_best,
    draw_curve,
    learning_curves,
)


class LearningCurvePlot(BaseCallback):
    """Draw losses and scores after each epoch, in one figure that is kept up to date.

    A callback of every network (`callbacks=[LearningCurvePlot()]`). In a notebook the
    figure changes in place; elsewhere, also without a screen, it is in `figure_` and,
    with `path`, in a file that is written anew. The numbers are those of `history_`.
    Needs matplotlib (``pip install 'sknumerai[plot]'``). Read more in the
    :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    names : sequence of str or None, default=None
        What of `history_` is drawn. None is all losses and scores.

    path : str or path-like or None, default=None
        File to write the figure to, e.g. 'curves.png'; its suffix says the format.

    every : int, default=1
        Epochs from one drawing to the next. The last epoch is drawn in any case.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure: losses above, scores below, a dotted line at the best epoch so far.

    See Also
    --------
    EraScoring : Adds scores of training or held-out eras to the curves.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import LearningCurvePlot, MLPRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> plot = LearningCurvePlot()
    >>> model = MLPRegressor(16, max_epochs=3, callbacks=[plot], random_state=0)
    >>> _ = model.fit(bunch.data, bunch.target)  # doctest: +SKIP
    >>> plot.figure_.savefig("curves.png")  # doctest: +SKIP
    """

    def __init__(self, names=None, *, path=None, every=1):
        self.names = names
        self.path = path
        self.every = every

    def on_train_begin(self, net, **kwargs):
        """Open a figure, unless a training of several stages goes on.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """
        if not isinstance(self.every, Integral) or self.every < 1:
            raise ValueError(
                "LearningCurvePlot: every must be an integer of at least 1. Got "
                f"{self.every!r}."
            )
        if net.earlier and hasattr(self, "figure_"):
            return
        # no pyplot: no window, no backend, nothing global
        figures = import_optional(
            "matplotlib.figure", extra="plot", caller="LearningCurvePlot"
        )
        self.figure_ = figures.Figure(figsize=(7, 5), layout="constrained")
        self.display_ = None

    def on_epoch_end(self, net, **kwargs):
        """Draw.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : object
            Ignored.
        """
        if len(net.history) % self.every == 0:
            self._draw(net)

    def on_train_end(self, net, **kwargs):
        """Draw the last epoch.

        Parameters
        ----------
        net : skorch.NeuralNet
            What was trained.

        **kwargs : object
            Ignored.
        """
        self._draw(net)

    def __getstate__(self):
        # the handle of a notebook's output does not pickle
        return {**super().__getstate__(), "display_": None}

    def _draw(self, net):
        rows = [*net.earlier, *(row for row in net.history if "train_loss" in row)]
        losses, scores = learning_curves(rows, self.names)
        panels = [curves for curves in (losses, scores) if curves]
        self.figure_.clear()
        if not panels:
            return
        axes = self.figure_.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for ax, curves in zip(axes, panels):
            for name, (epochs, values) in curves.items():
                draw_curve(ax, epochs, values, name)
            draw_best(ax, best_epoch(rows))
            ax.set_ylabel("loss" if curves is losses else "score")
            ax.legend()
        axes[-1].set_xlabel("epoch")
        self._show()

    def _show(self):
        if self.path is not None:
            path = Path(self.path)
            # nothing is left half written: the name is given when the file is whole
            part = path.with_name(f".{path.name}.part")
            self.figure_.savefig(part, format=path.suffix.lstrip(".") or "png")
            os.replace(part, path)
        python = sys.modules.get("IPython")
        shell = None if python is None else python.get_ipython()
        if shell is None or not hasattr(shell, "kernel"):
            return  # no notebook
        if self.display_ is None:
            self.display_ = python.display.display(self.figure_, display_id=True)
        else:
            self.display_.update(self.figure_)
