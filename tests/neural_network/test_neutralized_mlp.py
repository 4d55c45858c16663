"""Neutralization inside the network: what is predicted, learned, and left of features."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from sknumerai.exceptions import OneEraWarning
from sknumerai.losses import CorrelationLoss
from sknumerai.metrics import fnc_score, numerai_corr_score
from sknumerai.modules import GaussianNoise, NeutralizedMLP
from sknumerai.neural_network import NeutralizedMLPRegressor
from sknumerai.utils import least_squares_residuals


def small(**params):
    model = NeutralizedMLPRegressor(
        (16, 8), dropout=0.1, max_epochs=3, top_bottom=10, random_state=0
    )
    return model.set_params(**params)


def eras_of(X):
    return X.index.get_level_values("era")


def centred(X):
    return X.to_numpy(np.float64) / 4 - 0.5


def test_count_of_the_source():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (1200, 1050)).astype(np.int8)
    model = NeutralizedMLPRegressor(max_epochs=1, random_state=0)
    with pytest.warns(OneEraWarning):
        model.fit(X, rng.random(1200))
    assert sum(p.numel() for p in model.module_.parameters()) == 108_163


def test_learns_what_features_leave_of_the_target(problem):
    X, y, _, truth = problem  # an interaction and a linear part
    train = np.arange(len(X)) < 0.7 * len(X)
    model = small(max_epochs=60, lr=5e-3).fit(X[train], y[train])
    prediction = model.predict(X[~train])
    score = fnc_score(y[~train], prediction, X[~train])
    attainable = fnc_score(y[~train], truth[~train], X[~train])
    assert 0.5 * attainable < score < attainable + 0.02
    assert numerai_corr_score(y[~train], prediction) > 0.5 * attainable
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_prediction_is_the_raw_one_less_its_fit_in_each_era(problem, fit_intercept):
    X, y, _, _ = problem
    model = small(fit_intercept=fit_intercept).fit(X, y)
    raw, neutral = model.predict_raw(X), model.predict(X)
    offset = model._y_offset[0]
    for era in ("0001", "0017"):
        rows = eras_of(X) == era
        expected = least_squares_residuals(
            raw[rows] - offset, centred(X[rows]), fit_intercept=fit_intercept
        )
        np.testing.assert_allclose(neutral[rows] - offset, expected, atol=1e-6)
        exposures = centred(X[rows]).T @ (neutral[rows] - offset)
        assert np.abs(exposures).max() < 1e-5
    assert np.abs(centred(X).T @ (raw - offset)).max() > 1e-3


def test_neutral_to_some_features_by_name_or_position(problem):
    X, y, _, _ = problem
    by_name = small(neutralizers=["feature_3", "feature_0"]).fit(X, y)
    by_position = small(neutralizers=[3, 0]).fit(X, y)
    np.testing.assert_array_equal(by_name.predict(X), by_position.predict(X))
    rest = (by_name.predict(X) - by_name._y_offset[0])[eras_of(X) == "0005"]
    exposures = np.abs(centred(X[eras_of(X) == "0005"]).T @ rest)
    assert exposures[[0, 3]].max() < 1e-5
    assert exposures.max() > 1e-3
    for wrong in (["feature_9"], [8], [0, 0], []):
        with pytest.raises(ValueError, match="neutralizers must be different names"):
            small(neutralizers=wrong).fit(X, y)


def test_an_era_scores_the_same_alone_beside_others_shuffled_and_live(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    whole = model.predict(X)
    rows = np.flatnonzero(eras_of(X) == "0011")
    np.testing.assert_allclose(model.predict(X.iloc[rows]), whole[rows], rtol=1e-5)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.predict(X.iloc[order]), whole[order], rtol=1e-5)
    live = X.iloc[rows].reset_index(drop=True)
    with pytest.warns(OneEraWarning):
        np.testing.assert_allclose(model.predict(live), whole[rows], rtol=1e-5)
    labels = np.full(len(rows), "X")
    np.testing.assert_allclose(model.predict(live, labels), whole[rows], rtol=1e-5)


def test_raw_predictions_need_no_eras(problem):
    X, y, _, _ = problem
    model = small().fit(X.to_numpy(), y.to_numpy(), groups=eras_of(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = model.predict_raw(X.to_numpy()[:7])
    np.testing.assert_allclose(raw, model.predict_raw(X.to_numpy())[:7], rtol=1e-5)


def test_fitting_twice_and_pickles(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    whole = model.predict(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), whole)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), whole)


def test_predictions_are_in_the_units_of_the_target(problem):
    X, y, _, _ = problem
    model = small(max_epochs=20, lr=5e-3, n_validation_eras=0).fit(X, y)
    prediction = model.predict(X)
    assert abs(prediction.mean() - y.mean()) < 0.01
    # least squares on training rows: the slope of y on them is 1
    slope = np.cov(prediction, y)[0, 1] / prediction.var()
    assert slope == pytest.approx(1, abs=0.05)


def test_several_targets_with_missing_values(problem):
    X, y, aux, _ = problem
    model = small().fit(X, y, aux_targets=aux)
    assert model.predict(X).shape == (len(X),)
    heads = model.predict_targets(X)
    assert heads.shape == (len(X), 3) and np.isfinite(heads).all()
    np.testing.assert_allclose(heads[:, 0], model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "corr", "spearman", CorrelationLoss])
def test_other_losses_are_taken_of_the_neutral_output(problem, loss):
    X, y, _, _ = problem
    model = small(loss=loss, max_epochs=10, lr=5e-3).fit(X, y)
    assert model.batch_by_ == "era"
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]


def test_terms_are_in_the_history(problem):
    X, y, _, _ = problem
    model = small(batch_size=3).fit(X, y)
    last = model.history_[-1]
    total = sum(
        weight * last[f"valid_{name}"]
        for weight, name in zip(
            model.loss_weights,
            (
                "top_bottom_corr_loss",
                "neutral_corr_loss",
                "corr_loss",
                "top_bottom_exposure",
                "exposure",
            ),
        )
    )
    assert last["valid_loss"] == pytest.approx(total, abs=1e-5)


def test_noise_is_not_what_the_output_is_neutral_to(problem):
    X, y, _, _ = problem
    model = small(input_noise=0.3).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    assert np.abs(model.predict(X) - small().fit(X, y).predict(X)).max() > 1e-5


def test_an_era_with_fewer_rows_than_features_is_warned_of(problem):
    X, y, _, _ = problem
    few = X.groupby(level="era").head(6)
    with pytest.warns(UserWarning, match="6 rows is neutralized by 8 features"):
        model = small(n_validation_eras=0).fit(few, y[few.index])
    assert np.ptp(model.predict(few)) < 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(neutralizers=[0, 1]).fit(few, y[few.index])


def test_preset():
    model = NeutralizedMLPRegressor.from_preset("mdo", max_epochs=7)
    assert (model.temperature, model.max_epochs, model.top_bottom) == (0.5, 7, 500)
    with pytest.raises(ValueError, match="name must be one of"):
        NeutralizedMLPRegressor.from_preset("mod")


def test_training_is_neutral_to_the_features_without_noise(problem, monkeypatch):
    X, y, _, _ = problem
    levels, seen = np.array([-0.5, -0.25, 0, 0.25, 0.5]), {}
    raw, neutralize = NeutralizedMLP.raw, NeutralizedMLP.neutralize

    def is_clean(values):
        return bool(np.isin(values.numpy(), levels).all())

    def watch_raw(self, values):
        seen.setdefault(("raw", self.training), []).append(is_clean(values))
        return raw(self, values)

    def watch_neutralize(self, output, values, groups=None):
        seen.setdefault(("neutralize", self.training), []).append(is_clean(values))
        return neutralize(self, output, values, groups)

    monkeypatch.setattr(NeutralizedMLP, "raw", watch_raw)
    monkeypatch.setattr(NeutralizedMLP, "neutralize", watch_neutralize)
    for noise in (0.3, GaussianNoise, GaussianNoise(0.3)):
        seen.clear()
        small(input_noise=noise).fit(X, y)
        assert not any(seen["raw", True]) and all(seen["neutralize", True])
        assert all(seen["raw", False]) and all(seen["neutralize", False])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"temperature": 0}, r"'temperature' parameter .* range \(0.0, inf\)"),
        ({"loss_weights": (1, 1, 1, 0, np.inf)}, "5 finite numbers"),
        ({"loss_weights": (0, 0, 0, 0, 0)}, "are all 0"),
        ({"neutralizers": [0]}, "Use eras of more rows or a larger batch_size"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_advice_that_helps(
    problem, params, message
):
    X, y, _, _ = problem
    if "neutralizers" in params:  # batch normalization takes no batch of a row
        X = X.groupby(level="era").head(1)
    with pytest.raises(ValueError, match=message):
        small(n_validation_eras=0, **params).fit(X, y[X.index])


def test_no_more_than_fit_is_said_to_need_eras():
    """The stocks of an era are not compared: 16,000 rows of one were too many to."""
    X = np.zeros((16_000, 1), dtype=np.int8)
    with pytest.raises(ValueError, match="takes the stocks of an era together"):
        small().fit(X, np.arange(16_000) % 2)
