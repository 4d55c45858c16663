"""``sknumerai demo`` and ``download``."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest

from sknumerai.cli import _demo
from sknumerai.cli._ridge import BlockRidge
from sknumerai.submission import _export
from tests.cli.running import run


def _tiny_models(seed):
    from sknumerai.neural_network import MLPRegressor

    net = {"max_epochs": 1, "batch_size": 64, "random_state": seed}
    return {
        "supervised autoencoder": MLPRegressor((4,), **net),
        "multi-layer perceptron": MLPRegressor((2,), **net),
        "ridge (linear)": BlockRidge(),
    }


def check_demo(here, capsys):
    code, out, err = run(capsys, "demo")
    assert code == 0, err
    assert sorted(os.listdir(here)) == [
        "predict.pkl",
        "sknumerai_demo",
        "submission.csv",
    ]
    live = pd.read_parquet("sknumerai_demo/live.parquet")
    submission = pd.read_csv("submission.csv")
    assert list(submission.columns) == ["id", "prediction"]
    ids = live.index.to_series()
    validate = pytest.importorskip("numerai_tools.submissions")
    validate.validate_submission_numerai(ids, submission)
    predicted = pd.read_pickle("predict.pkl")(live)["prediction"]
    np.testing.assert_allclose(submission["prediction"], predicted)
    assert out.count("of best possible") == 2  # two tables
    return out


def test_demo_writes_everything_and_reuses_the_data(here, monkeypatch, capsys):
    monkeypatch.setattr(_demo, "_models", _tiny_models)
    monkeypatch.setattr(_demo, "N_VALIDATION", 20)
    # the slow test below checks the file in a fresh process
    monkeypatch.setattr(_export, "check_in_fresh_process", lambda *args: None)
    settings = {**_demo.SETTINGS, "n_samples_per_era": 20, "n_features": 6}
    monkeypatch.setattr(_demo, "SETTINGS", settings)
    assert "Wrote a synthetic tournament" in check_demo(here, capsys)
    train = here / "sknumerai_demo" / "train.parquet"
    before = train.stat().st_mtime_ns
    assert "Found a synthetic tournament" in check_demo(here, capsys)
    assert train.stat().st_mtime_ns == before
    # data of another version of the generator, whose best scores are not known
    frame = pd.read_parquet(train)
    feature = next(name for name in frame if name.startswith("feature"))
    frame.assign(**{feature: np.int8(0)}).to_parquet(train)
    assert "Wrote a synthetic tournament" in check_demo(here, capsys)
    assert pd.read_parquet(train)[feature].max() == 4
    # a file of the user's is not replaced
    (here / "predict.pkl").write_text("mine")
    code, _, err = run(capsys, "demo")
    assert code == 1
    assert "predict.pkl is there already and was not written by the demo" in err
    assert (here / "predict.pkl").read_text() == "mine"


@pytest.mark.slow
def test_demo_in_full(here, capsys):
    """Two networks learn, and nothing is better than the best possible."""
    out = check_demo(here, capsys)
    rows = [line.split() for line in out.splitlines() if line.endswith("%")]
    shares = {" ".join(row[:2]): int(row[-1].rstrip("%")) for row in rows[:5]}
    assert shares["best possible"] == 100
    assert 20 < shares["supervised autoencoder"] < 100
    assert 20 < shares["multi-layer perceptron"] < 100


def test_download_check_offline(folder, here, capsys):
    home = here / "home"
    shutil.copytree(folder, home / "v5.3", ignore=lambda *_: [".sknumerai_cache"])
    code, out, err = run(
        capsys, "download", "--check", "--offline", "--data-home", home
    )
    assert code == 0, err
    assert "train.parquet" in out
    code, _, err = run(capsys, "download", "--offline", "--data-home", home)
    assert code == 1
    assert "--offline goes with --check" in err


def test_download_asks_for_what_was_named(here, monkeypatch, capsys):
    from sknumerai import datasets

    def fetch(name, **params):
        calls.append((name, params))
        return [here / "file"]

    calls = []
    (here / "file").write_bytes(b"x" * 2_500_000)
    monkeypatch.setattr(datasets, "fetch_numerai", fetch)
    code, out, _ = run(
        capsys, "download", "v5.2", "--split", "live", "--files", "all", "--update"
    )
    assert code == 0
    assert out == f"{here / 'file'} (2.5 MB)\n"
    params = {"split": ["live"], "files": "all", "update": True, "load": False}
    assert calls == [("v5.2", {**params, "data_home": None})]
