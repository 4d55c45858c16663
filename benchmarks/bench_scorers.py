"""Time of scorers: one fitted model scored, against a loop over numerai-tools.

The model predicts in no time, so that what is timed is the scoring: finding the eras,
matching the side inputs with the rows, the scores. The loop is the plain one that a
participant writes: align the side inputs once, group by era, call numerai-tools, take
the mean. Both give the same scores, compared before any time is taken; they take turns,
and which goes first alternates.

Side inputs are of all rows, the scored rows a tenth of them fewer, and each scorer is
called once before: a search scores its folds again and again.

    OMP_NUM_THREADS=1 python benchmarks/bench_scorers.py [--runs 7] [--eras 52]
        [--rows 5000]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time

import numpy as np
import pandas as pd
from numerai_tools import scoring as tools
from sklearn.base import BaseEstimator, RegressorMixin

from sknumerai.metrics import make_era_scorer, numerai_corr_score, numerai_scoring


class Constant(RegressorMixin, BaseEstimator):
    """Predicts what it was given, in no time."""

    def __init__(self, values=None):
        self.values = values

    def fit(self, X, y=None):
        """Nothing to fit."""
        return self

    def predict(self, X):
        """The same values each time."""
        return self.values


def make_rows(n_eras, n_rows, seed=0):
    """X, y, benchmark and meta model; ids are Numerai's, sorted within each era."""
    rng = np.random.default_rng(seed)
    eras = np.repeat([f"{era:04d}" for era in range(1, n_eras + 1)], n_rows)
    ids = np.sort(rng.integers(0, 2**60, (n_eras, n_rows)), axis=1).ravel()
    labels = [f"n{number:015x}" for number in ids]
    index = pd.MultiIndex.from_arrays([eras, labels], names=["era", "id"])
    X = pd.DataFrame(rng.integers(0, 5, (len(index), 5), dtype=np.int8), index)
    y = pd.Series(rng.integers(0, 5, len(index)) / 4, index, name="target_ender_60")
    benchmark = pd.Series(rng.random(len(index)), index, name="v53_lgbm_ender60")
    meta_model = pd.Series(rng.random(len(index)), index, name="numerai_meta_model")
    return X, y, benchmark, meta_model


def loop_corr(model, X, y):
    """Mean CORR by numerai-tools."""
    frame = pd.DataFrame({"p": model.predict(X), "y": y}, index=X.index)
    scores = [
        tools.numerai_corr(era[["p"]], era["y"]).iloc[0]
        for _, era in frame.groupby(level="era")
    ]
    return {"corr": np.mean(scores)}


def loop_all(model, X, y, benchmark, meta_model):
    """The scores of numerai_scoring, those that numerai-tools knows, by a loop."""
    frame = pd.DataFrame(
        {
            "p": model.predict(X),
            "y": y,
            "b": benchmark.reindex(X.index),
            "m": meta_model.reindex(X.index),
        },
        index=X.index,
    )
    lines = []
    for _, era in frame.groupby(level="era"):
        p, y_era = era[["p"]], era["y"]
        lines.append(
            {
                "corr": tools.numerai_corr(p, y_era).iloc[0],
                "spearman": p["p"].corr(y_era, method="spearman"),
                "bmc": tools.correlation_contribution(p, era["b"], y_era).iloc[0],
                "mmc": tools.correlation_contribution(p, era["m"], y_era).iloc[0],
                "cwmm": tools.pearson_correlation(
                    era["m"], tools.tie_kept_rank__gaussianize__pow_1_5(p)["p"]
                ),
            }
        )
    return pd.DataFrame(lines).mean().to_dict()


def seconds(call):
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def row(name, ours, theirs, runs, n_eras):
    """Print one line: time per era, ratios of paired runs."""
    mine, other = ours(), theirs()
    mine = mine if isinstance(mine, dict) else {"corr": mine}
    difference = max(abs(mine[key] - other[key]) for key in other)
    if not difference <= 1e-10:
        raise RuntimeError(f"{name}: results differ by {difference:.1e}.")
    times = np.empty((runs, 2))
    for i in range(runs):
        for j in [0, 1] if i % 2 else [1, 0]:
            times[i, j] = seconds((ours, theirs)[j])
    low, middle, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
    a, b = np.median(times, axis=0) / n_eras
    print(
        f"| {name} | {1e3 * a:.2f} | {1e3 * b:.2f} | {middle:.1f} ({low:.1f}-"
        f"{high:.1f}) | {difference:.0e} |",
        flush=True,
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--eras", type=int, default=52)
    parser.add_argument("--rows", type=int, default=5000)
    options = parser.parse_args()
    n_eras = options.eras
    n_more = max(1, n_eras // 10)
    X, y, benchmark, meta_model = make_rows(n_eras + n_more, options.rows)
    scored = slice(0, n_eras * options.rows)
    X, y = X.iloc[scored], y.iloc[scored]
    model = Constant(np.random.default_rng(1).normal(size=len(X)))
    corr = make_era_scorer(numerai_corr_score)
    every = numerai_scoring(benchmark=benchmark, meta_model=meta_model)
    print(
        f"{n_eras} eras x {options.rows} rows, median of {options.runs} paired runs\n"
    )
    print("| scorer | ours, ms per era | loop, ms per era | loop / ours (quartiles) "
          "| difference |")  # fmt: skip
    print("|---|---|---|---|---|", flush=True)
    row(
        "make_era_scorer(numerai_corr_score)",
        lambda: corr(model, X, y),
        lambda: loop_corr(model, X, y),
        options.runs,
        n_eras,
    )
    row(
        "numerai_scoring(benchmark, meta_model)",
        lambda: every(model, X, y),
        lambda: loop_all(model, X, y, benchmark, meta_model),
        options.runs,
        n_eras,
    )


if __name__ == "__main__":
    main()
