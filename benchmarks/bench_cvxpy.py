"""Gradients of a portfolio written in cvxpy: how exact, how fast, by solver.

Run as ``python benchmarks/bench_cvxpy.py [--sizes 50 100 300] [--rounds 5]``, with
one thread: ``OMP_NUM_THREADS=1``. The problem is PortfolioOptimizer's: exposures to
n / 2 features, 50 at most, five groups, three bounded factors, limits of weights and
gross. It is written in the weights w, in w n, which are near 1, and in long and short
positions, as in Numerai's description of True Contribution. The reference is
DifferentiablePortfolio, whose gradient finite differences confirm.
"""

import argparse
import time
import warnings

import cvxpy as cp
import numpy as np
import torch
from cvxpylayers.torch import CvxpyLayer

from sknumerai.portfolio import (
    CvxpyPortfolio,
    DifferentiablePortfolio,
    PortfolioOptimizer,
)

# What cvxpylayers is given; None is its default
PEERS = {
    "cvxpylayers, default": None,
    "cvxpylayers, Clarabel, lsqr": {"solve_method": "Clarabel", "mode": "lsqr"},
    "cvxpylayers, Clarabel, lsmr": {"solve_method": "Clarabel", "mode": "lsmr"},
    "cvxpylayers, Clarabel, dense": {"solve_method": "Clarabel", "mode": "dense"},
}


def make_problem(n, form, seed=0):
    """The problem in cvxpy, its parameter and what is w in it, and the same of our own."""
    rng = np.random.default_rng(seed)
    sides = {
        "exposures": rng.normal(size=(n, min(50, n // 2))),
        "neutral": rng.integers(0, 5, n),
        "factors": rng.normal(size=(n, 3)),
        "variances": np.exp(rng.normal(0, 0.4, n)),
    }
    opt = PortfolioOptimizer(factor_bound=0.02, standardize=False, tol=1e-13)
    z, scale = cp.Parameter(n), float(n) if form == "w n" else 1.0
    variables = [cp.Variable(n)]
    v, gross = variables[0], cp.norm1(variables[0])
    if form == "long - short":
        variables = [cp.Variable(n, nonneg=True), cp.Variable(n, nonneg=True)]
        v, gross = variables[0] - variables[1], sum(map(cp.sum, variables))
    groups = (sides["neutral"][:, None] == np.arange(5)).astype(float)
    risk = opt.idio_risk * n * sides["variances"]
    objective = (
        z @ v
        - cp.sum_squares(sides["exposures"].T @ v) / (2 * scale)
        - cp.sum(cp.multiply(risk / scale, cp.square(v))) / 2
    )
    limits = [
        cp.sum(v) == 0,
        groups.T @ v == 0,
        cp.abs(sides["factors"].T @ v) <= 0.02 * scale,
        cp.abs(v) <= 10 * scale / n,
        gross <= scale,
    ]
    problem = cp.Problem(cp.Maximize(objective), limits)

    def weights_of(solution):
        w = solution[0] if len(solution) == 1 else solution[0] - solution[1]
        return w / scale

    def own(scores):
        return DifferentiablePortfolio(opt)(scores, **sides)

    return problem, z, variables, weights_of, own


def gradient(solve, scores, returns):
    """Weights, gradient of the return, seconds."""
    scores = scores.detach().requires_grad_()
    start = time.perf_counter()
    weights = solve((scores - scores.mean()) / scores.std(correction=0))
    (weights @ returns).backward()
    return weights.detach(), scores.grad, time.perf_counter() - start


def difference(own, scores, returns, direction):
    """The best of central differences of the return along a direction."""
    found = []
    for eps in (1e-3, 1e-4, 1e-5):
        up, down = (own(scores + s * eps * direction) @ returns for s in (1, -1))
        found.append(((up - down) / (2 * eps)).item())
    return np.array(found)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 300])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(
        f"{'n':>4}  {'':44} {'error of gradient':>26} {'correl.':>9} {'error of w':>10}"
        f" {'seconds':>8} {'warnings':>8}"
    )
    print(f"{'':4}  {'':44} {'median':>13} {'largest':>12} {'least':>9}")
    for n in args.sizes:
        compare(n, args.rounds)


def compare(n, n_rounds):
    """Print the rows of one size."""
    own = make_problem(n, "w")[-1]
    rng = np.random.default_rng(1)
    rounds = [torch.tensor(rng.normal(size=(2, n))) for _ in range(n_rounds)]
    exact = [gradient(own, *one) for one in rounds]
    confirmed = []
    for (scores, returns), (_, g, _) in zip(rounds, exact):
        direction = torch.tensor(rng.normal(size=n))
        slopes = difference(own, scores, returns, direction)
        off = np.abs(slopes - (g @ direction).item()).min()
        confirmed.append(off / (g.norm() * direction.norm()).item())
    report(n, "DifferentiablePortfolio", exact, exact, 0)
    print(f"{'':4}  differences: at most {max(confirmed):.1e} of the gradient")
    for form in ("w", "w n", "long - short"):
        problem, z, variables, weights_of, _ = make_problem(n, form)
        layers = {"CvxpyPortfolio": CvxpyPortfolio(problem, [z], variables)}
        for name, solver_args in PEERS.items():
            if "dense" not in name or form == "w":
                layers[name] = CvxpyLayer(
                    problem, [z], variables, solver_args=dict(solver_args or {})
                )
        for name, layer in layers.items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = [
                    gradient(lambda x, f=layer, w=weights_of: w(f(x)), *one)
                    for one in rounds
                ]
            said = [w for w in caught if not issubclass(w.category, DeprecationWarning)]
            report(n, f"{name}, {form}", found, exact, len(said))


def report(n, name, found, exact, n_warnings):
    """Print one row."""
    errors, correlations, off, seconds = [], [], [], []
    for (w, g, s), (w0, g0, _) in zip(found, exact):
        errors.append(((g - g0).norm() / g0.norm()).item())
        correlations.append(np.corrcoef(g, g0)[0, 1])
        off.append(((w - w0).abs().max() / w0.abs().max()).item())
        seconds.append(s)
    print(
        f"{n:4}  {name:44} {np.median(errors):13.1e} {max(errors):12.1e} "
        f"{min(correlations):9.4f} {max(off):10.1e} {np.median(seconds):8.3f} "
        f"{n_warnings:8}",
        flush=True,
    )


if __name__ == "__main__":
    main()
