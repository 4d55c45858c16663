"""Every model on Numerai's files by a fixed protocol, for a table that can be repeated.

The protocol. Whoever changes a line of it changes PROTOCOL below, and older folders are
refused.

* Every 4th era (1, 5, 9, ...), so that 20-day targets of different eras do not overlap.
* Models learn from the train split alone. Nothing is selected and nothing stops early:
  epochs and trees are fixed, and the settings were found on synthetic tournaments
  (docs/user_guide/skill.md). Who tunes has to do it on training eras.
* Numerai's purge lies between the last training era and the first one that is scored: 8
  eras for a target of 20 days, 16 for one of 60.
* Eras of the validation file up to 1133 are for development: look at them as often as
  you like. Those behind another purge (from 1142 on for 20 days, from 1150 on for 60)
  are not loaded, unless by --final, which is for the end and happens once: their scores
  stand in a table of their own, and `final.json` tells when they were used and for what.
  After that no model and no seed can be added to the folder: it would not be blind.
* Models: Numerai's benchmark model (its published predictions), ridge, LightGBM with
  the parameters of Numerai's examples, each network of the package with 3 seeds, and
  the mean of ranks of one seed of each, with equal weights. Where `write_numerai` wrote
  the oracle too, it stands in the table.
* Scores by era: CORR, BMC, MMC where the meta model covers eras, FNC, the payout of the
  newest rule for the target's horizon, and the largest exposure. Intervals and p-values
  (Holm) by blocks of eras.

Every fit is kept in the folder of --out when it is whole: the same call goes on after an
interruption, further --models or --seeds add to what is there until --final, other
settings are refused. Features are read from memory maps. Read more in docs/user_guide/real_data.md.

    python benchmarks/real_data.py --data v5.3 --out results --forecast
    python benchmarks/real_data.py --data v5.3 --out results
    python benchmarks/real_data.py --data v5.3 --out results --final --readme README.md
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
from real_data_fits import (
    DETERMINISTIC,
    DEVELOPMENT,
    LAST_DEVELOPMENT_ERA,
    Settings,
    describe,
    digest,
    known_models,
    last_era,
    load,
    make,
    measure,
    part_folder,
    run_safely,
    side,
    write_text,
)
from real_data_scores import (
    blend_parts,
    check_look,
    collect,
    open_final,
    published,
    read_look,
)
from real_data_tables import markdown, read_readme, write_readme
from tqdm.auto import tqdm

from sknumerai.neural_network._inputs import check_device

PROTOCOL = 2
# Fits that take longer show their own progress, where there is one job
SECONDS_WITHOUT_BAR = 30


def main(argv=None):
    """Run what is missing and write the tables."""
    args = _arguments(argv)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        try:
            return _run(args, out)
        except KeyboardInterrupt:
            raise SystemExit(
                "Interrupted. What is finished is kept: the same call goes on."
            ) from None


def _run(args, out):
    try:
        check_device(args.device, "--device")
    except ValueError as error:
        raise SystemExit(str(error)) from None
    for scratch in [*out.glob(".levels-*"), *(out / "parts").glob(".*")]:
        shutil.rmtree(scratch, ignore_errors=True)
    if args.readme:
        read_readme(args.readme)  # before hours of fits
    settings = _settings(args)
    try:
        train = load(settings, "train", verbose=1)
        train_era = last_era(train)
        data = load(settings, DEVELOPMENT, train_era, verbose=1)
        identity = _identity(settings, train, data)
    except (ValueError, LookupError, OSError) as error:
        raise SystemExit(
            f"--data {settings.data}, --target {settings.target}, --benchmark "
            f"{settings.benchmark}, --every {settings.every}: {error}"
        ) from error
    _same_run(out, identity)
    names = _names(args.models, settings, train)
    parts = [
        (name, seed)
        for name in names
        for seed in ([0] if name in DETERMINISTIC else range(args.seeds))
    ]
    there = _check_parts(settings, train)
    todo = [part for part in parts if part not in there]
    check_look(settings, identity, there, todo)
    seconds = forecast(settings, todo, train, len(data.data), args.jobs)
    if args.forecast:
        return None
    failed = fit_all(settings, todo, seconds, args.jobs)
    done = _check_parts(settings, train)
    if not done:
        raise SystemExit(f"All fits failed: {', '.join(failed)}.")
    published(settings, data)
    blend = blend_parts(settings, done, data, DEVELOPMENT)
    if args.final and not failed:
        open_final(settings, identity, done, train_era)
    look = read_look(settings)
    if look is not None and not look["complete"]:
        print(
            f"The look at the last eras of {look['date']} was interrupted: run with "
            "--final to end it."
        )
    results = collect(settings, train, data, done, blend, failed)
    results["protocol"] = PROTOCOL
    write_text(out / "results.json", json.dumps(results, indent=1))
    write_text(out / "results.md", markdown(results))
    print(markdown(results))
    if args.readme:
        write_readme(args.readme, results)
    if failed:
        raise SystemExit(
            f"These fits failed: {', '.join(failed)}. Run again for them"
            + (
                ", or name --models without them: the last eras were not opened."
                if args.final
                else "."
            )
        )
    return results


def _settings(args):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = int(os.environ.get("OMP_NUM_THREADS") or cores or os.cpu_count() or 1)
    benchmark = args.benchmark
    if benchmark is None:
        benchmark = "v53_lgbm_" + args.target.removeprefix("target_").replace("_", "")
    return Settings(
        out=str(args.out),
        data=args.data,
        feature_set=args.feature_set,
        target=args.target,
        every=args.every,
        size=args.size,
        benchmark=benchmark,
        device=args.device,
        threads=max(1, cores // args.jobs),
        data_home=args.data_home,
        cache_dir=args.cache_dir,
    )


@contextmanager
def _alone(out):
    """Keep a second process out of the folder."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(out / ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"--out {out}: another process is at work there. Wait for it, or name "
                "another folder."
            ) from None
        yield


