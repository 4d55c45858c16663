"""Predictions for the same assets in one era after the other."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
import pandas as pd

from sknumerai.metrics._aggregates import aggregate_scores, check_aggregate
from sknumerai.utils import ERA_LEVEL, check_eras, one_era

# Names of the ways to make one score of the scores against several earlier eras.
COMBINE = ("max", "mean")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What is predicted for each asset in one era.

    Parameters
    ----------
    label : object
        The era.

    rows : slice or ndarray
        Its rows in what was given.

    assets : Index of shape (n,)
        Labels of the assets, each once.

    values : ndarray of shape (n, m)
        Predictions of each model, NaN where missing.

    codes : ndarray of shape (n,), default=None
        Numbers of the assets, the same in all eras that are compared.
    """

    label: object
    rows: object
    assets: pd.Index
    values: np.ndarray
    codes: np.ndarray | None = None

    def overlap(self, before):
        """Values of the assets that are in both: two arrays of the same shape."""
        at = np.full(1 + max(self.codes.max(), before.codes.max()), -1)
        at[before.codes] = np.arange(len(before.codes))
        at = at[self.codes]
        both = at >= 0
        return self.values[both], before.values[at[both]]


def cut_snapshots(
    y_pred, *, y_true=None, groups=None, required=True, name="y_pred", caller
):
    """Cut predictions into eras, oldest first.

    Parameters
    ----------
    y_pred : array-like of shape (n_samples,) or (n_samples, n_models)
        Predictions.

    y_true : array-like of shape (n_samples,), default=None
        Asked for labels and eras where y_pred has none.

    groups : array-like of shape (n_samples,), default=None
        Era of each row.

    required : bool, default=True
        Whether rows without eras raise. They are one era otherwise.

    name : str, default="y_pred"
        What messages call the predictions.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    snapshots : list of Snapshot
        One for each era, in the order of their numbers.
    """
    values = _as_matrix(y_pred, name, caller)
    if len(values) == 0:
        raise ValueError(f"{caller}: {name} has no rows.")
    if y_true is not None and len(y_true) != len(values):
        raise ValueError(
            f"{caller}: y_true has {len(y_true)} rows and {name} has {len(values)}."
        )
    eras = check_eras(
        groups,
        y_true,
        y_pred,
        n_samples=len(values),
        required=required,
        allow_live=True,
        names=("y_true", name),
        caller=caller,
    )
    eras = one_era(len(values)) if eras is None else eras
    index = _asset_index(y_pred, y_true, name, caller)
    snapshots = []
    for label, rows in zip(eras.labels, eras.rows()):
        assets = index[rows]
        if not assets.is_unique:
            twice = assets[assets.duplicated()]
            raise ValueError(
                f"{caller}: asset {twice[0]!r} comes more than once in era {label} of "
                f"{name}, as do {twice.nunique() - 1} others. Give one prediction for "
                "each asset and era."
            )
        snapshots.append(Snapshot(label, rows, assets, values[rows]))
    return snapshots


def cut_previous(previous, y_pred, caller):
    """Cut earlier predictions of the models of `y_pred` into eras, oldest first.

    Parameters
    ----------
    previous : Series or DataFrame
        Earlier predictions.

    y_pred : object
        What the models are named after.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    snapshots : list of Snapshot
        One for each earlier era.
    """
    if isinstance(y_pred, pd.DataFrame) and isinstance(previous, pd.DataFrame):
        missing = y_pred.columns.difference(previous.columns)
        if len(missing):
            raise ValueError(
                f"{caller}: previous lacks the columns {list(missing)[:3]} of y_pred. "
                "Give the earlier predictions of the same models."
            )
        previous = previous[y_pred.columns]
    elif np.shape(y_pred)[1:] != np.shape(previous)[1:]:
        raise ValueError(
            f"{caller}: y_pred has shape {np.shape(y_pred)} and previous "
            f"{np.shape(previous)}. Give the same models in both: two Series, or two "
            "DataFrames with the same columns."
        )
    return cut_snapshots(previous, required=False, name="previous", caller=caller)


def compare_snapshots(
    score,
    snapshots,
    earlier,
    y_pred,
    *,
    n_previous=1,
    combine="max",
    aggregate="mean",
    caller,
):
    """Score each era against those before it.

    Parameters
    ----------
    score : callable
        ``score(now, before)`` of two snapshots, to an array of shape (n_models,).

    snapshots : list of Snapshot
        The eras to score.

    earlier : list of Snapshot or None
        If given, `snapshots` is one era, and is compared with all of these.

    y_pred : object
        What the models are named after.

    n_previous : int, default=1
        With how many eras before it each era is compared.

    combine : {"max", "mean"}, default="max"
        How the scores against them become one. Those that are NaN are left out.

    aggregate : str, callable or None, default="mean"
        How the scores of eras become one.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    score : float, Series or DataFrame
        As the metrics say.
    """
    check_aggregate(aggregate, caller)
    _check_parameters(n_previous, combine, caller)
    if earlier is not None:
        if len(snapshots) != 1:
            raise ValueError(
                f"{caller}: previous= is compared with one era, and y_pred has "
                f"{len(snapshots)}. Leave previous out to compare these among "
                "themselves, or select one: y_pred.xs(era, level='era')."
            )
        n_previous = len(earlier)
        snapshots = [*earlier, *snapshots]
        first = n_previous
    elif len(snapshots) < 2:
        raise ValueError(
            f"{caller}: one era ({snapshots[0].label}) given, and nothing to compare "
            "with. Give the predictions of two or more eras, or those of one and "
            "previous=."
        )
    else:
        first = 1
    snapshots = _number_assets(snapshots)
    pairs = [
        (now, snapshots[max(0, i - n_previous) : i])
        for i, now in enumerate(snapshots)
        if i >= first
    ]
    _check_common_assets(pairs, caller)
    table = []
    for now, before in pairs:
        scores = np.array([score(now, b) for b in before])
        table.append(np.fmax.reduce(scores) if combine == "max" else _mean(scores))
    labels = [now.label for now, _ in pairs]
    return _as_result(np.array(table), labels, y_pred, aggregate)


