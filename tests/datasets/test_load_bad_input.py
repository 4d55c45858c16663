"""Each kind of bad input gets one clear sentence, and loses nothing."""

import errno
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sknumerai.datasets import load_feature_sets, load_numerai
from tests.datasets.numerai_files import features_of, make_frame


def write(folder, frame, **kwargs):
    frame.to_parquet(folder / "train.parquet", **kwargs)


def maps(folder):
    return list(folder.rglob("features-*.npy")) + list(folder.rglob("*.tmp"))


def with_ids(frame, ids):
    return frame.set_axis(pd.Index(ids, name="id"))


@pytest.mark.parametrize("missing", [None, ""])
def test_missing_ids(tmp_path, missing):
    frame = make_frame()
    ids = frame.index.tolist()
    ids[4] = ids[9] = missing
    write(tmp_path, with_ids(frame, ids))
    with pytest.raises(ValueError, match="2 of 30 rows have no id, the first is row 4"):
        load_numerai(tmp_path)


@pytest.mark.parametrize("same_length", [True, False])
def test_duplicate_ids(tmp_path, same_length):
    frame = make_frame()
    ids = frame.index.tolist()
    ids[4] = ids[29] = ids[0]
    if not same_length:
        ids[7] += "x"
    write(tmp_path, with_ids(frame, ids))
    match = f"1 ids occur more than once, the first is '{ids[0]}' in 3 rows"
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path)


def test_duplicate_ids_in_two_files(tmp_path):
    frame = make_frame()
    write(tmp_path, frame)
    frame.assign(era="0007").to_parquet(tmp_path / "validation.parquet")
    with pytest.raises(ValueError, match="30 ids occur more than once"):
        load_numerai(tmp_path, ["train", "validation"])
    assert not maps(tmp_path)


def test_no_ids_at_all(tmp_path):
    write(tmp_path, make_frame().reset_index(drop=True))
    with pytest.raises(ValueError, match="no column 'id'"):
        load_numerai(tmp_path)


def test_eras_in_text_order(tmp_path):
    frame = make_frame(["era1", "era10", "era2"])
    write(tmp_path, frame)
    with pytest.warns(UserWarning, match="era10 before era2"):
        data = load_numerai(tmp_path)
    assert data.eras.unique().tolist() == ["era1", "era2", "era10"]
    order = [*range(5), *range(10, 15), *range(5, 10)]
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(frame)[order])
    assert data.data.index.get_level_values("id").equals(frame.index[order])


def test_eras_written_in_two_ways(tmp_path):
    write(tmp_path, make_frame(["1", "0001"]))
    with pytest.raises(ValueError, match="'1' and '0001' are the same era"):
        load_numerai(tmp_path)
    write(tmp_path, make_frame(["0001", "0002"]))
    make_frame(["2"], seed=1).to_parquet(tmp_path / "validation.parquet")
    with pytest.raises(ValueError, match="'0002' and '2' are the same era"):
        load_numerai(tmp_path, ["train", "validation"])


@pytest.mark.parametrize(
    "eras, match",
    [
        (["a", "b"], "are not eras"),
        ([None, "0001"], "5 of 10 rows have no era"),
    ],
)
def test_no_eras(tmp_path, eras, match):
    frame = make_frame(["0001", "0002"])
    write(tmp_path, frame.assign(era=np.repeat(np.array(eras, dtype=object), 5)))
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path)


def test_era_column_absent(tmp_path):
    write(tmp_path, make_frame().drop(columns="era"))
    with pytest.raises(ValueError, match="no column 'era'"):
        load_numerai(tmp_path)


def test_live_rows_in_training(tmp_path):
    frame = make_frame(["0001", "0002", "X"])
    frame.to_csv(tmp_path / "all_of_it.csv")
    with pytest.raises(ValueError, match="5 of the rows for split='train' are live"):
        load_numerai(tmp_path / "all_of_it.csv")
    data = load_numerai(tmp_path / "all_of_it.csv", eras=slice(None))
    assert data.eras.unique().tolist() == ["0001", "0002"]
    live = load_numerai(tmp_path / "all_of_it.csv", "live", targets=None)
    assert live.eras.unique().tolist() == ["X"]


