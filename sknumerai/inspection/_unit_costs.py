"""What a row costs an estimator on this machine, from a few seconds of real work."""

# SPDX-License-Identifier: BSD-3-Clause

import math
import time
from statistics import mean, median
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier

# Bytes of a sample's features at the most
_MOST_BYTES = 2**28
# The least eras of a sample: ensembles cut rows into slices of eras
_LEAST_ERAS = 12
# The first sample of what is no network
_FIRST_ROWS = 2000
_LEAST_STEPS = 3
# Trees of the two fits that tell what a tree costs
_TREES = (10, 40)


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
    """
    rng = np.random.default_rng(random_state)
    if is_network(estimator):
        return _of_network(estimator, job, seconds, rng, tick, least_rows)
    return _of_estimator(estimator, job, seconds, rng, tick)


def sample(estimator, job, n_rows, n_eras, rng):
    """Draw features, target and eras; the values are no matter to the time."""
    codes = rng.integers(0, 5, (n_rows, job.n_features), dtype=np.int8)
    eras = 1 + np.arange(n_rows) * n_eras // n_rows
    index = pd.MultiIndex.from_arrays([eras, np.arange(n_rows)], names=["era", "id"])
    names = [f"feature_{i}" for i in range(job.n_features)]
    X = pd.DataFrame(codes, index=index, columns=names, copy=False)
    y = rng.integers(0, 5, (n_rows, job.n_targets))
    y = y if is_classifier(estimator) else (y / 4).astype(np.float32)
    if job.n_targets == 1:
        return X, pd.Series(y[:, 0], index=index, name=job.target)
    names = [job.target, *(f"target_{i}_20" for i in range(1, job.n_targets))]
    return X, pd.DataFrame(y, index=index, columns=names)


def _of_network(estimator, job, seconds, rng, tick, least_rows):
    """Steps of the optimizer at the batch size of the whole job."""
    by, size = batches(estimator, job, job.n_rows)
    era_rows = max(1, job.n_rows // job.n_eras)
    step_rows = (
        era_rows * min(size, job.n_eras) if by == "era" else min(size, job.n_rows)
    )
    est = clone(estimator).set_params(
        batch_size=size, n_validation_eras=0, warm_start=False, verbose=0
    )
    phases = est._phases()

    def run(n_steps, budget, probe, rows=step_rows):
        n = min(n_steps * rows, max(rows, _MOST_BYTES // job.n_features))
        n = max(1, n // rows) * rows
        X, y = sample(est, job, n, max(1, round(n / era_rows)), rng)
        clock = _make_clock(budget / len(phases), probe, tick)
        est.set_params(callbacks=[*(estimator.callbacks or []), ("clock", clock)])
        return X, clock, _fit_until(est, X, y, clock, rng)

    def steps_in(share, step):
        return math.ceil(max(_LEAST_STEPS, share * seconds / len(phases) / step))

    _, probed, _ = run(2, 0.0, True)
    step = max(probed.shortest(), 1e-6)
    X, clock, fitted = run(steps_in(0.7, step), 0.5 * seconds, False)
    predict_row = _predict_row(fitted, X.iloc[: 2 * step_rows], 0.1 * seconds)
    row_costs = {
        name: mean(spans) * clock.steps[name] / len(X)
        for name, spans in clock.spans.items()
    }
    epochs = {phase.name: phase.max_epochs for phase in phases}
    last, start = phases[-1].name, 0.0
    step = mean(clock.spans[last])
    fewer = batches(estimator, job, least_rows or job.n_rows)[1]
    if by == "rows" and fewer < step_rows:
        est.set_params(batch_size=fewer)
        _, small, _ = run(steps_in(0.3, step), 0.2 * seconds, False, fewer)
        slope = max(0.0, (step - mean(small.spans[last])) / (step_rows - fewer))
        start = max(0.0, step - slope * step_rows)
    return UnitCosts(
        fit_start=0.0,
        fit_row=sum(row_costs[name] * n for name, n in epochs.items()),
        held_out_row=predict_row * sum(epochs.values()),
        predict_row=predict_row,
        n_epochs=sum(epochs.values()),
        step=step,
        step_rows=step_rows,
        step_start=start * sum(epochs.values()),
        n_parameters=probed.n_parameters,
        row_bytes=probed.saved / step_rows,
        widest=probed.widest // step_rows,
    )


class _Enough(Exception):
    """The probe has seen a step."""


def _fit_until(est, X, y, clock, rng):
    """Fit until the clock says that it is enough; None if that was within an epoch."""
    from sknumerai.neural_network._coverage import uses_meta_model
    from sknumerai.neural_network._fitting import loss_of_targets

    given = {}
    if hasattr(est, "predict") and uses_meta_model(loss_of_targets(est)):
        given["meta_model"] = pd.Series(rng.standard_normal(len(X)), index=X.index)
    try:
        with clock.watch():
            return est.fit(X, y, **given)
    except _Enough:
        return None


def _make_clock(budget, probe, tick):
    """Return a skorch callback that times steps; skorch is loaded by fits alone."""
    import torch
    from skorch.callbacks import Callback

    class Clock(Callback):
        """Time from the end of a step to the end of the next, by stage."""

        def __init__(self):
            self.spans, self.steps = {}, {}
            self.saved = self.widest = self.n_parameters = 0

        def watch(self):
            """Count what torch keeps for the way back, while it is probed."""
            if not probe:
                return torch.enable_grad()

            def pack(tensor):
                kept = tensor.untyped_storage()
                self.seen[kept.data_ptr()] = kept.nbytes()
                self.largest = max(self.largest, tensor.numel())
                return tensor

            return torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)

        def on_train_begin(self, net, **kwargs):
            """Begin a stage."""
            self.phase, self.begun = net.phase.name, time.perf_counter()
            self.spans[self.phase] = []
            weights = list(net.module_.parameters())
            self.n_parameters = sum(w.numel() for w in weights)
            self.weights = {w.untyped_storage().data_ptr() for w in weights}

        def on_epoch_begin(self, net, **kwargs):
            """Begin an epoch."""
            self.last, self.n_steps = time.perf_counter(), 0
            self.seen, self.largest = {}, 0

        def on_batch_end(self, net, training=True, **kwargs):
            """Note a step."""
            if net.device.startswith("cuda"):
                torch.cuda.synchronize()
            now = time.perf_counter()
            self.spans[self.phase].append(now - self.last)
            self.n_steps += 1
            tick()
            if not probe:
                self.last = time.perf_counter()
                return
            self.saved = sum(n for at, n in self.seen.items() if at not in self.weights)
            self.widest = self.largest
            self.seen, self.largest = {}, 0
            self.last = time.perf_counter()
            if self.n_steps >= 2:
                raise _Enough

        def on_epoch_end(self, net, **kwargs):
            """End the stage when its time is over."""
            self.steps[self.phase] = self.n_steps
            if time.perf_counter() - self.begun >= budget:
                raise KeyboardInterrupt  # as skorch's EarlyStopping does

        def shortest(self):
            """Return the shortest step."""
            return min(min(spans) for spans in self.spans.values() if spans)

    return Clock()


def _predict_row(fitted, X, seconds):
    """Seconds of predicting a row, from the median of some calls."""
    run = getattr(fitted, "predict", None) or fitted.transform
    run(X.iloc[: max(1, len(X) // 8)])
    begun, spans = time.perf_counter(), []
    while not spans or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        run(X)
        spans.append(time.perf_counter() - start)
    return median(spans) / len(X)


def _of_estimator(estimator, job, seconds, rng, tick):
    """Fits to more and more rows, until the time is over."""
    est = clone(estimator)
    for name, leaf in leaves(est).items():
        if is_network(leaf):
            size = batches(leaf, job, job.n_rows)[1]
            # of rows that hold nothing training would stop early
            wanted = {"batch_size": size, "patience": None}
            est.set_params(**{f"{name}__{k}": v for k, v in wanted.items()})
    era_rows = max(1, job.n_rows // job.n_eras)
    begun, n, found = time.perf_counter(), min(_FIRST_ROWS, job.n_rows), []
    most = min(job.n_rows, max(_FIRST_ROWS, _MOST_BYTES // job.n_features))
    fitted, warm = None, False
    while True:
        n_eras = min(job.n_eras, max(_LEAST_ERAS, n // era_rows))
        X, y = sample(est, job, n, n_eras, rng)
        now = time.perf_counter()
        fitted, span = _fit_seconds(est, X, y)
        found.append((n, span))
        tick()
        now, before = time.perf_counter(), now
        if len(found) == 1 and now - before < 0.2 * seconds and not warm:
            # the first fit of a process loads libraries
            warm = bool(found.pop())
            continue
        enough = len(found) > 1 or now - before > seconds
        if n >= most or (enough and 2 * (now - before) > seconds - (now - begun)):
            break
        n = min(2 * n, most)
    (n, span), fit_start = found[-1], 0.0
    fit_row = span / n
    if len(found) > 1:
        before, earlier = found[-2]
        # more rows never cost less; what does not grow with them is paid once
        fit_row = min(fit_row, max((span - earlier) / (n - before), 0.25 * span / n))
        fit_start = span - n * fit_row
    predict_row = _predict_row(fitted, X, 0.1 * seconds)
    return UnitCosts(fit_start, fit_row, 0.0, predict_row * _share_of_trees(est))


def _fit_seconds(est, X, y):
    """Fit, with few trees where each costs the same; seconds of the whole fit."""

    def timed(**params):
        fitted = clone(est).set_params(**params)
        start = time.perf_counter()
        fitted.fit(X, y)
        return fitted, time.perf_counter() - start

    if _share_of_trees(est) == 1:
        return timed()
    few, more = _TREES
    _, first = timed(n_estimators=few)
    fitted, second = timed(n_estimators=more)
    tree = max(0.0, second - first) / (more - few)
    return fitted, second + (est.n_estimators - more) * tree


def _share_of_trees(est):
    """How many times the trees of the sample an ensemble of boosted trees has."""
    boosts = type(est).__module__.partition(".")[0] in ("lightgbm", "xgboost")
    n_trees = getattr(est, "n_estimators", None)
    return max(1.0, (n_trees or 1) / _TREES[1]) if boosts else 1.0
