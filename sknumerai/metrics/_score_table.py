"""Scores by name in whatever holds them, as arrays and back."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass
class ScoreTable:
    """Scores of one shape, and how to give results the shape of the input.

    Parameters
    ----------
    values : dict of str to float or ndarray
        The scores that are asked for.

    like : Series, DataFrame or None
        What a result's index, and columns, are taken from.
    """

    values: dict
    like: object

    @property
    def shape(self):
        """Shape of each score."""
        return np.shape(next(iter(self.values.values()))) if self.values else ()

    def wrap(self, result):
        """Give a result the index, and columns, of the input."""
        if isinstance(self.like, pd.DataFrame):
            result = np.broadcast_to(result, self.like.shape).copy()
            return pd.DataFrame(
                result, index=self.like.index, columns=self.like.columns
            )
        if isinstance(self.like, pd.Series):
            result = np.broadcast_to(result, self.like.shape).copy()
            return pd.Series(result, index=self.like.index, name="payout")
        return float(result) if np.ndim(result) == 0 else result


def read_scores(scores, policy, caller):
    """Find the scores that a policy pays for.

    Parameters
    ----------
    scores : DataFrame, Series or Mapping
        Scores by name.

    policy : PayoutPolicy
        The rule.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    table : ScoreTable
        The scores.
    """
    if isinstance(scores, pd.DataFrame):
        labels = list(scores.columns)
        columns = [scores.iloc[:, j] for j in range(len(labels))]
    elif isinstance(scores, pd.Series):
        labels, columns = list(scores.index), list(scores)
    elif isinstance(scores, Mapping):
        labels, columns = list(scores), list(scores.values())
    else:
        raise TypeError(
            f"{caller}: scores must carry their names: a DataFrame with columns "
            f"{list(policy.paid)}, a Series or a dict. Got {type(scores).__name__}."
        )
    found = _match(labels, policy, caller)
    given = {name: columns[j] for name, j in found.items()}
    like = _same_shape(given, caller)
    if like is None and isinstance(scores, pd.DataFrame):
        # a rule that pays for nothing still has a row for each row
        like = pd.Series(0.0, index=scores.index)
    values = {name: _as_floats(value, name, caller) for name, value in given.items()}
    shapes = {name: np.shape(value) for name, value in values.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{caller}: the scores must have one shape. Got {shapes}.")
    return ScoreTable(values, like)


def spread_over(table, values, name, caller):
    """Fit a number, or a number per row, to the scores.

    Parameters
    ----------
    table : ScoreTable
        The scores.

    values : float, array-like, Series or DataFrame
        What to fit.

    name : str
        What it is called.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    values : float or ndarray
        Something that multiplies an array of the scores' shape.
    """
    like = table.like
    if isinstance(values, pd.Series | pd.DataFrame) and like is not None:
        same = values.index.equals(like.index)
        if isinstance(values, pd.DataFrame):
            same = same and isinstance(like, pd.DataFrame)
            same = same and values.columns.equals(like.columns)
        if not same:
            raise ValueError(
                f"{caller}: {name} and the scores have different indexes. Bring them "
                f"into one order first, e.g. {name}.reindex(scores.index)."
            )
    array = _as_floats(values, name, caller)
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"{caller}: {name} must be finite and not negative.")
    if array.ndim == 0:
        return float(array)
    shape = table.shape if like is None else like.shape
    if array.ndim == 1 and len(shape) == 2:
        array = array[:, None]
    if array.ndim != len(shape) or any(
        a not in (1, b) for a, b in zip(array.shape[1:], shape[1:])
    ):
        fits = False
    else:
        fits = array.shape[0] == shape[0]
    if not fits:
        raise ValueError(
            f"{caller}: {name} must be a number or have one entry for each of the rows "
            f"of the scores, whose shape is {shape}. Got shape {np.shape(values)}."
        )
    return array


def _match(labels, policy, caller):
    lower = [label.strip().lower() for label in labels if isinstance(label, str)]
    places = [j for j, label in enumerate(labels) if isinstance(label, str)]
    found, missing = {}, []
    for name in policy.paid:
        candidates = [name]
        if policy.horizon is not None:
            days = policy.horizon
            # what the rule's own horizon names is meant before what does not say
            candidates = [f"{name}{days}", f"v2_{name}{days}", name]
        for candidate in candidates:
            hits = [place for place, label in zip(places, lower) if label == candidate]
            if len(hits) > 1:
                raise ValueError(
                    f"{caller}: {len(hits)} of the scores are called {candidate!r}: "
                    f"{[labels[place] for place in hits]}. Leave one of them."
                )
            if hits:
                found[name] = hits[0]
                break
        else:
            missing.append(name)
    if missing:
        raise ValueError(
            f"{caller}: the rule pays for {list(policy.paid)} and the scores "
            f"{missing} are missing. Got {labels[:10]}. Rename what you mean by them."
        )
    return found


def _same_shape(given, caller):
    frames = {
        name: value
        for name, value in given.items()
        if isinstance(value, pd.Series | pd.DataFrame)
    }
    if not frames:
        return None
    first, *others = frames.values()
    for other in others:
        same = type(other) is type(first) and other.index.equals(first.index)
        if same and isinstance(first, pd.DataFrame):
            same = other.columns.equals(first.columns)
        if not same:
            raise ValueError(
                f"{caller}: the scores {list(frames)} have different indexes or "
                "columns. Bring them into one order first, e.g. with reindex_like."
            )
    return first


def _as_floats(values, name, caller):
    try:
        if isinstance(values, pd.Series | pd.DataFrame):
            # pandas' nullable types come as objects
            array = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{caller}: {name} must be numbers.") from error
    if np.isinf(array).any():
        raise ValueError(f"{caller}: {name} has infinite values.")
    return array
