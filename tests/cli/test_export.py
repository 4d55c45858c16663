"""``sknumerai export`` and ``sknumerai preflight``."""

import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from sknumerai.preprocessing import neutralize
from tests.cli.running import TARGET, run


@pytest.fixture
def model(bunch, here):
    model = HistGradientBoostingRegressor(max_iter=5).fit(
        bunch.data, bunch.target[TARGET]
    )
    joblib.dump(model, "model.pkl")
    return model


def test_export(bunch, model, here, capsys):
    code, out, err = run(capsys, "export", "model.pkl", "--no-verify")
    assert code == 0, err
    python = ".".join(map(str, sys.version_info[:2]))
    assert out.startswith(f"wrote predict.pkl: for Numerai's model upload, image Python {python}")  # fmt: skip
    predict = pd.read_pickle("predict.pkl")
    live = bunch.data.loc["0030"]
    raw = model.predict(live)
    np.testing.assert_allclose(predict(live)["prediction"], ranks(raw))
    names = list(bunch.feature_names[:2])
    (here / "risky.txt").write_text("\n".join(names) + "\n")
    for given in (names, ["risky.txt"]):
        code, out, err = run(
            capsys, "export", "model.pkl", "--no-verify", "--out", "n.pkl",
            "--neutralize", *given, "--proportion", 0.5, "--n-arguments", 1,
            "--missing", 2,
        )  # fmt: skip
        assert code == 0, err
        predict = pd.read_pickle("n.pkl")
        expected = neutralize(raw, live[names].to_numpy(), proportion=0.5)
        np.testing.assert_allclose(predict(live)["prediction"], ranks(expected))
        assert predict.missing == 2
    code, out, err = run(capsys, "preflight", "n.pkl", "--n-arguments", 2, "--environment", sys.executable)  # fmt: skip
    assert code == 1
    assert "takes 1 arguments, and 2 was asked for" in out
    assert err.endswith("n.pkl has 1 problem. Do not upload it.\n")


def ranks(raw):
    return (pd.Series(raw).rank().to_numpy() - 0.5) / len(raw)


def test_features_of_a_model_fitted_on_an_array(bunch, here, capsys):
    joblib.dump(Ridge().fit(bunch.data.to_numpy(), bunch.target[TARGET]), "model.pkl")
    names = bunch.feature_names
    code, _, err = run(capsys, "export", "model.pkl", "--features", *names, "--no-verify")  # fmt: skip
    assert code == 0, err
    assert list(pd.read_pickle("predict.pkl").features) == list(names)


@pytest.mark.parametrize(
    "argv, match",
    [
        (["none.pkl"], "There is no file none.pkl"),
        (["model.pkl", "--out", "model.pkl"], "is the model itself"),
        (["model.pkl", "--proportion", "1"], "share that --neutralize takes"),
        (["model.pkl", "--by-value", "no_such"], "names the module 'no_such'"),
        (["model.pkl", "--out", "no/p.pkl"], "does not exist"),
    ],
)
def test_export_refuses(argv, match, model, capsys):
    code, out, err = run(capsys, "export", *argv, "--no-verify")
    assert (code, out) == (1, "")
    assert match in err


def test_an_exported_file_is_no_model(model, capsys):
    run(capsys, "export", "model.pkl", "--no-verify")
    code, _, err = run(capsys, "export", "predict.pkl", "--out", "again.pkl")
    assert code == 1
    assert "predict.pkl is an exported file already" in err


def test_preflight(bunch, model, here, capsys):
    assert run(capsys, "export", "model.pkl", "--no-verify")[0] == 0
    folder = here / "home" / "v5.3"
    folder.mkdir(parents=True)
    live = bunch.data.loc["0030"].assign(era="X")
    live.to_parquet(folder / "live.parquet")
    code, out, err = run(
        capsys, "preflight", "predict.pkl", "v5.3", "--data-home", here / "home",
        "--environment", sys.executable,
    )  # fmt: skip
    assert code == 0, err
    assert "predict.pkl: may be uploaded" in out
    assert f"live rows        {len(live)}" in out
    code, _, err = run(capsys, "preflight", "predict.pkl", "v0", "--data-home", here)
    assert code == 1
    assert "There is no live data at v0" in err
    code, _, err = run(capsys, "preflight", "none.pkl")
    assert (code, err) == (1, "sknumerai preflight: preflight: there is no file 'none.pkl'.\n")  # fmt: skip
    code, _, err = run(capsys, "preflight", "predict.pkl", "--image", "3.9")
    assert code == 1
    assert "none for 3.9" in err
