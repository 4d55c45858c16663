"""What scorers are called with: rows, their eras, targets and predictions."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from sklearn.utils.validation import _num_samples

from sknumerai.exceptions import ScoringError
from sknumerai.metrics._columns_of_x import ColumnsOfX
from sknumerai.metrics._scored_predictions import (
    as_predictions,
    count_not_finite,
    main_column,
    predict,
)
from sknumerai.metrics._side_inputs import is_pandas, with_index
from sknumerai.metrics._sides import PLAIN, Side
from sknumerai.utils import ERA_LEVEL, check_eras, has_eras, row_index, warn_of_leakage

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
        labels here, which say more than positions, unless the other has better ones.

    numbered : bool
        Whether the labels are numbers, such as the rows of a frame with a default index
        keep in folds. The numbers of a side input's default index are then labels too.

    y_true : Series or ndarray of shape (n_samples,)
        The main target.

    y_pred : ndarray of shape (n_samples,)
        Predictions of it.

    n_not_finite : int
        How many of them are NaN or infinite.
    """

    def __init__(self, estimator, X, y, groups, caller, stacklevel=3):
        self.X, self.caller = X, caller
        self.estimator_name = type(estimator).__name__
        self.n_samples = _num_samples(X)
        self._check_length(y)
        rows, targets, given = _without_numbers(X, y, groups)
        try:
            self.eras = check_eras(
                given,
                rows,
                targets,
                n_samples=self.n_samples,
                required=True,
                caller=caller,
            )
        except ValueError as error:
            # a search of Optuna would swallow it and refit default parameters
            raise ScoringError(str(error)) from error
        # codes and labels as one object, which check_eras takes without a search
        self.labels = pd.Categorical.from_codes(self.eras.codes, self.eras.labels)
        self.index = _as_labels(row_index(rows, targets))
        self.numbered = _is_numbered(self.index)
        warn_of_leakage(estimator, self.eras, caller, stacklevel=stacklevel)
        given = None if groups is None and has_eras(X) else np.asarray(self.labels)
        self.y_true = main_column(y, "y", caller)
        self.y_pred = as_predictions(
            predict(estimator, X, given), estimator, X, self.labels, caller
        )
        self.n_not_finite = count_not_finite(self.y_pred)

    def say_not_finite(self):
        """Describe the predictions that are not finite."""
        return (
            f"{self.caller}: {self.estimator_name} predicts NaN or infinity for "
            f"{self.n_not_finite} of {self.n_samples} rows. A model must predict every "
            "row; has its training diverged?"
        )

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
        values : Series, DataFrame, ColumnsOfX or ndarray
            With an index to be matched by, or of these very rows. Tables of many
            columns are not copied.

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
        """Get a side input for a function of some rows, such as those of one era.

        Parameters
        ----------
        name : str
            The function's name of it.

        inputs : SideInputs
            As in :meth:`side`.

        Returns
        -------
        take : callable
            ``take(rows)`` of a slice or an array of positions among the scored rows
            gives an ndarray of their values, shape (n,) or (n, n_columns).
        """
        values, by_label = self._given(name, inputs.get(name))
        positions = self._positions(name, values) if by_label else None
        if isinstance(values, ColumnsOfX):
            return lambda rows: values.take(rows).to_numpy()
        if positions is None:
            if is_pandas(values):
                return lambda rows: values.iloc[rows].to_numpy()
            return lambda rows: values[rows]
        absent = int((positions < 0).sum())
        if absent:
            raise ScoringError(
                f"{self.caller}: {absent} of the {self.n_samples} rows that are scored "
                f"are not in {name}, and a metric of one era cannot do without. Score "
                "only the rows that are."
            )
        return lambda rows: values.iloc[positions[rows]].to_numpy()

    def _check_length(self, y):
        if y is None:
            raise ScoringError(
                f"{self.caller}: y is None. Pass the targets of the rows of X."
            )
        n_targets = _num_samples(y)
        if n_targets != self.n_samples:
            raise ScoringError(
                f"{self.caller}: X has {self.n_samples} rows and y has {n_targets}. "
                "Pass the targets of these very rows."
            )

    def _given(self, name, values):
        """What was given, and whether it is to be matched by labels."""
        if values is None or isinstance(values, str):
            return self._whole_of_x(), False
        if isinstance(values, list):
            return self._columns(name, values), False
        if self.index is not None and is_pandas(values):
            if not self.numbered and _is_positional(values.index):
                raise ScoringError(
                    f"{self.caller}: {name} has a default index, which does not say "
                    "what rows it is of, and the rows that are scored have labels, "
                    f"such as {self.index[0]!r}. Give it the index of all rows: "
                    f"{name} = {name}.set_axis(X.index)."
                    if len(self.index)
                    else f"{self.caller}: there are no rows to score."
                )
            return values, True
        said = self.index is not None and _has_labels(self.X)
        if said or len(values) != self.n_samples:
            has = "an index" if self.index is None else f"the index of {name}"
            raise ScoringError(
                f"{self.caller}: {name} has {len(values)} rows, {self.n_samples} are "
                f"scored, and there is no telling which: {has} is missing. Keep X (or "
                f"y) in pandas, and give {name} the index of all rows: {name} = "
                f"pd.DataFrame({name}, index=X.index)."
            )
        return values, False

    def _whole_of_x(self):
        if not is_pandas(self.X):
            return np.asarray(self.X)
        if self.X.index is self.index:
            return self.X
        # the labels may be those of y
        return with_index(self.X, self.index)

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
        if name in PLAIN:
            # whose gaps are of rows and not of values
            return found.iloc[known]
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
        at = self.X.columns.get_indexer_for(columns)
        absent = [column for column, i in zip(columns, at) if i < 0]
        if absent:
            raise ScoringError(
                f"{self.caller}: {len(absent)} of the {len(columns)} {name} are no "
                f"columns of X, such as {absent[:3]}. Load them with the features, or "
                f"pass {name} as a DataFrame of all rows."
            )
        if np.array_equal(at, np.arange(self.X.shape[1])):
            return self._whole_of_x()
        return ColumnsOfX(self.X, at)


def _without_numbers(X, y, groups):
    """X, y and groups without their numbers of rows where another has labels.

    Matched by position then, as frames with a default index are: in a fold such an
    index is no RangeIndex any more, but tells as little about labels.
    """
    given = [X, y, groups]
    indexes = [v.index if is_pandas(v) else None for v in given]
    if not any(_has_other_labels(index) for index in indexes):
        return given
    bare = [_is_default(index) for index in indexes]
    # an array of a wide frame may be a copy, and check_eras does not need it
    rows = None if bare[0] else X
    return [rows, *(np.asarray(v) if b else v for v, b in zip(given[1:], bare[1:]))]


def _has_other_labels(index):
    """Whether rows have labels that numbers of rows cannot be compared with."""
    if index is None or _is_default(index):
        return False
    if index.nlevels == 1:
        return index.name == ERA_LEVEL or index.dtype.kind not in "iu"
    if index.nlevels > 2 or ERA_LEVEL not in index.names:
        return True
    ids = index.droplevel(ERA_LEVEL)
    return ids.dtype.kind not in "iu" or not ids.is_unique


def _is_default(index):
    """Whether an index is the default one of a frame, or what a fold leaves of it."""
    if index is None or index.nlevels > 1 or index.name is not None:
        return False
    return index.dtype.kind in "iu"


def _is_positional(index):
    return (
        isinstance(index, pd.RangeIndex)
        and index.start == 0
        and index.step == 1
        and index.name is None
    )


def _has_labels(X):
    return is_pandas(X) and not _is_positional(X.index)


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
