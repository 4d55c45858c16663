"""Histograms of residuals: what predictions leave of targets, or codes of features."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import is_classifier

from sknumerai.inspection._checks import check_count
from sknumerai.inspection._histograms import (
    count_values,
    draw_histogram,
    edges_of,
    table_of_bins,
)
from sknumerai.inspection._named_columns import named_columns
from sknumerai.inspection._panels import COLOURS, NEUTRAL, Display, open_panels
from sknumerai.metrics._scored_predictions import predict
from sknumerai.utils import check_eras

# Values of the features that are rebuilt at a time
_CHUNK = 2**22


class ResidualsDisplay(Display):
    """Histogram of the residuals, target less prediction, of models or of targets.

    Beside it, as a line, what a constant prediction leaves. Numerai's targets are mostly noise,
    so the two are close for a good model too: what to look for is bias (a mean that
    is not zero), residuals wider than those of the constant, and tails. Of an
    autoencoder they are the features less their reconstruction. Make it with
    `from_estimator` or `from_predictions`. Read more in the
    :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    histograms : dict of DataFrame
        For each model or target a row for each bin: `lower` and `upper` edge, the
        `share` of residuals, and `share_constant`, that of the targets less their mean
        (NaN for features).

    summary : DataFrame
        A row for each: `n_rows`, `n_missing` (residuals that are not known), `mean`,
        `std`, `rmse`, `mae`, `skewness` and `kurtosis` (0 for normal residuals) and
        `rmse_constant`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels.

    ax_ : matplotlib.axes.Axes
        The first of these.

    See Also
    --------
    DistributionDisplay : Targets and predictions themselves.
    sklearn.metrics.PredictionErrorDisplay : Residuals against predictions.

    Examples
    --------
    >>> from sknumerai.inspection import ResidualsDisplay
    >>> display = ResidualsDisplay.from_predictions(
    ...     [0.25, 0.5, 0.75, 0.5], [0.5, 0.5, 0.5, 0.6], plot=False
    ... )
    >>> display.summary[["mean", "rmse", "rmse_constant"]].round(3)
                 mean   rmse  rmse_constant
    residual
    prediction -0.025  0.184          0.177
    """

    def __init__(self, histograms, summary):
        self.histograms = histograms
        self.summary = summary

    def plot(self, ax=None, *, n_columns=3):
        """Draw the histograms.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are histograms, or one whose place they share. By default a
            new figure.

        n_columns : int, default=3
            Number of histograms beside each other.

        Returns
        -------
        self : ResidualsDisplay
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
            "ResidualsDisplay.plot",
            n_columns=n_columns,
            size=(4.2, 3.0),
        )
        for axis, (name, table) in zip(axes, self.histograms.items()):
            row = self.summary.loc[name]
            said = f"mean {row['mean']:.3g}, RMSE {row['rmse']:.4g}"
            has_constant = table["share_constant"].notna().all()
            if has_constant:
                said += f" (constant: {row['rmse_constant']:.4g})"
            if row["n_missing"]:
                said += f", {row['n_missing'] / row['n_rows']:.1%} missing"
            draw_histogram(axis, table, (name, said), alpha=0.75, label="residuals")
            if has_constant:
                axis.stairs(
                    table["share_constant"],
                    edges_of(table),
                    color=COLOURS[3],
                    linewidth=1.2,
                    label="of a constant",
                )
                axis.legend(fontsize="small", frameon=False, loc="upper left")
            axis.axvline(0, color=NEUTRAL, linewidth=0.8)
            axis.set_xlabel("residual")
            axis.set_ylabel("share of rows" if has_constant else "share of values")
            axis.set_ylim(bottom=0)
        return self._draws_on(figure, axes)

    @classmethod
    def from_predictions(
        cls, y_true, y_pred, *, bins=50, plot=True, ax=None, **plot_params
    ):
        """Count the residuals of predictions and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, NaN where they are not resolved.

        y_pred : array-like of shape (n_samples,) or (n_samples, n_columns)
            Predictions. Of one target, the columns are models; of several targets
            there is a column for each.

        bins : int, default=50
            Number of bins of equal width.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : ResidualsDisplay
            The histograms, and what was drawn.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, a value is infinite, or no residual is
            known.
        """
        caller = f"{cls.__name__}.from_predictions"
        check_count(bins, "bins", caller)
        display = cls(*_of_predictions(y_true, y_pred, bins, caller))
        return display.plot(ax, **plot_params) if plot else display

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        groups=None,
        bins=50,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Predict, count the residuals and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor; a classifier of numbers, whose prediction is then the
            expected value; or, without `y`, an autoencoder with `transform` and
            `inverse_transform`.

        X : array-like of shape (n_samples, n_features)
            Features, of rows that the model was not fitted to.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for models whose `predict` takes them. By default the index
            level "era" of `X`.

        bins : int, default=50
            Number of bins of equal width.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : ResidualsDisplay
            The histograms, and what was drawn.

        Raises
        ------
        TypeError
            If the estimator does not predict and does not rebuild features.

        ValueError
            As of :meth:`from_predictions`, or if classes are no numbers.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_count(bins, "bins", caller)
        X = X if isinstance(X, pd.DataFrame) else np.asarray(X)
        name = type(estimator).__name__
        if y is None and hasattr(estimator, "inverse_transform"):
            found = _of_reconstruction(estimator, X, bins, name)
        elif y is None:
            raise ValueError(
                f"{caller}: y is None, and {name} does not rebuild features "
                "(inverse_transform). Pass the targets of the rows of X."
            )
        elif hasattr(estimator, "predict"):
            eras = check_eras(groups, X, y, n_samples=len(X), caller=caller)
            labels = None if groups is None else eras.labels[eras.codes]
            y_pred = _predict(estimator, X, labels, caller)
            if np.ndim(y_pred) == 1:
                # the main target is what is predicted
                y = _main(y)
                y_pred = pd.Series(np.asarray(y_pred), name=name)
            found = _of_predictions(y, np.asarray(y_pred), bins, caller, name)
        else:
            raise TypeError(
                f"{caller}: {name} does not predict. Leave y out for the residuals of "
                "an autoencoder's reconstruction."
            )
        display = cls(*found)
        return display.plot(ax, **plot_params) if plot else display


