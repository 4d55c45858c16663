"""What scorers are called with: rows, their eras, targets and predictions."""

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
from sknumerai.metrics._side_inputs import is_pandas
from sknumerai.metrics._sides import Side
from sknumerai.utils import (
    ERA_LEVEL,
    check_eras,
    model_horizon,
    target_horizon,
    warn_of_leakage,
)

# Side inputs of more columns are cut era by era, and never copied as a whole.
MATCHED_COLUMNS = 16


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
        Labels of the rows: X's, or y's where X has none. A default index is one of
        labels here, which say more than positions.

    numbered : bool
        Whether the labels are numbers, such as the rows of a frame with a default index
        keep in folds. The numbers of a side input's default index are then labels too.

    y_true : Series or ndarray of shape (n_samples,)
        The main target.

    y_pred : ndarray of shape (n_samples,)
        Finite predictions of it.
    """

    def __init__(self, estimator, X, y, groups, caller, stacklevel=3):
        self.X, self.caller, self.stacklevel = X, caller, stacklevel
        self.n_samples = _num_samples(X)
        self.eras = check_eras(
            groups, X, y, n_samples=self.n_samples, required=True, caller=caller
        )
        # codes and labels as one object, which check_eras takes without a search
        self.labels = pd.Categorical.from_codes(self.eras.codes, self.eras.labels)
        self.index = _as_labels(row_index(X, y))
        self.numbered = _is_numbered(self.index)
        warn_of_leakage(estimator, self.eras, caller, stacklevel=stacklevel)
        given = None if groups is None and _carries_eras(X) else np.asarray(self.labels)
        self.y_true = _main_column(y)
        self.y_pred = self._check_rows(_main_column(_predict(estimator, X, given)))
        _check_finite(self.y_pred, estimator, caller)

    def labelled_target(self):
        """Get the targets with the labels of the rows.

        Returns
        -------
        y_true : Series or ndarray of shape (n_samples,)
            Series where the rows have labels.
        """
        if self.index is None:
            return self.y_true
        if isinstance(self.y_true, pd.Series):
            y_true = self.y_true.copy(deep=False)
            y_true.index = self.index
            return y_true
        return pd.Series(self.y_true, index=self.index)

    def side(self, name, inputs):
        """Get a side input as metrics take it for these rows.

        Parameters
        ----------
        name : str
            The metric's name of it.

        inputs : SideInputs
            Holds its values for all rows, or names of columns of X; or not, and then it
            is X itself. Keeps what was matched with rows, for their next scoring.

        Returns
        -------
        values : Series, DataFrame or ndarray
            With an index to be matched by, or of these very rows. Tables of many
            columns are not copied, but for columns of X.

        Raises
        ------
        ScoringError
            If there is no telling which rows are meant.

        ValueError
            If the indexes have no labels in common, or labels that come twice.
        """
        values, by_label = self._given(name, inputs.get(name))
        if not by_label:
            return values
        return inputs.matched(name, self.index, lambda: self._match(name, values))

    def cut(self, name, inputs):
        """Get a side input for a function of one era: exactly these rows.

        Parameters
        ----------
        name : str
            The function's name of it.

        inputs : SideInputs
            As in :meth:`side`.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_columns)
            In the order of the rows.
        """
        values, by_label = self._given(name, inputs.get(name))
        positions = self._positions(name, values) if by_label else None
        if positions is None:
            return values.to_numpy() if is_pandas(values) else values
        absent = int((positions < 0).sum())
        if absent:
            raise ScoringError(
                f"{self.caller}: {absent} of the {self.n_samples} rows that are scored "
                f"are not in {name}, and a metric of one era cannot do without. Score "
                "only the rows that are."
            )
        return values.iloc[positions].to_numpy()

    def _check_rows(self, y_pred):
        names = ("X", "what the estimator predicts")
        check_eras(self.labels, self.X, y_pred, names=names, caller=self.caller)
        if len(y_pred) != self.n_samples:
            raise ValueError(
                f"{self.caller}: the estimator predicts {len(y_pred)} rows of "
                f"{self.n_samples}."
            )
        return np.asarray(y_pred)

    def _given(self, name, values):
        """What was given, and whether it is to be matched by labels."""
        if values is None or isinstance(values, str):
            return (self.X if is_pandas(self.X) else np.asarray(self.X)), False
        if isinstance(values, list):
            return self._columns(name, values), False
        if self.index is not None and is_pandas(values):
            return values, True
        if len(values) != self.n_samples:
            has = "an index" if self.index is None else f"the index of {name}"
            raise ScoringError(
                f"{self.caller}: {name} has {len(values)} rows, {self.n_samples} are "
                f"scored, and there is no telling which: {has} is missing. Keep X (or "
                f"y) in pandas, and give {name} the index of all rows: {name} = "
                f"pd.DataFrame({name}, index=X.index)."
            )
        return values, False

    def _match(self, name, values):
        """The values of these rows; all of them where they are wide or the same rows."""
        if values.ndim == 2 and values.shape[1] > MATCHED_COLUMNS:
            self._check_tells_rows(name, values.index)
            return self._labelled(values)
        positions = self._positions(name, values)
        if positions is None:
            return values
        found = values.iloc[positions].set_axis(self.index)
        known = positions >= 0
        if known.all():
            return found
        if found.ndim == 2:
            known = np.broadcast_to(known[:, None], found.shape)
        return found.astype(np.float64).where(known)

    def _positions(self, name, values):
        """Where these rows are in the values, -1 where not; None for one by one."""
        self._check_tells_rows(name, values.index)
        values = self._labelled(values)
        return Side(
            name, values, self.index, self.n_samples, self.caller, self.numbered
        ).positions

    def _labelled(self, values):
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
