"""Side inputs that scorers hold for all rows."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Number

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from sknumerai.utils import ERA_LEVEL

# Side inputs that may be given as names of columns of X.
FROM_X = ("features", "neutralizers")
ALL_OF_X = "X"
# Side inputs whose columns must be numbers; others are the business of the metric.
NUMBERS = (
    *FROM_X,
    "meta_model",
    "benchmark",
    "other",
    "example_predictions",
    "sample_weight",
)
# Folds whose rows are kept: a search scores the same few again and again.
N_KEPT = 16


class SideInputs(dict):
    """Side inputs by name, shared by all copies of a scorer.

    Searches clone the scorer that they hold, and clone copies deeply what is no
    estimator: with a benchmark of all rows that would be a gigabyte each time.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._kept = []

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return type(self), (dict(self),)

    def __repr__(self):
        said = [f"{name!r}: {describe_input(value)}" for name, value in self.items()]
        return "{" + ", ".join(said) + "}"

    def matched(self, name, index, match):
        """Match a side input with rows, or remember how it was matched.

        Looking up the ids of a fold among millions costs ten times a score, and
        permutation importance scores one fold thousands of times.

        Parameters
        ----------
        name : str
            Name of the input.

        index : Index
            Labels of the rows.

        match : callable
            Matches it.

        Returns
        -------
        values : Series or DataFrame
            What `match` returns.
        """
        values = self[name]
        for known, source, rows, found in list(self._kept):
            if known == name and source is values and _same_rows(rows, index):
                # one index for all, so that nobody compares it again
                return with_index(found, index) if found.index.is_(rows) else found
        found = match()
        self._kept = [*self._kept[1 - N_KEPT :], (name, values, index, found)]
        return found


def as_input(name, values):
    """Side input as scorers keep it: pandas, an array, columns of X, or "X" for all."""
    if name in FROM_X and not is_pandas(values):
        if isinstance(values, str) and values == ALL_OF_X:
            return values
        # a vector of floats is a feature by itself
        if np.ndim(values) == 1 and not _holds_floats(values):
            return _as_names(name, values)
    if not is_pandas(values):
        values = np.asarray(values)
    if values.ndim not in (1, 2) or values.shape[-1] == 0:
        raise ValueError(
            f"{name} must have one row for each row of X, shape (n_samples,) or "
            f"(n_samples, n_columns), and as pandas to be matched in folds. Got shape "
            f"{values.shape}."
        )
    if name in NUMBERS:
        _check_numbers(name, values)
    return values


def _holds_floats(values):
    return len(values) > 0 and np.asarray(values).dtype.kind == "f"


def _as_names(name, values):
    names = list(values)
    if not names:
        raise ValueError(
            f"{name} is empty. Give the names of columns of X, or {ALL_OF_X!r} for all."
        )
    return names


def _check_numbers(name, values):
    if not isinstance(values, pd.DataFrame):
        return
    if ERA_LEVEL in values.columns:
        raise ValueError(
            f"{name} has a column 'era', which is no prediction. Move it to the index: "
            f"{name} = {name}.set_index('era', append=True)."
        )
    for j, (column, dtype) in enumerate(zip(values.columns, values.dtypes)):
        if not is_numeric_dtype(dtype) and _is_text(values.iloc[:, j]):
            raise ValueError(
                f"{name} has a column that is no numbers, {column!r} of type {dtype}. "
                f"Select the others: {name} = {name}.select_dtypes('number')."
            )


def _is_text(column):
    # columns of objects may hold numbers, and then the metric reads them
    known = column.dropna().iloc[:1]
    return any(not isinstance(value, Number) for value in known)


def is_input(values):
    """Whether a parameter of a metric holds a value for each row."""
    return is_pandas(values) or (isinstance(values, np.ndarray) and values.ndim > 0)


def describe_input(values):
    """Say in a few words what a side input is."""
    if isinstance(values, list):
        return repr(values) if len(values) <= 3 else f"<{len(values)} columns of X>"
    if is_input(values):
        return f"<{type(values).__name__} of shape {values.shape}>"
    return repr(values)


def is_pandas(values):
    """Whether values have an index."""
    return isinstance(values, pd.Series | pd.DataFrame)


def _same_rows(known, index):
    return len(known) == len(index) and known.equals(index)


def with_index(values, index):
    """The same values under other labels, not copied."""
    values = values.copy(deep=False)
    values.index = index
    return values