def _identity(settings, train, data):
    """Return what must not change within a folder: the rows, not the file's date."""
    benchmark, _ = side(settings, data)
    return {
        "protocol": PROTOCOL,
        "--feature-set": settings.feature_set,
        "--target": settings.target,
        "--every": settings.every,
        "--size": settings.size,
        "--benchmark": settings.benchmark,
        "training rows": digest(train),
        "development rows": digest(data),
        "mean of the benchmark": repr(float(benchmark.mean())),
    }


def _same_run(out, mine):
    """Refuse a folder of other settings or data."""
    path = out / "identity.json"
    if path.exists():
        theirs = json.loads(path.read_text())
        other = [
            f"{key}: there {theirs.get(key)!r}, now {value!r}"
            for key, value in mine.items()
            if theirs.get(key) != value
        ]
        if other:
            raise SystemExit(
                f"--out {out} holds a run of other settings. {'; '.join(other)}. Repeat "
                "it as it was, or name another folder."
            )
        return
    write_text(path, json.dumps(mine, indent=1))


def _names(wanted, settings, train):
    known = known_models(settings, train)
    if wanted is None:
        return list(known)
    names = [name.replace("-", " ") for name in wanted]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(
            f"--models: there is no {', '.join(unknown)} for {len(train.feature_names)} "
            f"features, only {', '.join(n.replace(' ', '-') for n in known)}. The "
            "benchmark and the blend are always there."
        )
    return list(dict.fromkeys(names))


def _check_parts(settings, train):
    """Return the parts that are there; refuse those that were fitted otherwise."""
    order, found = list(known_models(settings, train)), []
    for name, records in _records(settings).items():
        for record in records:
            seed = record["seed"]
            theirs = record["settings"]
            mine = describe(make(settings, name, seed, train)[0])
            if theirs == mine:
                found.append((name, seed))
                continue
            told = ", ".join(
                f"{key}: {theirs.get(key)} and now {mine.get(key)}"
                for key in sorted({*mine, *theirs})
                if mine.get(key) != theirs.get(key)
            )
            raise SystemExit(
                f"{part_folder(settings, name, seed)} was fitted with other settings of "
                f"the model ({told}). Remove it, or name another --out."
            )
    return sorted(found, key=lambda part: (order.index(part[0]), part[1]))


