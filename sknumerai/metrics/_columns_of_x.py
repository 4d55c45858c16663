"""Columns of X as a side input, of which some rows at a time are copied."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._sides import Side


class ColumnsOfX:
    """Some columns of a frame, of which no more is copied than is asked for.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The frame.

    at : ndarray of shape (n_columns,)
        Positions of the columns.
    """

    def __init__(self, X, at):
        self.X, self.at = X, at

    def take(self, rows):
        """A frame of these columns and of some rows: a slice, or their positions."""
        return self.X.iloc[rows].iloc[:, self.at]

    def take_into(self, buffer, rows, index):
        """The same, labelled anew, in a memory that is used again and again.

        Parameters
        ----------
        buffer : ndarray of shape (n_rows, n_columns) or None
            Where the values go; None for a new one of as many rows.

        rows : slice or ndarray
            Positions of the rows, no more than the buffer has.

        index : Index
            Their labels.

        Returns
        -------
        frame : DataFrame
            A view of the buffer.

        buffer : ndarray
            The buffer.
        """
        part = self.take(rows)
        values = part.to_numpy()
        if buffer is None or len(buffer) < len(values) or buffer.dtype != values.dtype:
            buffer = np.empty_like(values)
        view = buffer[: len(values)]
        view[:] = values
        return pd.DataFrame(view, index, part.columns, copy=False), buffer


class SideOfX:
    """Some columns of X as a side input, of which one era at a time is copied.

    Parameters
    ----------
    name : str
        The metric's name of it.

    columns : ColumnsOfX
        The columns, of the rows that are scored.

    caller : str
        Name to begin messages with.
    """

    ranked = False

    def __init__(self, name, columns, caller):
        self.name, self.columns, self.caller = name, columns, caller

    def present(self, rows):
        """All rows are there."""

    def take(self, rows):
        """Values of some rows, as an array."""
        part = self.columns.take(rows)
        side = Side(self.name, part, None, len(part), self.caller)
        return side.take(slice(0, len(part)))
