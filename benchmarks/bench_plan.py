"""Forecasts of ``plan_job`` beside real runs: time, processor time and memory.

Each job is forecast in a fresh process and then done in another one, whose time and
peak of anonymous memory (RssAnon of /proc/self/status, Linux only) are what counts. The
jobs are a fit of the supervised autoencoder, a search of perceptrons with a
walk-forward evaluation of each trial, and a fit of LightGBM. Where wall time is off and
processor time is not, other work was done on the machine. The whole takes about five
minutes of two cores that do nothing else.

    python benchmarks/bench_plan.py [--rows 200000] [--features 780] [--quick]
        [--jobs fit search lightgbm] [--seconds 10]

With --unit-costs nothing is done, but the table of unit costs for all rows of v5.3 is
printed, of two to four minutes: what a step, an epoch, a fit and a hundred trials take.

    python benchmarks/bench_plan.py --unit-costs [--seconds 10]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from anonymous_memory import Peak
from optuna.distributions import FloatDistribution
from sklearn.base import clone

from sknumerai.cli._plan import duration
from sknumerai.inspection import plan_job
from sknumerai.model_selection import GroupTimeSeriesSplit, OptunaSearchRegressor
from sknumerai.neural_network import (
    ContextAwareRanker,
    MLPRegressor,
    SupervisedAutoencoderRegressor,
)

ERA_ROWS = 2000
TARGET = "target_ender_20"
# Rows and eras of the training file of v5.3
ALL_ROWS, ALL_ERAS = 2_746_268, 574


def fit_job(quick):
    """A fit of the supervised autoencoder."""
    model = SupervisedAutoencoderRegressor(
        max_epochs=1 if quick else 2, patience=None, random_state=0
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


def lightgbm_model(n_estimators):
    """The trees of Numerai's example models, more or fewer of them."""
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=n_estimators,
        learning_rate=0.01,
        max_depth=5,
        num_leaves=31,
        colsample_bytree=0.1,
        random_state=0,
        verbose=-1,
    )


def lightgbm_job(quick):
    """A fit of boosted trees, a tenth of the usual number."""
    model = lightgbm_model(50 if quick else 200)
    return model, {}, model


JOBS = {"fit": fit_job, "search": search_job, "lightgbm": lightgbm_job}
NAMES = {
    "fit": "fit of the supervised autoencoder",
    "search": "search: trials of 3 folds and a last fit of a perceptron",
    "lightgbm": "fit of LightGBM",
}
# Name, features and maker of each line of the table of unit costs
UNITS = [
    ("mlp", 780, MLPRegressor),
    ("ContextAwareRanker", 3555, ContextAwareRanker),
    ("sae", 3555, SupervisedAutoencoderRegressor),
    ("lightgbm", 780, lambda: lightgbm_model(2000)),
]


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
        "cpu": plan.cpu_seconds,
        "bytes": plan.ram_needed,
        "taken": time.perf_counter() - begun,
    }


def do(args):
    """The job itself: time, and peak of the memory of the whole process."""
    model, _, job = JOBS[args.child](args.quick)
    matrix = np.memmap(args.file, np.int8, "r", shape=(args.rows, args.features))
    n_eras = args.rows // ERA_ROWS
    eras = 1 + np.arange(args.rows) * n_eras // args.rows
    index = pd.MultiIndex.from_arrays([eras, np.arange(args.rows)], names=["era", "id"])
    names = [f"feature_{i}" for i in range(args.features)]
    X = pd.DataFrame(matrix, index=index, columns=names, copy=False)
    codes = np.random.default_rng(1).integers(0, 5, args.rows)
    y = pd.Series((codes / 4).astype(np.float32), index=index, name=TARGET)
    # a first fit loads libraries, which is no part of hours
    clone(model).fit(X.iloc[:ERA_ROWS], y.iloc[:ERA_ROWS])
    begun = time.perf_counter(), time.process_time()
    # looks at the memory cost processor time, so there are few
    with Peak(0.02) as watch:
        job.fit(X, y)
    return {
        "seconds": time.perf_counter() - begun[0],
        "cpu": time.process_time() - begun[1],
        "bytes": watch.peak,
    }


