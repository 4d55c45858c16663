"""What a row costs a network: steps of the optimizer, and what they keep."""

# SPDX-License-Identifier: BSD-3-Clause

import math
import time
from statistics import mean, median

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier

from sknumerai.inspection import _machine
from sknumerai.inspection._unit_costs import (
    MOST_BYTES,
    N_CODES,
    TooLarge,
    UnitCosts,
    batches,
    predict_row_seconds,
    sample,
    sample_bytes,
    unmeasured,
)

_LEAST_STEPS = 3
# A step whose features take more, as they come and as float32, is first tried in part
_LARGE_STEP = 2**30
_PARTS = 64


def of_network(estimator, job, seconds, rng, tick, least_rows):
    """Steps of the optimizer at the batch size of the whole job."""
    steps = _Steps(estimator, job, rng, tick)
    by, step_rows, phases = steps.by, steps.rows, steps.phases

    def steps_in(share, step):
        return math.ceil(max(_LEAST_STEPS, share * seconds / len(phases) / step))

    probed = steps.probe()
    step = max(probed.shortest(), 1e-6)
    X, clock, fitted = steps.run(steps_in(0.7, step), 0.5 * seconds)
    predict_row = predict_row_seconds(fitted, X.iloc[: 2 * step_rows], 0.1 * seconds)
    spans = {name: mean(clock.settled(name)) for name in clock.spans}
    row_costs = {name: spans[name] * clock.steps[name] / len(X) for name in spans}
    epochs = {phase.name: phase.max_epochs for phase in phases}
    last, start = phases[-1].name, 0.0
    step = spans[last]
    fewer = batches(estimator, job, least_rows or job.n_rows)[1]
    if by == "rows" and fewer < step_rows:
        _, small, _ = steps.run(steps_in(0.3, step), 0.2 * seconds, fewer)
        slope = (step - mean(small.settled(last))) / (step_rows - fewer)
        start = max(0.0, step - max(0.0, slope) * step_rows)
    return UnitCosts(
        fit_start=clock.compiling() * steps.kernels(),
        fit_row=sum(row_costs[name] * n for name, n in epochs.items()),
        held_out_row=predict_row * sum(epochs.values()),
        predict_row=predict_row,
        n_epochs=sum(epochs.values()),
        step=step,
        step_rows=step_rows,
        step_start=start * sum(epochs.values()),
        cpu_ratio=clock.cpu_ratio(),
        **_kept(probed),
    )


def shape_of_network(network, job, rng):
    """Return what a network within another estimator holds, from two of its steps."""
    steps = _Steps(network, job, rng, lambda: None)
    return {"step_rows": steps.rows, **_kept(steps.probe())}


def _kept(probed):
    return {
        "n_parameters": probed.n_parameters,
        "row_bytes": probed.saved / probed.rows,
        "widest": probed.widest // probed.rows,
    }