def _predict(estimator, X, labels, caller):
    if not is_classifier(estimator):
        return predict(estimator, X, labels)
    classes = np.asarray(estimator.classes_)
    if classes.dtype.kind not in "iuf":
        raise ValueError(
            f"{caller}: the classes of {type(estimator).__name__} are no numbers, such "
            f"as {classes.tolist()[0]!r}, so there are no residuals."
        )
    return np.asarray(estimator.predict_proba(X)) @ classes


def _main(y):
    if np.ndim(y) == 1:
        return y
    return y.iloc[:, 0] if isinstance(y, pd.DataFrame) else np.asarray(y)[:, 0]


def _of_predictions(y_true, y_pred, bins, caller, name="prediction"):
    targets = named_columns(y_true, "target", "y_true", caller)
    models = named_columns(y_pred, name, "y_pred", caller)
    if not targets or not models:
        raise ValueError(f"{caller}: pass both targets and predictions.")
    if len(targets) > 1 and len(models) != len(targets):
        raise ValueError(
            f"{caller}: there are {len(targets)} targets and {len(models)} columns of "
            "predictions. Pass one target, or predictions of each."
        )
    lengths = {len(v) for v in (*targets.values(), *models.values())}
    if len(lengths) > 1:
        raise ValueError(
            f"{caller}: y_true has {len(next(iter(targets.values())))} rows and y_pred "
            f"has {len(next(iter(models.values())))}."
        )
    check_eras(None, y_true, y_pred, caller=caller, names=("y_true", "y_pred"))
    several = len(targets) > 1
    names = targets if several else models
    truths = targets.values() if several else [*targets.values()] * len(models)
    histograms, rows = {}, {}
    for key, truth, values in zip(names, truths, models.values()):
        residuals = truth.astype(np.float64) - values
        known = np.isfinite(residuals)
        if not known.any():
            raise ValueError(
                f"{caller}: no residual of {key!r} is known: target or prediction is "
                "missing in each row."
            )
        found = residuals[known]
        constant = truth[known] - truth[known].mean(dtype=np.float64)
        table = count_values(np.concatenate([found, constant]), bins)
        edges = edges_of(table)
        table["share"], table["share_constant"] = (
            np.histogram(part, edges)[0] / len(found) for part in (found, constant)
        )
        histograms[key] = table
        rows[key] = {
            "n_rows": len(residuals),
            "n_missing": int((~known).sum()),
            "mean": found.mean(),
            "std": found.std(),
            "rmse": np.sqrt(np.square(found).mean()),
            "mae": np.abs(found).mean(),
            "skewness": _shape(stats.skew, found),
            "kurtosis": _shape(stats.kurtosis, found),
            "rmse_constant": np.sqrt(np.square(constant).mean()),
        }
    summary = pd.DataFrame(rows.values(), pd.Index(rows, name="residual"))
    return histograms, summary


def _shape(function, values):
    """Skewness or kurtosis, NaN of values that are equal but for rounding."""
    is_equal = np.ptp(values) <= 1e-9 * np.abs(values).max()
    return np.nan if is_equal else float(function(values))


def _of_reconstruction(estimator, X, bins, name):
    """Residuals of all features together, some rows at a time, in two passes."""
    step = max(1, _CHUNK // max(1, X.shape[1]))

    def parts():
        for start in range(0, len(X), step):
            part = X[start : start + step]
            rebuilt = estimator.inverse_transform(estimator.transform(part))
            yield np.asarray(part, dtype=np.float64) - np.asarray(rebuilt)

    sums, low, high, n = np.zeros(5), np.inf, -np.inf, 0
    for residuals in parts():
        powers = [(residuals**power).sum() for power in (1, 2, 3, 4)]
        sums += [*powers, np.abs(residuals).sum()]
        low, high = min(low, residuals.min()), max(high, residuals.max())
        n += residuals.size
    edges = np.histogram_bin_edges([low, high], bins)
    counts = sum(np.histogram(residuals, edges)[0] for residuals in parts())
    table = table_of_bins(edges, counts / n).assign(share_constant=np.nan)
    first, second, third, fourth, mae = sums / n
    variance = second - first**2
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
        central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        kurtosis = central / variance**2 - 3
    row = {
        "n_rows": len(X),
        "n_missing": 0,
        "mean": first,
        "std": np.sqrt(variance),
        "rmse": np.sqrt(second),
        "mae": mae,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "rmse_constant": np.nan,
    }
    key = f"{name}: features"
    return {key: table}, pd.DataFrame([row], pd.Index([key], name="residual"))
