"""FeatureNeutralizer: columns against columns, in pipelines."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from sknumerai.preprocessing import FeatureNeutralizer, neutralize
from sknumerai.submission import export_model
from tests.preprocessing.test_neutralize import GROUPS, make


@pytest.fixture
def table():
    P, F = make()
    return pd.concat([P, F], axis=1)


def test_as_the_function_of_two_tables(table):
    P, F = make()
    features = list(F)
    found = FeatureNeutralizer(features=features).fit_transform(table)
    pd.testing.assert_frame_equal(found, neutralize(P, F), atol=1e-12)
    some = FeatureNeutralizer(columns=["b"], features=features[2:5], proportion=0.5)
    found = some.fit_transform(table)
    expected = neutralize(P[["b"]], F[features[2:5]], proportion=0.5)
    pd.testing.assert_frame_equal(found, expected, atol=1e-12)


def test_groups_of_features_and_shares(table):
    P, F = make()
    shares = {"low": 0.4, "high": 1.0}
    neutralizer = FeatureNeutralizer(
        columns=list(P), feature_groups=GROUPS, proportion=shares, top_k=1
    )
    expected = neutralize(P, F, feature_groups=GROUPS, proportion=shares, top_k=1)
    assert_allclose(neutralizer.fit_transform(table), expected, atol=1e-12)


def test_arrays_by_position_and_eras_as_groups(table):
    eras = table.index.get_level_values("era")
    expected = FeatureNeutralizer(features=list(table)[3:]).fit_transform(table)
    for X in (table.to_numpy(), table.to_numpy(np.float32)):
        neutralizer = FeatureNeutralizer(features=range(3, 11)).fit(X)
        found = neutralizer.transform(X, groups=eras)
        assert isinstance(found, np.ndarray)
        assert_allclose(found, expected, atol=1e-4)


def test_without_features_the_mean_of_each_era_goes(table):
    found = FeatureNeutralizer(columns=["a"]).fit_transform(table)
    expected = table["a"] - table.groupby(level="era")["a"].transform("mean")
    assert_allclose(found["a"], expected, atol=1e-12)


def test_names_frames_and_pickles(table):
    neutralizer = FeatureNeutralizer(["c", "a"], list(table)[3:]).fit(table)
    assert neutralizer.get_feature_names_out().tolist() == ["c", "a"]
    found = neutralizer.transform(table)
    assert list(found) == ["c", "a"]
    assert found.index.equals(table.index)
    again = pickle.loads(pickle.dumps(neutralizer)).transform(table)
    pd.testing.assert_frame_equal(again, found)
    moved = neutralizer.set_output(transform="pandas").transform(table)
    pd.testing.assert_frame_equal(moved, found)


def test_in_a_pipeline_and_with_eras_routed(table):
    y = np.random.default_rng(0).normal(size=len(table))
    pipe = make_pipeline(FeatureNeutralizer(features=["f0"]), LinearRegression())
    found = pipe.fit(table, y).predict(table)
    plain = table.to_numpy()
    eras = table.index.get_level_values("era")
    with config_context(enable_metadata_routing=True):
        # fit_transform hands the eras on to transform
        pipe = make_pipeline(FeatureNeutralizer(features=[3]), LinearRegression())
        routed = pipe.fit(plain, y, groups=eras).predict(plain, groups=eras)
    assert_allclose(routed, found, atol=1e-9)


def test_integers_of_one_byte_are_not_copied_in_float(table, monkeypatch):
    seen = []
    import sknumerai.preprocessing._residuals as residuals

    original = residuals.least_squares_residuals

    def watched(y, A, **kwargs):
        seen.append((A.dtype, len(A)))
        return original(y, A, **kwargs)

    monkeypatch.setattr(residuals, "least_squares_residuals", watched)
    FeatureNeutralizer(features=list(table)[3:]).fit_transform(table)
    assert seen == [(np.int8, 80)] * 3


def test_wrong_columns_are_named(table):
    with pytest.raises(ValueError, match=r"not there.*\['gone'\]"):
        FeatureNeutralizer(features=["f0", "gone"]).fit(table)
    neutralizer = FeatureNeutralizer(features=["f0"]).fit(table)
    with pytest.raises(ValueError, match="f7"):
        neutralizer.transform(table.drop(columns="f7"))
    with pytest.raises(ValueError, match="all 11 columns are features"):
        FeatureNeutralizer(features=list(table)).fit(table)
    with pytest.raises(ValueError, match="Got both"):
        FeatureNeutralizer(features=["f0"], feature_groups=GROUPS).fit(table)
    with pytest.raises(ValueError, match="era"):
        FeatureNeutralizer().fit(table.reset_index("era"))
    holes = table.astype(np.float64)
    holes.iloc[0, 3] = np.nan
    with pytest.raises(ValueError, match=r"1 values of features.*\['f0'\]"):
        neutralizer.transform(holes)


def test_eras_of_y_count_where_x_has_none(table):
    y = pd.Series(0.0, index=table.index)
    neutralizer = FeatureNeutralizer(features=range(3, 11))
    found = neutralizer.fit_transform(table.to_numpy(), y)
    frame = FeatureNeutralizer(features=list(table)[3:]).fit_transform(table)
    assert_allclose(found, frame, atol=1e-9)


def test_can_be_exported(table, tmp_path):
    y = table["f0"] * 1.0
    pipe = make_pipeline(
        FeatureNeutralizer(features=["f0"], device="cpu"), LinearRegression()
    )
    export_model(pipe.fit(table, y), tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").stat().st_size > 0
