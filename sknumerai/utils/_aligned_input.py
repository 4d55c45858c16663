"""Inputs of the rows of another: matched by labels, cut into eras, never copied."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils._eras import ERA_LEVEL
from sknumerai.utils._numbers import all_finite, as_numbers

ID_LEVEL = "id"


def row_index(*objs):
    """Find the index that tells the rows apart.

    Parameters
    ----------
    *objs : object
        What may have one, in the order of look-up.

    Returns
    -------
    index : Index or None
        The first that is no default one; else a default one, if there is any.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.utils import row_index
    >>> row_index([1, 2], pd.Series([3, 4], index=["a", "b"])).tolist()
    ['a', 'b']
    """
    found = None
    for values in objs:
        index = getattr(values, "index", None)
        if isinstance(index, pd.Index):
            if not isinstance(index, pd.RangeIndex):
                return index
            found = index
    return found


class AlignedInput:
    """An input that is seen from the rows of another, era by era.

    Parameters
    ----------
    name : str
        What messages call it.

    values : array-like of shape (n_rows,) or (n_rows, n_columns)
        A pandas object is matched by the labels of its index, and may hold more rows
        or other ones; an array is matched by position.

    index : Index or None
        Index of the rows that it is seen from, if they have one.

    n_samples : int
        Number of these rows.

    caller : str
        Name to begin error messages with.

    labelled : bool, default=False
        Whether the numbers of a default RangeIndex are labels: a scorer's input is of
        all rows, and the rows of a fold kept their numbers.

    of : str, default="y_pred"
        What messages call the rows that it is seen from.

    ranked : bool, default=False
        Whether it is read whole, as what is ranked is, and may have gaps.

    Attributes
    ----------
    positions : ndarray of shape (n_samples,) or None
        Row of the input for each of the rows, -1 where there is none. None: the rows
        are the same.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.utils import AlignedInput
    >>> features = pd.DataFrame({"f": [7, 8, 9]}, index=["a", "b", "c"])
    >>> side = AlignedInput("features", features, pd.Index(["c", "a"]), 2, "fit")
    >>> side.take(slice(0, 2)).ravel()
    array([9, 7])
    """

    def __init__(
        self,
        name,
        values,
        index,
        n_samples,
        caller,
        labelled=False,
        of="y_pred",
        ranked=False,
    ):
        self.name, self.caller, self.of = name, caller, of
        is_masked = isinstance(values, np.ma.MaskedArray)
        keep = _is_pandas(values) or is_masked
        self.values = values if keep else np.asarray(values)
        if self.values.ndim not in (1, 2):
            raise ValueError(
                f"{caller}: {name} must have shape (n_samples,) or (n_samples, "
                f"n_columns). Got {self.values.shape}."
            )
        self.ranked = ranked
        self.positions = self._align(index, n_samples, labelled)
        self._present = None

    def present(self, rows):
        """Tell which rows the input has a value for.

        Parameters
        ----------
        rows : slice or ndarray
            Some of the rows.

        Returns
        -------
        present : ndarray of shape (n_rows,) or None
            None for all.
        """
        if self.ranked:
            if self._present is None:
                self._read_whole()
            return self._present[rows]
        return None if self.positions is None else self.positions[rows] >= 0

    def take(self, rows):
        """Return the values of rows that are present.

        Parameters
        ----------
        rows : slice or ndarray
            Some of the rows.

        Returns
        -------
        values : ndarray of shape (n_rows,) or (n_rows, n_columns)
            Numbers, of what is ranked as a matrix.
        """
        if not self.ranked:
            return self._check_plain(self.values_of(rows))
        if self._present is None:
            self._read_whole()
        part = self._whole[rows]
        return part if part.ndim == 2 else part[:, None]

    def values_of(self, rows, known=None):
        """Return what was given for rows, unchecked.

        Parameters
        ----------
        rows : slice or ndarray
            Some of the rows.

        known : ndarray of shape (n_rows,), default=None
            Mask of those of them that are meant; None for all.

        Returns
        -------
        values : ndarray, Series or DataFrame
            In the type that they came in.
        """
        at = rows if self.positions is None else self.positions[rows]
        if known is not None and not known.all():
            at = np.arange(len(self.values))[at] if isinstance(at, slice) else at
            at = at[known]
        return self.values.iloc[at] if _is_pandas(self.values) else self.values[at]

    def _read_whole(self):
        values = as_numbers(self.values, self.name, self.caller)
        if self.positions is not None:
            known = self.positions >= 0
            part = values[self.positions]
            if not known.all():
                part = part.astype(np.float64)
                part[~known] = np.nan
            values = part
        missing = np.isnan(values)
        n_infinite = 0 if all_finite(values) else int(np.isinf(values).sum())
        if n_infinite:
            raise ValueError(
                f"{self.caller}: {n_infinite} values of {self.name} are infinite. "
                "Leave such rows out, or write NaN where there is no value."
            )
        self._whole = values
        self._present = ~(missing if missing.ndim == 1 else missing.any(axis=1))

    def _check_plain(self, part):
        array = as_numbers(part, self.name, self.caller)
        if not all_finite(array) and not np.isfinite(array).all():
            bad = ~np.isfinite(array)
            which = ""
            if isinstance(self.values, pd.DataFrame):
                names = list(self.values.columns[bad.any(axis=0)])
                which = f" in {len(names)} columns ({names[:3]})"
            raise ValueError(
                f"{self.caller}: {int(bad.sum())} values of {self.name} are NaN or "
                f"infinite{which}. Fill them first; Numerai's own code for a missing "
                "feature is the middle value, 2 of 0 to 4."
            )
        return array

    def _align(self, index, n_samples, labelled):
        n = len(self.values)
        own = self.values.index if _is_pandas(self.values) else None
        if own is None or index is None:
            if n != n_samples:
                raise ValueError(
                    f"{self.caller}: {self.of} has {n_samples} rows and {self.name} has "
                    f"{n}. Give both an index to match rows by their labels."
                )
            return None
        if own is index or (n == n_samples and own.equals(index)):
            return None
        own_by_position = _is_positional(own) and not labelled
        if own_by_position or _is_positional(index):
            shuffled = _holds_numbers(index, n) or _holds_numbers(own, n)
            if n == n_samples and not shuffled:
                return None
            if own_by_position and _is_positional(index):
                raise ValueError(
                    f"{self.caller}: {self.of} has {n_samples} rows and {self.name} has "
                    f"{n}, and neither has labels to match them by. Give both the ids "
                    "as index."
                )
        given = index
        own, index = _common_levels(own, index)
        if index.nlevels < given.nlevels and not index.is_unique:
            raise ValueError(
                f"{self.caller}: {self.name} has no eras in its index, and without "
                f"them {int(index.duplicated().sum())} of {n_samples} rows of {self.of} "
                f"have the label of another. Give {self.name} the levels "
                f"{list(given.names)}."
            )
        if not own.is_unique:
            raise ValueError(
                f"{self.caller}: {int(own.duplicated().sum())} labels of the index of "
                f"{self.name} ({list(own.names)}) come more than once, so its rows "
                f"cannot be matched. Give it the index of {self.of}."
            )
        positions = own.get_indexer(index)
        if len(positions) and (positions < 0).all():
            raise ValueError(
                f"{self.caller}: no row of {self.of} is in {self.name}: labels such as "
                f"{index[0]!r} and {own[0]!r}. Give both the same kind of index."
                if n
                else f"{self.caller}: {self.name} has no rows."
            )
        return positions


def _common_levels(own, index):
    """The two indexes reduced to what identifies a row in both."""
    if own.nlevels == index.nlevels == 1:
        return own, index
    if ID_LEVEL in own.names and ID_LEVEL in index.names:
        ids = own.get_level_values(ID_LEVEL), index.get_level_values(ID_LEVEL)
        # Numerai's ids say the era too, however its label is written; others' do not
        if ids[0].is_unique and ids[1].is_unique:
            return ids
    if own.nlevels == index.nlevels:
        if None not in own.names and set(own.names) == set(index.names):
            index = index.reorder_levels(own.names)
        return own, index
    # one of them has the era beside its labels
    levels = [
        i.droplevel(ERA_LEVEL) if i.nlevels > 1 and ERA_LEVEL in i.names else i
        for i in (own, index)
    ]
    return levels[0], levels[1]


def _is_pandas(values):
    return isinstance(values, pd.Series | pd.DataFrame)


def _is_positional(index):
    return (
        isinstance(index, pd.RangeIndex)
        and index.start == 0
        and index.step == 1
        and index.name is None
    )


def _holds_numbers(index, n):
    """Whether the labels are numbers of a default index of n rows, in another order."""
    if _is_positional(index) or index.nlevels > 1 or index.dtype.kind not in "iu":
        return False
    return len(index) > 0 and index.min() >= 0 and index.max() < n
