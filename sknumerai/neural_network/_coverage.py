"""Whether there is anything to learn from, and anything to stop by.

Imported inside ``fit`` alone: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pandas as pd

from sknumerai.neural_network._inputs import _index_of
from sknumerai.neural_network._training import takes


def uses_meta_model(loss):
    """Whether a loss, or the one that it is made of, takes a meta model."""
    if not takes(loss, "meta_model"):
        return False
    if hasattr(loss, "loss"):
        return loss.loss is not None and uses_meta_model(loss.loss)
    return True


def check_weighted(est, weight, eras, n_train, n_valid, caller):
    """Raise if training rows, or held-out rows whose loss is watched, weigh nothing."""
    if weight is None:
        return
    if not weight[eras.codes < n_train].any():
        raise ValueError(
            f"{caller}: all sample_weight of the {n_train} training eras are zero, so "
            "there is nothing to learn from. Give these rows weights, or hold out "
            "fewer eras (n_validation_eras, embargo)."
        )
    watched = _watched_losses(est)
    held_out = eras.codes >= eras.n_eras - n_valid
    if n_valid and watched and not weight[held_out].any():
        raise ValueError(
            f"{caller}: all sample_weight of the {n_valid} held-out eras are zero, so "
            f"early stopping on {watched[0]!r} has nothing to go by. Give these rows "
            "weights, watch a score (monitor='corr'), or set n_validation_eras=0."
        )


def check_known(est, meta_model, sides, eras, n_train, n_valid, X, y, caller):
    """Raise if a loss knows its meta model in no training era; warn if in a few.

    `meta_model` is what `check_meta_model` has made of one of `sides`.
    """
    if meta_model is None:
        return
    name = "meta_model" if sides["meta_model"] is not None else "benchmark"
    known = np.isfinite(meta_model).all(axis=1)
    # one row has no rank
    by_era = np.bincount(eras.codes[known], minlength=eras.n_eras) > 1
    n_known, n_held_out = by_era[:n_train].sum(), by_era[eras.n_eras - n_valid :].sum()
    if not n_known:
        raise ValueError(
            f"{caller}: loss={est.loss!r} leaves out rows without {name}, and no "
            f"training era ({eras.numbers[0]} to {eras.numbers[n_train - 1]}) has "
            f"one. {_of_indexes(name, sides[name], X, y)}"
        )
    watched = [w for w in _watched_losses(est) if w != "reconstruction_loss"]
    if n_valid and watched and not n_held_out:
        raise ValueError(
            f"{caller}: monitor={est.monitor!r} watches a loss that leaves out rows "
            f"without {name}, and no held-out era ({eras.numbers[-n_valid]} to "
            f"{eras.numbers[-1]}) has one. Pass {name} for these eras, watch a score "
            "(monitor='corr'), or set n_validation_eras=0. "
            f"{_of_indexes(name, sides[name], X, y)}"
        )
    if n_known < n_train / 2:
        warnings.warn(
            f"{caller}: loss={est.loss!r} leaves out rows without {name}, which "
            f"{n_known} of {n_train} training eras have. Pass {name} for more eras, or "
            "leave the others out of X.",
            UserWarning,
            stacklevel=6,
        )


def _watched_losses(est):
    return [p.monitor for p in est._phases() if p.monitor.endswith("loss")]


def _of_indexes(name, side, X, y):
    """Say how rows were looked up."""
    index = _index_of(X, y)
    if index is None or not isinstance(side, pd.Series | pd.DataFrame):
        return f"All of {name} is NaN there."
    return (
        f"Rows are looked up by index: that of {name} has {_levels(side.index)} in "
        f"{len(side)} rows, that of X has {_levels(index)}."
    )


def _levels(index):
    levels = index.levels if isinstance(index, pd.MultiIndex) else [index]
    named = zip(index.names, levels)
    return ", ".join(f"{n or 'no name'} ({level.dtype})" for n, level in named)
