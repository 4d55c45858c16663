"""Real files of Numerai, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sknumerai.datasets import load_feature_sets, load_numerai

DATA = os.environ.get("SKNUMERAI_TEST_DATA")
pytestmark = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA, the folder of real files, is not set"
)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    "split, n_eras, n_rows",
    [("train", 120, 4970), ("validation", 12, None), ("test", 54, None)],
)
def test_2018(cache_dir, split, n_eras, n_rows):
    path = Path(DATA, "numerai_2018.parquet")
    targets = ["target_bernie", "target_ken"]
    data = load_numerai(path, split, targets=None, cache_dir=cache_dir)
    expected = pd.read_parquet(path).query("data_type == @split")
    assert n_rows in (None, len(data.data))
    assert data.eras.nunique() == n_eras
    assert data.eras.tolist() == expected["era"].tolist()
    np.testing.assert_array_equal(
        data.data.to_numpy(), expected[data.feature_names].to_numpy()
    )
    assert (data.data.dtypes == np.float32).all()
    assert data.data_type.unique().tolist() == [split]
    if split != "test":
        data = load_numerai(path, split, targets=targets, cache_dir=cache_dir)
        np.testing.assert_array_equal(data.target, expected[targets].to_numpy())


def test_2018_live_and_all(cache_dir):
    path = Path(DATA, "numerai_2018.parquet")
    live = load_numerai(path, "live", targets=None, cache_dir=cache_dir)
    assert live.eras.unique().tolist() == ["X"]
    options = {"targets": "target_bernie", "cache_dir": cache_dir}
    joined = load_numerai(path, ["train", "validation"], **options)
    assert joined.eras.nunique() == 132
    whole = load_numerai(path, "all", **options)
    assert len(whole.data) == 8281
    assert whole.eras.iloc[-1] == "X"
    with pytest.raises(ValueError, match="name the target"):
        load_numerai(path, cache_dir=cache_dir)


def test_v3(cache_dir):
    path = Path(DATA, "numerai_v3_sample.parquet")
    expected = pd.read_parquet(path)
    names = ["target_nomi_20", "target_jerome_60"]
    data = load_numerai(path, targets=names, cache_dir=cache_dir)
    assert data.alias_of == ["target_nomi_20"]
    assert data.data.shape == (500, 1050)
    assert (data.data.dtypes == np.int8).all()
    np.testing.assert_array_equal(
        data.data.to_numpy(), expected[data.feature_names].to_numpy()
    )
    np.testing.assert_array_equal(data.target, expected[names].to_numpy())
    with pytest.raises(ValueError, match="'target' equals 'target_nomi_20'"):
        load_numerai(path, targets="target", cache_dir=cache_dir)


def test_era_of_v5(cache_dir):
    path = Path(DATA, "v52_era_0575_small.parquet")
    data = load_numerai(path, targets=None, cache_dir=cache_dir)
    assert data.data.shape == (5592, 42)
    sets = load_feature_sets(Path(DATA, "v53_features.json"))
    assert len(sets["all"]) == 3555
    assert set(sets["small"]) == set(data.feature_names)
