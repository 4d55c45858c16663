"""What predictions lean on, by era and by feature, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_count, check_panels, check_predicts
from sknumerai.inspection._era_axis import EraAxis, by_era_numbers
from sknumerai.inspection._exposure_tables import exposure_tables
from sknumerai.inspection._named_columns import as_models
from sknumerai.inspection._panels import (
    MARKERS,
    NEUTRAL,
    Display,
    curve_style,
    legend_above,
    open_panels,
    short,
)
from sknumerai.metrics._scored_predictions import predict
from sknumerai.utils import check_eras, has_eras, row_index, warn_of_leakage

PANELS = ("eras", "features")
# Beyond, legends stand above the curves.
_FEW_MODELS = 3
_DASHES_OF = {"max": "-", "rms": ":"}


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
        check_count(n_features, "n_features", caller)
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
        panels = check_panels(panels, PANELS, caller)
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
        verbose=1,
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

        verbose : int, default=1
            Whether a progress bar over the eras appears if it takes more than two
            seconds.

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
        TypeError
            If `estimator` does not predict.

        ValueError
            See :meth:`from_predictions`.

        Warns
        -----
        LeakageWarning
            If it was fitted to some of the eras.
        """
        caller = f"{cls.__name__}.from_estimator"
        check_predicts(estimator, caller)
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
            verbose=verbose,
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
        verbose=1,
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

        verbose : int, default=1
            Whether a progress bar over the eras appears if it takes more than two
            seconds.

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
        if eras is not None:
            groups = pd.Categorical.from_codes(eras.codes, eras.labels)
        display = cls(
            *exposure_tables(
                y_true,
                y_pred,
                features,
                names,
                n_eras=1 if eras is None else eras.n_eras,
                groups=groups,
                method=method,
                min_coverage=min_coverage,
                verbose=verbose,
            )
        )
        return display.plot(ax, **plot_params) if plot else display

    def _draw_eras(self, axis, caller):
        table, numbers = by_era_numbers(self.by_era, caller, "by_era")
        eras = EraAxis(numbers)
        # marks at a few places, for where colours are not told apart
        every = max(1, len(numbers) // 12)
        handles = []
        for j, model in enumerate(self.models):
            style = curve_style(j) | {"marker": MARKERS[j % len(MARKERS)]}
            for name, dashes in _DASHES_OF.items():
                style["linestyle"] = dashes
                (line,) = axis.plot(
                    eras.places,
                    table[model, name],
                    linewidth=eras.line_width,
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
            legend_above(axis, handles, n_letters=75, title=title)
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