def forecast(settings, todo, train, n_rows, jobs):
    """Tell how long it will take, from short fits on this machine."""
    seconds, records = {}, _records(settings)
    names = list(dict.fromkeys(name for name, _ in todo))
    for name in tqdm(names, desc="measuring", unit="model", disable=not names):
        past = [r["fit_seconds"] + r["predict_seconds"] for r in records.get(name, ())]
        seconds[name] = (
            np.mean(past) if past else measure(settings, name, train, n_rows)
        )
    total = sum(seconds[name] for name, _ in todo) / jobs
    for name in names:
        count = sum(name == other for other, _ in todo)
        print(f"  {name:18s} {count} x {seconds[name] / 60:8.1f} minutes")
    print(
        f"Forecast: about {total / 3600:.2f} hours for {len(todo)} fits on "
        f"{len(train.data):,} rows x {len(train.feature_names)} features, {jobs} at a "
        f"time with {settings.threads} threads each",
        flush=True,
    )
    return seconds


def _records(settings):
    """Return the records of the parts that are there, by model."""
    found = {}
    for path in sorted((Path(settings.out) / "parts").glob("[!.]*/record.json")):
        record = json.loads(path.read_text())
        found.setdefault(record["model"], []).append(record)
    return found


def fit_all(settings, todo, seconds, jobs):
    """Fit what is missing; a fit that fails does not end the others."""
    # the longest first, so that jobs end together
    todo = sorted(todo, key=lambda part: -seconds[part[0]])
    failed, spent, planned = [], 0.0, 0.0
    left = sum(seconds[name] for name, _ in todo)
    # a generator of threads would not be stopped by Ctrl-C: one job runs right here
    if jobs == 1:
        results = (
            run_safely(settings, *part, seconds[part[0]] > SECONDS_WITHOUT_BAR)
            for part in todo
        )
    else:
        pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        results = pool(joblib.delayed(run_safely)(settings, *part) for part in todo)
    with tqdm(total=len(todo), unit="fit", disable=not todo) as bar:
        for name, seed, took, error in results:
            if error:
                failed.append(f"{name} {seed}")
                tqdm.write(f"{name}, seed {seed}, failed:\n{error}", file=sys.stderr)
            spent, planned = spent + took, planned + seconds[name]
            left -= seconds[name]
            hours = left * (spent / planned if planned else 1) / jobs / 3600
            bar.set_postfix_str(f"{name} {seed}, about {max(hours, 0):.2f} hours to go")
            bar.update()
    if planned:
        print(f"Forecast {planned / 60:.1f} minutes of fits, took {spent / 60:.1f}.")
    return failed


def _arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", default="v5.3", help="name in the data home, or folder of the files"
    )
    parser.add_argument("--out", required=True, help="folder for what is finished")
    parser.add_argument(
        "--feature-set", choices=["small", "medium", "all"], default="medium"
    )
    parser.add_argument("--target", default="target_ender_60")
    parser.add_argument("--every", type=int, default=4, help="every so many eras")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each network")
    parser.add_argument(
        "--models", nargs="+", help="by default all; names with hyphens"
    )
    parser.add_argument("--size", choices=["demo", "small", "full"], default="small")
    parser.add_argument("--benchmark", help="column, by default that of the target")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time")
    parser.add_argument("--device", default="cpu", help="of the networks")
    parser.add_argument("--data-home", help="folder of the data sets")
    parser.add_argument("--cache-dir", help="folder for the memory maps")
    parser.add_argument(
        "--forecast", action="store_true", help="tell the hours and end"
    )
    parser.add_argument(
        "--final",
        action="store_true",
        help=f"score the eras behind the purge after {LAST_DEVELOPMENT_ERA}: once, at the "
        "end",
    )
    parser.add_argument("--readme", help="page whose table is replaced")
    args = parser.parse_args(argv)
    for name in ("every", "seeds", "jobs"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be 1 or more. Got {getattr(args, name)}.")
    return args


if __name__ == "__main__":
    main()
