"""Scores of eras after each epoch."""

import warnings

import numpy as np
import pytest
import sklearn.base

from sknumerai.metrics import numerai_corr_score, spearman_score
from sknumerai.neural_network import (
    ConvAutoencoderRegressor,
    ConvSELUClassifier,
    DenoisingAutoencoder,
    EraScoring,
    MLPRegressor,
)
from tests.neural_network import tiny
from tests.neural_network.tiny import X, Y, output, target_for

ERAS = X.index.get_level_values("era")


def fit(Network=MLPRegressor, *callbacks, rows=slice(None), **params):
    model = tiny.tiny(Network, callbacks=list(callbacks), lr=0.01, **params)
    return model.fit(X.iloc[rows], target_for(Network).iloc[rows])


@pytest.mark.parametrize("shuffled", [False, True])
def test_scores_are_those_of_predict(shuffled):
    rows = np.arange(len(X))
    if shuffled:
        np.random.default_rng(0).shuffle(rows)
    params = {"n_validation_eras": 3, "embargo": 0, "patience": None, "dropout": 0.5}
    scoring = EraScoring(on="both")
    model = fit(MLPRegressor, scoring, rows=rows, max_epochs=2, **params)
    row = model.history_[model.best_epoch_ - 1]
    late = ERAS > "0009"
    prediction = model.predict(X)
    for part, name in ((late, "valid_corr"), (~late, "train_corr")):
        expected = numerai_corr_score(Y[part], prediction[part])
        assert row[name] == pytest.approx(expected, abs=1e-5)
    assert not hasattr(scoring, "parts_")  # the rows are let go of


def test_metric_name_and_every():
    spearman = EraScoring(spearman_score, every=2)
    own = EraScoring(lambda y_true, y_pred, groups: 0.25, name="quarter")
    history = fit(MLPRegressor, spearman, own, max_epochs=4).history_
    assert ["train_spearman" in row for row in history] == [False, True, False, True]
    assert [row["train_quarter"] for row in history] == [0.25] * 4


def test_some_eras_spread_over_time():
    seen = []

    def metric(y_true, y_pred, groups):
        seen.append((y_true, groups))
        return 0.0

    constant = Y.where(ERAS != "0001", 0.5)
    callbacks = [EraScoring(metric, max_eras=3)]
    model = MLPRegressor((4,), max_epochs=1, callbacks=callbacks, random_state=0)
    model.fit(X, constant)
    y_true, groups = seen[0]
    assert np.unique(groups).tolist() == [2, 7, 12]
    np.testing.assert_array_equal(y_true, Y[ERAS.isin(["0002", "0007", "0012"])])


@pytest.mark.parametrize("shuffled", [False, True])
def test_some_eras_are_predicted_by_their_own_features(shuffled):
    rows = np.arange(len(X))
    if shuffled:
        np.random.default_rng(0).shuffle(rows)
    model = fit(MLPRegressor, EraScoring(max_eras=2), rows=rows)
    some = ERAS.isin(["0001", "0012"])
    expected = numerai_corr_score(Y[some], model.predict(X[some]))
    assert model.history_[0]["train_corr"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "Network",
    [Network for Network in tiny.SIZES if Network is not DenoisingAutoencoder],
    ids=lambda Network: Network.__name__,
)
def test_every_network_is_scored_and_not_changed(Network):
    scored = fit(Network, EraScoring(), max_epochs=2)
    assert all(-1 <= row["train_corr"] <= 1 for row in scored.history_)
    np.testing.assert_array_equal(output(scored), output(fit(Network, max_epochs=2)))


def test_stages_that_predict_nothing_are_not_scored():
    model = fit(ConvAutoencoderRegressor, EraScoring(), pretrain_epochs=2)
    assert ["train_corr" in row for row in model.history_] == [False, False, True]


def test_the_bar_shows_it(capsys, monkeypatch):
    # a bar is cut at the width of the terminal
    monkeypatch.setenv("COLUMNS", "200")
    fit(MLPRegressor, EraScoring(name="mine"), verbose=1)
    assert "train_mine=" in capsys.readouterr().err


def test_errors():
    with pytest.raises(ValueError, match="no eras are held out, so 'valid' cannot be"):
        fit(MLPRegressor, EraScoring(on="both"))
    with pytest.raises(ValueError, match="on must be one of"):
        fit(MLPRegressor, EraScoring(on="test"))
    with pytest.raises(ValueError, match="max_eras must be an integer of at least 1"):
        fit(MLPRegressor, EraScoring(max_eras=0))
    with pytest.raises(ValueError, match="learns from features alone"):
        fit(DenoisingAutoencoder, EraScoring())
    with pytest.raises(ValueError, match="do not differ"):
        model = MLPRegressor((4,), max_epochs=1, callbacks=[EraScoring()])
        model.fit(X, 0 * Y)


def test_clones_and_classes_work_as_callbacks():
    model = tiny.tiny(MLPRegressor, callbacks=[EraScoring(on="train", name="a")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "train_a" in sklearn.base.clone(model).fit(X, Y).history_[0]
        model.set_params(callbacks=[EraScoring]).fit(X, Y)
    assert "train_corr" in model.history_[0]


def test_classes_are_scored_by_the_second():
    history = fit(ConvSELUClassifier, EraScoring(), max_epochs=8).history_
    assert history[-1]["train_corr"] > history[0]["train_corr"]
