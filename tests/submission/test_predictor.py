"""What an exported file does with live data."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.submission import export_model
from tests.submission.frames import FEATURES, make_live, ranks


def test_missing_features(data, tmp_path):
    path = tmp_path / "predict.pkl"
    model = make_pipeline(StandardScaler(), Ridge()).fit(*data)
    live = make_live()
    predict = pd.read_pickle(export_model(model, path, verify=False))
    with pytest.raises(ValueError, match=r"1 of the model's 4 .*\['feature_b'\]"):
        predict(live.drop(columns="feature_b"))
    filled = pd.read_pickle(export_model(model, path, missing=2, verify=False))
    pd.testing.assert_frame_equal(
        filled(live.drop(columns="feature_b")),
        predict(live.assign(feature_b=np.int8(2))),
    )
    holes = live.assign(feature_a=np.where(live["feature_a"] == 2, np.nan, 1.0))
    twos = live.assign(feature_a=np.where(live["feature_a"] == 2, np.int8(2), 1))
    pd.testing.assert_frame_equal(filled(holes), predict(twos))
    with pytest.raises(ValueError, match="NaN"):
        predict(holes)  # Ridge refuses NaN itself
    for bad in [None, "fill", True, np.nan]:
        with pytest.raises(ValueError, match="'missing' parameter of export_model"):
            export_model(model, path, missing=bad)


def test_nan_goes_to_a_model_that_takes_it(data, tmp_path):
    model = HistGradientBoostingRegressor(max_iter=3).fit(*data)
    path = export_model(model, tmp_path / "predict.pkl", verify=False)
    live = make_live().assign(feature_a=np.nan)
    assert pd.read_pickle(path)(live).notna().all(axis=None)


@pytest.mark.parametrize("missing, kind", [("raise", "i"), (2, "i"), (0.5, "f")])
def test_filled_codes_stay_codes(missing, kind, data, tmp_path):
    """Networks scale integers as codes, so a filled column must not become floats."""

    class Recorder(LinearRegression):
        def predict(self, X):
            kinds.append({dtype.kind for dtype in X[["feature_a", "feature_b"]].dtypes})
            return super().predict(X)

    kinds = []
    model = Recorder().fit(*data)
    path = export_model(model, tmp_path / "p.pkl", missing=missing, verify=False)
    live = make_live()
    if missing != "raise":
        live = live.drop(columns="feature_b").assign(feature_a=np.nan)
    predict = pd.read_pickle(path)
    predict.model = model  # the one that records here
    predict(live)
    assert kinds[-1] == {kind}


@pytest.mark.parametrize("shape", ["column", "index", "both", "id column", "no era"])
def test_where_the_eras_may_be(shape, data, tmp_path):
    """An era is ranked and predicted alone, wherever its label is."""
    model = make_pipeline(StandardScaler(), Ridge()).fit(*data)
    predict = pd.read_pickle(export_model(model, tmp_path / "p.pkl", verify=False))
    live = make_live()
    rng = np.random.default_rng(3)
    live["era"] = rng.choice(["0007", "X", "0012"], len(live))
    raw = pd.Series(model.predict(live[FEATURES]), index=live.index)
    grouped = raw.groupby(live["era"])
    expected = (grouped.rank() - 0.5) / grouped.transform("size")
    if shape == "index":
        live = live.set_index("era", append=True)
    elif shape == "both":
        live = live.set_index("era", append=True).assign(era="X")
    elif shape == "id column":
        live = live.reset_index()
    elif shape == "no era":
        live = live.drop(columns="era")
        expected = (raw.rank() - 0.5) / len(raw)
    got = predict(live)
    assert got.index.name == "id"
    pd.testing.assert_series_equal(got["prediction"], expected, check_names=False)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.to_numpy(), "must be a pandas DataFrame, got ndarray"),
        (lambda f: pd.concat([f, f]), "40 ids .* the first is 'live0000'"),
        (lambda f: f.assign(era=None), "rows have no era"),
        (lambda f: f.assign(era="yesterday"), "'yesterday'.* are not eras"),
        (lambda f: pd.concat([f, f[["feature_a"]]], axis=1), "two columns"),
        (
            lambda f: f.reset_index(drop=True).set_index("era"),
            "neither an index level nor a column 'id'",
        ),
    ],
)
def test_bad_live_frames(change, match, data, tmp_path):
    model = Ridge().fit(*data)
    predict = pd.read_pickle(export_model(model, tmp_path / "p.pkl", verify=False))
    with pytest.raises((ValueError, TypeError), match=match):
        predict(change(make_live()))


def test_constant_predictions_warn(data, tmp_path):
    model = DummyRegressor().fit(*data)
    with pytest.warns(UserWarning, match="same value for all 64 rows"):
        export_model(model, tmp_path / "p.pkl", features=FEATURES, verify=False)


def test_one_column_is_fine(data, tmp_path):
    X, y = data
    path = export_model(Ridge().fit(X, y.to_frame()), tmp_path / "p.pkl", verify=False)
    got = pd.read_pickle(path)(make_live())
    path = export_model(Ridge().fit(X, y), tmp_path / "p.pkl", verify=False)
    np.testing.assert_allclose(got, pd.read_pickle(path)(make_live()))


def test_classifier_ranks_by_expected_class(data, tmp_path):
    X, y = data
    model = LogisticRegression(solver="newton-cholesky").fit(
        X, (y > y.median()).astype(int)
    )
    predict = pd.read_pickle(export_model(model, tmp_path / "p.pkl", verify=False))
    expected = ranks(model.predict_proba(make_live()[FEATURES])[:, 1])
    np.testing.assert_allclose(predict(make_live())["prediction"], expected)
    model = LogisticRegression(solver="newton-cholesky").fit(
        X, np.where(y > y.median(), "up", "down")
    )
    with pytest.raises(TypeError, match="classes that are no numbers"):
        export_model(model, tmp_path / "p.pkl")


def test_groups_are_handed_to_models_fitted_on_arrays(tmp_path):
    class Grouped(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.n_features_in_ = X.shape[1]
            return self

        def predict(self, X, groups=None):
            assert set(groups) == {"X"}
            return X[:, 0] + 0.1 * X[:, 1]

    model = Grouped().fit(np.zeros((3, 4)), np.zeros(3))
    path = tmp_path / "predict.pkl"
    export_model(model, path, features=FEATURES, verify=False)
    assert pd.read_pickle(path)(make_live())["prediction"].nunique() > 5


def test_says_what_it_is(data, tmp_path):
    path = export_model(Ridge().fit(*data), tmp_path / "p.pkl", verify=False)
    predict = pd.read_pickle(path)
    python = ".".join(map(str, sys.version_info[:2]))
    assert repr(predict) == (
        "<predict(live_features, live_benchmark_models): Ridge of 4 features, made by "
        f"Python {python}>"
    )
    assert predict.about["packages"]["numpy"] == np.__version__
