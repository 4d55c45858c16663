"""Histograms of a network's weights."""

# SPDX-License-Identifier: BSD-3-Clause

import math

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_count
from sknumerai.inspection._histograms import count_values, draw_histogram
from sknumerai.inspection._network_summary import find_module
from sknumerai.inspection._panels import NEUTRAL, Display, open_panels


class WeightsDisplay(Display):
    """Histogram of the weights of each layer of a network.

    Dead layers (all near zero), layers that training has not moved, and weights that
    explode or are not finite are seen at a glance. Make it with `from_estimator`. Read
    more in the :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    histograms : dict of DataFrame
        For each parameter a row for each bin: `lower` and `upper` edge and the `share`
        of its finite weights.

    summary : DataFrame
        A row for each parameter by its name in the network: its `shape` as text, number of
        weights `n`, `mean`, `std`, `min` and `max` of the finite ones, `share_zero` and
        `n_not_finite`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels, in the order of the parameters.

    ax_ : matplotlib.axes.Axes
        The first of these.

    See Also
    --------
    network_summary : Layers, shapes and numbers of parameters.

    Examples
    --------
    >>> from sknumerai.inspection import WeightsDisplay
    >>> from sknumerai.modules import MLP
    >>> network = MLP(42, 1, hidden_features=(16,))
    >>> display = WeightsDisplay.from_estimator(network, plot=False)
    >>> display.summary["n"]
    parameter
    hidden.0.weight    672
    output.weight       16
    Name: n, dtype: int64
    """

    def __init__(self, histograms, summary):
        self.histograms = histograms
        self.summary = summary

    def plot(self, ax=None, *, n_columns=3):
        """Draw a histogram for each parameter.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are parameters, or one whose place they share. By default a
            new figure.

        n_columns : int, default=3
            Number of histograms beside each other.

        Returns
        -------
        self : WeightsDisplay
            With `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is another number of axes.
        """
        figure, axes = open_panels(
            ax,
            len(self.histograms),
            "WeightsDisplay.plot",
            n_columns=n_columns,
            size=(3.4, 2.4),
        )
        for axis, (name, table) in zip(axes, self.histograms.items()):
            row = self.summary.loc[name]
            said = f"{row['shape']}, std {row['std']:.3g}"
            if row["n_not_finite"]:
                said += f", {row['n_not_finite']:,} not finite"
            draw_histogram(axis, table, (name, said))
            if len(table):
                axis.axvline(0, color=NEUTRAL, linewidth=0.8)
            axis.set_ylim(bottom=0)
            axis.tick_params(labelsize="small")
        for axis in axes[::n_columns]:
            axis.set_ylabel("share of weights", fontsize="small")
        return self._draws_on(figure, axes)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        parameters="weights",
        bins=50,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Count the weights of a network and draw.

        Parameters
        ----------
        estimator : estimator or torch.nn.Module
            A fitted estimator with a network in `module_`, also at the end of a
            Pipeline, or a network.

        parameters : {'weights', 'all'}, default='weights'
            Which parameters: those of two and more dimensions, or biases and the
            parameters of normalizations too.

        bins : int, default=50
            Most bins of equal width, from the smallest weight to the largest. Of few
            weights there are as many as the root of their number.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : WeightsDisplay
            The histograms, and what was drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.

        TypeError
            If there is no network.

        ValueError
            If there are no such parameters, or a parameter is none of the allowed.
        """
        caller = f"{cls.__name__}.from_estimator"
        if parameters not in ("weights", "all"):
            raise ValueError(
                f"{caller}: parameters must be 'weights' or 'all'. Got {parameters!r}."
            )
        check_count(bins, "bins", caller)
        module, _, name = find_module(estimator, caller)
        least = 2 if parameters == "weights" else 0
        chosen = {k: p for k, p in module.named_parameters() if p.ndim >= least}
        if not chosen:
            mend = "" if least == 0 else " parameters='all' takes others too."
            raise ValueError(
                f"{caller}: {name} has no parameters of two dimensions.{mend}"
                if least
                else f"{caller}: {name} has no parameters."
            )
        histograms, rows = {}, {}
        for key, parameter in chosen.items():
            values = parameter.detach().float().cpu().numpy()
            finite = values[np.isfinite(values)]
            n_bins = min(bins, max(1, math.ceil(math.sqrt(len(finite)))))
            histograms[key] = count_values(finite, n_bins)
            rows[key] = _row(values, finite)
        summary = pd.DataFrame(rows.values(), pd.Index(rows, name="parameter"))
        display = cls(histograms, summary)
        return display.plot(ax, **plot_params) if plot else display


def _row(values, finite):
    # single precision would round the mean of millions of weights
    mean, std = np.nan, np.nan
    if len(finite):
        mean = finite.mean(dtype=np.float64)
        std = finite.std(dtype=np.float64)
    return {
        "shape": " x ".join(map(str, values.shape)) or "1",
        "n": values.size,
        "mean": mean,
        "std": std,
        "min": finite.min() if len(finite) else np.nan,
        "max": finite.max() if len(finite) else np.nan,
        "share_zero": (values == 0).mean() if values.size else np.nan,
        "n_not_finite": values.size - len(finite),
    }