@pytest.mark.parametrize("kind", ["float", "Int8"])
def test_missing_features(tmp_path, kind):
    frame = make_frame()
    names = [c for c in frame if c.startswith("feature")]
    frame = frame.astype(dict.fromkeys(names, "float32" if kind == "float" else "Int8"))
    if kind == "float":
        frame[names] /= 4
    frame.iloc[[7, 9], 3] = None
    write(tmp_path, frame)
    with pytest.raises(ValueError, match="'feature_c' has 2 or more missing values"):
        load_numerai(tmp_path)
    assert not maps(tmp_path)


@pytest.mark.parametrize("bad", [5, -1, 127, -128])
def test_codes_out_of_range(tmp_path, bad):
    frame = make_frame()
    frame.iloc[17, 2] = bad
    write(tmp_path, frame)
    with pytest.raises(ValueError, match=f"'feature_b' holds {bad}, where 0, 1, 2"):
        load_numerai(tmp_path)
    assert not maps(tmp_path)


@pytest.mark.parametrize("dtype, bad", [("int16", 256), ("uint8", 255), ("int64", -3)])
def test_wide_codes_out_of_range(tmp_path, dtype, bad):
    frame = make_frame().astype({"feature_b": dtype})
    write(tmp_path, frame)
    np.testing.assert_array_equal(
        load_numerai(tmp_path).data.to_numpy(), features_of(frame)
    )
    frame.iloc[17, 2] = bad
    write(tmp_path, frame)
    with pytest.raises(ValueError, match=f"'feature_b' holds {bad}"):
        load_numerai(tmp_path)


def test_floats_that_are_no_codes(tmp_path):
    frame = make_frame()
    names = [c for c in frame if c.startswith("feature")]
    frame = frame.assign(**{c: frame[c] / 4 for c in names})
    frame.iloc[3, 1] = 0.3
    write(tmp_path, frame)
    with pytest.raises(ValueError, match=r"'feature_a' holds 0\.3, where 0, 0\.25"):
        load_numerai(tmp_path, float_features="codes")
    frame.iloc[3, 1] = np.inf
    write(tmp_path, frame)
    with pytest.raises(ValueError, match="'feature_a' holds infinity"):
        load_numerai(tmp_path)


def test_features_of_two_kinds(tmp_path):
    write(tmp_path, make_frame().assign(feature_b=0.5))
    with pytest.raises(ValueError, match=r"integers \('feature_a'\).*'feature_b'"):
        load_numerai(tmp_path)


def test_text_features(tmp_path):
    write(tmp_path, make_frame().assign(feature_b="a"))
    with pytest.raises(ValueError, match="'feature_b' is of type"):
        load_numerai(tmp_path)


def test_no_features(tmp_path):
    write(tmp_path, make_frame(n_features=0))
    with pytest.raises(ValueError, match=r"no features.*load_benchmark_models"):
        load_numerai(tmp_path)


def test_target_nowhere_resolved(tmp_path):
    frame = make_frame()
    frame["target_ender_60"] = np.float32(np.nan)
    write(tmp_path, frame)
    with pytest.raises(ValueError, match="'target_ender_60' is NaN in all 30 rows"):
        load_numerai(tmp_path)
    with pytest.warns(UserWarning, match="auxiliary target 'target_ender_60' is NaN"):
        load_numerai(tmp_path, targets=["target_ender_20", "target_ender_60"])


def test_truncated_parquet(tmp_path):
    write(tmp_path, make_frame())
    path = tmp_path / "train.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"train\.parquet is not a whole parquet file"):
        load_numerai(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is not a whole parquet file"):
        load_numerai(tmp_path)


def test_damaged_parquet(tmp_path):
    frame = make_frame(n_rows=3000)
    write(tmp_path, frame, compression="gzip")
    path = tmp_path / "train.parquet"
    data = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(3)
    assert chunk.path_in_schema == "feature_c"
    data[chunk.data_page_offset + 30 : chunk.data_page_offset + 1000] = bytes(970)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="the file is damaged"):
        load_numerai(tmp_path)
    assert not maps(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "id,era,feature_a,target_ender_60\nn1,0001,1,0.5\nn2,0001\n"],
    ids=["empty", "ragged"],
)
def test_damaged_csv(tmp_path, text):
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=r"train\.csv cannot be read as csv"):
        load_numerai(tmp_path)


