"""What a row costs any other estimator: fits to more and more rows."""

# SPDX-License-Identifier: BSD-3-Clause

import time
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from sklearn.base import clone

from sknumerai.inspection import _machine
from sknumerai.inspection._job_memory import fit_bytes
from sknumerai.inspection._step_costs import shape_of_network
from sknumerai.inspection._unit_costs import (
    MOST_BYTES,
    TooLarge,
    UnitCosts,
    batches,
    is_network,
    leaves,
    network_within,
    predict_row_seconds,
    sample,
    sample_bytes,
    unmeasured,
)

# The least eras of a sample: ensembles cut rows into slices of eras
_LEAST_ERAS = 12
# Rows of the first sample, and how many times as many the next may have
_FIRST_ROWS, _FACTOR = 2000, 4
# The share of the free memory that a sample may take
_SHARE_OF_FREE = 0.5
# Trees of the two fits that tell what a tree costs; LightGBM tells it of each
_TREES = (10, 40)
_LEAST_TREES = 8
# Below this share of the clock, processors tell nothing: the work is done elsewhere
_LEAST_RATIO = 0.2


class Fit(NamedTuple):
    """A fit to some rows.

    Parameters
    ----------
    n_rows : int
        Rows.

    seconds, cpu : float
        Seconds of the clock and of processors that all of its trees would take.

    taken : float
        Seconds of what it took that more rows take more of.
    """

    n_rows: int
    seconds: float
    cpu: float
    taken: float


