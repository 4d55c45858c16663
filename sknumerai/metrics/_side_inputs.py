"""Side inputs that scorers hold for all rows."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

# Side inputs that may be given as names of columns of X.
FROM_X = ("features", "neutralizers")
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
                return _with_index(found, index) if found.index.is_(rows) else found
        found = match()
        self._kept = [*self._kept[1 - N_KEPT :], (name, values, index, found)]
        return found


def as_input(name, values):
    """Side input as scorers keep it: pandas, an array, or a list of columns of X."""
    if is_pandas(values):
        return values
    if name in FROM_X and np.ndim(values) == 1:
        return list(values)
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have one row for each row of X, shape (n_samples,) or "
            f"(n_samples, n_columns), and as pandas to be matched in folds. Got shape "
            f"{values.shape}."
        )
    return values


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


def _with_index(values, index):
    values = values.copy(deep=False)
    values.index = index
    return values
