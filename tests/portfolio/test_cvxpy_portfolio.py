"""Gradients of the user's own problems: differences, our own optimizer, cvxpylayers."""

import ast
import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from sknumerai.portfolio import (
    CvxpyPortfolio,
    DifferentiablePortfolio,
    PortfolioOptimizer,
)

cp = pytest.importorskip("cvxpy")
pytest.importorskip("cvxpylayers")
pytest.importorskip("clarabel")

N = 8


class Leaves:
    """Parameters, variables and values for problems of N stocks."""

    def __init__(self, n=N, k=3, seed=0):
        rng = np.random.default_rng(seed)
        self.w = cp.Variable(n, name="weights")
        self.scores = cp.Parameter(n, name="scores")
        self.gross = cp.Parameter(nonneg=True, name="gross")
        self.factors = cp.Parameter((k, n), name="factors")
        self.held = cp.Parameter(n, name="held")
        self.risk = cp.Parameter((n, n), PSD=True, name="risk")
        held = rng.normal(size=n)
        held = 0.4 * (held - held.mean()) / np.abs(held - held.mean()).sum()
        root = rng.normal(size=(n, 2 * n)) / n
        self.values = {
            "scores": rng.normal(size=n),
            "gross": 1.0,
            "factors": rng.normal(size=(k, n)),
            "held": held,
            "risk": root @ root.T,
        }
        self.neutral = cp.sum(self.w) == 0

    def layer(self, value, constraints, variables=None):
        problem = cp.Problem(cp.Maximize(value), constraints)
        parameters = problem.parameters()
        values = [
            torch.tensor(self.values[p.name()], dtype=torch.float64, requires_grad=True)
            for p in parameters
        ]
        return CvxpyPortfolio(problem, parameters, variables or [self.w]), values


def _problem(kind, leaves):
    w, G, F = leaves.w, leaves.gross, leaves.factors
    ridge = leaves.scores @ w - 0.8 * cp.sum_squares(w)
    neutral, gross = leaves.neutral, cp.norm1(w) <= G
    tracking = cp.norm(F @ w) <= 0.2 * G
    small = cp.abs(w) <= 0.27
    return {
        "gross": (ridge, [neutral, gross, small]),
        "slack_gross": (ridge, [neutral, cp.norm1(w) <= 40 * G, small]),
        "long_only": (ridge, [cp.sum(w) == G, w >= 0]),
        "turnover": (ridge, [neutral, gross, cp.norm1(w - leaves.held) <= 0.7 * G]),
        "trading_costs": (ridge - 0.2 * cp.norm1(w - leaves.held), [neutral, gross]),
        "exposures": (ridge - cp.sum_squares(F @ w), [neutral, gross]),
        "bounds": (ridge, [neutral, gross, cp.abs(F @ w) <= 0.1]),
        "tracking_error": (ridge, [neutral, gross, tracking]),
        "no_curvature_but_the_cones": (leaves.scores @ w, [neutral, tracking, small]),
        "quadratic_limit": (ridge, [neutral, cp.sum_squares(F @ w) <= 0.01 * G]),
        "price_of_risk": (ridge - 0.3 * cp.norm(w), [neutral, gross]),
        "covariance": (ridge - cp.quad_form(w, leaves.risk), [neutral, gross]),
        "largest": (ridge - cp.norm_inf(w), [neutral, gross]),
        "no_limits": (ridge, [neutral, cp.abs(w) <= np.inf]),
    }[kind]


KINDS = [
    "gross",
    "slack_gross",
    "long_only",
    "turnover",
    "trading_costs",
    "exposures",
    "bounds",
    "tracking_error",
    "no_curvature_but_the_cones",
    "quadratic_limit",
    "price_of_risk",
    "covariance",
    "largest",
    "no_limits",
]


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    leaves = Leaves()
    layer, values = leaves.layer(*_problem(kind, leaves))

    def solve(*given):
        # differences of single entries of a covariance would not be symmetric
        return layer(*[(v + v.T) / 2 if v.shape == (N, N) else v for v in given])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (weights,) = solve(*values)
        assert weights.abs().max() > 1e-3
        fast = kind != "gross"
        assert torch.autograd.gradcheck(
            solve, values, atol=1e-7, rtol=1e-6, fast_mode=fast
        )


def test_gradcheck_of_multipliers():
    leaves = Leaves()
    for kind in ("gross", "tracking_error", "bounds"):
        value, constraints = _problem(kind, leaves)
        duals = [d for c in constraints for d in c.dual_variables]
        layer, values = leaves.layer(value, constraints, [leaves.w, *duals])
        solutions = layer(*values)
        assert len(solutions) == 1 + len(duals)
        assert any((z.abs() > 1e-3).any() for z in solutions[1:])
        assert torch.autograd.gradcheck(
            layer, values, atol=1e-6, rtol=1e-6, fast_mode=True
        )