def score_pairs(function, now, before, min_overlap):
    """Score each model over the assets that it has in both eras.

    Parameters
    ----------
    function : callable
        Of two arrays of shape (n_common,), without NaN, to a float.

    now, before : Snapshot
        The two eras.

    min_overlap : float
        Share of either era's assets that must be in both, or the score is NaN.

    Returns
    -------
    scores : ndarray of shape (n_models,)
        One score for each model.
    """
    a, b = now.overlap(before)
    n_rows = max(len(now.values), len(before.values))
    out = np.full(a.shape[1], np.nan)
    known = ~(np.isnan(a) | np.isnan(b))
    for j, rows in enumerate(known.T):
        if rows.sum() / n_rows >= min_overlap and rows.any():
            out[j] = function(a[rows, j], b[rows, j])
    return out


def check_share(value, name, caller):
    """Raise if a parameter is not a share between 0 and 1."""
    if not (isinstance(value, Real) and 0 <= value <= 1):
        raise ValueError(
            f"{caller}: {name} must be a number between 0 and 1. Got {value!r} instead."
        )


def _check_parameters(n_previous, combine, caller):
    if not (isinstance(n_previous, Integral) and n_previous >= 1):
        raise ValueError(
            f"{caller}: n_previous must be an integer of at least 1. Got "
            f"{n_previous!r} instead."
        )
    if combine not in COMBINE:
        raise ValueError(
            f"{caller}: combine must be one of {list(COMBINE)}. Got {combine!r} "
            "instead."
        )


def _number_assets(snapshots):
    assets = snapshots[0].assets.append([s.assets for s in snapshots[1:]])
    codes = pd.factorize(assets)[0]
    ends = np.cumsum([len(s.assets) for s in snapshots])
    parts = np.split(codes, ends[:-1])
    return [replace(s, codes=part) for s, part in zip(snapshots, parts)]


def _check_common_assets(pairs, caller):
    if any(len(now.overlap(b)[0]) for now, before in pairs for b in before):
        return
    now, before = pairs[-1]
    raise ValueError(
        f"{caller}: no asset is in two eras to compare: labels such as "
        f"{now.assets[0]!r} and {before[-1].assets[0]!r}. The score follows the same "
        "assets from one era to the next, by the labels of the index, such as tickers. "
        "Numerai Classic gives every stock a new id in every era: there it is not "
        "defined."
    )


def _mean(scores):
    known = ~np.isnan(scores)
    count = known.sum(axis=0)
    return scores.sum(axis=0, where=known) / np.where(count, count, np.nan)


def _as_matrix(values, name, caller):
    try:
        if isinstance(values, pd.Series | pd.DataFrame):
            matrix = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            matrix = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{caller}: {name} must be numbers.") from error
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"{caller}: {name} must have shape (n_samples,) or (n_samples, n_models). "
            f"Got {matrix.shape}."
        )
    if np.isinf(matrix).any():
        raise ValueError(
            f"{caller}: {int(np.isinf(matrix).any(axis=1).sum())} rows of {name} are "
            "infinite."
        )
    return matrix


def _asset_index(y_pred, y_true, name, caller):
    for obj in (y_pred, y_true):
        index = getattr(obj, "index", None)
        if not isinstance(index, pd.Index):
            continue
        if ERA_LEVEL in index.names:
            if index.nlevels > 1:
                return index.droplevel(ERA_LEVEL)
        elif not (isinstance(index, pd.RangeIndex) and index.name is None):
            return index
    raise ValueError(
        f"{caller}: {name} has no labels of assets, by which its eras are compared. "
        "Give a Series or DataFrame with the index (era, ticker), or with tickers as "
        "the index and groups=eras."
    )


def _as_result(table, labels, y_pred, aggregate):
    index = pd.Index(np.array(labels), name=ERA_LEVEL)
    if np.ndim(y_pred) == 1:
        name = getattr(y_pred, "name", None)
        scores = pd.Series(table[:, 0], index=index, name=name)
    else:
        columns = y_pred.columns if isinstance(y_pred, pd.DataFrame) else None
        scores = pd.DataFrame(table, index=index, columns=columns)
    return scores if aggregate is None else aggregate_scores(scores, aggregate)
