"""The predictions that a scorer asks an estimator for, and what they must be."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from sknumerai.exceptions import ScoringError
from sknumerai.utils import check_eras


def predict(estimator, X, groups):
    """Predict, with the era of each row where it is given and the estimator takes it.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    X : array-like of shape (n_samples, n_features)
        Rows to predict.

    groups : ndarray of shape (n_samples,) or None
        Era of each row, None where X carries them itself.

    Returns
    -------
    y_pred : array-like
        What the estimator gives.
    """
    if groups is not None and _takes_groups(estimator):
        return estimator.predict(X, groups=groups)
    return estimator.predict(X)


def as_predictions(values, estimator, X, labels, caller):
    """Check that predictions are numbers, one for each row of X, in its order.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_targets)
        What the estimator predicts. The first column counts.

    estimator : object
        Named in messages.

    X : array-like of shape (n_samples, n_features)
        The rows.

    labels : Categorical of shape (n_samples,)
        Era of each row.

    caller : str
        Name to begin messages with.

    Returns
    -------
    y_pred : ndarray of shape (n_samples,)
        Numbers, perhaps not finite.

    Raises
    ------
    ScoringError
        If they are something else.
    """
    name = type(estimator).__name__
    if values is None:
        raise ScoringError(
            f"{caller}: predict of {name} gives None. It must return one number for "
            "each row of X."
        )
    values = main_column(values, f"what {name} predicts", caller)
    if len(values) != len(labels):
        raise ScoringError(
            f"{caller}: {name} predicts {len(values)} rows of {len(labels)}. It must "
            "return one number for each row of X."
        )
    try:
        check_eras(labels, X, values, caller=caller)
    except ValueError as error:
        raise ScoringError(
            f"{caller}: {name} predicts a Series whose index is not that of X, so its "
            "rows are others, or in another order. Let predict return them in the "
            "order of X, with X's index or as an array."
        ) from error
    return _as_numbers(values, name, caller)


def count_not_finite(y_pred):
    """Count the predictions that are NaN or infinite."""
    if y_pred.dtype.kind != "f":
        return 0
    with np.errstate(all="ignore"):
        if np.isfinite(y_pred.sum()):
            return 0
    return int((~np.isfinite(y_pred)).sum())


def main_column(values, name, caller):
    """The first column, or the vector itself: pandas stays pandas."""
    if not isinstance(values, pd.Series | pd.DataFrame):
        values = np.asarray(values)
    if values.ndim == 1:
        return values
    if values.ndim != 2 or values.shape[1] == 0:
        raise ScoringError(
            f"{caller}: {name} must have shape (n_samples,) or (n_samples, n_targets), "
            f"with at least one column. Got shape {values.shape}."
        )
    return values.iloc[:, 0] if isinstance(values, pd.DataFrame) else values[:, 0]


def parameters_of(function):
    """Get the parameters of a function by name; none where it does not tell."""
    try:
        return dict(signature(function).parameters)
    except (TypeError, ValueError):
        # compiled functions may not tell
        return {}


def _as_numbers(values, name, caller):
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "O":
        # nullable types of pandas, and columns with None
        try:
            return pd.Series(array).to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            pass
    raise ScoringError(
        f"{caller}: {name} predicts values of type {array.dtype}. Predictions must be "
        "numbers."
    )


def _takes_groups(estimator):
    if isinstance(estimator, Pipeline):
        if get_config()["enable_metadata_routing"]:
            routing = get_routing_for_object(estimator)
            return bool(routing.consumes("predict", {"groups"}))
        # without routing a pipeline hands what it is given to its last step
        estimator = estimator[-1]
    return "groups" in parameters_of(getattr(estimator, "predict", None))
