"""What the displays share: axes to draw on, legends, and styles of curves."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.utils import import_optional

# Okabe and Ito's colours, told apart by the colour-blind; dashes and markers tell curves
# apart where there is no colour at all. None is black or white: both are backgrounds.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
NEUTRAL = "0.5"
# Names of curves are cut in the middle beyond.
MAX_NAME = 32


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


def curve_style(i):
    """Colour and dashes of the i-th curve, a pair of its own for 36 curves."""
    shift = i // len(COLOURS)
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": DASHES[(i + shift) % len(DASHES)],
    }


def legend_above(axis, handles, *, n_letters=None, **style):
    """Put a legend above the panel, whose curves it would hide.

    Parameters
    ----------
    axis : Axes
        The panel.

    handles : list of Artist
        What is explained, by their labels.

    n_letters : int, default=None
        Letters that a line has room for: in how many columns it is written. None is
        one line.

    **style : dict
        Further parameters of the legend.
    """
    n_columns = len(handles)
    if n_letters is not None:
        longest = max(len(handle.get_label()) for handle in handles)
        n_columns = int(np.clip(n_letters // (longest + 6), 1, 4))
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": n_columns}
    style = {"fontsize": "small", "frameon": False, **style}
    axis.legend(handles=handles, **place, **style)


def short(name):
    """A name for a legend or a tick: cut in the middle, and not read as a formula."""
    text = str(name)
    if len(text) > MAX_NAME:
        half = MAX_NAME // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    # legends leave out what begins with an underscore
    return (" " * text.startswith("_")) + text.replace("$", r"\$")
