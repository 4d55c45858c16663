import json
import mmap
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import get_data_home, load_feature_sets, load_numerai
from sknumerai.utils import check_eras
from tests.datasets.numerai_files import features_of, make_frame


@pytest.fixture
def folder(tmp_path):
    make_frame().to_parquet(tmp_path / "train.parquet")
    validation = make_frame(range(7, 12), seed=1, data_type="validation")
    late = validation["era"] >= "0010"
    validation.loc[late, ["target_ender_60", "target"]] = np.nan
    validation.loc[late, "data_type"] = "test"
    validation.to_parquet(tmp_path / "validation.parquet")
    live = make_frame(["X"], seed=2, data_type="live")
    live = live.drop(columns=[c for c in live if c.startswith("target")])
    live.to_parquet(tmp_path / "live.parquet")
    sets = {"small": ["feature_c", "feature_a"], "pair": ["feature_b", "feature_e"]}
    content = {"feature_sets": sets, "targets": ["target_ender_20"]}
    (tmp_path / "features.json").write_text(json.dumps(content))
    return tmp_path


def on_a_map(array):
    """Whether the memory of an array is a memory map."""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(getattr(array, "obj", array), mmap.mmap)


def test_same_as_pandas(folder):
    expected = pd.read_parquet(folder / "train.parquet")
    data = load_numerai(folder)
    assert data.data.columns.tolist() == data.feature_names
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(expected))
    np.testing.assert_array_equal(data.target, expected["target_ender_60"])
    assert data.data.index.get_level_values("id").tolist() == expected.index.tolist()
    assert data.eras.tolist() == expected["era"].tolist()
    assert data.data.index.names == ["era", "id"]
    assert data.target.index is data.data.index
    assert data.eras.index is data.data.index
    assert data.target.name == "target_ender_60"
    assert data.target.dtype == np.float32
    assert data.alias_of == ["target_ender_60"]
    assert data.data_type is None
    plain = expected.set_index("era", append=True).swaplevel()
    assert data.data.index.equals(plain.index)
    assert plain.index.equals(data.data.index)


def test_data_are_a_read_only_row_major_view_of_the_map(folder):
    data = load_numerai(folder)
    values = data.data.to_numpy()
    assert values.dtype == np.int8
    assert values.flags.c_contiguous
    assert not values.flags.writeable
    assert on_a_map(values)
    np.testing.assert_array_equal(values, np.load(data.map_path))
    part = data.data.iloc[7:19].to_numpy()
    assert np.shares_memory(part, values)
    assert part.flags.c_contiguous


def test_interval_of_eras_is_a_view_of_the_same_map(folder):
    whole = load_numerai(folder)
    part = load_numerai(folder, eras=slice(2, 5))
    assert part.map_path == whole.map_path
    assert part.eras.unique().tolist() == ["0002", "0003", "0004"]
    pd.testing.assert_frame_equal(part.data, whole.data.iloc[5:20])
    assert part.data.index.levels[0].tolist() == ["0002", "0003", "0004"]


@pytest.mark.parametrize("first", ["whole", "part"])
def test_every_fourth_era(folder, first):
    if first == "whole":
        load_numerai(folder)
    data = load_numerai(folder, every=4)
    expected = pd.read_parquet(folder / "train.parquet").query(
        "era in ['0001', '0005']"
    )
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(expected))
    np.testing.assert_array_equal(data.target, expected["target_ender_60"])
    assert data.data.index.get_level_values("id").tolist() == expected.index.tolist()
    assert len(np.load(data.map_path, mmap_mode="r")) == 10
    # the same eras in every file
    data = load_numerai(folder, "validation", every=4)
    assert data.eras.unique().tolist() == ["0009"]


@pytest.mark.parametrize(
    "eras",
    [[3, 5], ["0005", "3"], range(3, 6, 2), np.array([5, 3]), pd.Series(["era3", "5"])],
    ids=["ints", "labels", "range", "array", "series"],
)
def test_named_eras(folder, eras):
    data = load_numerai(folder, eras=eras)
    assert data.eras.unique().tolist() == ["0003", "0005"]


def test_one_era(folder):
    assert load_numerai(folder, eras="0004").eras.unique().tolist() == ["0004"]
    assert load_numerai(folder, eras=4).eras.unique().tolist() == ["0004"]


