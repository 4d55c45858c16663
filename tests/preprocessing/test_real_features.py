"""A real era of 5,592 rows."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm, rankdata, skew

from sknumerai.preprocessing import (
    EraQuantileScaler,
    FeatureGroupStatistics,
    FeatureScaler,
    GaussianRankScaler,
    MissingCodeTransformer,
)

DATA = os.environ.get("SKNUMERAI_TEST_DATA")
pytestmark = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)


@pytest.fixture(scope="module")
def features():
    frame = pd.read_parquet(Path(DATA, "v52_era_0575_small.parquet"))
    return frame.set_index("era", append=True).swaplevel()


def test_numerai_made_its_bins_as_era_quantile_scaler_does(features):
    assert features.shape == (5592, 42)
    found = EraQuantileScaler().fit_transform(features)
    pd.testing.assert_frame_equal(found, features)


def test_no_feature_is_taken_as_missing(features):
    model = MissingCodeTransformer().fit(features)
    assert len(model.missing_features_) == 0


def test_scales_and_ranks(features):
    scaled = FeatureScaler(output_range=(-1, 1)).fit_transform(features)
    assert_allclose(scaled, features.to_numpy() / 2.0 - 1)
    ranks = GaussianRankScaler().fit_transform(features)
    oracle = norm.ppf((rankdata(features, axis=0) - 0.5) / len(features))
    assert_allclose(ranks, oracle, rtol=1e-6, atol=1e-6)


def test_statistics_of_a_row(features):
    found = FeatureGroupStatistics().fit_transform(features)
    values = features.to_numpy().astype(float)
    oracle = [values.mean(axis=1), values.std(axis=1), skew(values, axis=1)]
    assert_allclose(found, np.transpose(oracle), rtol=1e-5, atol=1e-6)
