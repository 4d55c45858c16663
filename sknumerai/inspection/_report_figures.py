"""The figures of a diagnostics report, as SVG whose colours the page decides."""

# SPDX-License-Identifier: BSD-3-Clause

import io
import re
from dataclasses import dataclass

from sknumerai.utils import import_optional

CALLER = "diagnostics_report"
# Inches. A figure is as wide as a phone's text, or half a desktop's.
WIDTH = 5.0
FONT_SIZE = 9
# Colours of the displays and the page's variables that stand for them.
VARIABLES = {
    "#000000": "currentColor",
    "#ffffff": "var(--paper)",
    "#808080": "var(--muted)",
    "#b0b0b0": "var(--line)",
    "#cccccc": "var(--line)",
    "#d3d3d3": "var(--line)",
}
_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}\b")
_ID = re.compile(r'(\bid="|href="#|url\(#)')
_PLACES = re.compile(r' (?:d|x|y|width|height|transform)="[^"]*"')
_SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')


def styled():
    """Context in which figures are drawn: small letters, text as text in the SVG."""
    matplotlib = import_optional("matplotlib", extra="plot", caller=CALLER)
    return matplotlib.rc_context({"font.size": FONT_SIZE, "svg.fonttype": "none"})


@dataclass
class ReportFigure:
    """One figure: its title, what it says in words, and the SVG."""

    title: str
    text: str
    svg: str


def new_figure(height, n_panels=1, ratios=None):
    """Make a figure, of which pyplot knows nothing, and its axes.

    Parameters
    ----------
    height : float
        In inches.

    n_panels : int, default=1
        Panels below each other, which share the x axis.

    ratios : list of float, default=None
        Their heights to each other.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    axes : ndarray of Axes, shape (n_panels,)
        Its panels.
    """
    module = import_optional("matplotlib.figure", extra="plot", caller=CALLER)
    figure = module.Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(n_panels, squeeze=False, height_ratios=ratios)[:, 0]
    return figure, axes


def as_svg(figure, name, label, colours):
    """Render a figure as SVG for use within a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is rendered. Backgrounds are left out.

    name : str
        Begins its ids: two figures of a page must not share one.

    label : str
        What it shows, for those who do not see it. Escaped here.

    colours : sequence of str
        Colours of curves, which become the page's ``--c1``, ``--c2``...

    Returns
    -------
    svg : str
        An element ``svg``.
    """
    import html

    matplotlib = import_optional("matplotlib", extra="plot", caller=CALLER)
    figure.patch.set_visible(False)
    for axis in figure.axes:
        axis.patch.set_visible(False)
        axis.spines[["top", "right"]].set_visible(False)
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = _ID.sub(rf"\g<1>{name}-", svg)
    known = VARIABLES | {
        colour.lower(): f"var(--c{i + 1})" for i, colour in enumerate(colours)
    }
    svg = _COLOUR.sub(lambda found: known.get(found[0], found[0]), svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--font)", svg)
    # hundredths of a point are finer than any screen, and half as many letters
    svg = _PLACES.sub(lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    label = html.escape(label)
    # a function: backslashes in a name are no references
    return _SIZE.sub(
        lambda found: f'<svg viewBox="{found[1]}" role="img" aria-label="{label}">',
        svg,
        count=1,
    )