def test_csv_number_that_is_none(tmp_path):
    rows = [f"n{i:07d},0001,1,0.5" for i in range(1_200_000)]
    rows[-1] = "n9999999,0001,x,0.5"
    text = "\n".join(["id,era,feature_a,target_ender_60", *rows])
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=r"cannot be read as csv .*'x'"):
        load_numerai(tmp_path)


def test_no_rows(tmp_path):
    write(tmp_path, make_frame().iloc[:0])
    with pytest.raises(ValueError, match="has no rows"):
        load_numerai(tmp_path)


def test_feature_set_that_does_not_exist(tmp_path):
    write(tmp_path, make_frame())
    with pytest.raises(ValueError, match=r"needs a features\.json beside the file"):
        load_numerai(tmp_path, feature_set="medium")
    sets = {"small": ["feature_a"], "medium": ["feature_a", "feature_zz"]}
    (tmp_path / "features.json").write_text(json.dumps({"feature_sets": sets}))
    match = r"no feature set 'smal'. Near matches: \['small'\].*'medium' \(2\)"
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path, feature_set="smal")
    with pytest.raises(ValueError, match="1 of 2 features of the set 'medium' are not"):
        load_numerai(tmp_path, feature_set="medium")
    with pytest.raises(ValueError, match=r"Near matches: \['feature_a'"):
        load_numerai(tmp_path, feature_set=["feature_aa"])
    with pytest.raises(ValueError, match="'small' is a set: feature_set='small'"):
        load_numerai(tmp_path, feature_set=["small"])
    with pytest.raises(ValueError, match="'feature_a' is asked for twice"):
        load_numerai(tmp_path, feature_set=["feature_a", "feature_a"])


def test_broken_features_json(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no features\.json"):
        load_feature_sets(tmp_path)
    for text, match in [("{", "not readable as json"), ("[]", "holds no feature sets")]:
        (tmp_path / "features.json").write_text(text)
        with pytest.raises(ValueError, match=match):
            load_feature_sets(tmp_path)


def test_target_that_does_not_exist(tmp_path):
    write(tmp_path, make_frame())
    match = r"no target 'target_ender_6'. Near matches: \['target_ender_60'"
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path, targets="target_ender_6")
    with pytest.raises(ValueError, match="asked for twice"):
        load_numerai(tmp_path, targets=["target_ender_60"] * 2)
    with pytest.raises(ValueError, match="empty list"):
        load_numerai(tmp_path, targets=[])


def test_the_alias_is_refused(tmp_path):
    frame = make_frame()
    write(tmp_path, frame)
    with pytest.raises(ValueError, match=r"'target' equals 'target_ender_60'\."):
        load_numerai(tmp_path, targets="target")
    with pytest.raises(ValueError, match="is an alias"):
        load_numerai(tmp_path, targets=["target_ender_20", "target"])
    frame.iloc[-1, frame.columns.get_loc("target")] += 0.25
    write(tmp_path, frame.assign(target_other=frame["target"]))
    with pytest.raises(ValueError, match="'target' equals 'target_other'"):
        load_numerai(tmp_path, targets="target")
    write(tmp_path, frame)
    with pytest.raises(ValueError, match="'target' equals no named target"):
        load_numerai(tmp_path, targets="target")
    assert load_numerai(tmp_path, targets="target_ender_20").alias_of == []


def test_no_default_target(tmp_path):
    write(tmp_path, make_frame().drop(columns="target_ender_60"))
    with pytest.raises(ValueError, match=r"name the target.*'target_cyrusd_20'"):
        load_numerai(tmp_path)


def test_eras_that_are_not_there(tmp_path):
    write(tmp_path, make_frame())
    match = r"2 of the 3 eras asked for are not there: \[7, 8\].*6 eras, '0001' to"
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path, eras=range(6, 9))
    assert len(load_numerai(tmp_path, eras=slice(6, 9)).data) == 5
    with pytest.raises(ValueError, match="no rows are left"):
        load_numerai(tmp_path, eras=slice(7, 9))
    with pytest.raises(ValueError, match=r"every must be an integer.*Got 0"):
        load_numerai(tmp_path, every=0)
    with pytest.raises(ValueError, match=r"has a step\. Use every=4"):
        load_numerai(tmp_path, eras=slice(1, 9, 4))


