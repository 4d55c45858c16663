"""The command line: what it prints, writes, refuses and returns."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import sknumerai
from sknumerai.cli import _demo, main
from sknumerai.cli._data import eras_argument
from sknumerai.cli._fit import cross_val_predictions, predict_in_chunks
from sknumerai.cli._models import MODELS, make_model, parse_settings
from sknumerai.cli._ridge import BlockRidge
from sknumerai.cli._table import format_table
from sknumerai.datasets import make_numerai
from sknumerai.metrics import numerai_corr_score, score_summary
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.submission import _export

TARGET = "target_ender_20"


@pytest.fixture(scope="module")
def bunch():
    targets = [TARGET, "target_ender_60"]
    return make_numerai(
        30, n_samples_per_era=40, n_features=6, targets=targets, random_state=0
    )


@pytest.fixture(scope="module")
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


def run(capsys, *argv):
    """Code, standard output and standard error of a command."""
    capsys.readouterr()
    code = main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    return code, out, err


def figures(out, name):
    """Numbers of one row of a table."""
    (line,) = [line for line in out.splitlines() if line.startswith(name + " ")]
    return [float(part.rstrip("%")) for part in line[len(name) :].split()]


# ---------------------------------------------------------------- train
def test_train_prints_scores_and_writes_models(folder, bunch, here, capsys):
    code, out, err = run(
        capsys, "train", folder, "--target", TARGET, "--cv", 2, "--embargo", 4,
        "--no-verify", "--scores", "scores.csv",
    )  # fmt: skip
    assert code == 0, err
    assert sorted(os.listdir(here)) == ["model.pkl", "predict.pkl", "scores.csv"]
    assert "train.parquet: 880 rows, 22 eras (0001 to 0022), 6 features" in out

    # the same by hand
    X, y = bunch.data.loc["0001":"0022"], bunch.target.loc["0001":"0022", TARGET]
    folds = GroupTimeSeriesSplit(2, embargo=4).split(X, y)
    parts = []
    for train, test in folds:
        model = Ridge().fit(X.iloc[train], y.iloc[train])
        parts.append(pd.Series(model.predict(X.iloc[test]), X.iloc[test].index))
    predictions = pd.concat(parts)
    scores = numerai_corr_score(y[predictions.index], predictions, aggregate=None)
    expected = score_summary(scores)
    mean, std, sharpe, drawdown, positive, autocorrelation, n_eras = figures(
        out, "ridge"
    )
    assert mean == pytest.approx(expected["mean"], abs=5.1e-5)
    assert std == pytest.approx(expected["std"], abs=5.1e-5)
    assert sharpe == pytest.approx(expected["sharpe"], abs=5.1e-3)
    assert drawdown == pytest.approx(expected["max_drawdown"], abs=5.1e-5)
    assert positive / 100 == pytest.approx(expected["positive_share"], abs=5.1e-3)
    assert autocorrelation == pytest.approx(expected["autocorrelation"], abs=5.1e-3)
    assert n_eras == len(scores)
    written = pd.read_csv("scores.csv", index_col=0)["ridge"]
    np.testing.assert_allclose(written, scores)

    # the model is fitted on all rows, and both files predict alike
    model = joblib.load("model.pkl")
    np.testing.assert_allclose(model.coef_, Ridge().fit(X, y).coef_)
    live = bunch.data.loc["0023"]
    raw = pd.Series(model.predict(live), live.index)
    exported = pd.read_pickle("predict.pkl")(live)["prediction"]
    pd.testing.assert_series_equal(
        exported, (raw.rank() - 0.5) / len(raw), check_names=False
    )


def test_train_several_models_with_auxiliary_targets(folder, here, capsys):
    """The first model is kept; parameters go to the model that is named."""
    code, out, err = run(
        capsys, "train", folder, "--target", TARGET, "--aux-targets", "target_ender_60",
        "--model", "mlp", "ridge", "--set", "max_epochs=2", "--set",
        "hidden_features=(4, 3)", "--set", "ridge.alpha=1e5", "--cv", 1, "--test-size",
        3, "--feature-set", "small", "--out", "mine.pkl", "--export", "up.pkl",
        "--no-verify", "--seed", 3,
    )  # fmt: skip
    assert code == 0, err
    assert "ridge learn(s) the main target only" in err
    assert "embargo 16 eras" in out  # of the 60-day target
    assert len(figures(out, "mlp")) == len(figures(out, "ridge")) == 7
    model = joblib.load("mine.pkl")
    assert (model.max_epochs, model.hidden_features) == (2, (4, 3))
    assert (model.random_state, model.n_outputs_) == (3, 2)
    assert model.n_features_in_ == 3
    assert sorted(os.listdir(here)) == ["mine.pkl", "up.pkl"]


def test_train_without_folds(folder, here, capsys):
    code, out, _ = run(
        capsys, "train", folder, "--target", TARGET, "--cv", 0, "--no-verify",
        "--eras", "3-10", "--every", 2,
    )  # fmt: skip
    assert code == 0
    assert "160 rows, 4 eras (0003 to 0009)" in out
    assert "CORR" not in out


@pytest.mark.parametrize(
    "argv, match",
    [
        (["--target", "target_ender"], r"no target 'target_ender'.*target_ender_20"),
        (["--target", "target_nope"], "--embargo 8 for targets of 20 days"),
        (["--cv", "9", "--test-size", "9"], "22 eras are too few for n_splits=9"),
        (["--set", "alpha"], "expected param=value"),
        (["--set", "alfa=1"], "no parameter 'alfa'. Did you mean alpha?"),
        (["--set", "mlp.lr=1"], "no model 'mlp' in --model ridge"),
        (["--set", "alpha=-1"], "The 'alpha' parameter of BlockRidge must be"),
        (["--out", "no/model.pkl"], "The folder no for model.pkl does not exist"),
        (["--out", "."], "is a folder"),
        (["--out", "a.pkl", "--export", "./a.pkl"], "are the same file"),
        (["--feature-set", "tiny"], "no feature set 'tiny'"),
        (["--eras", "90-99"], "no rows are left"),
        (["--split", "test"], "no rows of data type 'test'|no file for split"),
    ],
)
def test_train_refuses(argv, match, folder, here, capsys):
    """One sentence on the standard error, code 1, nothing written."""
    target = [] if "--target" in argv else ["--target", TARGET]
    if "target_ender" in argv:
        target = ["--embargo", "1"]
    code, _, err = run(capsys, "train", folder, *target, *argv, "--no-verify")
    assert code == 1
    assert err.count("\n") == 1, err
    assert err.startswith("sknumerai train: ")
    assert re.search(match, err), err
    assert os.listdir(here) == []


def test_debug_shows_the_traceback(folder, here, capsys):
    code, _, err = run(capsys, "train", folder, "--target", "target_nope", "--debug")
    assert code == 1
    assert "Traceback" in err and "UnknownHorizonError" in err


# ---------------------------------------------------------------- evaluate
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


# ---------------------------------------------------------------- demo, download
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
    # a file of the user's is not replaced
    (here / "predict.pkl").write_text("mine")
    code, _, err = run(capsys, "demo")
    assert code == 1
    assert "predict.pkl is there already and was not written by the demo" in err
    assert (here / "predict.pkl").read_text() == "mine"


@pytest.mark.slow
def test_demo_in_full(here, capsys):
    out = check_demo(here, capsys)
    assert figures(out, "supervised autoencoder")[0] > 0.02


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


# ---------------------------------------------------------------- the program
def test_help_loads_no_torch():
    code = (
        "import sys\nfrom sknumerai.cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit as e:\n"
        "    print(e.code, 'torch' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1].startswith("0 False")
    assert "--embargo" in done.stdout


def test_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "sknumerai", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"sknumerai {sknumerai.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nothing"], ["train"], ["evaluate", "m.pkl"]])
def test_wrong_arguments_leave_with_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: sknumerai" in capsys.readouterr().err


def test_interrupt_and_unforeseen_errors(monkeypatch, capsys):
    def stop(args):
        raise error

    monkeypatch.setattr(_demo, "run", stop)
    error = KeyboardInterrupt()
    assert run(capsys, "demo") == (130, "", "sknumerai demo: interrupted.\n")
    error = KeyError("eras")
    expected = "sknumerai demo: KeyError: eras (--debug shows where)\n"
    assert run(capsys, "demo") == (1, "", expected)
    error = ZeroDivisionError()
    assert "ZeroDivisionError: no message" in run(capsys, "demo")[2]


# ---------------------------------------------------------------- parts
@pytest.mark.parametrize(
    "text, expected",
    [
        ("1-574", slice(1, 575)),
        ("575-", slice(575, None)),
        ("-10", slice(None, 11)),
        ("7", [7]),
        ("1,5,9", [1, 5, 9]),
    ],
)
def test_eras_argument(text, expected):
    assert eras_argument(text) == expected


@pytest.mark.parametrize("text", ["", "-", "a-b", "1,", "1-2-3"])
def test_eras_argument_refuses(text, capsys):
    with pytest.raises(SystemExit):
        main(["train", "x", "--target", TARGET, f"--eras={text}"])
    assert "neither an interval" in capsys.readouterr().err


def test_settings_are_python_values():
    settings = ["a=1", "b=1e-3", "c=(1, 2)", "d=True", "e=none", "f=corr", "mlp.g='x'"]
    params = parse_settings(settings, ["ridge", "mlp"])
    assert params["ridge"] == {
        "a": 1, "b": 1e-3, "c": (1, 2), "d": True, "e": None, "f": "corr",
    }  # fmt: skip
    assert params["mlp"] == {"g": "x"}


@pytest.mark.parametrize("name", MODELS)
def test_each_model_can_be_made(name):
    if name == "lightgbm":
        pytest.importorskip("lightgbm")
    model = make_model(name, {}, seed=4, progress=True)
    params = model.get_params()
    assert params.get("random_state", 4) == 4


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_block_ridge_is_ridge(dtype, bunch):
    X = bunch.data.astype(dtype).assign(constant=dtype(3))
    y = bunch.target[TARGET]
    ours, ridge = BlockRidge(2.0, block_rows=77).fit(X, y), Ridge(2.0).fit(X, y)
    # scikit-learn computes in float32 where X is
    rtol, atol = (1e-5, 1e-8) if dtype == np.float32 else (1e-9, 1e-12)
    np.testing.assert_allclose(ours.coef_, ridge.coef_, rtol=rtol, atol=atol)
    np.testing.assert_allclose(ours.predict(X), ridge.predict(X), rtol=rtol)


def test_chunks_are_whole_eras(bunch, monkeypatch):
    from sknumerai.cli import _fit

    monkeypatch.setattr(_fit, "CHUNK_ROWS", 100)
    seen = []

    def predict(X):
        seen.append(X.index.get_level_values("era").value_counts())
        return X.to_numpy()[:, 0]

    got = predict_in_chunks(predict, bunch.data)
    np.testing.assert_array_equal(got, bunch.data.iloc[:, 0])
    assert len(seen) == 15
    assert all((counts == 40).all() and len(counts) == 2 for counts in seen)


def test_folds_are_not_copied(bunch):
    """At the real size a fold of the int8 matrix must be a view of it."""

    class Recorder(BlockRidge):
        def fit(self, X, y):
            assert np.shares_memory(X.to_numpy(), bunch.data.to_numpy())
            fitted.append(len(X))
            return super().fit(X, y)

    fitted = []
    cv = GroupTimeSeriesSplit(2, embargo=1)
    y = bunch.target[TARGET]
    got = cross_val_predictions({"r": Recorder()}, bunch.data, y, cv, progress=False)
    assert len(fitted) == 2
    n_test = sum(len(test) for _, test in cv.split(bunch.data, y))
    assert len(got) == n_test


def test_table_marks_what_is_not_defined():
    summary = score_summary(pd.DataFrame({"one era": [0.1]}))
    lines = format_table(summary, "Title").splitlines()
    assert lines[0] == "Title"
    assert lines[2].split()[-3:] == ["100%", "-", "1"]


# ---------------------------------------------------------------- real files
REAL = os.environ.get("SKNUMERAI_TEST_DATA")
needs_real = pytest.mark.skipif(
    not REAL, reason="SKNUMERAI_TEST_DATA does not name the folder of real files"
)


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
