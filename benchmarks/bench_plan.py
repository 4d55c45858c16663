"""Forecasts of ``plan_job`` beside real runs: hours and memory.

Each job is forecast in a fresh process and then done in another one, whose time and
peak of anonymous memory (RssAnon of /proc/self/status, Linux only) are what counts. One
job is a fit of the supervised autoencoder, the other a search of perceptrons with a
walk-forward evaluation of each trial.

    python benchmarks/bench_plan.py [--rows 100000] [--features 780] [--quick]
        [--jobs fit search] [--seconds 10]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from anonymous_memory import Peak
from optuna.distributions import FloatDistribution

from sknumerai.inspection import plan_job
from sknumerai.model_selection import GroupTimeSeriesSplit, OptunaSearchRegressor
from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor

ERA_ROWS = 2000
TARGET = "target_ender_20"


def fit_job(quick):
    """A fit of the supervised autoencoder."""
    model = SupervisedAutoencoderRegressor(
        max_epochs=1 if quick else 3, patience=None, random_state=0
    )
    return model, {}, model


def search_job(quick):
    """A search of perceptrons, each trial walk-forward, and the last fit."""
    model = MLPRegressor((128, 64), max_epochs=2, patience=None, random_state=0)
    cv = GroupTimeSeriesSplit(3, embargo=4)
    n_trials = 1 if quick else 3
    search = OptunaSearchRegressor(
        model,
        {"lr": FloatDistribution(1e-4, 1e-2, log=True)},
        cv=cv,
        n_trials=n_trials,
        random_state=0,
    )
    return model, {"cv": cv, "n_trials": n_trials}, search


JOBS = {"fit": fit_job, "search": search_job}


def forecast(args):
    """What plan_job says, as a dict."""
    model, params, _ = JOBS[args.child](args.quick)
    begun = time.perf_counter()
    plan = plan_job(
        model,
        n_rows=args.rows,
        n_features=args.features,
        n_eras=args.rows // ERA_ROWS,
        target=TARGET,
        seconds=args.seconds,
        verbose=0,
        **params,
    )
    return {
        "seconds": plan.seconds,
        "bytes": plan.ram_needed,
        "taken": time.perf_counter() - begun,
    }


def do(args):
    """The job itself: time, and peak of the memory of the whole process."""
    *_, job = JOBS[args.child](args.quick)
    matrix = np.memmap(args.file, np.int8, "r", shape=(args.rows, args.features))
    n_eras = args.rows // ERA_ROWS
    eras = 1 + np.arange(args.rows) * n_eras // args.rows
    index = pd.MultiIndex.from_arrays([eras, np.arange(args.rows)], names=["era", "id"])
    names = [f"feature_{i}" for i in range(args.features)]
    X = pd.DataFrame(matrix, index=index, columns=names, copy=False)
    codes = np.random.default_rng(1).integers(0, 5, args.rows)
    y = pd.Series((codes / 4).astype(np.float32), index=index, name=TARGET)
    begun = time.perf_counter()
    with Peak() as watch:
        job.fit(X, y)
    return {"seconds": time.perf_counter() - begun, "bytes": watch.peak}


def in_a_process(job, what, file, args):
    """Run one of the two in a fresh process."""
    command = [sys.executable, __file__, "--child", job, "--what", what]
    command += ["--file", str(file), "--rows", str(args.rows)]
    command += ["--features", str(args.features), "--seconds", str(args.seconds)]
    command += ["--quick"] * args.quick
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def write_features(path, n_rows, n_features):
    """Write codes as a memory map, some rows at a time."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, n_rows, 50_000):
            n = min(50_000, n_rows - start)
            file.write(rng.integers(0, 5, (n, n_features), dtype=np.int8).tobytes())


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=780)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--quick", action="store_true", help="fewer epochs and trials")
    parser.add_argument("--child", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        found = forecast(args) if args.what == "forecast" else do(args)
        print(json.dumps(found))
        return
    print(
        f"{args.rows:,} rows x {args.features} features, {args.rows // ERA_ROWS} eras\n"
    )
    print(
        "| job | forecast, s | fact, s | ratio | forecast, MB | fact, MB | ratio "
        "| the forecast took, s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "features.bin")
        write_features(path, args.rows, args.features)
        for job in args.jobs:
            said = in_a_process(job, "forecast", path, args)
            fact = in_a_process(job, "fact", path, args)
            s, m = said["seconds"], said["bytes"] / 1e6
            print(
                f"| {job} | {s:.1f} | {fact['seconds']:.1f} | "
                f"{s / fact['seconds']:.2f} | {m:.0f} | {fact['bytes'] / 1e6:.0f} | "
                f"{said['bytes'] / max(1, fact['bytes']):.2f} | {said['taken']:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
