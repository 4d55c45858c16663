"""``sknumerai train``."""

import os
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.metrics import numerai_corr_score, score_summary
from sknumerai.model_selection import GroupTimeSeriesSplit
from tests.cli.running import TARGET, figures, run


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
