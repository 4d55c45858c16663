"""Small files in the official layout, and an empty folder to work in."""

import json

import pytest

from sknumerai.datasets import make_numerai
from tests.cli.running import TARGET


@pytest.fixture(scope="session")
def bunch():
    targets = [TARGET, "target_ender_60"]
    return make_numerai(
        30, n_samples_per_era=40, n_features=6, targets=targets, random_state=0
    )


@pytest.fixture(scope="session")
def folder(bunch, tmp_path_factory):
    """Files in the official layout: eras 1 to 22 for training, then validation."""
    folder = tmp_path_factory.mktemp("data")
    frame = bunch.data.join(bunch.target).reset_index("era")
    n = 22 * 40
    frame.iloc[:n].assign(data_type="train").to_parquet(folder / "train.parquet")
    frame.iloc[n:].assign(data_type="validation").to_parquet(
        folder / "validation.parquet"
    )
    sets = {"small": bunch.feature_names[:3], "all": bunch.feature_names}
    (folder / "features.json").write_text(json.dumps({"feature_sets": sets}))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
