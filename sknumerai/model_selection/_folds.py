"""Rows of folds, cut without a copy where they lie together."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._time_series_split import GroupTimeSeriesSplit


def check_splitter(cv, caller):
    """Make a splitter of what the user passes as `cv`.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
        A number stands for so many splits of a :class:`GroupTimeSeriesSplit`, None for
        its default.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    cv : splitter or list of (train, test)
        With a method `split`, or the splits themselves.
    """
    if cv is None:
        return GroupTimeSeriesSplit()
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        return GroupTimeSeriesSplit(int(cv))
    if hasattr(cv, "split") and not isinstance(cv, str):
        return cv
    try:
        splits = [(np.asarray(train), np.asarray(test)) for train, test in cv]
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{caller}: cv must be a number of splits, a splitter or an iterable of "
            f"(train, test) positions. Got {cv!r}."
        ) from error
    if not splits:
        raise ValueError(f"{caller}: cv holds no splits.")
    return splits


def split_rows(cv, X, y, split_params):
    """List the rows of each split, each part as a slice where it can be one.

    Parameters
    ----------
    cv : splitter or list of (train, test)
        As :func:`check_splitter` gives it.

    X, y : array-like
        Rows to split.

    split_params : dict
        What the splitter is given beside them.

    Returns
    -------
    splits : list of tuple of slice or ndarray
        The parts of each split.
    """
    splits = cv if isinstance(cv, list) else cv.split(X, y, **split_params)
    return [tuple(as_slice(part) for part in parts) for parts in splits]


def as_slice(rows):
    """Positions as a slice if they are a run of rows in their order.

    Parameters
    ----------
    rows : ndarray of int or of bool
        Positions, or a mask.

    Returns
    -------
    rows : slice or ndarray
        Indexes the same rows.
    """
    rows = np.asarray(rows)
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    # negative positions count from the end, and a slice could not end there
    at_ends = len(rows) and rows[0] >= 0 and rows[-1] - rows[0] + 1 == len(rows)
    if at_ends and (rows[1:] - rows[:-1] == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def n_rows_of(rows):
    """Count the rows that a slice or an array of positions stands for."""
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def positions_of(rows):
    """The positions that a slice or an array of positions stands for."""
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def take(values, rows):
    """Rows of an object: a view where `rows` is a slice and the object has views.

    Parameters
    ----------
    values : array-like or None
        Of all rows.

    rows : slice or ndarray
        Which of them.

    Returns
    -------
    part : same type as `values`
        Frames, series and arrays are views for a slice, and copies otherwise.
    """
    if values is None:
        return None
    if isinstance(rows, slice):
        if isinstance(values, pd.DataFrame | pd.Series):
            return values.iloc[rows]
        if isinstance(values, np.ndarray | list | pd.Index):
            return values[rows]
        rows = positions_of(rows)
    return _safe_indexing(values, rows)


def take_params(params, rows, n_samples):
    """Rows of those parameters that have one value for each row.

    Parameters
    ----------
    params : dict
        Parameters of a method.

    rows : slice or ndarray
        Which rows.

    n_samples : int
        Number of all rows.

    Returns
    -------
    params : dict
        The others stay as they are.
    """
    return {
        name: take(value, rows) if _is_of_rows(value, n_samples) else value
        for name, value in params.items()
    }


def fold_row(eras, split, **parts):
    """Describe the eras of a split.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    split : int
        Number of the split.

    **parts : slice or ndarray
        Rows of each part, such as `train` and `test`.

    Returns
    -------
    row : dict
        First and last era, number of eras and of rows of each part.
    """
    row = {"split": split}
    for name, rows in parts.items():
        codes = np.unique(eras.codes[rows])
        row[f"{name}_first"] = eras.labels[codes[0]] if len(codes) else None
        row[f"{name}_last"] = eras.labels[codes[-1]] if len(codes) else None
        row[f"{name}_eras"] = len(codes)
        row[f"{name}_rows"] = n_rows_of(rows)
    return row


def _is_of_rows(value, n_samples):
    if isinstance(value, str | dict) or not hasattr(value, "__len__"):
        return False
    try:
        return _num_samples(value) == n_samples
    except TypeError:
        return False
