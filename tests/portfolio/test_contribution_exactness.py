"""Optimality conditions, finite differences and identities in every active set."""

import numpy as np
import pytest

from sknumerai.portfolio import PortfolioOptimizer, TrueContribution
from sknumerai.portfolio._adjoint import pull_back
from sknumerai.portfolio._contribution_rounds import ContributionRounds, masks_of
from sknumerai.portfolio._era_problems import EraProblems
from sknumerai.utils import gaussian_ranks

# parameters, number of exposures
CASES = {
    "defaults": ({}, 8),
    "no_exposures": ({}, 0),
    "caps": ({"max_weight": 0.016, "idio_risk": 0.01}, 8),
    "penalty": ({"exposure_penalty": 30.0, "gross": 5.0}, 20),
    "more_exposures_than_free": ({"idio_risk": 0.03}, 150),
    "bounds": ({"neutral_bound": 0.01, "factor_bound": [0.02, 0.0]}, 8),
    "slack": ({"gross": 40.0, "max_weight": float("inf")}, 8),
    "long_only": ({"long_only": True, "factor_bound": 0.1, "max_weight": 0.05}, 8),
    "proximal": ({"idio_risk": 0.0, "factor_bound": 0.05}, 80),
}


def _sides(n, n_exposures, seed=0):
    rng = np.random.default_rng(seed)
    sides = {
        "neutral": np.column_stack([rng.integers(0, 4, n), rng.integers(0, 3, n)]),
        "factors": rng.normal(size=(n, 2)),
        "variances": np.exp(rng.normal(0, 0.4, n)),
    }
    if n_exposures:
        sides["exposures"] = rng.integers(0, 5, (n, n_exposures))
    return sides


def _optimizer(name):
    # the proximal method ends at rounding only
    tol = 1e-12 if name == "proximal" else 1e-13
    return PortfolioOptimizer(tol=tol, **CASES[name][0])


def _problem(name, trades=None):
    n, n_exposures = 120, CASES[name][1]
    opt = _optimizer(name)
    sides = _sides(n, n_exposures)
    rng = np.random.default_rng(5)
    scores = rng.normal(size=n)
    if trades:
        other = scores + rng.normal(size=n)
        sides["start"] = opt.solve(other, **sides)
        opt.set_params(turnover=trades * np.abs(sides["start"]).sum())
    problems = EraProblems(opt, scores, caller="test", **sides)
    ((label, rows),) = problems
    z = (scores - scores.mean()) / scores.std()
    problem = problems.problem(label, rows)
    return problem, z, problem.solve(z)


def _kkt(problem, a, solution):
    """The largest violation of any condition of optimality."""
    p, w, y, nu = problem, solution.weights, solution.dual, solution.nu
    k, e, q = p.n_exposures, p.n_equal, p.n_columns
    center = np.full(p.n, 0.0 if p.limit_gross else 1 / p.n)
    M = p.M
    net = (w - center) @ M
    bad = [np.maximum(p.low - w, 0), np.maximum(w - p.high, 0)]
    bad += [y[:k] - net[:k], net[k : k + e]]
    limits = [(net[k + e : q], p.above[k + e : q], y[k + e : q])]
    if p.limit_gross:
        limits.append(([np.abs(w).sum()], [1.0], [nu]))
        bad.append([max(-nu, 0)])
    mu = 0.0
    if p.start is not None:
        mu = y[-1]
        limits.append(([np.abs(w - p.start).sum()], [p.above[-1]], [mu]))
        bad.append([max(-mu, 0)])
    for value, limit, multiplier in limits:
        value, limit, multiplier = map(np.asarray, (value, limit, multiplier))
        bad.append(np.maximum(np.abs(value) - limit, 0))
        bad.append(multiplier * (limit - np.sign(multiplier) * value))
    # of each weight: the slopes to its left and right have other signs, or are 0
    slope = a - M @ y[:q] - p.d * w
    up, down = slope.copy(), slope.copy()
    for cost, at in ((nu, 0.0), (mu, p.start)):
        if cost:
            up -= np.where(w >= at, cost, -cost)
            down -= np.where(w > at, cost, -cost)
    # what is within rounding of a kink or bound is at it
    near = 1e-11
    up = np.where(w >= p.high - near, 0, up)
    down = np.where(w <= p.low + near, 0, down)
    bad += [np.maximum(up, 0), np.maximum(-down, 0)]
    return max(np.abs(x).max(initial=0.0) for x in bad)


