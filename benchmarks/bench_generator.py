"""Statistics and scores of the synthetic tournament, beside those of the real one.

    python benchmarks/bench_generator.py [--features 42 780] [--seeds 1] [--trees 600]
    python benchmarks/bench_generator.py --write 3555 --eras 60

The first form draws every 4th era at the real size, trains LightGBM and ridge regression
on eras 1 to 574 and scores them on eras 587 to 1232: 42 features take about 2 GB and some
minutes, 780 about 5 GB and a quarter of an hour of two cores. The second writes files and
prints int8 megabytes per second and the peak memory. The real figures are what
participants have published about v5.1 to v5.3.
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import resource
import tempfile
import time

import lightgbm as lgb
import numpy as np
import pandas as pd

from sknumerai.datasets import make_numerai, write_numerai
from sknumerai.metrics import numerai_corr_score

TRAIN, VALIDATION, EVERY = (1, 144), (587, 162), 4
REAL = {
    ("LightGBM", 42): ".012 to .021, sd .015 to .019",
    ("LightGBM", 780): ".020 to .033, sd .015 to .021",
    ("ridge", 42): "about half of the trees'",
    ("ridge", 780): "about half of the trees'",
    ("v53_lgbm_ender20", 780): ".021, sd .018",
    ("numerai_meta_model", 780): ".022, sd .020",
}


def load(n_features, seed, part):
    """Every 4th era of the real size, 20-day target, real signal."""
    first, n_eras = part
    return make_numerai(
        n_eras,
        n_samples_per_era="real",
        n_features=n_features,
        signal=1.0,
        first_era=first,
        every=EVERY,
        random_state=seed,
    )


def ridge(data):
    """Weights of ridge regression, era by era in float32."""
    gram, moment = 0.0, 0.0
    for rows in data.eras.groupby(data.eras.to_numpy()).indices.values():
        X = data.data.to_numpy()[rows].astype(np.float32) - 2
        y = data.target.to_numpy()[rows]
        gram = gram + X.T @ X
        moment = moment + X.T @ (y - y.mean())
    alpha = 1e-4 * len(data.data)
    return np.linalg.solve(gram + alpha * np.eye(len(gram)), moment)


def predictions(n_features, seed, n_trees):
    """Predictions of all models for the validation eras."""
    train = load(n_features, seed, TRAIN)
    model = lgb.LGBMRegressor(
        n_estimators=n_trees,
        learning_rate=20 / n_trees,
        max_depth=5,
        num_leaves=31,
        colsample_bytree=0.1,
        random_state=seed,
        verbose=-1,
    ).fit(train.data.to_numpy(), train.target.to_numpy())
    weights = ridge(train)
    del train
    test = load(n_features, seed, VALIDATION)
    X = test.data.to_numpy()
    columns = {
        "LightGBM": model.predict(X),
        "ridge": X @ weights,
        **test.benchmark,
        "numerai_meta_model": test.meta_model,
        "stable oracle": test.stable_oracle,
        "oracle": test.oracle,
    }
    return test, pd.DataFrame(
        {k: np.asarray(v) for k, v in columns.items()}, index=test.data.index
    )


def statistics(test):
    """Facts about features and models, as (name, ours, real)."""
    X, y = test.data.to_numpy(), test.target.to_numpy()
    last = X[test.eras.to_numpy() == test.eras.iloc[-1]].astype(np.float32)
    R = np.corrcoef(last.T)
    r = np.abs(R[np.triu_indices(len(R), 1)])
    ic = []
    for rows in test.eras.groupby(test.eras.to_numpy()).indices.values():
        codes = X[rows].astype(np.float32) - 2
        target = y[rows] - y[rows].mean()
        ic.append(codes.T @ target / (np.sqrt(2) * y[rows].std() * len(rows)))
    ic = np.array(ic)
    models = pd.concat([test.benchmark, test.meta_model], axis=1)
    pair = models.groupby(level="era").corr().groupby(level=1).mean()
    name = "v53_lgbm_ender20"
    return [
        ("mean |r| of features", f"{r.mean():.3f}", ".063 to .066"),
        ("median |r|", f"{np.median(r):.3f}", ".030"),
        (
            "top eigenvalue / features",
            f"{np.linalg.eigvalsh(R)[-1] / len(R):.3f}",
            ".12",
        ),
        ("mean over features of |IC|", f"{np.abs(ic.mean(0)).mean():.4f}", ".0015"),
        ("sd of IC over eras", f"{ic.std(0).mean():.4f}", ".016 to .025"),
        (
            "benchmark and meta model",
            f"{pair.loc[name, 'numerai_meta_model']:.3f}",
            ".655",
        ),
        ("benchmarks 20 and 60", f"{pair.loc[name, 'v53_lgbm_ender60']:.3f}", ".84"),
    ]


def bench_scores(n_features, seed, n_trees):
    """Print one table of scores and one of statistics."""
    start = time.perf_counter()
    test, frame = predictions(n_features, seed, n_trees)
    print(f"\n{n_features} features, random_state={seed}")
    scores = {
        name: numerai_corr_score(test.target, frame[name], aggregate=None)
        for name in frame
    }
    best = scores["stable oracle"].mean()
    print(f"{'model':22}{'CORR':>8}{'sd':>8}{'Sharpe':>8}{'share':>7}  real")
    for name, s in scores.items():
        row = f"{name:22}{s.mean():8.4f}{s.std(ddof=0):8.4f}"
        row += f"{s.mean() / s.std(ddof=0):8.2f}{s.mean() / best:7.0%}"
        print(f"{row}  {REAL.get((name, n_features), '')}")
    for name, ours, real in statistics(test):
        print(f"{name:30}{ours:>10}  real {real}")
    print(f"{time.perf_counter() - start:.0f} s")


def bench_write(n_features, n_eras, n_jobs):
    """Print the speed of writing a train file."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = write_numerai(
            folder,
            n_train_eras=n_eras,
            n_validation_eras=1,
            n_features=n_features,
            n_jobs=n_jobs,
            random_state=0,
        )
        seconds = time.perf_counter() - start
        size = (path / "train.parquet").stat().st_size
        rows = len(pd.read_parquet(path / "train.parquet", columns=["era"]))
    codes = rows * n_features
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{n_features} features, {rows} rows: {seconds:.1f} s, "
        f"{codes / seconds / 1e6:.0f} MB of int8 per second, "
        f"{size / codes:.2f} bytes per code, peak memory {peak:.2f} GB"
    )


def main():
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, nargs="+", default=[42, 780])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trees", type=int, default=600)
    parser.add_argument("--write", type=int, help="write files of so many features")
    parser.add_argument("--eras", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.write:
        bench_write(args.write, args.eras, args.jobs)
        return
    for n_features in args.features:
        for seed in range(args.seeds):
            bench_scores(n_features, seed, args.trees)


if __name__ == "__main__":
    main()
