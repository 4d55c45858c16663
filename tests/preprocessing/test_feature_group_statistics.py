import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import skew

from sknumerai.datasets import make_numerai
from sknumerai.preprocessing import FeatureGroupStatistics


@pytest.fixture(scope="module")
def data():
    return make_numerai(n_eras=2, n_samples_per_era=30, n_features=60, random_state=0)


@pytest.fixture
def features_json(data, tmp_path):
    sets = {name: list(names) for name, names in data.feature_sets.items()}
    path = tmp_path / "features.json"
    path.write_text(json.dumps({"feature_sets": sets, "targets": []}))
    return path


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        st.sampled_from([np.int8, np.float64]),
        st.tuples(st.integers(1, 8), st.integers(1, 12)),
        elements=st.integers(0, 4),
    )
)
def test_against_numpy_and_scipy(X):
    found = FeatureGroupStatistics().fit_transform(X)
    exact = X.astype(np.float64)
    constant = (exact == exact[:, :1]).all(axis=1)
    third = np.zeros(len(X))
    if not constant.all():
        third[~constant] = skew(exact[~constant], axis=1)
    oracle = np.column_stack([exact.mean(axis=1), exact.std(axis=1), third])
    tolerance = 1e-12 if X.dtype == np.float64 else 1e-6
    assert_allclose(found, oracle, rtol=tolerance, atol=tolerance)


def test_groups_that_overlap(data):
    X = data.data
    groups = {"a": list(X.columns[:20]), "b": list(X.columns[10:33])[::-1]}
    statistics = ["skew", "mean"]
    found = FeatureGroupStatistics(groups, statistics=statistics).fit_transform(X)
    assert list(found.columns) == ["a_skew", "a_mean", "b_skew", "b_mean"]
    assert (found.dtypes == "float32").all()
    for group, names in groups.items():
        assert_allclose(found[f"{group}_mean"], X[names].mean(axis=1), rtol=1e-6)
        oracle = skew(X[names].to_numpy(), axis=1)
        assert_allclose(found[f"{group}_skew"], oracle, rtol=1e-5, atol=1e-6)


def test_constant_rows_and_missing_values():
    X = np.array([[0.1] * 7, [1e9] * 7, [np.nan] + [1.0] * 6])
    found = FeatureGroupStatistics(statistics=["std", "skew"]).fit_transform(X)
    assert_array_equal(found[:2], 0)
    assert np.isnan(found[2]).all()


def test_groups_of_a_file(data, features_json):
    X = data.data
    for path in (str(features_json), features_json, features_json.parent):
        model = FeatureGroupStatistics(path, statistics=["mean"]).fit(X)
        assert not {"small", "medium", "all", "fncv3_features"} & set(model.groups_)
        assert {"constitution", "rain"} <= set(model.groups_)
    names = data.feature_sets["rain"]
    found = model.transform(X)["rain_mean"]
    assert_allclose(found, X[names].mean(axis=1), rtol=1e-6)
    # of features that X has
    half = X[X.columns[::2]]
    found = model.fit(half).transform(half)["rain_mean"]
    names = [name for name in names if name in half]
    assert_allclose(found, half[names].mean(axis=1), rtol=1e-6)
    # and not needed any more
    features_json.unlink()
    model.transform(half)


def test_groups_of_a_file_that_is_of_other_features(features_json):
    X = pd.DataFrame({"one": [1, 2]})
    with pytest.raises(ValueError, match=r"no feature of the groups .*\['one'\]"):
        FeatureGroupStatistics(features_json).fit(X)


def test_passthrough_keeps_the_types_of_frames(data):
    X = data.data
    model = FeatureGroupStatistics(passthrough=True).fit(X)
    found = model.transform(X)
    pd.testing.assert_frame_equal(found[X.columns], X)
    assert list(found.columns[60:]) == ["all_mean", "all_std", "all_skew"]
    array = model.fit(X.to_numpy()).transform(X.to_numpy())
    assert array.dtype == np.float32
    assert_array_equal(array, found.to_numpy().astype(np.float32))


def test_positions_where_there_are_no_names():
    X = np.arange(12.0).reshape(3, 4)
    found = FeatureGroupStatistics({"g": [3, 1]}, statistics=["mean"]).fit_transform(X)
    assert_array_equal(found[:, 0], X[:, [1, 3]].mean(axis=1))


@pytest.mark.parametrize("statistics", [[], "mean", ["median"], ["mean", "mode"]])
def test_wrong_statistics_say_what_is_allowed(statistics):
    with pytest.raises(ValueError, match=r"must be an? "):
        FeatureGroupStatistics(statistics=statistics).fit(np.zeros((2, 2)))


def test_a_group_with_a_feature_that_is_not_there(data):
    groups = {"a": ["feature_of_tomorrow", data.data.columns[0]]}
    with pytest.raises(ValueError, match=r"group 'a' .*feature_of_tomorrow"):
        FeatureGroupStatistics(groups).fit(data.data)


def test_no_copy_of_the_features_as_floats():
    X = np.ones((50_000, 200), dtype=np.int8)
    model = FeatureGroupStatistics({"a": range(150), "b": range(100, 200)}).fit(X)
    tracemalloc.start()
    model.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e7  # 80 MB were float64
