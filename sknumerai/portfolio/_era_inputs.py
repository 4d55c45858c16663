"""What a portfolio of one era is bound to, as columns of numbers."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils import all_finite, as_numbers


def check_matrix(values, n_rows, name, caller):
    """Finite numbers of shape (n_rows, n_columns), or None."""
    if values is None:
        return None
    array = as_numbers(values, name, caller)
    array = array[:, None] if array.ndim == 1 else array
    _check_rows(array, n_rows, name, caller)
    if not all_finite(array):
        raise ValueError(
            f"{caller}: {name} must be finite, and has NaN or infinity. Fill in what is "
            "missing or leave those rows or columns out."
        )
    return array


def check_labels(values, n_rows, caller):
    """Codes of shape (n_rows, n_groupings) of labels, with their names; or None."""
    if values is None:
        return None
    frame = pd.DataFrame(values)
    _check_rows(frame, n_rows, "neutral", caller)
    codes = np.empty(frame.shape, dtype=np.intp)
    for j in range(frame.shape[1]):
        codes[:, j] = pd.factorize(frame.iloc[:, j])[0]
        missing = int((codes[:, j] < 0).sum())
        if missing:
            raise ValueError(
                f"{caller}: {missing} of {n_rows} rows of neutral, column "
                f"{frame.columns[j]!r}, have no label. Give stocks without a country "
                "or sector a label of their own."
            )
    return codes


def one_hots(codes):
    """Membership columns of shape (n_rows, n_labels) of the codes of some rows."""
    n = len(codes)
    parts = [np.zeros((n, 0))]
    for column in codes.T:
        labels, position = np.unique(column, return_inverse=True)
        part = np.zeros((n, len(labels)))
        part[np.arange(n), position] = 1.0
        parts.append(part)
    return np.hstack(parts)


def standardized(exposures):
    """Columns of mean 0 and standard deviation 1; constant ones are left out."""
    X = exposures - exposures.mean(axis=0, dtype=np.float64)
    deviation = np.sqrt(np.einsum("ij,ij->j", X, X) / len(X))
    varies = (exposures != exposures[:1]).any(axis=0)
    return X[:, varies] / deviation[varies]


def _check_rows(values, n_rows, name, caller):
    if values.ndim != 2 or len(values) != n_rows:
        raise ValueError(
            f"{caller}: {name} must have one row for each of the {n_rows} scores. Got "
            f"shape {values.shape}."
        )
