"""The page of a diagnostics report: cells of tables as text, and the template."""

# SPDX-License-Identifier: BSD-3-Clause

import platform
import re
from dataclasses import dataclass
from importlib import metadata

import numpy as np
import pandas as pd

from sknumerai.inspection._panels import COLOURS
from sknumerai.inspection._report_tables import METRICS
from sknumerai.utils import import_optional

CALLER = "diagnostics_report"
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib")
# What is in a table of a metric: statistic, header, whether in units of the metric.
DETAILS = (
    ("mean", "Mean", True),
    ("std", "Std", True),
    ("sharpe", "Sharpe", False),
    ("smart_sharpe", "Smart Sharpe", False),
    ("max_drawdown", "Max drawdown", True),
    ("positive_share", "Eras above 0", None),
    ("longest_losing_run", "Losing run", "{:.0f}"),
    ("worst", "Worst era", True),
    ("autocorrelation", "Auto-correlation", False),
    ("n_eras", "Eras", "{:.0f}"),
)
NONE = "\N{EN DASH}"


@dataclass
class Cell:
    """One cell: its text, the lines below it, and how strongly it is shaded."""

    text: str
    below: list = ()
    shade: float = 0.0
    kind: str = ""


@dataclass
class Table:
    """A table as the template takes it.

    Parameters
    ----------
    name : str
        For the anchor.

    caption : str
        What it shows.

    columns : list of (str, str)
        Headers and what stands below them in small letters.

    rows : list of (str, list of Cell)
        Header and cells of each row.

    corner : str, default="Model"
        Header of the first column.
    """

    name: str
    caption: str
    columns: list
    rows: list
    corner: str = "Model"


def render(**context):
    """Render the page.

    Parameters
    ----------
    **context : dict
        What the template names.

    Returns
    -------
    html : str
        A whole HTML document.
    """
    jinja2 = import_optional("jinja2", extra="plot", caller=CALLER)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sknumerai.inspection", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("report.html")
    return template.render(n_colours=len(COLOURS), **context).strip() + "\n"


def versions():
    """Versions of what the numbers were computed with."""
    found = {
        "Python": platform.python_version(),
        "sknumerai": _version_of_sknumerai(),
    }
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def overview(summary, baseline):
    """The first table: means of all metrics, and CORR's Sharpe ratio and drawdown."""
    keys = _main_metrics_of(summary)
    columns, models = [], list(summary.loc["corr"].index)
    for key in keys:
        columns.append((_title(key), _n_eras(summary.loc[key, "n_eras"])))
        if key == "corr":
            columns += [("Sharpe", "of CORR"), ("Max drawdown", "of CORR")]
    rows = []
    for model in models:
        cells = []
        for key in keys:
            part = summary.loc[key]
            if model not in part.index:
                cells.append(Cell(NONE))
                continue
            row = part.loc[model]
            cells.append(_cell(row, "mean", _pattern(key)))
            if key == "corr":
                cells.append(_cell(row, "sharpe", "{:.2f}"))
                cells.append(_cell(row, "max_drawdown", _pattern(key)))
        rows.append((_model(model, baseline), cells))
    return Table("scores", "Mean over eras", columns, rows)


def details(summary, baseline):
    """A table for each metric."""
    tables = []
    for key in _metrics_of(summary):
        part = summary.loc[key]
        rows = []
        for model in part.index:
            cells = []
            for name, _, units in DETAILS:
                cells.append(_cell(part.loc[model], name, _unit(key, units)))
            rows.append((_model(model, baseline), cells))
        columns = [(header, "") for _, header, _ in DETAILS]
        tables.append(Table(f"details-{key}", _title(key), columns, rows))
    return tables


def comparison(table, models, confidence_level):
    """Differences from the baseline: models by metrics."""
    keys = _main_metrics_of(table)
    columns = []
    for key in keys:
        part = table.loc[key]
        known = part["n_effective"].dropna()
        n_eras = _n_eras(part["n_eras"])
        if len(known):
            n_eras += f", worth {known.min():.0f}"
        columns.append((_title(key), n_eras))
    rows = []
    for model in models:
        cells = []
        for key in keys:
            if model not in table.loc[key].index:
                cells.append(Cell(NONE))
                continue
            cells.append(_difference(key, table.loc[(key, model)], confidence_level))
        rows.append((str(model), cells))
    return Table("comparison", "Difference of the means", columns, rows)


def _difference(key, row, confidence_level):
    pattern = _pattern(key, sign=True)
    lines = [_interval(row["low"], row["high"], pattern)]
    kind = ""
    if not pd.isna(row["p_adjusted"]):
        p_value = f"p {_p_value(row['p_adjusted'])}"
        if row["p_adjusted"] < 1 - confidence_level:
            kind = "better" if row["difference"] > 0 else "worse"
            p_value = f"{kind}, {p_value}"
        lines.append(p_value)
    lines = [line for line in lines if line]
    return Cell(_text(row["difference"], pattern), lines, kind=kind)


