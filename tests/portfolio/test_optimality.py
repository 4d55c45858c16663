"""PortfolioOptimizer in random combinations of its limits, against Clarabel by cvxpy."""

import numpy as np
import pytest

from sknumerai.portfolio import PortfolioOptimizer

cp = pytest.importorskip("cvxpy", reason="needs the extra cvxpy")


def draw(seed):
    """Parameters and inputs of a problem."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(12, 60)), int(rng.choice([0, 3, 10, 80]))
    gross = float(rng.choice([0.3, 1.0, 2.5]))
    params = {
        "exposure_penalty": float(rng.choice([0.0, 1.0, 10.0])),
        "idio_risk": float(rng.choice([0.01, 0.1, 1.0, 0.0], p=[0.3, 0.3, 0.3, 0.1])),
        "max_weight": [None, 0.15 * gross, 0.4 * gross, np.inf][rng.integers(4)],
        "gross": gross,
        "dollar_neutral": bool(rng.random() < 0.8),
        "neutral_bound": float(rng.choice([0, 0.05])),
        "factor_bound": float(rng.choice([0, 0.03])),
        "long_only": bool(rng.random() < 0.3),
    }
    given = {
        "exposures": rng.normal(size=(n, k)) if k else None,
        "neutral": rng.integers(0, 3, n) if rng.random() < 0.5 else None,
        "factors": rng.normal(size=(n, 2)) if rng.random() < 0.5 else None,
        "variances": rng.uniform(0.5, 2, n) if rng.random() < 0.5 else None,
    }
    if rng.random() < 0.4:
        # a portfolio that keeps the other limits
        start = np.full(n, gross / n)
        if not params["long_only"]:
            other = PortfolioOptimizer(**params)
            start = other.solve(rng.normal(size=n), **given)
        params["turnover"] = float(rng.choice([0.1, 0.5])) * gross
        given["start"] = start
    return rng.normal(size=n), params, given


def by_cvxpy(scores, params, given):
    """The problem as the user guide states it: objective, limits and the variable."""
    n, gross = len(scores), params["gross"]
    w = cp.Variable(n)
    center = np.full(n, gross / n * params["long_only"])
    v = np.ones(n) if given["variances"] is None else given["variances"]
    z = (scores - scores.mean()) / scores.std()
    value = z @ w - params["idio_risk"] * n / 2 * cp.sum(cp.multiply(v, w**2))
    if given["exposures"] is not None:
        F = given["exposures"]
        F = (F - F.mean(axis=0)) / F.std(axis=0)
        penalty = params["exposure_penalty"] / 2
        value = value - penalty * cp.sum_squares(F.T @ (w - center))
    cap = 10 * gross / n if params["max_weight"] is None else params["max_weight"]
    limits = [cp.abs(w) <= min(cap, gross)]
    if params["long_only"]:
        limits += [w >= 0, cp.sum(w) == gross]
    else:
        limits.append(cp.norm1(w) <= gross)
        if params["dollar_neutral"]:
            limits.append(cp.sum(w) == 0)
    columns = {"neutral_bound": None, "factor_bound": given["factors"]}
    if given["neutral"] is not None:
        columns["neutral_bound"] = (given["neutral"][:, None] == range(3)).astype(float)
    for name, side in columns.items():
        if side is not None:
            net = side.T @ (w - center)
            bound = params[name]
            limits.append(cp.abs(net) <= bound if bound else net == 0)
    if "start" in given:
        limits.append(cp.norm1(w - given["start"]) <= params["turnover"])
    return value, limits, w


@pytest.mark.parametrize("seed", range(40))
def test_no_portfolio_within_the_limits_is_better(seed):
    scores, params, given = draw(seed)
    value, limits, w = by_cvxpy(scores, params, given)
    problem = cp.Problem(cp.Maximize(value), limits)
    problem.solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    best = problem.value
    w.value = PortfolioOptimizer(**params).solve(scores, **given)
    assert max(np.max(limit.violation()) for limit in limits) < 1e-8
    assert abs(value.value - best) < 1e-8 * max(1, abs(best))
