"""True Contribution: identities, and finite differences."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sknumerai.portfolio import (
    PortfolioOptimizer,
    TrueContribution,
    leave_one_out_contribution,
)
from sknumerai.utils import gaussian_ranks

OPTIMIZER = PortfolioOptimizer(tol=1e-13)


def _inputs(n=150, n_models=12, seed=0):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=n)
    common = rng.normal(size=(n, 1))
    noise = rng.normal(size=(n, n_models))
    predictions = common + noise + 0.1 * returns[:, None]
    stakes = rng.exponential(size=n_models)
    stakes[1] = 0.0
    sides = {"exposures": rng.normal(size=(n, 5)), "neutral": rng.integers(0, 4, n)}
    return predictions, stakes, returns, sides


def _earned(signals, stakes, returns, sides):
    weights = OPTIMIZER.solve(signals @ stakes, **sides)
    return weights @ returns


def test_finite_differences_of_stakes():
    # central differences over steps within which the same weights are free: the error
    # of one is the square of its step, that of two steps extrapolated the fourth power
    predictions, stakes, returns, sides = _inputs()
    tc = TrueContribution(OPTIMIZER, n_rounds=0)
    tc.fit(predictions, stakes, returns, **sides)
    signals, shares = gaussian_ranks(predictions), stakes / stakes.sum()
    for u in (0, 1, 5):
        slopes = []
        for step in (2e-4, 1e-4):
            move = step * (np.arange(len(stakes)) == u)
            up = _earned(signals, shares + move, returns, sides)
            down = _earned(signals, shares - move, returns, sides)
            slopes.append((up - down) / (2 * step))
        expected = (4 * slopes[1] - slopes[0]) / 3
        assert tc.scores_[u] == pytest.approx(expected, abs=1e-8)


def test_equal_signals_score_the_same_whatever_their_stakes():
    predictions, stakes, returns, sides = _inputs()
    predictions[:, 1] = predictions[:, 7] = predictions[:, 3]
    stakes[7] = 50.0
    tc = TrueContribution(n_rounds=20, random_state=0)
    scores = tc.fit(predictions, stakes, returns, **sides).scores_
    np.testing.assert_allclose(scores[[1, 7]], scores[3], rtol=1e-10)
    assert scores[3] != 0
    np.testing.assert_allclose(tc.score_signals(predictions), scores, rtol=1e-12)
    np.testing.assert_allclose(tc.score_signals(-predictions), -scores, rtol=1e-9)


def test_scores_are_orthogonal_to_the_stakes():
    predictions, stakes, returns, sides = _inputs()
    tc = TrueContribution(n_rounds=0).fit(predictions, stakes, returns, **sides)
    assert abs(stakes @ tc.scores_) < 1e-10 * np.abs(stakes * tc.scores_).sum()
    huge = TrueContribution(n_rounds=0).fit(predictions, 1e9 * stakes, returns, **sides)
    np.testing.assert_allclose(huge.scores_, tc.scores_, rtol=1e-9)


@pytest.mark.parametrize("paired", [False, True])
def test_repeated_draws_agree(paired):
    predictions, stakes, returns, sides = _inputs(n=200, n_models=60)
    runs = [
        TrueContribution(n_rounds=60, paired=paired, random_state=seed).fit(
            predictions, stakes, returns, **sides
        )
        for seed in (0, 1, 0)
    ]
    r = np.corrcoef(runs[0].scores_, runs[1].scores_)[0, 1]
    assert r > 0.95
    assert runs[0].reliability_[0] == pytest.approx(r, abs=0.05)
    pd.testing.assert_series_equal(runs[0].scores_, runs[2].scores_)
    assert runs[0].converged_[0].all() and len(runs[0].portfolio_returns_[0]) == 60


def test_eras_and_names():
    predictions, stakes, returns, sides = _inputs()
    names = [f"m{i}" for i in range(12)]
    index = pd.Index(["0002"] * 70 + ["0001"] * 80, name="era")
    frame = pd.DataFrame(predictions, index=index, columns=names)
    named = pd.Series(stakes, index=names)[::-1]
    tc = TrueContribution(n_rounds=0).fit(frame, named, returns, **sides)
    assert tc.scores_.columns.tolist() == names and len(tc.scores_) == 2
    rows = np.asarray(index) == "0001"
    alone = TrueContribution(n_rounds=0).fit(
        predictions[rows],
        stakes,
        returns[rows],
        **{k: v[rows] for k, v in sides.items()},
    )
    np.testing.assert_allclose(tc.scores_.iloc[0], alone.scores_, rtol=1e-6, atol=1e-9)


def test_mean_of_rounds():
    # by hand: the gradient of the portfolio of each round's meta model
    predictions, stakes, returns, sides = _inputs()
    tc = TrueContribution(OPTIMIZER, n_rounds=3, random_state=0)
    tc.fit(predictions, stakes, returns, **sides)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    rng = np.random.default_rng([seed, 0])
    signals, alone = gaussian_ranks(predictions), []
    for _ in range(3):
        kept = 2 * stakes / stakes.sum()
        kept[stakes > 0] *= rng.random((stakes > 0).sum()) >= 0.5
        one = TrueContribution(OPTIMIZER, n_rounds=0, prepare=False)
        one.fit((signals @ kept)[:, None], [1.0], returns, **sides)
        alone.append(signals.T @ one.stock_gradient_)
    np.testing.assert_allclose(tc.scores_, np.mean(alone, axis=0), atol=1e-9)


def test_gaps_take_the_middle():
    predictions, stakes, returns, sides = _inputs()
    predictions[:20, 2] = np.nan
    tc = TrueContribution(n_rounds=0).fit(predictions, stakes, returns, **sides)
    assert np.isfinite(tc.scores_).all()
    with pytest.raises(ValueError, match="predictions must be finite"):
        TrueContribution(prepare=False).fit(predictions, stakes, returns)


def test_leave_one_out():
    predictions, stakes, returns, sides = _inputs()
    scores = leave_one_out_contribution(predictions, stakes, returns, **sides)
    signals = gaussian_ranks(predictions)
    rest = np.where(np.arange(12) == 4, 0.0, stakes)
    expected = _earned(signals, stakes, returns, sides)
    expected -= _earned(signals, rest, returns, sides)
    assert scores[4] == pytest.approx(expected, abs=1e-8)
    assert scores[1] == 0
    only = leave_one_out_contribution(predictions, np.arange(12) == 3, returns)
    assert np.isnan(only[3])


@pytest.mark.parametrize(
    "params, change, match",
    [
        ({}, {"stakes": np.zeros(12)}, "stake"),
        ({}, {"stakes": -np.ones(12)}, "stake"),
        ({}, {"returns": np.full(150, np.nan)}, "returns must be finite"),
        ({}, {"predictions": np.full((150, 12), np.inf)}, "infinite"),
        ({"dropout": 1.0}, {}, "dropout"),
        ({"n_rounds": -1}, {}, "n_rounds"),
        ({"paired": True, "dropout": 0.3}, {}, "paired"),
        ({"paired": True}, {"stakes": np.arange(12) == 3}, "too few"),
        ({"optimizer": PortfolioOptimizer(idio_risk=0.0)}, {}, "curvature"),
        ({"optimizer": PortfolioOptimizer(turnover=1.0)}, {}, "turnover=None"),
    ],
)
def test_errors(params, change, match):
    predictions, stakes, returns, _ = _inputs()
    given = {"predictions": predictions, "stakes": stakes, "returns": returns} | change
    with pytest.raises(ValueError, match=match):
        TrueContribution(**params).fit(**given)


def test_other_rows():
    predictions, stakes, returns, _ = _inputs()
    tc = TrueContribution(n_rounds=2, random_state=0)
    with pytest.raises(NotFittedError, match="fit"):
        tc.score_signals(predictions)
    tc.fit(predictions, stakes, returns)
    with pytest.raises(ValueError, match="150 rows"):
        tc.score_signals(predictions[:10])


def test_an_era_alone_scores_as_beside_others():
    # the second era's masks once depended on the first era being there
    predictions, stakes, returns, sides = _inputs()
    groups = np.repeat([7, 3, 12], 50)
    tc = TrueContribution(n_rounds=20, random_state=0)
    both = tc.fit(predictions, stakes, returns, groups=groups, **sides).scores_
    gradient = tc.stock_gradient_
    for era in (3, 7, 12):
        rows = groups == era
        one = TrueContribution(n_rounds=20, random_state=0).fit(
            predictions[rows],
            stakes,
            returns[rows],
            groups=np.full(50, f"era{era:04d}"),
            **{k: v[rows] for k, v in sides.items()},
        )
        np.testing.assert_allclose(one.scores_.iloc[0], both.loc[era], atol=1e-9)
        np.testing.assert_allclose(one.stock_gradient_, gradient[rows], atol=1e-9)
    assert abs(both.loc[3] - both.loc[7]).max() > 1e-3
    # rows in any order
    order = np.random.default_rng(0).permutation(150)
    tc.fit(
        predictions[order],
        stakes,
        returns[order],
        groups=groups[order],
        **{k: v[order] for k, v in sides.items()},
    )
    np.testing.assert_allclose(tc.scores_, both, atol=1e-9)
    np.testing.assert_allclose(tc.stock_gradient_, gradient[order], atol=1e-9)


def test_a_fit_that_fails_leaves_what_there_was():
    # it once left the scores of one fit beside the gradient of another
    predictions, stakes, returns, _ = _inputs()
    constant = predictions.copy()
    constant[75:] = 0.5
    groups = np.repeat([1, 2], 75)
    tc = TrueContribution(n_rounds=4, random_state=0)
    with pytest.raises(ValueError, match="era 2 are all the same"):
        tc.fit(constant, stakes, returns, groups=groups)
    with pytest.raises(NotFittedError):
        tc.score_signals(predictions)
    tc.fit(predictions, stakes, returns, groups=groups)
    before = tc.score_signals(predictions)
    with pytest.raises(ValueError, match="era 2 are all the same"):
        tc.fit(constant, stakes, returns, groups=groups)
    pd.testing.assert_frame_equal(tc.score_signals(predictions), before)
    np.testing.assert_allclose(tc.scores_, before, rtol=1e-12)


def test_reliability_of_few_models():
    # -1 divided by zero, and -.9 gave -18
    predictions, _, returns, _ = _inputs(n_models=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(6):
            tc = TrueContribution(n_rounds=4, random_state=seed)
            assert np.isnan(tc.fit(predictions[:, :2], [1, 1], returns).reliability_)
            r = tc.fit(predictions, np.ones(4), returns).reliability_[0]
            assert 0 <= r <= 1
        equal = predictions[:, :1] * np.ones(4)
        assert np.isnan(tc.fit(equal, np.ones(4), returns).reliability_)
        tc.set_params(n_rounds=3).fit(predictions, np.ones(4), returns)
        assert np.isnan(tc.reliability_)


def test_clone_and_repr():
    tc = TrueContribution(OPTIMIZER, n_rounds=7, paired=True)
    again = clone(tc)
    assert again.get_params()["n_rounds"] == 7 and again.optimizer is not OPTIMIZER
    assert repr(again).startswith("TrueContribution(n_rounds=7,")
    assert again.set_params(optimizer__gross=2.0).optimizer.gross == 2.0
    assert OPTIMIZER.gross == 1.0


@pytest.fixture(scope="module")
def coming():
    """Two eras; the first of three models predicts only the first era."""
    rng = np.random.default_rng(0)
    predictions, returns = rng.normal(size=(200, 3)), rng.normal(size=200)
    predictions[100:, 0] = np.nan
    return predictions, returns, np.repeat([1, 2], 100)


def test_a_model_that_is_not_there_yet_has_no_part(coming):
    """A round that kept it alone failed the fit; else it scored 0 and diluted others."""
    predictions, returns, eras = coming
    for seed in range(10):
        tc = TrueContribution(random_state=seed)
        tc.fit(predictions, np.ones(3), returns, groups=eras)
        assert np.isnan(tc.scores_.loc[2, 0])
        alone = TrueContribution(random_state=seed)
        alone.fit(predictions[100:, 1:], np.ones(2), returns[100:], groups=eras[100:])
        assert_allclose(tc.scores_.loc[2].to_numpy()[1:], alone.scores_.loc[2])
    signals = tc.score_signals(predictions)
    assert np.isnan(signals.loc[2, 0]) and np.isfinite(signals.loc[1]).all()
    left_out = leave_one_out_contribution(predictions, np.ones(3), returns, groups=eras)
    assert np.isnan(left_out.loc[2, 0]) and np.isfinite(left_out.loc[1]).all()


def test_a_constant_model_is_never_the_only_one_of_a_round(coming):
    predictions, returns, eras = coming
    predictions = np.where(np.isnan(predictions), 0.5, predictions)
    for seed in range(5):
        tc = TrueContribution(random_state=seed)
        tc.fit(predictions, np.ones(3), returns, groups=eras)
        assert tc.scores_.loc[2, 0] == 0 and np.isfinite(tc.scores_).all(axis=None)


@pytest.mark.parametrize("paired", [False, True])
def test_models_without_a_stake_change_nothing_for_the_others(coming, paired):
    predictions, returns, _ = coming
    predictions, returns = predictions[:100], returns[:100]
    more = np.hstack([predictions, predictions[:, :2] ** 3])
    tc = TrueContribution(n_rounds=20, paired=paired, random_state=0)
    expected = tc.fit(predictions, [1, 2, 3], returns).scores_
    new = tc.score_signals(more[:, 3:])
    found = tc.fit(more, [1, 2, 3, 0, 0], returns).scores_
    assert_allclose(found[:3], expected, rtol=1e-10)
    assert_allclose(found[3:], new, rtol=1e-10)


@pytest.mark.parametrize("paired", [False, True])
def test_rounds_whose_models_cancel_are_left_out(coming, paired):
    """Two opposite models of four failed every fit."""
    predictions, returns, _ = coming
    two = predictions[:100, 1:]
    predictions, returns = np.hstack([two, two[:, :1], -two[:, :1]]), returns[:100]
    tc = TrueContribution(paired=paired, random_state=0)
    with pytest.warns(ConvergenceWarning, match="cancel each other"):
        tc.fit(predictions, np.ones(4), returns)
    left_out = ~tc.converged_[0]
    assert 0 < left_out.sum() < 50
    assert np.isnan(tc.portfolio_returns_[0][left_out]).all()
    assert np.isfinite(tc.scores_).all()


def test_stakes_of_names_are_not_taken_by_position(coming):
    predictions, returns, _ = coming
    predictions, returns = predictions[:100], returns[:100]
    tc = TrueContribution(n_rounds=4, random_state=0)
    expected = tc.fit(predictions, [1, 2, 3], returns).scores_
    found = tc.fit(predictions, {2: 3, 0: 1, 1: 2}, returns).scores_
    assert_allclose(found, expected)
    with pytest.raises(ValueError, match=r"without predictions \(\['a'\]\)"):
        tc.fit(predictions, {"a": 1, 0: 1}, returns)
