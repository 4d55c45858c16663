"""Time of the networks: attention against the unfused one, fits against plain loops.

Attention: a training step of `ContextAwareEncoder` as the ranker does it (forward, loss,
penalty, backward, Adam) on 2 eras, against the same network with standard attention,
``softmax(QK' / sqrt(d)) V`` with all pairs of the padded batch in memory, a mask that
fills the scores with -inf, and dropout of the weights where there is any: what allRank
(Pobrotyn et al., Context-Aware Learning to Rank with Self-Attention) computes. Rows for
eras of one length, of two lengths (padding), and with dropout of the weights. Both
networks have the same weights, and their gradients are compared before they are timed.
Memory is what the peak resident memory of a process of its own grows by in the first
full step.

Fit: every network's `fit` against the loop that one would write by hand in plain torch:
the same module, loss, optimizer, batches and epochs, int8 features cast batch by batch,
and no checks, history or callbacks.

Times are medians of paired steps or fits, in turn, with quartiles of the ratio. Of the
clocks 'cpu' is the one for a busy machine: it counts what this process computed, of all
its threads. All of it takes 10 minutes on one core; --quick, some seconds, shows that
it runs, not how fast.

    OMP_NUM_THREADS=1 python benchmarks/bench_networks.py [--only attention|fit]
        [--threads 1] [--steps 7] [--runs 9] [--networks MLP ranker ...]
        [--clock wall|cpu] [--quick]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import math
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from sknumerai.losses import ApproximateSpearmanLoss, NeutralizedMLPLoss
from sknumerai.modules import (
    MLP,
    ContextAwareEncoder,
    ConvAutoencoder,
    ConvSELUNet,
    DenseAutoencoder,
    NeutralizedMLP,
    SupervisedAutoencoder,
    TabM,
)
from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELURegressor,
    DenoisingAutoencoder,
    MLPRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
    TabMRegressor,
)

# ------------------------------------------------------------------ attention
N_FEATURES = 705  # the paper's
STEPS = {
    "2 x 5,000": ((5000, 5000), 0.0),
    "5,000 and 4,200": ((5000, 4200), 0.0),
    "2 x 5,000, dropout 0.1": ((5000, 5000), 0.1),
}
QUICK_STEPS = {"300 and 240, dropout 0.1": ((300, 240), 0.1)}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Unfused(ContextAwareEncoder):
    """The network with all pairs of a padded batch in memory."""

    def forward(self, X, mask):
        hidden = self.dropout(self.input(X))
        for block in self.blocks:
            mixed = self.attend(block, block.attention_norm(hidden), mask)
            hidden = hidden + block.dropout(mixed)
            new = block.feed_forward(block.feed_forward_norm(hidden))
            hidden = hidden + block.dropout(new)
        scores = self.output(self.norm(hidden))
        low = scores.masked_fill(~mask[..., None], math.inf).amin(1, keepdim=True)
        high = scores.masked_fill(~mask[..., None], -math.inf).amax(1, keepdim=True)
        return (scores - low) / (high - low)

    def attend(self, block, X, mask):
        n_eras, n_rows, width = X.shape
        shape = n_eras, n_rows, 3, block.n_heads, width // block.n_heads
        q, k, v = block.qkv(X).view(shape).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(shape[-1])
        scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
        weights = F.dropout(
            F.softmax(scores, dim=-1), block.attention_dropout, self.training
        )
        mixed = torch.matmul(weights, v).transpose(1, 2).reshape(X.shape)
        return block.mix(mixed)


class Step:
    """A step of the optimizer on one batch."""

    def __init__(self, kind, counts, share, **params):
        rng = np.random.default_rng(0)
        n = sum(counts)
        X = torch.from_numpy(rng.integers(0, 5, (n, N_FEATURES), dtype=np.int8))
        self.y = torch.from_numpy(rng.integers(0, 5, (n, 1)) / 4).float()
        self.groups = torch.repeat_interleave(torch.tensor(counts))
        self.fused = kind == "fused"
        torch.manual_seed(0)
        cls = ContextAwareEncoder if self.fused else Unfused
        self.module = cls(N_FEATURES, attention_dropout=share, **params)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=3e-3)
        self.criterion = ApproximateSpearmanLoss()
        self.weights = [w for w in self.module.parameters() if w.ndim >= 2]
        self.X = X
        if not self.fused:
            eras = torch.split(X, counts)
            self.X = nn.utils.rnn.pad_sequence(eras, batch_first=True)
            lengths = torch.tensor(counts)[:, None]
            self.mask = torch.arange(max(counts)) < lengths

    def backward(self):
        X = self.X.float().mul_(0.25)
        if self.fused:
            scores = self.module(X, self.groups)
        else:
            scores = self.module(X, self.mask)[self.mask]
        loss = self.criterion(scores, self.y, None, self.groups)
        loss = loss + 1e-4 * sum(w.abs().sum() for w in self.weights)
        self.optimizer.zero_grad()
        loss.backward()
        return loss.item()

    def __call__(self):
        self.backward()
        self.optimizer.step()


def check_attention():
    """Raise unless both networks have the same gradients."""
    steps = [Step(kind, (300, 200), 0.0, dropout=0.0) for kind in ("fused", "unfused")]
    for step in steps:
        step.backward()
    for a, b in zip(*(step.module.parameters() for step in steps)):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6)


def peak():
    """Return the highest memory of this process so far in MB.

    ru_maxrss is handed on from the process that starts another, and VmHWM is not.
    """
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except FileNotFoundError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_memory(kind, name):
    """Print what the peak grows by in a full step (in a process of its own)."""
    counts, dropout = (STEPS | QUICK_STEPS)[name]
    Step(kind, (64, 50), dropout)()
    step = Step(kind, counts, dropout)
    before = peak()
    step()
    print(peak() - before)


def memory_of(kind, name, threads):
    """Return what `print_memory` prints in a new process."""
    command = [sys.executable, __file__, "--memory-of", kind, name]
    command += ["--threads", str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def bench_attention(steps, n_steps, threads, clock):
    """Return rows of the table: training steps."""
    check_attention()
    table = []
    for name, (counts, dropout) in steps.items():
        kinds = "fused", "unfused"
        ours, other = (memory_of(kind, name, threads) for kind in kinds)
        table.append(
            {
                "measured": f"step, {name}",
                "unit": "MB",
                "ours": ours,
                "other": other,
                "ratio": ours / other,
                "of": "ours / other",
                "asked": "<= 0.125",
                "met": ours / other <= 0.125,
            }
        )
        say(table[-1])
        pair = {kind: Step(kind, counts, dropout) for kind in kinds}
        seconds = paired(pair, n_steps, clock)
        ratios = quartiles(seconds["unfused"] / seconds["fused"])
        table.append(
            {
                "measured": f"step, {name}",
                "unit": "s",
                "ours": np.median(seconds["fused"]),
                "other": np.median(seconds["unfused"]),
                **ratios,
                "of": "other / ours",
                "asked": ">= 8",
                "met": ratios["ratio"] >= 8,
            }
        )
        say(table[-1])
    return table


# ------------------------------------------------------------------ fits
class Data:
    """Rows of some eras: int8 features 0..4, targets 0, 0.25, ..., 1."""

    def __init__(self, n_eras, n_rows, n_features):
        rng = np.random.default_rng(0)
        n = n_eras * n_rows
        self.X = rng.integers(0, 5, (n, n_features), dtype=np.int8)
        signal = self.X[:, :20].mean(1) + rng.normal(0, 1, n)
        ranks = signal.argsort().argsort() * 5 // n
        self.y = (ranks / 4).astype(np.float32)
        self.eras = np.repeat(np.arange(1, n_eras + 1), n_rows)
        self.n_rows = n_rows

    def rows(self, size, targets, *, low):
        """Yield shuffled batches, features from `low` to 1."""
        X = torch.from_numpy(self.X)
        for rows in torch.randperm(len(X)).split(size):
            features = X.index_select(0, rows).float().mul_((1 - low) / 4).add_(low)
            yield features, targets.index_select(0, rows)

    def batches_of_eras(self, n, targets, *, low, shuffle):
        """Yield batches of whole eras with their era codes."""
        X = torch.from_numpy(self.X)
        size = n * self.n_rows
        n_batches = len(X) // size
        order = torch.randperm(n_batches) if shuffle else torch.arange(n_batches)
        groups = torch.arange(n).repeat_interleave(self.n_rows) if n > 1 else None
        for i in order.tolist():
            rows = slice(i * size, (i + 1) * size)
            yield X[rows].float().mul_((1 - low) / 4).add_(low), targets[rows], groups


def standardized(y):
    return torch.from_numpy((y - y.mean()) / y.std())[:, None]


def train(module, optimizers, epochs, loss_of):
    """Train as one would write it by hand; `epochs` are iterables of batches."""
    module.train()
    history = []
    for batches in epochs:
        losses = []
        for batch in batches:
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = loss_of(*batch)
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            losses.append(loss.item())
        history.append(np.mean(losses))
    return module


def hand_mlp(data, size, n_epochs):
    module = MLP(data.X.shape[1], 1)
    y = standardized(data.y)
    epochs = (data.rows(size, y, low=-1) for _ in range(n_epochs))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    return train(module, [optimizer], epochs, lambda X, y: F.mse_loss(module(X), y))


def hand_autoencoder(data, size, n_epochs):
    module = SupervisedAutoencoder(data.X.shape[1], 1, batch_norm="warm_up")

    def loss(X, y):
        recon, ae_targets, targets = module(X)
        errors = F.mse_loss(recon, X), F.mse_loss(ae_targets, y), F.mse_loss(targets, y)
        return sum(errors)

    y = torch.from_numpy(data.y)[:, None]
    epochs = (data.rows(size, y, low=0) for _ in range(n_epochs))
    return train(module, [torch.optim.Adam(module.parameters())], epochs, loss)


def correlation(p, y):
    p, y = p - p.mean(), y - y.mean()
    return (p * y).sum() * torch.rsqrt(p.square().sum() * y.square().sum())


def hand_ranker(data, size, n_epochs):
    module = ContextAwareEncoder(data.X.shape[1])
    weights = [w for w in module.parameters() if w.ndim >= 2]

    def loss(X, y, groups):
        errors = []
        scores = module(X, groups)
        for p, t in zip(scores.split(data.n_rows), y.split(data.n_rows)):
            squares = (p - t).square().mean() / t.std(correction=0)
            errors.append(1 - correlation(p, t) + 0.01 * squares)
        return sum(errors) / len(errors) + 1e-4 * sum(w.abs().sum() for w in weights)

    y = torch.from_numpy(data.y)[:, None]
    epochs = (
        data.batches_of_eras(size, y, low=0, shuffle=False) for _ in range(n_epochs)
    )
    return train(module, [torch.optim.Adam(module.parameters(), 3e-3)], epochs, loss)


def hand_conv_selu(data, size, n_epochs):
    module = ConvSELUNet(data.X.shape[1], 1)
    decay = 0.005 * math.sqrt(size / (len(data.X) * n_epochs)) / 1e-3
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=decay)
    y = standardized(data.y)
    epochs = (data.rows(size, y, low=-1) for _ in range(n_epochs))
    return train(module, [optimizer], epochs, lambda X, y: F.mse_loss(module(X), y))


def hand_gtruda(data, size, n_epochs):
    module = ConvAutoencoder(data.X.shape[1], 1)

    def loss(X, y, groups):
        recon, targets = module(X, logits=True)
        rebuilt = F.binary_cross_entropy_with_logits(recon, X)
        return rebuilt - correlation(targets, y)

    parts = (*module.encoder.parameters(), *module.decoder.parameters())
    optimizers = [
        torch.optim.Adam(module.head.parameters()),
        torch.optim.Adam(parts),
    ]
    y = torch.from_numpy(data.y)[:, None]
    epochs = (
        data.batches_of_eras(size, y, low=0, shuffle=True) for _ in range(n_epochs)
    )
    return train(module, optimizers, epochs, loss)


def hand_denoising(data, size, n_epochs):
    module = DenseAutoencoder(data.X.shape[1], output_activation="sigmoid")
    decay = 0.005 * math.sqrt(size / (len(data.X) * n_epochs)) / 1e-3
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=decay)
    nothing = torch.empty(len(data.X), 0)
    for noise in (0.05,) * 5 + (0.0,):  # rounds with noise, then a clean one

        def loss(X, _, noise=noise):
            seen = X + noise * torch.randn_like(X) if noise else X
            return F.mse_loss(module(seen), X)

        epochs = (data.rows(size, nothing, low=0) for _ in range(n_epochs))
        train(module, [optimizer], epochs, loss)
    return module


def hand_tabm(data, size, n_epochs):
    module = TabM(data.X.shape[1], 1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3, weight_decay=3e-4)

    def loss(X, y):
        return F.mse_loss(module(X)[..., 0], y.expand(-1, module.k))

    y = standardized(data.y)
    epochs = (data.rows(size, y, low=-1) for _ in range(n_epochs))
    return train(module, [optimizer], epochs, loss)


def hand_neutralized(data, size, n_epochs):
    module = NeutralizedMLP(data.X.shape[1], 1)
    criterion = NeutralizedMLPLoss()

    def loss(X, y, groups):
        return criterion(module(X, groups), y, X, None, groups)

    y = standardized(data.y)
    epochs = (
        data.batches_of_eras(size, y, low=-1, shuffle=True) for _ in range(n_epochs)
    )
    return train(module, [torch.optim.Adam(module.parameters())], epochs, loss)


# estimator, loop by hand, (eras, rows, features), batch size, epochs
NETWORKS = {
    "MLP": (MLPRegressor, hand_mlp, (12, 5000, 300), 4096, 4),
    "supervised autoencoder": (
        SupervisedAutoencoderRegressor,
        hand_autoencoder,
        (1, 6144, 300),
        2048,
        2,
    ),
    "ranker": (ContextAwareRanker, hand_ranker, (4, 2000, 300), 2, 10),
    "ConvSELU": (ConvSELURegressor, hand_conv_selu, (1, 3000, 32), 512, 2),
    "GTRUDA": (ConvAutoencoderRegressor, hand_gtruda, (5, 2000, 310), 1, 3),
    "denoising autoencoder": (
        DenoisingAutoencoder,
        hand_denoising,
        (2, 6144, 300),
        4096,
        2,
    ),
    "TabM": (TabMRegressor, hand_tabm, (1, 1024, 300), 256, 1),
    "neutralized MLP": (
        NeutralizedMLPRegressor,
        hand_neutralized,
        (4, 5000, 300),
        1,
        8,
    ),
}
QUICK_SHAPE, QUICK_SIZES = (4, 150, 40), {"rows": 128, "eras": 2}


def bench_fit(n_runs, names, clock, quick):
    """Return rows of the table: fits."""
    table = []
    for name in names:
        cls, by_hand, shape, size, n_epochs = NETWORKS[name]
        if quick:
            size = QUICK_SIZES["rows" if size > 2 else "eras"]
            shape, n_epochs = QUICK_SHAPE, 1
        data = Data(*shape)
        model = cls(
            max_epochs=n_epochs,
            batch_size=size,
            n_validation_eras=0,
            random_state=0,
        )

        def hand(by_hand=by_hand, data=data, size=size, n_epochs=n_epochs):
            torch.manual_seed(0)
            by_hand(data, size, n_epochs)

        def ours(model=model, data=data):
            model.fit(data.X, data.y, groups=data.eras)

        seconds = paired({"ours": ours, "by hand": hand}, n_runs, clock)
        ratios = quartiles(seconds["ours"] / seconds["by hand"])
        table.append(
            {
                "measured": f"fit, {name}, {len(data.X)} rows, {n_epochs} epochs",
                "unit": "s",
                "ours": np.median(seconds["ours"]),
                "other": np.median(seconds["by hand"]),
                **ratios,
                "of": "ours / other",
                "asked": "<= 1.05",
                "met": ratios["ratio"] <= 1.05,
            }
        )
        say(table[-1])
    return table


# ------------------------------------------------------------------ both
def paired(calls, n, clock):
    """Return seconds of n calls of each, in turn; one more before warms up."""
    seconds = {name: [] for name in calls}
    for i in range(-1, n):
        names = list(calls) if i % 2 else list(calls)[::-1]
        for name in names:
            start = clock()
            calls[name]()
            if i >= 0:
                seconds[name].append(clock() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def quartiles(ratios):
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return {"ratio": median, "q25": low, "q75": high}


def say(row):
    """Print a row as soon as it is known."""
    print(
        f"[{time.strftime('%H:%M:%S')}] {row['measured']}: {row['ours']:.3f} against "
        f"{row['other']:.3f} {row['unit']}, {row['of']} {row['ratio']:.3f} "
        f"(asked {row['asked']})",
        flush=True,
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["attention", "fit"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument(
        "--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS)
    )
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.memory_of:
        print_memory(*args.memory_of)
        return
    if args.quick:
        args.steps = args.runs = 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    print(
        f"torch {torch.__version__}, {args.threads} thread(s), {args.clock} clock, "
        f"{os.cpu_count()} cores with a load of {load:.1f} at the start",
        flush=True,
    )
    clock, table = CLOCKS[args.clock], []
    if args.only != "fit":
        steps = QUICK_STEPS if args.quick else STEPS
        table += bench_attention(steps, args.steps, args.threads, clock)
    if args.only != "attention":
        table += bench_fit(args.runs, args.networks, clock, args.quick)
    print(
        f"\nMedians of {args.steps} paired steps and {args.runs} paired fits. Steps: the "
        f"ranker, {N_FEATURES} features, 4 heads of 4; other is unfused attention. Fits: "
        "other is the loop by hand."
    )
    columns = [
        "measured",
        "unit",
        "ours",
        "other",
        "of",
        "ratio",
        "q25",
        "q75",
        "asked",
    ]
    table = pd.DataFrame(table, columns=[*columns, "met"]).round(3)
    if args.quick:
        table = table.drop(columns=["asked", "met"])
    print(table.to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
