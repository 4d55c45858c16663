"""Time, growth and stability of True Contribution, and the same by cvxpylayers.

Rounds: `TrueContribution.fit` with 100 rounds of 5,000 stocks, 200 models, 36 countries
and sectors, 10 bounded factors and 50 or 420 exposures, ranks of the predictions
included. One dense solve is what a user would write to neutralize a signal to 50
exposures, ``np.linalg.lstsq(exposures, returns)`` in float64; it is timed between the
fits of the same run.

Growth: processor time over the number of stocks, exposures and models, and the exponent p of
time ~ size**p, fitted to the logarithms.

Stability: correlation over models of the scores of runs with other masks, the
reliability that one run reports, and the correlation with the scores without dropout.
Models that count are the squared sum of the stakes by the sum of their squares.

cvxpylayers, if it is installed: processor seconds per round, forward and backward,
beside a hundredth of `TrueContribution.fit`, and the correlation and relative error of
its gradient against the exact one. "sizes near 1" is the same problem in weights times
the number of stocks, which its solvers like better than what one would write; "dense" is
its exact mode, too slow beyond some hundred stocks. The last line takes 6 GB.

    OMP_NUM_THREADS=1 python benchmarks/bench_tc.py [--only rounds growth masks cvxpylayers]
"""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import time
import warnings
from statistics import median

import numpy as np
from growth import row
from sklearn.base import clone

from sknumerai.datasets import make_numerai
from sknumerai.portfolio import PortfolioOptimizer, TrueContribution
from sknumerai.portfolio._adjoint import pull_back
from sknumerai.portfolio._dual_newton import _independent
from sknumerai.portfolio._era_inputs import one_hots, standardized
from sknumerai.portfolio._era_problems import EraProblems
from sknumerai.utils import gaussian_ranks

BOUND = 0.05
OPTIMIZER = PortfolioOptimizer(factor_bound=BOUND)
SECTIONS = ("rounds", "growth", "masks", "cvxpylayers")
# stocks, exposures, variables and objective of a size near 1, how solved, repeats
LAYERS = (
    (300, 20, True, {"solve_method": "Clarabel", "mode": "dense"}, 1),
    (300, 20, True, {"solve_method": "Clarabel", "mode": "lsmr"}, 3),
    (300, 20, False, {}, 3),
    (1000, 50, True, {"solve_method": "Clarabel", "mode": "lsmr"}, 3),
    (1000, 50, False, {}, 1),
    (5000, 50, True, {"solve_method": "Clarabel", "mode": "lsmr"}, 3),
    (5000, 50, False, {}, 1),
    (5000, 420, True, {"solve_method": "Clarabel", "mode": "lsmr"}, 1),
)


def make(n, n_exposures, n_models=200, spread=1.0, seed=0):
    """Predictions, stakes, returns and the optimizer's side inputs of one era."""
    rng = np.random.default_rng(seed)
    X = make_numerai(
        1, n_samples_per_era=n, n_features=n_exposures, random_state=seed
    ).data.to_numpy()
    returns = 0.05 * rng.standard_t(4, size=n)
    linear = standardized(X) @ rng.normal(size=X.shape[1]) / np.sqrt(X.shape[1])
    crowd = 0.5 * linear + rng.normal(size=n) + returns
    predictions = 0.6 * crowd[:, None] + rng.normal(size=(n, n_models))
    stakes = np.exp(spread * gaussian_ranks(rng.random((n_models, 1)))[:, 0])
    stakes[::10] = 0.0
    sides = {
        "exposures": X,
        "neutral": np.column_stack([rng.integers(0, 25, n), rng.integers(0, 11, n)]),
        "factors": rng.normal(size=(n, 10)),
        "variances": np.exp(rng.normal(-0.08, 0.4, n)),
    }
    return predictions, stakes, returns, sides


def fit(inputs, seed=0, optimizer=OPTIMIZER, **params):
    """A fit, its seconds and those of the processor."""
    *args, sides = inputs
    tc = TrueContribution(optimizer, random_state=seed, **params)
    start, cpu = time.perf_counter(), time.process_time()
    tc.fit(*args, **sides)
    return tc, time.perf_counter() - start, time.process_time() - cpu


def dense_seconds(inputs):
    """Of one regression of the returns on the exposures, also of the processor."""
    _, _, returns, sides = inputs
    X = sides["exposures"].astype(np.float64)
    start, cpu = time.perf_counter(), time.process_time()
    np.linalg.lstsq(X, returns)
    return time.perf_counter() - start, time.process_time() - cpu


def seconds_of(inputs, repeats):
    """Median of repeated fits, of the processor, after one that does not count."""
    fit(inputs)
    return median(fit(inputs)[2] for _ in range(repeats))


def bench_rounds(repeats):
    """100 rounds of 5,000 stocks, in seconds and dense solves."""
    print(
        "| 100 rounds, 5,000 stocks | median s | fastest s | median CPU s | "
        "dense solves, in CPU s |"
    )
    print("|---|---|---|---|---|")
    small = make(5000, 50)
    dense_seconds(small)
    for n_exposures in (50, 420):
        inputs = small if n_exposures == 50 else make(5000, n_exposures)
        fit(inputs, n_rounds=5)
        taken, dense = [], []
        for _ in range(repeats):
            tc, *seconds = fit(inputs)
            taken.append(seconds)
            dense += [dense_seconds(small) for _ in range(10)]
        one = median(cpu for _, cpu in dense)
        wall, cpu = zip(*taken)
        print(
            f"| {n_exposures} exposures | {median(wall):.2f} | {min(wall):.2f} | "
            f"{median(cpu):.2f} | {median(cpu) / one:.0f} of {1e3 * one:.1f} ms |",
            flush=True,
        )
        if not tc.converged_[0].all():
            print("not all portfolios are accurate")


