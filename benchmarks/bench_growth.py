"""How time grows with rows, features, eras and models; linear work has exponent 1.

Each line: sizes that double, median processor time of some runs (all threads of this
process; the one for a machine that does other things too), and the exponent p of
time ~ size ** p, fitted to the logarithms. p <= 1.1 is asked where the work is linear.
Some work is not: neutralization solves a square system of the features (its exponent is
between 1 and 2 in them, 3 for very many), and attention compares all rows of an era.

    OMP_NUM_THREADS=1 python benchmarks/bench_growth.py [--runs 3] [--quick]
        [--only loading scoring neutralization fit predict tc]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from growth import row

from sknumerai.datasets import load_numerai, write_numerai
from sknumerai.metrics import mmc_score, numerai_corr_score
from sknumerai.neural_network import (
    ContextAwareRanker,
    MLPRegressor,
    SupervisedAutoencoderRegressor,
)
from sknumerai.portfolio import TrueContribution
from sknumerai.preprocessing import neutralize

ASKED = 1.1
NETWORKS = {
    "MLP": partial(MLPRegressor, (64,), batch_size=1024),
    "SAE": partial(SupervisedAutoencoderRegressor, batch_size=1024),
    "ranker": partial(ContextAwareRanker, batch_size=2),
}


def make(n_eras, era_rows, n_features, n_models=1, seed=0):
    """Features, target, predictions and meta model with the eras in the index."""
    rng = np.random.default_rng(seed)
    n = n_eras * era_rows
    eras = np.repeat(np.arange(1, n_eras + 1), era_rows)
    index = pd.MultiIndex.from_arrays([eras, np.arange(n)], names=["era", "id"])
    X = rng.integers(0, 5, (n, n_features), dtype=np.int8)
    names = [f"feature_{i}" for i in range(n_features)]
    X = pd.DataFrame(X, index=index, columns=names, copy=False)
    y = (rng.integers(0, 5, n) / 4).astype(np.float32)
    y = pd.Series(y, index=index, name="target_ender_20")
    P = pd.DataFrame(rng.normal(size=(n, n_models)), index=index)
    return X, y, P, pd.Series(rng.normal(size=n), index=index)


def cpu_seconds(call, runs):
    """Median processor time of a call, after one that does not count."""
    call()
    taken = []
    for _ in range(runs):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return median(taken)


def show(name, sizes, jobs, args, linear=True):
    """Print a line; `jobs` makes the call of each size."""
    sizes = sizes[:3] if args.quick else sizes
    seconds = [max(cpu_seconds(jobs(size), args.runs), 1e-6) for size in sizes]
    line = row(name, sizes, seconds, ASKED if linear else None)
    print(line if linear else f"{line} not linear |", flush=True)


def loading(args, scale):
    """First loads, which convert to a memory map."""

    def job(n_eras, n_features):
        folder = Path(args.folder, f"{n_eras}_{n_features}")
        write_numerai(
            folder,
            n_train_eras=n_eras,
            n_validation_eras=1,
            n_samples_per_era=max(20, 500 // scale),
            n_features=n_features,
            targets=["target_ender_20"],
            random_state=0,
            verbose=0,
        )

        def load():
            with tempfile.TemporaryDirectory(dir=args.folder) as cache:
                load_numerai(
                    folder, targets="target_ender_20", cache_dir=cache, verbose=0
                )

        return load

    show("load, eras", [100, 200, 400, 800], lambda n: job(n, 200), args)
    show("load, features", [100, 200, 400, 800], lambda k: job(100, k), args)


def scoring(args, scale):
    """CORR and MMC."""
    for name, score in (
        ("CORR", lambda X, y, P, m: numerai_corr_score(y, P)),
        ("MMC", lambda X, y, P, m: mmc_score(y, P, m)),
    ):
        sizes = {
            "rows of an era": ([1250, 2500, 5000, 10_000], lambda n: (20, n, 1, 5)),
            "eras": ([10, 20, 40, 80], lambda n: (n, 5000 // scale, 1, 5)),
            "models": ([5, 10, 20, 40], lambda n: (10, 5000 // scale, 1, n)),
        }
        for what, (numbers, shape) in sizes.items():
            show(
                f"{name}, {what}",
                numbers,
                lambda n, score=score, shape=shape: partial(score, *make(*shape(n))),
                args,
            )


def neutralization(args, scale):
    """Neutralization of one or more models to all features."""

    def job(*shape):
        X, _, P, _ = make(*shape)
        return lambda: neutralize(P, X)

    rows = 2500 // scale
    show("neutralize, eras", [4, 8, 16, 32], lambda n: job(n, rows, 300), args)
    show(
        "neutralize, rows of an era",
        [2000, 4000, 8000, 16_000],
        lambda n: job(1, n, 300),
        args,
    )
    show("neutralize, models", [5, 10, 20, 40], lambda n: job(2, rows, 300, n), args)
    numbers = [200, 400, 800, 1600]
    show("neutralize, features", numbers, lambda k: job(1, 4000, k), args, linear=False)


def fit(args, scale):
    """An epoch of training."""

    def job(name, *shape):
        X, y, _, _ = make(*shape)
        model = NETWORKS[name](max_epochs=1, n_validation_eras=0, random_state=0)
        return lambda: model.fit(X, y)

    rows = 1000 // scale
    for name in NETWORKS:
        # what a fit costs whatever its rows is small beside these
        eras = [4, 8, 16, 32] if name != "MLP" else [32, 64, 128, 256]
        show(
            f"epoch of {name}, eras",
            eras,
            lambda n, name=name: job(name, n, rows, 100),
            args,
        )
        show(
            f"epoch of {name}, features",
            [200, 400, 800, 1600],
            lambda k, name=name: job(name, 4, rows, k),
            args,
        )
    show(
        "epoch of ranker, rows of an era",
        [500, 1000, 2000, 4000],
        lambda n: job("ranker", 4, n, 100),
        args,
        linear=False,
    )


def predict(args, scale):
    """Predictions of fitted networks."""

    def job(name, *shape):
        X, y, _, _ = make(*shape)
        model = NETWORKS[name](max_epochs=1, n_validation_eras=0, random_state=0)
        model.fit(X.iloc[: 2 * shape[1]], y.iloc[: 2 * shape[1]])
        return lambda: model.predict(X)

    rows = 2000 // scale
    for name in NETWORKS:
        show(
            f"predict by {name}, eras",
            [4, 8, 16, 32],
            lambda n, name=name: job(name, n, rows, 100),
            args,
        )


def tc(args, scale):
    """Rounds of True Contribution."""

    def job(n_rounds, n_models):
        X, y, P, _ = make(1, 2000 // scale, 20, n_models)
        stakes = np.ones(n_models)
        model = TrueContribution(n_rounds=n_rounds, random_state=0)
        return lambda: model.fit(P, stakes, y - y.mean(), exposures=X)

    show("TC, rounds", [50, 100, 200, 400], lambda n: job(n, 50), args)
    show("TC, models", [100, 200, 400, 800], lambda n: job(50, n), args)


TABLES = {
    "loading": loading,
    "scoring": scoring,
    "neutralization": neutralization,
    "fit": fit,
    "predict": predict,
    "tc": tc,
}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--quick", action="store_true", help="smaller, to see it run")
    args = parser.parse_args()
    print(
        f"{torch.get_num_threads()} thread(s), {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} before; medians of {args.runs} runs\n"
    )
    print(f"| growth of | sizes | CPU seconds | exponent | <= {ASKED} |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as args.folder:
        for name in args.only:
            TABLES[name](args, 5 if args.quick else 1)


if __name__ == "__main__":
    main()
