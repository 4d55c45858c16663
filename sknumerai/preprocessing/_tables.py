"""Features as transformers read and return them, and the eras of their rows."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from sknumerai.exceptions import OneEraWarning
from sknumerai.utils import (
    ERA_LEVEL,
    all_finite,
    as_numbers,
    check_eras,
    has_eras,
    one_era,
    refuse_era_column,
)

# Numbers worked on at a time, so that a step's intermediate results stay small.
BLOCK = 2**20
# A live round has about 7,000 rows: more than this without eras are surely several.
MOST_ROWS_OF_AN_ERA = 15_000


def read_features(estimator, X, *, reset, allow_nan=False):
    """Check features and return them as they are, int8 as int8.

    Parameters
    ----------
    estimator : estimator
        What reads them.

    X : array-like of shape (n_samples, n_features)
        Features.

    reset : bool
        Whether to remember names and number, or to compare with those of fit.

    allow_nan : bool, default=False
        Whether NaN is accepted.

    Returns
    -------
    matrix : ndarray of shape (n_samples, n_features)
        Not copied where the type is a number's.
    """
    refuse_era_column(X, type(estimator).__name__)
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype="numeric",
        ensure_all_finite="allow-nan" if allow_nan else True,
    )


def read_table(estimator, X, *, reset):
    """Validate a table without a copy, which a frame of several types would be.

    Parameters
    ----------
    estimator : estimator
        Learns names and number of columns, or compares them.

    X : array-like of shape (n_samples, n_features)
        The table.

    reset : bool
        Whether it learns.

    Returns
    -------
    table : DataFrame or ndarray
        A frame as it came; its values are not looked at.

    Raises
    ------
    ValueError
        If it is no table of numbers, is empty, or has other columns than in ``fit``.
    """
    refuse_era_column(X, type(estimator).__name__)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        if not X.size:
            raise ValueError(
                f"{type(estimator).__name__}: X has shape {X.shape}, and a minimum of 1 "
                "is required of rows and of columns."
            )
        return X
    return validate_data(
        estimator, X, dtype="numeric", ensure_all_finite="allow-nan", reset=reset
    )


def find_eras(estimator, groups, X, y, n_samples):
    """Find the era of each row; all rows are one era where there is none.

    Parameters
    ----------
    estimator : estimator
        What asks, for messages.

    groups : array-like of shape (n_samples,) or None
        Eras, if they were passed.

    X, y : object
        What may have them in its index.

    n_samples : int
        Number of rows.

    Returns
    -------
    eras : Eras
        Live rows are an era too.
    """
    caller = type(estimator).__name__
    eras = check_eras(groups, X, y, n_samples=n_samples, allow_live=True, caller=caller)
    if eras is not None:
        return eras
    if n_samples > MOST_ROWS_OF_AN_ERA:
        warnings.warn(
            f"{caller}: no eras were found, so all {n_samples} rows are taken as one "
            "era. Keep the eras in the index, X = X.set_index('era', append=True), or "
            "pass groups=eras.",
            OneEraWarning,
            stacklevel=3,
        )
    return one_era(n_samples)


def eras_of_target(X, y):
    """The eras in the index of y where X has none, else None."""
    if has_eras(X):
        return None
    return y.index.get_level_values(ERA_LEVEL) if has_eras(y) else None


def columns_of(table, at, rows=slice(None)):
    """Some columns of some rows of a frame or matrix; of a frame without the others."""
    if isinstance(table, pd.DataFrame):
        return table.iloc[rows].iloc[:, at]
    part = table[rows]
    return part if len(at) == part.shape[1] and _is_range(at) else part[:, at]


def finite_features(table, rows, at, caller):
    """Features of some rows as a matrix, checked."""
    part = columns_of(table, at, rows)
    features = as_numbers(part, "X", caller)
    if not all_finite(features) and not np.isfinite(features).all():
        bad = ~np.isfinite(features)
        names = getattr(part, "columns", at)[bad.any(axis=0)]
        raise ValueError(
            f"{caller}: {int(bad.sum())} values of features in X are NaN or infinite, "
            f"in {len(names)} columns ({list(names[:3])}). Fill them first; Numerai's "
            "own code for a missing feature is the middle value, 2 of 0 to 4."
        )
    return features


def float_type(matrix):
    """The type of what is computed from features: float64 for float64, else float32."""
    return np.float64 if matrix.dtype == np.float64 else np.float32


def row_blocks(n_samples, n_columns):
    """Slices of rows that hold about `BLOCK` numbers each."""
    step = max(1, BLOCK // max(n_columns, 1))
    return [
        slice(start, min(start + step, n_samples))
        for start in range(0, n_samples, step)
    ]


def column_blocks(n_samples, n_columns):
    """Slices of columns that hold about `BLOCK` numbers each."""
    return row_blocks(n_columns, n_samples)


def _is_range(at):
    return np.array_equal(at, np.arange(len(at)))
