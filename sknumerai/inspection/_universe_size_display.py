"""How many stocks an era has, and how many of them models cover, as a figure."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._era_axis import EraAxis, by_era_numbers
from sknumerai.inspection._named_columns import (
    eras_of,
    named_columns,
    refuse_same_names,
)
from sknumerai.inspection._panels import (
    NEUTRAL,
    Display,
    curve_style,
    open_panels,
    short,
)
from sknumerai.utils import ERA_LEVEL, check_eras

ROWS = "rows"


class UniverseSizeDisplay(Display):
    """Number of stocks of each era, and of those with a target and a prediction.

    It is recommended to use :meth:`from_data` or :meth:`from_predictions` to make one.
    Read more in the :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    sizes : DataFrame
        Rows are eras in time order. The first column, "rows", counts all rows, the
        others those that have a value in a target or in a model's predictions.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panel.

    ax_ : matplotlib.axes.Axes
        The same.

    See Also
    --------
    DistributionDisplay : What the values are.

    Examples
    --------
    >>> from sknumerai.inspection import UniverseSizeDisplay
    >>> display = UniverseSizeDisplay.from_predictions(
    ...     [0.5, 0.5, 1, None], [0.1, None, 0.3, 0.4], groups=[1, 1, 1, 2], plot=False
    ... )
    >>> display.sizes
         rows  target  prediction
    era
    1       3       3           2
    2       1       0           1
    """

    def __init__(self, sizes):
        self.sizes = sizes

    def plot(self, ax=None):
        """Draw the sizes.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. By default in a new figure.

        Returns
        -------
        self : UniverseSizeDisplay
            With `figure_` and `ax_`. Columns that are the same in all eras share a
            line.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are several axes.
        """
        caller = "UniverseSizeDisplay.plot"
        table, numbers = by_era_numbers(self.sizes, caller, "sizes")
        eras = EraAxis(numbers)
        figure, axes = open_panels(ax, 1, caller, size=(9.0, 3.0))
        axis = axes[0]
        lines = {}
        for name, column in table.items():
            lines.setdefault(tuple(column), []).append(name)
        for j, (column, names) in enumerate(lines.items()):
            if ROWS in names:
                # the ground that the others stand on
                axis.fill_between(
                    eras.places,
                    0,
                    column,
                    step="mid",
                    color=NEUTRAL,
                    alpha=0.3,
                    linewidth=0,
                )
                style = {"color": NEUTRAL, "linestyle": "-"}
            else:
                style = curve_style(j)
            axis.step(
                eras.places,
                column,
                where="mid",
                linewidth=eras.line_width,
                label=_label(names),
                marker="." if len(numbers) <= 10 else None,
                **style,
            )
        axis.set_ylim(bottom=0)
        axis.set_ylabel("stocks in an era")
        axis.legend(fontsize="small", framealpha=0.6, loc="lower right")
        eras.mark(axis)
        return self._draws_on(figure, axes)

    @classmethod
    def from_data(cls, X, y=None, *, groups=None, plot=True, ax=None):
        """Count the rows of eras and draw.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, whose values do not matter.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, NaN where they are not resolved.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : UniverseSizeDisplay
            The sizes, and what was drawn.

        Raises
        ------
        MissingErasError
            If no eras are found.
        """
        caller = f"{cls.__name__}.from_data"
        eras = check_eras(
            groups,
            X,
            y,
            n_samples=len(X),
            required=True,
            allow_live=True,
            caller=caller,
        )
        columns = named_columns(y, "target", "y", caller)
        display = cls(_count(eras, columns, caller))
        return display.plot(ax) if plot else display

    @classmethod
    def from_predictions(cls, y_true, y_pred=None, *, groups=None, plot=True, ax=None):
        """Count the rows of eras that have targets and predictions, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets), or None
            Targets, NaN where they are not resolved.

        y_pred : array-like of shape (n_samples,) or (n_samples, n_models), default=None
            Predictions, NaN where missing. The columns are models.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of y_true or y_pred.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : UniverseSizeDisplay
            The sizes, and what was drawn.

        Raises
        ------
        MissingErasError
            If no eras are found.

        ValueError
            If the inputs do not fit each other.
        """
        caller = f"{cls.__name__}.from_predictions"
        eras = eras_of(groups, y_true, y_pred, caller, required=True)
        targets = named_columns(y_true, "target", "y_true", caller)
        models = named_columns(y_pred, "prediction", "y_pred", caller)
        refuse_same_names(targets, models, caller)
        display = cls(_count(eras, targets | models, caller))
        return display.plot(ax) if plot else display


def _count(eras, columns, caller):
    if ROWS in columns:
        raise ValueError(
            f"{caller}: a column is called {ROWS!r}, which stands for all rows. Rename "
            "it."
        )
    sizes = {ROWS: eras.counts}
    for name, values in columns.items():
        known = ~np.isnan(values)
        sizes[name] = np.bincount(eras.codes[known], minlength=eras.n_eras)
    index = pd.Index(eras.labels, name=ERA_LEVEL)
    return pd.DataFrame(sizes, index=index)


def _label(names):
    said = [short(name) for name in names[:3]]
    if len(names) > 3:
        said = [*said[:2], f"{len(names) - 2} more"]
    return " = ".join(said)
