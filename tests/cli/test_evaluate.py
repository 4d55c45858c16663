"""``sknumerai evaluate``."""

import re
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.metrics import numerai_corr_score, score_summary
from tests.cli.running import REAL, TARGET, figures, needs_real, run


@pytest.fixture
def model(folder, bunch, here, capsys):
    run(capsys, "train", folder, "--target", TARGET, "--cv", 0, "--no-verify")
    return joblib.load("model.pkl")


def expected_summary(bunch, predictions, target=TARGET):
    y = bunch.target.loc["0023":"0030", target]
    return score_summary(numerai_corr_score(y, predictions, aggregate=None))


def test_evaluate_models_and_predictions_alike(model, folder, bunch, capsys):
    X = bunch.data.loc["0023":"0030"]
    predictions = pd.Series(model.predict(X), X.index, name="prediction")
    table = predictions.droplevel("era").sample(frac=1, random_state=0)
    table.to_csv("mine.csv")
    table.to_frame().assign(era="0001", other=-table).to_parquet("mine.parquet")
    code, out, err = run(
        capsys, "evaluate", "model.pkl", folder, "--target", TARGET, "--baseline",
        "predict.pkl", "mine.csv", "mine.parquet", "--scores", "scores.csv",
    )  # fmt: skip
    assert code == 0, err
    expected = expected_summary(bunch, predictions)
    rows = {"model", "predict", "mine"}
    for name in rows:
        row = figures(out, name)
        assert row[0] == pytest.approx(expected["mean"], abs=5.1e-5)
        assert row[2] == pytest.approx(expected["sharpe"], abs=5.1e-3)
        assert row[-1] == 8
    assert figures(out, "mine.parquet:other")[0] == pytest.approx(-row[0])
    assert pd.read_csv("scores.csv", index_col=0).shape == (8, 5)


def test_evaluate_several_targets(model, folder, here, capsys):
    code, out, _ = run(
        capsys, "evaluate", "model.pkl", folder, "--target", TARGET, "target_ender_60",
        "--per-era", "--eras", "25-26", "--scores", "s.csv",
    )  # fmt: skip
    assert code == 0
    assert "with target_ender_20 (era 0025 to 0026)" in out
    assert "with target_ender_60 (era 0025 to 0026)" in out
    assert out.count("\n0025 ") == 2
    assert (here / "s_target_ender_60.csv").exists()


def test_eras_without_predictions_are_left_out(model, folder, bunch, capsys):
    X = bunch.data.loc["0025":"0030"]
    table = pd.Series(model.predict(X), X.index, name="prediction").droplevel("era")
    table.to_csv("late.csv")
    argv = [
        "evaluate",
        "model.pkl",
        folder,
        "--target",
        TARGET,
        "--baseline",
        "late.csv",
    ]
    code, out, err = run(capsys, *argv)
    assert code == 0
    assert figures(out, "model") == figures(out, "late")
    assert figures(out, "late")[-1] == 6
    assert "2 of 8 eras are left out" in err
    table.iloc[3:].to_csv("late.csv")
    code, _, err = run(capsys, *argv)
    assert code == 1
    assert "late lacks predictions for 3 of 40 rows of era 0025" in err


def test_constant_predictions_have_no_score(folder, bunch, here, capsys):
    table = pd.Series(1.0, bunch.data.index, name="prediction").droplevel("era")
    table.to_csv("flat.csv")
    code, out, err = run(capsys, "evaluate", "flat.csv", folder, "--target", TARGET)
    assert code == 0
    assert "flat has no score in 8 of 8 eras" in err
    assert out.splitlines()[-1].split() == ["flat", *"-----", "-", "0"]


