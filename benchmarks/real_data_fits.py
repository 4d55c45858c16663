"""One fit of `real_data.py`: load the rows, train, predict, score, and keep all of it.

A fit is a model with one seed. Its folder `parts/<model>-<seed>` appears under its name
when it is whole, and holds the fitted model, its predictions and its scores by era.
"""

# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import json
import os
import shutil
import tempfile
import time
import traceback
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
import torch
from skill_models import TREES, models
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from sknumerai.cli._ridge import BlockRidge
from sknumerai.datasets import load_benchmark_models, load_meta_model, load_numerai
from sknumerai.metrics import (
    PayoutPolicy,
    bmc_score,
    fnc_score,
    max_feature_exposure,
    mmc_score,
    numerai_corr_score,
)
from sknumerai.model_selection import embargo_for
from sknumerai.utils import check_eras, era_normalized_ranks, era_numbers

# Later eras, after a purge, are loaded with --final alone
LAST_DEVELOPMENT_ERA = 1133
# From so many features on, networks are not given each code as a column of its own
MAX_FEATURES_AS_LEVELS = 200
# FNC and the neutralized network take the medium features where there are more
MAX_NEUTRALIZERS = 1000
# Rows that are predicted at a time, in whole eras
BLOCK_ROWS = 65536
# Rows that LightGBM finds its bins on
SAMPLE_ROWS = 20_000
DETERMINISTIC = {"ridge", "ridge on levels", "lightgbm"}
DEVELOPMENT, FINAL = "development", "final"


@dataclass(frozen=True)
class Settings:
    """What decides the results, and where they are kept."""

    out: str
    data: str
    feature_set: str
    target: str
    every: int
    size: str
    benchmark: str
    device: str = "cpu"
    threads: int = 1
    data_home: str = None
    cache_dir: str = None

    @property
    def horizon(self):
        """Days that the target looks ahead."""
        return {8: 20, 16: 60}[embargo_for(self.target)]

    @property
    def first_final_era(self):
        """First era whose target shares no day with one of development."""
        return LAST_DEVELOPMENT_ERA + embargo_for(self.target) + 1

    @property
    def policy(self):
        """Newest rule that pays for a target of this horizon."""
        known = [p for p in PayoutPolicy.known() if p.horizon == self.horizon]
        # a factor that depends on all stakes of a round is taken as 1
        return replace(known[-1], payout_factor=known[-1].payout_factor or 1.0)


class BlockTrees:
    """LightGBM on rows that are read in blocks: no copy of the matrix as floats."""

    def __init__(self, seed, threads, progress=False, **params):
        self.params = {
            **params,
            "seed": seed,
            "num_threads": threads,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
        }
        self.progress = progress

    def fit(self, X, y):
        """Train all trees."""
        # the rows that bins are found on are held as floats, and codes have five values
        params = {**self.params, "bin_construct_sample_cnt": SAMPLE_ROWS}
        n_trees = params.pop("n_estimators")
        data = lgb.Dataset(_Rows(X.to_numpy()), np.asarray(y), params=params)
        with tqdm(total=n_trees, unit="tree", disable=not self.progress) as bar:
            self.booster_ = lgb.train(
                params, data, n_trees, callbacks=[lambda env: bar.update()]
            )
        return self

    def predict(self, X):
        """Predict rows."""
        return self.booster_.predict(X.to_numpy(dtype=np.float32))


class _Rows(lgb.Sequence):
    batch_size = 16384

    def __init__(self, matrix):
        self.matrix = matrix

    def __getitem__(self, rows):
        return np.asarray(self.matrix[rows], dtype=np.float64)

    def __len__(self):
        return len(self.matrix)


