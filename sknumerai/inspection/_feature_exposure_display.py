"""What predictions lean on, by era and by feature, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
import pandas as pd

from sknumerai.inspection._panels import (
    MARKERS,
    NEUTRAL,
    Display,
    EraAxis,
    as_models,
    by_era_numbers,
    columns_of_legend,
    curve_style,
    open_panels,
    short,
)
from sknumerai.metrics import feature_exposures
from sknumerai.metrics._scored_predictions import predict
from sknumerai.utils import check_eras, has_eras, row_index, warn_of_leakage

PANELS = ("eras", "features")
# Beyond, legends stand above the curves.
_FEW_MODELS = 3
# Exposures that are held at once, in bytes; models beyond take another turn.
_MAX_BYTES = 2**27
_DASHES_OF = {"max": "-", "rms": ":"}
STATISTICS = ("mean", "std", "low", "high", "largest", "n_eras")


class FeatureExposureDisplay(Display):
    """Exposure of predictions to features, by era and by feature.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions` to make
    one. Read more in the :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    by_era : DataFrame
        Rows are eras. The columns are (model, "max"), the largest size of any exposure,
        and (model, "rms"), the root mean square of all.

    by_feature : DataFrame
        Rows are features. The columns are (model, statistic) with the statistics
        "mean" and "std" of the exposure over eras, "low" and "high", between which it
        lies in nine of ten eras, "largest", the exposure of the largest size with its
        sign, and "n_eras", in which the feature was not constant.

    Attributes
    ----------
    models : list
        Names of the models.

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    feature_exposures : The exposures themselves.
    FeatureNeutralizer : Takes them out.

    Notes
    -----
    Features are read once for every 128 MB of exposures (eight models of 574 eras and
    3,555 features), era by era in small blocks: int8 codes are never copied as a whole.

    References
    ----------
    Numerai's forum, "Model Diagnostics: Feature Exposure".

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.inspection import FeatureExposureDisplay
    >>> data = make_numerai(n_eras=10, n_samples_per_era=60, random_state=0)
    >>> features = data.data
    >>> first, second = features.columns[:2]
    >>> y_pred = (features[first] - features[second]).rename("two features")
    >>> display = FeatureExposureDisplay.from_predictions(
    ...     None, y_pred, features, plot=False
    ... )
    >>> set(display.top_features(2)) == {first, second}
    True
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (2,)
    """

    def __init__(self, by_era, by_feature):
        self.by_era = by_era
        self.by_feature = by_feature

    @property
    def models(self):
        """Names of the models."""
        return list(self.by_era.columns.get_level_values(0).unique())

    def top_features(self, n_features=20, *, sort="mean"):
        """Rank features by what any of the models has of them.

        Parameters
        ----------
        n_features : int, default=20
            How many.

        sort : {"mean", "largest"}, default="mean"
            By the size of the mean exposure, or of the largest of any era.

        Returns
        -------
        features : Index
            Features that have an exposure, the largest first.
        """
        caller = "FeatureExposureDisplay.top_features"
        if sort not in ("mean", "largest"):
            raise ValueError(
                f"{caller}: sort must be 'mean' or 'largest'. Got {sort!r}."
            )
        if not isinstance(n_features, Integral) or n_features < 1:
            raise ValueError(
                f"{caller}: n_features must be an integer of at least 1. Got "
                f"{n_features!r}."
            )
        values = self.by_feature.xs(sort, axis=1, level=1).abs().max(axis=1)
        order = np.argsort(-values.to_numpy(), kind="stable")
        known = values.notna().to_numpy()[order]
        return self.by_feature.index[order[known][:n_features]]

    def plot(self, ax=None, *, panels=PANELS, n_features=20, sort="mean"):
        """Draw exposures by era and by feature.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are panels, or one whose place they share. By default a
            new figure.

        panels : str or sequence of str, default=("eras", "features")
            "eras": the largest exposure of each era and the root mean square of all.
            "features": for each feature the mean exposure, a line over nine tenths of
            the eras and a tick at the largest.

        n_features : int, default=20
            Number of features that are drawn.

        sort : {"mean", "largest"}, default="mean"
            Which features: those whose mean is largest in size, or whose largest is.

        Returns
        -------
        self : FeatureExposureDisplay
            With `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are no such panels, or another number of axes.
        """
        caller = "FeatureExposureDisplay.plot"
        panels = (panels,) if isinstance(panels, str) else tuple(panels)
        unknown = [panel for panel in panels if panel not in PANELS]
        if unknown or not panels:
            raise ValueError(
                f"{caller}: panels must be some of {list(PANELS)}. Got "
                f"{unknown or 'none'}."
            )
        features = self.top_features(n_features, sort=sort)
        lines = len(features) * max(1.0, 0.45 * len(self.models))
        height = min(14.0, 0.9 + 0.2 * lines) if "features" in panels else 3.2
        figure, axes = open_panels(
            ax, len(panels), caller, n_columns=2, size=(6.5, max(3.2, height))
        )
        for axis, panel in zip(axes, panels):
            if panel == "eras":
                self._draw_eras(axis, caller)
            else:
                self._draw_features(axis, features, sort, "eras" in panels)
        return self._draws_on(figure, axes)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        groups=None,
        features=None,
        method="pearson",
        name=None,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Predict with a fitted estimator and draw what the predictions lean on.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor, or a pipeline that ends in one. It is given the eras
            where it takes them.

        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        y : array-like of shape (n_samples,), default=None
            Not used, but for its eras.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y; where there is
            none, all rows are one era.

        features : array-like, list of column names or None, default=None
            Other features than X, or some of its columns, which are copied. None is X.

        method : {"pearson", "spearman"}, default="pearson"
            Which correlation, see :func:`feature_exposures`.

        name : str, default=None
            What to call it. By default its class.

        plot : bool, default=True
            Whether to draw now.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : FeatureExposureDisplay
            The exposures, and what was drawn.

        Raises
        ------
        ValueError
            See :meth:`from_predictions`.

        Warns
        -----
        LeakageWarning
            If it was fitted to some of the eras.
        """
        caller = f"{cls.__name__}.from_estimator"
        eras = check_eras(
            groups, X, y, n_samples=len(X), allow_live=True, caller=caller
        )
        labels = None
        if eras is not None:
            labels = pd.Categorical.from_codes(eras.codes, eras.labels)
            warn_of_leakage(estimator, eras, caller)
        y_pred = predict(estimator, X, None if has_eras(X) else labels)
        values = np.asarray(y_pred)
        index = row_index(X, y)
        if values.shape != (len(X),):
            raise ValueError(
                f"{caller}: {type(estimator).__name__} predicts an array of shape "
                f"{values.shape} for {len(X)} rows. It must be one number for each "
                "row: give from_predictions one column."
            )
        name = type(estimator).__name__ if name is None else name
        if features is None:
            features = X
        elif isinstance(features, list) and hasattr(X, "columns"):
            features = X[features]
        return cls.from_predictions(
            None,
            pd.Series(values, index, name=name),
            features,
            groups=labels,
            method=method,
            plot=plot,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        features,
        *,
        groups=None,
        method="pearson",
        min_coverage=1.0,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Draw what one or many models' predictions lean on.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or None
            Not used, but for its eras. There so that all displays are called alike.

        y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
            Predictions, NaN where missing. The columns are models.

        features : array-like of shape (n_samples, n_features)
            Finite features. A DataFrame is matched by its index.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of y_true or y_pred;
            where there is none, all rows are one era.

        method : {"pearson", "spearman"}, default="pearson"
            Which correlation, see :func:`feature_exposures`.

        min_coverage : float, default=1.0
            Share of the eras that `features` must cover, see :func:`mmc_score`.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : FeatureExposureDisplay
            The exposures, and what was drawn.

        Raises
        ------
        ValueError
            If the inputs do not fit each other, or a feature is not finite.
        """
        caller = f"{cls.__name__}.from_predictions"
        if not isinstance(y_pred, pd.Series | pd.DataFrame):
            y_pred = np.asarray(y_pred)
        n_models = 1 if y_pred.ndim == 1 else y_pred.shape[1]
        names = as_models(y_pred, n_models)
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise ValueError(
                f"{caller}: several models are called {twice!r}. Give each its name."
            )
        eras = check_eras(
            groups,
            y_true,
            y_pred,
            n_samples=len(y_pred),
            allow_live=True,
            names=("y_true", "y_pred"),
            caller=caller,
        )
        n_eras = 1
        if eras is not None:
            groups, n_eras = (
                pd.Categorical.from_codes(eras.codes, eras.labels),
                eras.n_eras,
            )
        n_features = np.shape(features)[1] if np.ndim(features) == 2 else 1
        n_at_once = max(1, _MAX_BYTES // (8 * n_eras * max(1, n_features)))
        found = []
        for start in range(0, n_models, n_at_once):
            table = feature_exposures(
                y_true,
                _some(y_pred, start, start + n_at_once),
                features,
                groups=groups,
                aggregate=None,
                method=method,
                min_coverage=min_coverage,
            )
            index = table.index
            width = table.shape[1] // max(1, min(n_at_once, n_models - start))
            columns = features.columns if hasattr(features, "columns") else None
            values = table.to_numpy()
            for j in range(0, values.shape[1], width):
                found.append(_summarize(values[:, j : j + width]))
        names_of_features = pd.RangeIndex(n_features) if columns is None else columns
        by_era = pd.concat(
            [pd.DataFrame(f[0], index=index) for f in found], axis=1, keys=names
        )
        by_feature = pd.concat(
            [pd.DataFrame(f[1], index=names_of_features) for f in found],
            axis=1,
            keys=names,
        )
        display = cls(by_era, by_feature)
        return display.plot(ax, **plot_params) if plot else display

    def _draw_eras(self, axis, caller):
        table, numbers = by_era_numbers(self.by_era, caller, "by_era")
        eras = EraAxis(numbers)
        # marks at a few places, for where colours are not told apart
        every = max(1, len(numbers) // 12)
        wide = 1.4 if len(numbers) <= 300 else 0.8
        handles = []
        for j, model in enumerate(self.models):
            style = curve_style(j) | {"marker": MARKERS[j % len(MARKERS)]}
            for name, dashes in _DASHES_OF.items():
                style["linestyle"] = dashes
                (line,) = axis.plot(
                    eras.places,
                    table[model, name],
                    linewidth=wide,
                    markersize=4.5,
                    markevery=(j * every // max(1, len(self.models)), every),
                    label=short(model),
                    **style,
                )
                handles.append(line)
        from matplotlib.lines import Line2D

        handles = handles[:: len(_DASHES_OF)]
        for name, dashes in _DASHES_OF.items():
            handles.append(Line2D([], [], color=NEUTRAL, linestyle=dashes, label=name))
        axis.set_ylim(bottom=0)
        axis.set_ylabel("size of exposure (correlation)")
        title = "by era: largest (max) and root mean square (rms)"
        if len(self.models) <= _FEW_MODELS:
            axis.set_title(title, fontsize="medium")
            axis.legend(handles=handles, fontsize="small", framealpha=0.6)
        else:
            # so many lines would hide the curves
            axis.legend(
                handles=handles,
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=columns_of_legend(handles, 75),
                title=title,
                fontsize="small",
                frameon=False,
            )
        eras.mark(axis)

    def _draw_features(self, axis, features, sort, is_told):
        at = np.arange(len(features))[::-1]
        n_models = len(self.models)
        rows = self.by_feature.index.get_indexer_for(features)
        axis.axvline(0, color=NEUTRAL, linewidth=0.8)
        for j, model in enumerate(self.models):
            part = self.by_feature[model].iloc[rows]
            offset = 0.0 if n_models == 1 else 0.7 * (0.5 - (j + 0.5) / n_models)
            style = curve_style(j)
            mean = part["mean"].to_numpy()
            axis.hlines(
                at + offset, part["low"], part["high"], color=style["color"], lw=1.5
            )
            axis.plot(
                mean,
                at + offset,
                linestyle="none",
                marker=MARKERS[j % len(MARKERS)],
                color=style["color"],
                markersize=5,
                label=short(model),
            )
            axis.plot(
                part["largest"],
                at + offset,
                linestyle="none",
                marker="|",
                color=style["color"],
                markersize=6,
            )
        axis.set_yticks(at, [short(name) for name in features], fontsize="small")
        axis.set_ylim(-0.75, len(features) - 0.25)
        axis.set_xlabel("exposure (correlation): mean, 9 of 10 eras, largest")
        axis.set_ylabel("feature")
        n_all = int(
            self.by_feature.xs("n_eras", axis=1, level=1).gt(0).any(axis=1).sum()
        )
        axis.set_title(
            f"by feature: {len(features)} of {n_all:,}, by size of the {sort}",
            fontsize="medium",
        )
        if n_models > 1 and not is_told:
            axis.legend(fontsize="small", framealpha=0.6)


def _some(y_pred, start, stop):
    if y_pred.ndim == 1:
        return y_pred
    if isinstance(y_pred, pd.DataFrame):
        return y_pred.iloc[:, start:stop]
    return y_pred[:, start:stop]


def _summarize(values):
    """By era and by feature, of one model's exposures of shape (n_eras, n_features)."""
    known = ~np.isnan(values)
    size = np.abs(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(np.square(size).sum(axis=1, where=known) / known.sum(axis=1))
    by_era = {"max": np.fmax.reduce(size, axis=1), "rms": rms}
    columns = np.full((len(STATISTICS), values.shape[1]), np.nan)
    columns[-1] = known.sum(axis=0)
    some = columns[-1] > 0
    whole = some & (columns[-1] == len(values))
    columns[:-1, whole] = _over_eras(values[:, whole])
    for j in np.flatnonzero(some & ~whole):
        columns[:-1, j] = _over_eras(values[known[:, j], j : j + 1])[:, 0]
    by_feature = dict(zip(STATISTICS, columns))
    by_feature["n_eras"] = columns[-1].astype(np.int64)
    return by_era, by_feature


def _over_eras(values):
    if values.shape[1] == 0:
        return np.empty((len(STATISTICS) - 1, 0))
    low, high = np.quantile(values, [0.05, 0.95], axis=0)
    at = np.abs(values).argmax(axis=0)
    largest = values[at, np.arange(values.shape[1])]
    return np.stack([values.mean(axis=0), values.std(axis=0), low, high, largest])
