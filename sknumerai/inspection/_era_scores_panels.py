"""Panels of scores of eras, of their sums and drawdowns."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._era_metrics import label_of
from sknumerai.inspection._panels import (
    COLOURS,
    MARKERS,
    NEUTRAL,
    curve_style,
    legend_above,
    short,
)
from sknumerai.metrics import sharpe_ratio

# Beyond, shaded drawdowns and points of several models hide each other.
FEW_MODELS = 3


def draw_scores(axis, table, name, places, width, window):
    """Draw the scores of eras and their rolling mean.

    Parameters
    ----------
    axis : Axes
        The panel.

    table : DataFrame of shape (n_eras, n_models)
        Scores of one metric.

    name : str
        The metric.

    places : ndarray of shape (n_eras,)
        Where the eras lie.

    width : float
        From an era to the next.

    window : int or None
        Eras of the rolling mean.
    """
    axis.axhline(0, color=NEUTRAL, linewidth=0.8)
    n_models = table.shape[1]
    for j, column in enumerate(table.to_numpy().T):
        style = curve_style(j)
        if n_models == 1:
            colours = np.where(column < 0, COLOURS[3], COLOURS[0])
            axis.bar(places, column, width=0.9 * width, color=colours)
            style = {"color": NEUTRAL, "linestyle": "-"}
        elif n_models <= FEW_MODELS:
            # the marks of many eras would be one blot
            size = np.clip(3000 / len(places), 3, 30)
            axis.scatter(
                places,
                column,
                s=size,
                color=style["color"],
                marker=MARKERS[j],
                alpha=0.5,
                linewidths=0,
            )
        if window is not None:
            mean = pd.Series(column).rolling(window, min_periods=-(-window // 2))
            axis.plot(places, mean.mean(), linewidth=1.6, **style)
    axis.set_ylabel(label_of(name))
    if window is not None:
        axis.set_title(f"lines: mean of {window} eras", loc="right", fontsize="small")


def draw_sums(axis, sums, falls, name, places):
    """Draw sums of scores, those of few models with their drawdowns shaded."""
    axis.axhline(0, color=NEUTRAL, linewidth=0.8)
    for j, column in enumerate(sums.to_numpy().T):
        style = curve_style(j)
        axis.plot(places, column, linewidth=1.6, **style)
        if sums.shape[1] <= FEW_MODELS:
            high = column + falls.to_numpy()[:, j]
            axis.fill_between(
                places, column, high, color=style["color"], alpha=0.25, linewidth=0
            )
    axis.set_ylabel(f"cumulative\n{label_of(name)}")


def draw_drawdowns(axis, falls, name, places):
    """Draw how far sums of scores lie below their highest point."""
    for j, column in enumerate(falls.to_numpy().T):
        axis.plot(places, -column, **curve_style(j), linewidth=1.2)
    axis.set_ylabel(f"drawdown of\n{label_of(name)}")


def put_legend(axis, table, falls):
    """Say of each model what its scores come to."""
    from matplotlib.lines import Line2D

    models = [short(model) for model in table.columns]
    handles = []
    for j, model in enumerate(models):
        values = table.iloc[:, j].dropna()
        said = f"{model}: mean {values.mean():.4f}"
        if len(values) > 1:
            said += f", Sharpe {sharpe_ratio(values):.2f}"
        said += f", drawdown {falls.iloc[:, j].max():.3f}"
        if len(values) < len(table):
            said += f", {len(table) - len(values)} eras without a score"
        handles.append(Line2D([], [], **curve_style(j), label=said))
    if len(models) <= FEW_MODELS:
        # room for its lines above the curves
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + (0.06 + 0.09 * len(models)) * (high - low))
        axis.legend(handles=handles, loc="upper left", fontsize="small", framealpha=0.6)
        return
    # so many lines would hide the curves
    title = axis.get_title(loc="right") or None
    legend_above(
        axis,
        handles,
        n_letters=115,
        title=title,
        title_fontsize="small",
        alignment="left",
    )
    axis.set_title("", loc="right")