def load(settings, what, last_train_era=None, verbose=0):
    """Load the rows of "train", "development" or "final": every so many eras.

    Development begins where the purge after the last training era that is used ends,
    and the final eras where the one after the last era of development ends.
    """
    split, eras = "train", None
    if what != "train":
        first = last_train_era + embargo_for(settings.target) + 1
        eras = slice(first, LAST_DEVELOPMENT_ERA + 1)
        if what == FINAL:
            eras = slice(max(first, settings.first_final_era), None)
        split = "validation"
    return load_numerai(
        settings.data,
        split,
        feature_set=None if settings.feature_set == "all" else settings.feature_set,
        targets=settings.target,
        eras=eras,
        every=settings.every,
        drop_unresolved=True,
        data_home=settings.data_home,
        cache_dir=settings.cache_dir,
        verbose=verbose,
    )


def last_era(data):
    """Return the number of the last era of loaded rows, which are in order."""
    return int(era_numbers([data.eras.iloc[-1]])[0])


def digest(data):
    """Return a fingerprint of loaded rows: targets, names, and some of the features."""
    rows = np.unique(np.linspace(0, len(data.data) - 1, 256).astype(int))
    found = hashlib.sha256("\n".join(data.feature_names).encode())
    found.update(data.target.to_numpy().tobytes())
    found.update(np.ascontiguousarray(data.data.to_numpy()[rows]).tobytes())
    return f"{len(data.data)} rows, {found.hexdigest()[:16]}"


def neutralizers(data):
    """Return the features that FNC and the neutralized network are neutral to."""
    if len(data.feature_names) <= MAX_NEUTRALIZERS:
        return list(data.feature_names)
    return list(data.feature_sets["medium"])


def known_models(settings, data=None):
    """Return all models by name; with the data, those that fit its width."""
    names = None if data is None else neutralizers(data)
    levels = data is None or len(data.feature_names) <= MAX_FEATURES_AS_LEVELS
    found = models(
        settings.size, levels=levels, neutralizers=names, device=settings.device
    )
    del found["sae multi"]  # learns further targets
    if not levels:
        del found["ridge on levels"]
    return found


def make(settings, name, seed, data, progress=False):
    """Return an estimator, not fitted, and whether it is given levels."""
    fit = known_models(settings, data)[name]
    if name == "lightgbm":
        trees = BlockTrees(seed, settings.threads, progress, **TREES[settings.size])
        return trees, False
    model = fit.make(seed)
    if name.startswith("ridge"):
        # the same solution in bounded memory
        return BlockRidge(model.alpha), fit.levels
    if progress:
        shown = [k for k in model.get_params() if k.split("__")[-1] == "verbose"]
        if hasattr(model, "steps"):
            shown.remove("verbose")
        model.set_params(**dict.fromkeys(shown, 1))
    return model, fit.levels


def describe(model):
    """Return the settings of an estimator that decide its fit, as a dict of texts."""
    params = model.params if hasattr(model, "params") else model.get_params()
    # not what is learned, but where and how
    skipped = {"verbose", "device", "num_threads", "neutralizers"}
    skipped |= {"compile", "data_on_device", "distributed"}
    return {
        key: repr(value)
        for key, value in sorted(params.items())
        if key.split("__")[-1] not in skipped
        and isinstance(value, int | float | str | tuple | None)
    }


def as_levels(X, out=None):
    """Return a column of 0 and 1 for each code of each feature."""
    codes = X.to_numpy()
    values = np.empty((len(X), 5 * X.shape[1]), dtype=np.int8) if out is None else out
    for start in range(0, len(X), BLOCK_ROWS):
        block = codes[start : start + BLOCK_ROWS, :, None] == np.arange(5, dtype="i1")
        values[start : start + BLOCK_ROWS] = block.reshape(len(block), -1)
    columns = [f"{name}_{code}" for name in X for code in range(5)]
    return pd.DataFrame(values, index=X.index, columns=columns, copy=False)