def coverage(table):
    """Rows and eras that each input covers."""
    rows = []
    for (of, model), row in table.iterrows():
        name = str(model) if of == "predictions" else of.replace("_", " ")
        eras = NONE
        if row["n_eras"]:
            eras = f"{row['first_era']} to {row['last_era']}"
        shares = [_share(row["row_share"]), _share(row["era_share"])]
        kind = "" if row["n_missing"] == 0 or of == "target" else "low"
        cells = [
            Cell(f"{row['n_rows']:,}"),
            Cell(shares[0], kind=kind),
            Cell(f"{row['n_eras']:,}"),
            Cell(shares[1], kind=kind if shares[1] != "100 %" else ""),
            Cell(eras),
        ]
        rows.append((name, cells))
    columns = [
        ("Rows", "with a value"),
        ("Share", "of rows"),
        ("Eras", "covered"),
        ("Share", "of eras"),
        ("From to", "era"),
    ]
    return Table("coverage", "Rows and eras with a value", columns, rows, "Input")


def exposure(table):
    """Exposures to features."""
    rows = [
        (
            str(model),
            [
                Cell(_text(row["max_exposure"], "{:.3f}")),
                Cell(_text(row["rms_exposure"], "{:.3f}")),
                Cell(NONE if pd.isna(row["top_feature"]) else str(row["top_feature"])),
                Cell(_text(row["top_exposure"], "{:+.3f}")),
            ],
        )
        for model, row in table.iterrows()
    ]
    columns = [
        ("Largest", "mean over eras"),
        ("Root mean square", "mean over eras"),
        ("Feature", "largest mean"),
        ("Exposure", "to it"),
    ]
    return Table("exposure", "Correlation with features", columns, rows)


def correlation(table):
    """Correlations of predictions, shaded by their size."""
    rows = []
    for model, row in table.iterrows():
        cells = [
            Cell(_text(value, "{:.2f}"), shade=0.0 if pd.isna(value) else abs(value))
            for value in row
        ]
        rows.append((str(model), cells))
    columns = [(str(name), "") for name in table.columns]
    return Table("correlation", "Correlation of predictions", columns, rows)


def rule(policy):
    """A payout rule in words."""
    weights = " + ".join(
        f"{weight:g} {name.upper()}"
        for name, weight in policy.weights.items()
        if weight
    )
    said = weights or "nothing"
    if policy.clip is not None:
        said += f", between {_text(-policy.clip, '{:.0%}')} and {policy.clip:.0%} of the stake"
    if policy.name is not None:
        said += f" (rule {policy.name})"
    return said


def headline(summary, models):
    """One sentence on the best model of those with about as many eras."""
    corr = summary.loc["corr"].loc[models]
    if corr["mean"].isna().all():
        return "No model has a score."
    # means of a few eras are not to be compared with those of many
    known = corr["n_eras"] >= 0.8 * corr["n_eras"].max()
    best = corr.loc[known, "mean"].idxmax()
    row = corr.loc[best]
    said = f"mean CORR {_text(row['mean'], '{:.4f}')}"
    if np.isfinite(row["mean_low"]):
        said += f" ({_interval(row['mean_low'], row['mean_high'], '{:.4f}')})"
    if np.isfinite(row["sharpe"]):
        said += f", Sharpe ratio {_text(row['sharpe'], '{:.2f}')}"
    return f"{best}: {said}."


def _version_of_sknumerai():
    import sys

    return sys.modules[__name__.partition(".")[0]].__version__


def _n_eras(counts):
    """Eras of all models in words, a range where they are not of the same."""
    low, high = int(counts.min()), int(counts.max())
    least = "" if low == high else f"{low:,} to "
    return f"{least}{high:,} era{'s' * (high != 1)}"


def _metrics_of(table):
    """Metrics that have a score, CORR in any case."""
    keys = dict.fromkeys(table.index.get_level_values("metric"))
    return [k for k in keys if k == "corr" or (table.loc[k, "n_eras"] > 0).any()]


def _main_metrics_of(table):
    keys = _metrics_of(table)
    if "payout" in keys and "payout_bmc" in keys:
        # the estimate is among the details
        keys.remove("payout_bmc")
    return keys


def _title(key):
    title = METRICS[key][0]
    return title[0].upper() + title[1:]


def _pattern(key, sign=False):
    sign = "+" if sign else ""
    return f"{{:{sign}.1%}}" if key.startswith("payout") else f"{{:{sign}.4f}}"


def _unit(key, units):
    if isinstance(units, str):
        return units
    if units is None:
        return "{:.0%}"
    return _pattern(key) if units else "{:.2f}"


def _model(model, baseline):
    return f"{model} (baseline)" if model == baseline else str(model)


def _cell(row, name, pattern):
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    interval = "" if low is None else _interval(low, high, pattern)
    return Cell(_text(row[name], pattern), [interval] if interval else [])


def _text(value, pattern):
    if pd.isna(value):
        return NONE
    text = pattern.format(value)
    if not re.search("[1-9]", text):
        # nothing is neither more nor less
        text = text.lstrip("+-")
    # a true minus sign, as wide as a plus
    return text.replace("-", "\N{MINUS SIGN}")


def _interval(low, high, pattern):
    if pd.isna(low) or pd.isna(high):
        return ""
    return f"{_text(low, pattern)} to {_text(high, pattern)}"


def _p_value(value):
    if pd.isna(value):
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _share(value):
    if value == 1:
        return "100 %"
    # what is not all must not look like it
    return f"{min(value * 100, 99.9):.1f} %"
