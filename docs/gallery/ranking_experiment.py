"""
Ten small rankers that learn on the fly
=======================================

The experiment of Alban Sarfati's "Numerai Tournament" (2024), whole: two targets on all
features and one target on each of eight groups of features, a Bayesian search for each,
every trial a walk forward in which a fold goes on from the best weights of the one before,
and an equal-weight ensemble of the best combination, beside Numerai's own LightGBM model.

The paper chose parameters and combination on the test eras that it reports. Here they are
chosen on the validation eras of the first two thirds of the folds, and the first table is
of the test eras after these (and an embargo), which nothing was chosen on. The second
table is of all test eras, as the paper's is: its earlier folds are tested on what later
folds are validated on, so it is too good. ``--select-on test`` chooses as the paper did.

.. code-block:: sh

    python docs/gallery/ranking_experiment.py --out experiment            # synthetic data, minutes
    python docs/gallery/ranking_experiment.py --out experiment --forecast --size full --data v5.3
    python docs/gallery/ranking_experiment.py --out experiment --size full --data v5.3

Everything that is finished lies in ``--out``: run the same line again after a crash. More
``--trials`` go on where the folder ends; another experiment needs another folder.
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from sknumerai.datasets import (
    load_benchmark_models,
    load_feature_sets,
    load_meta_model,
    load_numerai,
    make_numerai,
)
from sknumerai.ensemble import select_ensemble
from sknumerai.metrics import (
    bmc_score,
    learn_payout_score,
    make_era_scorer,
    mmc_score,
    numerai_corr_score,
)
from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import ContextAwareRanker
from sknumerai.utils import check_eras, era_normalized_ranks

GROUPS = (
    "intelligence",
    "wisdom",
    "charisma",
    "dexterity",
    "strength",
    "constitution",
    "agility",
    "serenity",
)
SIZES = {
    # the paper's folds on eras 728 to 1092, its 30 trials and ten models
    "full": {
        "trials": 30,
        "epochs": 20,
        "first_era": 728,
        "cv": GroupTimeSeriesSplit(
            15,
            test_size=13,
            valid_size=13,
            embargo=4,
            first_test_era=905,
            first_train_size=156,
            max_train_size=13,
        ),
    },
    "demo": {
        "trials": 4,
        "epochs": 6,
        "first_era": 1,
        "cv": GroupTimeSeriesSplit(
            4,
            test_size=6,
            valid_size=6,
            embargo=4,
            first_train_size=40,
            max_train_size=6,
        ),
    },
}


def models_of(size, targets, groups):
    """Name, target and features of each model."""
    first, second = targets
    models = {
        f"{short(first)} all": (first, None, "sarfati"),
        f"{short(second)} all": (second, None, "sarfati"),
    }
    for group in groups if size == "full" else groups[:1]:
        models[group] = (first, group, "sarfati_group")
    return models


def short(target):
    """Name of a target as the paper has it: cyrus20 for target_cyrusd_20."""
    return target.removeprefix("target_").replace("_", "")


def space(trial, preset):
    """Ranges of the paper; the penalty of a model of one group is a tenth."""
    scale = 1.0 if preset == "sarfati" else 0.1
    return {
        "n_blocks": trial.suggest_int("n_blocks", 1, 2),
        "dropout": trial.suggest_float("dropout", 0.1, 0.3),
        "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        "l1": trial.suggest_float("l1", 1e-3 * scale, 1e-2 * scale, log=True),
    }


def load(args):
    """Features, targets, benchmark and meta model, rows in the order of eras."""
    targets = args.targets
    if args.data is None:
        data = make_numerai(
            110,
            n_samples_per_era=args.rows,
            n_features=60,
            targets=targets,
            signal=4.0,
            random_state=args.seed,
        )
        groups = [name for name in GROUPS if data.feature_sets[name]]
        sets = {name: list(data.feature_sets[name]) for name in groups}
        column = args.benchmark or "v53_lgbm_ender20"
        return data.data, data.target, data.benchmark[column], data.meta_model, sets
    wanted = {"feature_set": "medium", "targets": targets}
    X, y, benchmarks = [], [], []
    for split in ("train", "validation"):
        part = load_numerai(args.data, split, **wanted)
        rows = part.eras.astype(int).to_numpy() >= SIZES[args.size]["first_era"]
        rows &= part.target.notna().all(axis=1).to_numpy()
        if rows.any():
            X.append(part.data[rows])
            y.append(part.target[rows])
            benchmarks.append(
                load_benchmark_models(args.data, split, index=X[-1].index)
            )
    X, y, benchmarks = pd.concat(X), pd.concat(y), pd.concat(benchmarks)
    column = args.benchmark or f"v53_lgbm_{short(targets[0])}"
    if column not in benchmarks:
        raise SystemExit(
            f"--benchmark: there is no {column!r}, only {list(benchmarks)}. Name one."
        )
    meta_model = load_meta_model(args.data, index=X.index)
    sets = load_feature_sets(args.data)
    sets = {name: [f for f in sets[name] if f in X.columns] for name in GROUPS}
    return X, y, benchmarks[column], meta_model, sets


def k_fold_score(scores):
    """Equation 19: mean over standard deviation (population) of the folds."""
    scores = np.asarray(scores, dtype=float)
    return float(scores.mean() / scores.std()) if scores.std() > 0 else float("nan")


def run_trial(folder, X, y, benchmark, preset, params, args):
    """Walk forward once; folds that are finished are taken from the folder."""
    settings = SIZES[args.size]
    ranker = ContextAwareRanker.from_preset(
        preset,
        max_epochs=settings["epochs"],
        monitor="lpayout",
        patience=5,
        random_state=42,
        **params,
    )
    walk = WarmStartWalkForward(
        ranker,
        settings["cv"],
        scoring={
            "lpayout": make_era_scorer(learn_payout_score, benchmark=benchmark),
            "corr": make_era_scorer(numerai_corr_score),
        },
        checkpoint_dir=folder,
        keep_estimators=False,
    )
    return walk.fit(X, y, benchmark=benchmark)


def search(place, name, model, data, args, report):
    """Search one model's parameters; gives the walk of the best trial."""
    target, group, preset = model
    X, y, benchmark, _, sets = data
    X = X if group is None else X[sets[group]]
    folder = Path(args.out) / name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    table, found = folder / "trials.json", []
    if table.exists():
        found = json.loads(table.read_text())
    n_found = len(found)
    study = optuna.create_study(direction="maximize")
    for number in range(args.trials):
        # a sampler for each trial, so that a search that goes on draws what it would have
        seed = np.random.SeedSequence([args.seed, place, number]).generate_state(1)[0]
        study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        trial = study.ask()
        params = space(trial, preset)
        if number == len(found):
            begun = time.monotonic()
            part = folder / f"trial_{number:02d}"
            walk = run_trial(part, X, y[target], benchmark, preset, params, args)
            scores = walk.fold_table_[f"{args.select_on}_lpayout"]
            row = {"params": params, "folds": scores.tolist()}
            row["seconds"] = time.monotonic() - begun
            found.append(row)
            _write(table, json.dumps(found, indent=1))
        report(found[number]["seconds"], is_new=number >= n_found)
        value = k_fold_score(found[number]["folds"][: args.choose_folds])
        study.tell(trial, value if np.isfinite(value) else -1e9)
    best = study.best_trial.number
    walk = run_trial(
        folder / f"trial_{best:02d}",
        X,
        y[target],
        benchmark,
        preset,
        found[best]["params"],
        args,
    )
    print(
        f"{name}: trial {best}, k-fold score {study.best_value:.2f}, {found[best]['params']}"
    )
    return walk


