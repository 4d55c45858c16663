"""Histograms of values, as tables and as panels."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._panels import COLOURS, short


def count_values(values, bins):
    """Make a histogram of finite values.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The values.

    bins : int
        Number of bins of equal width, from the least value to the largest.

    Returns
    -------
    table : DataFrame
        A row for each bin: `lower` and `upper` edge and the `share` of the values. No
        rows where there are no values.
    """
    if not len(values):
        return pd.DataFrame({"lower": [], "upper": [], "share": []})
    counts, edges = np.histogram(values.astype(np.float64), bins)
    return table_of_bins(edges, counts / len(values))


def table_of_bins(edges, share):
    """Make the table of a histogram from its edges, one more than shares."""
    return pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], "share": share})


def edges_of(table):
    """Get the edges of the bins of a histogram, shape (n_bins + 1,)."""
    return np.append(table["lower"], table["upper"].iloc[-1])


def draw_histogram(axis, table, title, *, color=COLOURS[0], **style):
    """Draw a histogram, if it has bins, as an area below its title.

    Limits are the caller's: what else is drawn may be higher.

    Parameters
    ----------
    axis : Axes
        The panel.

    table : DataFrame
        The histogram, as :func:`count_values` gives it.

    title : tuple of (name, text)
        What it is of, and what is said of it in the second line.

    color : str, default="#0072B2"
        Colour of the area.

    **style : dict
        Further parameters of the area.
    """
    if len(table):
        edges = edges_of(table)
        axis.stairs(table["share"], edges, fill=True, color=color, **style)
    axis.set_title(f"{short(title[0])}\n{title[1]}", fontsize="small")
