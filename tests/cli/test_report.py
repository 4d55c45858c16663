"""``sknumerai report``."""

import re
import webbrowser
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.datasets import load_numerai
from sknumerai.ensemble import RankAveragingRegressor
from sknumerai.metrics import numerai_corr_score, score_summary
from sknumerai.neural_network import MLPRegressor
from tests.cli.running import REAL, TARGET, figures, needs_real, run

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture
def model(folder, bunch, here, capsys):
    run(capsys, "train", folder, "--target", TARGET, "--cv", 0, "--no-verify")
    return joblib.load("model.pkl")


@pytest.fixture
def no_figures(monkeypatch):
    nothing = {"intervals": [], "eras": [], "exposure": [], "data": []}
    monkeypatch.setattr(
        "sknumerai.inspection._diagnostics_report.draw_figures", lambda *args: nothing
    )


@pytest.fixture
def whole(bunch, tmp_path):
    """A folder with all that Numerai publishes beside the validation rows."""
    data = tmp_path / "data"
    data.mkdir()
    frame = bunch.data.join(bunch.target).reset_index("era")
    frame.assign(data_type="validation").to_parquet(data / "validation.parquet")
    eras = bunch.eras.droplevel("era")
    for name, table in (
        ("validation_benchmark_models", bunch.benchmark),
        ("meta_model", bunch.meta_model.iloc[400:].to_frame()),
    ):
        table = table.droplevel("era")
        table.insert(0, "era", eras[table.index])
        table.to_parquet(data / f"{name}.parquet")
    return data


def test_models_and_predictions_on_one_page(model, whole, bunch, capsys):
    predictions = pd.Series(model.predict(bunch.data), bunch.data.index)
    table = predictions.droplevel("era").rename("prediction") * 2
    table.iloc[100:].to_csv("mine.csv")
    code, out, err = run(
        capsys, "report", "model.pkl", "predict.pkl", "mine.csv", whole, "--target",
        TARGET, "--features", "model", "--title", "Three & more",
    )  # fmt: skip
    assert code == 0, err
    y = bunch.target[TARGET]
    expected = score_summary(numerai_corr_score(y, predictions, aggregate=None))
    for name in ("model", "predict"):
        row = figures(out, name)
        assert row[0] == pytest.approx(expected["mean"], abs=5.1e-5)
        assert row[2] == pytest.approx(expected["sharpe"], abs=5.1e-3)
        assert row[-1] == 30
    # an era and a half are missing
    assert figures(out, "mine")[-1] == 27
    assert figures(out, "v53_lgbm_ender20")[-1] == 30
    assert re.search(r"wrote report.html \(\d+ kB\)", out)
    page = Path("report.html").read_text()
    assert "<title>Three &amp; more</title>" in page
    for said in ("Compared with v53_lgbm_ender20", "Feature exposure", "MMC", "FNC"):
        assert said in page
    # what the page warns of is printed too
    assert re.search(r"warning: model and predict learned from 22 of the 30 eras", err)
    assert "warning: Meta model: 20 of 30 scored eras (0011 to 0030)" in err
    assert "warning: mine has no score in 3 of 30 eras" in err


def test_choices(model, whole, here, capsys, monkeypatch, no_figures):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    code, _, err = run(
        capsys, "report", "model.pkl", whole, "--target", "target_ender_60",
        "--benchmark", "none", "--meta-model", "none", "--eras", "25-", "--out",
        "other.html", "--open", "--horizon", 5,
    )  # fmt: skip
    assert code == 0, err
    assert opened == [(here / "other.html").as_uri()]
    page = (here / "other.html").read_text()
    assert "5 days ahead" in page and "MMC" not in page and "BMC" not in page
    code, _, err = run(
        capsys, "report", "model.pkl", whole, "--target", TARGET, "--benchmark",
        whole / "validation_benchmark_models.parquet", "--baseline",
        "v53_lgbm_ender60", "--policy", "ender20",
    )  # fmt: skip
    assert code == 0, err
    page = (here / "report.html").read_text()
    assert "Compared with v53_lgbm_ender60" in page and "2.25 MMC" in page
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    code, _, err = run(
        capsys, "report", "model.pkl", whole, "--target", TARGET, "--open"
    )
    assert code == 0 and "no browser was found" in err


