"""Neutralization beside numerai-tools and numerblox.

One row per task: median seconds of ours and of numerai-tools in paired runs, their
ratio with quartiles, and numerblox's ratio where it is installed (one run of it). Then
the memory of one call in a process of its own: peak RssAnon above that before the call,
in shares of one float32 copy of an era. One thread: set OMP_NUM_THREADS=1 and
OPENBLAS_NUM_THREADS=1. Last, without a clock, how CORR and Sharpe of a model depend on
the proportion, in synthetic tournaments.

    python benchmarks/bench_neutralization.py [--runs 7] [--rows 7142]
        [--features 780 3555] [--only time memory sweep] [--seeds 16]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from anonymous_memory import Peak
from numerai_tools import scoring
from scipy import stats

from sknumerai.datasets import make_numerai
from sknumerai.metrics import max_feature_exposure, numerai_corr_score
from sknumerai.preprocessing import neutralize

PROPORTIONS = [0.1 * i for i in range(1, 11)]


def era(n_rows, n_features, n_models, seed=0):
    """Features and predictions of one era, with factors behind the features."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_rows, 20))
    F = factors @ rng.normal(size=(20, n_features)) / 4
    F += rng.normal(size=F.shape)
    F = np.digitize(F, [-1.5, -0.5, 0.5, 1.5]).astype(np.int8)
    P = rng.normal(size=(n_rows, n_models)) + factors[:, :1]
    index = pd.Index([f"n{i:015x}" for i in range(n_rows)], name="id")
    names = [f"feature_{i}" for i in range(n_features)]
    return (
        pd.DataFrame(P, index=index, columns=[f"model_{i}" for i in range(n_models)]),
        pd.DataFrame(F, index=index, columns=names),
    )


def seconds(function):
    """Wall time of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def row(name, ours, peer, runs, peer_runs=None):
    """Print a line of paired runs; a slow peer is timed fewer times."""
    ours()
    pairs = []
    peer_time = None
    for run in range(runs):
        mine = seconds(ours)
        if peer_runs is None or run < peer_runs:
            peer_time = seconds(peer)
        pairs.append((mine, peer_time))
    ratios = sorted(theirs / mine for mine, theirs in pairs)
    low, mid, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    mine = statistics.median(m for m, _ in pairs)
    theirs = statistics.median(t for _, t in pairs)
    print(
        f"| {name} | {mine:.3f} | {theirs:.3f} | {mid:.1f} ({low:.1f}-{high:.1f}) |",
        flush=True,
    )


def numerblox_time(P, F, proportion=1.0):
    """Seconds of numerblox's FeatureNeutralizer; None where it is not installed."""
    try:
        from numerblox.neutralizers import FeatureNeutralizer
    except ImportError:
        return None
    peer = FeatureNeutralizer(pred_name=P.columns[0], proportion=[proportion])
    eras = pd.Series("0001", index=P.index)
    peer.fit(P.iloc[:, 0])
    return seconds(lambda: peer.transform(P.iloc[:, 0], features=F, era_series=eras))


def time_table(args):
    """Times of one era."""
    print("\n| task | ours, s | numerai-tools, s | ratio (quartiles) |")
    print("|---|---|---|---|")
    for k in args.features:
        P, F = era(args.rows, k, 100)
        one = P[["model_0"]]
        few = None if k < 2000 else 3
        row(
            f"{args.rows} x {k}, 1 model",
            lambda one=one, F=F: neutralize(one, F),
            lambda one=one, F=F: scoring.neutralize(one, F),
            args.runs,
            few,
        )
        peer = numerblox_time(one, F)
        if peer is not None:
            mine = statistics.median(
                seconds(lambda one=one, F=F: neutralize(one, F)) for _ in range(3)
            )
            print(
                f"| the same, numerblox | {mine:.3f} | {peer:.3f} | {peer / mine:.1f} |"
            )
    k = args.features[0]
    P, F = era(args.rows, k, 100)
    row(
        f"{args.rows} x {k}, 100 models at once, against one after the other",
        lambda: neutralize(P, F),
        lambda: [scoring.neutralize(P[[name]], F) for name in P],
        args.runs,
        1,
    )
    row(
        f"{args.rows} x {k}, 100 models at once, against 100 at once",
        lambda: neutralize(P, F),
        lambda: scoring.neutralize(P, F),
        args.runs,
    )
    one = P[["model_0"]]
    ratios = []
    for _ in range(args.runs):
        alone = seconds(lambda: neutralize(one, F))
        ratios.append(
            seconds(lambda: neutralize(one, F, proportion=PROPORTIONS)) / alone
        )
    low, mid, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    print(f"\nTen proportions cost {mid:.2f} ({low:.2f}-{high:.2f}) times one.")


