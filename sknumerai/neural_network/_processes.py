"""The processes that train one network together.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import os

import numpy as np
import torch
from skorch.callbacks import Callback

from sknumerai.neural_network._batches import groups_of
from sknumerai.utils import import_optional


class OneProcess:
    """A process that trains alone."""

    index, n, is_main = 0, 1, True

    def agree(self, value):
        """Return the value of the first process."""
        return value

    def gather(self, value):
        """Return the values of all processes."""
        return [value]

    def share(self, batches, min_eras):
        """Return the batches of this process."""
        return batches


class Processes:
    """Processes started by `accelerate launch` or `torchrun`, by accelerate's state.

    Parameters
    ----------
    state : accelerate.PartialState
        Who is here.

    utils : module
        accelerate.utils.
    """

    def __init__(self, state, utils):
        self.index, self.n = state.process_index, state.num_processes
        self.is_main, self.device = state.is_main_process, state.device
        self._utils = utils

    def agree(self, value):
        """Return the value of the first process."""
        return self._utils.broadcast_object_list([value])[0]

    def gather(self, value):
        """Return the values of all processes, in their order."""
        return self._utils.gather_object([value])

    def share(self, batches, min_eras):
        """Return the batches of this process: its part of each."""
        return Shares(batches, self, min_eras)

    def begin(self, module, seed):
        """Give all processes the weights of the first, and dropout of their own."""
        self._take_over(module)
        if self.index:
            torch.default_generator.manual_seed(seed + self.index)
            if self.device.type == "cuda":
                torch.cuda.manual_seed(seed + self.index)

    def level(self, module):
        """Average running statistics, and leave no difference between processes."""
        with torch.no_grad():
            for buffer in module.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self._utils.reduce(buffer, "mean"))
        self._take_over(module)

    def _take_over(self, module):
        with torch.no_grad():
            for tensor in module.state_dict().values():
                there = tensor.detach().to(self.device)
                tensor.copy_(self._utils.broadcast(there.contiguous()))

    def train_step(self, net, share):
        """Compute the gradients of a batch of which every process has a part.

        They are averaged in one message after the backward pass, by the rows (or eras)
        of the parts. Not by torch's DistributedDataParallel: it knows a module by its
        forward pass alone, and networks are trained through others, too.
        """
        loss, output, n = torch.zeros((), device=net.device), None, 0.0
        if share.weight:
            terms, output = net.terms(share.batch)
            loss, n = terms["loss"], float(share.weight)
            loss.backward()
        total = self._average(net, loss.detach(), n)
        if not torch.isfinite(total):
            if output is not None and not torch.isfinite(loss):
                net.raise_of_loss(loss.item(), share.batch, output)
            net.raise_of_loss(total.item())
        return {"loss": total, "y_pred": output}

    def _average(self, net, loss, n):
        """Average gradients in place; return the average loss."""
        params = [p for _, p in net.get_all_learnable_params() if p.requires_grad]
        params = list({id(p): p for p in params}.values())
        # which gradients there are: none must stay none, for the optimizer leaves out
        # such weights
        there = [float(p.grad is not None) for p in params]
        head = torch.tensor([n, *there], device=net.device)
        parts = [
            (torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1)
            for p in params
        ]
        flat = torch.cat([head, n * loss.reshape(1), *(n * part for part in parts)])
        flat = self._utils.reduce(flat, "sum")
        n_all = flat[0].clamp(min=1)
        found = flat[1 : len(head)].tolist()
        average = flat[len(head) :] / n_all
        sizes = [1, *(p.numel() for p in params)]
        total, *parts = average.split(sizes)
        for p, part, any_there in zip(params, parts, found):
            p.grad = part.view_as(p).to(p.dtype) if any_there else None
        return total.reshape(())


class Share:
    """A part of a batch, as long as the whole, by which epochs weigh losses.

    Parameters
    ----------
    batch : Batch
        The rows of this process.

    weight : int
        Its rows, or eras where batches are eras; 0 if it has no part in the batch.

    n_rows : int
        Rows of the whole batch.
    """

    def __init__(self, batch, weight, n_rows):
        self.batch = batch
        self.weight = weight
        self.n_rows = n_rows

    def __len__(self):
        return self.n_rows


class Shares:
    """The part of a process in each of the batches that all processes draw alike.

    Parameters
    ----------
    batches : RowBatches or EraBatches
        The whole batches.

    processes : Processes
        Between whom they are divided.

    min_eras : int
        Fewer eras are no part for a loss that compares eras.
    """

    def __init__(self, batches, processes, min_eras):
        self.batches = batches
        self.dataset = batches.dataset
        self.processes = processes
        self.min_eras = min_eras

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for rows, counts in self.batches.cuts():
            if counts is None:
                n_rows = _length(rows)
                n_parts, least, ends = n_rows, self.batches.min_rows, None
            else:
                n_parts, least = len(counts), self.min_eras
                ends = np.concatenate([[0], np.cumsum(counts)])
                n_rows = int(ends[-1])
            spans = self._spans(n_parts, least)
            if counts is not None and not self._enough(ends, spans):
                # together they are enough: one process takes them all
                spans = [(0, n_parts), *[(0, 0)] * (self.processes.n - 1)]
            first, last = spans[self.processes.index]
            if counts is None:
                yield Share(self._gather(rows, first, last), last - first, n_rows)
                continue
            counts = counts[first:last]
            a, b = int(ends[first]), int(ends[last])
            enough = b - a >= self.batches.min_rows
            batch = self._gather(rows, a, b, groups_of(counts))
            yield Share(batch, len(counts) if enough else 0, n_rows)

    def _spans(self, n_parts, least):
        """Return the part of each process; some get none where there are too few."""
        n = self.processes.n
        sharing = max(1, min(n, n_parts // max(1, least)))
        spans = [
            (n_parts * i // sharing, n_parts * (i + 1) // sharing)
            for i in range(sharing)
        ]
        return spans + [(0, 0)] * (n - sharing)

    def _enough(self, ends, spans):
        """Whether one of the parts has as many rows as can be trained on."""
        return any(ends[b] - ends[a] >= self.batches.min_rows for a, b in spans)

    def _gather(self, rows, first, last, groups=None):
        if isinstance(rows, slice):
            rows = slice(rows.start + first, rows.start + last)
        else:
            rows = rows[first:last]
        return self.dataset.gather(rows, groups)


def _length(rows):
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


class Level(Callback):
    """Let all processes go on from the same weights, statistics and loss.

    Parameters
    ----------
    processes : Processes
        Who trains.
    """

    def __init__(self, processes):
        self.processes = processes

    def on_epoch_end(self, net, **kwargs):
        """Level out."""
        self.processes.level(net.module_)
        # batches too small to train on are passed over, by all processes alike: an
        # epoch of such batches alone has no loss, here as with one process
        if "train_loss" in net.history[-1]:
            loss = self.processes.agree(net.history[-1, "train_loss"])
            net.history.record("train_loss", loss)


def processes_of(estimator, device):
    """Return the processes that train an estimator, and the device of this one."""
    caller = f"{type(estimator).__name__}.fit"
    if not estimator.distributed:
        return OneProcess(), device
    need = {"extra": "distributed", "caller": f"{caller} with distributed=True"}
    accelerate = import_optional("accelerate", **need)
    state = accelerate.PartialState(cpu=device.type == "cpu")
    _check_state(state, device, caller)
    if state.num_processes == 1:
        return OneProcess(), device
    utils = import_optional("accelerate.utils", **need)
    return Processes(state, utils), state.device


def _check_state(state, device, caller):
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        started = max(started, torch.distributed.get_world_size())
    if state.num_processes < started:
        raise RuntimeError(
            f"{caller}: {started} processes were started but accelerate counts "
            f"{state.num_processes} for device={str(device)!r}. Start the script with "
            "'accelerate launch' or 'torchrun' (on the CPU with 'torchrun'), and make no "
            "Accelerator of another device before."
        )
    if state.num_processes > 1 and state.device.type != device.type:
        raise RuntimeError(
            f"{caller}: device={str(device)!r}, and the processes were started for "
            f"{state.device.type!r}. Set device={state.device.type!r}, or make no "
            "Accelerator of that device before."
        )
