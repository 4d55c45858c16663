"""The memory maps beside the files: keys, changes, several processes."""

import os
import subprocess
import sys
import textwrap
import time

import joblib
import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import _features_map, load_numerai
from sknumerai.datasets._memmap import write_features
from tests.datasets.numerai_files import features_of, make_frame


@pytest.fixture
def folder(tmp_path):
    make_frame().to_parquet(tmp_path / "train.parquet")
    return tmp_path


@pytest.fixture
def conversions(monkeypatch):
    """Counts how often features are read from the files."""
    calls = []

    def counting(*args):
        calls.append(args)
        return write_features(*args)

    monkeypatch.setattr(_features_map, "write_features", counting)
    return calls


def test_second_load_converts_nothing(folder, conversions):
    first = load_numerai(folder)
    second = load_numerai(folder)
    assert len(conversions) == 1
    assert first.map_path == second.map_path
    pd.testing.assert_frame_equal(first.data, second.data)


def test_second_load_does_not_open_the_parquet_file(folder, monkeypatch):
    load_numerai(folder)
    for module in ("_rows", "_memmap", "_named_targets"):
        monkeypatch.setattr(f"sknumerai.datasets.{module}.open_source", None)
    load_numerai(folder)


def test_changed_file_is_converted_again_and_old_maps_go(folder, conversions):
    old = load_numerai(folder)
    old_values = old.data.to_numpy().copy()
    frame = make_frame(seed=5)
    frame.to_parquet(folder / "train.parquet")
    new = load_numerai(folder)
    assert len(conversions) == 2
    np.testing.assert_array_equal(new.data.to_numpy(), features_of(frame))
    assert not old.map_path.exists()
    # what is loaded stays whole
    np.testing.assert_array_equal(old.data.to_numpy(), old_values)
    records = {p.stem for p in new.map_path.parent.glob("*.json")}
    arrays = [p for p in new.map_path.parent.iterdir() if p.suffix != ".json"]
    assert {p.stem for p in arrays} <= records


def test_same_size_other_time(folder, conversions):
    load_numerai(folder)
    stat = os.stat(folder / "train.parquet")
    os.utime(folder / "train.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    load_numerai(folder)
    assert len(conversions) == 2


def test_other_maps_of_the_folder_stay(folder, conversions):
    make_frame(range(7, 9), seed=1).to_parquet(folder / "validation.parquet")
    validation = load_numerai(folder, "validation")
    load_numerai(folder)
    make_frame(seed=5).to_parquet(folder / "train.parquet")
    load_numerai(folder)
    assert validation.map_path.exists()
    assert len(conversions) == 3


def test_each_choice_has_its_map(folder, conversions):
    paths = {
        load_numerai(folder, feature_set=["feature_a", "feature_b"]).map_path,
        load_numerai(folder, feature_set=["feature_b", "feature_a"]).map_path,
        load_numerai(folder, eras=[1, 2]).map_path,
        load_numerai(folder, every=4).map_path,
    }
    assert len(paths) == len(conversions) == 4


def test_part_of_a_whole_map_is_copied_not_converted(folder, conversions):
    load_numerai(folder)
    load_numerai(folder, every=4)
    load_numerai(folder, eras=[1, 6])
    assert len(conversions) == 1


def test_truncated_map_is_made_again(folder, conversions):
    path = load_numerai(folder).map_path
    path.write_bytes(path.read_bytes()[:100])
    data = load_numerai(folder)
    assert len(conversions) == 2
    frame = pd.read_parquet(folder / "train.parquet")
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(frame))