def bench_growth(repeats):
    """Seconds of 100 rounds over each size, and the exponent."""
    print("\n| 100 rounds, growth with | sizes | CPU seconds | exponent |")
    print("|---|---|---|---|")
    sizes = {
        "stocks": [(n, 50, 200) for n in (1250, 2500, 5000, 10000)],
        "exposures": [(5000, k, 200) for k in (50, 100, 200, 420, 840)],
        "models": [(5000, 50, m) for m in (250, 500, 1000, 2000, 4000)],
    }
    for at, (name, cases) in enumerate(sizes.items()):
        taken = [seconds_of(make(*case), repeats) for case in cases]
        size = [case[at] for case in cases]
        print(row(name, size, taken), flush=True)


def bench_masks(n_runs):
    """Agreement of runs with other masks, and with no dropout."""
    print(
        "\n| masks, 5,000 stocks, 50 exposures | models that count | rounds | "
        "other masks | reported | no dropout |"
    )
    print("|---|---|---|---|---|---|")
    cases = [(1.0, 0.1, n) for n in (25, 50, 100, 200)]
    cases += [(1.0, 0.5, 100), (2.0, 0.1, 100), (2.0, 0.1, 400), (2.0, 0.5, 100)]
    for spread, idio_risk, n_rounds in cases:
        inputs = make(5000, 50, spread=spread)
        stakes = inputs[1]
        count = stakes.sum() ** 2 / (stakes**2).sum()
        optimizer = clone(OPTIMIZER).set_params(idio_risk=idio_risk)
        params = {"optimizer": optimizer, "n_rounds": n_rounds}
        raw = fit(inputs, **params | {"n_rounds": 0})[0].scores_
        for paired in (False, True):
            params["paired"] = paired
            runs = [fit(inputs, seed, **params)[0] for seed in range(n_runs)]
            R = np.corrcoef([run.scores_ for run in runs])
            reported = np.mean([run.reliability_[0] for run in runs])
            plain = np.mean([np.corrcoef(run.scores_, raw)[0, 1] for run in runs])
            print(
                f"| log stakes spread by {spread:g}, idio_risk {idio_risk:g}"
                f"{', paired' * paired} | {count:.0f} of {len(stakes)} | {n_rounds} | "
                f"{R[np.triu_indices(n_runs, 1)].mean():.4f} | {reported:.4f} | "
                f"{plain:.2f} |",
                flush=True,
            )


def layer_of(z, sides, scaled):
    """The same problem as a layer of cvxpylayers."""
    import cvxpy as cp
    from cvxpylayers.torch import CvxpyLayer

    n = len(z)
    unit = 1.0 / n if scaled else 1.0
    x, a = cp.Variable(n), cp.Parameter(n)
    w = x * unit
    risk = OPTIMIZER.idio_risk * n * sides["variances"]
    cost = cp.sum_squares(standardized(sides["exposures"]).T @ w)
    cost += cp.sum_squares(cp.multiply(np.sqrt(risk), w))
    limits = [
        cp.sum(w) == 0,
        _independent(one_hots(sides["neutral"])).T @ w == 0,
        cp.abs(sides["factors"].T @ w) <= BOUND,
        cp.abs(x) <= 10 / n / unit,
        cp.norm1(x) <= 1 / unit,
    ]
    problem = cp.Problem(cp.Maximize(a @ x - cost / unit / 2), limits)
    layer = CvxpyLayer(problem, parameters=[a], variables=[x])
    return lambda scores, args: unit * layer(scores, solver_args=args)[0]


def bench_layers():
    """Seconds per round and accuracy of the gradient of cvxpylayers."""
    try:
        import cvxpylayers  # noqa: F401
        import torch
    except ImportError:
        print("\ncvxpylayers is not installed: pip install cvxpylayers. Skipped.")
        return
    print("\n| cvxpylayers | CPU s per round | ours | ratio | correlation | error |")
    print("|---|---|---|---|---|---|")
    for n, n_exposures, scaled, args, repeats in LAYERS:
        predictions, stakes, returns, sides = make(n, n_exposures)
        m = gaussian_ranks(predictions) @ stakes
        z = (m - m.mean()) / m.std()
        problems = EraProblems(OPTIMIZER, z, caller="bench", **sides)
        problem = problems.problem(*next(iter(problems)))
        exact = pull_back(problem, problem.solve(z), returns)
        ours = seconds_of((predictions, stakes, returns, sides), 3) / 100
        layer = layer_of(z, sides, scaled)
        theirs = []
        for _ in range(repeats):
            scores = torch.tensor(z, requires_grad=True)
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (layer(scores, args) @ torch.tensor(returns)).backward()
            theirs.append(time.process_time() - start)
        got = scores.grad.numpy()
        error = np.linalg.norm(got - exact) / np.linalg.norm(exact)
        name = " ".join(args.values()) or "defaults"
        print(
            f"| {n} stocks, {n_exposures} exposures: {name}"
            f"{', sizes near 1' * scaled} | {median(theirs):.2f} | "
            f"{ours:.4f} | {median(theirs) / ours:.0f} | "
            f"{np.corrcoef(got, exact)[0, 1]:.5f} | {error:.1e} |",
            flush=True,
        )


def main():
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=int, default=4)
    args = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(
        f"OMP_NUM_THREADS: {threads}; {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} before\n"
    )
    if "rounds" in args.only:
        bench_rounds(args.repeats)
    if "growth" in args.only:
        bench_growth(min(args.repeats, 3))
    if "masks" in args.only:
        bench_masks(args.runs)
    if "cvxpylayers" in args.only:
        bench_layers()
    print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
