"""From a formula that knows one era to a score of many: the loop over eras."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._summary import aggregate_scores, check_aggregate
from sknumerai.utils import ERA_LEVEL, check_eras, one_era

# Most of an era's targets that may be missing, the limit of numerai-tools.
MAX_MISSING = 0.2
NAMES = ("y_true", "y_pred", "the third input", "the fourth input")


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
    eras = _find_eras(y_true, y_pred, others, groups, caller, required=True)
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


def score_by_era(
    formula, y_true, y_pred, *others, groups=None, aggregate="mean", caller
):
    """Score many models in many eras: what each public metric calls.

    Parameters
    ----------
    formula : callable
        ``formula(y_true, y_pred, *others)`` of one era: arrays of shape (n,), (n, m)
        and whatever `others` are, to an array of shape (m,).

    y_true : array-like of shape (n_samples,)
        Targets.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions.

    *others : array-like of shape (n_samples, ...)
        Further inputs, cut into eras as they are.

    groups : array-like of shape (n_samples,), default=None
        Era of each row.

    aggregate : str, callable or None, default="mean"
        How to aggregate, see :func:`sknumerai.metrics.numerai_corr_score`.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    score : float, Series or DataFrame
        As the metrics say.
    """
    check_aggregate(aggregate, caller)
    eras = _find_eras(y_true, y_pred, others, groups, caller)
    target, pred = check_target(y_true, caller), check_predictions(y_pred, caller)
    inputs = [np.asarray(other) for other in others]
    labels, scores = [], []
    for label, rows in each_era(eras, target, caller):
        labels.append(label)
        scores.append(formula(target[rows], pred[rows], *(p[rows] for p in inputs)))
    table = np.array(scores, dtype=np.float64).reshape(-1, pred.shape[1])
    table = _as_scores(table, labels, y_pred, np.ndim(y_pred) == 1)
    return table if aggregate is None else aggregate_scores(table, aggregate)


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
        missing = np.isnan(target[rows])
        n_missing, n_rows = int(missing.sum()), len(missing)
        if n_missing == n_rows:
            # an era that is not resolved yet has no score
            continue
        if n_missing > MAX_MISSING * n_rows:
            raise ValueError(
                f"{caller}: {n_missing} of {n_rows} targets of era {label} are "
                f"missing. Up to {MAX_MISSING:.0%} of an era, or all of it, are left "
                "out. If you mean to score the others, select them first: "
                "known = y_true.notna()."
            )
        if n_missing:
            positions = rows
            if isinstance(rows, slice):
                positions = np.arange(rows.start, rows.stop)
            rows = positions[~missing]
        found = True
        yield label, rows
    if not found:
        raise ValueError(
            f"{caller}: y_true has {len(target)} rows and no target: nothing to score."
        )


def check_target(y_true, caller):
    """Targets as a float64 vector, NaN where missing."""
    target = _as_floats(y_true, "y_true", caller)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise ValueError(
            f"{caller}: y_true must be one target, of shape (n_samples,). Got shape "
            f"{target.shape}: select a column, e.g. the main target y_true.iloc[:, 0]."
        )
    if np.isinf(target).any():
        raise ValueError(
            f"{caller}: {int(np.isinf(target).sum())} targets are infinite."
        )
    return target.astype(np.float64, copy=False)


def check_predictions(y_pred, caller):
    """Predictions as a matrix of finite numbers, one column per model."""
    pred = _as_floats(y_pred, "y_pred", caller)
    if pred.ndim == 1:
        pred = pred[:, None]
    if pred.ndim != 2 or pred.shape[1] == 0:
        raise ValueError(
            f"{caller}: y_pred must have shape (n_samples,) or (n_samples, n_models). "
            f"Got {pred.shape}."
        )
    bad = ~np.isfinite(pred)
    if bad.any():
        of = ""
        if isinstance(y_pred, pd.DataFrame):
            of = f" (columns {list(y_pred.columns[bad.any(axis=0)])[:3]})"
        raise ValueError(
            f"{caller}: {int(bad.any(axis=1).sum())} of {len(pred)} rows of y_pred are "
            f"NaN or infinite{of}. A missing prediction has no score: predict every "
            "row, or select the rows that have one from y_true and y_pred."
        )
    return pred


def _find_eras(y_true, y_pred, others, groups, caller, required=False):
    for name, other in zip(NAMES[1:], (y_pred, *others)):
        if len(other) != len(y_true):
            raise ValueError(
                f"{caller}: y_true has {len(y_true)} rows and {name} has {len(other)}."
            )
    eras = check_eras(
        groups,
        y_true,
        y_pred,
        *others,
        n_samples=len(y_true),
        required=required,
        names=NAMES,
        caller=caller,
    )
    return one_era(len(y_true)) if eras is None else eras


def _as_floats(values, name, caller):
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    try:
        if isinstance(values, pd.Series | pd.DataFrame):
            # pandas' nullable types come as objects
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{caller}: {name} must be numbers. Got {array.dtype} values."
        ) from error


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