@pytest.mark.parametrize(
    "name, content, match",
    [
        ("a.csv", "id,prediction\nn1,0.5\n", "None of the 1 ids of a are among"),
        ("a.csv", "name,prediction\nn1,0.5\n", "has no column 'id'"),
        ("a.csv", "id,prediction\nn1,x\n", "no column of numbers"),
        ("a.csv", "id,prediction\nn1,0.5\nn1,0.5\n", "1 ids appear more than once"),
        ("a.pkl", "no pickle", "cannot be loaded as a model"),
        ("a.txt", "", "neither a model"),
        ("b.pkl", None, "There is no file a.pkl"),
    ],
)
def test_evaluate_refuses(name, content, match, folder, here, capsys):
    if content is not None:
        (here / name).write_text(content)
    path = "a.pkl" if content is None else name
    code, _, err = run(capsys, "evaluate", path, folder, "--target", TARGET)
    assert code == 1
    assert err.count("\n") == 1
    assert re.search(match, err), err


def test_model_that_does_not_know_its_features(folder, bunch, here, capsys):
    joblib.dump(Ridge().fit(bunch.data.to_numpy(), bunch.target[TARGET]), "m.pkl")
    code, _, err = run(capsys, "evaluate", "m.pkl", folder, "--target", TARGET)
    assert code == 1
    assert "Fit it on a DataFrame" in err


@needs_real
def test_real_file_of_2018(here, capsys):
    data = Path(REAL) / "numerai_2018.parquet"
    argv = [data, "--target", "target_bernie"]
    code, out, err = run(capsys, "train", *argv, "--embargo", 1, "--no-verify")
    assert code == 0, err
    assert figures(out, "ridge")[-1] >= 90
    code, out, _ = run(
        capsys,
        "evaluate",
        "model.pkl",
        *argv,
        "target_ken",
        "--baseline",
        "predict.pkl",
    )
    assert code == 0
    assert out.count("(era 0121 to 0132)") == 2
    rows = [line.split() for line in out.splitlines() if line.startswith("model")]
    same = [line.split() for line in out.splitlines() if line.startswith("predict")]
    assert [row[1:] for row in rows] == [row[1:] for row in same]
    assert [row[-1] for row in rows] == ["12", "12"]


@needs_real
def test_real_file_of_v3(here, capsys):
    data = Path(REAL) / "numerai_v3_sample.parquet"
    code, out, err = run(
        capsys, "train", data, "--target", "target_nomi_20", "--aux-targets",
        "target_jerome_60", "--model", "mlp", "--set", "max_epochs=1", "--cv", 1,
        "--no-verify",
    )  # fmt: skip
    assert code == 0, err
    code, out, err = run(
        capsys, "evaluate", "predict.pkl", data, "--split", "train", "--target",
        "target_nomi_20", "target_jerome_60",
    )  # fmt: skip
    assert code == 0, err
    assert out.count("CORR by era with") == 2


def test_eras_that_a_model_was_fitted_on_are_warned_of(model, folder, here, capsys):
    argv = [folder, "--target", TARGET]
    code, _, err = run(capsys, "evaluate", "model.pkl", *argv)
    assert code == 0 and "was fitted on" not in err
    for name in ("model.pkl", "predict.pkl"):
        code, _, err = run(capsys, "evaluate", name, *argv, "--split", "train")
        assert code == 0
        assert err.count("warning:") == 1
        (said,) = [line for line in err.splitlines() if "warning" in line]
        assert re.search(r"was fitted on \d+ of the \d+ eras that are scored", said)


def test_baselines_of_another_horizon_are_warned_of(model, folder, bunch, here, capsys):
    X = bunch.data.loc["0023":"0030"]
    table = pd.DataFrame(model.predict(X), X.index, ["v53_lgbm_ender60"])
    table["v53_lgbm_ender20"] = table["v53_lgbm_ender60"]
    table.droplevel("era").to_csv("both.csv")
    argv = ["evaluate", "model.pkl", folder, "--baseline", "both.csv", "--target"]
    _, _, err = run(capsys, *argv, TARGET)
    assert "both:v53_lgbm_ender60 was trained for 60 days ahead" in err
    assert err.count("warning:") == 1
    _, _, err = run(capsys, *argv, "target_ender_60")
    assert "both:v53_lgbm_ender20 was trained for 20 days ahead" in err
