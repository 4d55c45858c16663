"""What the figures of a diagnostics report show."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._distribution_display import DistributionDisplay
from sknumerai.inspection._era_scores_display import EraScoresDisplay
from sknumerai.inspection._panels import COLOURS, NEUTRAL, curve_style, short
from sknumerai.inspection._report_figures import (
    ReportFigure,
    as_svg,
    new_figure,
    styled,
)
from sknumerai.inspection._report_tables import METRICS
from sknumerai.inspection._universe_size_display import UniverseSizeDisplay

# Metrics with a figure of eras, and with one of intervals.
BY_ERA = ("corr", "mmc", "bmc", "payout")
INTERVALS = ("corr", "mmc", "bmc", "fnc")
# As many pixels of a line and gap as matplotlib's dashes have of a thin one.
_PIXELS = 3
# Features in a figure, and letters of a name.
N_FEATURES = 12
# Models whose distribution is drawn.
N_DISTRIBUTIONS = 5
MAX_NAME = 22


def legend_dashes(n_curves):
    """Dashes of curves as SVG's ``stroke-dasharray`` takes them, "" for none."""
    named = {"-": "", "--": "9 4", "-.": "9 3 2 3", ":": "2 3"}
    found = []
    for i in range(n_curves):
        style = curve_style(i)["linestyle"]
        if isinstance(style, tuple):
            found.append(" ".join(f"{_PIXELS * part}" for part in style[1]))
        else:
            found.append(named[style])
    return found


def draw_figures(inputs, tables, exposures):
    """Draw all figures.

    Parameters
    ----------
    inputs : ReportInputs
        What is reported on.

    tables : dict of str to DataFrame
        Tables of the report.

    exposures : FeatureExposureDisplay or None
        Exposures of the models.

    Returns
    -------
    figures : dict of str to list of ReportFigure
        By section of the page.
    """
    with styled():
        return _draw(inputs, tables, exposures)


def _draw(inputs, tables, exposures):
    drawn = {"intervals": [], "eras": [], "exposure": [], "data": []}
    summary, scores = tables["summary"], tables["era_scores"]
    for key in INTERVALS:
        if key in summary.index and summary.loc[key, "mean_low"].notna().any():
            drawn["intervals"].append(_intervals(key, summary.loc[key]))
    for key in BY_ERA:
        if key in scores.columns.get_level_values("metric"):
            # what has no score has no curve, but its colour
            table = scores[key].dropna(how="all")
            if len(table):
                drawn["eras"].append(_eras(key, table, summary))
    if exposures is not None:
        n_features = len(exposures.top_features(N_FEATURES))
        height = max(2.6, 0.8 + 0.2 * n_features * max(1, 0.45 * len(exposures.models)))
        drawn["exposure"] = [
            _exposure_by_era(exposures, min(height, 3.6)),
            _exposure_by_feature(exposures, height),
        ]
    drawn["data"] = [_universe(inputs, tables["universe"]), *_distributions(inputs)]
    return drawn


def _title(key):
    title = METRICS[key][0]
    return title[0].upper() + title[1:]


def _figure(figure, name, title, text):
    return ReportFigure(title, text, as_svg(figure, name, text, COLOURS))


def _intervals(key, table):
    """Means and their intervals, a line for each model."""
    n = len(table)
    figure, (axis,) = new_figure(0.6 + 0.3 * n)
    axis.axvline(0, color=NEUTRAL, linewidth=0.8)
    for i, (_, row) in enumerate(table.iterrows()):
        colour = curve_style(i)["color"]
        axis.plot([row["mean_low"], row["mean_high"]], [i, i], color=colour, lw=2.5)
        axis.plot(row["mean"], i, "o", color=colour, markersize=7)
    axis.set_yticks(range(n), [_short(name) for name in table.index])
    axis.set_ylim(n - 0.5, -0.5)
    said = ", ".join(
        f"{name} {row['mean']:.4f} ({row['mean_low']:.4f} to {row['mean_high']:.4f})"
        for name, row in table.iterrows()
    )
    text = f"Mean {METRICS[key][0]} with its interval: {said}."
    return _figure(
        figure, f"interval-{key}", f"Mean {METRICS[key][0]} and its interval", text
    )


