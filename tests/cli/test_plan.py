"""``sknumerai plan``."""

import json

import joblib
import pytest

from sknumerai.cli import _plan, main
from sknumerai.neural_network import MLPRegressor
from tests.cli.running import run

QUICK = ["--calibrate", "0.05"]


def test_size_of_a_data_set(folder, capsys):
    code, out, err = run(
        capsys, "plan", folder, "--model", "mlp", "--folds", 2, "--embargo", 2, *QUICK
    )
    assert code == 0, err
    assert "MLPRegressor: 880 rows x 6 features, 22 eras" in out
    assert "3 fit(s) (2 folds x 1 trials x 1 models" in out
    assert "RAM:" in out and "needed of" in out and ": fits" in out
    code, out, _ = run(capsys, "plan", folder, "--eras", "1-10", "--model", "ridge",
                       "--json", *QUICK)  # fmt: skip
    found = json.loads(out)
    assert (found["n_rows"], found["n_eras"], found["n_fits"]) == (400, 10, 1)
    assert found["model"] == "BlockRidge" and found["seconds"] > 0
    assert not found["copies_features"]
    code, out, _ = run(capsys, "plan", folder, "--feature-set", "small", "--model",
                       "ridge", *QUICK)  # fmt: skip
    assert "880 rows x 3 features" in out


def test_nothing_of_the_features_is_written(folder, capsys, monkeypatch):
    seen = []
    load = _plan.load
    monkeypatch.setattr(_plan, "load", lambda *a, **k: seen.append(k) or load(*a, **k))
    run(capsys, "plan", folder, "--model", "ridge", *QUICK)
    (one,) = seen
    assert len(one["feature_set"]) == 1


def test_models_by_name_and_by_file(here, capsys):
    joblib.dump(MLPRegressor((4,), max_epochs=3), "net.pkl")
    size = ["--rows", "2,000", "--features", 5, "--n-eras", 4, "--json"]
    for model, more, epochs in (
        ("net.pkl", [], 3),
        ("ContextAwareRanker", ["--epochs", 2], 2),
        ("mlp", ["--set", "max_epochs=4", "--set", "hidden_features=(4,)"], 4),
    ):
        code, out, err = run(capsys, "plan", *size, "--model", model, *more, *QUICK)
        assert code == 0, err
        assert json.loads(out)["n_epochs"] == epochs


def test_another_machine(capsys):
    args = ["--rows", 100_000, "--features", 300, "--model", "lightgbm", "--set",
            "n_estimators=5", *QUICK]  # fmt: skip
    pytest.importorskip("lightgbm")
    code, out, _ = run(capsys, "plan", *args, "--ram", 0.01)
    assert code == 0
    assert "of 0.01 GB: DOES NOT FIT" in out and "copies the features" in out


def test_sizes_beyond_any_machine_end_in_a_sentence(capsys):
    """They ended in a MemoryError."""
    size = ["--rows", "1e12", "--features", "1e9", "--model", "mlp"]
    code, out, err = run(capsys, "plan", *size, *QUICK)
    assert (code, err) == (0, "")
    assert "1,000,000,000,000 rows x 1,000,000,000 features, 100,000 eras" in out
    assert "NOT MEASURED: a step of 4,096 rows" in out
    assert "or more needed of" in out and "DOES NOT FIT" in out
    found = json.loads(run(capsys, "plan", *size, "--json", *QUICK)[1])
    assert found["seconds"] is None and found["costs"]["fit_row"] is None
    assert found["fits_in_ram"] is False and found["n_eras"] == 10**5


def test_card_and_processors(capsys):
    size = ["--rows", "2e3", "--features", 5, "--model", "mlp"]
    code, out, err = run(
        capsys, "plan", *size, "--set", "device=cuda", "--vram", 8, *QUICK
    )
    assert code == 0, err
    assert "features and targets on the device" in out and "VRAM: 0.5" in out
    assert "The features stay on the card" in out
    assert "of processors, all threads" in out
    _, out, _ = run(capsys, "plan", *size, "--set", "device=cuda", "--vram", 8,
                    "--set", "data_on_device=False", *QUICK)  # fmt: skip
    assert "are sent batch by batch" in out and "in pinned memory" in out


def test_what_is_wrong_is_said(capsys, here):
    for argv, text in (
        (["plan"], "Name the data, such as v5.3, or say how large"),
        (["plan", "--rows", 10], "--features 3555"),
        (["plan", "--rows", 9, "--features", 2, "--model", "Context"],
         "Did you mean ContextAwareRanker?"),
        (["plan", "--rows", 9, "--features", 2, "--set", "lrr=1", "--model", "mlp"],
         "no parameter 'lrr'. Did you mean lr"),
        (["plan", "--rows", 9, "--features", 2, "--n-eras", 10], "more than n_rows=9"),
        (["plan", "nowhere.parquet"], "nowhere.parquet"),
        (["plan", "x", "--features", 3], "--every, --split and --feature-set"),
        (["plan", "--rows", 9, "--features", 2, "--feature-set", "small"], "780"),
        (["plan", "--rows", 9, "--features", 2, "--model", "ridge", "--epochs", 3],
         "--epochs is for networks, and ridge is none"),
    ):  # fmt: skip
        code, _, err = run(capsys, *argv)
        assert code == 1 and text in err, err
    joblib.dump({"no": "model"}, "thing.pkl")
    argv = ["plan", "--rows", 9, "--features", 2, "--model", "thing.pkl"]
    assert "holds a dict, which is no estimator" in run(capsys, *argv)[2]
    with pytest.raises(SystemExit) as caught:
        main(["plan", "--rows", "0", "--features", "3"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "seconds, text",
    [
        (3.21, "3.2 s"),
        (90, "1.5 min"),
        (86400, "24.0 h"),
        (3 * 86400, "3.0 days"),
        (1.6e8, "5.1 years"),
        (5e10, "1,584 years"),
    ],
)
def test_durations(seconds, text):
    assert _plan.duration(seconds) == text
