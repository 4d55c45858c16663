"""Predictions of one era, sorted once for all scores that need their ranks."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.special import ndtri

from sknumerai.utils import Scratch, signed_power, stable_order

# Share of a column's values that equal the one before, from which all runs are kept.
_MANY = 0.1


class RankTables:
    """What eras share: memory, and transformed ranks by number of rows.

    A transform is an exponent, for ``signed_power(ndtri((rank - 0.5) / n), exponent)``,
    or "rank" for the centered rank itself.
    """

    def __init__(self):
        self._whole, self._half = {}, {}
        self.scratch = Scratch()
        self._n_orders = 0

    def recycle(self):
        """Give the memory of all columns sorted so far to those that come."""
        self._n_orders = 0

    def next_order(self):
        """Name for the memory of one more order."""
        self._n_orders += 1
        return "order", self._n_orders

    def whole(self, n, transform):
        """Values at the ranks 1, 2, ..., n, and the sum of their squares."""
        key = n, transform
        if key not in self._whole:
            half = self._half.get(key)
            if half is None:
                values = _transformed(np.arange(1, n // 2 + 1), n, transform)
                middle = [0.0] if n % 2 else []
                values = np.concatenate([values, middle, -values[::-1]])
            else:
                values = half[::2].copy()
            self._whole[key] = values, float(values @ values)
        return self._whole[key]

    def half(self, n, transform):
        """Values at the ranks 1, 1.5, 2, ..., n, which tied values may have."""
        key = n, transform
        if key not in self._half:
            values = _transformed(np.arange(2, n + 1) / 2, n, transform)
            self._half[key] = np.concatenate([values, [0.0], -values[::-1]])
        return self._half[key]


class RankedColumns:
    """Columns of one era with what their ranks are good for.

    Nothing is sorted before it is asked for, and then only once.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Numbers without NaN.

    tables : RankTables, default=None
        Shared by the eras of one call.

    target_mean : float, default=None
        Mean of the era's targets where some of its rows are left out because something
        else is missing: CORR centers targets before that, as the reference does.
    """

    def __init__(self, values, tables=None, target_mean=None):
        self.values, self.target_mean = values, target_mean
        self.tables = RankTables() if tables is None else tables
        self._order = self._ties = None
        self._dense = {}

    def __len__(self):
        return len(self.values)

    @property
    def order(self):
        """Rows of each column in rising order, equal values as they come: (m, n)."""
        if self._order is None:
            self._sort()
        return self._order

    @property
    def ties(self):
        """Runs of equal values: none, or one or two objects for different columns."""
        if self._order is None:
            self._sort()
        return self._ties

    def products(self, vector, transform=1.0):
        """Dot products of each transformed column with a vector: (m,)."""
        ranked = self.tables.scratch.array("ranked", self.order.shape, np.float64)
        # clip: without the copy that a check of the positions would make
        vector.take(self.order, out=ranked, mode="clip")
        sums = ranked @ self.tables.whole(len(self), transform)[0]
        for ties in self.ties:
            ties.correct_products(sums, ranked, self.tables, transform)
        return sums

    def moments(self, transform=1.0):
        """Sum and sum of squares of each transformed column: two of shape (m,)."""
        m = len(self.order)
        square = self.tables.whole(len(self), transform)[1]
        total, squares = np.zeros(m), np.full(m, square)
        for ties in self.ties:
            ties.correct_moments(total, squares, self.tables, transform)
        return total, squares

    def gaussian(self, transform=1.0):
        """The transformed columns themselves: (n, m), not to be changed."""
        if transform not in self._dense:
            # one column after the other in memory, as they are written
            dense = np.empty(self.order.shape)
            rising = self.tables.scratch.array("ranked", dense.shape, np.float64)
            rising[:] = self.tables.whole(len(self), transform)[0]
            for ties in self.ties:
                ties.correct_rising(rising, self.tables, transform)
            for column, order, values in zip(dense, self.order, rising):
                column[order] = values
            self._dense[transform] = dense.T
        return self._dense[transform]

    def is_constant(self):
        """Which columns hold the same value in all rows: (m,)."""
        return self.moments()[1] == 0

    def _sort(self):
        scratch = self.tables.scratch
        columns = _sortable(self.values, scratch)
        self._take(*stable_order(columns, scratch, self.tables.next_order()))

    def _take(self, order, ordered):
        self._order = order
        self._ties = _find_ties(ordered, self.tables.scratch)


def sort_together(a, b):
    """Sort the columns of two objects of one era at once, which takes less time."""
    fresh = a._order is None and b._order is None and a.tables is b.tables
    floats = np.float32, np.float64
    if not fresh or a.values.dtype not in floats or b.values.dtype not in floats:
        return
    dtype = np.result_type(a.values, b.values)
    m, k = a.values.shape[1], b.values.shape[1]
    scratch = a.tables.scratch
    columns = scratch.array("columns", (m + k, len(a)), dtype)
    columns[:m], columns[m:] = a.values.T, b.values.T
    order, ordered = stable_order(columns, scratch, a.tables.next_order())
    a._take(order[:m], ordered[:m])
    b._take(order[m:], ordered[m:])


def _find_ties(ordered, scratch):
    m, n = ordered.shape
    equal = scratch.array("equal", (m, max(n - 1, 0)), bool)
    np.equal(ordered[:, 1:], ordered[:, :-1], out=equal)
    # one count of all is much faster than one of each column, and often enough
    total = np.count_nonzero(equal)
    if not total:
        return []
    found = []
    if total > _MANY * n:
        many = np.count_nonzero(equal, axis=1) > _MANY * n
        if many.all():
            return [_ManyTies(np.arange(m), equal)]
        if many.any():
            found.append(_ManyTies(np.flatnonzero(many), equal[many]))
            equal[many] = False
    pairs = np.flatnonzero(equal)
    if len(pairs):
        # a row of `equal` is one shorter than a row of `ordered`
        found.append(_FewTies(pairs + pairs // (n - 1), n))
    return found


class _FewTies:
    """Runs of equal values in columns that have but a few: the rest is as without."""

    def __init__(self, pairs, n):
        new = np.ones(len(pairs), dtype=bool)
        np.greater(pairs[1:] - pairs[:-1], 1, out=new[1:])
        first = np.flatnonzero(new)
        starts = pairs[first]
        counts = _gaps(first, len(pairs)) + 1
        skipped = starts - (np.cumsum(counts) - counts)
        self.n = n
        # flat positions of all values in runs, sorted
        self.at = np.repeat(skipped, counts) + np.arange(counts.sum())
        self.columns, self.ranks = np.divmod(self.at, n)
        self.half_steps = np.repeat(2 * (starts % n) + counts - 1, counts)

    def correct_products(self, sums, ranked, tables, transform):
        was, is_ = self._values(tables, transform)
        self._add(sums, ranked.ravel()[self.at] * (is_ - was))

    def correct_moments(self, total, squares, tables, transform):
        was, is_ = self._values(tables, transform)
        self._add(total, is_ - was)
        self._add(squares, is_**2 - was**2)

    def correct_rising(self, rising, tables, transform):
        rising.ravel()[self.at] = self._values(tables, transform)[1]

    def _values(self, tables, transform):
        whole, half = tables.whole(self.n, transform), tables.half(self.n, transform)
        return whole[0][self.ranks], half[self.half_steps]

    def _add(self, sums, parts):
        sums += np.bincount(self.columns, weights=parts, minlength=len(sums))


class _ManyTies:
    """Runs of equal values in columns that consist of them: one value for each run."""

    def __init__(self, columns, equal):
        n = equal.shape[1] + 1
        new = np.ones((len(columns), n), dtype=bool)
        np.logical_not(equal, out=new[:, 1:])
        self.n = n
        self.columns = columns
        self.starts = np.flatnonzero(new)
        self.counts = _gaps(self.starts, new.size)
        # the run that each column begins with
        offsets = np.arange(len(columns)) * n
        self.first = np.searchsorted(self.starts, offsets)
        # twice the mean rank in its column, counted from 0
        runs = _gaps(self.first, len(self.starts))
        self.half_steps = self.starts - np.repeat(offsets, runs)
        self.half_steps *= 2
        self.half_steps += self.counts
        self.half_steps -= 1

    def correct_products(self, sums, ranked, tables, transform):
        if len(self.columns) < len(ranked):
            ranked = ranked[self.columns]
        parts = np.add.reduceat(ranked.ravel(), self.starts)
        parts *= self._values(tables, transform)
        sums[self.columns] = np.add.reduceat(parts, self.first)

    def correct_moments(self, total, squares, tables, transform):
        values = self._values(tables, transform)
        weighted = values * self.counts
        total[self.columns] = np.add.reduceat(weighted, self.first)
        squares[self.columns] = np.add.reduceat(weighted * values, self.first)

    def correct_rising(self, rising, tables, transform):
        values = np.repeat(self._values(tables, transform), self.counts)
        rising[self.columns] = values.reshape(-1, self.n)

    def _values(self, tables, transform):
        return tables.half(self.n, transform)[self.half_steps]


def _gaps(starts, end):
    """Distances from each of some positions to the next, of the last to the end."""
    gaps = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=gaps[:-1])
    gaps[-1:] = end - starts[-1:]
    return gaps


def _transformed(ranks, n, transform):
    if transform == "rank":
        return ranks - 0.5 * (n + 1)
    scores = ndtri((ranks - 0.5) / n)
    return signed_power(scores, transform) if transform != 1 else scores


def _sortable(values, scratch):
    """Columns as rows, of a type in which none of the values change."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    dtype = values.dtype
    if kind == "b" or (kind in "iuf" and size <= 2):
        dtype = np.float32
    elif kind in "iu" and size == 4:
        dtype = np.float64
    if dtype == values.dtype and values.strides[0] == values.itemsize:
        # each column is in one piece of memory already
        return values.T
    columns = scratch.array("columns", values.shape[::-1], dtype)
    columns[:] = values.T
    return columns
