"""Memory of each job at the size of the data set, above that before the job.

    python benchmarks/bench_memory.py [--full | --rows N --features K] [--folder DIR]
        [--jobs NAME ...] [--peer-rows 200000] [--peer-features 780]

Writes a synthetic train file of codes 0..4 once, 1,000,000 x 3,555 by default and
2,746,268 x 3,555 with --full, rows in the order of eras of 5,000 rows. Each job has a process of its own: imports and `load_numerai` come
first, then the memory is watched while the job runs. What counts is the peak of RssAnon
of /proc/self/status, which leaves out pages of files: those of the memory map are the
system's to take back. Networks are small, so that nearly all of it is the data's.

The peers do the same job, from the file to the predictions, at a size that they survive;
so does this package beside them. Linux only. Times are those of one run, for planning.
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anonymous_memory import Peak

FULL = 2_746_268, 3_555
ROWS_OF_AN_ERA = 5_000
ROW_GROUP = 1 << 16
# features of the set "medium"
SOME = 780
LIMIT_GB = 2.0


def nets():
    """Small networks, trained for an epoch."""
    from sknumerai import neural_network as nn

    once = {"max_epochs": 1, "random_state": 0, "verbose": 0}
    return {
        "mlp": nn.MLPRegressor((32,), **once),
        "sae": nn.SupervisedAutoencoderRegressor((16, 16, 64, 32, 32, 16), **once),
        "ranker": nn.ContextAwareRanker(d_hidden=16, n_heads=2, **once),
    }


def noise(X):
    """Predictions without a model: a Series on the rows of X."""
    import numpy as np
    import pandas as pd

    values = np.random.default_rng(0).random(len(X), dtype=np.float32)
    return pd.Series(values, index=X.index, name="prediction")


def folds():
    """Three walk-forward folds."""
    from sknumerai.model_selection import GroupTimeSeriesSplit

    return GroupTimeSeriesSplit(3)


class Jobs:
    """The jobs: each method prepares what it needs and returns what is watched."""

    def __init__(self, args):
        self.args, self.folder = args, Path(args.folder)
        self.path = self.folder / file_name(args.rows, args.features)

    def load(self):
        from sknumerai.datasets import load_numerai

        data = load_numerai(self.path, targets="target_ender_60", verbose=0)
        return data.data, data.target

    def load_numerai(self):
        import sknumerai.datasets  # noqa: F401

        return self.load

    def fit(self, name):
        import joblib

        (X, y), net = self.load(), nets()[name]

        def job():
            joblib.dump(net.fit(X, y), self.folder / f"{name}.pkl")

        return job

    def predict(self, name):
        import joblib

        (X, _), net = self.load(), joblib.load(self.folder / f"{name}.pkl")
        return lambda: net.predict(X)

    def fit_mlp(self):
        return self.fit("mlp")

    def fit_sae(self):
        return self.fit("sae")

    def fit_ranker(self):
        return self.fit("ranker")

    def predict_mlp(self):
        return self.predict("mlp")

    def predict_sae(self):
        return self.predict("sae")

    def predict_ranker(self):
        return self.predict("ranker")

    def predict_from_parquet(self, name):
        import joblib

        from sknumerai.datasets import predict_numerai

        net = joblib.load(self.folder / f"{name}.pkl")
        return lambda: predict_numerai(net, self.path, "all", verbose=0)

    def predict_numerai_mlp(self):
        return self.predict_from_parquet("mlp")

    def predict_numerai_ranker(self):
        return self.predict_from_parquet("ranker")

    def neutralize(self):
        from sknumerai.preprocessing import neutralize

        X, _ = self.load()
        p = noise(X)
        return lambda: neutralize(p, X)

    def feature_neutralizer(self):
        from sknumerai.preprocessing import FeatureNeutralizer

        X, _ = self.load()
        p = noise(X)
        step = FeatureNeutralizer(["prediction"], list(X.columns[:SOME]))
        return lambda: step.fit_transform(X.assign(prediction=p))

    def neutralized_regressor(self):
        from sknumerai.ensemble import NeutralizedRegressor

        X, y = self.load()
        model = NeutralizedRegressor(nets()["mlp"], features=list(X.columns[:SOME]))
        return lambda: model.fit(X, y).predict(X)

    def era_cross_val_predict(self):
        from sknumerai.model_selection import era_cross_val_predict

        (X, y), net = self.load(), nets()["mlp"]
        return lambda: era_cross_val_predict(net, X, y, cv=folds(), verbose=0)

    def walk_forward(self):
        from sknumerai.model_selection import WarmStartWalkForward

        X, y = self.load()
        walk = WarmStartWalkForward(nets()["mlp"], folds(), verbose=0)
        return lambda: walk.fit(X, y)

    def cross_val_score(self):
        from sklearn.model_selection import cross_val_score

        from sknumerai.metrics import numerai_corr_scorer

        (X, y), net = self.load(), nets()["mlp"]
        eras = X.index.get_level_values("era")
        return lambda: cross_val_score(
            net, X, y, groups=eras, cv=folds(), scoring=numerai_corr_scorer
        )

    def ours(self):
        net = nets()["mlp"]

        def job():
            X, y = self.load()
            net.fit(X, y).predict(X)

        return job

    def sklearn_mlp(self):
        from sklearn.neural_network import MLPRegressor

        net = MLPRegressor(hidden_layer_sizes=(32,), max_iter=1, random_state=0)
        return lambda: net.fit(*self.frame()).predict(self.X)

    def numerblox(self):
        try:
            from numerblox.meta import MetaEstimator
        except ImportError:
            raise SystemExit("numerblox not installed") from None
        from sklearn.neural_network import MLPRegressor

        net = MetaEstimator(
            MLPRegressor(hidden_layer_sizes=(32,), max_iter=1, random_state=0)
        )
        return lambda: net.fit(*self.frame()).predict(self.X)

    def frame(self):
        """The file as a user of pandas has it."""
        import pandas as pd

        table = pd.read_parquet(self.path)
        self.X = table.filter(regex="^feature")
        return self.X, table["target_ender_60"]


OURS = {
    "load_numerai, converting": "load_numerai",
    "MLPRegressor.fit": "fit_mlp",
    "MLPRegressor.predict": "predict_mlp",
    "SupervisedAutoencoderRegressor.fit": "fit_sae",
    "SupervisedAutoencoderRegressor.predict": "predict_sae",
    "ContextAwareRanker.fit": "fit_ranker",
    "ContextAwareRanker.predict": "predict_ranker",
    "predict_numerai(MLPRegressor), from the file": "predict_numerai_mlp",
    "predict_numerai(ContextAwareRanker), from the file": "predict_numerai_ranker",
    "neutralize, all rows by all features": "neutralize",
    "FeatureNeutralizer.fit_transform, by 780 features": "feature_neutralizer",
    "NeutralizedRegressor(MLPRegressor).fit, .predict, by 780": "neutralized_regressor",
    "era_cross_val_predict, 3 folds": "era_cross_val_predict",
    "WarmStartWalkForward.fit, 3 folds": "walk_forward",
    "scikit-learn's cross_val_score, 3 folds": "cross_val_score",
}
PEERS = {
    "sknumerai: load_numerai, MLPRegressor": "ours",
    "pandas.read_parquet, scikit-learn's MLPRegressor": "sklearn_mlp",
    "the same in numerblox's MetaEstimator": "numerblox",
}


def file_name(rows, features):
    """Name of the file of a size."""
    return f"memory_{rows}_{features}.parquet"


def n_eras(rows):
    """Eras of a size: as long as Numerai's, but enough for three folds."""
    return max(60, rows // ROWS_OF_AN_ERA)


def child(args):
    """Run one job in this process and print what it took."""
    import pandas as pd  # noqa: F401
    import sklearn.utils  # noqa: F401

    job = getattr(Jobs(args), args.child)()
    start = time.perf_counter()
    with Peak() as watch:
        job()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "above": watch.above, "peak": watch.peak}))


