"""From what the user passes to ``fit`` to a trained network.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import copy

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from sknumerai.neural_network._bounded import unit_interval_map
from sknumerai.neural_network._coverage import (
    check_known,
    check_weighted,
    uses_meta_model,
)
from sknumerai.neural_network._held_out import ValidationScore, count_eras
from sknumerai.neural_network._inference import (
    forward_eras,
    forward_rows,
    warn_of_long_eras,
    warn_of_one_era,
)
from sknumerai.neural_network._inputs import (
    check_aux_targets,
    check_device,
    check_feature_range,
    check_meta_model,
    check_side_inputs,
    check_targets,
    check_weight,
    target_names,
)
from sknumerai.neural_network._losses import (
    is_era_wise,
    is_scale_free,
    of_probabilities,
    takes_logits,
)
from sknumerai.neural_network._training import (
    make_dataset,
    min_batch_rows,
    train_module,
)
from sknumerai.utils import check_eras, one_era, refuse_era_column

# Rows for the map from outputs to y: a 32nd of those that training saw, in all epochs, so
# that a short fit is not made longer by it, between these
MIN_CALIBRATION_ROWS, MAX_CALIBRATION_ROWS = 2**12, 2**18


def loss_of_targets(est):
    """Return the loss that compares predictions with targets."""
    criterion = est._make_loss()
    return getattr(criterion, "target_loss", criterion)


def fit_network(estimator, X, y, groups, sample_weight, aux_targets, sides=None):
    """Validate, train, set the fitted attributes; return the estimator."""
    # all that is set goes into a stand-in first: a fit that fails changes nothing
    est = object.__new__(type(estimator))
    est.__dict__.update(estimator.__dict__)
    _fit(est, X, y, groups, sample_weight, aux_targets, sides)
    estimator.__dict__.update(est.__dict__)
    return estimator


def _fit(est, X, y, groups, sample_weight, aux_targets, sides):
    caller = f"{type(est).__name__}.fit"
    if y is None:
        raise ValueError(
            f"{type(est).__name__} requires y to be passed, but the target y is None."
        )
    refuse_era_column(X, caller)
    warm = est.warm_start and hasattr(est, "module_")
    matrix = validate_data(est, X, dtype="numeric", reset=not warm)
    Y, y_ndim = check_targets(y, matrix, caller)
    aux = check_aux_targets(aux_targets, X, y, y_ndim, caller)
    if aux is not None:
        Y = np.column_stack([Y, aux])
    weight = check_weight(sample_weight, X, matrix, caller)
    found = check_eras(groups, X, y, n_samples=len(matrix), caller=caller)
    feature_range = check_feature_range(est, matrix, caller)
    eras = _resolve_batches(est, found, len(matrix), caller)
    check_device(est.device, caller)
    names = target_names(y) + target_names(aux_targets)
    n_train, n_valid = count_eras(est, eras, found is not None, names, caller)
    train_rows = eras.codes < n_train
    meta_model = None
    loss = loss_of_targets(est)
    _check_outputs(est, loss, warm, caller)
    if uses_meta_model(loss):
        meta_model = check_meta_model(sides, X, y, caller)
    given, sides = sides, check_side_inputs(est, sides, X, y, caller) if n_valid else {}
    check_weighted(est, weight, eras, n_train, n_valid, caller)
    check_known(est, meta_model, given, eras, n_train, n_valid, X, y, caller)

    range_before = getattr(est, "feature_range_", None)
    est.feature_range_ = feature_range
    spec = est._module_spec(matrix.shape[1], Y.shape[1])
    if warm:
        _check_same_network(est, spec, range_before, y_ndim, caller)
        module = copy.deepcopy(est.module_)
    else:
        est._y_ndim = y_ndim
        est.n_outputs_ = Y.shape[1]
        est._spec = spec
        # of training rows alone: held-out targets must not reach the weights
        shown = None if weight is None else weight[train_rows]
        maps = [
            _target_map(est, loss, Y[train_rows, j], shown) for j in range(Y.shape[1])
        ]
        est._target_offset, est._target_scale = np.array(maps, dtype=np.float64).T
        module = None
    # the units of the network's outputs; a scale-free loss has others in prediction
    est._y_offset, est._y_scale = est._target_offset.copy(), est._target_scale.copy()

    scaled = Y - est._y_offset.astype(Y.dtype)
    scaled /= est._y_scale.astype(Y.dtype)
    scaled = _limit_targets(est, loss, scaled)
    dataset = make_dataset(matrix, scaled, weight, eras, meta_model)
    del scaled
    train, valid, score = dataset.eras(0, n_train), None, None

    def eras_to_score(part):
        """Return main target, era numbers and data set of the eras of a part."""
        if part == "valid" and not n_valid:
            raise ValueError(
                f"{caller}: no eras are held out, so 'valid' cannot be scored. Set "
                "n_validation_eras."
            )
        first, last = (0, n_train) if part == "train" else (n_held, eras.n_eras)
        rows = slice(eras.starts[first], eras.starts[last])
        order = eras.order()
        main = Y[rows, 0] if order is None else Y[order[rows], 0]
        counts = np.diff(eras.starts[first : last + 1])
        seen = train if part == "train" else valid
        return main, np.repeat(eras.numbers[first:last], counts), seen

    n_held = eras.n_eras - n_valid
    if n_valid:
        valid = dataset.eras(n_held, eras.n_eras)
        main, held_out, _ = eras_to_score("valid")
        order = eras.order()
        if order is not None:
            sides = {name: side[order] for name, side in sides.items()}
        sides = {name: side[len(side) - len(valid) :] for name, side in sides.items()}
        score = ValidationScore(est, main, held_out, valid, caller, sides)

    def make_module():
        made = est._spec[0](**est._spec[1]) if module is None else module.train()
        if len(train) < min_batch_rows(made):
            raise ValueError(
                f"{caller}: n_samples=1 is too few for batch normalization, which "
                "needs 2 rows at the least."
            )
        return made

    seed = int(check_random_state(est.random_state).randint(2**31 - 1))
    est.module_, est.history_, est.best_epoch_ = train_module(
        est,
        make_module,
        train,
        valid,
        seed=seed,
        score=score,
        eras_to_score=eras_to_score,
        warm=warm,
    )
    est.n_iter_ = len(est.history_)
    est.eras_seen_ = _eras_seen(est, None if found is None else eras.numbers, warm)
    if is_scale_free(loss) or est._scale_free:
        _calibrate(est, matrix, Y, weight, eras, len(train))


def _eras_seen(est, numbers, warm):
    """Return the eras the weights have learned from, those of fits before too."""
    before = est.eras_seen_ if warm else None
    if numbers is None or before is None:
        return before if numbers is None else numbers
    return np.union1d(before, numbers)


def _check_outputs(est, loss, warm, caller):
    """Set how outputs become predictions; raise if the loss cannot take them."""
    bounded = est._output_in_unit_interval()
    if of_probabilities(loss) and not takes_logits(loss) and not bounded:
        raise ValueError(
            f"{caller}: loss={est.loss!r} takes probabilities and the outputs of this "
            "network are not bounded. Use loss='bce', or "
            "MaskedBCELoss(from_logits=True): predictions are their sigmoid then."
        )
    unit = of_probabilities(loss)
    if warm and unit != est._unit_targets and not bounded:
        raise ValueError(
            f"{caller}: warm_start goes on with targets as they were scaled, and "
            f"loss={est.loss!r} needs another scale than the loss before. Use a loss "
            "of the same kind, or set warm_start=False."
        )
    est._unit_targets = unit
    est._loss_takes_logits = takes_logits(loss)
    est._sigmoid = est._loss_takes_logits and not (bounded or est._scale_free)


def _target_map(est, loss, y, weight):
    """Return offset and scale of a target, as the loss or the output asks for."""
    if getattr(loss, "raw_targets", False):
        return 0.0, 1.0
    if of_probabilities(loss):
        return unit_interval_map(y, weight)
    return est._target_map(y, weight)


def _limit_targets(est, loss, scaled):
    """Return scaled targets within what the loss or the output can reach."""
    if getattr(loss, "raw_targets", False):
        return scaled
    if of_probabilities(loss):
        # held-out targets, and rows of weight 0, may lie outside the bounds of the rest
        return np.clip(scaled, 0, 1, out=scaled)
    return est._limit_targets(scaled)


def batches_of(est, n_samples):
    """Return what batches are of, "rows" or "era", and how many make one."""
    loss = loss_of_targets(est)
    by, size = est.batch_by, est.batch_size
    if by == "auto":
        by = "era" if est._attends or is_era_wise(loss) else "rows"
    if size == "auto" and by == "era":
        size = max(getattr(loss, "eras_per_batch", 1), est._eras_per_batch)
    elif size == "auto":
        most = est._max_batch_rows
        size = int(np.clip(n_samples // 64, min(32, most), most))
    return by, size


def _resolve_batches(est, found, n_samples, caller):
    """Set batch_by_ and batch_size_; return the eras, or all rows as one."""
    loss = loss_of_targets(est)
    era_wise = est._attends or is_era_wise(loss)
    est.batch_by_, est.batch_size_ = batches_of(est, n_samples)
    if era_wise and est.batch_by_ == "rows":
        what = "attention" if est._attends else f"loss={est.loss!r}"
        raise ValueError(
            f"{caller}: {what} is taken over whole eras, so batches of rows "
            "do not go with it. Use batch_by='era'."
        )
    eras = found
    if found is None:
        if est.batch_by_ == "era":
            warn_of_one_era(n_samples, caller, attends=est._attends, stacklevel=7)
        eras = one_era(n_samples)
    elif est._attends:
        warn_of_long_eras(eras, caller, stacklevel=7)
    least = getattr(loss, "min_eras", 1)
    if est.batch_size_ < least:
        raise ValueError(
            f"{caller}: loss={est.loss!r} compares eras with each other, so a batch "
            f"needs {least} at the least. Got batch_size={est.batch_size}: use a larger "
            "one, or 'auto'."
        )
    return eras


def _check_same_network(est, spec, range_before, y_ndim, caller):
    """Raise if a warm start is asked for something that the network is not."""
    n_outputs = spec[1].get("out_features", est.n_outputs_)
    if (n_outputs, y_ndim) != (est.n_outputs_, est._y_ndim):
        raise ValueError(
            f"{caller}: warm_start goes on with a network of {est.n_outputs_} outputs "
            f"(y of {est._y_ndim} dimensions); got {n_outputs} outputs ({y_ndim} "
            "dimensions). Pass the same targets, or set warm_start=False."
        )
    if spec != est._spec:
        changed = [k for k in spec[1] if spec[1][k] != est._spec[1].get(k)]
        raise ValueError(
            f"{caller}: warm_start goes on with the network as it is, but {changed} "
            "changed since the last fit. Set them back, or set warm_start=False."
        )
    if est.feature_range_ != range_before:
        raise ValueError(
            f"{caller}: warm_start goes on with feature_range={range_before}; the "
            f"features now have {est.feature_range_}. Pass features as before, or set "
            "warm_start=False."
        )


def _calibrate(est, matrix, Y, weight, eras, n_train):
    """Map outputs of a scale-free loss to y by least squares on training rows."""
    order = eras.order()
    seen = n_train * est.n_iter_
    most = min(max(seen // 32, MIN_CALIBRATION_ROWS), MAX_CALIBRATION_ROWS)
    step = -(-n_train // most)
    forward = est._calibration_forward(est.module_)
    how = {"scale": est._scale, "device": torch.device("cpu")}
    if est._attends:
        spans = eras.rows()[: int((eras.starts <= n_train).sum()) - 1 : step]
        outputs = forward_eras(forward, matrix, spans, **how)
        rows = np.concatenate([np.arange(len(matrix))[span] for span in spans])
        outputs = outputs[rows].astype(np.float64)
    else:
        rows = np.arange(0, n_train, step) if order is None else order[:n_train:step]
        # slices of 4 MB: convolutions multiply the memory of a slice by their channels
        outputs = forward_rows(forward, matrix, rows=rows, chunk=2**20, **how)
        outputs = outputs.astype(np.float64)
    for j in range(outputs.shape[1]):
        known = np.isfinite(Y[rows, j])
        w = np.ones(len(rows)) if weight is None else weight[rows].astype(np.float64)
        out, y, w = outputs[known, j], Y[rows, j][known], w[known]
        if not w.any():
            continue
        out_mean, y_mean = np.average(out, weights=w), np.average(y, weights=w)
        variance = np.average((out - out_mean) ** 2, weights=w)
        if not (np.isfinite(variance) and variance > 0):
            continue  # a constant output: the map of the targets is as good as any
        slope = np.average((out - out_mean) * (y - y_mean), weights=w) / variance
        # The ranking is never turned around, and keeps more digits than float32 rounds.
        y_std = np.sqrt(np.average((y - y_mean) ** 2, weights=w))
        est._y_scale[j] = max(slope, 1e-3 * y_std / np.sqrt(variance))
        est._y_offset[j] = y_mean - est._y_scale[j] * out_mean
