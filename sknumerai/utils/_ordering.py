"""Stable order of many short columns at once."""

# SPDX-License-Identifier: BSD-3-Clause

from math import prod

import numpy as np

# Below, a plain argsort costs no more than finding the buckets.
_MIN_ROWS = 256
# Above, so many neighbours share one of 2**16 buckets that 2**32 cost less.
_MAX_ROWS_16 = 8192
# Rows of which a larger share lies in the wrong order within its buckets have values
# too unevenly spread for buckets of equal width.
_MAX_WRONG = 0.125
# Values are exchanged so many times at most, and so few pairs one by one.
_MAX_PASSES = 16
_FEW = 16
_MAX_STEPS = 64


class Scratch:
    """Arrays that are used again: fresh memory costs more than a sort of it.

    Examples
    --------
    >>> from sknumerai.utils import Scratch
    >>> scratch = Scratch()
    >>> scratch.array("keys", (2, 3), float).shape
    (2, 3)
    """

    def __init__(self):
        self._arrays = {}

    def array(self, name, shape, dtype):
        """An array with any content, the same memory for the same name and type.

        Parameters
        ----------
        name : object
            Hashable; what the array is for.

        shape : tuple of int
            Its shape.

        dtype : dtype
            Its type.

        Returns
        -------
        array : ndarray
            To be filled by the caller.
        """
        size = prod(shape)
        key = name, np.dtype(dtype)
        found = self._arrays.get(key)
        if found is None or found.size < size:
            self._arrays[key] = found = np.empty(size, dtype=dtype)
        return found[:size].reshape(shape)


def stable_order(columns, scratch=None, name="order"):
    """Sort each row of a matrix, equal values in the order in which they come.

    The same as ``numpy.argsort(columns, axis=1, kind="stable")``, several times
    faster for a few thousand floats a row. Values are put into 65,536 buckets of equal
    width, which NumPy sorts by radix; the few neighbours that share a bucket in the
    wrong order are exchanged. Where values are so uneven that this does not pay,
    NumPy's own sort is called.

    Parameters
    ----------
    columns : ndarray of shape (n_columns, n_samples)
        Numbers without NaN, one column of data in each row.

    scratch : Scratch, default=None
        Where the results lie, and what is needed on the way. By default in new memory.

    name : object, default="order"
        Results of another name in the same scratch stay as they are.

    Returns
    -------
    order : ndarray of shape (n_columns, n_samples)
        Positions of the values in rising order, intp.

    ordered : ndarray of shape (n_columns, n_samples)
        The values in rising order. The next call with the same scratch overwrites it.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils import stable_order
    >>> order, ordered = stable_order(np.array([[30.0, 10.0, 20.0, 10.0]]))
    >>> order
    array([[1, 3, 2, 0]])
    """
    scratch = Scratch() if scratch is None else scratch
    m, n = columns.shape
    order = scratch.array(name, (m, n), np.intp)
    ordered = scratch.array("ordered", (m, n), columns.dtype)
    if n < _MIN_ROWS or columns.dtype not in (np.float32, np.float64):
        order[:] = np.argsort(columns, axis=1, kind="stable")
        ordered[:] = np.take_along_axis(columns, order, axis=1)
        return order, ordered
    wide = n > _MAX_ROWS_16
    buckets = _find_buckets(columns, np.uint32 if wide else np.uint16, scratch)
    for i in range(m):
        order[i] = (_order_of_32 if wide else _order_of_16)(buckets[i])
        # clip: without the copy that a check of the positions would make
        columns[i].take(order[i], out=ordered[i], mode="clip")
    wrong = scratch.array("wrong", (m, n - 1), bool)
    pairs = np.flatnonzero(np.less(ordered[:, 1:], ordered[:, :-1], out=wrong))
    if len(pairs):
        # a row of `wrong` is one shorter than a row of `ordered`
        rows = pairs // (n - 1)
        uneven = np.zeros(m, dtype=bool)
        if len(pairs) > _MAX_WRONG * n:
            uneven = np.bincount(rows, minlength=m) > _MAX_WRONG * n
        pairs += rows
        pairs = pairs[~uneven[rows]] if uneven.any() else pairs
        uneven[_exchange(order.reshape(-1), ordered.reshape(-1), pairs, n)] = True
        for i in np.flatnonzero(uneven):
            order[i] = np.argsort(columns[i], kind="stable")
            columns[i].take(order[i], out=ordered[i], mode="clip")
    return order, ordered