def test_a_folder_without_more_is_enough(model, folder, here, capsys, no_figures):
    code, out, err = run(capsys, "report", "model.pkl", folder, "--target", TARGET)
    assert code == 0, err
    assert figures(out, "model")[-1] == 8
    assert "BMC" not in (here / "report.html").read_text()
    # era 22 is the last of training, and 23 the first that is scored
    assert [line.split(":")[0] for line in err.splitlines()] == ["warning"] * 2
    assert "model learned from 3 eras from 20 to 22, whose targets share days" in err


@pytest.mark.parametrize(
    "argv, match",
    [
        (["no.pkl"], "There is no file no.pkl"),
        (["model.pkl", "--features", "huge"], "no feature set 'huge'"),
        (["model.pkl", "--policy", "none"], "no rule is called 'none'"),
        (["model.pkl", "--baseline", "other"], "baseline='other' is neither"),
        (["model.pkl", "--out", "no/report.html"], "The folder no for report.html"),
        (["model.pkl", "--meta-model", "no.parquet"], "no.parquet"),
        (["flat.csv", "--features", "model"], "no model says which features"),
    ],
)
def test_report_refuses(argv, match, model, folder, bunch, here, capsys):
    table = pd.Series(np.arange(1200.0), bunch.data.index, name="prediction")
    table.droplevel("era").to_csv("flat.csv")
    paths, options = argv[:1], argv[1:]
    code, _, err = run(capsys, "report", *paths, folder, "--target", TARGET, *options)
    assert code == 1
    assert err.count("\n") == 1 and re.search(match, err), err
    assert not (here / "report.html").exists()


def test_live_rows_have_no_scores(model, whole, bunch, here, capsys):
    bunch.data.droplevel("era").assign(era="X").to_parquet(whole / "live.parquet")
    code, _, err = run(
        capsys, "report", "model.pkl", whole, "--target", TARGET, "--split", "live"
    )
    assert code == 1
    assert "live has no targets to score against" in err


def test_a_rule_of_no_name_is_found_before_anything_is_read(here, capsys):
    argv = ["no.pkl", "no_folder", "--target", TARGET, "--policy", "none"]
    assert "no rule is called 'none'" in run(capsys, "report", *argv)[-1]


@needs_real
def test_blend_on_the_real_file_of_2018(here, capsys):
    data = Path(REAL) / "numerai_2018.parquet"
    argv = [data, "--target", "target_bernie", "--eras"]
    train = load_numerai(
        data, feature_set="all", targets="target_bernie", eras=range(1, 61)
    )
    net = MLPRegressor((16,), max_epochs=20, n_validation_eras=0, random_state=0)
    models = {
        "ridge": Ridge(1000.0),
        "blend": RankAveragingRegressor([("ridge", Ridge(1000.0)), ("net", net)]),
    }
    for name, model in models.items():
        joblib.dump(model.fit(train.data, train.target), f"{name}.pkl")
    code, out, err = run(
        capsys, "report", "ridge.pkl", "blend.pkl", *argv, "65-132",
        "--split", "train", "validation", "--horizon", 20, "--features", "all",
    )  # fmt: skip
    assert code == 0, err
    assert [figures(out, name)[-1] for name in ("ridge", "blend")] == [68, 68]
    assert "learned from" not in err
    # eras that no model has seen: small, and no leak
    scores = [figures(out, name)[0] for name in ("ridge", "blend")]
    assert scores[0] != scores[1] and max(map(abs, scores)) < 0.1
    html = Path("report.html").read_text(encoding="utf-8")
    assert "blend" in html and "Correlation of models" in html
    code, _, err = run(
        capsys, "report", "blend.pkl", *argv, "1-132", "--split", "train",
        "validation", "--horizon", 20,
    )  # fmt: skip
    assert code == 0, err
    assert "blend learned from 60 of the 132 eras that are scored" in err
