"""Losses and predictions of a data set while training goes on.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch

from sknumerai.neural_network._batches import EraBatches, RowBatches, groups_of


def evaluate(net, dataset):
    """Return the mean loss terms and the predictions of a data set, in its order."""
    estimator, processes = net.estimator, net.processes
    net._set_training(False)
    by_era = estimator.batch_by_ == "era"
    size = estimator.batch_size_
    if not by_era:
        size = max(size, 2**23 // max(1, dataset.X.shape[1]))
    batches = (EraBatches if by_era else RowBatches)(dataset, size, shuffle=False)
    sums, total, first, found = {}, 0.0, 0, _Predictions(len(dataset))
    with torch.inference_mode():
        for i, (rows, counts) in enumerate(batches.cuts()):
            n_rows = rows.stop - rows.start  # in order they lie beside each other
            first += n_rows
            if i % processes.n != processes.index:
                continue
            batch = dataset.gather(rows, groups_of(counts))
            terms, output = net.terms(batch)
            weight = len(counts) if by_era else n_rows
            total += weight
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + weight * float(value)
            targets = estimator._targets_of(output, net.phase)
            if targets is not None:
                found.add(first - n_rows, targets.cpu().numpy())
    if processes.n > 1:
        sums, total = _together(processes, sums, total, found)
    return {name: value / total for name, value in sums.items()}, found.values


class _Predictions:
    """Predictions of rows, in an array that is made when its width is known."""

    def __init__(self, n_rows):
        self.n_rows = n_rows
        self.values = None
        self.spans = []

    def add(self, first, part):
        if self.values is None:
            self.values = np.empty((self.n_rows, part.shape[1]), dtype=np.float32)
        self.values[first : first + len(part)] = part
        self.spans.append((first, first + len(part)))


def _together(processes, sums, total, found):
    """Return sums over all processes; put the predictions of all into `found`."""
    parts = [(a, found.values[a:b]) for a, b in found.spans]
    all_sums, in_all = {}, 0.0
    for their_sums, their_total, their_parts in processes.gather((sums, total, parts)):
        in_all += their_total
        for name, value in their_sums.items():
            all_sums[name] = all_sums.get(name, 0.0) + value
        for first, part in their_parts:
            found.add(first, part)
    return all_sums, in_all
