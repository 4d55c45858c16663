"""Fitted transformers run where sknumerai is not installed."""

import warnings

import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline

from sknumerai.datasets import make_numerai
from sknumerai.submission import export_model
from tests.preprocessing.test_protocol import ALL


@pytest.mark.slow
def test_all_in_one_pipeline(tmp_path):
    data = make_numerai(n_eras=10, n_samples_per_era=60, random_state=0)
    steps = FeatureUnion([(name, model) for name, model in ALL.items()])
    model = make_pipeline(steps, Ridge()).fit(data.data, data.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # tried in a fresh process without the package, against the model's predictions
        export_model(model, tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").stat().st_size < 1e6
