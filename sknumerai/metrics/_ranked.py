"""Predictions of one era, sorted once for all scores that need their ranks."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.special import ndtri

from sknumerai.utils import stable_order


class RankTables:
    """Transformed ranks by number of rows, computed once for all eras of that size.

    A transform is an exponent, for ``signed_power(ndtri((rank - 0.5) / n), exponent)``,
    or "rank" for the centered rank itself.
    """

    def __init__(self):
        self._whole, self._half = {}, {}

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
    """

    def __init__(self, values, tables=None):
        self.values = values
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
        """Runs of equal values, or None where there are none."""
        if self._order is None:
            self._sort()
        return self._ties

    def products(self, vector, transform=1.0):
        """Dot products of each transformed column with a vector: (m,)."""
        order, n = self.order, len(self)
        ties = self.ties
        ranked = vector[order]
        table, _ = self.tables.whole(n, transform)
        sums = ranked @ table
        if ties is not None:
            at = ties.values(self.tables, transform)
            parts = np.add.reduceat(ranked[ties.columns].ravel(), ties.starts)
            sums[ties.columns] = np.add.reduceat(parts * at, ties.first)
        return sums

    def moments(self, transform=1.0):
        """Sum and sum of squares of each transformed column: two of shape (m,)."""
        m, ties = len(self.order), self.ties
        _, square = self.tables.whole(len(self), transform)
        total, squares = np.zeros(m), np.full(m, square)
        if ties is not None:
            at = ties.values(self.tables, transform)
            weighted = at * ties.counts
            total[ties.columns] = np.add.reduceat(weighted, ties.first)
            squares[ties.columns] = np.add.reduceat(weighted * at, ties.first)
        return total, squares

    def gaussian(self, transform=1.0):
        """The transformed columns themselves: (n, m), not to be changed."""
        if transform not in self._dense:
            order, n = self.order, len(self)
            ties = self.ties
            # one column after the other in memory, as they are written
            dense = np.empty((len(order), n))
            table, _ = self.tables.whole(n, transform)
            np.put_along_axis(dense, order, table[None, :], axis=1)
            if ties is not None:
                at = ties.values(self.tables, transform)
                spread = np.repeat(at, ties.counts).reshape(-1, n)
                at_ties = np.empty_like(spread)
                np.put_along_axis(at_ties, order[ties.columns], spread, axis=1)
                dense[ties.columns] = at_ties
            self._dense[transform] = dense.T
        return self._dense[transform]

    def _sort(self):
        self._order, ordered = stable_order(_sortable(self.values))
        self._ties = _find_ties(ordered)


def _find_ties(ordered):
    equal = ordered[:, 1:] == ordered[:, :-1]
    tied = equal.any(axis=1)
    if not tied.any():
        return None
    columns = np.flatnonzero(tied)
    return _Ties(columns, equal if len(columns) == len(tied) else equal[columns])


class _Ties:
    """Runs of equal values in the sorted columns that have any."""

    def __init__(self, columns, equal):
        n = equal.shape[1] + 1
        new = np.ones((len(columns), n), dtype=bool)
        np.logical_not(equal, out=new[:, 1:])
        self.n = n
        self.columns = columns
        self.starts = np.flatnonzero(new)
        self.counts = np.diff(self.starts, append=new.size)
        # the run that each column begins with
        self.first = np.searchsorted(self.starts, np.arange(len(columns)) * n)
        # twice the mean rank, counted from 0
        self._half_steps = 2 * (self.starts % n) + self.counts - 1
        self._values = {}

    def values(self, tables, transform):
        if transform not in self._values:
            table = tables.half(self.n, transform)
            self._values[transform] = table[self._half_steps]
        return self._values[transform]


def _transformed(ranks, n, transform):
    if transform == "rank":
        return ranks - 0.5 * (n + 1)
    scores = ndtri((ranks - 0.5) / n)
    if transform == 1.5:
        # faster than a power, and as exact
        return scores * np.sqrt(np.abs(scores))
    return np.sign(scores) * np.abs(scores) ** transform if transform != 1 else scores


def _sortable(values):
    """Columns as rows, of a type in which none of the values change."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    columns = values.T
    if kind == "b" or (kind in "iuf" and size <= 2):
        columns = columns.astype(np.float32)
    elif kind in "iu" and size == 4:
        columns = columns.astype(np.float64)
    return np.ascontiguousarray(columns)