def test_split_that_does_not_exist(tmp_path):
    frame = make_frame(data_type="train")
    write(tmp_path, frame)
    frame.to_parquet(tmp_path / "one.parquet")
    with pytest.raises(FileNotFoundError, match=r"no file for split='live'.*'train'"):
        load_numerai(tmp_path, "live")
    match = r"no rows of data type 'trian', only \['train'\]. Did you mean 'train'"
    with pytest.raises(ValueError, match=match):
        load_numerai(tmp_path / "one.parquet", "trian")
    with pytest.raises(ValueError, match="names a split twice"):
        load_numerai(tmp_path, ["train", "train"])
    with pytest.raises(ValueError, match="split must be a name"):
        load_numerai(tmp_path, [])


def test_data_set_that_does_not_exist(tmp_path):
    (tmp_path / "v5.3").mkdir()
    match = r"no data set 'v5\.4'.*Near matches: \['v5\.3'\].*sknumerai download v5\.4"
    with pytest.raises(FileNotFoundError, match=match):
        load_numerai("v5.4", data_home=tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="neither a parquet nor a csv file"):
        load_numerai(tmp_path / "notes.txt")


def test_unknown_options(tmp_path):
    write(tmp_path, make_frame())
    with pytest.raises(ValueError, match="float_features must be"):
        load_numerai(tmp_path, float_features="code")
    with pytest.raises(ValueError, match="missing_features must be"):
        load_numerai(tmp_path, missing_features="fill")
    with pytest.raises(ValueError, match="missing_features='keep' is for float"):
        load_numerai(tmp_path, missing_features="keep")
    with pytest.raises(ValueError, match=r"missing_features=0\.5 is no code"):
        load_numerai(tmp_path, missing_features=0.5)
    with pytest.raises(ValueError, match="drop_unresolved=True needs a target"):
        load_numerai(tmp_path, targets=None, drop_unresolved=True)


def test_files_with_other_features(tmp_path):
    write(tmp_path, make_frame())
    other = make_frame(range(7, 9), seed=1).drop(columns="feature_b")
    other.to_parquet(tmp_path / "validation.parquet")
    with pytest.raises(ValueError, match=r"validation\.parquet lacks 1 features of"):
        load_numerai(tmp_path, ["train", "validation"])
    data = load_numerai(tmp_path, ["train", "validation"], feature_set=["feature_a"])
    assert len(data.data) == 40


def test_full_disk(tmp_path, monkeypatch):
    write(tmp_path, make_frame())
    load_numerai(tmp_path, targets="target_ender_20", feature_set=["feature_a"])
    before = sorted(tmp_path.rglob("*"))

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sknumerai.datasets._cache._allocate", full)
    with pytest.raises(
        OSError, match=r"needs 180 B.*are free there.*Make room"
    ) as info:
        load_numerai(tmp_path, targets="target_ender_20")
    assert info.value.errno == errno.ENOSPC
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="limits of file size are POSIX")
def test_file_size_limit_in_a_process_of_its_own(tmp_path):
    """A real error of the system, which must not be the signal that kills."""
    write(tmp_path, make_frame(n_rows=2000, n_features=26))
    code = f"""
    import resource
    from sknumerai.datasets import load_numerai

    load_numerai({str(tmp_path)!r}, feature_set=["feature_a"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    for cache_dir in (None, {str(tmp_path / "new")!r}):
        try:
            load_numerai({str(tmp_path)!r}, cache_dir=cache_dir)
        except OSError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "needs 312.0 kB" in done.stdout
    assert "cannot take the ids" in done.stdout
    assert not list(tmp_path.rglob("*.tmp"))


def test_infinite_targets(tmp_path):
    frame = make_frame()
    name = next(c for c in frame.columns if c.startswith("target_"))
    frame[name] = frame[name].astype(np.float32)
    frame.iloc[3, frame.columns.get_loc(name)] = np.inf
    write(tmp_path, frame)
    with pytest.raises(ValueError, match=f"column '{name}' holds infinite values"):
        load_numerai(tmp_path, targets=name, verbose=0)