def of_estimator(estimator, job, seconds, rng, tick):
    """Fits to more and more rows, until the time is over."""
    est = clone(estimator)
    for name, leaf in leaves(est).items():
        if is_network(leaf):
            size = batches(leaf, job, job.n_rows)[1]
            # of rows that hold nothing training would stop early
            wanted = {"batch_size": size, "patience": None}
            est.set_params(**{f"{name}__{k}": v for k, v in wanted.items()})
    most = _most_rows(est, job)
    network = network_within(est)
    shape = {} if network is None else shape_of_network(network, job, rng)
    era_rows = max(1, job.n_rows // job.n_eras)
    n, found, warm = min(_FIRST_ROWS, most), [], False
    threads = _counts_trees(est) and est.n_jobs != 1
    # the rest is for predictions, and for one more fit
    begun, time_of_fits = time.perf_counter(), (0.5 if threads else 0.9) * seconds
    while True:
        n_eras = min(job.n_eras, max(_LEAST_ERAS, n // era_rows))
        X, y = sample(est, job, n, n_eras, rng)
        fitted, fit, share = _fit_timed(est, X, y, seconds)
        tick()
        if not warm and fit.taken < 0.2 * seconds:
            # the first fit of a process loads libraries
            warm = True
            continue
        found.append(fit)
        more = _more_rows(found, most, time_of_fits, time.perf_counter() - begun)
        if more is None:
            break
        n = more
    fit_start, fit_row, ratio = growth(found)
    if threads:
        _, fit, _ = _fit_lightgbm(est, X, y, 0.15 * seconds, est.n_jobs)
        # where threads are slower than one, others hold the cores for the moment
        factor = min(1.0, fit.seconds / found[-1].seconds)
        fit_start, fit_row = factor * fit_start, factor * fit_row
        # threads that wait for each other take processors, too
        ratio = fit.cpu / fit.seconds
    predict_row = share * predict_row_seconds(fitted, X, 0.1 * seconds)
    return UnitCosts(fit_start, fit_row, 0.0, predict_row, cpu_ratio=ratio, **shape)


def growth(found):
    """Return the seconds of a fit and of each row, and those of processors in one.

    Seconds of processors are fitted by a line, since other work on the machine changes
    them less than those of the clock, and are then taken to the clock.

    Parameters
    ----------
    found : list of Fit
        Fits to more and more rows.

    Returns
    -------
    fit_start, fit_row, cpu_ratio : float
        Seconds of the clock, and of processors in one of these.
    """
    last = found[-3:]
    n, clock, cpu = (
        np.array([getattr(fit, name) for fit in last], dtype=np.float64)
        for name in ("n_rows", "seconds", "cpu")
    )
    ratio = cpu.sum() / clock.sum()
    told = cpu / ratio if ratio >= _LEAST_RATIO else clock
    # errors are shares of what is measured, and large fits are most like the whole one
    weight = np.sqrt(n / n[-1]) / told
    start, row = nnls(np.column_stack([weight, weight * n]), weight * told)[0]
    # what grows faster at the end than before does so on; and no row is for nothing
    row = max(row, told[-1] / n[-1] if start == 0 else 0.25 * told[-1] / n[-1])
    return float(max(0.0, min(start, told[-1] - row * n[-1]))), float(row), float(ratio)


def _more_rows(found, most, seconds, passed):
    """Rows of the next fit, None if the time is over."""
    fit, left = found[-1], seconds - passed
    if fit.n_rows >= most:
        return None
    factor = min(_FACTOR, left / max(fit.taken, 1e-9))
    if len(found) == 1 and passed < seconds:
        # two sizes at least tell what grows
        factor = max(factor, 2)
    return min(most, int(factor * fit.n_rows)) if factor >= 1.5 else None


def _most_rows(est, job):
    """Rows of the largest sample; raise if not even the first can be held."""
    first = min(_FIRST_ROWS, job.n_rows)
    most = min(job.n_rows, max(first, MOST_BYTES // job.n_features))
    free = _machine.free_ram()
    if free is None:
        return most

    def needed(n):
        return sample_bytes(job, n) + sum(fit_bytes(est, job, n))

    if needed(first) > free:
        raise TooLarge(
            f"a fit to {first:,} rows x {job.n_features:,} features takes "
            f"{needed(first) / 1e9:,.1f} GB or more, of which {free / 1e9:,.1f} GB are "
            "free on this machine",
            unmeasured(),
        )
    while most > first and needed(most) > _SHARE_OF_FREE * free:
        most = max(first, most // 2)
    return most


def _fit_timed(est, X, y, seconds):
    """Fit, with few trees where each costs the same.

    The fitted estimator, the time of the whole fit, and how many times its trees the
    whole has.
    """
    if _counts_trees(est):
        # Threads that wait for each other at each step of a small tree, as they do
        # where other work holds a core, would hide what grows with the rows
        return _fit_lightgbm(est, X, y, 0.15 * seconds, 1)
    package = type(est).__module__.partition(".")[0]
    n_trees = getattr(est, "n_estimators", None) or 0
    if package in ("lightgbm", "xgboost") and n_trees > _TREES[1]:
        few, more = _TREES
        first = _timed(clone(est).set_params(n_estimators=few), X, y)[1]
        fitted, second = _timed(clone(est).set_params(n_estimators=more), X, y)
        clock, cpu = (
            max(0.0, b - a) / (more - few) * (n_trees - more) + b
            for a, b in zip(first, second)
        )
        taken = first[0] + second[0]
        return fitted, Fit(len(X), clock, cpu, taken), n_trees / more
    fitted, (clock, cpu) = _timed(clone(est), X, y)
    return fitted, Fit(len(X), clock, cpu, clock), 1.0


def _timed(est, X, y):
    clock, cpu = time.perf_counter(), time.process_time()
    est.fit(X, y)
    return est, (time.perf_counter() - clock, time.process_time() - cpu)


def _counts_trees(est):
    """Whether an estimator is LightGBM's, which tells when a tree is grown."""
    package = type(est).__module__.partition(".")[0]
    return package == "lightgbm" and (est.n_estimators or 0) > _LEAST_TREES


def _fit_lightgbm(est, X, y, seconds, n_jobs):
    """Fit some of the trees; the median one counts, not what came between."""
    from lightgbm.callback import EarlyStopException

    marks = []

    def mark(env):
        marks.append((time.perf_counter(), time.process_time()))
        n = len(marks)
        late = marks[-1][0] - marks[0][0] > seconds and n > _LEAST_TREES
        if n > _TREES[1] or late:
            raise EarlyStopException(env.iteration, [])

    fitted = clone(est).set_params(n_jobs=n_jobs)
    begun = time.perf_counter(), time.process_time()
    fitted.fit(X, y, callbacks=[mark])
    # the first tree comes with what is done once
    first = [times[0] - start for start, times in zip(begun, zip(*marks))]
    trees = [median(np.diff(times)) for times in zip(*marks)]
    clock, cpu = (
        one + (est.n_estimators - 1) * tree for one, tree in zip(first, trees)
    )
    fit = Fit(len(X), clock, cpu, first[0] + _LEAST_TREES * trees[0])
    return fitted, fit, max(1.0, est.n_estimators / len(marks))
