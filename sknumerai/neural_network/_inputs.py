"""Checks of what is passed to ``fit``.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
)

from sknumerai.neural_network._inference import device_is_there
from sknumerai.utils import ERA_LEVEL, check_eras


def check_targets(y, matrix, caller):
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


def check_aux_targets(aux, X, y, y_ndim, caller):
    """Return the auxiliary targets of the rows of X, or None."""
    if aux is None:
        return None
    if y_ndim == 2:
        raise ValueError(
            f"{caller}: aux_targets goes with a one-dimensional y. Put all targets into "
            "the columns of y, the main one first, or pass y[:, 0] and the others."
        )
    index = _index_of(X, y)
    if isinstance(aux, pd.Series | pd.DataFrame) and index is not None:
        where = _look_up(aux, index, "aux_targets", caller)
        if (where < 0).any():
            raise ValueError(
                f"{caller}: {int((where < 0).sum())} of {len(index)} rows of X are not "
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
    n_samples = len(y)
    if len(aux) != n_samples:
        raise ValueError(
            f"{caller}: aux_targets has {len(aux)} rows, X has {n_samples}."
        )
    return aux.reshape(n_samples, -1)


def check_side_inputs(est, sides, X, y, caller):
    """Return those of benchmark and meta model that are watched, a row for each of X.

    Rows that a frame or series does not have are NaN.
    """
    needed = {"lpayout": "benchmark", "payout": "meta_model"}
    sides = sides or {"benchmark": None, "meta_model": None}
    est._has_benchmark = sides["benchmark"] is not None
    name = needed.get(est._monitor_name())
    if name is None:
        return {}
    side = sides[name]
    if side is None:
        raise ValueError(
            f"{caller}: monitor={est.monitor!r} needs the predictions of the "
            f"{name.replace('_', ' ')} in the held-out eras. Pass fit(..., "
            f"{name}=...), or use monitor='corr'."
        )
    side = _read_side(side, name, X, y, caller)
    if name == "meta_model" and side.shape[1] != 1:
        raise ValueError(
            f"{caller}: meta_model must be one column of predictions. Got "
            f"{side.shape[1]}."
        )
    return {name: side}


def check_meta_model(sides, X, y, caller):
    """Return the meta model, or else the benchmark, for a loss that takes it, or None."""
    for name in ("meta_model", "benchmark"):
        if sides[name] is not None:
            return _read_side(sides[name], name, X, y, caller)
    return None


def _read_side(side, name, X, y, caller):
    """Return a side input as float64 of two dimensions, a row for each of X."""
    index = _index_of(X, y)
    if isinstance(side, pd.Series | pd.DataFrame) and index is not None:
        where = _look_up(side, index, name, caller)
        known = where >= 0
        values = side.to_numpy(dtype=np.float64, na_value=np.nan)
        side = np.full((len(index), *values.shape[1:]), np.nan)
        side[known] = values[where[known]]
    side = check_array(
        side,
        dtype=np.float64,
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        input_name=name,
    )
    if len(side) != len(X):
        raise ValueError(f"{caller}: {name} has {len(side)} rows, X has {len(X)}.")
    return side.reshape(len(side), -1)


def _index_of(X, y):
    for obj in (X, y):
        index = getattr(obj, "index", None)
        if isinstance(index, pd.Index):
            return index
    return None


def _look_up(side, index, name, caller):
    """Return where the rows of X are in a frame or series, -1 where they are not."""
    if index.nlevels == 2 and side.index.nlevels == 1 and ERA_LEVEL in index.names:
        index = index.droplevel(ERA_LEVEL)
    if side.index.equals(index):
        return np.arange(len(index))
    if not side.index.is_unique:
        raise ValueError(
            f"{caller}: the index of {name} has duplicates, so its rows cannot be "
            "looked up. Drop them, or pass an array to match by position."
        )
    return side.index.get_indexer(index)


def check_weight(sample_weight, X, matrix, caller):
    """Return the weights as float32, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, pd.Series):
        # the same rule as for y: two indexes that differ are not the same rows
        names = ("X", "sample_weight")
        check_eras(None, X, sample_weight, caller=caller, names=names)
    weight = _check_sample_weight(
        sample_weight, matrix, dtype=np.float32, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError(
            f"{caller}: all sample_weight are zero, so there is nothing to learn from."
        )
    return weight


def check_feature_range(est, matrix, caller):
    """Return the range to scale from, or None; look at the values once."""
    given = est.feature_range
    if isinstance(given, str):
        given = (0, 4) if matrix.dtype.kind in "iu" else None
    least, most = float(matrix.min()), float(matrix.max())
    if given is None:
        _check_reconstructed(est, least, most, caller)
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
        warnings.warn(message, UserWarning, stacklevel=5)
    to_low, to_high = est._scaled_to
    slope = (to_high - to_low) / (high - low)
    scaled = ((value - low) * slope + to_low for value in (least, most))
    _check_reconstructed(est, *scaled, caller)
    return low, high


def _check_reconstructed(est, low, high, caller):
    """Raise if a loss of the reconstruction does not take what features are scaled to."""
    recon_loss = getattr(est, "recon_loss", "mse")
    if recon_loss in ("bce", "js") and (low < 0 or high > 1):
        raise ValueError(
            f"{caller}: recon_loss={recon_loss!r} needs features in [0, 1]; they run "
            f"from {low:.3g} to {high:.3g}. Pass feature_range=(low, high) to have them "
            "mapped, or recon_loss='mse'."
        )


def check_device(device, caller):
    """Raise, before any work, if torch cannot train on a device here."""
    try:
        found = torch.device(device)
    except RuntimeError:
        found, what = None, "that is not a device of torch"
    else:
        if device_is_there(found):
            return
        name = (
            found.type.upper() if found.type in ("cuda", "mps", "xpu") else found.type
        )
        what = f"torch finds no {name} device here"
        if found.type == "cuda" and torch.cuda.is_available():
            what = f"torch finds {torch.cuda.device_count()} CUDA device(s) here"
    allowed = ["'cpu'"]
    if torch.cuda.is_available():
        numbered = [f"'cuda:{i}'" for i in range(torch.cuda.device_count())]
        allowed += ["'cuda'", *numbered]
    elif torch.accelerator.is_available():
        allowed.append(repr(torch.accelerator.current_accelerator().type))
    mend = "Pass one of these."
    if len(allowed) == 1:
        mend = (
            "Pass device='cpu'; 'cuda' needs a GPU, its driver, and a torch that was "
            "built with CUDA."
        )
    raise ValueError(
        f"{caller}: device={device!r}, but {what}. Allowed on this machine: "
        f"{', '.join(allowed)}. {mend}"
    )


def target_names(y):
    if isinstance(y, pd.DataFrame):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    return [] if name is None or y is None else [str(name)]