def unit_costs(args):
    """Cells of a line of the table of unit costs."""
    name, n_features, make = next(unit for unit in UNITS if unit[0] == args.child)
    size = {"n_rows": ALL_ROWS, "n_features": n_features, "n_eras": ALL_ERAS}
    plan = plan_job(make(), **size, cv=5, n_trials=100, seconds=args.seconds, verbose=0)
    costs = plan.costs
    fit, epoch = duration(plan.seconds_of_fit), duration(plan.seconds_of_epoch)
    if costs["step"]:
        step = f"{costs['step_rows']:,} rows in {_span(costs['step'])}"
        rate = f"{costs['step_rows'] / costs['step']:,.0f}"
        fit += f", {plan.n_epochs} epochs"
    else:
        step = rate = epoch = "-"
        fit += f", {make().n_estimators:,} trees"
    cells = [f"`{name}`, {n_features:,}", step, rate, epoch, fit]
    cells += [f"{plan.ram_needed / 1e9:.2f} GB", duration(plan.seconds)]
    cells += [f"{plan.costs['cpu_ratio']:.1f}"]
    return {"cells": cells}


def _span(seconds):
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


def in_a_process(name, what, args, file=""):
    """Run one of the functions above in a fresh process."""
    command = [sys.executable, __file__, "--child", name, "--what", what]
    command += ["--file", str(file), "--rows", str(args.rows)]
    command += ["--features", str(args.features), "--seconds", str(args.seconds)]
    command += ["--quick"] * args.quick
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name}, {what}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def write_features(path, n_rows, n_features):
    """Write codes as a memory map, some rows at a time."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, n_rows, 50_000):
            n = min(50_000, n_rows - start)
            file.write(rng.integers(0, 5, (n, n_features), dtype=np.int8).tobytes())


def why_not(name):
    """Why a job cannot be done here, None if it can."""
    if name == "lightgbm":
        try:
            import lightgbm  # noqa: F401
        except ImportError:
            return "lightgbm is not installed (extra boosting)"
    return None


def rows_of(title, names):
    """Print the head of a table; yield the names of its lines, unless left out."""
    print(title)
    print("|---" * title.count(" | ") + "|---|", flush=True)
    left_out = {name: why_not(name) for name in names}
    yield from (name for name, reason in left_out.items() if not reason)
    for name, reason in left_out.items():
        if reason:
            print(f"\n{name} was left out: {reason}.")


def compare(args):
    """Print forecasts beside facts."""
    size = f"{args.rows:,} rows x {args.features} features"
    title = (
        f"| job, {size} | wall time, s: forecast / fact | ratio | processor time, s: "
        "forecast / fact | ratio | memory, MB: forecast / fact | ratio "
        "| the forecast took, s |"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "features.bin")
        write_features(path, args.rows, args.features)
        for job in rows_of(title, args.jobs):
            said = in_a_process(job, "forecast", args, path)
            fact = in_a_process(job, "fact", args, path)
            cells = [NAMES[job]]
            for key, unit, digits in (
                ("seconds", 1, 1),
                ("cpu", 1, 1),
                ("bytes", 1e6, 0),
            ):
                a, b = said[key] / unit, fact[key] / unit
                cells += [f"{a:,.{digits}f} / {b:,.{digits}f}", f"{a / b:.2f}"]
            print(f"| {' | '.join(cells)} | {said['taken']:.1f} |", flush=True)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--features", type=int, default=780)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--quick", action="store_true", help="fewer epochs and trials")
    parser.add_argument(
        "--unit-costs", action="store_true", help="print what a step and a fit cost"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what = {"forecast": forecast, "fact": do, "costs": unit_costs}[args.what]
        print(json.dumps(what(args)))
    elif args.unit_costs:
        title = (
            "| model, features | a step | rows a second | an epoch of all rows | fit to "
            "all rows, at most | memory | 100 trials of 5 folds | cores busy |"
        )
        for name in rows_of(title, [name for name, *_ in UNITS]):
            cells = in_a_process(name, "costs", args)["cells"]
            print(f"| {' | '.join(cells)} |", flush=True)
    else:
        compare(args)
    if not args.child:
        print(f"\n{_where()}")


def _where():
    """Say what else ran."""
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, OMP_NUM_THREADS {threads}, load {load} over 1/5/15 "
        "minutes."
    )


if __name__ == "__main__":
    main()
