"""Targets and predictions as columns with names."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.utils import all_finite, as_numbers, check_eras


def as_models(values, n_models, default="model"):
    """Names of models: columns of a DataFrame, the name of a Series, or numbered ones.

    Parameters
    ----------
    values : object
        Predictions or scores.

    n_models : int
        Number of them.

    default : str, default="model"
        Name of a single one that has none.

    Returns
    -------
    names : Index
        The names.
    """
    columns = getattr(values, "columns", None)
    if columns is not None and not isinstance(columns, pd.RangeIndex):
        return columns
    if n_models == 1:
        name = getattr(values, "name", None)
        return pd.Index([default if name is None else name])
    return pd.Index([f"{default}_{j}" for j in range(n_models)])


def named_columns(values, default, what, caller):
    """Read columns of numbers by their names.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_columns), or None
        Targets or predictions.

    default : str
        Name of what has none; of several, with a number behind it.

    what : str
        What messages call the values.

    caller : str
        Name to begin messages with.

    Returns
    -------
    columns : dict of object to ndarray of shape (n_samples,)
        NaN where a value is missing. Empty for None.
    """
    if values is None:
        return {}
    if not isinstance(values, pd.Series | pd.DataFrame):
        values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{caller}: {what} must have shape (n_samples,) or (n_samples, n_columns). "
            f"Got {values.shape}."
        )
    names = as_models(values, 1 if values.ndim == 1 else values.shape[1], default)
    if not names.is_unique:
        raise ValueError(
            f"{caller}: several columns of {what} are called "
            f"{names[names.duplicated()][0]!r}. Give each its name."
        )
    array = as_numbers(values, what, caller)
    if array.dtype.kind == "f" and not all_finite(array):
        n_infinite = int(np.isinf(array).sum())
        if n_infinite:
            raise ValueError(
                f"{caller}: {n_infinite} values of {what} are infinite. Leave such rows "
                "out, or write NaN where there is no value."
            )
    return dict(zip(names, array.reshape(len(array), -1).T))


def eras_of(groups, y_true, y_pred, caller, *, required):
    """Find the eras of targets and predictions, live ones among them.

    Parameters
    ----------
    groups, y_true, y_pred : array-like or None
        What may tell them.

    caller : str
        Name to begin messages with.

    required : bool
        Whether to raise where there are none.

    Returns
    -------
    eras : Eras or None
        The eras.
    """
    if y_true is None and y_pred is None:
        raise ValueError(f"{caller}: pass y_true, y_pred, or both.")
    return check_eras(
        groups,
        y_true,
        y_pred,
        n_samples=len(y_pred if y_true is None else y_true),
        required=required,
        allow_live=True,
        names=("y_true", "y_pred"),
        caller=caller,
    )


def refuse_same_names(targets, models, caller):
    """Raise if a target and a model have one name: each is told by its own."""
    both = targets.keys() & models.keys()
    if both:
        raise ValueError(
            f"{caller}: {min(both, key=str)!r} is the name of a target and of a model. "
            "Rename one of them."
        )