def memory_of(args):
    """Print the memory of one call over several eras; for a process of its own."""
    k, n_eras = args.features[0], 4
    parts = [era(args.rows, k, 1, seed) for seed in range(n_eras)]
    F = np.concatenate([part[1].to_numpy() for part in parts])
    P = np.concatenate([part[0].to_numpy() for part in parts])
    eras = np.repeat(np.arange(1, n_eras + 1), args.rows)
    del parts
    neutralize(P[:100], F[:100, :3])
    # BLAS keeps buffers of its own from the first product of some size on
    for dtype in (np.float32, np.float64):
        square = np.ones((1500, 1500), dtype=dtype)
        square @ square[::-1]
        del square
    with Peak(0.001) as watch:
        neutralize(P, F, groups=eras)
    peak = watch.above
    copy = args.rows * k * 4
    gram = 2 * 8 * (k + 1) ** 2
    print(f"{k} {peak / 1e6:.0f} {copy / 1e6:.0f} {gram / 1e6:.0f} {peak / copy:.2f}")


def memory_table(args):
    """Memory of a call, each in a process of its own."""
    print(
        "\n| features | peak, MB | one float32 copy of an era, MB | two squares, MB | share |"
    )
    print("|---|---|---|---|---|")
    for k in args.features:
        command = [
            sys.executable,
            __file__,
            "--memory-of",
            str(k),
            "--rows",
            str(args.rows),
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        print("| " + " | ".join(found.stdout.split()) + " |", flush=True)


def sweep_scores(seed, n_samples=3000, n_train=150, n_test=120, n_estimators=200):
    """CORR, Sharpe and exposure of a model by the proportion, in one tournament.

    Ten features load on few factors, whose premia drift: a model leans on them as much
    as on what lasts. With many features drifts average out, with ``signal`` above 3
    they are small beside what lasts; either way Sharpe hardly depends on the share.
    """
    from lightgbm import LGBMRegressor

    data = {
        "n_samples_per_era": n_samples,
        "n_features": 10,
        "signal": 1.5,
        "every": 4,
        "random_state": seed,
    }
    past = make_numerai(n_train, **data)
    # twelve eras between
    later = make_numerai(n_test, first_era=4 * n_train + 13, **data)
    model = LGBMRegressor(
        n_estimators=n_estimators,
        learning_rate=0.03,
        max_depth=3,
        num_leaves=8,
        colsample_bytree=0.2,
        min_child_samples=200,
        random_state=seed,
        verbose=-1,
        n_jobs=1,
    ).fit(past.data, past.target)
    X, y = later.data, later.target
    pred = pd.Series(model.predict(X), index=X.index)
    rows = []
    for neutral in neutralize(pred, X, proportion=[0.0, *PROPORTIONS]).values():
        scores = numerai_corr_score(y, neutral, aggregate=None)
        exposure = max_feature_exposure(None, neutral, X)
        rows.append((scores.mean(), scores.mean() / scores.std(ddof=0), exposure))
    return np.array(rows)


def interval(values):
    """Mean over tournaments, and half of its 95 percent interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{values.mean():+.4f} ± {half:.4f}"


def sweep_table(args):
    """CORR, Sharpe and exposure by the proportion, over several tournaments."""
    found = np.array([sweep_scores(seed) for seed in range(args.seeds)])
    corr, sharpe, exposure = found.transpose(2, 1, 0)
    print(
        f"\nLightGBM, 10 features, {args.seeds} tournaments; differences with 95 percent "
        "intervals\n"
    )
    print(
        "| proportion | CORR | less that at 0 | Sharpe | less that at 0 | less that at 1 "
        "| max exposure |"
    )
    print("|---|---|---|---|---|---|---|")
    for i, share in enumerate([0.0, *PROPORTIONS]):
        print(
            f"| {share:.1f} | {corr[i].mean():.4f} | {interval(corr[i] - corr[0])} "
            f"| {sharpe[i].mean():.3f} | {interval(sharpe[i] - sharpe[0])} "
            f"| {interval(sharpe[i] - sharpe[-1])} | {exposure[i].mean():.3f} |"
        )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--rows", type=int, default=7142)
    parser.add_argument("--features", type=int, nargs="+", default=[780, 3555])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--only", nargs="+", default=["time", "memory", "sweep"])
    parser.add_argument("--memory-of", type=int)
    args = parser.parse_args()
    if args.memory_of:
        args.features = [args.memory_of]
        memory_of(args)
        return
    tables = {"time": time_table, "memory": memory_table, "sweep": sweep_table}
    for name in args.only:
        tables[name](args)


if __name__ == "__main__":
    main()