class _Steps:
    """Training of a network on rows that are drawn."""

    def __init__(self, estimator, job, rng, tick):
        self.estimator, self.job, self.rng, self.tick = estimator, job, rng, tick
        self.by, size = batches(estimator, job, job.n_rows)
        self.era_rows = max(1, job.n_rows // job.n_eras)
        by_era = self.by == "era"
        self.rows = min(
            job.n_rows, self.era_rows * min(size, job.n_eras) if by_era else size
        )
        self.est = clone(estimator).set_params(
            batch_size=size, n_validation_eras=0, warm_start=False, verbose=0
        )
        self.phases = self.est._phases()

    def kernels(self):
        """How many times a fit compiles: rows of a last batch are fewer."""
        return 1 + (self.by == "rows" and self.job.n_rows % self.rows > 0)

    def probe(self):
        """Train two steps and see what they keep; raise where they cannot be held."""
        job, rows = self.job, self.rows
        known = {
            "n_epochs": sum(phase.max_epochs for phase in self.phases),
            "step_rows": rows,
            "n_parameters": _count_parameters(self.est, job),
        }
        if rows * 5.0 * job.n_features > _LARGE_STEP:
            rows = max(1, rows // _PARTS)
        # a weight, its gradient and two moments
        weights = 16.0 * known["n_parameters"]
        self._check(weights + _batch_bytes(job, rows), known)
        found = self.run(2, 0.0, rows, probe=True)[1]
        found.rows = rows
        if rows < self.rows:
            known |= _kept(found)
            per_row = known["row_bytes"] + 8.0 * known["widest"]
            needed = weights + _batch_bytes(job, self.rows) + self.rows * per_row
            self._check(needed, known)
        return found

    def _check(self, needed, known):
        free = _machine.free_ram()
        if free is not None and needed > free:
            needed = max(needed, _batch_bytes(self.job, self.rows))
            raise TooLarge(
                f"a step of {self.rows:,} rows x {self.job.n_features:,} features takes "
                f"{needed / 1e9:,.1f} GB or more, of which {free / 1e9:,.1f} GB are free "
                "on this machine",
                unmeasured(**known),
            )

    def run(self, n_steps, budget, rows=None, probe=False):
        """Train; return the rows, the clock and the fitted estimator, if it is."""
        job, rows = self.job, rows or self.rows
        n = min(n_steps * rows, max(rows, MOST_BYTES // job.n_features))
        n = max(1, n // rows) * rows
        n_eras = max(1, round(n / self.era_rows))
        X, y = sample(self.est, job, n, n_eras, self.rng)
        clock = _make_clock(budget / len(self.phases), probe, self.tick)
        est = clone(self.est)
        est.set_params(callbacks=[*(self.estimator.callbacks or []), ("clock", clock)])
        if probe:
            # what is kept is seen in eager steps, and compiling is timed later
            est.set_params(compile=False)
        if self.by == "rows":
            est.set_params(batch_size=rows)
        return X, clock, _fit_until(est, X, y, clock, self.rng)


def _batch_bytes(job, n_rows):
    """Bytes of the sample of a step, and of its features as float32."""
    return sample_bytes(job, n_rows) + 4.0 * n_rows * job.n_features


def _count_parameters(est, job):
    """Weights of a network of this package, without memory for them; 0 if unknown."""
    import torch

    stand_in = clone(est)
    # what a fit knows of the features
    stand_in.n_features_in_, stand_in.feature_range_ = job.n_features, (0, 4)
    n_outputs = job.n_targets if hasattr(est, "predict") else 0
    n_outputs = N_CODES if is_classifier(est) else n_outputs
    cls, kwargs = stand_in._module_spec(job.n_features, n_outputs)
    if not cls.__module__.startswith("sknumerai."):
        return 0
    with torch.device("meta"):
        return sum(weight.numel() for weight in cls(**kwargs).parameters())


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
            self.spans, self.cpu, self.steps = {}, {}, {}
            self.saved = self.widest = self.n_parameters = 0
            self.compiles = False

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
            self.spans[self.phase], self.cpu[self.phase] = [], []
            self.compiles = bool(net.estimator.compile)
            weights = list(net.module_.parameters())
            self.n_parameters = sum(w.numel() for w in weights)
            self.weights = {w.untyped_storage().data_ptr() for w in weights}

        def on_epoch_begin(self, net, **kwargs):
            """Begin an epoch."""
            self.n_steps = 0
            self.seen, self.largest = {}, 0
            self._start()

        def _start(self):
            self.last, self.last_cpu = time.perf_counter(), time.process_time()

        def on_batch_end(self, net, training=True, **kwargs):
            """Note a step."""
            if net.device.startswith("cuda"):
                torch.cuda.synchronize()
            self.spans[self.phase].append(time.perf_counter() - self.last)
            self.cpu[self.phase].append(time.process_time() - self.last_cpu)
            self.n_steps += 1
            tick()
            if not probe:
                self._start()
                return
            self.saved = sum(n for at, n in self.seen.items() if at not in self.weights)
            self.widest = self.largest
            self.seen, self.largest = {}, 0
            self._start()
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

        def settled(self, phase, spans=None):
            """Return the steps of a stage, without that which compiles."""
            spans = (self.spans if spans is None else spans)[phase]
            return spans[1:] if self.compiles and len(spans) > 1 else spans

        def compiling(self):
            """Return the seconds that first steps take longer, where they compile."""
            if not self.compiles:
                return 0.0
            return sum(
                max(0.0, spans[0] - median(spans[1:] or spans))
                for spans in self.spans.values()
            )

        def cpu_ratio(self):
            """Return seconds of processors in a second of the clock."""
            clock = sum(sum(self.settled(phase)) for phase in self.spans)
            cpu = sum(sum(self.settled(phase, self.cpu)) for phase in self.spans)
            return float(cpu / max(clock, np.finfo(float).tiny))

    return Clock()
