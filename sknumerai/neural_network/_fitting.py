"""From what the user passes to ``fit`` to a trained network.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    validate_data,
)

from sknumerai.exceptions import MissingErasError, OneEraWarning, UnknownHorizonError
from sknumerai.losses import ApproximateSpearmanLoss, CorrelationLoss, MaskedMSELoss
from sknumerai.metrics import numerai_corr_score
from sknumerai.model_selection import embargo_for
from sknumerai.neural_network._inference import forward_rows
from sknumerai.neural_network._training import (
    make_dataset,
    min_batch_rows,
    train_module,
)
from sknumerai.utils import check_eras, one_era, refuse_era_column

LOSSES = {
    "mse": MaskedMSELoss,
    "corr": CorrelationLoss,
    "spearman": ApproximateSpearmanLoss,
}
# Losses that see an era at a time; those that do not fix the scale of the output
ERA_WISE = (CorrelationLoss, ApproximateSpearmanLoss)
SCALE_FREE = (CorrelationLoss, ApproximateSpearmanLoss)
# Where a target's name says nothing of its horizon: Numerai's purge for 20-day targets
DEFAULT_EMBARGO = 8
# Fewer eras than this are not divided by n_validation_eras="auto"
MIN_ERAS_TO_VALIDATE = 20
MAX_CALIBRATION_ROWS = 2**18


def make_loss(loss):
    """Return a loss module from its name, its class or itself."""
    if isinstance(loss, str):
        return LOSSES[loss]()
    return loss() if inspect.isclass(loss) else loss


def _loss_of_targets(est):
    criterion = est._make_loss()
    return getattr(criterion, "target_loss", criterion)


def fit_network(est, X, y, groups, sample_weight, aux_targets):
    """Validate, train, set the fitted attributes; return the estimator."""
    caller = f"{type(est).__name__}.fit"
    if y is None:
        raise ValueError(
            f"{type(est).__name__} requires y to be passed, but the target y is None."
        )
    refuse_era_column(X, caller)
    warm = est.warm_start and hasattr(est, "module_")
    matrix = validate_data(est, X, dtype="numeric", reset=not warm)
    Y, y_ndim = _check_targets(y, matrix, caller)
    aux = _check_aux_targets(aux_targets, X, len(matrix), y_ndim, caller)
    if aux is not None:
        Y = np.column_stack([Y, aux])
    weight = _check_weight(sample_weight, matrix)
    found = check_eras(groups, X, y, n_samples=len(matrix), caller=caller)
    feature_range = _check_feature_range(est, matrix, caller)
    eras = _resolve_batches(est, found, len(matrix), caller)

    if warm:
        _check_same_shape(est, Y.shape[1], y_ndim, caller)
    else:
        est._y_ndim = y_ndim
        est.n_outputs_ = Y.shape[1]
        est.feature_range_ = feature_range
        offset, scale = (np.asarray(a, dtype=np.float64) for a in est._target_map(Y))
        est._y_offset = np.where(np.isfinite(offset), offset, 0.0)
        est._y_scale = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
        cls, kwargs = est._module_spec(matrix.shape[1], Y.shape[1])
        est._spec = (cls, kwargs)
    _check_device(est.device)

    scaled = (Y - est._y_offset.astype(Y.dtype)) / est._y_scale.astype(Y.dtype)
    dataset = make_dataset(matrix, scaled, weight, eras)
    names = _target_names(y) + _target_names(aux_targets)
    train, valid = _cut_validation(est, dataset, eras, found is not None, names, caller)
    score = None
    if valid is not None:
        valid_eras = np.repeat(eras.numbers[-valid.n_eras :], np.diff(valid.starts))
        score = _ValidationScore(est, _main_target(Y, eras, valid), valid_eras, valid)
    est.eras_seen_ = None if found is None else eras.numbers

    def make_module():
        if warm:
            return est.module_.train()
        cls, kwargs = est._spec
        module = cls(**kwargs)
        if len(train) < min_batch_rows(module):
            raise ValueError(
                f"{caller}: n_samples=1 is too few for batch normalization, which "
                "needs 2 rows at the least."
            )
        return module

    seed = int(check_random_state(est.random_state).randint(2**31 - 1))
    est.module_, est.history_, est.best_epoch_ = train_module(
        est, make_module, train, valid, seed=seed, score=score
    )
    est.n_iter_ = len(est.history_)
    if isinstance(_loss_of_targets(est), SCALE_FREE):
        _calibrate(est, train, Y, eras)
    return est


def _check_targets(y, matrix, caller):
    Y = check_array(
        y,
        dtype="numeric",
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        input_name="y",
    )
    check_consistent_length(matrix, Y)
    y_ndim = Y.ndim
    keep = Y.dtype in (np.float32, np.float64)  # 41 targets in float64 would be 1 GB
    Y = Y.reshape(len(Y), -1).astype(Y.dtype if keep else np.float64, copy=False)
    n_missing = int(np.isnan(Y[:, 0]).sum())
    if n_missing == len(Y):
        raise ValueError(f"{caller}: Input y contains NaN only: no target is known.")
    if n_missing:
        where = " in its first column, the main target" if y_ndim == 2 else ""
        raise ValueError(
            f"{caller}: Input y contains NaN{where} ({n_missing} of {len(Y)} rows). "
            "Unresolved rows cannot be learned from: drop them, e.g. "
            "X = X[y.notna()]; y = y[y.notna()]."
        )
    return Y, y_ndim


def _check_aux_targets(aux, X, n_samples, y_ndim, caller):
    if aux is None:
        return None
    if y_ndim == 2:
        raise ValueError(
            f"{caller}: aux_targets goes with a one-dimensional y. Put all targets into "
            "the columns of y, the main one first, or pass y[:, 0] and the others."
        )
    index = getattr(X, "index", None)
    both = isinstance(aux, pd.Series | pd.DataFrame) and isinstance(index, pd.Index)
    if both and not aux.index.equals(index):
        where = aux.index.get_indexer(index)
        if (where < 0).any():
            raise ValueError(
                f"{caller}: {int((where < 0).sum())} of {n_samples} rows of X are not "
                "in the index of aux_targets. Pass the auxiliary targets of all rows "
                "(NaN where unknown), or an array to match by position."
            )
        aux = aux.iloc[where]
    aux = check_array(
        aux,
        dtype=[np.float32, np.float64],
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        input_name="aux_targets",
    )
    if len(aux) != n_samples:
        raise ValueError(
            f"{caller}: aux_targets has {len(aux)} rows, X has {n_samples}."
        )
    return aux.reshape(n_samples, -1)


def _check_weight(sample_weight, matrix):
    if sample_weight is None:
        return None
    return _check_sample_weight(
        sample_weight, matrix, dtype=np.float32, ensure_non_negative=True
    )


def _check_feature_range(est, matrix, caller):
    """Return the range to scale from, or None; look at the values once."""
    given = est.feature_range
    if isinstance(given, str):
        given = (0, 4) if matrix.dtype.kind in "iu" else None
    least, most = float(matrix.min()), float(matrix.max())
    if given is None:
        est._check_scaled(least, most, caller)
        return None
    if len(given) != 2 or not given[0] < given[1]:
        raise ValueError(
            f"{caller}: feature_range must be (low, high) with low < high, 'auto' or "
            f"None. Got {est.feature_range!r}."
        )
    low, high = (float(value) for value in given)
    if least < low or most > high:
        message = (
            f"{caller}: X holds values from {least:g} to {most:g}, outside "
            f"feature_range=({low:g}, {high:g}). Pass feature_range=({least:g}, "
            f"{most:g}) to map these to the network's range, or None to leave features "
            "as they are."
        )
        # 8-bit codes are Numerai's, so that a value outside is an error in the data
        if not isinstance(est.feature_range, str) or matrix.dtype.itemsize == 1:
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=4)
    to_low, to_high = est._scaled_to
    slope = (to_high - to_low) / (high - low)
    scaled = ((value - low) * slope + to_low for value in (least, most))
    est._check_scaled(*scaled, caller)
    return low, high


def _resolve_batches(est, found, n_samples, caller):
    """Set batch_by_ and batch_size_; return the eras, or all rows as one."""
    era_wise = isinstance(_loss_of_targets(est), ERA_WISE)
    est.batch_by_ = est.batch_by
    if est.batch_by == "auto":
        est.batch_by_ = "era" if era_wise else "rows"
    if era_wise and est.batch_by_ == "rows":
        raise ValueError(
            f"{caller}: loss={est.loss!r} is taken over whole eras, so batches of rows "
            "do not go with it. Use batch_by='era'."
        )
    eras = found
    if found is None:
        if est.batch_by_ == "era":
            warnings.warn(
                f"{caller} found no eras, so all {n_samples} rows are taken as one "
                "era. Pass groups=eras or keep the eras in the index level 'era'.",
                OneEraWarning,
                stacklevel=4,
            )
        eras = one_era(n_samples)
    est.batch_size_ = est.batch_size
    if est.batch_size == "auto":
        rows = int(np.clip(n_samples // 64, 32, 4096))
        est.batch_size_ = 1 if est.batch_by_ == "era" else rows
    return eras


def _check_same_shape(est, n_outputs, y_ndim, caller):
    if (n_outputs, y_ndim) != (est.n_outputs_, est._y_ndim):
        raise ValueError(
            f"{caller}: warm_start goes on with a network of {est.n_outputs_} outputs "
            f"(y of {est._y_ndim} dimensions); got {n_outputs} outputs ({y_ndim} "
            "dimensions). Pass the same targets, or set warm_start=False."
        )


def _check_device(device):
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r} was asked for but torch finds no CUDA device. Use "
            "device='cpu', or install torch with CUDA."
        )


def _target_names(y):
    if isinstance(y, pd.DataFrame):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    return [] if name is None or y is None else [str(name)]


def _embargo(est, names):
    """Return the embargo in eras: that of the longest horizon among the targets."""
    if est.embargo != "auto":
        return est.embargo
    known = []
    for name in names:
        try:
            known.append(embargo_for(name))
        except UnknownHorizonError:
            continue
    return max(known, default=DEFAULT_EMBARGO)


def _cut_validation(est, dataset, eras, found, names, caller):
    """Split off the last eras, with an embargo in era numbers between."""
    n_eras, n_valid = eras.n_eras, est.n_validation_eras
    automatic = n_valid == "auto"
    if automatic:
        n_valid = max(1, n_eras // 10) if n_eras >= MIN_ERAS_TO_VALIDATE else 0
    if n_valid == 0:
        return dataset, None
    if not found:
        raise MissingErasError(
            f"{caller}: n_validation_eras={n_valid} needs the era of every row and "
            "none were found. Pass groups=eras, keep the eras in the index level "
            "'era', or set n_validation_eras=0."
        )
    embargo = _embargo(est, names)
    n_train = 0
    if n_valid < n_eras:
        first_valid = eras.numbers[n_eras - n_valid]
        n_train = int((first_valid - eras.numbers > embargo).sum())
    # better no early stopping than a training set that the embargo has eaten
    if automatic and n_train < n_eras / 2:
        return dataset, None
    if n_train < 1:
        raise ValueError(
            f"{caller}: n_validation_eras={n_valid} and embargo={embargo} leave no era "
            f"to train on: there are {n_eras} eras, numbers {eras.numbers[0]} to "
            f"{eras.numbers[-1]}. Use fewer validation eras or a smaller embargo."
        )
    return dataset.eras(0, n_train), dataset.eras(n_eras - n_valid, n_eras)


def _main_target(Y, eras, valid):
    order = eras.order()
    main = Y[:, 0] if order is None else Y[order, 0]
    return main[len(main) - len(valid) :]


class _ValidationScore:
    """Scores of the held-out eras, in the units that `predict` gives."""

    def __init__(self, est, y_true, era_numbers, dataset):
        self.est = est
        self.y_true = y_true
        self.era_numbers = era_numbers
        self.eras = check_eras(era_numbers)
        self.dataset = dataset

    def __call__(self, evaluate, phase):
        terms, outputs = evaluate(self.dataset)
        scores = {f"valid_{name}": value for name, value in terms.items()}
        if phase.monitor in scores or outputs is None:
            return scores
        outputs = outputs * self.est._y_scale + self.est._y_offset
        y_pred = self.est._aggregate(outputs, self.eras)
        by_era = numerai_corr_score(
            self.y_true, y_pred, groups=self.era_numbers, aggregate=None
        ).to_numpy()
        scores["valid_corr"] = float(np.mean(by_era))
        if phase.monitor == "sharpe":
            scores["valid_sharpe"] = float(np.mean(by_era) / np.std(by_era))
        elif phase.monitor == "score":
            scores["valid_score"] = float(
                self.est.monitor(self.y_true, y_pred, groups=self.era_numbers)
            )
        return scores


def _calibrate(est, train, Y, eras):
    """Map outputs of a scale-free loss to y by least squares on training rows."""
    order = eras.order()
    n_train = len(train)
    step = -(-n_train // MAX_CALIBRATION_ROWS)
    rows = np.arange(0, n_train, step) if order is None else order[:n_train:step]
    outputs = forward_rows(
        est._inference_forward(est.module_),
        train.X.numpy()[rows],
        scale=est._scale,
        device=torch.device("cpu"),
    ).astype(np.float64)
    for j in range(outputs.shape[1]):
        known = np.isfinite(Y[rows, j])
        out, y = outputs[known, j], Y[rows, j][known]
        if len(y) == 0:
            continue
        spread = out.std()
        if not (np.isfinite(spread) and spread > 0):
            continue  # a constant output: the map of the targets is as good as any
        slope = np.mean((out - out.mean()) * (y - y.mean())) / spread**2
        # The ranking is never turned around, and keeps more digits than float32 rounds.
        est._y_scale[j] = max(slope, 1e-3 * y.std() / spread)
        est._y_offset[j] = y.mean() - est._y_scale[j] * out.mean()
