"""write_numerai: official files, the same eras as make_numerai, whole or not at all."""

import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import sknumerai.datasets._era_files as era_files
from sknumerai.datasets import make_numerai, write_numerai
from sknumerai.datasets._plan import Plan
from sknumerai.datasets._targets import TARGET_NAMES
from sknumerai.datasets._tournament import Tournament

SIZES = {
    "n_train_eras": 12,
    "n_validation_eras": 30,
    "n_samples_per_era": 30,
    "n_features": 12,
    "verbose": 0,
    "random_state": 0,
}
FILES = {
    "features.json",
    "train.parquet",
    "validation.parquet",
    "live.parquet",
    "train_benchmark_models.parquet",
    "validation_benchmark_models.parquet",
    "live_benchmark_models.parquet",
    "meta_model.parquet",
    "live_example_preds.parquet",
    "live_example_preds.csv",
    "validation_example_preds.parquet",
    "validation_example_preds.csv",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_numerai(tmp_path_factory.mktemp("v5.3"), oracle=True, **SIZES)


def visible(folder):
    return {p.name for p in Path(folder).iterdir() if not p.name.startswith(".")}


def test_the_twelve_official_files(folder):
    assert visible(folder) == FILES | {"validation_oracle.parquet"}


@pytest.mark.parametrize(
    "name, shape, kinds",
    [
        ("train", (360, 55), {"train"}),
        ("validation", (900, 55), {"validation", "test"}),
        ("live", (30, 14), {"live"}),
    ],
)
def test_main_files(folder, name, shape, kinds):
    frame = pd.read_parquet(folder / f"{name}.parquet")
    assert frame.shape == shape
    assert frame.index.name == "id" and frame.index.is_unique
    assert set(frame["data_type"]) == kinds
    features = frame.filter(like="feature_")
    assert (features.dtypes == np.int8).all()
    targets = frame.filter(regex="^target")
    assert (targets.dtypes == np.float32).all()
    if name != "live":
        assert set(targets.columns) == set(TARGET_NAMES)
        assert targets["target"].equals(targets["target_ender_60"].rename("target"))
    else:
        assert set(frame["era"]) == {"X"} and targets.empty


def test_unresolved_eras_are_the_test_type(folder):
    frame = pd.read_parquet(folder / "validation.parquet")
    assert (frame["data_type"] == "test").equals(frame["target"].isna())
    last = frame["era"].astype(int)
    assert last[frame["target_ender_20"].isna()].unique().tolist() == [*range(38, 43)]
    assert last[frame["target_agnes_60"].isna()].unique().tolist() == [*range(30, 43)]


def test_the_eras_are_those_of_make_numerai(folder):
    names = ["target_ender_60", "target_ender_20", "target_waldo_20"]
    made = make_numerai(
        n_eras=42,
        n_samples_per_era=30,
        n_features=12,
        targets=names,
        signal=1.0,
        missing=0.3,
        resolved=False,
        random_state=0,
    )
    files = ("train.parquet", "validation.parquet")
    frame = pd.concat([pd.read_parquet(folder / f) for f in files])
    frame = frame.set_index("era", append=True).swaplevel()
    assert frame.index.equals(made.data.index)
    assert np.array_equal(frame[made.feature_names], made.data)
    np.testing.assert_array_equal(frame[names], made.target)
    models = pd.read_parquet(folder / "validation_benchmark_models.parquet")
    np.testing.assert_array_equal(
        models.drop(columns="era"), made.benchmark.loc["0013":]
    )
    oracle = pd.read_parquet(folder / "validation_oracle.parquet")
    np.testing.assert_array_equal(oracle["oracle"], made.oracle.loc["0013":])
    assert json.loads((folder / "features.json").read_text()) == {
        "feature_sets": made.feature_sets,
        "targets": TARGET_NAMES,
    }


def test_models_cover_their_eras(folder):
    def eras(name):
        return sorted(set(pd.read_parquet(folder / name)["era"].astype(int)))

    # 158 of 574 and 87 of 658 in the official files
    assert eras("train_benchmark_models.parquet") == [*range(3, 13)]
    assert eras("validation_benchmark_models.parquet") == [*range(13, 43)]
    assert eras("meta_model.parquet") == [*range(26, 30)]
    meta = pd.read_parquet(folder / "meta_model.parquet")
    assert list(meta.columns) == ["era", "data_type", "numerai_meta_model"]
    assert set(meta["data_type"]) == {"validation"}


def test_official_era_ranges_by_default():
    plan = Plan(None, ["target", "target_ender_20"], "ender_60", 574, 1232, False)
    assert plan.first_benchmark == 158
    assert (plan.first_meta, plan.last_meta) == (1133, 1219)
    assert plan.resolved == [1219, 1227] and plan.last_scored == 1219
    assert plan.eras("live") == range(1233, 1234)


def test_example_predictions(folder):
    for split in ("live", "validation"):
        preds = pd.read_parquet(folder / f"{split}_example_preds.parquet")
        text = pd.read_csv(folder / f"{split}_example_preds.csv", index_col="id")
        rows = pd.read_parquet(folder / f"{split}.parquet", columns=[])
        assert preds.index.equals(rows.index) and list(preds) == ["prediction"]
        assert text.index.tolist() == preds.index.tolist()
        np.testing.assert_allclose(text, preds, atol=1e-7)


def test_threads_do_not_change_the_files(folder, tmp_path):
    write_numerai(tmp_path, oracle=True, n_jobs=3, **SIZES)
    for name in visible(folder):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_some_targets_only(tmp_path):
    names = ["target_ender_20", "target"]
    write_numerai(tmp_path, targets=names, alias="ender_20", **SIZES)
    frame = pd.read_parquet(tmp_path / "validation.parquet")
    assert list(frame.columns[-2:]) == names
    assert (frame["data_type"] == "test").sum() == 5 * 30
    assert frame["target"].equals(frame["target_ender_20"].rename("target"))


def test_a_second_call_writes_nothing(tmp_path):
    write_numerai(tmp_path, **SIZES)
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    write_numerai(tmp_path, **SIZES)
    write_numerai(tmp_path, **{**SIZES, "random_state": None})
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_two_processes_do_not_write_one_folder(tmp_path):
    """Both wrote the same temporary files, and one of them was renamed half."""
    fcntl = pytest.importorskip("fcntl")
    settings = {"n_train_eras": 3, "n_validation_eras": 15, "n_samples_per_era": 10}
    with open(tmp_path / ".write_numerai.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process is writing a tournament"):
            write_numerai(tmp_path, **settings, n_features=5, verbose=0)
        assert not (tmp_path / "train.parquet").exists()
    write_numerai(tmp_path, **settings, n_features=5, verbose=0)
    assert (tmp_path / "train.parquet").exists()


def test_resumes_after_an_interruption(tmp_path, folder, monkeypatch):
    draw = Tournament.era

    def interrupted(self, number):
        if number == 20:
            raise KeyboardInterrupt
        return draw(self, number)

    monkeypatch.setattr(Tournament, "era", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_numerai(tmp_path, **SIZES)
    monkeypatch.undo()
    train = {"features.json", "train.parquet", "train_benchmark_models.parquet"}
    assert visible(tmp_path) == train, "half a file, or a finished one lost"
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in train}
    write_numerai(tmp_path, **SIZES)
    assert {n: (tmp_path / n).stat().st_mtime_ns for n in train} == before
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_remains_of_a_killed_process_are_replaced(tmp_path, folder):
    write_numerai(tmp_path, **SIZES)
    for name in ("validation.parquet", "validation_example_preds.csv"):
        (tmp_path / name).rename(tmp_path / f"{name}.partial")
        with open(tmp_path / f"{name}.partial", "ab") as file:
            file.write(b"half a row group")
    write_numerai(tmp_path, **SIZES)
    assert visible(tmp_path) == FILES
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_lost_file_is_written_again(tmp_path, folder):
    write_numerai(tmp_path, **SIZES)
    (tmp_path / "meta_model.parquet").unlink()
    write_numerai(tmp_path, **SIZES)
    name = "meta_model.parquet"
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    write = era_files.ParquetEras.write

    def full(self, columns, ids):
        if self.path.name == "validation.parquet":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, columns, ids)

    monkeypatch.setattr(era_files.ParquetEras, "write", full)
    with pytest.raises(OSError, match=r"is full.*validation\.parquet.*were removed"):
        write_numerai(tmp_path, **SIZES)
    assert visible(tmp_path) == {
        "features.json",
        "train.parquet",
        "train_benchmark_models.parquet",
    }


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_device_is_an_oserror_of_its_kind(tmp_path, monkeypatch):
    # what pyarrow really raises when the disk is full carries the number
    os.symlink("/dev/full", tmp_path / "train.parquet.partial")
    with pytest.raises(OSError, match="full") as caught:
        write_numerai(tmp_path, **SIZES)
    assert caught.value.errno == errno.ENOSPC
    assert visible(tmp_path) == {"features.json"}


