"""Columns of features that are the target, or were made from it."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils import ERA_LEVEL

# So many rows tell a correlation to 0.01.
MAX_ROWS = 2**17
# Values that are converted at a time.
CHUNK = 2**24


def leaking_columns(X, eras, target, max_correlation, caller, positions=None):
    """Find columns that give a target away.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Training rows.

    eras : Eras
        Their eras.

    target : str, list of str, int, Series, DataFrame or None
        Targets: by name, or with values, which are aligned with X by index.

    max_correlation : float
        Largest absolute correlation within eras.

    caller : str
        Name to begin error messages with.

    positions : ndarray of shape (n_rows,), default=None
        Row of X of each row of the eras and the target, -1 where there is none. By
        default eras are of X, and the target is aligned by index.

    Returns
    -------
    found : list of (column, message)
        The columns and what is wrong with them.
    """
    if isinstance(target, pd.Series):
        target = target.to_frame()
    names = _names(target)
    found = {}
    for column in X.columns:
        if column in names:
            found[column] = f"column {column!r} of the training rows is the target"
        elif column == ERA_LEVEL:
            found[column] = (
                "the era is a column of the training rows, and would be a feature"
            )
        elif isinstance(column, str) and column.startswith("target"):
            found[column] = f"column {column!r} of the training rows is a target"
    if isinstance(target, pd.DataFrame):
        for j, name, r in _correlated(
            X, eras, target, max_correlation, caller, positions
        ):
            found.setdefault(
                X.columns[j],
                f"column {X.columns[j]!r} of the training rows has a correlation of "
                f"{r:.2f} with {name!r} within eras, more than features have",
            )
    return list(found.items())


def _names(target):
    if isinstance(target, str):
        return {target}
    if isinstance(target, pd.DataFrame):
        return set(target.columns)
    return set(target) if isinstance(target, list | tuple | pd.Index) else set()


def _correlated(X, eras, target, most, caller, positions):
    """Yield columns whose correlation with a target, within eras, is too high."""
    columns = [j for j, kind in enumerate(X.dtypes) if kind.kind in "biuf"]
    if not columns:
        return
    table = X if len(columns) == X.shape[1] else X.iloc[:, columns]
    Y = target.to_numpy(dtype=np.float64, na_value=np.nan)
    at = None if positions is not None else _rows_of(target, X, caller)
    shape = target.shape[1], len(columns)
    products, squares = np.zeros(shape), np.zeros(shape)
    y_squares, n_rows = np.zeros(shape[0]), np.zeros(shape[0])
    for rows in _some_eras(eras, len(columns)):
        if positions is not None:
            rows = rows[positions[rows] >= 0]
            if not len(rows):
                continue
        mine = rows if at is None else at[rows]
        y = np.where((mine >= 0)[:, None], Y[mine], np.nan)
        known = np.isfinite(y)
        y = _centered(y, known)
        seen = rows if positions is None else positions[rows]
        values = table.iloc[_as_slice(seen)].to_numpy(dtype=np.float32)
        values = _centered(values, np.isfinite(values))
        told = (y != 0).any(axis=0)
        products += y.astype(np.float32).T @ values
        squares += np.outer(told, (values**2).sum(axis=0))
        y_squares += (y**2).sum(axis=0)
        n_rows += np.where(told, known.sum(axis=0) - 1, 0)
    norms = np.sqrt(squares * y_squares[:, None])
    r = np.divide(products, norms, out=np.zeros(shape), where=norms > 0)
    # chance gives correlations of one standard error, 1 / sqrt(n)
    limit = np.maximum(most, 6 / np.sqrt(np.maximum(n_rows, 1)))
    limit = np.minimum(limit, 0.999)[:, None]
    for k, j in zip(*np.nonzero((np.abs(r) >= limit) & (n_rows[:, None] > 2))):
        yield columns[j], target.columns[k], r[k, j]


def _rows_of(target, X, caller):
    """Position in the target of each row of X, -1 where absent; None for one by one."""
    if target.index.equals(X.index):
        return None
    if target.index.nlevels != X.index.nlevels or not target.index.is_unique:
        raise ValueError(
            f"{caller}: the target's index is not that of the training rows, so its rows "
            "cannot be told. Give it the index of X, or pass only its name."
        )
    at = target.index.get_indexer(X.index)
    if (at < 0).all():
        raise ValueError(
            f"{caller}: none of the training rows is in the index of the target. Pass "
            "the targets of these rows, or only the name of the target."
        )
    return at


def _some_eras(eras, n_columns):
    """Yield the rows of eras spread over time, about MAX_ROWS in all."""
    parts, total = eras.rows(), len(eras.codes)
    for part in parts[:: max(1, -(-total // MAX_ROWS))]:
        if isinstance(part, slice):
            part = np.arange(part.start, part.stop)
        yield part[:: max(1, -(-len(part) * n_columns // CHUNK))]


def _as_slice(rows):
    step = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    if step > 0 and (np.diff(rows) == step).all():
        return slice(int(rows[0]), int(rows[-1]) + 1, step)
    return rows


def _centered(values, known):
    """Values of one era less the mean of each column; missing ones become 0."""
    n_known = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, values, 0)
    return np.where(known, values - values.sum(axis=0) / n_known, 0)