@contextmanager
def levels_on_disk(X, folder):
    """Give the levels of all rows as a memory map that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".levels-") as scratch:
        values = np.lib.format.open_memmap(
            Path(scratch) / "levels.npy", "w+", np.int8, (len(X), 5 * X.shape[1])
        )
        yield as_levels(X, values)


def blocks(X):
    """Yield slices of whole eras; rows are in the order of eras."""
    codes = check_eras(None, X).codes
    ends = np.append(np.flatnonzero(codes[1:] != codes[:-1]) + 1, len(X))
    start = 0
    for end in ends:
        if end - start >= BLOCK_ROWS or end == len(X):
            yield slice(start, int(end))
            start = int(end)


def predict(model, X, levels):
    """Predict in blocks of whole eras."""
    out = np.empty(len(X), dtype=np.float32)
    for rows in blocks(X):
        block = X.iloc[rows]
        out[rows] = model.predict(as_levels(block) if levels else block)
    return out


def check_complete(model):
    """Raise where Ctrl-C ended the training of a network, which keeps its weights."""
    for step in [s for _, s in model.steps] if hasattr(model, "steps") else [model]:
        if hasattr(step, "_phases"):
            # a denoising autoencoder trains in rounds of so many epochs
            wanted = sum(phase.max_epochs for phase in step._phases())
            if step.n_iter_ < wanted:
                raise KeyboardInterrupt


def side(settings, data):
    """Return benchmark and meta model of some rows; None where there is none."""
    benchmark = load_benchmark_models(
        settings.data,
        "validation",
        models=[settings.benchmark],
        index=data.data.index,
        data_home=settings.data_home,
        verbose=0,
    )[settings.benchmark]
    try:
        meta_model = load_meta_model(
            settings.data,
            index=data.data.index,
            data_home=settings.data_home,
            verbose=0,
        )
    except (FileNotFoundError, ValueError):
        # no such file, or none of these rows in it
        meta_model = None
    return benchmark, meta_model


def score(settings, data, prediction, benchmark, meta_model):
    """Score predictions era by era: a dict of dicts of era number to score."""
    X, y = data.data, data.target
    # every model on one scale: exposures are of ranks
    ranks = era_normalized_ranks(prediction, check_eras(None, X))
    ranks = pd.Series(ranks, index=X.index)
    given = {"y_true": y, "y_pred": ranks, "aggregate": None}
    corr = numerai_corr_score(**given)
    bmc = bmc_score(**given, benchmark=benchmark)
    found = {"corr": corr, "bmc": bmc, "payout_bmc": pay(settings, corr, bmc)}
    # columns of a frame are a copy: of a block at a time
    names, parts = neutralizers(data), {"fnc": [], "exposure": []}
    for rows in blocks(X):
        some = {"y_true": y.iloc[rows], "y_pred": ranks.iloc[rows], "aggregate": None}
        block = X.iloc[rows]
        features = block if len(names) == X.shape[1] else block[names]
        parts["fnc"].append(fnc_score(**some, features=features))
        parts["exposure"].append(max_feature_exposure(**some, features=block))
    found |= {name: pd.concat(series) for name, series in parts.items()}
    if meta_model is not None:
        mmc = mmc_score(**given, meta_model=meta_model, min_coverage=0.0).dropna()
        found["mmc"] = mmc
        found["payout"] = pay(settings, corr.loc[mmc.index], mmc)
    return {
        name: dict(
            zip(map(int, era_numbers(series.index.tolist())), map(float, series))
        )
        for name, series in found.items()
    }


def pay(settings, corr, contribution):
    """Pay by the newest rule for the target's horizon, a contribution being its MMC."""
    scores = {"corr": corr.to_numpy(), "mmc": contribution.to_numpy()}
    return pd.Series(settings.policy.payout(scores), index=corr.index)


def part_folder(settings, name, seed):
    """Return where a fit is kept."""
    return Path(settings.out) / "parts" / f"{name.replace(' ', '_')}-{seed}"