def test_feature_sets(folder):
    expected = pd.read_parquet(folder / "train.parquet")
    small = load_numerai(folder, feature_set="small")
    assert small.feature_names == ["feature_c", "feature_a"]
    np.testing.assert_array_equal(
        small.data.to_numpy(), expected[["feature_c", "feature_a"]].to_numpy()
    )
    assert small.data.to_numpy().flags.c_contiguous
    assert small.feature_sets == {"small": ["feature_c", "feature_a"]}
    assert set(load_numerai(folder).feature_sets) == {"small", "pair"}
    listed = load_numerai(folder, feature_set=["feature_e"])
    assert listed.data.columns.tolist() == ["feature_e"]
    assert load_feature_sets(folder)["pair"] == ["feature_b", "feature_e"]
    assert load_feature_sets(folder / "train.parquet") == load_feature_sets(folder)
    assert load_feature_sets(folder / "features.json") == load_feature_sets(folder)


def test_targets(folder):
    one = load_numerai(folder, targets=["target_ender_20"])
    assert one.target.columns.tolist() == ["target_ender_20"]
    names = ["target_cyrusd_20", "target_ender_20"]
    two = load_numerai(folder, targets=names)
    assert two.target.columns.tolist() == two.target_names == names
    expected = pd.read_parquet(folder / "train.parquet")[names]
    np.testing.assert_array_equal(two.target.to_numpy(), expected.to_numpy())
    assert (two.target.dtypes == np.float32).all()
    assert load_numerai(folder, targets=None).target is None
    alias = load_numerai(folder, targets="target", allow_alias=True)
    assert alias.target.name == "target"


def test_drop_unresolved(folder, capsys):
    kept = load_numerai(folder, "validation")
    assert (len(kept.data), kept.n_unresolved, kept.n_dropped) == (25, 10, 0)
    assert kept.alias_of == ["target_ender_60"]  # NaN where that is NaN
    assert capsys.readouterr().err == ""
    data = load_numerai(folder, "validation", drop_unresolved=True)
    assert (len(data.data), data.n_unresolved, data.n_dropped) == (15, 10, 10)
    assert "left out 10 of 25 rows" in capsys.readouterr().err
    assert data.map_path == kept.map_path
    assert data.target.notna().all()
    assert data.data_type.unique().tolist() == ["validation"]
    # resolved earlier than the 60-day target
    other = load_numerai(
        folder, "validation", targets="target_ender_20", drop_unresolved=True
    )
    assert other.n_dropped == 0


def test_drop_scattered_unresolved_rows(tmp_path):
    frame = make_frame()
    frame.loc[frame.index[[2, 11, 29]], "target_ender_20"] = np.nan
    frame.to_parquet(tmp_path / "train.parquet")
    data = load_numerai(tmp_path, targets="target_ender_20", drop_unresolved=True)
    kept = frame[frame["target_ender_20"].notna()]
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(kept))
    assert data.n_dropped == 3
    assert data.data.to_numpy().flags.c_contiguous


def test_splits(folder):
    live = load_numerai(folder, "live")
    assert live.target is None
    assert live.eras.unique().tolist() == ["X"]
    assert live.data_type.unique().tolist() == ["live"]
    test = load_numerai(folder, "test", targets="target_ender_20")
    assert test.eras.unique().tolist() == ["0010", "0011"]
    assert load_numerai(folder / "validation.parquet", "all").data.shape == (25, 6)
    assert load_numerai(folder / "validation.parquet", "validation").data.shape[0] == 25


def test_splits_are_joined_in_one_map(folder):
    data = load_numerai(folder, ["validation", "train"], targets="target_ender_20")
    files = [pd.read_parquet(folder / f"{s}.parquet") for s in ("train", "validation")]
    expected = pd.concat(files)
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(expected))
    np.testing.assert_array_equal(data.target, expected["target_ender_20"])
    assert data.data.index.get_level_values("id").tolist() == expected.index.tolist()
    assert data.data.to_numpy().flags.c_contiguous
    assert on_a_map(data.data.to_numpy())
    assert data.data_type is None  # the train file has none