def choose(walks, truth, benchmark, cv, args):
    """The best combination of models, and the last era that it was chosen on."""
    part = args.select_on
    fold_table = next(iter(walks.values())).fold_table_
    last = int(fold_table[f"{part}_last"].iloc[args.choose_folds - 1])
    if part == "valid":
        found = {n: walk.valid_predictions_.droplevel(0) for n, walk in walks.items()}
    else:
        found = {name: walk.predictions_ for name, walk in walks.items()}
    found = pd.DataFrame(found).dropna()
    found = found[found.index.get_level_values("era").astype(int) <= last]
    size = cv.valid_size if part == "valid" else cv.test_size
    selection = select_ensemble(
        found,
        truth.reindex(found.index),
        method="exhaustive",
        metric=partial(
            learn_payout_score, benchmark=benchmark.reindex(found.index).to_numpy()
        ),
        aggregate=lambda scores: k_fold_score(
            [np.mean(scores[i : i + size]) for i in range(0, len(scores), size)]
        ),
        ranks="uniform",
    )
    return selection, last


def score(tested, chosen, truth, benchmark, meta_model):
    """The table: each model, the ensemble of the chosen ones and the benchmark."""
    truth = truth.reindex(tested.index)
    others = benchmark.reindex(tested.index), meta_model.reindex(tested.index)
    ranks = era_normalized_ranks(tested.to_numpy(), check_eras(None, tested))
    ranks = pd.DataFrame(ranks, tested.index, tested.columns)
    rows = {name: line(truth, tested[name], *others) for name in tested}
    rows["Ensemble"] = line(truth, ranks[chosen].mean(axis=1), *others)
    rows["LightGBM (benchmark)"] = line(truth, others[0], *others)
    return pd.DataFrame(rows).T


