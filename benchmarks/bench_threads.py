"""Two threads against one: fits of networks and neutralization to all features.

Each run of a pair is the same call, with the threads of torch and of BLAS set to one and
to two in this process by turns, and which goes first alternates. Printed are median
seconds, and the median of the ratios with quartiles. On a machine that does other things
the ratio says little: it needs two idle cores.

    python benchmarks/bench_threads.py [--runs 7] [--quick]
        [--only sae ranker neutralize]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import time

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from sknumerai.neural_network import (
    ContextAwareRanker,
    SupervisedAutoencoderRegressor,
)
from sknumerai.preprocessing import neutralize

ASKED = 1.4


def make(n_eras, era_rows, n_features):
    """Features and target with the eras in the index."""
    rng = np.random.default_rng(0)
    n = n_eras * era_rows
    eras = np.repeat(np.arange(1, n_eras + 1), era_rows)
    index = pd.MultiIndex.from_arrays([eras, np.arange(n)], names=["era", "id"])
    X = rng.integers(0, 5, (n, n_features), dtype=np.int8)
    names = [f"feature_{i}" for i in range(n_features)]
    y = (rng.integers(0, 5, n) / 4).astype(np.float32)
    return (
        pd.DataFrame(X, index=index, columns=names, copy=False),
        pd.Series(y, index=index, name="target_ender_20"),
    )


def sae(quick):
    """An epoch of the supervised autoencoder on 780 features."""
    X, y = make(4 if quick else 8, 1000 if quick else 4096, 780)
    model = SupervisedAutoencoderRegressor(
        max_epochs=1, batch_size=4096, n_validation_eras=0, random_state=0
    )
    return lambda: model.fit(X, y)


def ranker(quick):
    """An epoch of the ranker on 780 features, eras of 5,000 rows."""
    X, y = make(4, 1000 if quick else 5000, 780)
    model = ContextAwareRanker(max_epochs=1, n_validation_eras=0, random_state=0)
    return lambda: model.fit(X, y)


def neutralization(quick):
    """One model of one live era, all features."""
    X, _ = make(1, 1500 if quick else 7142, 500 if quick else 3555)
    p = pd.Series(np.random.default_rng(1).normal(size=len(X)), index=X.index)
    return lambda: neutralize(p, X)


JOBS = {"sae": sae, "ranker": ranker, "neutralize": neutralization}


def seconds(call, n_threads):
    """Wall time of a call with so many threads of torch and BLAS."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            start = time.perf_counter()
            call()
            return time.perf_counter() - start
    finally:
        torch.set_num_threads(before)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--quick", action="store_true", help="smaller, to see it run")
    args = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; medians of "
        f"{args.runs} paired runs\n"
    )
    print(f"| job | 1 thread, s | 2 threads, s | ratio (quartiles) | >= {ASKED} |")
    print("|---|---|---|---|---|", flush=True)
    for name in args.only:
        call = JOBS[name](args.quick)
        seconds(call, 2)
        times = np.empty((args.runs, 2))
        for run in range(args.runs):
            for n in (1, 2) if run % 2 else (2, 1):
                times[run, n - 1] = seconds(call, n)
        low, mid, high = np.quantile(times[:, 0] / times[:, 1], [0.25, 0.5, 0.75])
        one, two = np.median(times, axis=0)
        met = "yes" if mid >= ASKED else "NO"
        print(
            f"| {name} | {one:.3f} | {two:.3f} | {mid:.2f} ({low:.2f}-{high:.2f}) "
            f"| {met} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
