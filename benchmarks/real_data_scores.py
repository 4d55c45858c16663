"""What `real_data.py` scores when fits are done: benchmark, blend, untouched eras."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from real_data_fits import (
    DETERMINISTIC,
    DEVELOPMENT,
    FINAL,
    LAST_DEVELOPMENT_ERA,
    digest,
    last_era,
    load,
    part_folder,
    run_final,
    score,
    side,
    write_text,
)
from real_data_tables import summarize
from tqdm.auto import tqdm

from sknumerai.datasets import load_benchmark_models
from sknumerai.utils import check_eras, era_normalized_ranks

# One of each kind: not the second form of a model, and not the one with another aim
BLEND = [
    "ridge",
    "lightgbm",
    "mlp",
    "sae",
    "ranker on levels",
    "conv selu",
    "denoised mlp",
    "gtruda",
    "tabm",
]
PACKAGES = ("sknumerai", "scikit-learn", "torch", "lightgbm", "numpy", "pandas")


def published(settings, data, what=DEVELOPMENT):
    """Score the benchmark, and the oracle where write_numerai wrote one."""
    benchmark, meta_model = side(settings, data)
    found = {"benchmark": benchmark}
    oracle = data.files[0].parent / "validation_oracle.parquet"
    if oracle.exists():
        found["stable oracle"] = load_benchmark_models(
            oracle, models=["stable_oracle"], index=data.data.index, verbose=0
        )["stable_oracle"]
    for name, prediction in found.items():
        scores = score(settings, data, prediction.to_numpy(), benchmark, meta_model)
        folder = Path(settings.out) / "published"
        folder.mkdir(exist_ok=True)
        write_text(folder / f"{name.replace(' ', '_')}-{what}.json", json.dumps(scores))


def blend_parts(settings, done, data, what):
    """Average the ranks of one seed of each model; gives the members."""
    members = [n for n in BLEND if any(n == name for name, _ in done)]
    if len(members) < 2:
        return []
    seeds = {n: sorted(seed for name, seed in done if name == n) for n in members}
    n_seeds = min([len(s) for n, s in seeds.items() if n not in DETERMINISTIC] or [1])
    eras = check_eras(None, data.data)
    sides = side(settings, data)
    scores = []
    for k in range(n_seeds):
        total = np.zeros(len(data.data))
        for name in members:
            seed = 0 if name in DETERMINISTIC else seeds[name][k]
            prediction = np.load(part_folder(settings, name, seed) / f"{what}.npy")
            total += era_normalized_ranks(prediction.astype(np.float64), eras)
        # sums that are equal but for rounding are ties
        scores.append(score(settings, data, total.round(9), *sides))
    folder = Path(settings.out) / "published"
    text = json.dumps({"members": members, "scores": scores})
    write_text(folder / f"blend-{what}.json", text)
    return members


def open_final(settings, done, train_era):
    """Score the untouched eras, after writing down that they are used."""
    path = Path(settings.out) / "final.json"
    uses = json.loads(path.read_text()) if path.exists() else []
    try:
        data = load(settings, FINAL, train_era)
    except ValueError as error:
        raise SystemExit(
            f"--final: no resolved eras after {LAST_DEVELOPMENT_ERA}: {error}"
        ) from None
    there = digest(data)
    if uses and uses[0]["rows"] != there:
        raise SystemExit(
            f"--final: the eras after {LAST_DEVELOPMENT_ERA} are not those that were used "
            f"on {uses[0]['date']} ({uses[0]['rows']}, now {there}): a newer download? "
            "Keep what is there, or name another --out."
        )
    new = [
        part
        for part in done
        if not (part_folder(settings, *part) / "final.json").exists()
    ]
    if new or not uses:
        # before anything is scored: a look that was interrupted is a look
        now = datetime.now(UTC).isoformat(timespec="seconds")
        models = [f"{name}-{seed}" for name, seed in new]
        uses.append({"date": now, "rows": there, "models": models})
        write_text(path, json.dumps(uses, indent=1))
    for name, seed in tqdm(new, desc=FINAL, unit="model", disable=not new):
        run_final(settings, name, seed, train_era)
    published(settings, data, FINAL)
    blend_parts(settings, done, data, FINAL)


def collect(settings, train, data, done, blend, failed):
    """Put the scores of all parts together, those of the final eras if they were used."""
    out = Path(settings.out)
    path = out / "final.json"
    uses = json.loads(path.read_text()) if path.exists() else []
    records = {}
    for name, seed in done:
        path = part_folder(settings, name, seed) / "record.json"
        records.setdefault(name, []).append(json.loads(path.read_text()))
    after = {}
    for name, rows in records.items():
        paths = [part_folder(settings, name, r["seed"]) / "final.json" for r in rows]
        if all(path.exists() for path in paths):
            after[name] = [json.loads(path.read_text()) for path in paths]
    scores = {}
    for what, parts in (
        (DEVELOPMENT, {n: [r["scores"] for r in rows] for n, rows in records.items()}),
        (FINAL, after),
    ):
        if not parts:
            continue
        shown = {}
        for name in ("stable oracle", "benchmark"):
            path = out / "published" / f"{name.replace(' ', '_')}-{what}.json"
            if path.exists():
                shown[name] = [json.loads(path.read_text())]
        shown |= parts
        path = out / "published" / f"blend-{what}.json"
        mixed = json.loads(path.read_text()) if blend and path.exists() else {}
        if mixed.get("members") == blend != []:
            shown["blend"] = mixed["scores"]
        scores[what] = summarize(shown, settings.horizon)
    late = {
        name
        for name, rows in records.items()
        if uses and any(r["fitted"] > uses[0]["date"] for r in rows)
    }
    if late & set(blend):
        late.add("blend")
    written = data.files[0].parent / ".write_numerai.json"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {
            key: value
            for key, value in vars(settings).items()
            if key not in ("out", "data_home", "cache_dir")
        },
        "policy": settings.policy.name,
        "data": {
            "synthetic": json.loads(written.read_text()) if written.exists() else None,
            "n_features": len(train.feature_names),
            "n_train": len(train.data),
            "last_train_era": last_era(train),
        },
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in PACKAGES},
        "models": {name: rows[0]["settings"] for name, rows in records.items()},
        "blend": blend,
        "failed": failed,
        "minutes": {
            name: float(
                np.mean([r["fit_seconds"] + r["predict_seconds"] for r in rows]) / 60
            )
            for name, rows in records.items()
        },
        "final_uses": uses,
        "fitted_after_final": sorted(late),
        "scores": scores,
    }
