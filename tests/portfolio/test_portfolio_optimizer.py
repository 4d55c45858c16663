"""Portfolios against a certificate of optimality by linear programming."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sknumerai.portfolio import PortfolioOptimizer
from sknumerai.portfolio import _era_problems as private


def _inputs(n=120, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 3, n)
    return {
        "scores": rng.normal(size=n),
        "exposures": rng.integers(0, 5, (n, n_features)).astype(np.int8),
        # countries within regions: the memberships depend on each other
        "neutral": np.column_stack([region, 10 * region + rng.integers(0, 2, n)]),
        "factors": rng.normal(size=(n, 2)),
        "variances": np.exp(rng.normal(0, 0.4, n)),
    }


def _members(neutral):
    return pd.get_dummies(pd.DataFrame(neutral).astype(str)).to_numpy(float)


def _gap(opt, w, inputs):
    """How much better than w any portfolio can be: at least as much as it is."""
    n = len(w)
    z = inputs["scores"] - inputs["scores"].mean()
    z = z / z.std()
    center = np.full(n, opt.gross / n) * opt.long_only
    grad = z - opt.idio_risk * n * inputs.get("variances", np.ones(n)) * w
    if "exposures" in inputs:
        F = inputs["exposures"].astype(float)
        F = (F - F.mean(axis=0)) / F.std(axis=0)
        grad = grad - opt.exposure_penalty * F @ (F.T @ (w - center))
    equal, limited, limits = [], [], []
    if opt.dollar_neutral or opt.long_only:
        equal.append(np.ones((n, 1)))
    if "neutral" in inputs:
        members = _members(inputs["neutral"])
        if opt.neutral_bound:
            limited.append(members)
            limits.append(np.full(members.shape[1], opt.neutral_bound))
        else:
            equal.append(members)
    if "factors" in inputs:
        limited.append(inputs["factors"])
        limits.append(np.broadcast_to(opt.factor_bound, inputs["factors"].shape[1]))
    C = np.hstack([*equal, np.zeros((n, 0))]).T
    B, b = np.hstack([*limited, np.zeros((n, 0))]).T, np.concatenate([*limits, []])
    cap = 10 * opt.gross / n if opt.max_weight is None else opt.max_weight
    start = inputs.get("start", np.zeros(n))
    # x, sizes of x, sizes of x - start
    eye, zero, one = np.eye(n), np.zeros((n, n)), np.ones((1, n))
    none = 0 * one
    budget = 1e3 if opt.turnover is None else opt.turnover
    A_ub = np.vstack(
        [
            np.hstack([eye, -eye, zero]),
            np.hstack([-eye, -eye, zero]),
            np.hstack([eye, zero, -eye]),
            np.hstack([-eye, zero, -eye]),
            np.hstack([none, one, none]),
            np.hstack([none, none, one]),
            np.hstack([B, 0 * B, 0 * B]),
            np.hstack([-B, 0 * B, 0 * B]),
        ]
    )
    free = np.zeros(2 * n)
    b_ub = np.r_[free, start, -start, opt.gross, budget, b + B @ center, b - B @ center]
    bounds = [(0 if opt.long_only else -cap, cap)] * n + [(0, None)] * (2 * n)
    result = linprog(
        -np.r_[grad, np.zeros(2 * n)],
        A_ub=A_ub,
        b_ub=b_ub,
        A_eq=np.hstack([C, 0 * C, 0 * C]) if len(C) else None,
        b_eq=C @ center if len(C) else None,
        bounds=bounds,
    )
    assert result.success
    # feasible, to rounding
    violation = np.r_[
        C @ (w - center),
        np.maximum(np.abs(B @ (w - center)) - b, 0),
        np.maximum(np.abs(w) - cap, 0),
        np.maximum(-w, 0) * opt.long_only,
        max(np.abs(w).sum() - opt.gross, 0),
        max(np.abs(w - start).sum() - budget, 0),
    ]
    assert np.abs(violation).max() < 1e-8 * opt.gross
    return -result.fun - grad @ w


CASES = {
    "defaults": ({}, ()),
    "gross": ({"gross": 2.0}, ()),
    "slack": ({"gross": 50.0, "max_weight": 0.4}, ()),
    "no_caps": ({"max_weight": float("inf")}, ()),
    "bounds": ({"neutral_bound": 0.02, "factor_bound": [0.01, 0.0]}, ()),
    "net": ({"dollar_neutral": False}, ("neutral", "factors")),
    "bare": ({}, ("neutral", "factors", "exposures", "variances")),
    "many_exposures": ({"idio_risk": 0.03}, ("n_features",)),
    "long_only": ({"long_only": True, "factor_bound": 0.1, "neutral_bound": 0.03}, ()),
    "long_only_neutral": ({"long_only": True, "factor_bound": 0.1}, ()),
    "no_risk": ({"idio_risk": 0.0, "factor_bound": 0.1}, ()),
    "no_curvature": ({"idio_risk": 0.0, "exposure_penalty": 0.0}, ()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("trades", [None, 0.7])
def test_optimal(name, trades):
    params, dropped = CASES[name]
    inputs = _inputs(n_features=150 if "n_features" in dropped else 6)
    inputs = {k: v for k, v in inputs.items() if k not in dropped}
    opt = PortfolioOptimizer(**params)
    if trades:
        # from the portfolio of other scores
        other = _inputs(seed=1)["scores"] + inputs["scores"]
        inputs["start"] = opt.solve(other, **_sides(inputs))
        opt = clone(opt).set_params(turnover=trades * opt.gross)
    w = opt.solve(inputs["scores"], **_sides(inputs))
    assert _gap(opt, w, inputs) < 1e-8 * opt.gross


def _sides(inputs):
    return {k: v for k, v in inputs.items() if k != "scores"}


def test_closed_form_without_limits():
    # w = P z / d with P the projection off the constraints
    inputs = _inputs()
    opt = PortfolioOptimizer(idio_risk=1.0, gross=1e3, max_weight=float("inf"))
    w = opt.solve(
        inputs["scores"], neutral=inputs["neutral"], factors=inputs["factors"]
    )
    A = np.hstack([_members(inputs["neutral"]), inputs["factors"]])
    z = (inputs["scores"] - inputs["scores"].mean()) / inputs["scores"].std()
    expected = (z - A @ np.linalg.lstsq(A, z, rcond=1e-10)[0]) / len(z)
    np.testing.assert_allclose(w, expected, atol=1e-10)


def test_eras_alone_and_together():
    inputs = _inputs()
    opt = PortfolioOptimizer(factor_bound=0.05)
    groups = np.repeat([3, 1, 2], 40)
    whole = opt.solve(inputs["scores"], groups=groups, **_sides(inputs))
    for era in (1, 2, 3):
        rows = groups == era
        alone = opt.solve(**{k: v[rows] for k, v in inputs.items()})
        np.testing.assert_allclose(whole[rows], alone, atol=1e-9)


def test_many_models_start_from_each_other():
    inputs = _inputs()
    scores = inputs["scores"][:, None] + _inputs(seed=1)["scores"][:, None] * [0.1, 1]
    opt = PortfolioOptimizer()
    both = opt.solve(scores, **_sides(inputs))
    for j in range(2):
        alone = opt.solve(scores[:, j], **_sides(inputs))
        np.testing.assert_allclose(both[:, j], alone, atol=1e-10)


def test_warm_start_needs_fewer_steps():
    inputs = _inputs()
    opt = PortfolioOptimizer()
    problems = private.EraProblems(opt, inputs["scores"], caller="test")
    (label, rows), *_ = problems
    problem = problems.problem(label, rows)
    first = problem.solve(inputs["scores"])
    assert problem.solve(inputs["scores"], first).n_iter == 0


def test_pandas():
    inputs = _inputs()
    index = pd.MultiIndex.from_product([["0007", "0008"], range(60)])
    index = index.set_names(["era", "id"])
    scores = pd.Series(inputs["scores"], index=index, name="prediction")
    opt = PortfolioOptimizer()
    weights = opt.solve(scores)
    pd.testing.assert_index_equal(weights.index, index)
    assert weights.name == "prediction"
    assert weights.groupby("era").sum().abs().max() < 1e-9
    frame = opt.solve(scores.to_frame("a").assign(b=-scores))
    np.testing.assert_allclose(frame["a"], -frame["b"], atol=1e-10)
    np.testing.assert_allclose(frame["a"], weights, atol=1e-10)
    with pytest.raises(ValueError, match="factors"):
        opt.solve(scores, factors=scores[::-1])


def test_scale_of_scores_and_exposures_is_free():
    inputs = _inputs()
    opt = PortfolioOptimizer()
    w = opt.solve(inputs["scores"], exposures=inputs["exposures"])
    other = opt.solve(
        1e-3 * inputs["scores"] + 0.5, exposures=inputs["exposures"] / 4 + 7
    )
    np.testing.assert_allclose(w, other, atol=1e-9)


def test_missing_features_are_no_exposure():
    # Numerai's missing features are 2 in a whole era
    inputs = _inputs()
    constant = np.full((120, 1), 2, dtype=np.int8)
    opt = PortfolioOptimizer()
    more = np.hstack([constant, inputs["exposures"]])
    np.testing.assert_allclose(
        opt.solve(inputs["scores"], exposures=more),
        opt.solve(inputs["scores"], exposures=inputs["exposures"]),
        atol=1e-10,
    )


@pytest.mark.parametrize(
    "params, change, match",
    [
        ({}, {"scores": np.r_[np.nan, np.ones(119)]}, "scores must be finite"),
        ({}, {"scores": np.ones(120)}, "all the same"),
        ({}, {"exposures": np.full((120, 2), np.inf)}, "exposures must be finite"),
        ({}, {"factors": np.ones((7, 1))}, "factors"),
        ({}, {"variances": np.zeros(120)}, "variances must be positive"),
        ({}, {"neutral": np.array([None] + ["US"] * 119)}, "no label"),
        ({"turnover": 0.1}, {}, "turnover without start"),
        ({}, {"start": np.zeros(120)}, "start without turnover"),
        ({"factor_bound": [0.1]}, {}, "1 bounds for 2 factors"),
        ({"factor_bound": -1.0}, {}, "factor_bound"),
        ({"gross": 0.0}, {}, "gross"),
        ({"long_only": True, "max_weight": 0.001}, {}, "Raise max_weight"),
        ({"turnover": 0.5}, {"start": np.full(120, 0.01)}, "takes at least 1"),
    ],
)
def test_errors(params, change, match):
    inputs = _inputs() | change
    with pytest.raises(ValueError, match=match):
        PortfolioOptimizer(**params).solve(**inputs)


def test_least_turnover_is_attained():
    inputs = _inputs() | {"start": np.full(120, 0.01)}
    opt = PortfolioOptimizer(turnover=1.2 + 1e-6)
    assert _gap(opt, opt.solve(**inputs), inputs) < 1e-7


def test_inaccurate_solution_warns():
    with pytest.warns(ConvergenceWarning, match="Raise max_iter"):
        PortfolioOptimizer(tol=1e-19, max_iter=9).solve(_inputs()["scores"][:20])


def test_pickle_and_inputs_untouched():
    inputs = _inputs()
    copies = {k: v.copy() for k, v in inputs.items()}
    for value in inputs.values():
        value.flags.writeable = False
    opt = pickle.loads(pickle.dumps(PortfolioOptimizer()))
    np.testing.assert_array_equal(opt.solve(**inputs), opt.solve(**copies))


@pytest.mark.parametrize("seed", range(8))
def test_the_turnover_that_an_error_tells_is_enough(seed):
    """It was rounded to nearest, and failed again with the same number."""
    rng = np.random.default_rng(seed)
    scores, start = rng.normal(size=50), rng.normal(size=50)
    given = {"neutral": rng.integers(0, 5, 50), "start": start / np.abs(start).sum()}
    with pytest.raises(ValueError, match="takes at least") as caught:
        PortfolioOptimizer(turnover=1e-3).solve(scores, **given)
    told = float(str(caught.value).rpartition(" ")[2].rstrip("."))
    PortfolioOptimizer(turnover=told).solve(scores, **given)
    with pytest.raises(ValueError, match="takes at least"):
        PortfolioOptimizer(turnover=told * (1 - 1e-4)).solve(scores, **given)