@pytest.mark.parametrize("n, seed", [(20, 0), (20, 1), (50, 0), (50, 1)])
def test_differences_along_a_direction(n, seed):
    leaves = Leaves(n, seed=seed)
    w, F = leaves.w, leaves.factors
    value = leaves.scores @ w - n / 40 * cp.sum_squares(w) - cp.sum_squares(F @ w)
    layer, values = leaves.layer(
        value,
        [
            leaves.neutral,
            cp.norm1(w) <= leaves.gross,
            cp.abs(w) <= 7.3 / n,
            cp.norm1(w - leaves.held) <= 0.9 * leaves.gross,
            cp.abs(F @ w) <= 0.02,
        ],
    )
    rng = np.random.default_rng(seed)
    returns = torch.tensor(rng.normal(size=n))
    steps = [torch.tensor(rng.normal(size=v.shape)) * v.abs().max() for v in values]

    def earned(size):
        with torch.no_grad():
            moved = [v + size * step for v, step in zip(values, steps)]
            return (layer(*moved)[0] @ returns).item()

    (layer(*values)[0] @ returns).backward()
    parts = [v.grad * step for v, step in zip(values, steps)]
    slope = sum(part.sum().item() for part in parts)
    size = sum(part.abs().sum().item() for part in parts)
    best = min(abs((earned(e) - earned(-e)) / (2 * e) - slope) for e in (1e-5, 1e-6))
    assert best <= 1e-6 * size


def _house_problem(n, n_features, seed=0):
    """The problem of PortfolioOptimizer in cvxpy, for standardized scores."""
    rng = np.random.default_rng(seed)
    sides = {
        "exposures": rng.normal(size=(n, n_features)),
        "neutral": rng.integers(0, 5, n),
        "factors": rng.normal(size=(n, 3)),
        "variances": np.exp(rng.normal(0, 0.3, n)),
    }
    opt = PortfolioOptimizer(factor_bound=0.02, standardize=False, tol=1e-13)
    w, z = cp.Variable(n, name="weights"), cp.Parameter(n, name="scores")
    groups = (sides["neutral"][:, None] == np.arange(5)).astype(float)
    risk = opt.idio_risk * n * sides["variances"]
    problem = cp.Problem(
        cp.Maximize(
            z @ w
            - cp.sum_squares(sides["exposures"].T @ w) / 2
            - cp.sum(cp.multiply(risk, cp.square(w))) / 2
        ),
        [
            cp.sum(w) == 0,
            groups.T @ w == 0,
            cp.abs(sides["factors"].T @ w) <= 0.02,
            cp.abs(w) <= 10 / n,
            cp.norm1(w) <= 1,
        ],
    )
    return problem, z, w, DifferentiablePortfolio(opt), sides


def _gradient(solve, scores, returns):
    scores = scores.detach().requires_grad_()
    weights = solve((scores - scores.mean()) / scores.std(correction=0))
    (weights @ returns).backward()
    return weights.detach(), scores.grad


def test_our_own_optimizer_agrees():
    # weakly active constraints in some of these: Clarabel's solution alone misreads them
    problem, z, w, own, sides = _house_problem(300, 20)
    layer = CvxpyPortfolio(problem, [z], [w])
    rng = np.random.default_rng(1)
    for _ in range(5):
        scores, returns = torch.tensor(rng.normal(size=(2, 300)))
        weights, gradient = _gradient(lambda x: layer(x)[0], scores, returns)
        expected = _gradient(lambda x: own(x, **sides), scores, returns)
        torch.testing.assert_close(weights, expected[0], rtol=0, atol=1e-12)
        error = (gradient - expected[1]).norm() / expected[1].norm()
        assert error < 1e-9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cvxpylayers_agrees_where_it_is_exact():
    from cvxpylayers.torch import CvxpyLayer

    problem, z, w, own, sides = _house_problem(60, 5)
    rng = np.random.default_rng(1)
    scores, returns = torch.tensor(rng.normal(size=(2, 60)))
    dense = CvxpyLayer(
        problem, [z], [w], solver_args={"solve_method": "Clarabel", "mode": "dense"}
    )
    expected = _gradient(lambda x: dense(x)[0], scores, returns)
    for solve in (
        lambda x: CvxpyPortfolio(problem, [z], [w])(x)[0],
        lambda x: own(x, **sides),
    ):
        weights, gradient = _gradient(solve, scores, returns)
        torch.testing.assert_close(weights, expected[0], rtol=0, atol=1e-6)
        assert (gradient - expected[1]).norm() < 1e-4 * expected[1].norm()