def run_part(settings, name, seed, progress=False):
    """Fit, predict and score one model with one seed on the development eras."""
    with _threads(settings):
        train = load(settings, "train")
        data = load(settings, DEVELOPMENT, last_era(train))
        model, levels = make(settings, name, seed, train, progress)
        begun, described = time.perf_counter(), describe(model)
        whole = part_folder(settings, name, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            given = nullcontext(train.data)
            if levels:
                given = levels_on_disk(train.data, settings.out)
            with given as X:
                model.fit(X, train.target)
        check_complete(model)
        fitted = time.perf_counter()
        prediction = predict(model, data.data, levels)
        predicted = time.perf_counter()
        record = {
            "model": name,
            "seed": seed,
            "settings": described,
            "levels": levels,
            "fitted": datetime.now(UTC).isoformat(timespec="seconds"),
            "fit_seconds": fitted - begun,
            "predict_seconds": predicted - fitted,
            "n_train": len(train.data),
            "scores": score(settings, data, prediction, *side(settings, data)),
        }
        _keep(whole, record, prediction, model)
    return record


def _keep(whole, record, prediction, model=None):
    """Write a part under another name, and rename it when it is whole."""
    scratch = whole.with_name(f".{whole.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    np.save(scratch / f"{DEVELOPMENT}.npy", prediction)
    if model is not None:
        joblib.dump(model, scratch / "model.joblib", compress=1)
    (scratch / "record.json").write_text(json.dumps(record))
    shutil.rmtree(whole, ignore_errors=True)
    os.replace(scratch, whole)


def run_safely(settings, name, seed, progress=False):
    """Run a part; gives its name, its seed, its seconds and what went wrong, or None."""
    begun, error = time.perf_counter(), None
    try:
        run_part(settings, name, seed, progress)
    except Exception:  # noqa: BLE001 - the other fits go on
        error = traceback.format_exc()
    return name, seed, time.perf_counter() - begun, error


def run_final(settings, name, seed, train_era):
    """Predict and score the untouched eras with the model that is kept."""
    folder = part_folder(settings, name, seed)
    with _threads(settings):
        data = load(settings, FINAL, train_era)
        record = json.loads((folder / "record.json").read_text())
        model = joblib.load(folder / "model.joblib")
        prediction = predict(model, data.data, record["levels"])
        np.save(folder / f".{FINAL}.npy", prediction)
        os.replace(folder / f".{FINAL}.npy", folder / f"{FINAL}.npy")
        scores = score(settings, data, prediction, *side(settings, data))
        write_text(folder / f"{FINAL}.json", json.dumps(scores))


def write_text(path, text):
    """Write a file under another name, and rename it when it is whole."""
    path = Path(path)
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


@contextmanager
def _threads(settings):
    """Hold torch and the linear algebra to the threads of one of the jobs."""
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        with threadpool_limits(settings.threads):
            yield
    finally:
        torch.set_num_threads(before)


def measure(settings, name, train, n_rows):
    """Forecast the seconds of a fit from fits of the first two and six eras."""
    codes = check_eras(None, train.data).codes
    with _threads(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")

        def fit(n_eras, like=None):
            rows = int(np.count_nonzero(codes < codes[0] + n_eras))
            X, y = train.data.iloc[:rows], train.target.iloc[:rows]
            model, levels = make(settings, name, 0, train)
            if like is not None:
                _batches_of(model, like, len(train.data))
            begun = time.perf_counter()
            model.fit(as_levels(X) if levels else X, y)
            return model, levels, X, time.perf_counter() - begun

        warm, *_ = fit(2)
        _, _, few, less = fit(2, warm)
        model, levels, many, more = fit(6, warm)
        begun = time.perf_counter()
        predict(model, many, levels)
        of_predict = (time.perf_counter() - begun) / len(many)
    slope = (more - less) / max(1, len(many) - len(few))
    if slope <= 0:
        slope = more / len(many)
    return more + slope * (len(train.data) - len(many)) + of_predict * n_rows


def _batches_of(model, fitted, n_samples):
    """Give networks the batches that "auto" makes of all rows: small ones are slow."""
    pairs = [(model, fitted)]
    if hasattr(model, "steps"):
        pairs = [(m, f) for (_, m), (_, f) in zip(model.steps, fitted.steps)]
    for step, like in pairs:
        if getattr(step, "batch_size", None) == "auto" and like.batch_by_ == "rows":
            step.set_params(batch_size=int(np.clip(n_samples // 64, 32, 4096)))
