"""Neutralization inside the file equals that of sknumerai.preprocessing."""

import inspect

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.preprocessing import neutralize
from sknumerai.submission import export_model
from tests.submission.frames import FEATURES, make_live, ranks


@pytest.fixture(scope="module")
def model(data):
    return HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=3).fit(*data)


@pytest.mark.parametrize("proportion", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("features", [None, FEATURES[:2], ["feature_other"]])
def test_equals_neutralize(features, proportion, model, tmp_path):
    path = export_model(
        model,
        tmp_path / "p.pkl",
        neutralize={"features": features, "proportion": proportion},
        verify=False,
    )
    live = make_live(200)
    raw = model.predict(live[FEATURES])
    F = live[features or FEATURES]
    got = pd.read_pickle(path)(live)["prediction"]
    expected = ranks(neutralize(raw, F.to_numpy(), proportion=proportion))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    # Numerai's own tool
    theirs = scoring.neutralize(
        pd.DataFrame({"p": raw}, index=live.index), F, proportion=proportion
    )
    np.testing.assert_allclose(got, ranks(theirs["p"].to_numpy()), rtol=0, atol=1e-12)


def test_runs_without_sknumerai_and_era_by_era(model, tmp_path):
    # the check in a fresh process, on rows enough for the features
    path = export_model(model, tmp_path / "p.pkl", neutralize={}, n_arguments=1)
    predict = pd.read_pickle(path)
    live = make_live(100).assign(era=np.repeat(["0001", "X"], 50))
    both = predict(live)
    pd.testing.assert_frame_equal(both[:50], predict(live[:50]))
    pd.testing.assert_frame_equal(both[50:], predict(live[50:]))


def test_linear_model_has_nothing_left(data, tmp_path):
    path = tmp_path / "p.pkl"
    linear = make_pipeline(StandardScaler(), Ridge()).fit(*data)
    with pytest.raises(ValueError, match="Nothing of the prediction is left"):
        export_model(linear, path, neutralize={"features": FEATURES})
    assert not path.exists()
    export_model(linear, path, neutralize={"proportion": 0.5}, verify=False)


def test_too_few_live_rows(model, tmp_path):
    path = export_model(model, tmp_path / "p.pkl", neutralize={}, verify=False)
    with pytest.raises(ValueError, match="4 features on 4 rows"):
        pd.read_pickle(path)(make_live(4))


def test_holes_in_the_features(model, tmp_path):
    path = tmp_path / "p.pkl"
    live = make_live()
    holes = live.assign(feature_other=np.where(np.arange(40) < 3, np.nan, 1))
    by = {"features": ["feature_other"]}
    strict = pd.read_pickle(export_model(model, path, neutralize=by, verify=False))
    with pytest.raises(ValueError, match=r"NaN or infinite.*\['feature_other'\]"):
        strict(holes)
    with pytest.raises(ValueError, match="neutralization's 1 features are not"):
        strict(live.drop(columns="feature_other"))
    with pytest.warns(UserWarning, match="'feature_other'"):
        export_model(model, path, neutralize=by, missing=2, verify=False)
    filled = pd.read_pickle(path)
    twos = live.assign(feature_other=np.where(np.arange(40) < 3, 2, 1))
    pd.testing.assert_frame_equal(filled(holes), strict(twos))
    assert filled(live.drop(columns="feature_other")).notna().all(axis=None)


@pytest.mark.parametrize(
    "bad, match",
    [
        (0.5, "must be None or a dict with the keys"),
        ({"feature": FEATURES}, "must be None or a dict with the keys"),
        ({"proportion": 1.5}, r"from 0 .* to 1 .* Got 1\.5"),
        ({"proportion": True}, "Got True"),
        ({"features": []}, "one or more names"),
        ({"features": ["feature_a", "feature_a"]}, "2 names, 1 of them"),
    ],
)
def test_bad_arguments(bad, match, model, tmp_path):
    with pytest.raises(ValueError, match=match):
        export_model(model, tmp_path / "p.pkl", neutralize=bad)


@pytest.mark.parametrize("n_arguments", [1, 2])
def test_number_of_arguments(n_arguments, model, tmp_path):
    path = tmp_path / "p.pkl"
    export_model(model, path, n_arguments=n_arguments, verify=False)
    predict = pd.read_pickle(path)
    names = ["live_features", "live_benchmark_models"][:n_arguments]
    assert list(inspect.signature(predict).parameters) == names
    assert repr(predict).startswith(f"<predict({', '.join(names)}): Hist")
    live = make_live()
    given = (live, pd.DataFrame(index=live.index))[:n_arguments]
    pd.testing.assert_frame_equal(predict(*given), predict(live))


@pytest.mark.parametrize("bad", [0, 3, True, 1.5, None])
def test_bad_number_of_arguments(bad, model, tmp_path):
    with pytest.raises(ValueError, match="'n_arguments' parameter of export_model"):
        export_model(model, tmp_path / "p.pkl", n_arguments=bad)


def test_classifier_of_five_classes_in_a_pipeline(data, tmp_path):
    """The classes are weights, whatever their order of magnitude."""
    X, y = data
    labels = 10 * pd.qcut(y, 5, labels=False) - 20
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cg")).fit(
        X, labels
    )
    path = export_model(
        model, tmp_path / "p.pkl", neutralize={"proportion": 0.3}, verify=False
    )
    live = make_live()
    raw = model.predict_proba(live[FEATURES]) @ np.array([-20, -10, 0, 10, 20])
    expected = neutralize(raw, live[FEATURES].to_numpy(), proportion=0.3)
    got = pd.read_pickle(path)(live)["prediction"]
    np.testing.assert_allclose(got, ranks(expected))