def test_too_little_space_is_said_before_anything_is_written(tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10))
    with pytest.raises(OSError, match=r"need about .* GB"):
        write_numerai(tmp_path, **SIZES)
    assert visible(tmp_path) == set()


def test_other_settings_are_refused(tmp_path):
    write_numerai(tmp_path, **SIZES)
    with pytest.raises(FileExistsError, match="differs in signal, random_state"):
        write_numerai(tmp_path, signal=2.0, **{**SIZES, "random_state": 1})
    write_numerai(tmp_path, signal=2.0, overwrite=True, **SIZES)
    assert json.loads((tmp_path / ".write_numerai.json").read_text())["signal"] == 2.0


def test_files_from_elsewhere_are_refused(tmp_path):
    (tmp_path / "train.parquet").write_text("precious")
    with pytest.raises(FileExistsError, match=r"train\.parquet from elsewhere"):
        write_numerai(tmp_path, **SIZES)
    assert (tmp_path / "train.parquet").read_text() == "precious"


def test_row_groups_hold_several_eras(folder):
    assert pq.ParquetFile(folder / "train.parquet").num_row_groups == 1


def test_memory_is_a_few_eras(tmp_path, monkeypatch):
    """At no time are more eras drawn ahead than n_jobs and the row group need."""
    alive, most, lock = set(), [0], threading.Lock()
    draw = Tournament.era

    class Watched(list):
        def __del__(self):
            with lock:
                alive.discard(id(self))

    def watched(self, number):
        era = draw(self, number)
        ids = Watched(era.ids)
        with lock:
            alive.add(id(ids))
            most[0] = max(most[0], len(alive))
        object.__setattr__(era, "ids", ids)
        return era

    monkeypatch.setattr(Tournament, "era", watched)
    write_numerai(tmp_path, **{**SIZES, "n_jobs": 2})
    assert most[0] <= 5


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"targets": ["target_nomi"]}, "no target 'target_nomi'"),
        ({"n_train_eras": 9000, "n_validation_eras": 999}, "at most 9998"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_samples_per_era": 1}, "n_samples_per_era"),
    ],
)
def test_bad_input_gets_a_sentence(tmp_path, kwargs, match):
    with pytest.raises(ValueError, match=match):
        write_numerai(tmp_path / "new", **{**SIZES, **kwargs})
    assert not (tmp_path / "new").exists()
