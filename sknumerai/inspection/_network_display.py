"""A network as a drawing."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.inspection._network_layout import boxes_of, place
from sknumerai.inspection._network_summary import network_summary
from sknumerai.inspection._panels import Display, open_panels

# Light tints that colour-blind readers tell apart; in grey they are all light
_TINTS = ("#cfe3f5", "#fbe3c0", "#cdebdc", "#f4d3e3", "#f3efbf", "#dcd8ee", "#e2e2e2")
# Inches of a character and of a line at the font size
_FONT_SIZE, _CHARACTER, _LINE = 8.0, 0.068, 0.155
# Inches that a title needs at the least
_TITLE = 3.0


class NetworkDisplay(Display):
    """Drawing of a network: boxes of layers, and what feeds them.

    Activations, dropout and normalization are in the box of the layer that they follow.
    Boxes of one part of the network, such as an encoder, have one colour. Make it with
    `from_estimator`. Read more in the :doc:`User Guide
    </user_guide/network_inspection>`.

    Parameters
    ----------
    summary : NetworkSummary
        The layers and what feeds them.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn last.

    figure_ : matplotlib.figure.Figure
        The figure of that.

    See Also
    --------
    network_summary : The same as a table.
    WeightsDisplay : Histograms of the weights.

    Examples
    --------
    >>> from sknumerai.inspection import NetworkDisplay
    >>> from sknumerai.modules import SupervisedAutoencoder
    >>> network = SupervisedAutoencoder(42, 1)
    >>> display = NetworkDisplay.from_estimator(network, plot=False)
    >>> len(display.summary.outputs)
    3
    >>> display.plot().figure_.savefig("network.png")  # doctest: +SKIP
    """

    def __init__(self, summary):
        self.summary = summary

    @classmethod
    def from_estimator(cls, estimator, *, input_shape=None, plot=True, ax=None):
        """Draw the network of an estimator.

        Parameters
        ----------
        estimator : estimator or torch.nn.Module
            A fitted estimator with a network in `module_`, also at the end of a
            Pipeline, or a network.

        input_shape : int or tuple of int, default=None
            Shape of one row, as in :func:`network_summary`.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : matplotlib.axes.Axes, default=None
            Where it is drawn, by default in a new figure.

        Returns
        -------
        display : NetworkDisplay
            The drawing.
        """
        display = cls(network_summary(estimator, input_shape=input_shape))
        return display.plot(ax=ax) if plot else display

    def plot(self, ax=None):
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where it is drawn; text becomes as small as is needed. By default in a new
            figure, of the size that the network takes.

        Returns
        -------
        display : NetworkDisplay
            The drawing itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        TypeError
            If `ax` is no Axes.
        """
        boxes = boxes_of(self.summary)
        ways = place(boxes)
        bends = [x for _, _, through in ways for x, _ in through]
        left = min([box.x - box.width / 2 for box in boxes] + bends) - 1
        right = max([box.x + box.width / 2 for box in boxes] + bends) + 1
        low = min(box.y - box.height / 2 for box in boxes) - 0.5
        high = max(box.y + box.height / 2 for box in boxes) + 0.5
        spare = _TITLE / _CHARACTER - (right - left)
        if ax is None and spare > 0:
            left, right = left - spare / 2, right + spare / 2
        figure, axes = open_panels(
            ax,
            1,
            "NetworkDisplay.plot",
            size=((right - left) * _CHARACTER, (high - low) * _LINE + 0.35),
        )
        ax = axes[0]
        ax.set(xlim=(left, right), ylim=(low, high))
        ax.set_axis_off()
        n = self.summary.n_parameters
        ax.set_title(f"{self.summary.name}: {n:,} parameters", fontsize=_FONT_SIZE + 1)
        font_size = _fitting(ax, right - left, high - low)
        tints = _tints(boxes)
        for source, target, through in ways:
            _draw_way(ax, boxes[source], boxes[target], through)
        for box in boxes:
            _draw_box(ax, box, tints.get(box.part, "white"), font_size)
        return self._draws_on(figure, axes)


def _fitting(ax, width, height):
    """The font size at which all of the text fits."""
    inches = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    shrink = min(
        inches.width / (width * _CHARACTER), inches.height / (height * _LINE), 1.0
    )
    return _FONT_SIZE * max(shrink, 0.1)


def _tints(boxes):
    parts = list(dict.fromkeys(box.part for box in boxes if box.part))
    return {part: _TINTS[i % len(_TINTS)] for i, part in enumerate(parts)}


def _draw_box(ax, box, tint, font_size):
    from matplotlib.patches import FancyBboxPatch

    corner = box.x - box.width / 2, box.y - box.height / 2
    ax.add_patch(
        FancyBboxPatch(
            corner,
            box.width,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.5",
            mutation_aspect=0.6,
            facecolor=tint,
            edgecolor="0.35",
            linewidth=0.8,
            zorder=2,
        )
    )
    top = box.y + (len(box.lines) - 1) / 2
    for i, line in enumerate(box.lines):
        ax.text(
            box.x,
            top - i,
            line,
            ha="center",
            va="center",
            color="black",
            fontsize=font_size,
            fontweight="bold" if i == 0 else "normal",
            parse_math=False,
            zorder=3,
        )


def _draw_way(ax, source, target, through):
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    start = source.x, source.y - source.height / 2
    end = target.x, target.y + target.height / 2
    points = [start, *through, end]
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:]):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    ax.add_patch(
        FancyArrowPatch(
            path=Path(np.array(vertices), codes),
            arrowstyle="-|>",
            mutation_scale=8,
            color="0.35",
            linewidth=0.9,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )
