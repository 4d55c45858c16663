"""Networks, neutralization and scores on a GPU.

Epochs: seconds of an epoch of the supervised autoencoder and of the ranker at the size
of v5.3, against loops that one would write by hand for CUDA: the same module, loss,
optimizer and batches, int8 features on the device where they fit (otherwise batches
through pinned memory), gathered and cast there, the loss read once per step. Rows of
the table: as it is, in bfloat16 (autocast), compiled, both, compiled with CUDA graphs
(not the ranker, whose eras are of many lengths), and features in ordinary memory; the
loop by hand does the same. An epoch is what a fit of `--epochs` + 1 takes above a fit of
one, so that copying, compiling and the map to `y` at the end do not count.

Neutralization and scores: all eras against the same on the CPU, transfers included.

What is asked: at least 80 % of the speed of the loop by hand. Without CUDA it says so and
ends; `--device cpu --quick` runs the same code at a small size, to see that it runs.

    python benchmarks/bench_gpu.py [--rows 2746268] [--features 3555] [--eras 574]
        [--epochs 2] [--runs 3] [--only epochs neutralization scores] [--networks sae ranker]
        [--ways plain bfloat16 ...] [--device cuda] [--quick]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import contextlib
import sys
import time

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from sknumerai.losses import ApproximateSpearmanLoss, NumeraiCorrLoss
from sknumerai.metrics import numerai_corr_score
from sknumerai.modules import ContextAwareEncoder, SupervisedAutoencoder
from sknumerai.neural_network import ContextAwareRanker, SupervisedAutoencoderRegressor
from sknumerai.preprocessing import neutralize

BATCH_ROWS, BATCH_ERAS = 4096, 2
# what both do, by the parameters of the estimators
WAYS = {
    "plain": {},
    "bfloat16": {"precision": "bfloat16"},
    "compiled": {"compile": True},
    "compiled, bfloat16": {"compile": True, "precision": "bfloat16"},
    "CUDA graphs, bfloat16": {"compile": "reduce-overhead", "precision": "bfloat16"},
    "batches sent": {"data_on_device": False},
}


class Data:
    """Eras of different lengths: int8 features 0..4, targets 0, 0.25, ..., 1."""

    def __init__(self, n_rows, n_features, n_eras, seed=0):
        rng = np.random.default_rng(seed)
        self.counts = rng.multinomial(n_rows, np.full(n_eras, 1 / n_eras))
        self.X = np.empty((n_rows, n_features), dtype=np.int8)
        step = max(1, 2**27 // n_features)
        for first in range(0, n_rows, step):  # random bytes of the whole would be twice
            part = self.X[first : first + step]
            part[:] = rng.integers(0, 5, part.shape, dtype=np.int8)
        signal = self.X[:, :20].mean(1) + rng.normal(0, 1, n_rows)
        self.y = (np.argsort(np.argsort(signal)) * 5 // n_rows / 4).astype(np.float32)
        self.eras = np.repeat(np.arange(1, n_eras + 1), self.counts)


# ------------------------------------------------------------------ epochs
class Loop:
    """A loop by hand.

    Parameters
    ----------
    data : Data
        The rows.

    device : torch.device
        Where to train.

    way : dict
        Of `WAYS`.
    """

    def __init__(self, data, device, way):
        torch.manual_seed(0)
        self.device, self.data = device, data
        self.resident = way.get("data_on_device", True) and fits(data, device)
        X, y = torch.from_numpy(data.X), torch.from_numpy(data.y)[:, None]
        self.X = X.to(device) if self.resident else X
        self.y = y.to(device) if self.resident else y
        self.module = self.make().to(device)
        self.call = self.module
        if "compile" in way:
            mode = way["compile"] if isinstance(way["compile"], str) else None
            self.call = torch.compile(self.module, dynamic=self.ragged, mode=mode)
        self.low = way.get("precision") == "bfloat16"
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=self.lr)

    def autocast(self):
        """Return the context of the forward pass."""
        if not self.low:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def batch(self, rows):
        """Return features, scaled to [0, 1], and targets of some rows on the device."""
        if isinstance(rows, slice):
            X, y = self.X[rows], self.y[rows]
        else:
            rows = rows.to(self.X.device)
            X, y = self.X.index_select(0, rows), self.y.index_select(0, rows)
        if not self.resident and self.device.type == "cuda":
            X, y = X.pin_memory(), y.pin_memory()
        X, y = (t.to(self.device, non_blocking=True) for t in (X, y))
        return X.float().mul_(0.25), y

    def epoch(self):
        """Train an epoch."""
        self.module.train()
        for rows in self.batches():
            loss = self.loss(*rows)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()


class AutoencoderLoop(Loop):
    lr, ragged = 1e-3, False

    def make(self):
        return SupervisedAutoencoder(self.data.X.shape[1], 1, batch_norm="warm_up")

    def batches(self):
        for rows in torch.randperm(len(self.data.X)).split(BATCH_ROWS):
            yield (rows,)

    def loss(self, rows):
        X, y = self.batch(rows)
        with self.autocast():
            outputs = self.call(X)
        recon, ae_targets, targets = (t.float() for t in outputs)
        errors = F.mse_loss(recon, X), F.mse_loss(ae_targets, y), F.mse_loss(targets, y)
        return sum(errors)


class RankerLoop(Loop):
    lr, ragged = 3e-3, True

    def make(self):
        self.criterion = ApproximateSpearmanLoss()
        return ContextAwareEncoder(self.data.X.shape[1])

    def batches(self):
        counts = self.data.counts
        ends = np.concatenate([[0], np.cumsum(counts)])
        for i in range(0, len(counts), BATCH_ERAS):
            chosen = counts[i : i + BATCH_ERAS]
            groups = torch.from_numpy(np.repeat(np.arange(len(chosen)), chosen))
            rows = slice(int(ends[i]), int(ends[i + len(chosen)]))
            yield rows, groups.to(self.device)

    def loss(self, rows, groups):
        X, y = self.batch(rows)
        penalty = sum(w.abs().sum() for w in self.module.parameters() if w.ndim >= 2)
        with self.autocast():
            scores = self.call(X, groups)
        return self.criterion(scores.float(), y, None, groups) + 1e-4 * penalty


NETWORKS = {
    "sae": (SupervisedAutoencoderRegressor, AutoencoderLoop, BATCH_ROWS),
    "ranker": (ContextAwareRanker, RankerLoop, BATCH_ERAS),
}


def fits(data, device):
    """Whether the features go on the device, by the rule of `data_on_device='auto'`."""
    if device.type != "cuda":
        return True
    return data.X.nbytes <= 0.6 * torch.cuda.mem_get_info(device)[0]


def wait(device):
    """Wait for what the device has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(call, device):
    """Return what a call takes."""
    wait(device)
    start = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - start


def bench_epochs(data, args):
    """Return rows of the table: epochs."""
    table = []
    for name in args.networks:
        cls, by_hand, size = NETWORKS[name]
        for way in args.ways:
            if "graphs" in way and name == "ranker":
                continue
            table.append(
                {"measured": f"epoch, {name}", "way": way}
                | epoch_of(cls, by_hand, size, way, data, args)
            )
            say(table[-1])
    return table


def epoch_of(cls, by_hand, size, way, data, args):
    """Return seconds of an epoch, ours and by hand, and memory of the device."""
    device, how = args.device, WAYS[way]
    model = cls(
        batch_size=size,
        n_validation_eras=0,
        device=str(device),
        random_state=0,
        **how,
    )
    cuda = device.type == "cuda"

    def ours(n_epochs):
        model.set_params(max_epochs=n_epochs)
        return seconds(lambda: model.fit(data.X, data.y, groups=data.eras), device)

    ours(1)  # compiles
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    taken = [(ours(args.epochs + 1) - ours(1)) / args.epochs for _ in range(args.runs)]
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if cuda else np.nan
    loop = by_hand(data, device, how)
    loop.epoch()
    hand = [seconds(loop.epoch, device) for _ in range(max(2, args.runs))]
    del loop
    if cuda:
        torch.cuda.empty_cache()
    return row(np.median(taken), np.median(hand)) | {"ours (GiB)": peak}


def row(ours, other):
    """Return a row of the table."""
    return {
        "ours (s)": ours,
        "other (s)": other,
        "other / ours": other / ours,
        "asked": ">= 0.8",
    }


# ------------------------------------------------------------------ other tasks
def bench_neutralization(data, args):
    """Return rows of the table: all eras, on the device and with NumPy."""
    n = int(data.counts[: args.task_eras].sum())
    predictions = pd.DataFrame({"model": np.random.default_rng(1).normal(size=n)})
    table = []
    for k in dict.fromkeys((min(780, data.X.shape[1]), data.X.shape[1])):
        X = np.ascontiguousarray(data.X[:n, :k])
        found = {}

        def run(device, X=X, found=found):
            found[device] = neutralize(
                predictions, X, groups=data.eras[:n], device=device
            )

        taken = paired({d: lambda d=d: run(d) for d in (str(args.device), None)}, args)
        np.testing.assert_allclose(found[str(args.device)], found[None], atol=1e-6)
        what = f"neutralization, {args.task_eras} eras, {k} features"
        table.append({"measured": what, "way": "device / NumPy"} | row(*taken))
        table[-1]["asked"] = ""
        say(table[-1])
    return table


def bench_scores(data, args):
    """Return rows of the table: CORR of many models, as a loss and as a metric."""
    n = len(data.eras)
    predictions = np.random.default_rng(1).normal(size=(n, 10)).astype(np.float32)
    score, found = NumeraiCorrLoss(temperature=0), {}
    groups = torch.from_numpy(data.eras - 1)

    def on_device():
        y = torch.from_numpy(data.y)[:, None].to(args.device)
        p, eras = torch.from_numpy(predictions).to(args.device), groups.to(args.device)
        with torch.no_grad():
            scores = [-score(p[:, [j]], y, None, eras) for j in range(p.shape[1])]
        found["device"] = torch.stack(scores).cpu().numpy()

    def with_numpy():
        scores = numerai_corr_score(data.y, predictions, groups=data.eras)
        found["numpy"] = np.asarray(scores)

    taken = paired({"device": on_device, "numpy": with_numpy}, args)
    np.testing.assert_allclose(found["device"], found["numpy"], atol=1e-4)
    what = f"CORR of 10 models, {n} rows"
    table = [{"measured": what, "way": "device / NumPy"} | row(*taken) | {"asked": ""}]
    say(table[-1])
    return table


def paired(calls, args):
    """Return median seconds of calls that take turns, after one of each."""
    taken = {name: [] for name in calls}
    for i in range(-1, args.runs):
        for name, call in calls.items():
            passed = seconds(call, args.device)
            if i >= 0:
                taken[name].append(passed)
    return [float(np.median(values)) for values in taken.values()]


def say(line):
    """Print a row as soon as it is known."""
    print(
        f"[{time.strftime('%H:%M:%S')}] {line['measured']}, {line['way']}: "
        f"{line['ours (s)']:.3f} s against {line['other (s)']:.3f} s, "
        f"{line['other / ours']:.2f} {line['asked']}",
        flush=True,
    )


TASKS = {
    "epochs": bench_epochs,
    "neutralization": bench_neutralization,
    "scores": bench_scores,
}


def parse(argv):
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_746_268)
    parser.add_argument("--features", type=int, default=3555)
    parser.add_argument("--eras", type=int, default=574)
    parser.add_argument("--task-eras", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument(
        "--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS)
    )
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    if args.quick:
        args.rows, args.features, args.eras, args.task_eras = 1500, 24, 12, 5
        args.epochs = args.runs = 1
    return args


def main(argv=None):
    """Print the table."""
    args = parse(argv)
    if args.device.type == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA device here: nothing is measured.")
        print("--device cpu --quick runs the same code at a small size.")
        return 0
    name = "the CPU"
    if args.device.type == "cuda":
        name = torch.cuda.get_device_name(args.device)
        if args.device.index is None:
            args.device = torch.device("cuda", torch.cuda.current_device())
    print(
        f"{name}, torch {torch.__version__}, {args.rows} rows x {args.features} int8 "
        f"features, {args.eras} eras",
        flush=True,
    )
    data = Data(args.rows, args.features, args.eras)
    table = [row for task in args.only for row in TASKS[task](data, args)]
    print(f"\nMedians of {args.runs} runs; float32 is {precision_of_float32()}.")
    print(pd.DataFrame(table).round(3).to_string(index=False, na_rep=""))
    return 0


def precision_of_float32():
    """Return how torch multiplies matrices of float32, which is the user's to set."""
    return torch.get_float32_matmul_precision()


if __name__ == "__main__":
    sys.exit(main())
