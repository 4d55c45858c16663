"""Contributions and metrics of models in rounds, as one checked table."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sknumerai.utils import ERA_LEVEL, Eras, as_numbers, check_eras

ROUND_LEVEL = "round"
MIN_ROWS = 100


@dataclass(frozen=True, eq=False)
class ContributionTable:
    """Rows of models in rounds, without those that cannot be used.

    Parameters
    ----------
    names : list of str
        Metrics, then products.

    values : ndarray of shape (n_rows, n_metrics)
        Metrics, NaN only where missing values are a group of their own.

    contributions : ndarray of shape (n_rows,)
        What is explained.

    eras : Eras or None
        Round of each row. None: all rows are one.

    n_given : int
        Rows with a contribution.
    """

    names: list
    values: np.ndarray
    contributions: np.ndarray
    eras: Eras | None
    n_given: int


def contribution_table(
    contributions, metrics, rounds, products, normalize, missing, caller
):
    """Read what was given, leave rows out, multiply and normalize.

    Parameters
    ----------
    contributions, metrics, rounds, products, normalize, missing : object
        See `explain_contribution`.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    table : ContributionTable
        The rows to learn from.
    """
    if isinstance(contributions, pd.DataFrame):
        y, frame, rounds = _panels(contributions, metrics, rounds, caller)
    else:
        y, frame, rounds = _columns(contributions, metrics, rounds, caller)
    names = [str(name) for name in frame.columns]
    _check_names(names, caller)
    values = np.column_stack(
        [
            as_numbers(frame.iloc[:, j], f"metric {name!r}", caller)
            for j, name in enumerate(names)
        ]
    ).astype(np.float64)
    names, values = _with_products(names, values, products, caller)
    for name, column in [("contributions", y), *zip(names, values.T)]:
        if np.isinf(column).any():
            raise ValueError(
                f"{caller}: {name} must be finite or NaN. {int(np.isinf(column).sum())} "
                "values are infinite."
            )
    keep = ~np.isnan(y)
    n_given = int(keep.sum())
    if missing == "drop":
        _warn_of_gaps(names, values[keep], caller)
        keep &= ~np.isnan(values).any(axis=1)
    elif np.isnan(values[keep]).any():
        gaps = np.isnan(values[keep]).sum(axis=0)
        if missing == "raise":
            found = {name: int(n) for name, n in zip(names, gaps) if n}
            raise ValueError(
                f"{caller}: values are missing: {found}. Pass missing='drop' to leave "
                "those rows out, or 'separate' to make them a group of their own."
            )
    y, values = y[keep], values[keep]
    if len(y) < MIN_ROWS:
        raise ValueError(
            f"{caller}: too few rows: {len(y)} of {n_given} rows with a contribution "
            f"have all metrics, and at least {MIN_ROWS} are needed. Give more rounds, or "
            "leave out metrics that few rows have."
        )
    _check_constant(["contributions", *names], np.column_stack([y, values]), caller)
    eras = None
    if rounds is not None:
        eras = check_eras(np.asarray(rounds)[keep], n_samples=len(y), caller=caller)
    if normalize is not None:
        y, values = _normalized(names, values, y, eras, normalize, caller)
    return ContributionTable(names, values, y, eras, n_given)


def _panels(contributions, metrics, rounds, caller):
    """Unfold frames of rounds by models."""
    if rounds is not None:
        raise ValueError(
            f"{caller}: the rows of a frame of contributions are the rounds: leave "
            "rounds out."
        )
    if not isinstance(metrics, dict) or not all(
        isinstance(panel, pd.DataFrame) for panel in metrics.values()
    ):
        raise ValueError(
            f"{caller}: contributions are a frame of rounds by models, so metrics must "
            "be a dict of such frames. For one row per round and model pass "
            "contributions as a Series and metrics as a frame."
        )
    for name, panel in {"contributions": contributions, **metrics}.items():
        for axis, labels in (("rounds", panel.index), ("models", panel.columns)):
            if not labels.is_unique:
                twice = labels[labels.duplicated()].tolist()[0]
                raise ValueError(f"{caller}: {name}: {twice!r} is twice among {axis}.")
    index, models = contributions.index, contributions.columns
    columns = {}
    for name, panel in metrics.items():
        for axis, ours, theirs in (
            ("rounds", index, panel.index),
            ("models", models, panel.columns),
        ):
            if not len(ours.intersection(theirs)):
                raise ValueError(
                    f"{caller}: metric {name!r} has none of the {axis} of the "
                    f"contributions, such as {ours[:2].tolist()}. It has "
                    f"{theirs[:2].tolist()}."
                )
        panel = panel.reindex(index=index, columns=models)
        columns[name] = as_numbers(panel, f"metric {name!r}", caller).ravel()
    y = as_numbers(contributions, "contributions", caller).astype(np.float64).ravel()
    return y, pd.DataFrame(columns), np.repeat(np.asarray(index), len(models))


def _columns(contributions, metrics, rounds, caller):
    """Match one row per round and model."""
    y = as_numbers(contributions, "contributions", caller).astype(np.float64)
    if y.ndim != 1:
        raise ValueError(
            f"{caller}: contributions must be one number per round and model, or a "
            f"DataFrame of rounds by models. Got an array of shape {y.shape}."
        )
    if isinstance(metrics, dict):
        metrics = pd.DataFrame(metrics)
    if not isinstance(metrics, pd.DataFrame):
        values = as_numbers(metrics, "metrics", caller)
        if values.ndim != 2:
            raise ValueError(
                f"{caller}: metrics must be a frame or an array of two dimensions. Got "
                f"shape {values.shape}."
            )
        names = [f"metric_{j}" for j in range(values.shape[1])]
        metrics = pd.DataFrame(values, columns=names, copy=False)
        index = None
    else:
        index = metrics.index
    ours = getattr(contributions, "index", None)
    if ours is not None and index is not None and not index.equals(ours):
        metrics = _matched(metrics, ours, caller)
    if len(metrics) != len(y):
        raise ValueError(
            f"{caller}: got {len(y)} contributions and {len(metrics)} rows of metrics."
        )
    if rounds is None:
        for labels in (ours, index):
            for level in (ROUND_LEVEL, ERA_LEVEL):
                if rounds is None and labels is not None and level in labels.names:
                    rounds = labels.get_level_values(level)
    elif len(rounds) != len(y):
        raise ValueError(
            f"{caller}: got {len(rounds)} rounds for {len(y)} contributions."
        )
    elif (
        isinstance(rounds, pd.Series)
        and ours is not None
        and not rounds.index.equals(ours)
    ):
        raise ValueError(
            f"{caller}: rounds and contributions have different indexes. Give both "
            "the same rows, or pass rounds.to_numpy()."
        )
    return y, metrics, rounds


def _matched(metrics, index, caller):
    if not (index.is_unique and metrics.index.is_unique):
        raise ValueError(
            f"{caller}: contributions and metrics have different indexes with labels "
            "that occur more than once, so rows cannot be matched. Give both the same "
            "rows in the same order."
        )
    absent = index.difference(metrics.index)
    if len(absent):
        raise ValueError(
            f"{caller}: metrics lack {len(absent)} of {len(index)} rows of the "
            f"contributions, such as {absent.tolist()[0]!r}."
        )
    return metrics.loc[index]


def _check_names(names, caller):
    if not names:
        raise ValueError(f"{caller}: there are no metrics.")
    for name in names:
        if name in (ROUND_LEVEL, ERA_LEVEL):
            raise ValueError(
                f"{caller}: metrics have a column {name!r}, which would be a metric. "
                f"Drop it and pass rounds=metrics[{name!r}]."
            )
        if name == "importances":
            raise ValueError(
                f"{caller}: no metric can be named {name!r}, which is what plot calls "
                "the importances."
            )
        if names.count(name) > 1:
            raise ValueError(f"{caller}: there are several metrics named {name!r}.")


def _with_products(names, values, products, caller):
    names, columns = list(names), [values]
    for factors in products:
        if isinstance(factors, str) or len(factors) < 2:
            raise ValueError(
                f"{caller}: products must be tuples of names of metrics, such as "
                f"[('fnc', 'dissimilarity')]. Got {factors!r}."
            )
        absent = [factor for factor in factors if factor not in names]
        if absent:
            raise ValueError(
                f"{caller}: there is no metric {absent[0]!r} to multiply. There are "
                f"{names}."
            )
        at = [names.index(factor) for factor in factors]
        columns.append(values[:, at].prod(axis=1, keepdims=True))
    names += [" * ".join(factors) for factors in products]
    _check_names(names, caller)
    return names, np.hstack(columns)


def _warn_of_gaps(names, values, caller):
    share = np.isnan(values).mean(axis=0)
    for name, missing in zip(names, share):
        if 0.5 < missing < 1:
            warnings.warn(
                f"{caller}: {name!r} is missing in {missing:.0%} of the rows, which are "
                "left out. Leave the metric out instead to use them.",
                UserWarning,
                stacklevel=4,
            )
        elif missing == 1:
            raise ValueError(f"{caller}: {name!r} has no value in any row.")


def _check_constant(names, values, caller):
    for name, column in zip(names, values.T):
        known = column[~np.isnan(column)]
        if not len(known) or known.min() == known.max():
            raise ValueError(
                f"{caller}: {name} is constant, so there is nothing to explain by it. "
                "Leave it out."
                if name != "contributions"
                else f"{caller}: all contributions are equal: there is nothing to explain."
            )


def _normalized(names, values, y, eras, normalize, caller):
    """Bring each column of each round to the same scale."""
    columns = pd.DataFrame(np.column_stack([y, values]))
    codes = np.zeros(len(y), dtype=int) if eras is None else eras.codes
    grouped = columns.groupby(codes)
    if normalize == "rank":
        columns = grouped.rank() - 0.5
        columns = columns / grouped.transform("count") - 0.5
    else:
        deviation = grouped.transform("std", ddof=0).to_numpy()
        # equal numbers have a deviation of some rounding errors
        same = (grouped.transform("max") == grouped.transform("min")).to_numpy()
        if same.any():
            row, column = np.argwhere(same)[0]
            where = "the round" if eras is None else f"round {eras.labels[codes[row]]}"
            raise ValueError(
                f"{caller}: {['contributions', *names][column]} has a single value in "
                f"{where}, so it has no standard deviation there. Leave the round out, "
                "or pass normalize='rank' or None."
            )
        columns = (columns - grouped.transform("mean")) / deviation
    columns = columns.to_numpy()
    return columns[:, 0], columns[:, 1:]
