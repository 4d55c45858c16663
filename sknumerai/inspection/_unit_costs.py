"""What a row costs an estimator on this machine, from a few seconds of real work."""

# SPDX-License-Identifier: BSD-3-Clause

import time
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier

# Bytes of a sample's features at the most
MOST_BYTES = 2**28
# Values of features and targets
N_CODES = 5


class UnitCosts(NamedTuple):
    """What was measured.

    Parameters
    ----------
    fit_start, fit_row : float
        Seconds of a fit, and of each row it learns from, in all of its epochs.

    held_out_row : float
        Seconds of each row it is watched on, in all of its epochs.

    predict_row : float
        Seconds of predicting a row.

    n_epochs : int
        Epochs of a fit, 1 where there are none.

    step : float or None
        Seconds of a step of the optimizer.

    step_rows : int or None
        Rows of a step.

    step_start : float
        Seconds of a step that do not depend on its rows, in all epochs: folds of fewer
        rows have smaller batches.

    n_parameters : int
        Weights that are learned, 0 where that is not known.

    row_bytes : float
        Memory of what a step keeps of each row for the way back.

    widest : int
        The most numbers that a layer makes of a row.

    cpu_ratio : float
        Seconds of processors, all threads together, in a second of the clock.
    """

    fit_start: float
    fit_row: float
    held_out_row: float
    predict_row: float
    n_epochs: int = 1
    step: float | None = None
    step_rows: int | None = None
    step_start: float = 0.0
    n_parameters: int = 0
    row_bytes: float = 0.0
    widest: int = 0
    cpu_ratio: float = 1.0


class TooLarge(MemoryError):
    """What was to be measured does not fit in the memory of this machine.

    Parameters
    ----------
    message : str
        What is too large.

    costs : UnitCosts
        What is known all the same.
    """

    def __init__(self, message, costs):
        super().__init__(message, costs)
        self.message, self.costs = message, costs


def unmeasured(**known):
    """Return costs of which the seconds are not known."""
    seconds = dict.fromkeys(UnitCosts._fields[:4], float("nan"))
    return UnitCosts(**seconds, cpu_ratio=float("nan"), **known)


def is_network(estimator):
    """Whether an estimator is a network of this package."""
    from sknumerai.neural_network._base import BaseNeuralNet

    return isinstance(estimator, BaseNeuralNet)


def leaves(estimator):
    """Return the estimators within an estimator that hold no others, by their path."""
    inner = {
        name: value
        for name, value in estimator.get_params(deep=True).items()
        if hasattr(value, "fit") and not isinstance(value, type)
    }
    if not inner:
        return {"": estimator}
    return {
        name: value
        for name, value in inner.items()
        if not any(other.startswith(f"{name}__") for other in inner)
    }


def network_within(estimator):
    """Return an estimator if it is a network, or the largest within it, or None."""
    networks = [leaf for leaf in leaves(estimator).values() if is_network(leaf)]
    on_card = [leaf for leaf in networks if str(leaf.device) != "cpu"]
    return next(iter(on_card + networks), None)


def batches(estimator, job, n_rows):
    """Return what a network's batches are of, and how many make one."""
    from sknumerai.neural_network._fitting import batches_of

    stand_in = clone(estimator)
    # some choose by the width
    stand_in.n_features_in_ = job.n_features
    return batches_of(stand_in, n_rows)


def measure(estimator, job, seconds, random_state, tick, least_rows=None):
    """Measure what rows cost.

    Parameters
    ----------
    estimator : estimator
        Not fitted.

    job : Job
        Shape of the data.

    seconds : float
        About how long to measure.

    random_state : int
        Seed of the sample.

    tick : callable
        Called without arguments now and then, to move a bar.

    least_rows : int or None, default=None
        Rows of the smallest fit, if there are several.

    Returns
    -------
    costs : UnitCosts
        What was measured.

    Raises
    ------
    TooLarge
        If what is to be measured does not fit in memory.
    """
    from sknumerai.inspection._fit_costs import of_estimator
    from sknumerai.inspection._step_costs import of_network

    rng = np.random.default_rng(random_state)
    if is_network(estimator):
        return of_network(estimator, job, seconds, rng, tick, least_rows)
    return of_estimator(estimator, job, seconds, rng, tick)


def sample(estimator, job, n_rows, n_eras, rng):
    """Draw features, target and eras; the values are no matter to the time."""
    codes = rng.integers(0, N_CODES, (n_rows, job.n_features), dtype=np.int8)
    eras = 1 + np.arange(n_rows) * n_eras // n_rows
    index = pd.MultiIndex.from_arrays([eras, np.arange(n_rows)], names=["era", "id"])
    names = [f"feature_{i}" for i in range(job.n_features)]
    X = pd.DataFrame(codes, index=index, columns=names, copy=False)
    y = rng.integers(0, N_CODES, (n_rows, job.n_targets))
    y = y if is_classifier(estimator) else (y / (N_CODES - 1)).astype(np.float32)
    if job.n_targets == 1:
        return X, pd.Series(y[:, 0], index=index, name=job.target)
    names = [job.target, *(f"target_{i}_20" for i in range(1, job.n_targets))]
    return X, pd.DataFrame(y, index=index, columns=names)


def sample_bytes(job, n_rows):
    """Return the bytes of a sample and of the names of its columns."""
    cells = n_rows * (job.n_features + 16.0 * job.n_targets)
    return cells + 400.0 * (job.n_features + job.n_targets)


def predict_row_seconds(fitted, X, seconds):
    """Seconds of predicting a row, from the median of some calls."""
    run = getattr(fitted, "predict", None) or fitted.transform
    run(X.iloc[: max(1, len(X) // 8)])
    begun, spans = time.perf_counter(), []
    while not spans or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        run(X)
        spans.append(time.perf_counter() - start)
    return median(spans) / len(X)
