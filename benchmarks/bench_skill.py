"""Skill: every network beside ridge and boosted trees on a tournament with known truth.

Two settings of the synthetic tournament, each with its own tournaments (seeds), three
expanding folds with an embargo, and scores era by era:

* ``real``: the real size of the signal. Judged by CORR and its share of the CORR of
  the oracles, who know the truth; by FNC where the output is neutral.
* ``context``: half of the signal changes its sign with what the whole era shows, so
  that a model that sees one row at a time can hardly learn it.

A model "beats" another where the lower bound of the difference per era, an interval
of :func:`sknumerai.metrics.compare_scores`, is above 0, is "not worse" where it is
above -0.002, else "worse" (which says that it may be). Read more in
docs/user_guide/skill.md, with what was tried to get there.

Every fit is one file in the folder of ``--out``: the same call goes on after an
interruption, and another set of models adds to what is there.

    python benchmarks/bench_skill.py --out skill [--size small] [--seeds 0 1 2 3 4]
        [--folds 0 1 2] [--models ridge lightgbm mlp] [--settings real context]
        [--ablation] [--jobs 2] [--report]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from skill_models import RANKER, SAE, models, network

from sknumerai.datasets import make_numerai
from sknumerai.metrics import compare_scores, fnc_score, numerai_corr_score
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.neural_network import (
    ContextAwareRanker,
    MLPRegressor,
    SupervisedAutoencoderRegressor,
)

# FROZEN before the first run on 2026-11-21. Whoever changes a number here logs the
# figures before and after in docs/user_guide/skill.md. Every 4th era: targets of 20
# days do not overlap. signal=1 is the real one.
SIZES = {
    "small": {
        "n_eras": 200,
        "every": 4,
        "n_samples_per_era": 1500,
        "n_features": 42,
        "signal": 1.0,
        "targets": ["target_ender_20", "target_jasper_20", "target_teager2b_20"],
    },
}
SPLIT = {"n_splits": 3, "test_size": 50, "embargo": 8}
# Tournament of a seed: those of tuning began at 100.
FIRST_TOURNAMENT = 10
# Setting "context": codes of these features are noisy copies of others, or their
# mirror images, as a state of the era says; so does the sign of a part of the signal.
CONTEXT = {
    "n_pairs": 6,
    "correlation": 0.6,
    "linear_sd": 0.05,
    "context_sd": 0.1,
    "n_signal_features": 8,
}
# Eras (of the data, 4 weeks apart) in a block: premia go on for some.
BLOCK_ERAS = 4
NOT_WORSE = -0.002
ENOUGH_ERAS = 150

# Means of ranks within the era, by weight: trees count as much as all networks together
BLENDS = {
    "blend of networks": {"mlp": 1, "tabm": 1, "gtruda": 1, "ranker on levels": 1},
    "networks and lightgbm": {
        "mlp": 1,
        "tabm": 1,
        "gtruda": 1,
        "ranker on levels": 1,
        "lightgbm": 4,
    },
}
ABLATIONS = {
    "sae": models()["sae"],
    "sae without autoencoder": network(
        SupervisedAutoencoderRegressor, 4, levels=True, loss_weights=(0, 0, 1), **SAE
    ),
    "conv selu": models()["conv selu"],
    "dense for conv selu": network(
        MLPRegressor,
        3,
        levels=True,
        hidden_features=(64,),
        activation="selu",
        loss="corr",
        lr=1e-3,
    ),
    "ranker": models()["ranker"],
    "ranker in mixed eras": network(ContextAwareRanker, 12, mixed=True, **RANKER),
    "mlp": models()["mlp"],
    "mlp, random start": network(MLPRegressor, 4, output_gain=1.0, lr=1e-3),
    "mlp, quiet start": network(MLPRegressor, 4, lr=1e-3),
    "mlp, levels": network(MLPRegressor, 4, n_levels=5, dropout=0.3, lr=1e-3),
}
# Models whose output is neutral to the features: judged by FNC
NEUTRAL = {"neutralized mlp"}
# The context has one target
IN_CONTEXT = [n for n in models() if n not in {*NEUTRAL, "sae multi"}]
# Further differences to tell
PAIRS = [
    ("sae multi", "sae"),
    ("sae", "sae without autoencoder"),
    ("conv selu", "dense for conv selu"),
    ("ranker", "ranker in mixed eras"),
    ("mlp", "ridge on levels"),
    ("tabm", "ridge on levels"),
    ("ranker on levels", "ridge on levels"),
    ("conv selu", "ridge on levels"),
    ("denoised mlp", "ridge on levels"),
    ("gtruda", "ridge on levels"),
    ("blend of networks", "tabm"),
    ("blend of networks", "ridge on levels"),
    ("networks and lightgbm", "ridge on levels"),
]


def tournament(size, setting, seed):
    """Make a tournament: features, targets, and the oracles' predictions."""
    given = SIZES[size]
    bunch = make_numerai(random_state=FIRST_TOURNAMENT + seed, **given)
    if setting == "context":
        rng = np.random.default_rng([FIRST_TOURNAMENT + seed, 7])
        return _with_context(bunch, given, rng)
    oracles = pd.DataFrame(
        {"stable oracle": bunch.stable_oracle, "full oracle": bunch.oracle}
    )
    return bunch.data, bunch.target, oracles


