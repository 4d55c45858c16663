"""From a formula that knows one era to a score of many: the loop over eras."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.metrics._cuts import MAX_MISSING, EraCuts, known_rows
from sknumerai.metrics._inputs import (
    check_min_coverage,
    check_no_infinity,
    check_predictions,
    check_target,
    find_eras,
    row_labels,
)
from sknumerai.metrics._ranked import RankTables
from sknumerai.metrics._sides import Side, check_not_pooled
from sknumerai.utils import ERA_LEVEL, row_index
from sknumerai.utils._progress import bar_over


def era_scores(metric, y_true, y_pred, *others, groups=None):
    """Score each era with a function that knows one era.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred, *others)`` of the rows of one era and of one model,
        giving a float: a metric of this package, of scikit-learn, or your own.

    y_true : array-like of shape (n_samples,)
        Targets. Rows without one (NaN) are left out, and eras without any, up to a
        fifth of an era.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Finite predictions. The columns are models, scored one by one.

    *others : array-like of shape (n_samples,) or (n_samples, n_columns)
        Further inputs of the metric, cut into eras in the same way.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of y_true or y_pred.

    Returns
    -------
    scores : Series of shape (n_eras,) or DataFrame of shape (n_eras, n_models)
        Rows are eras in the order of their numbers.

    Raises
    ------
    MissingErasError
        If no eras are found.

    ValueError
        If the inputs do not fit each other, a prediction is not finite, or more than a
        fifth of an era's targets, but not all, are missing.

    Examples
    --------
    >>> from sklearn.metrics import mean_squared_error
    >>> from sknumerai.metrics import era_scores
    >>> era_scores(mean_squared_error, [0, 1, 0, 1], [0, 1, 1, 1], groups=[2, 2, 1, 1])
    era
    1    0.5
    2    0.0
    dtype: float64
    """
    caller = "era_scores"
    eras = find_eras(y_true, y_pred, others, groups, caller, required=True)
    target, pred = check_target(y_true, caller), check_predictions(y_pred, caller)
    y_true, inputs = _as_vector(y_true), [_as_indexable(other) for other in others]
    models, is_one = _as_models(y_pred)
    labels, scores = [], []
    for label, rows in each_era(eras, target, caller):
        truth, parts = _take(y_true, rows), [_take(part, rows) for part in inputs]
        labels.append(label)
        scores.append([metric(truth, _take(model, rows), *parts) for model in models])
    table = np.array(scores, dtype=np.float64).reshape(-1, pred.shape[1])
    return _as_scores(table, labels, y_pred, is_one)


class Formula:
    """The score of one era, and what it needs.

    Parameters
    ----------
    function : callable
        ``function(target, pred, **sides)`` of one era to an array of shape (m,):
        `target` of shape (n,), or None where it is not needed, `pred` the
        :class:`RankedColumns` of m models, and each side input RankedColumns too, or
        an array of shape (n, k) where its name says that it is not to be ranked.

    sides : tuple of str, default=()
        Names of the side inputs that it takes.

    needs_target : bool, default=True
        Whether rows and eras without a target are left out.
    """

    def __init__(self, function, sides=(), needs_target=True):
        self.function = function
        self.sides = tuple(sides)
        self.needs_target = needs_target


def score_by_era(
    formula,
    y_true,
    y_pred,
    *,
    sides=None,
    groups=None,
    aggregate="mean",
    min_coverage=1.0,
    needs_target=True,
    by_label=False,
    verbose=0,
    caller,
):
    """Score many models in many eras: what each public metric calls.

    Parameters
    ----------
    formula : callable
        See :class:`Formula`.

    y_true : array-like of shape (n_samples,) or None
        Targets. None is allowed where they are not needed.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions.

    sides : dict of str to array-like, default=None
        Side inputs by the name that the formula has for them.

    groups : array-like of shape (n_samples,), default=None
        Era of each row.

    aggregate : str, callable or None, default="mean"
        How to aggregate, see :func:`sknumerai.metrics.numerai_corr_score`.

    min_coverage : float, default=1.0
        Share of the scored eras that the side inputs must cover.

    needs_target : bool, default=True
        Whether the formula needs a target.

    by_label : bool, default=False
        Whether rows of an era are taken in the order of their labels, where they have
        any: for formulas in which the order of equal predictions matters.

    verbose : int, default=0
        Whether a progress bar over the eras appears if it takes more than two seconds.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    score : float, Series or DataFrame
        As the metrics say.
    """
    check_aggregate(aggregate, caller)
    sides = sides or {}
    formulas = {"score": Formula(formula, sides, needs_target)}
    table = score_tables(
        formulas,
        y_true,
        y_pred,
        sides=sides,
        groups=groups,
        min_coverage=min_coverage,
        by_label=by_label,
        verbose=verbose,
        caller=caller,
    )["score"]
    return table if aggregate is None else aggregate_scores(table, aggregate)


def score_tables(
    formulas,
    y_true,
    y_pred,
    *,
    sides=None,
    groups=None,
    required=False,
    min_coverage=1.0,
    labelled=False,
    by_label=False,
    verbose=0,
    caller,
):
    """Score each era by several formulas, from one sort of the predictions.

    Parameters
    ----------
    formulas : dict of str to Formula
        What to compute, by name.

    y_true, y_pred, sides, groups, min_coverage, by_label, verbose, caller
        As in :func:`score_by_era`.

    required : bool, default=False
        Whether to raise where no eras are found.

    labelled : bool, default=False
        Whether the numbers of a default index of a side input are labels of rows.

    Returns
    -------
    tables : dict of str to Series or DataFrame
        The scores of the eras that each formula has a score for.
    """
    check_min_coverage(min_coverage, caller)
    needs_target = any(formula.needs_target for formula in formulas.values())
    if y_true is None and needs_target:
        raise ValueError(f"{caller}: y_true is None. Pass the targets.")
    eras = find_eras(
        y_true,
        y_pred,
        (),
        groups,
        caller,
        required=required,
        allow_live=not needs_target,
    )
    pred, is_complete = check_no_infinity(y_pred, caller)
    target = None if y_true is None else check_target(y_true, caller)
    index = row_index(y_true, y_pred)
    used = {name for formula in formulas.values() for name in formula.sides}
    sides = {
        name: Side(name, (sides or {})[name], index, len(pred), caller, labelled)
        for name in sorted(used)
    }
    for side in sides.values():
        check_not_pooled(side, (groups, y_true, y_pred), caller)
    labels = row_labels(index) if by_label else None
    cuts = EraCuts(target, pred, sides, RankTables(), caller, labels, is_complete)
    found = {name: _Found() for name in formulas}
    rows_of_eras = bar_over(eras.rows(), caller, verbose, unit="era")
    for label, rows in zip(eras.labels, rows_of_eras):
        cuts.enter(label, rows)
        for name, formula in formulas.items():
            found[name].add(label, cuts.score(formula))
    cuts.leave()
    is_one = np.ndim(y_pred) == 1
    return {
        name: _as_scores(
            found[name].table(formulas[name], min_coverage, pred.shape[1], caller),
            found[name].labels,
            y_pred,
            is_one,
        )
        for name in formulas
    }


class _Found:
    """Scores of eras, and the eras that could have had one."""

    def __init__(self):
        self.labels, self.scores, self.uncovered = [], [], []

    def add(self, label, score):
        if score is EraCuts.UNRESOLVED:
            return
        if score is EraCuts.UNCOVERED:
            self.uncovered.append(label)
            return
        self.labels.append(label)
        self.scores.append(score)

    def table(self, formula, min_coverage, n_models, caller):
        n, n_missing = len(self.scores), len(self.uncovered)
        if n + n_missing == 0:
            raise ValueError(f"{caller}: y_true has no target: nothing to score.")
        coverage = n / (n + n_missing)
        if n == 0 or coverage < min_coverage:
            names = " and ".join(formula.sides)
            verb = "covers" if len(formula.sides) == 1 else "cover"
            have = f" ({self.labels[0]} to {self.labels[-1]})" if n else ""
            mend = (
                f"Score only those eras, or pass min_coverage={np.floor(coverage * 100) / 100:.2f} to "
                "leave the others out."
                if n
                else "Are they of other eras?"
            )
            raise ValueError(
                f"{caller}: {names} {verb} {n} of {n + n_missing} eras{have}, a share "
                f"of {coverage:.2f}; min_coverage is {min_coverage}. An era is covered "
                f"if at least {1 - MAX_MISSING:.0%} of its rows are. {mend}"
            )
        return np.array(self.scores, dtype=np.float64).reshape(-1, n_models)


def each_era(eras, target, caller):
    """Yield the label and the rows of each era that has targets.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    target : ndarray of shape (n_samples,)
        Targets, NaN where missing.

    caller : str
        Name to begin error messages with.

    Yields
    ------
    label : object
        The era as it was given.

    rows : slice or ndarray
        Positions of its rows that have a target.

    Raises
    ------
    ValueError
        If too many targets of an era are missing, or all targets are.
    """
    found = False
    for label, rows in zip(eras.labels, eras.rows()):
        rows = known_rows(label, rows, target, caller)
        if rows is not None:
            found = True
            yield label, rows
    if not found:
        raise ValueError(
            f"{caller}: y_true has {len(target)} rows and no target: nothing to score."
        )


def _as_indexable(values):
    return (
        values if isinstance(values, pd.Series | pd.DataFrame) else np.asarray(values)
    )


def _as_vector(y_true):
    y_true = _as_indexable(y_true)
    if y_true.ndim == 1:
        return y_true
    return y_true.iloc[:, 0] if isinstance(y_true, pd.DataFrame) else y_true[:, 0]


def _as_models(y_pred):
    y_pred = _as_indexable(y_pred)
    if y_pred.ndim == 1:
        return [y_pred], True
    columns = range(y_pred.shape[1])
    if isinstance(y_pred, pd.DataFrame):
        return [y_pred.iloc[:, j] for j in columns], False
    return [y_pred[:, j] for j in columns], False


def _take(values, rows):
    if isinstance(values, pd.Series | pd.DataFrame):
        return values.iloc[rows]
    return values[rows]


def _as_scores(table, labels, y_pred, is_one):
    index = pd.Index(np.array(labels), name=ERA_LEVEL)
    if is_one:
        return pd.Series(table[:, 0], index=index, name=getattr(y_pred, "name", None))
    columns = y_pred.columns if isinstance(y_pred, pd.DataFrame) else None
    return pd.DataFrame(table, index=index, columns=columns)
