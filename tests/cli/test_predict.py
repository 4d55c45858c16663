"""``sknumerai predict``."""

import re

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.neural_network import ContextAwareRanker
from sknumerai.submission import check_submission, export_model
from tests.cli.running import TARGET, figures, run


@pytest.fixture
def model(bunch, here):
    X, y = bunch.data.loc["0001":"0022"], bunch.target.loc["0001":"0022", TARGET]
    model = Ridge().fit(X, y)
    model.eras_seen_ = np.arange(1, 23)
    joblib.dump(model, "model.pkl")
    return model


@pytest.fixture
def live(bunch, here):
    """Live rows in a folder of their own, as Numerai names them."""
    (here / "v9").mkdir()
    live = bunch.data.loc["0030"].assign(era="X", data_type="live")
    live.to_parquet(here / "v9" / "live.parquet")
    return bunch.data.loc["0030"]


def predict(capsys, *args, model="model.pkl"):
    return run(capsys, "predict", "--model", model, *args)


@pytest.mark.parametrize("name", ["p.parquet", "p.csv"])
def test_predictions_of_a_model(name, model, folder, bunch, capsys):
    code, out, err = predict(
        capsys, "--data", folder, "--split", "validation", "--out", name
    )
    assert (code, err) == (0, "")
    assert out == f"wrote {name}: predictions of 320 rows, 8 eras (0023 to 0030)\n"
    X = bunch.data.loc["0023":"0030"]
    if name == "p.csv":
        found = pd.read_csv(name, index_col="id", dtype={"era": str})
    else:
        found = pd.read_parquet(name)
    assert found.columns.tolist() == ["era", "prediction"]
    assert list(found.index) == list(X.index.get_level_values("id"))
    assert list(found["era"]) == list(X.index.get_level_values("era"))
    np.testing.assert_allclose(found["prediction"], model.predict(X), atol=1e-6)
    # the file is what evaluate scores
    argv = ["evaluate", name, folder, "--target", TARGET, "--baseline", "model.pkl"]
    code, out, _ = run(capsys, *argv)
    assert code == 0
    assert figures(out, "p") == figures(out, "model")


def test_models_that_see_whole_eras(folder, bunch, live, here, capsys):
    X, y = bunch.data.loc["0001":"0010"], bunch.target.loc["0001":"0010", TARGET]
    net = ContextAwareRanker(
        d_hidden=4, n_heads=2, max_epochs=1, random_state=0, verbose=0
    )
    (here / "net.pkl").write_bytes(cloudpickle.dumps(net.fit(X, y)))
    some = bunch.data.loc["0025":"0027"]
    code, out, err = predict(
        capsys, "--data", folder, "--split", "validation", "--eras", "25-27", "--out",
        "p.parquet", model="net.pkl",
    )  # fmt: skip
    assert code == 0, err
    found = pd.read_parquet("p.parquet")["prediction"]
    np.testing.assert_allclose(found, net.predict(some), atol=1e-6)
    # the exported file is what Numerai runs; the split is live where none is named
    export_model(
        net,
        "predict.pkl",
        verify=False,
        neutralize={"features": bunch.feature_names[:2]},
    )
    code, out, err = predict(
        capsys, "--data", "v9", "--out", "p.csv", model="predict.pkl"
    )
    assert code == 0, err
    assert out == "wrote p.csv: predictions of 40 rows, 1 era (X)\n"
    expected = pd.read_pickle("predict.pkl")(live)
    clean = check_submission("p.csv", live.index)
    assert list(clean.columns) == ["id", "prediction"]
    np.testing.assert_allclose(clean["prediction"], expected["prediction"])


def test_models_that_do_not_name_their_features(folder, bunch, here, capsys):
    names = list(bunch.feature_names[:3])
    X, y = bunch.data.loc["0001":"0022", names], bunch.target.loc["0001":"0022", TARGET]
    model = Ridge().fit(X.to_numpy(), y)
    joblib.dump(model, "model.pkl")

    def function(live_features):
        return (live_features[names].sum(axis=1) / 100).to_frame("mine")

    def needs_benchmarks(live_features, live_benchmark_models):
        return live_benchmark_models

    for name, f in (("f.pkl", function), ("two.pkl", needs_benchmarks)):
        (here / name).write_bytes(cloudpickle.dumps(f))
    argv = ["--data", folder, "--split", "validation", "--out", "p.parquet"]
    for file in ("model.pkl", "f.pkl"):
        code, _, err = predict(capsys, *argv, model=file)
        assert code == 1
        assert "which features it reads" in err and "--feature-set" in err
    rows = bunch.data.loc["0023":"0030", names]
    for given in (["small"], names):
        code, _, err = predict(capsys, *argv, "--feature-set", *given)
        assert code == 0, err
        found = pd.read_parquet("p.parquet")["prediction"]
        np.testing.assert_allclose(found, model.predict(rows.to_numpy()))
        code, _, err = predict(capsys, *argv, "--feature-set", *given, model="f.pkl")
        assert code == 0, err
        found = pd.read_parquet("p.parquet")["prediction"]
        np.testing.assert_allclose(found, rows.sum(axis=1) / 100)
    code, _, err = predict(capsys, *argv, "--feature-set", "large", model="f.pkl")
    assert code == 1 and "There is no feature set 'large', only all, small." in err
    code, _, err = predict(capsys, *argv, model="two.pkl")
    assert code == 1 and "submit --dry-run" in err


def test_predictions_of_eras_that_were_learned_are_warned_of(model, folder, capsys):
    argv = ["--data", folder, "--split", "train", "--out", "p.csv"]
    code, _, err = predict(capsys, *argv)
    assert code == 0
    assert err.startswith("warning: model.pkl: Ridge was fitted on 22 of the 22 eras")


@pytest.mark.parametrize(
    "args, told",
    [
        (["--model", "none.pkl"], "There is no file none.pkl"),
        (["--model", "p.csv"], "p.csv holds predictions, not a model"),
        (["--model", "p.txt"], "p.txt is not a model"),
        (["--out", "p.txt"], "must be a file.parquet or file.csv"),
        (["--out", "no/p.csv"], "The folder no for p.csv does not exist"),
        (["--data", "v1"], "v1"),
        (["--split", "live"], "no file for split='live'"),
        (["--feature-set", "small"], "Leave feature_set out"),
        (["--out", "table.csv"], "holds no predictions"),
        (["--eras", "900-"], "no rows are left"),
    ],
)
def test_predict_refuses(args, told, model, folder, here, capsys):
    table = "id,feature_a\nn1,2\n"
    (here / "table.csv").write_text(table)
    argv = ["--data", folder, "--split", "validation", "--out", "p.parquet", *args]
    code, out, err = predict(capsys, *argv)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1 and err.startswith("sknumerai predict: ")
    assert re.search(re.escape(told), err), err
    assert (here / "table.csv").read_text() == table
    assert not list(here.glob("*p.*")) and not list(here.glob(".*part*"))
