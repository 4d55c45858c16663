"""Time of scores: sknumerai.metrics against numerai-tools by groupby.apply.

Both score the same predictions of three models against the same target, era by era, in
one process and one thread, in turn; which goes first alternates. numerai-tools knows
one era at a time, so it is called as its users call it, from ``groupby.apply``. The
results are compared to 1e-12 before any time is taken. The last rows take the residuals
of one era's predictions after its features, against ``numerai_tools.scoring.neutralize``.

    OMP_NUM_THREADS=1 python benchmarks/bench_metrics.py [--runs 11] [--eras 100] [--rows 5000]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time

import numpy as np
import pandas as pd
from numerai_tools import scoring

from sknumerai.metrics import legacy_corr_score, numerai_corr_score, spearman_score
from sknumerai.utils import least_squares_residuals

N_MODELS = 3


def make_rows(n_eras, n_rows, seed=0):
    """Target and predictions of many eras, the predictions in float32 as networks'."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"{e:04d}" for e in range(1, n_eras + 1)], range(n_rows)],
        names=["era", "id"],
    )
    y = pd.Series(rng.integers(0, 5, len(index)) / 4, index=index, name="target")
    p = rng.normal(size=(len(index), N_MODELS)).astype(np.float32)
    return y, pd.DataFrame(p, index=index, columns=[f"m{j}" for j in range(N_MODELS)])


def by_groupby(score, y, p):
    """Score each era with a function of numerai-tools."""
    frame = p.droplevel("era").assign(target=y.to_numpy())
    eras = p.index.get_level_values("era").to_numpy()
    columns = list(p.columns)
    return frame.groupby(eras).apply(lambda d: score(d[columns], d["target"]))


def each(function):
    """Turn a function of one model into one of several."""
    return lambda p, y: p.apply(lambda column: function(y, column))


def score_pairs(y, p):
    """Name, our call, their call."""
    legacy = each(scoring.tie_broken_rank_correlation)
    return [
        (
            "numerai_corr_score",
            lambda: numerai_corr_score(y, p, aggregate=None),
            lambda: by_groupby(scoring.numerai_corr, y, p),
        ),
        (
            "numerai_corr_score, top_bottom=200",
            lambda: numerai_corr_score(y, p, aggregate=None, top_bottom=200),
            lambda: by_groupby(
                lambda d, t: scoring.numerai_corr(d, t, top_bottom=200), y, p
            ),
        ),
        (
            "spearman_score",
            lambda: spearman_score(y, p, aggregate=None),
            lambda: by_groupby(each(scoring.spearman_correlation), y, p),
        ),
        (
            "legacy_corr_score",
            lambda: legacy_corr_score(y, p, aggregate=None),
            lambda: by_groupby(legacy, y, p),
        ),
    ]


def residual_pairs(n_rows, seed=0):
    """Name, our call, their call: one era and two widths of feature sets."""
    rng = np.random.default_rng(seed)
    y = pd.DataFrame(rng.normal(size=n_rows), columns=["m0"])
    for n_features in (780, 3555):
        F = rng.integers(0, 5, (n_rows, n_features)).astype(np.int8)
        frame = pd.DataFrame(F)
        yield (
            f"least_squares_residuals, {n_features} features",
            lambda F=F: least_squares_residuals(y.to_numpy(), F),
            lambda frame=frame: scoring.neutralize(y, frame),
        )


def seconds(call):
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(name, ours, theirs, runs, tolerance):
    """Print the medians of paired runs and the quartiles of their ratio."""
    difference = np.abs(np.asarray(ours()) - np.asarray(theirs())).max()
    if not difference <= tolerance:
        raise RuntimeError(f"{name}: results differ by {difference:.1e}.")
    times = np.empty((runs, 2))
    for i in range(runs):
        order = [0, 1] if i % 2 else [1, 0]
        for j in order:
            times[i, j] = seconds((ours, theirs)[j])
    low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
    a, b = np.median(times, axis=0)
    print(
        f"| {name} | {a:.3f} | {b:.3f} | {middle:.1f} | {low:.1f}-{high:.1f} "
        f"| {difference:.0e} |",
        flush=True,
    )


def main():
    """Run the comparisons and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--eras", type=int, default=100)
    parser.add_argument("--rows", type=int, default=5000, help="rows of each era")
    args = parser.parse_args()
    print(
        f"{args.eras} eras x {args.rows} rows x {N_MODELS} models, {args.runs} runs\n"
    )
    print("| call | ours, s | numerai-tools, s | ratio | quartiles | difference |")
    print("|---|---|---|---|---|---|")
    y, p = make_rows(args.eras, args.rows)
    for name, ours, theirs in score_pairs(y, p):
        compare(name, ours, theirs, args.runs, 1e-12)
    for name, ours, theirs in residual_pairs(args.rows):
        compare(name, ours, theirs, min(args.runs, 3), 1e-8)


if __name__ == "__main__":
    main()
