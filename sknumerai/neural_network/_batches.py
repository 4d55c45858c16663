"""Rows for training, whole batches at a time: one gather per batch, no row loops."""

# SPDX-License-Identifier: BSD-3-Clause

import math
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset


class Batch(NamedTuple):
    """Some rows of a data set.

    Parameters
    ----------
    X : Tensor of shape (n_rows, n_features)
        Features in the dtype of the store.

    y : Tensor of shape (n_rows, n_outputs)
        float32, NaN where unknown.

    sample_weight : Tensor of shape (n_rows,) or None
        Weights.

    groups : Tensor of shape (n_rows,) or None
        Era of each row within the batch, 0, 1, ...; None for one era.

    meta_model : Tensor of shape (n_rows, n_models) or None
        For losses that take it.
    """

    X: torch.Tensor
    y: torch.Tensor
    sample_weight: torch.Tensor | None
    groups: torch.Tensor | None
    meta_model: torch.Tensor | None = None


class EraDataset(Dataset):
    """Features, targets and weights of rows, with the rows of each era.

    The matrix is never copied or sorted: rows out of era order are reached through
    `rows`.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Any numeric dtype.

    y : Tensor of shape (n_samples, n_outputs)
        float32.

    sample_weight : Tensor of shape (n_samples,) or None
        float32.

    rows : Tensor of shape (n_rows,) or None
        Row positions in era order; None where the rows are in it already.

    starts : ndarray of shape (n_eras + 1,)
        Where each era starts in era order.

    meta_model : Tensor of shape (n_samples, n_models) or None, default=None
        float64, NaN where unknown.
    """

    def __init__(self, X, y, sample_weight, rows, starts, meta_model=None):
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.rows = rows
        self.starts = starts
        self.meta_model = meta_model

    def __len__(self):
        return int(self.starts[-1])

    @property
    def n_eras(self):
        return len(self.starts) - 1

    def eras(self, first, last):
        """Return the data set of the eras first..last-1, on the same memory."""
        a, b = int(self.starts[first]), int(self.starts[last])
        starts = self.starts[first : last + 1] - a
        if self.rows is not None:
            stored = self.X, self.y, self.sample_weight, self.rows[a:b]
            return EraDataset(*stored, starts, self.meta_model)
        weight, meta_model = (
            None if t is None else t[a:b] for t in (self.sample_weight, self.meta_model)
        )
        return EraDataset(self.X[a:b], self.y[a:b], weight, None, starts, meta_model)

    def only(self, eras):
        """Return the data set of some eras, by position, on the same memory."""
        if np.array_equal(eras, np.arange(self.n_eras)):
            return self
        spans = [np.arange(self.starts[e], self.starts[e + 1]) for e in eras]
        rows = torch.from_numpy(np.concatenate(spans))
        if self.rows is not None:
            rows = self.rows[rows]
        starts = np.concatenate([[0], np.cumsum([len(span) for span in spans])])
        stored = self.X, self.y, self.sample_weight, rows, starts
        return EraDataset(*stored, self.meta_model)

    def gather(self, positions, groups=None):
        """Return a batch: rows by position in era order (a slice or a tensor)."""
        if self.rows is not None:
            positions = self.rows[positions]
        weight, meta_model = (
            None if t is None else _take(t, positions)
            for t in (self.sample_weight, self.meta_model)
        )
        X, y = _take(self.X, positions), _take(self.y, positions)
        return Batch(X, y, weight, groups, meta_model)


def _take(tensor, positions):
    # index_select is several times faster than tensor[positions] for int8
    if isinstance(positions, slice):
        return tensor[positions]
    return tensor.index_select(0, positions)


class _Batches:
    """Cuts a data set into batches.

    Parameters
    ----------
    dataset : EraDataset
        What to cut.

    batch_size : int
        Rows or eras of a batch.

    shuffle : bool, default=True
        Whether to draw them in random order.

    min_rows : int, default=1
        Smaller batches are left out (batch normalization needs two rows).

    generator : torch.Generator or None, default=None
        Source of the order.

    max_era_rows : int or None, default=None
        Of longer eras as many rows are drawn, anew each time; for batches of eras.
    """

    def __init__(
        self,
        dataset,
        batch_size,
        shuffle=True,
        min_rows=1,
        generator=None,
        max_era_rows=None,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.min_rows = min_rows
        self.generator = generator
        self.max_era_rows = max_era_rows

    def __iter__(self):
        for rows, counts in self.cuts():
            yield self.dataset.gather(rows, groups_of(counts))


def groups_of(counts):
    """Return the era of each row from the rows of each era, None for one era."""
    if counts is None or len(counts) < 2:
        return None
    return torch.from_numpy(np.repeat(np.arange(len(counts)), counts))


class RowBatches(_Batches):
    """Batches of rows, shuffled over all eras."""

    def __len__(self):
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest >= self.min_rows)

    def cuts(self):
        """Yield the positions of the rows of each batch, and None."""
        n_rows = len(self.dataset)
        if self.shuffle:
            order = torch.randperm(n_rows, generator=self.generator)
            positions = order.split(self.batch_size)
        else:
            positions = [
                slice(i, min(i + self.batch_size, n_rows))
                for i in range(0, n_rows, self.batch_size)
            ]
        for i in range(len(self)):
            yield positions[i], None


class EraBatches(_Batches):
    """Batches of whole eras: ragged, no padding, views where the store allows it."""

    def __len__(self):
        return math.ceil(self.dataset.n_eras / self.batch_size)

    def cuts(self):
        """Yield the positions of the rows of each batch, and the rows of its eras."""
        starts = self.dataset.starts
        n_eras = self.dataset.n_eras
        if self.shuffle:
            order = torch.randperm(n_eras, generator=self.generator).numpy()
        else:
            order = np.arange(n_eras)
        for i in range(0, n_eras, self.batch_size):
            eras = np.sort(order[i : i + self.batch_size])
            counts = np.diff(starts)[eras]
            if counts.sum() < self.min_rows:
                continue
            most = self.max_era_rows
            if most is not None and counts.max() > most:
                rows = torch.cat(
                    [self._draw(int(starts[e]), int(starts[e + 1])) for e in eras]
                )
                counts = np.minimum(counts, most)
            elif len(eras) == eras[-1] - eras[0] + 1:
                rows = slice(int(starts[eras[0]]), int(starts[eras[-1] + 1]))
            else:
                spans = [np.arange(starts[e], starts[e + 1]) for e in eras]
                rows = torch.from_numpy(np.concatenate(spans))
            yield rows, counts

    def _draw(self, start, stop):
        """Return the positions of an era, or as many of them as there may be."""
        n_rows = stop - start
        if n_rows <= self.max_era_rows:
            return torch.arange(start, stop)
        drawn = torch.randperm(n_rows, generator=self.generator)[: self.max_era_rows]
        return start + drawn.sort().values
