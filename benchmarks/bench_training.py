"""Time of training: MLPRegressor against a hand-written torch loop and skorch.

All three train the same module on the same int8 features with the same batch size and
the same number of steps, one thread, in one process, in turn. The hand-written loop
keeps int8 in memory, draws the same batches with one gather each and casts them, as
MLPRegressor does. skorch gets the features as float32, as its users pass them, and its
default loader.

    python benchmarks/bench_training.py [--runs 15] [--rows 200000] [--threads 1]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time

import numpy as np
import pandas as pd
import skorch
import torch
from torch import nn

from sknumerai.modules import MLP
from sknumerai.neural_network import MLPRegressor

N_FEATURES = 300
BATCH_SIZE = 4096
N_EPOCHS = 2


def hand_written(X, y, hidden, seed=0):
    """Train as one would write it by hand."""
    torch.manual_seed(seed)
    module = MLP(X.shape[1], 1, hidden_features=hidden)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    features = torch.from_numpy(X)
    targets = torch.from_numpy((y - y.mean()) / y.std())[:, None]
    generator = torch.Generator().manual_seed(seed)
    module.train()
    for _ in range(N_EPOCHS):
        for rows in torch.randperm(len(X), generator=generator).split(BATCH_SIZE):
            inputs = features.index_select(0, rows).float().mul_(0.5).sub_(1)
            optimizer.zero_grad()
            loss = loss_fn(module(inputs), targets.index_select(0, rows))
            loss.backward()
            optimizer.step()
            loss.item()
    return module


def ours(X, y, hidden, seed=0):
    """Train with the package."""
    model = MLPRegressor(
        hidden,
        max_epochs=N_EPOCHS,
        batch_size=BATCH_SIZE,
        n_validation_eras=0,
        random_state=seed,
    )
    return model.fit(X, y)


def skorch_default(X, y, hidden, seed=0):
    """Train with skorch as it is."""
    torch.manual_seed(seed)
    net = skorch.NeuralNetRegressor(
        MLP(X.shape[1], 1, hidden_features=hidden),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=N_EPOCHS,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return net.fit(X.astype(np.float32) * 0.5 - 1, y[:, None])


def median_interval(ratios, level=0.95, n_draws=10_000):
    """Return the median and a bootstrap interval of it."""
    rng = np.random.default_rng(0)
    draws = np.median(rng.choice(ratios, (n_draws, len(ratios))), axis=1)
    tail = (1 - level) / 2
    return np.median(ratios), *np.quantile(draws, [tail, 1 - tail])


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (args.rows, N_FEATURES), dtype=np.int8)
    y = (X[:, 0] * X[:, 1] + rng.normal(0, 5, args.rows)).astype(np.float32)
    methods = {"hand-written": hand_written, "ours": ours, "skorch": skorch_default}
    rows = []
    for hidden in [(256, 128), (64,)]:
        seconds = {name: [] for name in methods}
        for run in range(-1, args.runs):  # the first run warms up
            for name, fit in methods.items():
                start = time.perf_counter()
                fit(X, y, hidden)
                if run >= 0:
                    seconds[name].append(time.perf_counter() - start)
        taken = {name: np.array(values) for name, values in seconds.items()}
        for peer in ("hand-written", "skorch"):
            ratio, low, high = median_interval(taken["ours"] / taken[peer])
            rows.append(
                {
                    "hidden": "-".join(map(str, hidden)),
                    "peer": peer,
                    "ours (s)": np.median(taken["ours"]),
                    "peer (s)": np.median(taken[peer]),
                    "ours / peer": ratio,
                    "95 % low": low,
                    "95 % high": high,
                }
            )
    print(
        f"{args.rows} rows x {N_FEATURES} int8 features, batches of {BATCH_SIZE}, "
        f"{N_EPOCHS} epochs, {args.threads} thread(s), median of {args.runs} paired "
        f"runs; torch {torch.__version__}, skorch {skorch.__version__}"
    )
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
