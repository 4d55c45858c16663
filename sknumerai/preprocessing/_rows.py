"""Rows of two tables, matched by their labels and cut into eras."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.utils import (
    ERA_LEVEL,
    AlignedInput,
    all_finite,
    as_numbers,
    check_eras,
    has_eras,
    one_era,
    refuse_era_column,
    row_index,
)
from sknumerai.utils._progress import bar_over


def read_columns(values, name, caller):
    """Read columns of numbers, NaN where missing.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns)
        The columns.

    name : str
        What messages call them.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    matrix : ndarray of shape (n_samples, n_columns)
        Float64, always a copy.

    Raises
    ------
    ValueError
        If they are no numbers, infinite, or of another shape.
    """
    matrix = as_numbers(values, name, caller)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"{caller}: {name} must have shape (n_samples,) or (n_samples, n_columns). "
            f"Got {np.shape(values)}."
        )
    if not all_finite(matrix) and np.isinf(matrix).any():
        raise ValueError(
            f"{caller}: {int(np.isinf(matrix).sum())} values of {name} are infinite. "
            "Write NaN where there is no value."
        )
    return matrix.astype(np.float64, order="C")


def each_era(columns, others, groups, names, caller, *, gaps=False, verbose=0):
    """Yield the eras of some columns with the matching rows of other columns.

    Parameters
    ----------
    columns : array-like of shape (n_samples,) or (n_samples, n_columns)
        What the rows are of.

    others : array-like of shape (n_rows,) or (n_rows, n_others)
        Numbers. A pandas object is matched by its index.

    groups : array-like of shape (n_samples,) or None
        Era of each row.

    names : tuple of str
        What messages call the two.

    caller : str
        Name to begin error messages with.

    gaps : bool, default=False
        Whether rows of the others may be absent, NaN or infinite. They raise otherwise.

    verbose : int, default=0
        Whether a progress bar appears if it takes more than two seconds.

    Yields
    ------
    rows : slice or ndarray
        Rows of an era in `columns`.

    part : ndarray of shape (n_rows_of_the_era, n_others)
        The other columns of these rows, in the type that they are in. With `gaps` of
        those rows only that have all of them.

    known : ndarray of shape (n_rows_of_the_era,) or None
        Which rows these are; None for all.
    """
    for name, values in zip(names, (columns, others)):
        refuse_era_column(values, caller, name)
    index, n_samples = row_index(columns), len(columns)
    side = AlignedInput(names[1], others, index, n_samples, caller, of=names[0])
    absent = 0 if side.positions is None else int((side.positions < 0).sum())
    if absent and not gaps:
        raise ValueError(
            f"{caller}: {absent} of {n_samples} rows of {names[0]} are not in "
            f"{names[1]}. Pass {names[1]} of all rows."
        )
    if groups is None and side.positions is not None and not has_eras(columns):
        groups = _eras_of_matched(others, side.positions, names, caller)
    eras = check_eras(
        groups,
        columns,
        # matched by labels it may be of other rows
        others if side.positions is None else None,
        n_samples=n_samples,
        allow_live=True,
        names=names,
        caller=caller,
    )
    eras = one_era(n_samples) if eras is None else eras
    for rows in bar_over(eras.rows(), caller, verbose, unit="era"):
        yield (
            rows,
            *(_with_gaps(side, rows) if gaps else (_matrix(side.take(rows)), None)),
        )


def _eras_of_matched(others, positions, names, caller):
    """Eras of rows that are matched by other labels than those, or None."""
    if not has_eras(others):
        return None
    absent = int((positions < 0).sum())
    if absent:
        raise ValueError(
            f"{caller}: {names[0]} has no eras, and {absent} of its rows are not in "
            f"{names[1]}, which has. Give {names[0]} the index level 'era', or pass "
            "groups=."
        )
    return others.index.get_level_values(ERA_LEVEL)[positions]


def _with_gaps(side, rows):
    known = side.present(rows)
    if known is None:
        n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        known = np.ones(n, dtype=bool)
    part = _matrix(as_numbers(side.values_of(rows, known), side.name, side.caller))
    if not all_finite(part):
        finite = np.isfinite(part).all(axis=1)
        part = part[finite]
        known[known] = finite
    return part, None if known.all() else known


def _matrix(values):
    return values if values.ndim == 2 else values[:, None]
