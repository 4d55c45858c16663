"""What the displays share: axes to draw on, eras as ticks, and styles of curves."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils import ERA_LEVEL, LIVE_ERA, era_numbers, import_optional

# Okabe and Ito's colours, told apart by the colour-blind; dashes and markers tell curves
# apart where there is no colour at all. None is black or white: both are backgrounds.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
NEUTRAL = "0.5"
# Names of curves are cut in the middle beyond.
MAX_NAME = 32
# Eras that get a tick each; of more, round numbers do.
_FEW_ERAS = 10


class Display:
    """A display whose data outlive its figure.

    Data have plain names; what was drawn ends in an underscore and stays out of
    pickles and copies, so these need no matplotlib.
    """

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if not k.endswith("_")}

    def _draws_on(self, figure, axes):
        self.figure_, self.axes_, self.ax_ = figure, axes, axes[0]
        return self


def open_panels(ax, n_panels, caller, *, n_columns=1, size=(9.0, 2.8), ratios=None):
    """Get the axes of some panels, in a new figure or in what was given.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        One Axes for each panel; or one for all, whose place they share; None for a new
        figure.

    n_panels : int
        Number of panels.

    caller : str
        Name to begin messages with.

    n_columns : int, default=1
        Number of panels beside each other.

    size : tuple of float, default=(9.0, 2.8)
        Width and height of a panel of a new figure, in inches.

    ratios : list of float, default=None
        Heights of the lines of panels to each other.

    Returns
    -------
    figure : Figure
        The figure.

    axes : ndarray of Axes, shape (n_panels,)
        The panels.
    """
    pyplot = import_optional("matplotlib.pyplot", extra="plot", caller=caller)
    n_columns = min(n_columns, n_panels)
    n_lines = -(-n_panels // n_columns)
    shape = {"nrows": n_lines, "ncols": n_columns, "height_ratios": ratios}
    if ax is None:
        figure = pyplot.figure(
            figsize=(size[0] * n_columns, size[1] * n_lines), layout="constrained"
        )
        grid = figure.add_gridspec(**shape)
    else:
        given = np.asarray(ax, dtype=object)
        axes = given.reshape(-1)
        strange = [a for a in axes if not hasattr(a, "get_subplotspec")]
        if strange:
            raise TypeError(
                f"{caller}: ax must be a matplotlib Axes, or several. Got "
                f"{type(strange[0]).__name__}."
            )
        if len(axes) == n_panels:
            return axes[0].figure, axes
        if given.ndim or n_panels == 0:
            raise ValueError(
                f"{caller}: {n_panels} panels need as many axes, or one that they "
                f"share. Got {len(axes)}."
            )
        figure = ax.figure
        grid = _grid_in(ax, shape)
    cells = [grid[i // n_columns, i % n_columns] for i in range(n_panels)]
    found = np.empty(n_panels, dtype=object)
    found[:] = [figure.add_subplot(cell) for cell in cells]
    return figure, found


def _grid_in(ax, shape):
    ax.set_axis_off()
    place = ax.get_subplotspec()
    if place is not None:
        return place.subgridspec(**shape)
    box = ax.get_position()
    sides = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
    return ax.figure.add_gridspec(**shape, **sides)


class EraAxis:
    """Places of eras on an axis: their numbers, and behind them live rows.

    Parameters
    ----------
    numbers : array-like of shape (n_eras,)
        Era numbers in rising order.
    """

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers)
        known = self.numbers[self.numbers != LIVE_ERA]
        steps = np.diff(known)
        self.step = float(steps.min()) if len(steps) else 1.0
        self.last = float(known[-1]) if len(known) else 0.0
        self.places = self.place(self.numbers)

    def place(self, numbers):
        """Where eras lie, as floats."""
        numbers = np.asarray(numbers)
        live = numbers == LIVE_ERA
        return np.where(live, self.last + self.step, np.where(live, 0, numbers))

    def mark(self, axis, *, label=True):
        """Give an axis ticks at eras, and the label where it is the lowest."""
        from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

        axis.set_xlim(
            self.places.min() - 0.75 * self.step, self.places.max() + 0.75 * self.step
        )
        live = self.numbers[-1] == LIVE_ERA
        round_ones = MaxNLocator(nbins=10, integer=True, steps=[1, 2, 5, 10])
        if len(self.places) <= _FEW_ERAS:
            axis.xaxis.set_major_locator(FixedLocator(self.places))
        elif live:
            ticks = round_ones.tick_values(self.places[0], self.last)
            room = (self.last - self.places[0]) / 20
            kept = (ticks >= self.places[0]) & (ticks < self.places[-1] - room)
            ticks = [*ticks[kept], self.places[-1]]
            axis.xaxis.set_major_locator(FixedLocator(ticks))
        else:
            axis.xaxis.set_major_locator(round_ones)
        at = self.places[-1] if live else None
        axis.xaxis.set_major_formatter(FuncFormatter(_EraLabel(at)))
        if label:
            axis.set_xlabel("era")
        else:
            axis.tick_params(labelbottom=False)


class _EraLabel:
    """Text of a tick; a class, because figures with a closure do not pickle."""

    def __init__(self, live):
        self.live = live

    def __call__(self, place, _=None):
        return "live" if place == self.live else f"{place:.0f}"


def by_era_numbers(table, caller, what="scores"):
    """Order a table by the numbers of its eras.

    Parameters
    ----------
    table : DataFrame
        Rows are eras: the index, or its level "era".

    caller : str
        Name to begin messages with.

    what : str, default="scores"
        What messages call the table.

    Returns
    -------
    table : DataFrame
        With the eras alone as its index, in time order.

    numbers : ndarray of shape (n_eras,)
        Their numbers.
    """
    index = table.index
    if index.nlevels > 1:
        if ERA_LEVEL not in index.names:
            raise ValueError(
                f"{caller}: the index of {what} has the levels {list(index.names)} and "
                "none of them is 'era'. Its rows must be eras."
            )
        index = index.get_level_values(ERA_LEVEL)
    numbers = era_numbers(index.tolist(), allow_live=True, caller=caller)
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    twice = np.flatnonzero(numbers[1:] == numbers[:-1])
    if len(twice):
        raise ValueError(
            f"{caller}: era {index[order[twice[0]]]!r} comes more than once in {what}. "
            "Select one row for each era, such as one fold's or one part's."
        )
    return table.set_axis(index).iloc[order].rename_axis(index=ERA_LEVEL), numbers


def as_models(values, n_models, default="model"):
    """Names of models: columns of a DataFrame, the name of a Series, or numbered ones.

    Parameters
    ----------
    values : object
        Predictions or scores.

    n_models : int
        Number of them.

    default : str, default="model"
        Name of a single one that has none.

    Returns
    -------
    names : Index
        The names.
    """
    columns = getattr(values, "columns", None)
    if columns is not None and not isinstance(columns, pd.RangeIndex):
        return columns
    if n_models == 1:
        name = getattr(values, "name", None)
        return pd.Index([default if name is None else name])
    return pd.Index([f"{default}_{j}" for j in range(n_models)])


def curve_style(i):
    """Colour and dashes of the i-th curve, a pair of its own for 36 curves."""
    shift = i // len(COLOURS)
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": DASHES[(i + shift) % len(DASHES)],
    }


def columns_of_legend(handles, n_letters):
    """In how many columns a legend fits into a line of so many letters."""
    longest = max(len(handle.get_label()) for handle in handles)
    return int(np.clip(n_letters // (longest + 6), 1, 4))


def short(name):
    """A name for a legend or a tick: cut in the middle, and not read as a formula."""
    text = str(name)
    if len(text) > MAX_NAME:
        half = MAX_NAME // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    # legends leave out what begins with an underscore
    return (" " * text.startswith("_")) + text.replace("$", r"\$")