@pytest.mark.parametrize("trades", [None, 0.6])
@pytest.mark.parametrize("name", CASES)
def test_conditions_of_optimality(name, trades):
    problem, a, solution = _problem(name, trades)
    assert _kkt(problem, a, solution) < 1e-8
    assert solution.proximal == (name == "proximal")
    w = solution.weights
    # the case is what its name says
    if name == "caps":
        assert (np.abs(w) == problem.high).sum() > 20
    if name == "bounds" and not trades:
        assert (solution.dual[problem.kinked] != 0).any()
    if name == "more_exposures_than_free":
        assert 0 < solution.free.sum() < problem.n_exposures
    assert (solution.nu > 0) == (name not in ("slack", "long_only")) or trades
    if trades:
        assert solution.dual[-1] > 0 and (w == problem.start).any()


@pytest.mark.parametrize("trades", [None, 0.6])
@pytest.mark.parametrize("name", CASES)
def test_finite_differences_by_scores(name, trades):
    # weights are linear in the scores while the same ones are free: central
    # differences are exact
    problem, a, middle = _problem(name, trades)
    rng = np.random.default_rng(1)
    returns = rng.normal(size=problem.n)
    gradient = pull_back(problem, middle, returns)
    length = np.linalg.norm(gradient)
    assert length > 0
    n_checked = 0
    for direction in rng.normal(size=(3, problem.n)):
        for step in (3e-3, 1e-3, 3e-4, 1e-4, 3e-5):
            ends = [problem.solve(a + s * direction, middle) for s in (step, -step)]
            if all((end.free == middle.free).all() for end in ends):
                slope = (ends[0].weights - ends[1].weights) @ returns / (2 * step)
                assert abs(slope - gradient @ direction) < 1e-8 * length
                n_checked += 1
                break
    assert n_checked


def _models(n=150, n_models=8):
    rng = np.random.default_rng(3)
    returns = rng.normal(size=n)
    common = rng.normal(size=(n, 1))
    predictions = common + rng.normal(size=(n, n_models)) + 0.1 * returns[:, None]
    return predictions, np.r_[0.0, rng.exponential(size=n_models - 1)], returns


@pytest.mark.parametrize("name", CASES)
def test_finite_differences_by_stakes(name):
    # model 0 has no stake: its score is that of its first
    n_exposures = CASES[name][1]
    opt = _optimizer(name)
    predictions, stakes, returns = _models()
    sides = _sides(150, n_exposures)
    tc = TrueContribution(opt, n_rounds=0).fit(predictions, stakes, returns, **sides)
    signals, shares = gaussian_ranks(predictions), stakes / stakes.sum()
    scale = np.abs(tc.scores_).max()
    assert scale > 1e-4
    for u in (0, 3):
        # the error of one slope is the square of its step, of two the fourth power;
        # of steps so large that a weight comes or goes a smaller one is free of it
        for step in (8e-4, 2e-4, 5e-5):
            slopes = []
            for h in (step, step / 2):
                move = h * (np.arange(8) == u)
                both = np.column_stack([shares + move, shares - move])
                earned = returns @ opt.solve(signals @ both, **sides)
                slopes.append((earned[0] - earned[1]) / (2 * h))
            error = abs((4 * slopes[1] - slopes[0]) / 3 - tc.scores_[u])
            if error < 1e-8 * max(1.0, scale):
                break
        else:
            pytest.fail(f"model {u}: {error:.1e}")


def test_a_first_stake():
    # one-sided, as a stake comes: a millionth of all stakes
    predictions, stakes, returns = _models()
    opt = PortfolioOptimizer(tol=1e-13)
    tc = TrueContribution(opt, n_rounds=0).fit(predictions, stakes, returns)
    signals, shares = gaussian_ranks(predictions), stakes / stakes.sum()
    more = np.column_stack([shares, shares + 1e-6 * (np.arange(8) == 0)])
    earned = returns @ opt.solve(signals @ more)
    assert (earned[1] - earned[0]) / 1e-6 == pytest.approx(tc.scores_[0], rel=1e-4)