def _with_context(bunch, given, rng):
    """Put a state of the era into the features, and a signal that it turns around."""
    n_eras, n = given["n_eras"], given["n_samples_per_era"]
    X = bunch.data.to_numpy().reshape(n_eras, n, -1).copy()
    order = rng.permutation(X.shape[2])
    k = CONTEXT["n_pairs"]
    # a state of each era, half of them +1: no row shows it, all rows together do
    state = rng.permuted(np.resize([-1.0, 1.0], n_eras))
    base, copies = order[:k], order[k : 2 * k]
    rho = CONTEXT["correlation"]
    for e in range(n_eras):
        z = rho * state[e] * (X[e][:, base] - 2) / np.sqrt(2)
        z += np.sqrt(1 - rho**2) * rng.standard_normal(z.shape)
        ranks = z.argsort(axis=0).argsort(axis=0)
        X[e][:, copies] = ranks * 5 // n
    m = CONTEXT["n_signal_features"]
    x = (X.astype(np.float64) - 2) / np.sqrt(2)

    def direction(columns):
        w = np.zeros(X.shape[2])
        w[columns] = rng.standard_normal(len(columns)) / np.sqrt(len(columns))
        part = x @ w
        return part / part.std()

    free = order[2 * k :]
    linear = CONTEXT["linear_sd"] * direction(free[:m])
    turning = CONTEXT["context_sd"] * direction(free[m : 2 * m])
    signal = linear + turning * state[:, None]
    latent = signal + rng.standard_normal(signal.shape)
    ranks = latent.argsort(axis=1).argsort(axis=1) / n
    y = np.searchsorted([0.05, 0.25, 0.75, 0.95], ranks, side="right") / 4
    index, columns = bunch.data.index, bunch.data.columns
    data = pd.DataFrame(X.reshape(n_eras * n, -1), index=index, columns=columns)
    target = pd.DataFrame(
        {"target_ender_20": y.reshape(-1).astype(np.float32)}, index=index
    )
    oracles = pd.DataFrame(
        {"row-wise oracle": linear.reshape(-1), "full oracle": signal.reshape(-1)},
        index=index,
    )
    return data, target, oracles


def run_fold(out, size, setting, seed, fold, names):
    """Fit and score what is not yet there of one fold of one tournament."""
    torch.set_num_threads(1)
    todo = [n for n in names if not _path(out, size, setting, seed, fold, n).exists()]
    if not todo:
        return
    data, target, oracles = tournament(size, setting, seed)
    cv = GroupTimeSeriesSplit(**SPLIT)
    train, test = list(cv.split(data, target))[fold]
    known = models() | ABLATIONS
    unknown = [n for n in todo if n not in {*known, *BLENDS, *oracles}]
    if unknown:
        raise ValueError(
            f"{setting}: no model is called {unknown}; {[*known, *BLENDS]}"
        )
    for name in todo:
        start = time.perf_counter(), time.process_time()
        if name in BLENDS:
            prediction = _blend(
                [
                    np.load(
                        _path(out, size, setting, seed, fold, n).with_suffix(".npy")
                    )
                    for n in BLENDS[name]
                ],
                list(BLENDS[name].values()),
                data.index[test],
            )
        elif name in oracles:
            prediction = oracles[name].to_numpy()[test]
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                prediction = known[name].fit_predict(seed, data, target, train, test)
        prediction = np.asarray(prediction, dtype=np.float32)
        seconds = time.perf_counter() - start[0], time.process_time() - start[1]
        y = target.iloc[test, 0]
        corr = numerai_corr_score(y, prediction, aggregate=None)
        fnc = fnc_score(y, prediction, data.iloc[test], aggregate=None)
        path = _path(out, size, setting, seed, fold, name)
        np.save(path.with_suffix(".npy"), prediction)
        record = {
            "setting": setting,
            "seed": seed,
            "fold": fold,
            "model": name,
            "n_train": len(train),
            "wall": seconds[0],
            "cpu": seconds[1],
            "eras": [int(e) for e in corr.index],
            "corr": corr.tolist(),
            "fnc": fnc.tolist(),
        }
        # whole or not at all
        part = path.with_suffix(".part")
        part.write_text(json.dumps(record))
        os.replace(part, path)
        print(
            f"{setting:8s} seed {seed} fold {fold} {name:24s} CORR {corr.mean():.4f} "
            f"FNC {fnc.mean():.4f}  {seconds[0]:.0f} s",
            flush=True,
        )


def _path(out, size, setting, seed, fold, name):
    return Path(out) / f"{size}-{setting}-{seed}-{fold}-{name.replace(' ', '_')}.json"


