"""Scores of the networks beside a linear model and boosted trees, at the real size.

A synthetic tournament with the real number of rows and the real signal, every 4th era:
training on eras 1 to 300, scoring on eras 312 to 436 against `target_ender_20`. One
line per model: the mean over tournaments (seeds) with a 95 % interval, and the same for
the difference from ridge, era by era. Takes some minutes per seed and network.

    python benchmarks/bench_networks.py [--seeds 3] [--models ridge mlp ...]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time

import numpy as np
import pandas as pd
import torch
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.metrics import numerai_corr_score
from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor

N_FEATURES = 42
LAST_TRAIN, FIRST_TEST, N_ERAS = 300, 312, 110


def models(seed):
    """Return the models by name."""
    return {
        "ridge": Ridge(),
        "lightgbm": LGBMRegressor(
            n_estimators=400,
            learning_rate=0.02,
            max_depth=5,
            num_leaves=31,
            colsample_bytree=0.1,
            n_jobs=1,
            random_state=seed,
            verbose=-1,
        ),
        "mlp": MLPRegressor(random_state=seed),
        "sae": SupervisedAutoencoderRegressor(
            (32, 32, 128, 64), dropouts=0.2, random_state=seed
        ),
    }


def interval(values):
    """Return mean and half-width of a 95 % interval over seeds, Student's t."""
    from scipy.stats import t

    values = np.asarray(values)
    if len(values) < 2:
        return f"{values.mean():.4f}"
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.4f} +- {half:.4f}"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(models(0)))
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = ["stable oracle", *args.models]
    corr = {name: [] for name in names}
    gain = {name: [] for name in names}
    seconds = {name: 0.0 for name in names}
    for seed in range(args.seeds):
        bunch = make_numerai(
            N_ERAS,
            n_samples_per_era="real",
            n_features=N_FEATURES,
            signal=1.0,
            every=4,
            random_state=10 + seed,
        )
        X, y = bunch.data, bunch.target
        number = X.index.get_level_values("era").astype(int).to_numpy()
        train, test = number <= LAST_TRAIN, number >= FIRST_TEST
        base = None
        for name in names:
            start = time.perf_counter()
            if name == "stable oracle":
                prediction = bunch.stable_oracle[test]
            else:
                dtype = np.float32 if name == "ridge" else np.int8
                model = models(seed)[name].fit(X[train].astype(dtype), y[train])
                prediction = model.predict(X[test].astype(dtype))
            scores = numerai_corr_score(y[test], prediction, aggregate=None)
            base = scores if name == "ridge" else base
            corr[name].append(scores.mean())
            gain[name].append((scores - base).mean() if base is not None else np.nan)
            seconds[name] += time.perf_counter() - start
    table = pd.DataFrame(
        {
            "CORR": {name: interval(corr[name]) for name in names},
            "less ridge": {name: interval(gain[name]) for name in names},
            "s per fit": {n: round(seconds[n] / args.seeds, 1) for n in names},
        }
    )
    print(
        f"{train.sum()} training rows x {N_FEATURES} features, {args.seeds} seeds, "
        f"1 thread; torch {torch.__version__}"
    )
    print(table.to_string())


if __name__ == "__main__":
    main()
