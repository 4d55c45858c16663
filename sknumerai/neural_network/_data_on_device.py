"""Rows on the way to the device: resident there, or through pinned memory.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import queue
import threading

import torch

from sknumerai.neural_network._batches import Batch, EraDataset

# The share of the free memory of a device that features may take: the rest is for
# weights, activations and the optimizer
SHARE_OF_FREE = 0.6
# Bytes that are gathered before they travel
_PIECE = 2**26
# Batches that wait in pinned memory for their turn
_AHEAD = 2


def place(parts, device, wanted):
    """Return data sets that hand out batches for a device.

    Parameters
    ----------
    parts : list of EraDataset or None
        Training and held-out rows.

    device : torch.device
        Where batches go.

    wanted : bool or 'auto'
        Whether the rows go there once and for all. 'auto': where their features take
        no more than `SHARE_OF_FREE` of the memory that is free there.

    Returns
    -------
    parts : list of EraDataset or None
        The same rows in the same order; on the CPU the same data sets.
    """
    if device.type == "cpu" or (device.type != "cuda" and wanted is not True):
        return parts
    if wanted == "auto":
        wanted = bytes_of(parts) <= SHARE_OF_FREE * free_bytes(device)
    if not wanted:
        return [part and PinnedDataset.of(part) for part in parts]
    try:
        return [part and ResidentDataset.of(part, device) for part in parts]
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"The features take {bytes_of(parts) / 2**30:.1f} GiB, more than is free on "
            f"{device}. Use data_on_device=False, which sends one batch at a time."
        ) from error


def bytes_of(parts):
    """Return the bytes of the features of data sets."""
    return sum(
        len(part) * part.X[:1].numel() * part.X.element_size() for part in parts if part
    )


def free_bytes(device):
    """Return the bytes free on a CUDA device, those that torch keeps included."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


class ResidentDataset(EraDataset):
    """Rows in era order on the device: batches are gathered there."""

    @classmethod
    def of(cls, dataset, device):
        """Return the rows of a data set on a device, copied a piece at a time."""
        tensors = dataset.X, dataset.y, dataset.sample_weight, dataset.meta_model
        X, y, weight, meta_model = (
            None if t is None else _to_device(t, dataset.rows, len(dataset), device)
            for t in tensors
        )
        return cls(X, y, weight, None, dataset.starts, meta_model)

    def gather(self, positions, groups=None):
        """Return a batch on the device."""
        if self.rows is not None:
            raise ValueError("Rows on a device are in era order.")
        device = self.X.device
        if groups is not None:
            groups = groups.to(device, non_blocking=True)
        if isinstance(positions, slice):
            return super().gather(positions, groups)
        there = positions.to(device, non_blocking=True)
        # a stage may add targets of its own, which are not there
        tensors = self.X, self.y, self.sample_weight, self.meta_model
        X, y, weight, meta_model = (
            None if t is None else t.index_select(0, positions if t.is_cpu else there)
            for t in tensors
        )
        return Batch(X, y, weight, groups, meta_model)


def _to_device(tensor, rows, n_rows, device):
    """Copy rows in era order, gathering no more than a piece on the way."""
    out = torch.empty((n_rows, *tensor.shape[1:]), dtype=tensor.dtype, device=device)
    row_bytes = max(1, tensor[:1].numel() * tensor.element_size())
    step = max(1, _PIECE // row_bytes)
    for first in range(0, n_rows, step):
        span = slice(first, first + step)
        piece = tensor[span] if rows is None else tensor.index_select(0, rows[span])
        out[span].copy_(piece)
    return out


class PinnedDataset(EraDataset):
    """Rows in ordinary memory whose batches are gathered into pinned memory."""

    @classmethod
    def of(cls, dataset):
        """Return a data set on the same memory."""
        stored = dataset.X, dataset.y, dataset.sample_weight, dataset.rows
        return cls(*stored, dataset.starts, dataset.meta_model)

    def gather(self, positions, groups=None):
        """Return a batch in pinned memory."""
        if self.rows is not None:
            positions = self.rows[positions]
        tensors = self.X, self.y, self.sample_weight, self.meta_model
        X, y, weight, meta_model = (
            None if t is None else _take(t, positions) for t in tensors
        )
        if groups is not None:
            groups = _take(groups, slice(None))
        return Batch(X, y, weight, groups, meta_model)


def _take(tensor, positions):
    # torch keeps pinned memory for the next batch, once a copy from it is over
    how = {"dtype": tensor.dtype, "pin_memory": torch.cuda.is_initialized()}
    if isinstance(positions, slice):
        part = tensor[positions]
        return torch.empty(part.shape, **how).copy_(part)
    out = torch.empty((len(positions), *tensor.shape[1:]), **how)
    return torch.index_select(tensor, 0, positions, out=out)


class Ahead:
    """Batches that another thread gathers while the device computes.

    Parameters
    ----------
    batches : iterable
        What to go through, in the same order.
    """

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        waiting, left = queue.Queue(maxsize=_AHEAD), threading.Event()
        worker = threading.Thread(
            target=_fill, args=(self.batches, waiting, left), daemon=True
        )
        worker.start()
        try:
            while True:
                batch, error = waiting.get()
                if error is not None:
                    raise error
                if batch is None:
                    return
                yield batch
        finally:
            left.set()
            while worker.is_alive():
                # room for the batch that it may wait to hand over
                with contextlib.suppress(queue.Empty):
                    waiting.get_nowait()
                worker.join(0.01)


def _fill(batches, waiting, left):
    """Hand over batches, and in the end None or what went wrong, until one has left."""
    batch = error = None
    try:
        for batch in batches:
            waiting.put((batch, None))
            if left.is_set():
                return
        batch = None
    except Exception as problem:  # noqa: BLE001 - goes on in the thread that trains
        batch, error = None, problem
    waiting.put((batch, error))


def ahead(batches):
    """Gather batches ahead where they go through pinned memory."""
    return Ahead(batches) if isinstance(batches.dataset, PinnedDataset) else batches
