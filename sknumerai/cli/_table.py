"""Tables of era scores as text."""

# SPDX-License-Identifier: BSD-3-Clause

import sys

import pandas as pd

from sknumerai.metrics import numerai_corr_score, score_summary

COLUMNS = {
    "mean": ("mean", "{:.4f}"),
    "std": ("std", "{:.4f}"),
    "sharpe": ("sharpe", "{:.2f}"),
    "max_drawdown": ("max drawdown", "{:.4f}"),
    "positive_share": ("positive", "{:.0%}"),
    "autocorrelation": ("autocorr.", "{:.2f}"),
    "n_eras": ("eras", "{:.0f}"),
    "share": ("of best possible", "{:.0%}"),
}


def score_models(y_true, predictions):
    """Score predictions era by era.

    Parameters
    ----------
    y_true : Series of shape (n_samples,)
        Target, indexed by `era` and `id`.

    predictions : DataFrame of shape (n_samples, n_models)
        One column per model, same index.

    Returns
    -------
    scores : DataFrame of shape (n_eras, n_models)
        CORR of each era.
    """
    return numerai_corr_score(y_true, predictions, aggregate=None)


def summarize(scores):
    """Summarize era scores.

    Parameters
    ----------
    scores : DataFrame of shape (n_eras, n_models)
        CORR of each era. Eras without a score are left out, with a line on the
        standard error.

    Returns
    -------
    summary : DataFrame of shape (n_models, 7)
        See :func:`sknumerai.metrics.score_summary`.
    """
    for name, n_missing in scores.isna().sum().items():
        if n_missing:
            print(
                f"warning: {name} has no score in {n_missing} of {len(scores)} eras, "
                "where it predicts the same for all rows or the target is constant; "
                "they are left out.",
                file=sys.stderr,
            )
    return score_summary(scores, nan_policy="omit")


def format_table(summary, title):
    """Write a summary as a table.

    Parameters
    ----------
    summary : DataFrame of shape (n_models, n_columns)
        Columns of ``COLUMNS``.

    title : str
        Line above the table.

    Returns
    -------
    text : str
        The table, without a newline at the end.
    """
    names = [str(name) for name in summary.index]
    width = max(map(len, names), default=0)
    header, cells = [], []
    for key in summary.columns:
        label, pattern = COLUMNS[key]
        header.append(label)
        cells.append([_cell(pattern, value) for value in summary[key]])
    widths = [max(map(len, [h, *c])) for h, c in zip(header, cells)]
    lines = [
        title,
        " " * width + "".join(f"  {h:>{w}}" for h, w in zip(header, widths)),
    ]
    for i, name in enumerate(names):
        row = "".join(f"  {c[i]:>{w}}" for c, w in zip(cells, widths))
        lines.append(f"{name:<{width}}{row}")
    return "\n".join(lines)


def _cell(pattern, value):
    return "-" if pd.isna(value) else pattern.format(value)