def test_csv_same_as_parquet(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("csv")
    frame = pd.read_parquet(folder / "train.parquet")
    frame.to_csv(other / "train.csv")
    frame.to_csv(other / "zipped.csv.gz")
    expected = load_numerai(folder)
    for path in (other, other / "train.csv", other / "zipped.csv.gz"):
        data = load_numerai(path)
        pd.testing.assert_frame_equal(data.data, expected.data)
        pd.testing.assert_series_equal(data.target, expected.target)


def test_floats(tmp_path):
    frame = make_frame()
    names = [c for c in frame if c.startswith("feature")]
    floats = frame.assign(**{c: frame[c].astype("float32") / 4 for c in names})
    floats.to_parquet(tmp_path / "train.parquet")
    floats.to_csv(tmp_path / "other.csv")
    for path in (tmp_path, tmp_path / "other.csv"):
        data = load_numerai(path)
        assert (data.data.dtypes == np.float32).all()
        np.testing.assert_array_equal(data.data.to_numpy(), features_of(frame) / 4)
        codes = load_numerai(path, float_features="codes")
        assert (codes.data.dtypes == np.int8).all()
        np.testing.assert_array_equal(codes.data.to_numpy(), features_of(frame))


def test_missing_features_by_choice(tmp_path):
    frame = make_frame()
    floats = frame.copy()
    floats["feature_b"] = floats["feature_b"].astype("float32") / 4
    floats.iloc[3, floats.columns.get_loc("feature_b")] = np.nan
    floats.to_parquet(tmp_path / "floats.parquet")
    chosen = {"feature_set": ["feature_b"]}
    path = tmp_path / "floats.parquet"
    kept = load_numerai(path, missing_features="keep", **chosen)
    assert np.flatnonzero(kept.data["feature_b"].isna()).tolist() == [3]
    half = load_numerai(path, missing_features=0.5, **chosen)
    assert half.data["feature_b"].iloc[3] == 0.5
    two = load_numerai(path, missing_features=2, float_features="codes", **chosen)
    assert two.data["feature_b"].iloc[3] == 2
    frame["feature_b"] = frame["feature_b"].astype("Int8")
    frame.iloc[3, frame.columns.get_loc("feature_b")] = pd.NA
    frame.to_parquet(tmp_path / "codes.parquet")
    two = load_numerai(tmp_path / "codes.parquet", missing_features=2)
    assert two.data["feature_b"].iloc[3] == 2
    assert (two.data.dtypes == np.int8).all()


def test_ids_in_a_column_and_integer_eras(tmp_path):
    frame = make_frame().assign(era=lambda f: f["era"].astype(int))
    frame.reset_index().to_parquet(tmp_path / "a.parquet", index=False)
    frame.rename_axis(None).to_parquet(tmp_path / "b.parquet")
    for name in "ab":
        data = load_numerai(tmp_path / f"{name}.parquet")
        assert data.eras.unique().tolist() == [1, 2, 3, 4, 5, 6]
        assert data.data.index.get_level_values("id").tolist() == frame.index.tolist()


def test_names_are_found_in_the_data_home(folder, monkeypatch):
    home = folder.parent
    expected = load_numerai(folder)
    assert load_numerai(folder.name, data_home=home).map_path == expected.map_path
    monkeypatch.setenv("SKNUMERAI_DATA", str(home))
    assert get_data_home() == home
    assert load_numerai(folder.name).map_path == expected.map_path


def test_eras_are_found_where_they_are_needed(folder):
    data = load_numerai(folder)
    eras = check_eras(None, data.data, data.target, required=True)
    assert eras.n_eras == 6
    assert check_eras(data.eras, data.data, data.target).n_eras == 6
    half = data.data.iloc[np.arange(0, 30, 2)]
    assert check_eras(None, half, data.target.loc[half.index]).counts.sum() == 15


def test_in_a_pipeline_and_a_pickle(folder):
    data = load_numerai(folder)
    model = make_pipeline(StandardScaler(), Ridge())
    scores = cross_val_score(
        clone(model), data.data, data.target, groups=data.eras, cv=GroupKFold(3)
    )
    assert np.isfinite(scores).all()
    again = pickle.loads(pickle.dumps(data))
    pd.testing.assert_frame_equal(again.data, data.data)
    pd.testing.assert_series_equal(again.target, data.target)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    eras=st.lists(st.sampled_from(["1", "2", "3", "10", "11", "20"]), min_size=1),
    row_group_size=st.integers(1, 40),
    every=st.sampled_from([None, 1, 2, 3]),
    seed=st.integers(0, 3),
)
def test_any_order_of_rows_and_any_row_groups(
    tmp_path_factory, eras, row_group_size, every, seed
):
    """Against a plain stable sort in pandas."""
    tmp_path = tmp_path_factory.mktemp("any")
    frame = make_frame(eras, 2, 3, seed=seed)
    frame.to_parquet(tmp_path / "train.parquet", row_group_size=row_group_size)
    expected = frame.sort_values("era", key=lambda e: e.astype(int), kind="stable")
    if every is not None:
        expected = expected[(expected["era"].astype(int) - 1) % every == 0]
    if expected.empty:
        with pytest.raises(ValueError, match="no rows are left"):
            load_numerai(tmp_path, every=every)
        return
    sorted_ = frame["era"].astype(int).is_monotonic_increasing
    if sorted_:
        data = load_numerai(tmp_path, every=every)
    else:
        with pytest.warns(UserWarning, match="order of the era numbers"):
            data = load_numerai(tmp_path, every=every)
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(expected))
    np.testing.assert_array_equal(data.target, expected["target_ender_60"])
    assert data.eras.tolist() == expected["era"].tolist()
    assert data.data.index.get_level_values("id").tolist() == expected.index.tolist()
