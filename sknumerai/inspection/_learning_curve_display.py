"""Losses and scores of a training by epoch, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_choice
from sknumerai.inspection._histories import find_histories
from sknumerai.inspection._panels import (
    NEUTRAL,
    Display,
    curve_style,
    legend_above,
    open_panels,
    short,
)
from sknumerai.utils._learning_curves import (
    best_epoch,
    draw_best,
    draw_curve,
    learning_curves,
)

ARRANGEMENTS = ("overlay", "sequence")
_BEST = "best epoch"
# Epochs beyond which marks would hide the curves.
_FEW_EPOCHS = 60
# Fits that get their name each, where they come one after the other.
_FEW_FITS = 20


class LearningCurveDisplay(Display):
    """Learning curves of a network, or of the networks of folds and ensembles.

    It is recommended to use :meth:`from_estimator` or :meth:`from_history` to make one.
    Read more in the :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    histories : dict of str to list of dict
        For each fit its epochs, as ``history_`` has them: losses, scores, the `phase`
        and whether the epoch was the `best` so far.

    arrange : {"overlay", "sequence"}, default="overlay"
        How several fits are drawn if :meth:`plot` is not told.

    Attributes
    ----------
    table : DataFrame
        A row for each epoch, indexed by (`fit`, `epoch`).

    best_epochs : Series
        The best epoch of each fit, counted from 1. NaN where nothing was held out, or
        no epoch was better than the weights that it began with.

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels: losses, then scores, as far as there are any.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    sknumerai.neural_network.LearningCurvePlot : The same while training goes on.
    sklearn.model_selection.LearningCurveDisplay : By the number of rows.

    Examples
    --------
    >>> from sknumerai.inspection import LearningCurveDisplay
    >>> history = [
    ...     {"epoch": 1, "phase": "fit", "train_loss": 0.3, "valid_corr": 0.01, "best": True},
    ...     {"epoch": 2, "phase": "fit", "train_loss": 0.2, "valid_corr": 0.02, "best": True},
    ...     {"epoch": 3, "phase": "fit", "train_loss": 0.1, "valid_corr": 0.0, "best": False},
    ... ]
    >>> display = LearningCurveDisplay.from_history(history, plot=False)
    >>> display.best_epochs
    fit
    model    2
    Name: best_epoch, dtype: Int64
    """

    def __init__(self, histories, *, arrange="overlay"):
        self.histories = histories
        self.arrange = arrange

    @property
    def table(self):
        """All epochs of all fits."""
        tables = []
        for name, rows in self.histories.items():
            numbers = pd.RangeIndex(1, len(rows) + 1)
            index = pd.MultiIndex.from_product(
                [[name], numbers], names=["fit", "epoch"]
            )
            fields = [{k: v for k, v in row.items() if k != "epoch"} for row in rows]
            tables.append(pd.DataFrame(fields, index=index))
        return pd.concat(tables)

    @property
    def best_epochs(self):
        """The best epoch of each fit."""
        best = {name: best_epoch(rows) for name, rows in self.histories.items()}
        index = pd.Index(best, name="fit")
        return pd.Series(list(best.values()), index, "Int64", name="best_epoch")

    def plot(self, ax=None, *, names=None, arrange=None):
        """Draw losses and scores.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are panels, or one whose place they share. By default a
            new figure.

        names : sequence of str, default=None
            Which fields of the history. None is all losses and scores.

        arrange : {"overlay", "sequence"}, default=None
            Whether the epochs of several fits lie on each other, or one fit comes after
            the other, as those of a walk-forward do that goes on. None is the
            display's own.

        Returns
        -------
        self : LearningCurveDisplay
            With `figure_` and `axes_`. Dotted lines are at the best epochs, and where
            a training has several phases, each has its ground and its name.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is nothing to draw, or another number of axes.
        """
        caller = "LearningCurveDisplay.plot"
        arrange = self.arrange if arrange is None else arrange
        check_choice(arrange, ARRANGEMENTS, "arrange", caller)
        names = [names] if isinstance(names, str) else names
        curves = {
            fit: learning_curves(rows, names) for fit, rows in self.histories.items()
        }
        kinds = [k for k in (0, 1) if any(pair[k] for pair in curves.values())]
        if not kinds:
            fields = sorted(
                {f for rows in self.histories.values() for r in rows for f in r}
            )
            raise ValueError(
                f"{caller}: no epoch has any of {names or 'losses and scores'}. The "
                f"histories have {fields}."
            )
        figure, axes = open_panels(ax, len(kinds), caller, size=(8.0, 2.9))
        lengths = [len(rows) for rows in self.histories.values()]
        follow = arrange == "sequence"
        starts = (
            np.cumsum([0, *lengths])[:-1] if follow else np.zeros(len(lengths), int)
        )
        # one style for a field in all panels and fits
        fields = list(
            dict.fromkeys(f for pair in curves.values() for part in pair for f in part)
        )
        for axis, kind in zip(axes, kinds):
            self._draw(axis, kind, curves, fields, starts, follow)
            axis.set_ylabel(("loss", "score")[kind])
            if axis is axes[-1]:
                word = ", one fit after the other" if follow and len(starts) > 1 else ""
                axis.set_xlabel(f"epoch{word}")
        return self._draws_on(figure, axes)

    @classmethod
    def from_estimator(cls, estimator, *, plot=True, ax=None, **plot_params):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted network; or what holds some: a Pipeline, a search, an ensemble, a
            :class:`WarmStartWalkForward`, whose folds come one after the other.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LearningCurveDisplay
            The histories, and what was drawn.

        Raises
        ------
        ValueError
            If nothing in it has a `history_`.
        """
        histories = find_histories(estimator)
        if not histories:
            raise ValueError(
                f"{cls.__name__}.from_estimator: {type(estimator).__name__} holds no "
                "network with a history_. Fit it first; of other estimators than "
                "networks there are no epochs to draw."
            )
        goes_on = hasattr(estimator, "fold_table_") and len(histories) > 1
        arrange = "sequence" if goes_on else "overlay"
        display = cls(histories, arrange=arrange)
        return display.plot(ax, **plot_params) if plot else display

    @classmethod
    def from_history(cls, history, *, plot=True, ax=None, **plot_params):
        """Draw a history, or several.

        Parameters
        ----------
        history : list of dict, or dict of str to list of dict
            The epochs of a fit as ``history_`` has them, or those of several by name.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LearningCurveDisplay
            The histories, and what was drawn.

        Raises
        ------
        ValueError
            If a history is no list of dicts, or empty.
        """
        histories = history if isinstance(history, dict) else {"model": history}
        for name, rows in histories.items():
            is_list = isinstance(rows, list | tuple) and len(rows)
            if not is_list or not all(isinstance(row, dict) for row in rows):
                raise ValueError(
                    f"{cls.__name__}.from_history: the history of {name!r} must be a "
                    "list of dicts, one for each epoch, as history_ of a network is. "
                    f"Got {type(rows).__name__} of length "
                    f"{len(rows) if hasattr(rows, '__len__') else 0}."
                )
        if not histories:
            raise ValueError(f"{cls.__name__}.from_history: history is empty.")
        display = cls({name: list(rows) for name, rows in histories.items()})
        return display.plot(ax, **plot_params) if plot else display

    def _draw(self, axis, kind, curves, fields, starts, follow):
        from matplotlib.ticker import MaxNLocator

        several = len(curves) > 1
        marker = (
            {}
            if max(map(len, self.histories.values())) <= _FEW_EPOCHS
            else {"marker": ""}
        )
        for i, (fit, pair) in enumerate(curves.items()):
            for name, (epochs, values) in pair[kind].items():
                style = curve_style(fields.index(name)) | marker
                if several and not follow:
                    style |= {"linewidth": 1.0, "alpha": 0.7}
                at = np.asarray(epochs) + starts[i]
                draw_curve(axis, at, values, short(name), **style)
            best = best_epoch(self.histories[fit])
            if follow or not several:
                draw_best(axis, None if best is None else best + starts[i], _BEST)
        if several and not follow:
            self._mark_best(axis, kind, curves, fields)
        if follow and several:
            self._mark_fits(axis, starts)
        elif not several:
            self._mark_phases(axis)
        last = starts[-1] + len(list(self.histories.values())[-1])
        last = last if follow else max(map(len, self.histories.values()))
        axis.set_xlim(0.5 - 0.02 * last, last + 0.5 + 0.02 * last)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        shown = dict(zip(*reversed(axis.get_legend_handles_labels())))
        legend_above(axis, list(shown.values()), n_letters=110)

    def _mark_best(self, axis, kind, curves, fields):
        """A ring around each fit's value at its best epoch."""
        for fit, pair in curves.items():
            best = best_epoch(self.histories[fit])
            for name, (epochs, values) in pair[kind].items():
                if best in epochs and name.startswith("valid"):
                    axis.plot(
                        [best],
                        [values[epochs.index(best)]],
                        marker="o",
                        markerfacecolor="none",
                        linestyle="none",
                        color=curve_style(fields.index(name))["color"],
                    )

    def _mark_fits(self, axis, starts):
        for i, (name, start) in enumerate(zip(self.histories, starts)):
            if i:
                axis.axvline(start + 0.5, color=NEUTRAL, linewidth=0.8)
            if len(starts) <= _FEW_FITS:
                _write_above(axis, start + 0.6, short(name))

    def _mark_phases(self, axis):
        (rows,) = self.histories.values()
        phases = [row.get("phase") for row in rows]
        begins = [i for i, p in enumerate(phases) if i == 0 or p != phases[i - 1]]
        if len(begins) < 2:
            return
        for j, (first, stop) in enumerate(zip(begins, [*begins[1:], len(phases)])):
            if j % 2:
                axis.axvspan(
                    first + 0.5, stop + 0.5, color=NEUTRAL, alpha=0.15, linewidth=0
                )
            _write_above(axis, first + 0.6, str(phases[first]))


def _write_above(axis, place, text):
    """At the upper edge, inside, from a place on."""
    axis.text(
        place,
        0.97,
        text,
        transform=axis.get_xaxis_transform(),
        ha="left",
        va="top",
        fontsize="x-small",
        color=NEUTRAL,
    )
