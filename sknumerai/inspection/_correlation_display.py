"""How much models say the same, as a figure."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from sknumerai.inspection._checks import check_choice
from sknumerai.inspection._named_columns import eras_of, named_columns
from sknumerai.inspection._panels import Display, open_panels, short
from sknumerai.utils import (
    average_ranks,
    gaussian_ranks,
    one_era,
    signed_power,
    unit_columns,
)

METHODS = ("spearman", "pearson", "numerai")
# Models beyond which the numbers in cells would not be legible.
_MAX_NUMBERS = 24


class CorrelationDisplay(Display):
    """Correlation of models' predictions, its mean over eras.

    It is recommended to use :meth:`from_predictions` to make one. Read more in the
    :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    correlation : DataFrame of shape (n_models, n_models)
        Mean over eras of the correlation within an era. NaN where there is no era in
        which both models have predictions that differ.

    std : DataFrame of shape (n_models, n_models)
        Standard deviation over eras.

    n_eras : DataFrame of shape (n_models, n_models)
        Number of eras that the two models have in common.

    Attributes
    ----------
    order : list
        Models in an order in which those that say the same are neighbours: leaves of a
        hierarchical clustering (average linkage of ``1 - correlation``).

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panel.

    ax_ : matplotlib.axes.Axes
        The same.

    See Also
    --------
    prediction_correlation_score : Correlation with one other model.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.inspection import CorrelationDisplay
    >>> models = pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 2, 3, 1], "c": [1, 2, 4, 3]})
    >>> display = CorrelationDisplay.from_predictions(None, models, plot=False)
    >>> display.correlation.round(1)
         a    b    c
    a  1.0 -0.8  0.8
    b -0.8  1.0 -0.4
    c  0.8 -0.4  1.0
    >>> display.order
    ['b', 'c', 'a']
    """

    def __init__(self, correlation, std, n_eras):
        self.correlation = correlation
        self.std = std
        self.n_eras = n_eras

    @property
    def order(self):
        """Models, neighbours saying the same."""
        names = list(self.correlation.columns)
        if len(names) < 3:
            return names
        # what has nothing in common is as far apart as what is unrelated
        distance = 1 - self.correlation.fillna(0).to_numpy()
        distance = np.maximum((distance + distance.T) / 2, 0)
        np.fill_diagonal(distance, 0)
        tree = linkage(squareform(distance), "average", optimal_ordering=True)
        return [names[i] for i in leaves_list(tree)]

    def plot(self, ax=None, *, cluster=True, numbers="auto", cmap="cividis"):
        """Draw the correlations.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw. By default in a new figure.

        cluster : bool, default=True
            Whether models come in the order of their clustering; else as they were.

        numbers : bool or "auto", default="auto"
            Whether cells have numbers. "auto": up to 24 models.

        cmap : str or Colormap, default="cividis"
            Colours. The default is told apart by the colour-blind and in grey.

        Returns
        -------
        self : CorrelationDisplay
            With `figure_` and `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are several axes.
        """
        caller = "CorrelationDisplay.plot"
        n_models = len(self.correlation)
        side = np.clip(0.62 * n_models, 3.0, 14.0)
        figure, axes = open_panels(ax, 1, caller, size=(side + 2.2, side + 1.0))
        axis = axes[0]
        names = self.order if cluster else list(self.correlation.columns)
        values = self.correlation.loc[names, names].to_numpy()
        # the range that is there: the bar tells it
        known = values[~np.isnan(values)]
        low = np.floor(known.min() * 10) / 10 if len(known) else 0.0
        mesh = axis.pcolormesh(values, cmap=cmap, vmin=min(low, 0.9), vmax=1)
        at = np.arange(n_models) + 0.5
        labels = [short(name) for name in names]
        size = "medium" if n_models <= 12 else "small" if n_models <= 40 else 5
        turn = {"rotation": 90} if n_models > 12 else {"rotation": 45, "ha": "right"}
        axis.set_xticks(at, labels, fontsize=size, **turn)
        axis.set_yticks(at, labels, fontsize=size)
        axis.tick_params(length=0)
        axis.invert_yaxis()
        axis.set_aspect("equal")
        n_eras = int(self.n_eras.to_numpy().max(initial=0))
        axis.set_title(
            f"mean over {n_eras:,} era{'s' * (n_eras != 1)}", fontsize="medium"
        )
        bar = figure.colorbar(mesh, ax=axis, fraction=0.046, pad=0.03)
        bar.set_label("correlation of predictions")
        if n_models <= _MAX_NUMBERS if numbers == "auto" else numbers:
            _write_numbers(axis, mesh, values)
        return self._draws_on(figure, axes)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        groups=None,
        method="spearman",
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Correlate the predictions of models within eras and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or None
            Not used, but for its eras. There so that all displays are called alike.

        y_pred : array-like of shape (n_samples, n_models)
            Predictions, NaN where missing. Two models are compared on the rows that
            both predict.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of y_true or y_pred;
            where there is none, all rows are one era.

        method : {"spearman", "pearson", "numerai"}, default="spearman"
            Which correlation, see :func:`prediction_correlation_score`.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : CorrelationDisplay
            The correlations, and what was drawn.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, a prediction is infinite, or `method`
            is none of the three.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_choice(method, METHODS, "method", caller)
        columns = named_columns(y_pred, "model", "y_pred", caller)
        eras = eras_of(groups, y_true, y_pred, caller, required=False)
        eras = one_era(len(y_pred)) if eras is None else eras
        names = list(columns)
        n = len(names)
        mean, square = np.zeros((n, n)), np.zeros((n, n))
        count = np.zeros((n, n), dtype=np.int64)
        for rows in eras.rows():
            pred = np.column_stack([column[rows] for column in columns.values()])
            found = _correlate(pred, method)
            known = ~np.isnan(found)
            count += known
            # Welford's recurrence: the difference of large sums would lose digits
            change = np.where(known, found - mean, 0.0)
            mean += change / np.maximum(count, 1)
            square += change * np.where(known, found - mean, 0.0)
        mean[count == 0] = np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            std = np.sqrt(square / count)
        frames = [pd.DataFrame(a, names, names) for a in (mean, std, count)]
        display = cls(*frames)
        return display.plot(ax, **plot_params) if plot else display


def _correlate(pred, method):
    """Correlations of the columns of one era, of shape (n_models, n_models)."""
    missing = np.isnan(pred)
    whole = ~missing.any(axis=0)
    out = np.full((pred.shape[1], pred.shape[1]), np.nan)
    if whole.any() and len(pred) > 1:
        unit = unit_columns(_transform(pred[:, whole], method))
        out[np.ix_(whole, whole)] = np.clip(unit.T @ unit, -1, 1)
    for j in np.flatnonzero(~whole):
        for i in range(pred.shape[1]):
            if not whole[i] and i < j:
                continue
            both = ~(missing[:, i] | missing[:, j])
            if both.sum() > 1:
                pair = unit_columns(_transform(pred[both][:, [i, j]], method))
                out[i, j] = out[j, i] = np.clip(pair[:, 0] @ pair[:, 1], -1, 1)
    known = ~np.isnan(np.diag(out))
    out[known, known] = 1.0
    return out


def _transform(pred, method):
    if method == "pearson":
        return pred.astype(np.float64)
    if method == "spearman":
        return average_ranks(pred)
    return signed_power(gaussian_ranks(pred), 1.5)


def _write_numbers(axis, mesh, values):
    n_models = len(values)
    size = np.clip(60 / n_models, 5, 9)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            red, green, blue, _ = mesh.cmap(mesh.norm(value))
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            axis.text(
                j + 0.5,
                i + 0.5,
                # no minus before a zero
                "" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}",
                ha="center",
                va="center",
                fontsize=size,
                color="white" if dark else "black",
            )