def _eras(key, table, summary):
    """Scores of eras, their sum and its drawdown."""
    panels = ("scores", "cumulative", "drawdown")
    figure, axes = new_figure(5.2, len(panels), [1.2, 1.5, 1])
    EraScoresDisplay.from_scores({key: table}, plot=False).plot(axes, panels=panels)
    for axis, label in zip(axes, ("score", "sum", "drawdown")):
        # the page has one legend for all figures, and a title for each
        _clear(axis)
        axis.set_ylabel(label)
    # no room for the legend that is gone
    axes[1].autoscale(axis="y")
    figure.align_ylabels(axes)
    means = summary.loc[key, "mean"]
    sums = table.sum()
    said = ", ".join(
        f"{name} mean {means[name]:.4f}, sum {sums[name]:.3f}" for name in table
    )
    text = (
        f"{_title(key)} of {len(table)} eras, {table.index[0]} to {table.index[-1]}: by "
        f"era, cumulated, and its drawdown. {said}."
    )
    return _figure(
        figure,
        f"eras-{key}",
        f"{_title(key)} by era ({_lines(table)}), its sum and drawdown",
        text,
    )


def _lines(table):
    # as EraScoresDisplay's rolling="auto"
    return f"mean of {max(5, len(table) // 25)} eras"


def _exposure_by_era(display, height):
    figure, axes = new_figure(height)
    display.plot(axes, panels="eras")
    _clear(axes[0])
    means = display.by_era.mean()
    said = ", ".join(
        f"{model} {means[model, 'max']:.3f} and {means[model, 'rms']:.3f}"
        for model in display.models
    )
    text = f"Largest exposure and root mean square of all by era. Means: {said}."
    title = "By era: largest (solid) and root mean square (dotted)"
    return _figure(figure, "exposure-eras", title, text)


def _exposure_by_feature(display, height):
    figure, axes = new_figure(height)
    display.plot(axes, panels="features", n_features=N_FEATURES)
    _clear(axes[0])
    axes[0].set_ylabel("")
    axes[0].set_yticks(
        axes[0].get_yticks(),
        [_short(t.get_text()) for t in axes[0].get_yticklabels()],
    )
    axes[0].set_xlabel("mean, 9 of 10 eras and largest")
    names = ", ".join(map(str, display.top_features(N_FEATURES)))
    text = f"Exposures to the features with the largest mean: {names}."
    title = "By feature: those with the largest mean"
    return _figure(figure, "exposure-features", title, text)


def _universe(inputs, table):
    """Rows of eras, and those that have a target and predictions."""
    eras = inputs.eras
    sizes = {"rows": table["n_rows"], "with a target": table["n_resolved"]}
    for name in inputs.models:
        present = inputs.predictions[name].notna().to_numpy()
        if not present.all():
            counts = np.bincount(eras.codes[present], minlength=eras.n_eras)
            sizes[f"with {name}"] = counts
    figure, axes = new_figure(2.4)
    UniverseSizeDisplay(pd.DataFrame(sizes, index=table.index)).plot(axes)
    axes[0].set_ylabel("rows")
    counts = table["n_rows"]
    text = (
        f"Rows of each of {len(table)} eras: {counts.min():,} to {counts.max():,}, "
        f"{int(table['n_resolved'].sum()):,} with a target."
    )
    return _figure(figure, "universe", "Stocks in an era", text)


def _distributions(inputs):
    """A histogram of the targets and of each model's predictions."""
    names = [m for m in inputs.models if inputs.predictions[m].notna().any()]
    kept = inputs.predictions[names[:N_DISTRIBUTIONS]]
    target = inputs.target_name or "target"
    while target in kept:
        target += " (target)"
    display = DistributionDisplay.from_predictions(
        inputs.target.rename(target), kept, groups=inputs.groups, plot=False
    )
    for i, (name, histogram) in enumerate(display.histograms.items()):
        figure, axes = new_figure(2.1)
        row = display.summary.loc[[name]]
        DistributionDisplay({name: histogram}, row).plot(axes)
        _clear(axes[0])
        axes[0].set_ylabel("share of rows")
        axes[0].set_xlabel("lines: 9 of 10 eras" if row["n_eras"].iloc[0] > 1 else "")
        kind, mean, std = row[["kind", "mean", "std"]].iloc[0]
        text = (
            f"Distribution of {name} ({kind}): mean {mean:.4g}, standard deviation "
            f"{std:.4g}."
        )
        title = f"Distribution of {name}"
        yield _figure(figure, f"distribution-{i}", title, text)


def _clear(axis):
    if axis.get_legend() is not None:
        axis.get_legend().remove()
    for place in ("left", "center", "right"):
        axis.set_title("", loc=place)


def _short(name):
    """A name for a tick, shorter than in a figure that is wide: a phone's is not."""
    text = str(name)
    if len(text) <= MAX_NAME:
        return short(text)
    half = MAX_NAME // 2
    return short(f"{text[: half - 1]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}")
