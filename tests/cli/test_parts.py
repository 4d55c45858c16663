"""Parts of the command line."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.cli import main
from sknumerai.cli._data import eras_argument
from sknumerai.cli._fit import cross_val_predictions, predict_in_chunks
from sknumerai.cli._models import MODELS, make_model, parse_settings
from sknumerai.cli._ridge import BlockRidge
from sknumerai.cli._table import format_table
from sknumerai.metrics import score_summary
from sknumerai.model_selection import GroupTimeSeriesSplit
from tests.cli.running import TARGET


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
    got, rows = cross_val_predictions(
        {"r": Recorder()}, bunch.data, y, cv, progress=False
    )
    assert len(fitted) == 2
    n_test = sum(len(test) for _, test in cv.split(bunch.data, y))
    assert len(got) == n_test
    assert got.index.equals(y.iloc[rows].index)


def test_table_marks_what_is_not_defined():
    summary = score_summary(pd.DataFrame({"one era": [0.1]}))
    lines = format_table(summary, "Title").splitlines()
    assert lines[0] == "Title"
    assert lines[2].split()[-3:] == ["100%", "-", "1"]
