"""V3X: stacked out of sample against the source's in-sample stack, beside one XGBoost.

On tournaments with the size of the real signal, each seed its own: 120 eras to train,
the official embargo, 40 eras to test. All models of slices are the same XGBoost (100
trees of depth 3, learning rate 0.1). Beside them, of the first seeds, one XGBoost of
all eras with Numerai's small parameters (2,000 trees of depth 5, learning rate 0.01, a
tenth of the columns), and one with the parameters of the slices. CORR is the mean over
test eras; differences to the source's stack are paired by seed, with a t interval.

    python benchmarks/bench_v3x.py [--seeds 40] [--first-seed 0] [--small-seeds 10]
        [--signal 1] [--rows 500] [--features 42]

Needs xgboost. About five minutes on one thread; every seed prints its line. The tables
of the user guide are of the defaults, and of ``--first-seed 100 --small-seeds 0``.
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import RidgeCV
from xgboost import XGBRegressor

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import EraEnsembleRegressor
from sknumerai.metrics import numerai_corr_score

TRAIN, EMBARGO, TEST = 120, 8, 40
SMALL = {
    "n_estimators": 2000,
    "max_depth": 5,
    "learning_rate": 0.01,
    "colsample_bytree": 0.1,
}
SLICE = {"n_estimators": 100, "max_depth": 3, "learning_rate": 0.1}

# of the first seeds only
SLOW = ("one XGBoost, small",)


def xgboost(params, seed):
    return XGBRegressor(**params, n_jobs=1, random_state=seed, verbosity=0)


def models(seed):
    sub = partial(xgboost, SLICE, seed)
    return {
        "V3X as it was (in sample)": EraEnsembleRegressor.from_preset(
            "v3x", estimator=sub()
        ),
        "V3X out of slice": EraEnsembleRegressor(sub()),
        "V3X out of slice, ridge": EraEnsembleRegressor(
            sub(), final_estimator=RidgeCV()
        ),
        "one XGBoost, as in a slice": sub(),
        "one XGBoost, small": xgboost(SMALL, seed),
    }


def run(seed, args):
    data = make_numerai(
        n_eras=TRAIN + EMBARGO + TEST,
        n_samples_per_era=args.rows,
        n_features=args.features,
        signal=args.signal,
        random_state=seed,
    )
    era = np.asarray(data.eras).astype(int)
    train, test = era <= TRAIN, era > TRAIN + EMBARGO
    X, y = data.data[train], data.target[train]
    for name, model in models(seed).items():
        if name in SLOW and seed >= args.first_seed + args.small_seeds:
            continue
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        pred = pd.Series(model.predict(data.data[test]), data.data.index[test])
        scores = numerai_corr_score(data.target[test], pred, aggregate=None)
        sharpe = scores.mean() / scores.std(ddof=0)
        yield {
            "seed": seed,
            "model": name,
            "corr": scores.mean(),
            "sharpe": sharpe,
            "seconds": seconds,
        }


def interval(values):
    if len(values) < 2:
        return ""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    mean = np.mean(values)
    return f"{mean:+.5f} ({mean - half:+.5f} to {mean + half:+.5f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--small-seeds", type=int, default=10)
    parser.add_argument("--signal", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--features", type=int, default=42)
    args = parser.parse_args()
    rows = []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        new = list(run(seed, args))
        rows += new
        print(seed, *(f"{row['corr']:.4f}" for row in new), flush=True)
    table = pd.DataFrame(rows).set_index(["seed", "model"])
    corr = table["corr"].unstack()
    faithful = "V3X as it was (in sample)"
    print(f"\n{args}\n")
    print(
        "| model | CORR | Sharpe | CORR against V3X as it was (95 %) | seeds | s to fit |"
    )
    print("|---|---|---|---|---|---|")
    for name in [name for name in models(0) if name in corr]:
        part = table.xs(name, level="model")
        paired = (corr[name] - corr[faithful]).dropna()
        against = interval(paired) if name != faithful else ""
        print(
            f"| {name} | {part['corr'].mean():.4f} | {part['sharpe'].mean():.2f} | "
            f"{against} | {len(part)} | {part['seconds'].median():.1f} |"
        )


if __name__ == "__main__":
    main()