def _blend(predictions, weights, index):
    """Mean of the ranks within an era."""
    frame = pd.DataFrame(np.stack(predictions, axis=1), index=index)
    return (frame.groupby(level="era").rank() @ np.array(weights)).to_numpy()


def read(out, size):
    """Return the scores of all that is there, one row per setting, seed and era."""
    rows = []
    for path in sorted(Path(out).glob(f"{size}-*.json")):
        record = json.loads(path.read_text())
        for k, era in enumerate(record["eras"]):
            rows.append(
                [
                    *(record[c] for c in ("setting", "model", "seed", "fold")),
                    era,
                    record["corr"][k],
                    record["fnc"][k],
                    record["wall"] / len(record["eras"]),
                ]
            )
    columns = ["setting", "model", "seed", "fold", "era", "corr", "fnc", "wall"]
    return pd.DataFrame(rows, columns=columns)


def compare(scores, name, other):
    """Difference per era of two models with its interval, pooled over tournaments.

    Tournaments are drawn independently, so their eras are put one after the other and
    resampled in blocks: a block that spans two of them joins independent eras.
    """
    both = scores[[name, other]].dropna()
    if not len(both):
        return None
    result = compare_scores(
        both[name].to_numpy(),
        both[other].to_numpy(),
        block_size=BLOCK_ERAS,
        random_state=0,
    )
    per_seed = len(both) / both.index.get_level_values("seed").nunique()
    return result["difference"], result["low"], result["high"], per_seed


def verdict(found):
    """Say in words what an interval of a difference shows."""
    if found is None:
        return "-"
    difference, low, high, eras_of_a_seed = found
    if eras_of_a_seed < ENOUGH_ERAS:
        words = "underpowered"
    elif low > 0:
        words = "beats"
    elif low > NOT_WORSE:
        words = "not worse"
    else:
        words = "worse"
    return f"{difference:+.4f} [{low:+.4f}, {high:+.4f}] {words}"


def report(out, size):
    """Print the tables."""
    everything = read(out, size)
    for setting, part in everything.groupby("setting", sort=False):
        seconds = part.groupby(["model", "seed", "fold"])["wall"].sum()
        seconds = seconds.groupby("model").mean()
        table = {
            metric: part.pivot_table(
                index=["seed", "era"], columns="model", values=metric
            )
            for metric in ("corr", "fnc")
        }
        best = [n for n in ("stable oracle", "full oracle") if n in table["corr"]]
        best = best or ["full oracle"]
        rivals = ["ridge", "lightgbm"]
        if setting == "context":
            rivals = ["ranker"]
        rows = {}
        for name in [n for n in _order(setting) if n in table["corr"]]:
            metric = "fnc" if name in NEUTRAL else "corr"
            corr = table["corr"][name].dropna()
            row = {
                "CORR": f"{corr.mean():.4f}",
                "FNC": f"{table['fnc'][name].mean():.4f}",
                "eras": len(corr),
            }
            for oracle in best:
                if oracle in table["corr"]:
                    reached = table["corr"].loc[corr.index, oracle].mean()
                    row[f"of {oracle}"] = f"{corr.mean() / reached:.0%}"
            for rival in rivals:
                if rival in table[metric] and rival != name:
                    if setting == "context":
                        found = compare(table[metric], rival, name)
                        row[f"{rival} less it"] = verdict(found)
                    else:
                        found = compare(table[metric], name, rival)
                        row[f"to {rival}"] = verdict(found)
            row["s per fit"] = f"{seconds[name]:.0f}"
            rows[name] = row
        print(f"\n## {setting}: {part['seed'].nunique()} tournaments\n")
        print(pd.DataFrame.from_dict(rows, orient="index").fillna("").to_string())
        for name, other in PAIRS:
            if name in table["corr"] and other in table["corr"]:
                print(
                    f"{name} to {other}: {verdict(compare(table['corr'], name, other))}"
                )


def _order(setting):
    oracles = ["stable oracle", "row-wise oracle", "full oracle"]
    return list(dict.fromkeys([*oracles, *models(), *BLENDS, *ABLATIONS]))


def main():
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--settings", nargs="+", default=["real", "context"])
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    Path(args.out).mkdir(parents=True, exist_ok=True)
    if not args.report:
        tasks = []
        for setting in args.settings:
            if args.models:
                names = list(args.models)
            elif args.ablation:
                names = list(ABLATIONS)
            elif setting == "real":
                names = ["stable oracle", "full oracle", *models(), *BLENDS]
            else:
                names = ["row-wise oracle", "full oracle", *IN_CONTEXT]
            tasks += [
                (args.out, args.size, setting, seed, fold, names)
                # long folds first, so that two processes end together
                for fold in sorted(args.folds, reverse=True)
                for seed in args.seeds
            ]
        Parallel(n_jobs=args.jobs)(delayed(run_fold)(*task) for task in tasks)
    report(args.out, args.size)


if __name__ == "__main__":
    main()
