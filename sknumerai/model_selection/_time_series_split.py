"""Walk-forward splits of eras with an embargo."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.model_selection._base import BaseEraSplitter, row_finder
from sknumerai.utils import era_numbers


class GroupTimeSeriesSplit(BaseEraSplitter):
    """Split eras in time order: train on the past, test on the eras after it.

    Eras are kept whole and ordered by number; rows may come in any order. Between
    training and test lies an embargo, because targets reach weeks ahead: a training era
    beside a test era has mostly seen the same returns. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least 1.

    test_size : int, default=None
        Eras of each test set, counted among those present in the data. By default the
        most that leave a first training set of that size too (or of
        `first_train_size`): without an embargo the eras divided by ``n_splits + 1``.
        With `first_test_era`, what covers all eras from there on.

    max_train_size : int, default=None
        Most eras of a training set, the newest ones. By default all past eras.

    embargo : int or "auto", default="auto"
        Every training era t before a test era s has ``s - t > embargo``, in era
        numbers: at least that many eras lie between, on thinned-out data too. "auto"
        reads the horizon from y's name (8 for ``_20``, 16 for ``_60``, by
        :func:`embargo_for`; of several columns the longest). 0 allows neighbours.

    valid_size : int, default=0
        Eras of a validation set between training and test, with the embargo on both
        sides. With it, the training part of `split` runs to the last validation era,
        and :meth:`split_with_validation` tells the parts.

    first_test_era : int or str, default=None
        Era (or, if it is absent, the next one present) at which the first test set
        begins. The others follow it and the last may be shorter. By default the test
        sets are the last eras of the data.

    first_train_size : int, default=None
        Eras of the first training set, exactly, whatever `max_train_size` says.

    See Also
    --------
    embargo_for : The embargo of a target.
    sklearn.model_selection.TimeSeriesSplit : The same for single rows.

    Notes
    -----
    Numerai's benchmark models are trained walk-forward in steps of 156 eras, with the
    last eras before each step purged: on eras 1 to 148 to predict 157 to 312, and so
    on for a 20-day target. That is ``GroupTimeSeriesSplit(n_splits, test_size=156,
    embargo=8, first_test_era=157)``, and with ``max_train_size=148`` each training
    set is one such step.

    Sarfati's protocol, 15 folds with blocks of 13 eras and a first training set of 156,
    is ``GroupTimeSeriesSplit(15, test_size=13, valid_size=13, embargo=4,
    first_test_era=905, first_train_size=156, max_train_size=13)`` on eras 728 to 1092.

    References
    ----------
    .. [1] Numerai's documentation, "Benchmark Models".

    .. [2] Sarfati, A. (2024). Numerai Tournament. Section 6.3.

    .. [3] Lopez de Prado, M. (2018). Advances in Financial Machine Learning, chapter 7.
       Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit
    >>> eras = np.repeat(np.arange(1, 13), 2)
    >>> cv = GroupTimeSeriesSplit(n_splits=2, test_size=3, embargo=2)
    >>> for train, test in cv.split(eras, groups=eras):
    ...     print(np.unique(eras[train]), np.unique(eras[test]))
    [1 2 3 4] [7 8 9]
    [1 2 3 4 5 6 7] [10 11 12]

    The walk-forward of Numerai's benchmark models:

    >>> cv = GroupTimeSeriesSplit(3, test_size=156, embargo=8, first_test_era=157)
    >>> cv.describe(groups=np.arange(1, 575)).filter(regex="first|last")
           train_first  train_last  test_first  test_last
    split
    0                1         148         157        312
    1                1         304         313        468
    2                1         460         469        574
    """

    _parameter_constraints: dict = {
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "test_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_train_size": [Interval(Integral, 1, None, closed="left"), None],
        "embargo": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "valid_size": [Interval(Integral, 0, None, closed="left")],
        "first_test_era": [Interval(Integral, 0, None, closed="left"), str, None],
        "first_train_size": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_splits=5,
        *,
        test_size=None,
        max_train_size=None,
        embargo="auto",
        valid_size=0,
        first_test_era=None,
        first_train_size=None,
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.max_train_size = max_train_size
        self.embargo = embargo
        self.valid_size = valid_size
        self.first_test_era = first_test_era
        self.first_train_size = first_train_size

    def split(self, X, y=None, groups=None):
        """Generate the row positions of each split's training and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to split. The eras may be its index level "era".

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets. With ``embargo="auto"`` their names tell the horizon.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        Returns
        -------
        splits : iterator of (train, test)
            Arrays of row positions. With `valid_size` the training rows run to the last
            validation era, the eras of the embargo before it included.

        Raises
        ------
        MissingErasError
            If no eras are found.

        UnknownHorizonError
            If ``embargo="auto"`` and y's name does not tell the horizon.

        ValueError
            If there are too few eras, or a parameter is out of range.
        """
        eras, blocks = self._plan(X, y, groups)
        rows_of = row_finder(eras)
        return ((rows_of(b.train[0], b.fit_stop), rows_of(*b.test)) for b in blocks)

    def split_with_validation(self, X, y=None, groups=None):
        """Generate the rows of each split's training, validation and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to split. The eras may be its index level "era".

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets. With ``embargo="auto"`` their names tell the horizon.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        Returns
        -------
        splits : iterator of (train, valid, test)
            Arrays of row positions, with the embargo between each two.

        Raises
        ------
        MissingErasError
            If no eras are found.

        UnknownHorizonError
            If ``embargo="auto"`` and y's name does not tell the horizon.

        ValueError
            If ``valid_size=0``, if there are too few eras, or a parameter is out of
            range.
        """
        eras, blocks = self._plan(X, y, groups)
        if self.valid_size == 0:
            raise ValueError(
                "GroupTimeSeriesSplit.split_with_validation needs a validation set: "
                "set valid_size to a number of eras. Got valid_size=0."
            )
        rows_of = row_finder(eras)
        return (
            tuple(rows_of(*part) for part in (b.train, b.valid, b.test)) for b in blocks
        )

    def describe(self, X=None, y=None, groups=None):
        """Tell the eras and rows of each split.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            Rows to split. Not needed where `groups` is given.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, needed for ``embargo="auto"``.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        Returns
        -------
        splits : DataFrame
            One row per split: first and last era, number of eras and of rows of each
            part, and the number of eras present that the embargo leaves out.
        """
        eras, blocks = self._plan(X, y, groups)
        rows = []
        for block in blocks:
            parts = {"train": block.train, "valid": block.valid, "test": block.test}
            if self.valid_size == 0:
                del parts["valid"]
            row, used = {}, 0
            for name, (first, stop) in parts.items():
                row[f"{name}_first"] = eras.labels[first]
                row[f"{name}_last"] = eras.labels[stop - 1]
                row[f"{name}_eras"] = stop - first
                row[f"{name}_rows"] = int(eras.starts[stop] - eras.starts[first])
                used += stop - first
            row["embargoed_eras"] = block.test[1] - block.train[0] - used
            rows.append(row)
        return pd.DataFrame(rows).rename_axis("split")

    def _plan(self, X, y, groups):
        self._check_params()
        eras = self._find_eras(X, y, groups)
        embargo = self._find_embargo(y)
        starts, size = self._test_starts(eras.numbers, embargo)
        return eras, [
            self._block(eras.numbers, split, start, size, embargo)
            for split, start in enumerate(starts)
        ]

    def _test_starts(self, numbers, embargo):
        n_eras, n_splits, size = len(numbers), self.n_splits, self.test_size
        if self.first_test_era is None:
            size = self._default_size(numbers, embargo) if size is None else size
            first = n_eras - n_splits * size
            if first < 1:
                raise ValueError(
                    f"GroupTimeSeriesSplit: {n_eras} eras are too few for n_splits="
                    f"{n_splits} test sets of {size} eras "
                    f"({n_splits} x {size} = {n_splits * size}) and a "
                    "training set before them. Use fewer splits, a smaller test_size "
                    "or more eras."
                )
        else:
            wanted = era_numbers(
                [self.first_test_era], allow_live=True, caller="first_test_era"
            )[0]
            first = int(np.searchsorted(numbers, wanted))
            n_left = n_eras - first
            size = max(1, -(-n_left // n_splits)) if size is None else size
            if n_left <= (n_splits - 1) * size:
                raise ValueError(
                    f"GroupTimeSeriesSplit: from first_test_era={self.first_test_era} "
                    f"on there are {n_left} eras, too few for n_splits={n_splits} test "
                    f"sets of {size}: the last one would be empty. Use at most "
                    f"n_splits={-(-n_left // size)}, or a smaller test_size."
                    if n_left
                    else f"GroupTimeSeriesSplit: first_test_era={self.first_test_era} "
                    f"comes after the last era of the data, {numbers[-1]}."
                )
        return range(first, first + n_splits * size, size), size

    def _default_size(self, numbers, embargo):
        for size in range(len(numbers) // (self.n_splits + 1), 1, -1):
            start = len(numbers) - self.n_splits * size
            *_, train_stop = self._stops(numbers, start, embargo)
            if train_stop >= (self.first_train_size or size):
                return size
        return 1

    def _stops(self, numbers, start, embargo):
        """Where the validation set begins and ends, and training ends."""
        valid_stop = _before(numbers, start, embargo)
        valid_first = valid_stop - self.valid_size
        if self.valid_size == 0:
            return valid_first, valid_stop, valid_stop
        train_stop = _before(numbers, valid_first, embargo) if valid_first > 0 else 0
        return valid_first, valid_stop, train_stop

    def _block(self, numbers, split, start, size, embargo):
        valid_first, valid_stop, train_stop = self._stops(numbers, start, embargo)
        exact = self.first_train_size if split == 0 else None
        most = self.max_train_size if exact is None else exact
        train_first = 0 if most is None else max(0, train_stop - most)
        n_train = train_stop - train_first
        if n_train < (exact or 1) or train_stop < 1:
            wanted = f"{exact} (first_train_size)" if exact else "at least 1"
            raise ValueError(
                f"GroupTimeSeriesSplit: the test set of split {split} begins at era "
                f"{numbers[start]}, with {start} eras of the data before it. An "
                f"embargo of {embargo} era numbers"
                + (
                    f", {self.valid_size} validation eras and another embargo leave "
                    if self.valid_size
                    else " leaves "
                )
                + f"{max(train_stop, 0)} of them for training; {wanted} needed. Use "
                "fewer splits, a smaller test_size, a later first_test_era or more "
                "eras."
            )
        return _Block(
            train=(train_first, train_stop),
            valid=(valid_first, valid_stop),
            test=(start, min(start + size, len(numbers))),
            fit_stop=valid_stop,
        )


@dataclass(frozen=True)
class _Block:
    """One split: each part as the positions of its first era and after its last."""

    train: tuple
    valid: tuple
    test: tuple
    fit_stop: int


def _before(numbers, position, embargo):
    """Count the eras that lie more than `embargo` numbers before one."""
    return int(np.searchsorted(numbers, numbers[position] - embargo, side="left"))
