"""Coverage and time of intervals and tests of era scores.

Coverage: scores are moving sums of independent noise, which is what targets that
overlap make of them, of mean 1 and standard deviation 1. The share of simulated series
whose 95 % interval holds the true value is shown for each kind of interval, and the
median width of the default. "persistent" series hold, beside the moving sum, a slow
part that no horizon tells of.

Size: two models of equal mean are compared; shown is how often their difference is
called significant at 5 %, by the p-value and by counting recentred resamples.

    OMP_NUM_THREADS=1 python benchmarks/bench_bootstrap.py [--series 2000]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from statistics import NormalDist, median

import numpy as np

from sknumerai.metrics import bootstrap_interval, compare_scores, score_summary
from sknumerai.metrics._bootstrap import resample
from sknumerai.metrics._statistics import mean

STATISTICS = ("mean", "std", "sharpe", "positive_share", "autocorrelation")
# name, weeks that a target reaches over, horizon in days, share of a slow part
CASES = (
    ("independent", 1, 0, 0.0),
    ("sum of 4", 4, 20, 0.0),
    ("sum of 13", 13, 60, 0.0),
    ("sum of 4, persistent", 4, 20, 0.15),
    ("sum of 13, persistent", 13, 60, 0.15),
)


def make_series(rng, n_eras, n_series, width, slow=0.0):
    """Overlapping scores of variance 1 and their lag-1 autocorrelation."""
    noise = rng.standard_normal((n_eras + width, n_series))
    total = np.cumsum(noise, axis=0)
    scores = (total[width:] - total[:-width]) / np.sqrt(width)
    correlation = 1 - 1 / width
    if slow:
        part = np.empty_like(scores)
        part[0] = rng.standard_normal(n_series)
        for era in range(1, n_eras):
            shock = np.sqrt(1 - 0.95**2) * rng.standard_normal(n_series)
            part[era] = 0.95 * part[era - 1] + shock
        scores = np.sqrt(1 - slow) * scores + np.sqrt(slow) * part
        correlation = (1 - slow) * correlation + slow * 0.95
    return scores, correlation


def coverage(n_series, n_resamples):
    """Print one line per case, length and statistic."""
    kinds = ("student", "percentile", "basic")
    print("95 % intervals that hold the true value")
    print(f"{'scores':22} {'eras':>5} {'statistic':16}", *(f"{k:>11}" for k in kinds))
    for name, width, horizon, slow in CASES:
        for n_eras in (100, 500):
            rng = np.random.default_rng(0)
            held = {(s, k): [] for s in STATISTICS for k in kinds}
            # the series of one batch share their resamples
            for batch in range(n_series // 25):
                noise, first = make_series(rng, n_eras, 25, width, slow)
                true = {
                    "mean": 1,
                    "std": 1,
                    "sharpe": 1,
                    "positive_share": NormalDist().cdf(1),
                    "autocorrelation": first,
                }
                for (statistic, kind), found in held.items():
                    interval = bootstrap_interval(
                        1 + noise,
                        statistic,
                        horizon=horizon,
                        interval=kind,
                        n_resamples=n_resamples,
                        random_state=batch,
                    )
                    value = true[statistic]
                    inside = (interval["low"] <= value) & (value <= interval["high"])
                    found.extend(inside)
            for s in STATISTICS:
                shares = (f"{np.mean(held[s, k]):11.3f}" for k in kinds)
                print(f"{name:22} {n_eras:5} {s:16}", *shares, flush=True)


def size(n_series, n_resamples):
    """Print how often equal models are called different at 5 %."""
    print("\nequal models called different at 5 %")
    print(f"{'scores':22} {'eras':>5} {'p_value':>9} {'counting':>9}")
    for name, width, horizon, slow in CASES:
        for n_eras in (100, 500):
            rng = np.random.default_rng(1)
            called, counted = [], []
            for seed in range(n_series):
                market, a, b = make_series(rng, n_eras, 3, width, slow)[0].T
                a, b = 2 * market + a, 2 * market + b
                result = compare_scores(
                    a, b, horizon=horizon, n_resamples=n_resamples, random_state=seed
                )
                called.append(result["p_value"] < 0.05)
                rows = {0: 1, 20: 10, 60: 26}[horizon]
                drawn = resample(
                    (a - b)[None], {"mean": mean}, rows, "stationary", n_resamples, seed
                )["mean"][0]
                centre = np.mean(a - b)
                larger = np.abs(drawn - centre) >= np.abs(centre)
                counted.append((1 + larger.sum()) / (1 + n_resamples) < 0.05)
            print(
                f"{name:22} {n_eras:5} {np.mean(called):9.3f} {np.mean(counted):9.3f}",
                flush=True,
            )


def seconds(call, runs):
    """Median time of some runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times)


def timing(runs):
    """Print what 2,000 resamples of 600 eras and 10 models cost."""
    scores = np.random.default_rng(0).normal(size=(600, 10))
    print(f"\n2,000 resamples, 600 eras, 10 models, median of {runs}")
    calls = {
        "bootstrap_interval, mean": lambda: bootstrap_interval(scores, horizon=20),
        "score_summary, 6 statistics": lambda: score_summary(
            scores, confidence_level=0.95, horizon=20
        ),
        "score_summary, all": lambda: score_summary(
            scores, statistics="all", confidence_level=0.95, horizon=20
        ),
        "compare_scores, 10 models": lambda: compare_scores(
            scores, scores[:, 0], horizon=20
        ),
    }
    for name, call in calls.items():
        print(f"{name:30} {seconds(call, runs):6.2f} s")


def main():
    """Read the arguments and print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    timing(args.runs)
    coverage(args.series, args.resamples)
    size(args.series, args.resamples)


if __name__ == "__main__":
    main()
