"""Trials of a search of hyperparameters, as figures."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.inspection._checks import check_count
from sknumerai.inspection._panels import (
    COLOURS,
    NEUTRAL,
    Display,
    legend_above,
    open_panels,
    short,
)
from sknumerai.inspection._trial_parameters import (
    association,
    is_known,
    is_numeric,
    is_wide,
    n_different,
)

# Categories beyond are not written at the axis.
_FEW_CATEGORIES = 12


class SearchHistoryDisplay(Display):
    """Trials of a search: their values, the best so far, and values by parameter.

    It is recommended to use :meth:`from_estimator` or :meth:`from_study` to make one.
    Read more in the :doc:`User Guide </user_guide/inspection>`.

    Parameters
    ----------
    trials : DataFrame
        A row for each trial that has ended, by its number: `value`, what was optimized,
        NaN where there is none, and `state`: "complete", "pruned" or "fail".

    params : DataFrame
        The parameters of the same trials, missing where a trial has not asked for one.

    direction : {"maximize", "minimize"}, default="maximize"
        Which values are better.

    log : sequence of str, default=None
        Parameters that were drawn on a logarithmic scale. None: not known, and those
        whose values differ a hundredfold are drawn on one.

    Attributes
    ----------
    best : Series
        The best value of complete trials so far.

    associations : Series
        For each parameter the share of the variance of the ranks of values that fifths
        of it, or its categories, explain, corrected for their number; the largest
        first, 0 where there is none. NaN of fewer than ten complete trials that have
        it. It tells which panels to look at: a sampler looks more often where values
        are good, so it is no effect.

    figure_ : matplotlib.figure.Figure
        The figure of the last `plot`.

    axes_ : ndarray of matplotlib.axes.Axes
        Its panels: the history, then a parameter each.

    ax_ : matplotlib.axes.Axes
        The first of them.

    See Also
    --------
    sknumerai.model_selection.OptunaSearchRegressor : Searches.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.inspection import SearchHistoryDisplay
    >>> trials = pd.DataFrame({"value": [0.1, 0.3, 0.2], "state": "complete"})
    >>> params = pd.DataFrame({"alpha": [1.0, 10.0, 100.0]})
    >>> display = SearchHistoryDisplay(trials, params)
    >>> display.best.to_list()
    [0.1, 0.3, 0.3]
    >>> display.plot().axes_.shape  # doctest: +SKIP
    (2,)
    """

    def __init__(self, trials, params, *, direction="maximize", log=None):
        self.trials = trials
        self.params = params
        self.direction = direction
        self.log = log

    @property
    def best(self):
        """The best value of complete trials so far."""
        values = self.trials["value"].where(self.trials["state"] == "complete")
        sums = values.cummax() if self.direction == "maximize" else values.cummin()
        return sums.ffill().rename("best")

    @property
    def associations(self):
        """How much of the ranks of values each parameter tells."""
        complete = self._complete()
        values = self.trials.loc[complete, "value"].to_numpy()
        found = {
            name: association(self.params.loc[complete, name], values)
            for name in self.params
        }
        series = pd.Series(found, dtype=np.float64, name="association")
        return series.sort_values(ascending=False, kind="stable", na_position="last")

    def plot(self, ax=None, *, params=None, n_params=8):
        """Draw the history and values by parameter.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            As many as there are panels, or one whose place they share. By default a
            new figure.

        params : str or sequence of str, default=None
            Parameters that get a panel. None is all that differ between trials, those
            with the largest `associations` first; an empty list draws the history
            alone.

        n_params : int, default=8
            At most so many of them.

        Returns
        -------
        self : SearchHistoryDisplay
            With `figure_` and `axes_`. Trials that were pruned are crosses at the last
            value that they told, those that failed marks at the lower edge. Later
            trials are darker.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        ValueError
            If there is no such parameter, or another number of axes.
        """
        caller = "SearchHistoryDisplay.plot"
        check_count(n_params, "n_params", caller, least=0)
        names = self._names(params, caller)[:n_params]
        n_panels = 1 + len(names)
        figure, axes = open_panels(
            ax, n_panels, caller, n_columns=3, size=(4.2, 3.1) if names else (8.0, 3.4)
        )
        self._draw_history(axes[0])
        for axis, name in zip(axes[1:], names):
            self._draw_param(axis, name)
        return self._draws_on(figure, axes)

    @classmethod
    def from_estimator(
        cls, estimator, *, metric=None, plot=True, ax=None, **plot_params
    ):
        """Draw the trials of a fitted search.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`OptunaSearchRegressor` or ``OptunaSearchCV``, or a search
            of scikit-learn, whose candidates are its trials.

        metric : str, default=None
            Of a search of scikit-learn with several metrics, the name of the one to
            draw. None is the one that was refitted.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : SearchHistoryDisplay
            The trials, and what was drawn.

        Raises
        ------
        ValueError
            If it is no fitted search, or has no such metric.
        """
        caller = f"{cls.__name__}.from_estimator"
        results = getattr(estimator, "cv_results_", None)
        if hasattr(estimator, "study_") and not (results and "state" in results):
            return cls.from_study(estimator.study_, plot=plot, ax=ax, **plot_params)
        if results is None:
            raise ValueError(
                f"{caller}: {type(estimator).__name__} has no cv_results_ and no "
                "study_. Pass a search that was fitted."
            )
        if "state" in results:
            numbers, state = results["number"], results["state"]
            values = results["value"]
        else:
            values = results[_column_of(estimator, results, metric, caller)]
            numbers, state = np.arange(len(values)), None
        values = np.asarray(values, dtype=np.float64)
        if state is None:
            state = np.where(np.isnan(values), "fail", "complete")
        index = pd.Index(numbers, name="trial")
        trials = pd.DataFrame({"value": values, "state": state}, index)
        params = _table_of(results["params"], index)
        display = cls(trials, params, log=_log_of(estimator))
        return display.plot(ax, **plot_params) if plot else display

    @classmethod
    def from_study(cls, study, *, plot=True, ax=None, **plot_params):
        """Draw the trials of a study of Optuna.

        Parameters
        ----------
        study : optuna.Study
            A study of one objective.

        plot : bool, default=True
            Whether to draw now. Without, matplotlib is not needed.

        ax : Axes or array-like of Axes, default=None
            See :meth:`plot`.

        **plot_params : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : SearchHistoryDisplay
            The trials that have ended, and what was drawn.

        Raises
        ------
        ValueError
            If no trial has ended, or the study has several objectives.
        """
        caller = f"{cls.__name__}.from_study"
        if len(study.directions) > 1:
            raise ValueError(
                f"{caller}: the study has {len(study.directions)} objectives. Draw "
                "studies of one."
            )
        ended = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
        if not ended:
            raise ValueError(f"{caller}: no trial of the study has ended.")
        index = pd.Index([t.number for t in ended], name="trial")
        values = [np.nan if t.value is None else t.value for t in ended]
        state = [t.state.name.lower() for t in ended]
        trials = pd.DataFrame({"value": values, "state": state}, index)
        drawn = {k: d for t in ended for k, d in t.distributions.items()}
        log = [name for name, d in drawn.items() if getattr(d, "log", False)]
        params = _table_of([t.params for t in ended], index)
        direction = study.direction.name.lower()
        display = cls(trials, params, direction=direction, log=log)
        return display.plot(ax, **plot_params) if plot else display

    def _complete(self):
        return (self.trials["state"] == "complete") & self.trials["value"].notna()

    def _names(self, params, caller):
        if params is None:
            differ = [n for n in self.params if n_different(self.params[n]) > 1]
            return [name for name in self.associations.index if name in differ]
        params = [params] if isinstance(params, str) else list(params)
        unknown = [name for name in params if name not in self.params]
        if unknown:
            raise ValueError(
                f"{caller}: there are no parameters {unknown}. There are "
                f"{list(self.params)}."
            )
        return params

    def _draw_history(self, axis):
        numbers = self.trials.index.to_numpy()
        self._scatter(axis, numbers)
        axis.step(
            numbers,
            self.best,
            where="post",
            color=COLOURS[3],
            linewidth=1.6,
            label="best so far",
        )
        axis.set_xlabel("trial")
        axis.set_ylabel("value")
        legend_above(
            axis,
            axis.get_legend_handles_labels()[0],
            fontsize="x-small",
            columnspacing=1.0,
            handletextpad=0.3,
        )

    def _scatter(self, axis, places):
        """Marks by state at their values; darker the later."""
        states = self.trials["state"].to_numpy()
        values = self.trials["value"].to_numpy()
        places = np.asarray(places, dtype=np.float64)
        known = np.isfinite(places)
        order = np.linspace(0, 1, len(states))
        mask = known & self._complete().to_numpy()
        axis.scatter(
            places[mask],
            values[mask],
            c=order[mask],
            # from light to dark, and never as light as the paper
            cmap="cividis_r",
            vmin=-0.1,
            vmax=1,
            s=22,
            linewidths=0,
            label="complete (later: darker)",
        )
        mask = known & (states == "pruned") & ~np.isnan(values)
        if mask.any():
            axis.scatter(
                places[mask],
                values[mask],
                marker="x",
                s=20,
                color=NEUTRAL,
                linewidths=1,
                label="pruned",
            )
        mask = known & (np.isnan(values) | (states == "fail"))
        if mask.any():
            axis.scatter(
                places[mask],
                np.full(mask.sum(), 0.02),
                marker="|",
                s=40,
                color=COLOURS[3],
                transform=axis.get_xaxis_transform(),
                label="no value",
            )

    def _draw_param(self, axis, name):
        column = self.params[name]
        if is_numeric(column):
            places = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if is_wide(places) if self.log is None else name in self.log:
                axis.set_xscale("log")
        else:
            known = is_known(column)
            labels = sorted({str(value) for value in column[known]})
            at = {label: i for i, label in enumerate(labels)}
            places = np.array(
                [at[str(v)] if k else np.nan for v, k in zip(column, known)]
            )
            if len(labels) <= _FEW_CATEGORIES:
                shown = [short(label) for label in labels]
                turn = {"rotation": 30, "ha": "right"} if len(labels) > 3 else {}
                axis.set_xticks(range(len(labels)), shown, fontsize="small", **turn)
            axis.set_xlim(-0.5, len(labels) - 0.5)
        self._scatter(axis, places)
        axis.set_xlabel(short(name))
        axis.set_ylabel("value")


def _table_of(dicts, index):
    """Parameters as columns of objects, NaN where a trial has not asked for one."""
    names = dict.fromkeys(name for params in dicts for name in params)
    table = pd.DataFrame(index=index)
    for name in names:
        values = np.empty(len(dicts), dtype=object)
        values[:] = [params.get(name, np.nan) for params in dicts]
        # None is a value that a trial may have chosen; pandas would infer text
        table[str(name)] = pd.Series(values, index, dtype=object)
    return table


def _column_of(search, results, metric, caller):
    if metric is None:
        refit = getattr(search, "refit", None)
        metric = refit if isinstance(refit, str) else "score"
    name = f"mean_test_{metric}"
    if name not in results:
        there = [n.removeprefix("mean_test_") for n in results if "mean_test_" in n]
        raise ValueError(
            f"{caller}: the search has no metric {metric!r}. Pass metric= one of "
            f"{there}."
        )
    return name


def _log_of(search):
    space = getattr(search, "param_distributions", None)
    if not isinstance(space, dict) or not hasattr(search, "study_name"):
        return None
    return [name for name, drawn in space.items() if getattr(drawn, "log", False)]