@pytest.mark.parametrize("paired", [False, True])
def test_the_scores_of_each_round_are_orthogonal_to_its_stakes(paired):
    # to the stakes that are kept: the meta model's length has no effect
    predictions, stakes, returns = _models(n_models=30)
    sides = {
        k: None for k in ("exposures", "groups", "neutral", "factors", "variances")
    }
    sides |= _sides(150, 8)
    rounds = ContributionRounds(predictions, stakes, returns, None, True, sides, "test")
    ((_, _, era),) = rounds
    rng = np.random.default_rng(0)
    kept = era.shares[:, None] * masks_of(era, 10, 0.5, paired, rng, "test")
    for j, (solution, _, z, deviation) in enumerate(era.solve_all(kept)):
        scores = era.signals.T @ era.gradient(solution, z, deviation)
        size = np.abs(scores * kept[:, j]).sum()
        assert size > 0 and abs(scores @ kept[:, j]) < 1e-13 * size
    if paired:
        np.testing.assert_allclose(
            kept[:, ::2] + kept[:, 1::2], 2 * era.shares[:, None] * np.ones(5)
        )


def test_one_solution_for_each_round_whatever_the_models(monkeypatch):
    calls = []
    solve = EraProblems.problem
    predictions, stakes, returns = _models(n_models=20)

    def counted(self, label, rows):
        problem = solve(self, label, rows)
        inner = problem.solve
        problem.solve = lambda *args: calls.append(1) or inner(*args)
        return problem

    monkeypatch.setattr(EraProblems, "problem", counted)
    for n_models in (2, 20):
        calls.clear()
        tc = TrueContribution(n_rounds=9, random_state=0)
        tc.fit(predictions[:, -n_models:], stakes[-n_models:], returns)
        assert len(calls) == 10


@pytest.mark.parametrize("n_features", [0, 3])
def test_without_limits_it_is_the_neutralized_covariance(n_features):
    # w = P z / c, with P the projection off the limits: of the standardized meta model
    # z, only what is left of a signal after them, the mean and z itself counts
    predictions, stakes, returns = _models()
    F = np.random.default_rng(2).normal(size=(150, n_features))
    opt = PortfolioOptimizer(idio_risk=1.0, gross=1e3, max_weight=float("inf"))
    tc = TrueContribution(opt, n_rounds=0)
    tc.fit(predictions, stakes, returns, factors=F if n_features else None)
    U, m = gaussian_ranks(predictions), gaussian_ranks(predictions) @ stakes
    m = m / stakes.sum()
    A = np.column_stack([np.ones(150), F])
    left = returns - A @ np.linalg.lstsq(A, returns)[0]
    z = (m - m.mean()) / m.std()
    expected = (U - U.mean(axis=0) - np.outer(z, z @ U / 150)).T @ left
    np.testing.assert_allclose(tc.scores_, expected / m.std() / 150, rtol=1e-9)


def test_golden_values():
    # published figures of a ridge of 1, dollar neutral and neutral to three features,
    # to which the standardization of the meta model is applied
    i = np.arange(20)
    r = 0.01 * np.sin(2.3 * i + 1)
    raw = np.sin(1.7 * i) + 0.1 * i, np.cos(0.9 * i) + 0.05 * i, np.cos(1.3 * i)
    features = np.column_stack([3 * i % 5, (7 * i + 2) % 5, i * i % 5]) / 4
    predictions, stakes = np.column_stack(raw), np.array([5.0, 3.0, 2.0])
    U = gaussian_ranks(predictions)
    m = U @ stakes / 10
    opt = PortfolioOptimizer(idio_risk=1 / 20, gross=1e3, max_weight=float("inf"))
    for factors, raw_scores in (
        (None, np.array([-0.01456138, 0.00295033, 0.01956158])),
        (features, np.array([-0.01947198, 0.00316747, -0.00094468])),
    ):
        tc = TrueContribution(opt, n_rounds=0)
        tc.fit(predictions, stakes, r, factors=factors)
        z = (m - m.mean()) / m.std()
        along = U.T @ z / 20 * (raw_scores @ stakes / 10) / m.std()
        np.testing.assert_allclose(
            tc.scores_, (raw_scores - along) / m.std(), atol=2e-8
        )