def test_map_of_another_shape_is_made_again(folder, conversions):
    path = load_numerai(folder).map_path
    for other in (np.zeros((30, 5), np.int8), np.zeros((30, 6), np.float32)):
        np.save(path, other)
        assert load_numerai(folder).data.shape == (30, 6)
    assert len(conversions) == 3


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_conversion_leaves_nothing(folder, monkeypatch, error):
    def interrupt(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(_features_map, "write_features", interrupt)
        with pytest.raises(error):
            load_numerai(folder)
    assert not list(folder.rglob("features-*"))
    assert not list(folder.rglob("*.tmp"))
    load_numerai(folder)


def test_file_that_changes_while_it_is_read(folder, monkeypatch):
    def change(*args):
        write_features(*args)
        make_frame(seed=5).to_parquet(folder / "train.parquet")

    with monkeypatch.context() as patch:
        patch.setattr(_features_map, "write_features", change)
        with pytest.raises(RuntimeError, match="was changed while it was being read"):
            load_numerai(folder)
    assert not list(folder.rglob("features-*.npy"))


def test_abandoned_temporary_files_go(folder):
    cache = load_numerai(folder).map_path.parent
    old, young = cache / "features-a.npy.1.tmp", cache / "features-b.npy.2.tmp"
    for path in (old, young):
        path.write_bytes(b"x")
    day_before = time.time() - 2 * 24 * 3600
    os.utime(old, (day_before, day_before))
    load_numerai(folder, feature_set=["feature_a"])
    assert not old.exists()
    assert young.exists()


def test_folder_that_cannot_be_written(folder, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    folder.chmod(0o555)
    try:
        data = load_numerai(folder, data_home=home)
        assert data.map_path.is_relative_to(home)
        assert not (folder / ".sknumerai_cache").exists()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temp")))
        home.chmod(0o555)
        (home / ".sknumerai_cache").chmod(0o555)
        data = load_numerai(folder, data_home=home)
        assert "sknumerai_cache_" in str(data.map_path)
    finally:
        folder.chmod(0o755)


def test_cache_dir(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("cache") / "new"
    data = load_numerai(folder, cache_dir=other)
    assert data.map_path.parent == other
    assert not (folder / ".sknumerai_cache").exists()
    (folder / "a_file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        load_numerai(folder, cache_dir=folder / "a_file")


def test_folder_can_be_moved(folder, conversions, tmp_path_factory):
    load_numerai(folder)
    new = tmp_path_factory.mktemp("new") / "place"
    folder.rename(new)
    data = load_numerai(new)
    assert len(conversions) == 1
    assert data.map_path.is_relative_to(new)


def test_two_files_of_one_name_share_a_cache_dir(tmp_path):
    paths = [tmp_path / name / "train.csv" for name in "ab"]
    for path, code in zip(paths, (1, 3)):
        path.parent.mkdir()
        path.write_text(f"id,era,feature_a,target_ender_60\nn1,0001,{code},0.5\n")
        os.utime(path, ns=(10**18, 10**18))
    cache = tmp_path / "cache"
    found = [load_numerai(path, cache_dir=cache) for path in paths]
    assert [data.data.iloc[0, 0] for data in found] == [1, 3]
    assert all(data.map_path.exists() for data in found)


def test_processes_that_convert_at_once(folder):
    make_frame(range(1, 40), 200, 26).to_parquet(folder / "train.parquet")
    code = f"""
    from sknumerai.datasets import load_numerai

    print(load_numerai({str(folder)!r}).data.to_numpy().sum())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    sums = {job.communicate()[0] for job in jobs}
    assert [job.returncode for job in jobs] == [0, 0]
    frame = pd.read_parquet(folder / "train.parquet")
    assert sums == {f"{features_of(frame).sum()}\n".encode()}
    assert len(list(folder.rglob("features-*.npy"))) == 1
    assert not list(folder.rglob("*.tmp"))


def test_wide_files_are_read_in_runs_of_columns(folder, monkeypatch):
    frame = make_frame(range(1, 20), 50, 26)
    frame.to_parquet(folder / "train.parquet", row_group_size=170)
    monkeypatch.setattr("sknumerai.datasets._read.BUDGET", 20_000)
    monkeypatch.setattr("sknumerai.datasets._read.BATCH_ROWS", 64)
    monkeypatch.setattr("sknumerai.datasets._memmap.TILE_BYTES", 1)
    for every in (None, 3):
        data = load_numerai(folder, every=every, targets=["target_ender_20"])
        chosen = frame.iloc[np.arange(len(frame)) // 50 % (every or 1) == 0]
        np.testing.assert_array_equal(data.data.to_numpy(), features_of(chosen))
        np.testing.assert_array_equal(
            data.target["target_ender_20"], chosen["target_ender_20"]
        )
        load_numerai(folder, every=every, feature_set=["feature_a"])


def as_array(X):
    return np.asarray(X).copy()


def test_joblib_mixes_up_the_values_of_a_frame_on_a_memmap(folder):
    """joblib 1.6.0 takes the transposed block of a frame for a row-major map."""
    make_frame(n_rows=5000, n_features=26).to_parquet(folder / "train.parquet")
    X = load_numerai(folder).data
    parts = [X, X.iloc[50:20_000], X.to_numpy()]
    found = joblib.Parallel(2)(joblib.delayed(as_array)(part) for part in parts)
    for values, part in zip(found, parts):
        np.testing.assert_array_equal(values, part)
