"""An exported network on a live era of full size: time, memory and size of the file.

Live features of 7,142 rows x 3,555 int8 columns, as a parquet file, go through exported
networks in a process of its own, as `preflight` runs them: one processor, one thread,
sknumerai hidden. Load and prediction are seconds once the libraries are imported; the
imports (pandas, scikit-learn, torch), mostly the file system's time, are a column of
their own. Memory is the peak resident memory of the whole process, with the libraries
and the live data. Each is the median of some runs. Size is compared with the bytes of
the network's parameters and buffers.

The networks are fitted for one epoch to little: what is measured does not depend on it.

    python benchmarks/bench_export.py [--runs 5] [--rows 7142] [--features 3555]
        [--environment PATH] [--quick]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor
from sknumerai.submission import export_model, preflight

SECONDS, BYTES = 5.0, 1e9  # asked of the supervised autoencoder


def make_rows(n_rows, n_features, seed):
    """Random codes with eras and ids, and targets."""
    rng = np.random.default_rng(seed)
    names = [f"feature_{i:05d}_of_some_length" for i in range(n_features)]
    X = pd.DataFrame(rng.integers(0, 5, (n_rows, n_features), np.int8), columns=names)
    ids = [f"n{i:015d}" for i in range(n_rows)]
    X.index = pd.MultiIndex.from_product([["0001"], ids], names=["era", "id"])
    y = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], n_rows)
    return X, pd.Series(y, index=X.index, name="target_x_20")


def models():
    """The networks, unfitted."""
    few = {"max_epochs": 1, "random_state": 0}
    sae = SupervisedAutoencoderRegressor(**few)
    mlp = MLPRegressor((512, 256), **few)
    vote = VotingRegressor([("sae", sae), ("mlp", mlp), ("ridge", Ridge())])
    return {
        "SupervisedAutoencoderRegressor": (sae, None),
        "the same, neutralized by half": (sae, {"proportion": 0.5}),
        "MLPRegressor": (mlp, None),
        "Pipeline(StandardScaler, Voting)": (
            make_pipeline(StandardScaler(), vote).set_output(transform="pandas"),
            None,
        ),
    }


def n_bytes(model):
    """Bytes of the parameters and buffers of all networks in a fitted model."""
    if hasattr(model, "module_"):
        state = model.module_.state_dict().values()
        return sum(value.numel() * value.element_size() for value in state)
    parts = [part for _, part in getattr(model, "steps", ())]
    return sum(n_bytes(part) for part in [*parts, *getattr(model, "estimators_", ())])


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=7142)
    parser.add_argument("--features", type=int, default=3555)
    parser.add_argument("--environment", default=sys.executable)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.rows, args.features = 1, 300, 50
    X, y = make_rows(1000, args.features, 0)
    table = []
    with tempfile.TemporaryDirectory() as folder:
        live, _ = make_rows(args.rows, args.features, 1)
        live = live.droplevel("era")
        live.insert(0, "era", "X")
        live.to_parquet(Path(folder) / "live.parquet")
        for name, (model, neutralize) in models().items():
            # a vote keeps the estimators that it was given, fitted ones with weights
            model = clone(model).fit(X, y)
            path = Path(folder) / "predict.pkl"
            export_model(model, path, neutralize=neutralize, verify=False)
            reports = [
                preflight(path, live, environment=args.environment)
                for _ in range(args.runs)
            ]
            figures = pd.concat(
                [report.to_frame()["fact"] for report in reports], axis=1
            )
            row = figures.loc[["import_seconds", "load_seconds", "predict_seconds"]]
            row = row.astype(float).median(axis=1)
            peak = float(figures.loc["peak_memory"].astype(float).median())
            weights = n_bytes(model)
            table.append(
                {
                    "model": name,
                    **row.round(2),
                    "peak MB": round(peak / 1e6),
                    "file MB": round(path.stat().st_size / 1e6, 2),
                    "weights MB": round(weights / 1e6, 2),
                    "rest kB": round((path.stat().st_size - weights) / 1e3),
                }
            )
    table = pd.DataFrame(table)
    print(f"{args.rows} rows x {args.features} features, medians of {args.runs} runs")
    print(table.to_string(index=False))
    first = table.iloc[0]
    seconds = first["load_seconds"] + first["predict_seconds"]
    print(
        f"\nSupervised autoencoder: load and predict {seconds:.2f} s (asked: at most "
        f"{SECONDS:.0f}), {first['peak MB']} MB (asked: at most {BYTES / 1e6:.0f})"
    )


if __name__ == "__main__":
    main()