def _realistic(n, n_features, n_models, spread):
    rng = np.random.default_rng(0)
    returns = 0.05 * rng.standard_t(4, size=n)
    crowd = rng.normal(size=(n, 1)) + returns[:, None]
    predictions = 0.6 * crowd + rng.normal(size=(n, n_models))
    stakes = rng.lognormal(0, spread, n_models)
    sides = _sides(n, n_features)
    sides["neutral"] = np.column_stack([rng.integers(0, 25, n), rng.integers(0, 11, n)])
    return predictions, stakes, returns, sides


def test_other_draws_give_the_same_scores():
    # at a tenth of the real size; the article's figures are .995 and .9
    inputs = *args, sides = _realistic(2000, 30, 200, 1.0)
    opt = PortfolioOptimizer(factor_bound=0.05)
    runs = [
        TrueContribution(opt, random_state=seed).fit(*args, **sides)
        for seed in range(2)
    ]
    r = np.corrcoef(runs[0].scores_, runs[1].scores_)[0, 1]
    assert r > 0.98
    assert runs[0].reliability_[0] == pytest.approx(r, abs=0.01)
    whole = TrueContribution(opt, n_rounds=0).fit(*inputs[:3], **sides)
    assert 0.8 < np.corrcoef(runs[0].scores_, whole.scores_)[0, 1] < r


@pytest.mark.parametrize(
    "change, match",
    [
        ({"predictions": np.empty((0, 8))}, "no rows"),
        ({"predictions": np.full((150, 8), np.nan)}, "no model that has predictions"),
        ({"returns": np.r_[np.nan, np.ones(149)]}, "returns must be finite"),
        ({"stakes": np.zeros(8)}, "has a stake in era"),
        ({"stakes": np.full(8, np.inf)}, "NaN or infinite"),
        ({"stakes": [1, 1, 0, 0, 0, 0, 0, 0]}, "cancel each other in era"),
        (
            {"long_only": True, "max_weight": 1e-3},
            "max_weight=0.001 for the 150 stocks",
        ),
        ({"neutral": np.r_[[None], ["US"] * 149]}, "have no label"),
        ({"factors": np.full((150, 2), np.nan)}, "factors must be finite"),
        ({"factor_bound": [0.1]}, "1 bounds for 2 factors"),
        ({"variances": -np.ones(150)}, "variances must be positive"),
    ],
)
def test_bad_input_names_what_is_wrong(change, match):
    predictions, stakes, returns = _models()
    predictions[:, 1] = -predictions[:, 0]
    given = {"predictions": predictions, "stakes": stakes, "returns": returns}
    given |= _sides(150, 0) | change
    if "stakes" in change:
        given = {k: given[k] for k in ("predictions", "stakes", "returns")}
    names = [name for name in given if name in PortfolioOptimizer().get_params()]
    opt = PortfolioOptimizer(**{name: given.pop(name) for name in names})
    if len(given["predictions"]) == 0:
        given = {"predictions": np.empty((0, 8)), "stakes": stakes, "returns": []}
    with pytest.raises(ValueError, match=match):
        TrueContribution(opt, n_rounds=2).fit(**given)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e200, 1e300])
def test_scores_and_stakes_of_any_size(scale):
    predictions, stakes, returns = _models()
    opt = PortfolioOptimizer()
    w = opt.solve(predictions[:, 2])
    np.testing.assert_allclose(opt.solve(scale * predictions[:, 2]), w, atol=1e-9)
    tc = TrueContribution(n_rounds=3, random_state=0)
    scores = tc.fit(predictions, stakes, returns).scores_
    tiny = tc.fit(predictions, scale * stakes, returns).scores_
    np.testing.assert_allclose(tiny, scores, rtol=1e-8)


@pytest.mark.parametrize(
    "sides, params",
    [
        ({"neutral": np.arange(150)}, {}),
        # as many free weights as constraints: what is left is rounding
        ({}, {"idio_risk": 1e-7}),
        ({}, {"idio_risk": 1e-12}),
        ({"exposures": np.ones((150, 3))}, {"idio_risk": 0.0}),
    ],
)
def test_a_portfolio_that_cannot_move_warns(sides, params):
    predictions, stakes, returns = _models()
    tc = TrueContribution(PortfolioOptimizer(**params), n_rounds=2)
    with pytest.warns(UserWarning, match="every score is 0.*Raise the optimizer's"):
        tc.fit(predictions, stakes, returns, **sides)
    assert (tc.scores_ == 0).all()
