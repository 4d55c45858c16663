"""Exposures, similarity and churn on real rows, at real size and as scorers."""

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_validate

from sknumerai.metrics import (
    alpha_score,
    churn_score,
    cwmm_score,
    exposure_dissimilarity,
    feature_exposures,
    make_era_scorer,
    max_feature_exposure,
    neutral_churn_score,
    prediction_correlation_score,
    rms_feature_exposure,
)
from tests.metrics.assets_of_eras import make_signals, make_universe

DATA = os.environ.get("SKNUMERAI_TEST_DATA")


def real(name):
    if not DATA:
        pytest.skip("SKNUMERAI_TEST_DATA does not name the folder of real data")
    path = Path(DATA) / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return pd.read_parquet(path)


@pytest.mark.parametrize("top_bottom", [None, 200])
def test_a_real_era_equals_numerai_tools(top_bottom):
    frame = real("v52_era_0575_small.parquet").sort_index()
    X = frame.filter(like="feature")
    rng = np.random.default_rng(0)
    p = (X.iloc[:, :3].mean(axis=1) + rng.normal(size=len(X))).rename("p")
    got = max_feature_exposure(None, p, X, top_bottom=top_bottom)
    name, expected = scoring.max_feature_correlation(p, X, top_bottom)
    assert_allclose(got, expected, atol=1e-12)
    vector = feature_exposures(None, p, X, top_bottom=top_bottom)
    assert vector.abs().idxmax() == name
    codes = X.reset_index(drop=True)
    as_float = feature_exposures(None, p.to_numpy(), codes / 4, top_bottom=top_bottom)
    assert_allclose(vector, as_float, atol=1e-13)


def test_real_eras_of_2018_equal_a_plain_loop():
    frame = real("numerai_2018.parquet")
    frame = frame[frame["data_type"] != "live"].set_index("era", append=True)
    X = frame.filter(like="feature_")
    p = X.iloc[:, :5].mean(axis=1)
    got = feature_exposures(None, p, X, aggregate=None)
    largest = max_feature_exposure(None, p, X, aggregate=None)
    for era in got.index[::20]:
        rows = X.xs(era, level="era").astype(np.float64)
        expected = rows.corrwith(p.xs(era, level="era").astype(np.float64))
        assert_allclose(got.loc[era], expected, atol=1e-6)  # float32 predictions
        assert_allclose(largest[era], expected.abs().max(), atol=1e-6)


def test_all_features_of_an_era_are_not_copied_as_floats():
    rng = np.random.default_rng(0)
    n, k = 6000, 3555
    X = rng.integers(0, 5, (n, k), dtype=np.int8)
    p = rng.normal(size=(n, 2))
    X.flags.writeable = False
    frame = pd.DataFrame(X, copy=False)
    tracemalloc.start()
    try:
        largest = max_feature_exposure(None, p, frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes
    vector = feature_exposures(None, p, frame)
    assert_allclose(largest, vector.abs().max(axis=1), atol=1e-15)
    for j in (0, 1777, 3554):
        expected = np.corrcoef(X[:, j], p[:, 1])[0, 1]
        assert_allclose(vector.iloc[1, j], expected, atol=1e-12)


def make_task():
    rng = np.random.default_rng(1)
    signals = make_signals(rng, n_models=4, leaving=2)
    N, v = make_universe(rng, signals.index)
    X = (signals * 8).round().astype(np.int8)
    y = pd.Series(rng.normal(size=len(X)), index=X.index, name="target_20")
    eras = X.index.get_level_values("era")
    # two folds of three eras each
    return X, y + 0.1 * X["model_0"], N, v, PredefinedSplit(eras > 20260902)


def test_as_scorers_in_cross_validation():
    X, y, N, v, cv = make_task()
    other = (X["model_1"] + 0.5 * X["model_2"]).sample(frac=1, random_state=0)
    scoring = {
        "largest": make_era_scorer(max_feature_exposure, greater_is_better=False),
        "two": make_era_scorer(rms_feature_exposure, features=["model_0", "model_3"]),
        "unlike": make_era_scorer(exposure_dissimilarity, example_predictions=other),
        "cwmm": make_era_scorer(cwmm_score, meta_model=other),
        "example": make_era_scorer(
            prediction_correlation_score, other=other, method="pearson"
        ),
        "churn": make_era_scorer(churn_score, greater_is_better=False),
        "neutral": make_era_scorer(neutral_churn_score, neutralizers=N),
        "alpha": make_era_scorer(alpha_score, neutralizers=N, sample_weight=v),
    }
    model = Ridge()
    found = cross_validate(
        model, X, y, cv=cv, scoring=scoring, error_score="raise", return_estimator=True
    )
    for fold, (_, test) in enumerate(cv.split()):
        X_test, y_test = X.iloc[test], y.iloc[test]
        p = found["estimator"][fold].predict(X_test)
        p = pd.Series(p, index=X_test.index)
        expected = {
            "largest": -max_feature_exposure(y_test, p, X_test),
            "two": rms_feature_exposure(None, p, X_test[["model_0", "model_3"]]),
            "unlike": exposure_dissimilarity(None, p, X_test, other),
            "cwmm": cwmm_score(None, p, other),
            "example": prediction_correlation_score(None, p, other, method="pearson"),
            "churn": -churn_score(None, p),
            "neutral": neutral_churn_score(None, p, N),
            "alpha": alpha_score(y_test, p, N, v),
        }
        for name, value in expected.items():
            assert np.isfinite(value)
            got = found[f"test_{name}"][fold]
            assert_allclose(got, value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_scorer_pickles():
    X, y, *_ = make_task()
    model = Ridge().fit(X, y)
    scorer = make_era_scorer(max_feature_exposure, method="spearman")
    again = pickle.loads(pickle.dumps(scorer))
    assert again(model, X, y) == scorer(model, X, y)
