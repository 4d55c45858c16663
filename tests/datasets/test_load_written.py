"""What write_numerai writes and make_numerai makes is what load_numerai loads."""

import pandas as pd
import pytest

from sknumerai.datasets import (
    check_numerai,
    load_benchmark_models,
    load_meta_model,
    load_numerai,
    make_numerai,
    write_numerai,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "v5.3"
    write_numerai(
        path,
        n_train_eras=20,
        n_validation_eras=16,
        n_samples_per_era=20,
        n_features=50,
        random_state=0,
        verbose=0,
    )
    return path


def test_train(folder):
    data = load_numerai("v5.3", data_home=folder.parent)
    made = make_numerai(
        20,
        n_samples_per_era=20,
        n_features=50,
        targets="target_ender_60",
        signal=1.0,
        missing=0.3,
        random_state=0,
    )
    pd.testing.assert_frame_equal(data.data, made.data[data.feature_names])
    pd.testing.assert_series_equal(data.target, made.target)
    assert data.eras.tolist() == list(made.eras)
    small = data.feature_sets["small"]
    part = load_numerai(folder, feature_set="small")
    pd.testing.assert_frame_equal(part.data, data.data[small])


def test_validation(folder):
    frame = pd.read_parquet(folder / "validation.parquet")
    data = load_numerai(folder, "validation", drop_unresolved=True, verbose=0)
    kept = frame[frame["target_ender_60"].notna()]
    assert data.data.index.get_level_values("id").tolist() == kept.index.tolist()
    assert data.n_dropped == len(frame) - len(kept) > 0
    benchmark = load_benchmark_models(folder, "validation", index=data.data.index)
    assert benchmark.notna().all(axis=None)
    assert load_meta_model(folder).index.names == ["era", "id"]
    assert load_numerai(folder, "live").target is None


def test_check(folder):
    report = check_numerai("v5.3", data_home=folder.parent, online=False)
    assert report.summaries["train.parquet"].alias_of == ["target_ender_60"]
    assert report.summaries["validation.parquet"].resolved["target_ender_60"] < "0036"
