"""Tables that worker processes map from the file that they are in.

joblib hands over an array on a memory map by the name of its file, but mistakes the order
of a transposed one, which is what a frame on a row-major map holds: the worker would get
other numbers (joblib issue 1019).
"""

# SPDX-License-Identifier: BSD-3-Clause

import mmap

import numpy as np
import pandas as pd


class Handover:
    """Something that a worker process is to get, unchanged.

    Parameters
    ----------
    values : object
        Frames and matrices on a memory map are handed over by the name of the file. All
        else is handed over as joblib does.
    """

    def __init__(self, values):
        self.values = values

    def __reduce__(self):
        values = self.values
        if isinstance(values, pd.DataFrame) and _is_one_block(values):
            matrix = values.to_numpy()
            if backing_map(matrix) is not None:
                # a plain frame, or the subclass that it is
                make = type(values), values.index, values.columns
                return _frame, (Handover(matrix), *make)
        if isinstance(values, np.ndarray) and values.ndim == 2:
            base = backing_map(values)
            if base is not None and _order(base) != _order(values):
                return _transposed, (values.T,)
        return Handover, (values,)


def received(values):
    """What was handed over."""
    return values.values if isinstance(values, Handover) else values


def backing_map(array):
    """The memory map that an array is a view of, or None.

    Parameters
    ----------
    array : object
        Perhaps an array.

    Returns
    -------
    base : numpy.memmap or None
        The one that opened the file.
    """
    while array is not None:
        base = getattr(array, "base", None)
        if isinstance(array, np.memmap) and isinstance(base, mmap.mmap):
            return array
        array = base
    return None


def _order(array):
    """The order in which joblib takes the numbers of an array to lie in memory."""
    if array.flags["C_CONTIGUOUS"]:
        return "C"
    # with steps between them they are handed over as they are
    return "F" if array.flags["F_CONTIGUOUS"] else None


def _is_one_block(frame):
    """Whether the frame's array is the one that it holds, for which it is not copied."""
    if frame.empty or len(set(frame.dtypes)) > 1:
        return False
    first = frame.iloc[:1].to_numpy()
    return backing_map(first) is not None


def _frame(matrix, make, index, columns):
    frame = pd.DataFrame(received(matrix), index=index, columns=columns, copy=False)
    return Handover(frame if make is pd.DataFrame else make(frame))


def _transposed(values):
    return Handover(values.T)