def _find_buckets(columns, dtype, scratch):
    """The bucket of each value, of equal width in each row."""
    buckets = scratch.array("buckets", columns.shape, dtype)
    precision = columns.dtype if dtype == np.uint16 else np.float64
    scaled = scratch.array("scaled", columns.shape, precision)
    low = columns.min(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        width = (columns.max(axis=1, keepdims=True) - low).astype(precision)
        scale = np.iinfo(dtype).max / width
        spread = np.isfinite(scale) & (scale > 0) & np.isfinite(low)
        np.subtract(columns, low, out=scaled)
        # rounded products still rise with the values, so the buckets are in order
        np.multiply(scaled, scale, out=scaled)
        # equal, infinite or subnormal values: one bucket
        scaled[~spread[:, 0]] = 0
        np.copyto(buckets, scaled, casting="unsafe")
    return buckets


def _order_of_16(buckets):
    return buckets.argsort(kind="stable")


def _order_of_32(buckets):
    """By the lower digits, then by the upper ones."""
    lower = buckets.astype(np.uint16).argsort(kind="stable")
    upper = (buckets >> 16).astype(np.uint16)
    return lower.take(upper.take(lower).argsort(kind="stable"))


def _exchange(order, ordered, pairs, n):
    """Exchange neighbours that are in the wrong order until few are left to insert.

    `pairs` are the flat positions of the first of each two. Only values of one bucket
    are ever exchanged, and equal ones never, so the order stays stable.

    Returns the rows that would take too long: a bucket holds many of their values.
    """
    for _ in range(_MAX_PASSES):
        if len(pairs) <= _FEW:
            break
        # of neighbouring pairs the first goes first
        alone = np.ones(len(pairs), dtype=bool)
        np.greater(pairs[1:] - pairs[:-1], 1, out=alone[1:])
        first = pairs if alone.all() else pairs[alone]
        second = first + 1
        low, high = ordered.take(second), ordered.take(first)
        ordered[first], ordered[second] = low, high
        moved = order.take(second)
        order[second] = order.take(first)
        order[first] = moved
        # wrong now may be the pairs left over, and those beside the exchanged
        before, after = first - 1, second + 1
        # beyond either end of all the value itself is found, which is not wrong
        wrong_before = ordered.take(before, mode="clip") > low
        wrong_after = ordered.take(after, mode="clip") < high
        left = pairs[~alone]
        if len(left):
            left = left[ordered.take(left) > ordered.take(left + 1)]
        pairs = np.concatenate([before[wrong_before], second[wrong_after], left])
        # the last of a row and the first of the next are no pair
        pairs = pairs[pairs % n != n - 1]
        pairs.sort()
        pairs = pairs[_first_of_equal(pairs)]
    if len(pairs) > _FEW:
        return np.unique(pairs // n)
    unsorted = []
    for pair in pairs.tolist():
        row = pair // n
        if row not in unsorted and not _insert(order, ordered, pair, n):
            unsorted.append(row)
    return unsorted


def _first_of_equal(values):
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def _insert(order, ordered, pair, n):
    """Sort on from one pair of a row whose values before it are in order.

    False if that takes too many steps; the row is then left in any order.
    """
    end = pair - pair % n + n
    steps = 0
    while pair + 1 < end and ordered[pair] > ordered[pair + 1]:
        value, position = ordered[pair + 1], order[pair + 1]
        place = pair
        while place % n and ordered[place - 1] > value:
            place -= 1
        steps += pair - place + 1
        if steps > _MAX_STEPS:
            return False
        ordered[place + 1 : pair + 2] = ordered[place : pair + 1].copy()
        order[place + 1 : pair + 2] = order[place : pair + 1].copy()
        ordered[place], order[place] = value, position
        pair += 1
    return True
