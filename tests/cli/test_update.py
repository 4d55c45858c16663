"""``sknumerai update``."""

import joblib
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge

from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import MLPRegressor
from tests.cli.running import TARGET, figures, run

AUX = "target_ender_60"


@pytest.fixture
def rows(bunch):
    return bunch.data, bunch.target[TARGET]


def net():
    return MLPRegressor(4, max_epochs=2, random_state=0)


def test_a_network_goes_on_from_its_weights(folder, rows, here, capsys):
    X, y = rows
    joblib.dump(net().fit(X.loc[:"0024"], y.loc[:"0024"]), "model.pkl")
    code, out, err = run(
        capsys, "update", "model.pkl", folder, "--target", TARGET, "--out", "new.pkl",
        "--split", "train", "validation",
    )  # fmt: skip
    assert code == 0, err
    assert "went on with eras 0025 to 0030" in out and "wrote new.pkl" in out
    # 8 eras after the last one that was seen there are none left to score on
    assert "CORR" not in out
    by_hand = joblib.load("model.pkl").set_params(warm_start=True)
    by_hand.fit(X.loc["0025":], y.loc["0025":])
    updated = joblib.load("new.pkl")
    np.testing.assert_array_equal(updated.predict(X), by_hand.predict(X))
    assert updated.warm_start is False
    code, out, err = run(capsys, "update", "new.pkl", folder, "--target", TARGET)
    assert code == 1
    assert "has seen eras up to 30, and the data end with 0030" in err


def test_it_is_scored_first_and_replaced_and_exported(folder, rows, here, capsys):
    X, y = rows
    joblib.dump(net().fit(X.loc[:"0018"], y.loc[:"0018"]), "model.pkl")
    old = joblib.load("model.pkl")
    code, out, err = run(
        capsys, "update", "model.pkl", folder, "--target", TARGET,
        "--export", "predict.pkl", "--no-verify",
    )  # fmt: skip
    assert code == 0, err
    assert "CORR before the update, eras 0027 to 0030" in out
    assert figures(out, "model")[-1] == 4
    new = joblib.load("model.pkl")
    assert (new.predict(X) != old.predict(X)).any()
    assert callable(pd.read_pickle("predict.pkl"))


def test_a_walk_forward_experiment(folder, rows, here, capsys):
    X, y = rows
    cv = GroupTimeSeriesSplit(2, test_size=3, valid_size=3, embargo=1)
    walk = WarmStartWalkForward(net(), cv).fit(X.loc[:"0024"], y.loc[:"0024"])
    joblib.dump(walk, "walk.pkl")
    code, out, err = run(capsys, "update", "walk.pkl", folder, "--target", TARGET)
    assert code == 0, err
    assert "scored on eras 0025 to 0030 (test): score" in out
    assert "fitted to eras 0023 to 0026" in out
    assert len(joblib.load("walk.pkl").fold_table_) == 3


def test_trees_know_all_eras_they_have_learned_from(folder, rows, here, capsys):
    """After an update the file had to be told which eras are new."""
    X, y = rows
    model = LGBMRegressor(n_estimators=2, verbose=-1).fit(
        X.loc[:"0018"], y.loc[:"0018"]
    )
    joblib.dump(model, "model.pkl")
    both = ["--target", TARGET, "--split", "train", "validation"]
    code, _, err = run(capsys, "update", "model.pkl", folder, *both, "--eras", "19-24")
    assert code == 0, err
    assert joblib.load("model.pkl").eras_seen_.tolist() == list(range(19, 25))
    code, out, err = run(capsys, "update", "model.pkl", folder, *both)
    assert code == 0, err
    assert "went on with eras 0025 to 0030" in out
    assert joblib.load("model.pkl").eras_seen_.tolist() == list(range(19, 31))


def test_a_network_of_several_targets_goes_on_with_them(
    folder, rows, bunch, here, capsys
):
    X, y = rows
    aux = bunch.target[[AUX]]
    first = X.loc[:"0024"].index
    joblib.dump(net().fit(X.loc[first], y.loc[first], aux_targets=aux), "model.pkl")
    code, out, err = run(
        capsys, "update", "model.pkl", folder, "--target", TARGET, "--aux-targets", AUX
    )
    assert code == 0, err
    assert "went on with eras 0025 to 0030" in out
    by_hand = net().fit(X.loc[first], y.loc[first], aux_targets=aux)
    by_hand.set_params(warm_start=True)
    by_hand.fit(X.loc["0025":], y.loc["0025":], aux_targets=aux)
    updated = joblib.load("model.pkl")
    np.testing.assert_array_equal(updated.predict(X), by_hand.predict(X))


def test_what_cannot_go_on(folder, rows, here, capsys):
    X, y = rows
    joblib.dump(Ridge().fit(X, y), "ridge.pkl")
    code, _, err = run(capsys, "update", "ridge.pkl", folder, "--target", TARGET)
    assert code == 1 and "does not say which eras it has seen" in err
    code, _, err = run(
        capsys, "update", "ridge.pkl", folder, "--target", TARGET, "--eras", "25-"
    )
    assert code == 1 and "Ridge cannot go on from what it has learned" in err
    code, _, err = run(capsys, "update", "no.pkl", folder, "--target", TARGET)
    assert code == 1 and "There is no file no.pkl" in err
    joblib.dump(Ridge().fit(X.to_numpy(), y), "ridge.pkl")
    code, _, err = run(capsys, "update", "ridge.pkl", folder, "--target", TARGET)
    assert code == 1 and "does not say which features" in err