def test_batches_of_eras():
    leaves = Leaves()
    layer, (scores, gross) = leaves.layer(*_problem("gross", leaves))
    many = torch.stack([scores.detach(), -2 * scores.detach()]).requires_grad_()
    both = layer(many, gross)[0]
    assert both.shape == (2, N)
    direction = torch.arange(2.0 * N, dtype=torch.float64).reshape(2, N)
    (both * direction).sum().backward()
    total = 0.0
    for i in range(2):
        one = many[i].detach().requires_grad_()
        g = gross.detach().requires_grad_()
        (weights,) = layer(one, g)
        torch.testing.assert_close(weights, both[i], rtol=0, atol=1e-12)
        (weights * direction[i]).sum().backward()
        torch.testing.assert_close(one.grad, many.grad[i], rtol=0, atol=1e-9)
        total = total + g.grad
    torch.testing.assert_close(gross.grad, total, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_types(dtype):
    leaves = Leaves()
    layer, values = leaves.layer(*_problem("gross", leaves))
    scores = values[0].detach().to(dtype).requires_grad_()
    (weights,) = layer(scores, np.float64(1.0))
    assert weights.dtype == dtype
    weights[0].backward()
    assert scores.grad.dtype == dtype and torch.isfinite(scores.grad).all()
    assert layer(np.arange(N), 1.0)[0].dtype == torch.float32
    assert not layer.state_dict() and not list(layer.parameters())


def test_no_gradient_is_computed_where_none_is_asked_for():
    leaves = Leaves()
    layer, values = leaves.layer(*_problem("gross", leaves))
    with torch.no_grad():
        assert not layer(*values)[0].requires_grad
    assert not layer(*[v.detach() for v in values])[0].requires_grad


def test_corner_of_a_linear_problem_has_no_gradient():
    leaves = Leaves()
    w = leaves.w
    layer, values = leaves.layer(
        leaves.scores @ w, [leaves.neutral, cp.norm1(w) <= 1, cp.abs(w) <= 0.15]
    )
    (weights,) = layer(*values)
    (weights @ torch.arange(1.0 * N, dtype=torch.float64)).backward()
    assert weights.abs().sum() > 0.99
    assert values[0].grad.abs().max() < 1e-12


def test_open_variables_warn():
    leaves = Leaves()
    spare = cp.Variable(name="spare")
    layer, values = leaves.layer(
        leaves.scores @ leaves.w - cp.sum_squares(leaves.w),
        [leaves.neutral, spare >= 0, spare <= 1],
        [leaves.w, spare],
    )
    _, free = layer(*values)
    with pytest.warns(UserWarning, match="does not determine"):
        free.backward()
    assert (values[0].grad == 0).all()


def test_copies():
    leaves = Leaves()
    layer, values = leaves.layer(*_problem("tracking_error", leaves))
    (expected,) = layer(*values)
    pickled = pickle.dumps(pickle.loads(pickle.dumps(layer)))
    for other in (copy.deepcopy(layer), pickle.loads(pickled), copy.copy(layer)):
        assert other is not layer
        torch.testing.assert_close(other(*values)[0], expected)
    assert "weights[8]" in repr(layer) and "gross[]" in repr(layer)


def test_a_pickle_needs_cvxpy_only_when_it_is_called(tmp_path):
    leaves = Leaves()
    layer, values = leaves.layer(*_problem("gross", leaves))
    (expected,) = layer(*values)
    path = tmp_path / "layer.pkl"
    path.write_bytes(pickle.dumps((layer, [v.detach() for v in values])))
    code = f"""
import pickle, sys
layer, values = pickle.load(open({str(path)!r}, "rb"))
assert "cvxpy" not in sys.modules
print(layer(*values)[0].tolist())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        check=True,
        capture_output=True,
        text=True,
    )
    np.testing.assert_allclose(
        ast.literal_eval(done.stdout), expected.tolist(), atol=1e-14
    )


def test_settings_of_clarabel():
    leaves = Leaves()
    value, constraints = _problem("gross", leaves)
    problem = cp.Problem(cp.Maximize(value), constraints)
    parts = problem, problem.parameters(), [leaves.w]
    with pytest.raises(ValueError, match="Did you mean max_iter"):
        CvxpyPortfolio(*parts, solver_args={"max_itr": 3})
    with pytest.raises(TypeError, match="max_iter"):
        CvxpyPortfolio(*parts, solver_args={"max_iter": "many"})
    layer = CvxpyPortfolio(*parts, solver_args={"max_iter": 2})
    with pytest.raises(ValueError, match="MaxIterations"):
        layer(np.arange(N), 1.0)


@pytest.mark.parametrize("tol", [1e-1, 1e-2, 1e-3])
def test_wrong_guesses_of_the_active_constraints_are_corrected(tol):
    # at loose tolerances Clarabel's solution misreads many
    loose = {"tol_gap_abs": tol, "tol_gap_rel": tol, "tol_feas": tol}
    for seed in range(5):
        leaves = Leaves(50, seed=seed)
        value, constraints = _problem("bounds", leaves)
        problem = cp.Problem(cp.Maximize(value), constraints)
        parts = problem, problem.parameters(), [leaves.w]
        values = [leaves.values[p.name()] for p in parts[1]]
        rough = CvxpyPortfolio(*parts, solver_args=loose)(*values)[0]
        exact = CvxpyPortfolio(*parts)(*values)[0]
        torch.testing.assert_close(rough, exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gross", [1 + 1e-8, 1 - 1e-8])
def test_limits_that_nearly_say_the_same(gross):
    # one short position at its limit of 0.5 nearly is the limit of gross: both seem
    # active, and cannot be
    leaves = Leaves()
    w = leaves.w
    layer, _ = leaves.layer(
        leaves.scores @ w - cp.sum_squares(w),
        [leaves.neutral, cp.norm1(w) <= leaves.gross, cp.norm_inf(w) <= 0.5],
    )
    scores = np.r_[-9.0, np.linspace(0.5, 1.0, N - 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (weights,) = layer(
            torch.tensor(scores), torch.tensor(gross, dtype=torch.float64)
        )
    expected = -min(0.5, gross / 2)
    assert abs(weights[0] - expected) < 1e-14
    assert abs(weights[1:].sum() + expected) < 1e-14


def test_problems_that_are_refused():
    leaves = Leaves()
    w, a, G = leaves.w, leaves.scores, leaves.gross
    ridge = a @ w - cp.sum_squares(w)

    def refuse(match, value, constraints, parameters=None, error=ValueError):
        problem = cp.Problem(cp.Maximize(value), constraints)
        with pytest.raises(error, match=match):
            CvxpyPortfolio(problem, parameters or problem.parameters(), [w])

    limit = cp.Parameter(name="limit")
    refuse("not DPP.*limit", ridge, [limit * G * cp.sum(w) <= 1])
    refuse("not convex", a @ w + cp.sum_squares(w), [])
    refuse("exponential", ridge + cp.sum(cp.entr(w)), [])
    refuse("integer", ridge, [cp.Variable(boolean=True) <= 1])
    refuse("no cvxpy.Parameter", cp.sum(w) - cp.sum_squares(w), [])
    refuse("parameters must be.*gross", ridge, [cp.norm1(w) <= G], [a])
    problem = cp.Problem(cp.Maximize(ridge))
    with pytest.raises(ValueError, match="variables must be of the problem"):
        CvxpyPortfolio(problem, [a], [cp.Variable(name="other")])
    with pytest.raises(TypeError, match=r"must be a cvxpy\.Problem"):
        CvxpyPortfolio(ridge, [a], [w])


def test_values_that_are_refused():
    leaves = Leaves()
    layer, (scores, gross) = leaves.layer(*_problem("gross", leaves))
    for match, values in (
        ("2 parameters. Got 1", [scores]),
        (r"parameter 0 \(scores\).*\(8,\) or \(n_eras, 8\)", [scores[:3], gross]),
        (r"parameter 0 \(scores\) must be finite", [scores * np.nan, gross]),
        (r"parameter 1 \(gross\) is not nonneg", [scores, -gross]),
        ("one size", [scores.expand(2, N), gross.expand(3)]),
        ("empty", [scores.expand(0, N), gross]),
    ):
        with pytest.raises(ValueError, match=match):
            layer(*values)


def test_problems_without_a_solution():
    leaves = Leaves()
    w, a = leaves.w, leaves.scores
    net = cp.Parameter(name="net")
    value = a @ w - cp.sum_squares(w)
    problem = cp.Problem(
        cp.Maximize(value), [cp.sum(w) == net, cp.norm1(w) <= 1, cp.norm(w) <= 3]
    )
    layer = CvxpyPortfolio(problem, [a, net], [w])
    with pytest.raises(ValueError, match=r"the problem has no.*== net; norm1\(weights"):
        layer(np.arange(N), 2.0)
    with pytest.raises(ValueError, match="problem 1 of the batch has no solution"):
        layer(np.arange(N), [0.0, 2.0])
    unbounded = cp.Problem(cp.Maximize(a @ w), [cp.sum(w) == 0, w[0] == 0])
    with pytest.raises(ValueError, match="without limit it grows with weights"):
        CvxpyPortfolio(unbounded, [a], [w])(np.arange(N))


def test_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpylayers.torch", None)
    with pytest.raises(ImportError, match=r"cvxpylayers.*sknumerai\[cvxpy\]"):
        CvxpyPortfolio(None, [], [])
