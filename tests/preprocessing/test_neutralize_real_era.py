"""A real model's predictions for a real era, before and after neutralization."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose

from sknumerai.metrics import max_feature_exposure, rms_feature_exposure
from sknumerai.preprocessing import neutralize, reduce_exposure

DATA = os.environ.get("SKNUMERAI_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="SKNUMERAI_TEST_DATA is not set")


@pytest.fixture(scope="module")
def era():
    lightgbm = pytest.importorskip("lightgbm")
    frame = pd.read_parquet(Path(DATA, "v52_era_0575_small.parquet"))
    X = frame.filter(like="feature_")
    booster = lightgbm.Booster(model_file=Path(DATA, "numerai_small_lgbm.txt"))
    pred = booster.predict(X[booster.feature_name()], num_threads=1)
    return X, pd.Series(pred, index=X.index, name="pred")


def exposures(pred, X):
    return (
        max_feature_exposure(None, pred, X),
        rms_feature_exposure(None, pred, X),
    )


def test_a_real_model_leans_on_features_and_neutralized_does_not(era):
    X, pred = era
    assert X.shape == (5592, 42)
    assert exposures(pred, X) == pytest.approx((0.3103, 0.1556), abs=5e-5)
    neutral = neutralize(pred, X)
    expected = scoring.neutralize(pred.to_frame(), X)["pred"]
    assert_allclose(neutral, expected, rtol=0, atol=1e-12)
    assert max(exposures(neutral, X)) < 1e-9
    half = neutralize(pred, X, proportion=0.5)
    assert 0 < exposures(half, X)[0] < exposures(pred, X)[0]


def test_a_real_models_exposures_are_brought_to_a_limit(era):
    X, pred = era
    for limit in (0.1, 0.05):
        reduced = reduce_exposure(pred, X, max_exposure=limit)
        assert exposures(reduced, X)[0] == pytest.approx(limit, rel=1e-4)
        # less is changed than neutralization changes
        kept = np.corrcoef(reduced, pred)[0, 1]
        assert kept > np.corrcoef(neutralize(pred, X), pred)[0, 1]
