"""How targets and predictions are distributed, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_count
from sknumerai.inspection._histograms import draw_histogram, table_of_bins
from sknumerai.inspection._named_columns import (
    eras_of,
    named_columns,
    refuse_same_names,
)
from sknumerai.inspection._panels import COLOURS, NEUTRAL, Display, open_panels
from sknumerai.utils import one_era

# Up to so many different values have a bar each.
_FEW_VALUES = 25


class DistributionDisplay(Display):
    """Distribution of targets and predictions, and how it differs between eras.

    It is recommended to use :meth:`from_predictions` to make one. Read more in the
    :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    histograms : dict of object to DataFrame
        For each column a row for each bin: its edges `lower` and `upper`, the `share`
        of the rows that have a value, and `low` and `high`, between which the share of
        an era lies in nine of ten eras. Where there are few different values, each is
        the middle of a bin.

    summary : DataFrame
        A row for each column: `kind` ("target" or "prediction"), `n_rows`, `n_missing`,
        `n_eras` that have a value, `mean`, `std`, `min` and `max`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels, one for each column.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    UniverseSizeDisplay : How many rows an era has.

    Examples
    --------
    >>> from sknumerai.inspection import DistributionDisplay
    >>> display = DistributionDisplay.from_predictions(
    ...     [0, 0.5, 0.5, 1], [0.1, 0.2, 0.3, 0.4], plot=False
    ... )
    >>> display.histograms["target"][["lower", "upper", "share"]]
       lower  upper  share
    0  -0.25   0.25   0.25
    1   0.25   0.75   0.50
    2   0.75   1.25   0.25
    """

    def __init__(self, histograms, summary):
        self.histograms = histograms
        self.summary = summary

    def plot(self, ax=None, *, n_columns=3):
        """Draw a histogram for each column.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are columns, or one whose place they share. By default a
            new figure.

        n_columns : int, default=3
            Number of histograms beside each other.

        Returns
        -------
        self : DistributionDisplay
            With `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is another number of axes.
        """
        caller = "DistributionDisplay.plot"
        figure, axes = open_panels(
            ax, len(self.histograms), caller, n_columns=n_columns, size=(4.2, 3.0)
        )
        for axis, (name, table) in zip(axes, self.histograms.items()):
            row = self.summary.loc[name]
            is_target = row["kind"] == "target"
            said = f"mean {row['mean']:.4g}, std {row['std']:.4g}"
            if row["n_missing"]:
                said += f", {row['n_missing'] / row['n_rows']:.1%} missing"
            colour = COLOURS[1] if is_target else COLOURS[0]
            draw_histogram(axis, table, (name, said), color=colour, alpha=0.75)
            axis.set_ylabel("share of rows")
            if row["n_eras"] > 1:
                axis.set_ylabel("share of rows\n(lines: 9 of 10 eras)")
                middle = (table["lower"] + table["upper"]) / 2
                axis.vlines(
                    middle, table["low"], table["high"], color=NEUTRAL, linewidth=1
                )
            if len(table) <= _FEW_VALUES // 2 and is_target:
                middle = (table["lower"] + table["upper"]) / 2
                axis.set_xticks(middle, [f"{value:g}" for value in middle.round(6)])
            axis.set_xlabel(row["kind"])
            axis.set_ylim(bottom=0)
        return self._draws_on(figure, axes)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred=None,
        *,
        groups=None,
        bins=50,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Count values of targets and predictions and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets), or None
            Targets, NaN where they are not resolved.

        y_pred : array-like of shape (n_samples,) or (n_samples, n_models), default=None
            Predictions, NaN where missing. The columns are models.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of y_true or y_pred;
            where there is none, all rows are one era.

        bins : int, default=50
            Number of bins of equal width, where there are more than 25 values.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : DistributionDisplay
            The histograms, and what was drawn.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, a value is infinite, or a column has
            none.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_count(bins, "bins", caller)
        columns = {
            "target": named_columns(y_true, "target", "y_true", caller),
            "prediction": named_columns(y_pred, "prediction", "y_pred", caller),
        }
        refuse_same_names(*columns.values(), caller)
        eras = eras_of(groups, y_true, y_pred, caller, required=False)
        histograms, rows = {}, {}
        for kind, named in columns.items():
            for name, values in named.items():
                codes = one_era(len(values)).codes if eras is None else eras.codes
                known = ~np.isnan(values)
                if not known.any():
                    raise ValueError(
                        f"{caller}: the {kind} {name!r} has {len(values)} rows and no "
                        "value. Leave it out."
                    )
                table, n_eras = _histogram(values[known], codes[known], bins)
                part = values[known].astype(np.float64)
                histograms[name] = table
                rows[name] = {
                    "kind": kind,
                    "n_rows": len(values),
                    "n_missing": int((~known).sum()),
                    "n_eras": n_eras,
                    "mean": part.mean(),
                    "std": part.std(),
                    "min": part.min(),
                    "max": part.max(),
                }
        display = cls(histograms, pd.DataFrame.from_dict(rows, orient="index"))
        return display.plot(ax, **plot_params) if plot else display


def _histogram(values, codes, bins):
    """Shares of all rows and of eras in each bin, and the number of eras."""
    edges = _edges(values, bins)
    n_bins = len(edges) - 1
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, n_bins - 1)
    # eras that have a value, numbered anew
    _, codes = np.unique(codes, return_inverse=True)
    n_eras = codes.max() + 1
    counts = np.bincount(codes * n_bins + at, minlength=n_eras * n_bins)
    counts = counts.reshape(n_eras, n_bins)
    shares = counts / counts.sum(axis=1, keepdims=True)
    low, high = np.quantile(shares, [0.05, 0.95], axis=0)
    table = table_of_bins(edges, counts.sum(axis=0) / counts.sum())
    return table.assign(low=low, high=high), int(n_eras)


def _edges(values, bins):
    different = _different(values)
    if different is None:
        return np.linspace(float(values.min()), float(values.max()), bins + 1)
    if len(different) == 1:
        return different[0] + np.array([-0.5, 0.5])
    half = np.diff(different).min() / 2
    middles = (different[1:] + different[:-1]) / 2
    return np.concatenate([[different[0] - half], middles, [different[-1] + half]])


def _different(values):
    """The values, where they are few; None where not."""
    # most columns of many values are told by their first rows, without a sort of all
    if len(np.unique(values[:10_000])) > _FEW_VALUES:
        return None
    different = np.unique(values).astype(np.float64)
    return different if len(different) <= _FEW_VALUES else None
