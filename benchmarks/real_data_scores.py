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


def read_look(settings):
    """Return what is written down of the look at the last eras; None before it."""
    path = Path(settings.out) / "final.json"
    return json.loads(path.read_text()) if path.exists() else None


def check_look(settings, identity, there, todo):
    """Refuse to change what the last eras were used for: they are looked at once.

    What is fitted by somebody who knows the result is not blind to it, and another seed
    or model changes rows and the blend of the table that was shown.
    """
    look = read_look(settings)
    if look is None:
        return
    out = settings.out
    used = (
        f"--out {out}: the eras from {look['first_era']} on were used on {look['date']}"
    )
    mend = "The same --models and --seeds show its tables again; for others name another --out."
    other = [
        f"{key}: then {look['settings'].get(key)!r}, now {value!r}"
        for key, value in identity.items()
        if look["settings"].get(key) != value
    ]
    if other:
        raise SystemExit(f"{used}, with other settings. {'; '.join(other)}. {mend}")
    recorded, found = look["models"], {}
    for part in there:
        path = part_folder(settings, *part) / "record.json"
        found[_label(part)] = json.loads(path.read_text())["fitted"]
    lost = [label for label in recorded if label not in found]
    if lost:
        raise SystemExit(
            f"{used} for {', '.join(lost)} too, of which the folder is gone. A new fit "
            "would not be blind to them: put it back, or name another --out."
        )
    late = [label for label in recorded if found[label] > look["date"]]
    if late:
        raise SystemExit(
            f"{used}, and {', '.join(late)} fitted after that is not blind to them. Put "
            "back what was there, or name another --out."
        )
    added = [_label(p) for p in [*there, *todo] if _label(p) not in recorded]
    if added:
        raise SystemExit(
            f"{used}, for {', '.join(recorded)}. They are looked at once: this would add "
            f"{', '.join(added)}, which would not be blind to them. {mend}"
        )


def _label(part):
    return f"{part[0]}-{part[1]}"


def open_final(settings, identity, done, train_era):
    """Score the untouched eras, after writing down that they are used."""
    path = Path(settings.out) / "final.json"
    look, first = read_look(settings), settings.first_final_era
    try:
        data = load(settings, FINAL, train_era)
    except ValueError as error:
        raise SystemExit(
            f"--final: no resolved eras from {first} on: {error}"
        ) from None
    there = digest(data)
    if look is None:
        # before anything is scored: a look that was interrupted is a look
        look = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "first_era": first,
            "rows": there,
            "settings": identity,
            "models": [_label(part) for part in done],
            "complete": False,
        }
        write_text(path, json.dumps(look, indent=1))
    if look["rows"] != there:
        raise SystemExit(
            f"--final: the eras from {first} on are not those that were used on "
            f"{look['date']} ({look['rows']}, now {there}): a newer download? "
            + (
                "Without --final the tables of that day are shown; for others name "
                "another --out."
                if look["complete"]
                else "That look was interrupted and ends with the files of that day "
                "alone; with others name another --out."
            )
        )
    if look["complete"]:
        return
    new = [
        part
        for part in done
        if not (part_folder(settings, *part) / "final.json").exists()
    ]
    for name, seed in tqdm(new, desc=FINAL, unit="model", disable=not new):
        run_final(settings, name, seed, train_era)
    published(settings, data, FINAL)
    blend_parts(settings, done, data, FINAL)
    write_text(path, json.dumps({**look, "complete": True}, indent=1))


def collect(settings, train, data, done, blend, failed):
    """Put the scores of all parts together, those of the final eras if they were used."""
    out, look = Path(settings.out), read_look(settings)
    records = {}
    for name, seed in done:
        path = part_folder(settings, name, seed) / "record.json"
        records.setdefault(name, []).append(json.loads(path.read_text()))
    after = {}
    if look is not None and look["complete"]:
        for name, rows in records.items():
            folders = [part_folder(settings, name, r["seed"]) for r in rows]
            after[name] = [json.loads((f / "final.json").read_text()) for f in folders]
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
            "first_final_era": settings.first_final_era,
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
        "final_look": look,
        "scores": scores,
    }