def line(y, y_pred, benchmark, meta_model):
    """A line of the table: means over eras, and the Sharpe ratio of lpayout."""
    given = {"y_true": y, "y_pred": y_pred}
    payout = learn_payout_score(**given, benchmark=benchmark, aggregate=None)
    return {
        "CORR": numerai_corr_score(**given),
        "MMC": mmc_score(**given, meta_model=meta_model, min_coverage=0.0),
        "BMC": bmc_score(**given, benchmark=benchmark),
        "lpayout": payout.mean(),
        "lpayout Sharpe": payout.mean() / payout.std(ddof=0),
    }


def _same_experiment(args):
    """Refuse a folder whose trials are of other data, ranges or scores."""
    decides = (
        "size", "data", "rows", "targets", "benchmark", "seed", "select_on",
        "choose_folds",
    )  # fmt: skip
    mine = {name: getattr(args, name) for name in decides}
    path = Path(args.out) / "experiment.json"
    if path.exists():
        theirs = json.loads(path.read_text())
        other = [f"--{n.replace('_', '-')} {theirs.get(n)}" for n in decides
                 if theirs.get(n) != mine[n]]  # fmt: skip
        if other:
            raise SystemExit(
                f"--out {args.out} holds another experiment: of {', '.join(other)}. "
                "Repeat it as it was, or name another folder."
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, json.dumps(mine, indent=1))


def _write(path, text):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def _arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--out", required=True, help="folder for what is finished")
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--data", help="folder of official or written files")
    parser.add_argument("--trials", type=int, help="trials of each model")
    parser.add_argument("--rows", type=int, default=500, help="rows of a synthetic era")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--targets", nargs=2, default=["target_cyrusd_20", "target_teager2b_20"]
    )
    parser.add_argument("--benchmark", help="column of the benchmark models")
    parser.add_argument("--select-on", choices=["valid", "test"], default="valid")
    parser.add_argument(
        "--choose-folds", type=int, help="folds to choose on, by default two thirds"
    )
    parser.add_argument(
        "--forecast", action="store_true", help="run one trial and tell the hours"
    )
    args = parser.parse_args(argv)
    if args.size == "full" and args.data is None:
        parser.error("--size full needs --data, a folder of Numerai's files")
    n_folds = SIZES[args.size]["cv"].n_splits
    args.choose_folds = args.choose_folds or -(-2 * n_folds // 3)
    if args.select_on == "test":
        args.choose_folds = n_folds
    args.trials = args.trials or SIZES[args.size]["trials"]
    return args


def main(argv=None):
    args = _arguments(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = X, y, benchmark, meta_model, sets = load(args)
    _same_experiment(args)
    models = models_of(args.size, args.targets, list(sets))
    cv = SIZES[args.size]["cv"]
    print(cv.describe(X, y).filter(regex="first|last").to_string(), "\n")
    if args.forecast:
        args.trials = 1
        models = dict(list(models.items())[:1])
    done, total = [], len(models) * args.trials

    def report(seconds, is_new):
        done.append(seconds)
        left = np.mean(done) * (total - len(done))
        if is_new:
            print(f"  trial of {seconds:.0f} s; about {left / 3600:.2f} hours to go")

    walks = {
        name: search(place, name, model, data, args, report)
        for place, (name, model) in enumerate(models.items())
    }
    if args.forecast:
        all_models = models_of(args.size, args.targets, list(sets))
        hours = np.mean(done) * len(all_models) * SIZES[args.size]["trials"] / 3600
        print(f"\nForecast: about {hours:.1f} hours for {len(all_models)} models")
        return None
    truth = y[args.targets[0]]
    selection, last = choose(walks, truth, benchmark, cv, args)
    tested = pd.DataFrame({name: walk.predictions_ for name, walk in walks.items()})
    numbers = tested.index.get_level_values("era").astype(int)
    tables = {}
    for what, rows in (
        ("Test eras that nothing was chosen on", numbers > last + cv.embargo),
        ("All test eras", numbers > 0),
    ):
        part = tested[rows]
        table = score(part, selection.models, truth, benchmark, meta_model)
        n_eras = len(np.unique(numbers[rows]))
        eras = f"{numbers[rows].min()} to {numbers[rows].max()}, {n_eras} of them"
        print(f"\n{what} ({eras}); ensemble of {', '.join(selection.models)}")
        print(table.round(4).to_string())
        tables[what] = table
    _write(Path(args.out) / "table.csv", pd.concat(tables).to_csv())
    return tables


if __name__ == "__main__":
    main()
