"""Scores of eras and what they add up to, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_panels, check_predicts
from sknumerai.inspection._era_axis import EraAxis, by_era_numbers
from sknumerai.inspection._era_metrics import check_metrics, score_eras
from sknumerai.inspection._era_scores_panels import (
    FEW_MODELS,
    draw_drawdowns,
    draw_scores,
    draw_sums,
    put_legend,
)
from sknumerai.inspection._named_columns import as_models
from sknumerai.inspection._panels import Display, open_panels
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.utils import check_eras

PANELS = ("scores", "cumulative", "drawdown")


class EraScoresDisplay(Display):
    """Scores of eras, their sum over time and its drawdowns.

    It is recommended to use :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_scores` to make one. Read more in the
    :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    scores : dict of str to DataFrame
        For each metric the scores of eras (rows, in time order) and models (columns).
        NaN where a model has no score, as for an era in which it predicts a constant.

    Attributes
    ----------
    cumulative : dict of str to DataFrame
        The sums of the scores up to each era. NaN where there is no score.

    drawdown : dict of str to DataFrame
        How far these sums lie below their highest point so far, not negative, in units
        of the scores. The maximum of a column is :func:`max_drawdown`.

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels: those of the first metric, then those of the next.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    score_summary : The same in numbers, with confidence intervals.
    FeatureExposureDisplay : What predictions lean on.

    Notes
    -----
    Sums begin with the first era's score, as Numerai's own figures do. Targets of
    neighbouring eras overlap, so a sum is no return: it shows when a model was good.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.inspection import EraScoresDisplay
    >>> data = make_numerai(n_eras=30, n_samples_per_era=60, random_state=0)
    >>> display = EraScoresDisplay.from_predictions(
    ...     data.target, data.data.iloc[:, 0].rename("one feature"), plot=False
    ... )
    >>> display.scores["corr"].shape
    (30, 1)
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (2,)
    """

    def __init__(self, scores):
        self.scores = scores

    @property
    def cumulative(self):
        """Sums of the scores up to each era."""
        return {name: table.cumsum() for name, table in self.scores.items()}

    @property
    def drawdown(self):
        """How far the sums lie below their highest point so far."""
        return {name: sums.cummax() - sums for name, sums in self.cumulative.items()}

    def plot(self, ax=None, *, panels=None, rolling="auto"):
        """Draw the scores.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are panels, or one whose place they share. By default a
            new figure.

        panels : str or sequence of str, default=None
            What is drawn for each metric: "scores" of eras, as bars for one model and
            as points for up to three, with their rolling mean; "cumulative" sums, for
            up to three models with drawdowns shaded; "drawdown", how far the sums lie
            below their highest point. By default the first two, and the third for more
            than three models.

        rolling : int or None, default="auto"
            Eras of the rolling mean among the scores. "auto" is a 25th of the eras, and
            at least 5; None draws none.

        Returns
        -------
        self : EraScoresDisplay
            With `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there are no such panels, or another number of axes.
        """
        caller = "EraScoresDisplay.plot"
        n_models = max(table.shape[1] for table in self.scores.values())
        few = n_models <= FEW_MODELS
        panels = (PANELS[:2] if few else PANELS) if panels is None else panels
        panels = check_panels(panels, PANELS, caller)
        numbers = {n: by_era_numbers(t, caller)[1] for n, t in self.scores.items()}
        eras = EraAxis(np.unique(np.concatenate(list(numbers.values()))))
        window = _check_rolling(rolling, len(eras.numbers), caller)
        ratios = [1 if p == "drawdown" else 1.4 for p in panels] * len(self.scores)
        figure, axes = open_panels(
            ax, len(ratios), caller, size=(9.0, 2.6), ratios=ratios
        )
        sums, falls = self.cumulative, self.drawdown
        for i, axis in enumerate(axes):
            name, panel = list(self.scores)[i // len(panels)], panels[i % len(panels)]
            places = eras.place(numbers[name])
            table = self.scores[name]
            if panel == "scores":
                draw_scores(axis, table, name, places, eras.step, window)
            elif panel == "cumulative":
                draw_sums(axis, sums[name], falls[name], name, places)
            else:
                draw_drawdowns(axis, falls[name], name, places)
            few = table.shape[1] <= FEW_MODELS
            if panel == ("cumulative" if few and "cumulative" in panels else panels[0]):
                put_legend(axis, table, falls[name])
            eras.mark(axis, label=i == len(axes) - 1)
        return self._draws_on(figure, axes)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        groups=None,
        metrics=None,
        meta_model=None,
        benchmark=None,
        features=None,
        policy=None,
        min_coverage=1.0,
        name=None,
        verbose=1,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Predict with a fitted estimator, score each era and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor, or a pipeline that ends in one. It is given the eras
            where it takes them.

        X : array-like of shape (n_samples, n_features)
            Rows to predict, which it was not fitted to.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, of which the first column is scored.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        metrics : str, callable, list, dict or None, default=None
            See :meth:`from_predictions`.

        meta_model, benchmark, features : array-like, default=None
            Third inputs of metrics, see :meth:`from_predictions`.

        policy : PayoutPolicy, int or str, default=None
            Rule of "payout", see :func:`payout_score`.

        min_coverage : float, default=1.0
            Share of the eras that third inputs must cover.

        name : str, default=None
            What to call it. By default its class.

        verbose : int, default=1
            Whether a progress bar over the eras appears where a metric takes more than
            two seconds.

        plot : bool, default=True
            Whether to draw now.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : EraScoresDisplay
            The scores, and what was drawn.

        Raises
        ------
        MissingErasError
            If no eras are found.

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
        rows = ScoredRows(estimator, X, y, groups, caller)
        if rows.n_not_finite:
            raise ValueError(rows.say_not_finite())
        name = type(estimator).__name__ if name is None else name
        return cls.from_predictions(
            rows.labelled_target(),
            pd.Series(rows.y_pred, rows.index, name=name),
            groups=rows.labels,
            metrics=metrics,
            meta_model=meta_model,
            benchmark=benchmark,
            features=features,
            policy=policy,
            min_coverage=min_coverage,
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
        *,
        groups=None,
        metrics=None,
        meta_model=None,
        benchmark=None,
        features=None,
        policy=None,
        min_coverage=1.0,
        verbose=1,
        plot=True,
        ax=None,
        **plot_params,
    ):
        """Score each era of one or many models' predictions and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Targets. Eras without any are left out.

        y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
            Predictions. The columns are models.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of y_true or y_pred.

        metrics : str, callable, list of these, dict of str to these or None, \
                default=None
            What to compute, a group of panels each: "corr", "mmc", "bmc", "fnc",
            "payout", "lpayout" (CORR + 2 BMC), "spearman", "cwmm",
            a metric of this package or a function that knows one era. By default the
            first five, as far as the third inputs allow.

        meta_model : array-like of shape (n_samples,), default=None
            The meta model's predictions, for "mmc", "payout" and "cwmm".

        benchmark : array-like of shape (n_samples,) or (n_samples, n_benchmarks), \
                default=None
            Benchmark models' predictions, for "bmc" and "lpayout".

        features : array-like of shape (n_samples, n_features), default=None
            Features, for "fnc".

        policy : PayoutPolicy, int or str, default=None
            Rule of "payout", see :func:`payout_score`. None is the latest.

        min_coverage : float, default=1.0
            Share of the eras that third inputs must cover, see :func:`mmc_score`.

        verbose : int, default=1
            Whether a progress bar over the eras appears where a metric takes more than
            two seconds.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : EraScoresDisplay
            The scores, and what was drawn.

        Raises
        ------
        MissingErasError
            If no eras are found.

        ValueError
            If there is no such metric, its third input is missing, or the inputs do not
            fit each other.
        """
        caller = f"{cls.__name__}.from_predictions"
        sides = {"meta_model": meta_model, "benchmark": benchmark, "features": features}
        sides = {name: value for name, value in sides.items() if value is not None}
        # the one look-up that refuses rows without eras
        eras = check_eras(
            groups,
            y_true,
            y_pred,
            n_samples=len(y_pred),
            required=True,
            names=("y_true", "y_pred"),
            caller=caller,
        )
        groups = pd.Categorical.from_codes(eras.codes, eras.labels)
        more = {
            "groups": groups,
            "min_coverage": min_coverage,
            "policy": policy,
            "verbose": verbose,
        }
        scores = {
            name: score_eras(metric, y_true, y_pred, sides, more, caller)
            for name, metric in check_metrics(metrics, sides, caller).items()
        }
        return cls.from_scores(scores, plot=plot, ax=ax, **plot_params)

    @classmethod
    def from_scores(cls, scores, *, plot=True, ax=None, **plot_params):
        """Draw scores of eras that there are already.

        Parameters
        ----------
        scores : Series, DataFrame or dict of str to these
            Scores of eras (rows) and models (columns), such as metrics give with
            ``aggregate=None``, or several metrics' by name. Of several index levels
            that named "era" counts.

        plot : bool, default=True
            Whether to draw now.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : EraScoresDisplay
            The scores in the order of eras, and what was drawn.

        Raises
        ------
        ValueError
            If rows are no eras, an era comes twice, or a score is infinite or no
            number.
        """
        caller = f"{cls.__name__}.from_scores"
        if not isinstance(scores, dict):
            scores = {"score": scores}
        if not scores:
            raise ValueError(f"{caller}: scores is empty.")
        tables = {n: _as_table(values, n, caller) for n, values in scores.items()}
        display = cls(tables)
        return display.plot(ax, **plot_params) if plot else display


def _check_rolling(rolling, n_eras, caller):
    if isinstance(rolling, str) and rolling == "auto":
        return max(5, n_eras // 25)
    if rolling is None or (
        isinstance(rolling, Integral) and not isinstance(rolling, bool) and rolling > 0
    ):
        return rolling
    raise ValueError(
        f"{caller}: rolling must be 'auto', None or a number of eras of at least 1. "
        f"Got {rolling!r}."
    )


def _as_table(values, name, caller):
    if not isinstance(values, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{caller}: the scores {name!r} must be a Series or DataFrame whose rows "
            f"are eras. Got {type(values).__name__}."
        )
    table = values.to_frame() if isinstance(values, pd.Series) else values
    table = table.set_axis(as_models(values, table.shape[1]), axis=1)
    if table.size == 0:
        raise ValueError(f"{caller}: the scores {name!r} have shape {table.shape}.")
    try:
        numbers = table.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{caller}: the scores {name!r} must be numbers.") from error
    if np.isinf(numbers).any():
        raise ValueError(f"{caller}: some of the scores {name!r} are infinite.")
    table = pd.DataFrame(numbers, table.index, table.columns)
    return by_era_numbers(table, caller, f"the scores {name!r}")[0]
