"""What metrics accept: targets, predictions and eras of the same rows."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
import pandas as pd

from sknumerai.utils import ERA_LEVEL, all_finite, as_numbers, check_eras, one_era

NAMES = ("y_true", "y_pred", "the third input", "the fourth input")


def check_target(y_true, caller):
    """Targets as a float64 vector, NaN where missing."""
    target = as_numbers(y_true, "y_true", caller)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise ValueError(
            f"{caller}: y_true must be one target, of shape (n_samples,). Got shape "
            f"{target.shape}: select a column, e.g. the main target y_true.iloc[:, 0]."
        )
    if np.isinf(target).any():
        raise ValueError(
            f"{caller}: {int(np.isinf(target).sum())} targets are infinite."
        )
    return target.astype(np.float64, copy=False)


def check_predictions(y_pred, caller):
    """Predictions as a matrix of finite numbers, one column per model."""
    pred, is_finite = check_no_infinity(y_pred, caller)
    if not is_finite:
        _refuse(~np.isfinite(pred), "NaN or infinite", y_pred, caller)
    return pred


def check_no_infinity(y_pred, caller):
    """Predictions as a matrix, NaN where missing, and whether none is."""
    pred = as_numbers(y_pred, "y_pred", caller)
    if pred.ndim == 1:
        pred = pred[:, None]
    if pred.ndim != 2 or pred.shape[1] == 0:
        raise ValueError(
            f"{caller}: y_pred must have shape (n_samples,) or (n_samples, n_models). "
            f"Got {pred.shape}."
        )
    is_finite = all_finite(pred)
    if not is_finite:
        _refuse(np.isinf(pred), "infinite", y_pred, caller)
    return pred, is_finite


def _refuse(bad, what, y_pred, caller):
    if not bad.any():
        return
    of = ""
    if isinstance(y_pred, pd.DataFrame):
        of = f" (columns {list(y_pred.columns[bad.any(axis=0)])[:3]})"
    raise ValueError(
        f"{caller}: {int(bad.any(axis=1).sum())} of {len(bad)} rows of y_pred are "
        f"{what}{of}. Such a prediction has no score: predict every row, or select the "
        "rows that have one from y_true and y_pred."
    )


def check_min_coverage(min_coverage, caller):
    """Raise if `min_coverage` is no share."""
    if not (isinstance(min_coverage, Real) and 0 <= min_coverage <= 1):
        raise ValueError(
            f"{caller}: min_coverage must be a share of eras from 0 to 1. Got "
            f"{min_coverage!r} instead."
        )


def find_eras(
    y_true, y_pred, others, groups, caller, *, required=False, allow_live=False
):
    """Era of each row; one era where there are none and they are not required."""
    if np.ndim(y_pred) == 0:
        raise ValueError(
            f"{caller}: y_pred must have shape (n_samples,) or (n_samples, n_models). "
            f"Got {y_pred!r}."
        )
    if y_true is None:
        y_true = y_pred
    for name, other in zip(NAMES[1:], (y_pred, *others)):
        if len(other) != len(y_true):
            raise ValueError(
                f"{caller}: y_true has {len(y_true)} rows and {name} has {len(other)}."
            )
    eras = check_eras(
        groups,
        y_true,
        y_pred,
        *others,
        n_samples=len(y_true),
        required=required,
        allow_live=allow_live,
        names=NAMES,
        caller=caller,
    )
    return one_era(len(y_true)) if eras is None else eras


def row_labels(index):
    """What tells the rows of an era apart: the index without eras, or None."""
    if index is None or isinstance(index, pd.RangeIndex):
        return None
    if ERA_LEVEL not in index.names:
        return index
    return index.droplevel(ERA_LEVEL) if index.nlevels > 1 else None
