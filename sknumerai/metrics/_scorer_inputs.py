"""What scorers are called with, and the side inputs that they hold for all rows."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from inspect import signature

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples

from sknumerai.exceptions import HorizonWarning, ScoringError
from sknumerai.metrics._inputs import row_index
from sknumerai.utils import (
    ERA_LEVEL,
    check_eras,
    model_horizon,
    target_horizon,
    warn_of_leakage,
)

# Side inputs that may be given as names of columns of X.
FROM_X = ("features", "neutralizers")


class SideInputs(dict):
    """Side inputs by name, shared by all copies of a scorer.

    Searches clone the scorer that they hold, and clone copies deeply what is no
    estimator: with a benchmark of all rows that would be a gigabyte each time.
    """

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        said = [f"{name!r}: {describe_input(value)}" for name, value in self.items()]
        return "{" + ", ".join(said) + "}"


class ScoredRows:
    """The rows that an estimator is scored on, with its predictions of them.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    X, y : array-like
        Rows and targets.

    groups : array-like of shape (n_samples,) or None
        Era of each row.

    caller : str
        Name to begin messages with.

    stacklevel : int, default=3
        Which caller warnings are of: 3 is the caller of the function that made this.

    Attributes
    ----------
    eras : Eras
        The eras that were found.

    labels : Categorical of shape (n_samples,)
        Era of each row, which metrics take as `groups` without a search.

    index : Index or None
        Labels of the rows: X's, or y's where X has none.

    numbered : bool
        Whether the labels are numbers, such as the rows of a frame with a default index
        keep in folds. The numbers of a side input's default index are then labels too.

    y_true, y_pred : Series or ndarray of shape (n_samples,)
        The main target, and predictions of it.
    """

    def __init__(self, estimator, X, y, groups, caller, stacklevel=3):
        self.X, self.caller, self.stacklevel = X, caller, stacklevel
        self.n_samples = _num_samples(X)
        self.eras = check_eras(
            groups, X, y, n_samples=self.n_samples, required=True, caller=caller
        )
        # codes and labels as one object, which check_eras takes without a search
        self.labels = pd.Categorical.from_codes(self.eras.codes, self.eras.labels)
        self.index = row_index(X, y)
        self.numbered = _is_numbered(self.index)
        warn_of_leakage(estimator, self.eras, caller, stacklevel=stacklevel)
        given = None if groups is None and _carries_eras(X) else np.asarray(self.labels)
        self.y_true = _main_column(y)
        self.y_pred = _main_column(_predict(estimator, X, given))
        _check_finite(self.y_pred, estimator, caller)

    def with_labels(self):
        """Get targets with the labels of the rows, and predictions in their order.

        Returns
        -------
        y_true : Series or ndarray of shape (n_samples,)
            Series where the rows have labels.

        y_pred : ndarray of shape (n_samples,)
            Predictions.
        """
        if self.index is None:
            return self.y_true, self.y_pred
        if isinstance(self.y_true, pd.Series):
            y_true = self.y_true.copy(deep=False)
            y_true.index = _as_labels(self.index)
        else:
            y_true = pd.Series(self.y_true, index=_as_labels(self.index))
        own = getattr(self.y_pred, "index", None)
        by_position = own is None or isinstance(own, pd.RangeIndex)
        return y_true, np.asarray(self.y_pred) if by_position else self.y_pred

    def side(self, name, values):
        """Make a side input of all rows ready to be matched with these rows.

        Parameters
        ----------
        name : str
            The metric's name of it.

        values : Series, DataFrame, ndarray, list or None
            Values for all rows, or names of columns of X; None is X itself.

        Returns
        -------
        values : Series, DataFrame or ndarray
            Not copied, but for columns of X.
        """
        if values is None:
            return self.X if _is_pandas(self.X) else np.asarray(self.X)
        if isinstance(values, list):
            return self._columns(name, values)
        if self.index is None or not _is_pandas(values):
            if len(values) != self.n_samples:
                has = "an index" if self.index is None else f"the index of {name}"
                raise ScoringError(
                    f"{self.caller}: {name} has {len(values)} rows, {self.n_samples} "
                    f"are scored, and there is no telling which: {has} is missing. "
                    f"Keep X (or y) in pandas, and give {name} the index of all rows: "
                    f"{name} = pd.DataFrame({name}, index=X.index)."
                )
            return values
        self._check_tells_rows(name, values.index)
        if self.numbered and isinstance(values.index, pd.RangeIndex):
            values = values.copy(deep=False)
            values.index = _as_labels(values.index)
        return values

    def _check_tells_rows(self, name, own):
        if (
            own.nlevels == 1
            and self.index.nlevels == 2
            and ERA_LEVEL in self.index.names
        ):
            # the era is left aside then, and the rest must tell rows apart
            labels = self.index.droplevel(ERA_LEVEL)
            if not labels.is_unique:
                raise ScoringError(
                    f"{self.caller}: labels of rows, such as {labels[0]}, come in "
                    f"several eras, and {name} has no era in its index. Give it the "
                    "index of X, eras and all."
                )

    def _columns(self, name, columns):
        if not isinstance(self.X, pd.DataFrame):
            raise TypeError(
                f"{self.caller}: {name} are names of columns, such as {columns[:2]}, "
                f"and X is a {type(self.X).__name__} without names. Keep X a "
                f"DataFrame, or pass {name} as a DataFrame of all rows."
            )
        absent = [column for column in columns if column not in self.X.columns]
        if absent:
            raise ValueError(
                f"{self.caller}: {len(absent)} of the {len(columns)} {name} are no "
                f"columns of X, such as {absent[:3]}. Load them with the features, or "
                f"pass {name} as a DataFrame of all rows."
            )
        if len(columns) == self.X.shape[1] and (self.X.columns == columns).all():
            return self.X
        return self.X[columns]

    def warn_of_horizons(self, benchmark=None, policy=None):
        """Warn where a benchmark or a rule of payment is of another horizon.

        To be called by the function that made this object.

        Parameters
        ----------
        benchmark : Series, DataFrame, ndarray or None, default=None
            Benchmark models. Names tell their horizon, or nothing.

        policy : PayoutPolicy or None, default=None
            Rule of payment.
        """
        target = getattr(self.y_true, "name", None)
        days = target_horizon(target)
        if days is None:
            return
        names = getattr(benchmark, "columns", [getattr(benchmark, "name", None)])
        others = [n for n in names if model_horizon(n) not in (None, days)]
        if others:
            warnings.warn(
                f"{self.caller}: the benchmark {others[0]!r} was trained for "
                f"{model_horizon(others[0])} days ahead and {target!r} looks {days} "
                "days ahead. It is easier to add to a benchmark of another horizon, so "
                "this BMC is too good. Take a benchmark of the target's own horizon.",
                HorizonWarning,
                stacklevel=self.stacklevel,
            )
        if policy is not None and policy.horizon not in (None, days):
            warnings.warn(
                f"{self.caller}: {target!r} looks {days} days ahead and the rule "
                f"{policy.name!r} pays for {policy.horizon}, so payouts are not what a "
                "round pays. Score that target, or pass the rule that pays for yours "
                "as policy.",
                HorizonWarning,
                stacklevel=self.stacklevel,
            )


def as_input(name, values):
    """Side input as scorers keep it: pandas, an array, or a list of columns of X."""
    if _is_pandas(values):
        return values
    if name in FROM_X and np.ndim(values) == 1:
        return list(values)
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have one row for each row of X, shape (n_samples,) or "
            f"(n_samples, n_columns), and as pandas to be matched in folds. Got shape "
            f"{values.shape}."
        )
    return values


def is_input(values):
    """Whether a parameter of a metric holds a value for each row."""
    return _is_pandas(values) or (isinstance(values, np.ndarray) and values.ndim > 0)


def describe_input(values):
    """Say in a few words what a side input is."""
    if isinstance(values, list):
        return repr(values) if len(values) <= 3 else f"<{len(values)} columns of X>"
    if is_input(values):
        return f"<{type(values).__name__} of shape {values.shape}>"
    return repr(values)


def parameters_of(function):
    """Get the parameters of a function by name; none where it does not tell."""
    try:
        return dict(signature(function).parameters)
    except (TypeError, ValueError):
        # compiled functions may not tell
        return {}


def _predict(estimator, X, groups):
    if groups is not None and _takes_groups(estimator):
        return estimator.predict(X, groups=groups)
    return estimator.predict(X)


def _takes_groups(estimator):
    if isinstance(estimator, Pipeline):
        if get_config()["enable_metadata_routing"]:
            routing = get_routing_for_object(estimator)
            return bool(routing.consumes("predict", {"groups"}))
        # without routing a pipeline hands what it is given to its last step
        estimator = estimator[-1]
    return "groups" in parameters_of(getattr(estimator, "predict", None))


def _check_finite(y_pred, estimator, caller):
    values = np.asarray(y_pred)
    if values.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):
            return
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"{caller}: {type(estimator).__name__} predicts NaN or infinity for "
            f"{int(bad.sum())} of {len(values)} rows. A model must predict every row; "
            "has its training diverged? A search leaves out such a setting with "
            "error_score=np.nan."
        )


def _carries_eras(X):
    return ERA_LEVEL in getattr(getattr(X, "index", None), "names", ())


def _main_column(values):
    if isinstance(values, pd.DataFrame):
        return values.iloc[:, 0]
    if isinstance(values, pd.Series):
        return values
    values = np.asarray(values)
    return values[:, 0] if values.ndim == 2 else values


def _is_numbered(index):
    if index is None:
        return False
    if index.nlevels == 2 and ERA_LEVEL in index.names:
        index = index.droplevel(ERA_LEVEL)
    elif ERA_LEVEL in index.names:
        return False
    return index.nlevels == 1 and index.dtype.kind in "iu"


def _as_labels(index):
    """The index; a default one as one of labels, which say more than positions."""
    if isinstance(index, pd.RangeIndex):
        return pd.Index(np.asarray(index), name=index.name)
    return index


def _is_pandas(values):
    return isinstance(values, pd.Series | pd.DataFrame)
