"""Gradients of portfolios against finite differences and closed forms."""

import pickle

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata

from sknumerai.portfolio import DifferentiablePortfolio, PortfolioOptimizer
from sknumerai.portfolio._adjoint import pull_back
from sknumerai.portfolio._era_problems import EraProblems


def _inputs(n=40, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=n), requires_grad=True), {
        "exposures": torch.tensor(rng.normal(size=(n, n_features))),
        "neutral": rng.integers(0, 3, n),
        "factors": rng.normal(size=(n, 2)),
        "variances": np.exp(rng.normal(0, 0.3, n)),
    }


CASES = {
    "defaults": {},
    "many_exposures": {"idio_risk": 0.05},
    "bounds": {"factor_bound": 0.02, "neutral_bound": 0.05},
    "slack": {"gross": 30.0, "max_weight": float("inf")},
    "caps": {"max_weight": 0.04, "idio_risk": 0.01},
    "long_only": {"long_only": True, "factor_bound": 0.2, "max_weight": 0.1},
    "turnover": {"turnover": 0.8},
    "no_risk": {"idio_risk": 0.0},
}


@pytest.mark.parametrize("name", CASES)
def test_gradcheck(name):
    n_features = 50 if name in ("many_exposures", "no_risk") else 4
    scores, sides = _inputs(16 if name == "no_risk" else 40, n_features)
    params = {"tol": 1e-13} | CASES[name]
    if name == "turnover":
        other = _inputs(seed=1)[0].detach().numpy() + scores.detach().numpy()
        start = PortfolioOptimizer(max_weight=0.2).solve(other, **sides)
        sides["start"] = start
    layer = DifferentiablePortfolio(PortfolioOptimizer(**params))
    weights = layer(scores, **sides)
    assert (weights != 0).any()
    # the proximal method is less exact
    eps, atol = (1e-4, 1e-5) if name == "no_risk" else (1e-6, 1e-7)
    assert torch.autograd.gradcheck(
        lambda x: layer(x, **sides), (scores,), eps=eps, atol=atol, rtol=1e-5
    )


def test_differences_within_an_active_set_are_exact():
    # the weights are piecewise linear in the standardized scores
    scores, sides = _inputs(n=200, n_features=30)
    scores = scores.detach().numpy()
    sides["exposures"] = sides["exposures"].numpy()
    opt = PortfolioOptimizer(tol=1e-13)
    problems = EraProblems(opt, scores, caller="test", **sides)
    (label, rows), *_ = problems
    problem = problems.problem(label, rows)
    returns, direction = np.random.default_rng(1).normal(size=(2, 200))
    middle = problem.solve(scores)
    up = problem.solve(scores + 1e-3 * direction, middle)
    down = problem.solve(scores - 1e-3 * direction, middle)
    assert (up.free == middle.free).all() and (down.free == middle.free).all()
    slope = (up.weights - down.weights) @ returns / 2e-3
    gradient = pull_back(problem, middle, returns)
    assert abs(slope - gradient @ direction) < 1e-8 * np.linalg.norm(gradient)


def test_closed_form_of_signals():
    # golden values: contributions under a ridge of 1, dollar neutral, then neutral to
    # three features
    i = np.arange(20)
    r = 0.01 * np.sin(2.3 * i + 1)
    raw = np.sin(1.7 * i) + 0.1 * i, np.cos(0.9 * i) + 0.05 * i, np.cos(1.3 * i)
    U = np.column_stack([norm.ppf((rankdata(x) - 0.5) / 20) for x in raw])
    features = np.column_stack([3 * i % 5, (7 * i + 2) % 5, i * i % 5]) / 4
    opt = PortfolioOptimizer(idio_risk=1 / 20, gross=1e3, max_weight=float("inf"))
    for factors, expected in (
        (None, [-0.01456138, 0.00295033, 0.01956158]),
        (features, [-0.01947198, 0.00316747, -0.00094468]),
    ):
        problems = EraProblems(opt, U[:, 0], factors=factors, caller="test")
        (label, rows), *_ = problems
        problem = problems.problem(label, rows)
        solution = problem.solve(U @ [0.5, 0.3, 0.2])
        q = opt.gross * pull_back(problem, solution, r)
        np.testing.assert_allclose(U.T @ q, expected, atol=5e-9)


def test_both_sides_of_the_equations_agree():
    # as many free weights as fit either side: the same gradient
    scores, sides = _inputs(n=80)
    opt = PortfolioOptimizer(tol=1e-13)
    sides["exposures"] = sides["exposures"].numpy()
    problems = EraProblems(opt, scores.detach(), caller="test", **sides)
    (label, rows), *_ = problems
    problem = problems.problem(label, rows)
    solution = problem.solve(scores.detach().numpy())
    r = np.random.default_rng(0).normal(size=(80, 3))
    dual = pull_back(problem, solution, r)
    assert solution.free.sum() > problem.n_dual
    object.__setattr__(solution, "proximal", True)
    np.testing.assert_allclose(pull_back(problem, solution, r), dual, atol=1e-12)


def test_eras_columns_and_types():
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.normal(size=(60, 2)), dtype=torch.float32)
    scores.requires_grad_()
    groups = torch.tensor([0, 1, 2]).repeat(20)
    layer = DifferentiablePortfolio()
    weights = layer(scores, groups=groups)
    assert weights.dtype == torch.float32 and weights.shape == (60, 2)
    direction = torch.tensor(rng.normal(size=(60, 2)), dtype=torch.float32)
    (weights * direction).sum().backward()
    for era in range(3):
        rows = groups == era
        alone = scores[rows, 1].detach().requires_grad_()
        w = layer(alone)
        torch.testing.assert_close(w, weights[rows, 1])
        (w * direction[rows, 1]).sum().backward()
        torch.testing.assert_close(alone.grad, scores.grad[rows, 1])


def test_singleton_groups_have_no_gradient():
    scores, _ = _inputs(n=12)
    neutral = ["a"] * 10 + ["b", "c"]
    weights = DifferentiablePortfolio()(scores, neutral=neutral)
    assert (weights[10:] == 0).all()
    (weights @ torch.arange(12.0, dtype=torch.float64)).backward()
    assert torch.isfinite(scores.grad).all()


def test_errors():
    scores, _ = _inputs()
    with pytest.raises(TypeError, match="PortfolioOptimizer"):
        DifferentiablePortfolio("cvxpy")
    flat = DifferentiablePortfolio(PortfolioOptimizer(idio_risk=0.0))
    with pytest.raises(ValueError, match="curvature"):
        flat(scores)
    with pytest.raises(ValueError, match="scores must be finite"):
        DifferentiablePortfolio()(scores * torch.nan)


def test_pickle():
    layer = pickle.loads(pickle.dumps(DifferentiablePortfolio()))
    scores, sides = _inputs()
    torch.testing.assert_close(
        layer(scores, **sides), DifferentiablePortfolio()(scores, **sides)
    )


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        (torch.tensor([3, 2, 1, 0]), TypeError),
        (np.array([3.0, 2.0, 1.0, 0.0]), TypeError),
        (torch.tensor(1.0), ValueError),
    ],
)
def test_scores_that_are_no_floats_are_refused(scores, error):
    """Whole numbers gave weights that were cut to 0."""
    with pytest.raises(error, match="DifferentiablePortfolio: scores must"):
        DifferentiablePortfolio()(scores)
