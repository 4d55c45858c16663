"""Estimators, summaries and progress bars in a notebook."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import sknumerai
from sknumerai.datasets import make_numerai
from sknumerai.ensemble import NeutralizedRegressor, ResidualTargetRegressor
from sknumerai.neural_network import ContextAwareRanker, MLPRegressor
from sknumerai.preprocessing import FeatureNeutralizer, GaussianRankScaler
from tests import common
from tests.discovery import all_estimators

SOURCES = sorted(Path(sknumerai.__file__).parent.rglob("*.py"))
STYLE = re.compile(r"<style.*?</style>|<script.*?</script>", re.DOTALL)
# Of a repr without its style sheet and script
MOST_CHARACTERS = 60_000


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=30,
        n_samples_per_era=20,
        n_features=6,
        targets="target_ender_20",
        random_state=0,
    )


def shown(estimator):
    """What a notebook gets, without style sheet and script."""
    bundle = estimator._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    return STYLE.sub("", bundle["text/html"])


def inner_of(estimator):
    """Estimators among the parameters."""
    for value in estimator.get_params(deep=False).values():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield value
        elif isinstance(value, list):
            yield from (step[1] for step in value)


def test_all_are_found():
    assert len(list(common.tested_estimators())) == len(all_estimators()) > 20


@pytest.mark.parametrize(
    "estimator", common.tested_estimators(), ids=lambda e: type(e).__name__
)
def test_estimators_before_and_after_fit(estimator, data):
    for _ in range(2):
        html = shown(estimator)
        assert type(estimator).__name__ in html
        for inner in inner_of(estimator):
            assert type(inner).__name__ in html
        assert len(html) < MOST_CHARACTERS
        if hasattr(estimator, "n_features_in_"):
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            X, y = data.data, data.target
            if type(estimator).__name__.endswith("Classifier"):
                y = y > 0.5
            if hasattr(estimator, "max_epochs"):
                # only how it looks is asked
                X, y = X[:40], y[:40]
                estimator.set_params(max_epochs=1, n_validation_eras=0)
            estimator.fit(X, y)
    assert "fitted" in html
    if hasattr(estimator, "module_"):
        n = sum(p.numel() for p in estimator.module_.parameters())
        assert estimator.summary().n_parameters == n
        assert f"{n:,} parameters" in estimator.summary()._repr_html_()


def test_ensembles_and_pipelines_show_what_is_inside():
    network = ContextAwareRanker()
    blend = VotingRegressor([("rank", network), ("mlp", MLPRegressor())])
    pipeline = make_pipeline(
        GaussianRankScaler(), NeutralizedRegressor(blend), memory=None
    )
    html = shown(pipeline)
    for name in ("GaussianRankScaler", "NeutralizedRegressor", "VotingRegressor"):
        assert name in html
    assert "ContextAwareRanker" in html and "MLPRegressor" in html


def test_large_arrays_in_parameters_are_not_written_out():
    # as many numbers as would take a minute to write
    X = pd.DataFrame(np.zeros((200_000, 30)), columns=[f"f{i}" for i in range(30)])
    columns = [f"feature_{i}" for i in range(3_000)]
    for estimator in (
        ResidualTargetRegressor(Ridge(), by=X),
        NeutralizedRegressor(Ridge(), features=columns),
        FeatureNeutralizer(columns),
        Ridge(alpha=np.zeros(100_000)),
    ):
        html = shown(estimator)
        assert len(html) < MOST_CHARACTERS
        assert type(estimator).__name__ in html


def test_progress_bars_are_those_of_notebooks():
    imports = [
        line.strip()
        for path in SOURCES
        for line in path.read_text().splitlines()
        if re.match(r"\s*(from|import) tqdm", line)
    ]
    assert len(imports) >= 5
    assert set(imports) == {"from tqdm.auto import tqdm"}