def measure(job, rows, features, folder):
    """Run one job in a fresh process; a sentence where it does not end well."""
    command = [sys.executable, __file__, "--child", job, "--folder", str(folder)]
    command += ["--rows", str(rows), "--features", str(features)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        killed = f"killed by signal {-done.returncode}"
        return killed if done.returncode < 0 else lines[-1]
    return json.loads(done.stdout.splitlines()[-1])


def prepare(rows, features, folder):
    """Write the file of a size, where it is not there."""
    from bench_loading import write

    path = folder / file_name(rows, features)
    if not path.exists():
        write(path, rows, features, ROW_GROUP, n_eras(rows))
    return path


def table(jobs, rows, features, folder):
    """Print a line for each job."""
    path = prepare(rows, features, folder)
    size = rows * features / 1e9
    print(
        f"\n{rows:,} rows x {features:,} features in {n_eras(rows)} eras: "
        f"{size:.2f} GB as int8, {path.stat().st_size / 1e9:.2f} GB as parquet\n"
    )
    print("| job | peak above that before, GB | bytes for each of the data | seconds |")
    print("|---|---|---|---|", flush=True)
    over = []
    for name, job in jobs.items():
        r = measure(job, rows, features, folder)
        if isinstance(r, str):
            print(f"| {name} | {r} | | |", flush=True)
            continue
        gb = r["above"] / 1e9
        print(
            f"| {name} | {gb:.2f} | {gb / size:.2f} | {r['seconds']:.0f} |", flush=True
        )
        if gb > LIMIT_GB:
            over.append(name)
    return over


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=FULL[1])
    parser.add_argument(
        "--full", action="store_true", help=f"{FULL[0]:,} x {FULL[1]:,}"
    )
    parser.add_argument("--folder", help="where files go, and stay")
    parser.add_argument("--jobs", nargs="+", help="only these, by the names of Jobs")
    parser.add_argument("--peer-rows", type=int, default=200_000)
    parser.add_argument("--peer-features", type=int, default=780)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    if args.full:
        args.rows, args.features = FULL
    wanted = args.jobs or [*OURS.values(), *PEERS.values()]
    ours, peers = (
        {name: job for name, job in jobs.items() if job in wanted}
        for jobs in (OURS, PEERS)
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if ours:
            over = table(ours, args.rows, args.features, folder)
            print(f"\nAbove {LIMIT_GB:g} GB: {', '.join(over) or 'none'}.")
        if peers:
            print("\nFrom the file to predictions, loading included:")
            table(peers, args.peer_rows, args.peer_features, folder)
            print(f"\nAt {FULL[0]:,} x {FULL[1]:,}: bytes for each x 9.76 GB.")


if __name__ == "__main__":
    main()
