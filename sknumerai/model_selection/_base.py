"""What the splitters of eras share."""

# SPDX-License-Identifier: BSD-3-Clause

from abc import abstractmethod

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils._param_validation import (
    InvalidParameterError,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _num_samples

from sknumerai.model_selection._embargo import embargo_for
from sknumerai.utils import check_eras


class BaseEraSplitter(BaseCrossValidator):
    """Base of splitters that keep eras whole: parameters in, row positions out.

    A subclass declares ``_parameter_constraints`` of all its parameters, which it
    stores, `n_splits` and `embargo` among them. Under metadata routing `groups` is
    requested by the class, so that nobody has to call ``set_split_request``.
    """

    __metadata_request__split = {"groups": True}
    _parameter_constraints: dict = {}

    def get_params(self, deep=True):
        """Get the parameters of this splitter.

        Parameters
        ----------
        deep : bool, default=True
            Not used: no parameter has parameters.

        Returns
        -------
        params : dict
            Names and values.
        """
        return {name: getattr(self, name) for name in self._parameter_constraints}

    def set_params(self, **params):
        """Set parameters of this splitter.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            This splitter.
        """
        unknown = sorted(set(params) - set(self._parameter_constraints))
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no parameters {unknown}; it has "
                f"{list(self._parameter_constraints)}."
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X : object, default=None
            Not used.

        y : object, default=None
            Not used.

        groups : object, default=None
            Not used.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits

    def _check_params(self):
        validate_parameter_constraints(
            self._parameter_constraints,
            self.get_params(),
            caller_name=type(self).__name__,
        )
        if isinstance(self.embargo, bool):
            # True is an integer to Python, and would be an embargo of one era
            raise InvalidParameterError(
                f"{type(self).__name__}: embargo must be a number of eras or 'auto'. "
                f"Got {self.embargo}."
            )

    def _find_eras(self, X, y, groups):
        if X is None and y is None and groups is None:
            raise ValueError(
                f"{type(self).__name__} needs rows to split: pass X, or groups alone."
            )
        first = next(obj for obj in (X, y, groups) if obj is not None)
        return check_eras(
            groups,
            X,
            y,
            n_samples=_num_samples(first),
            required=True,
            caller=type(self).__name__,
        )

    def _find_embargo(self, y):
        return embargo_for(y) if self.embargo == "auto" else int(self.embargo)


def row_finder(eras):
    """Make a function that finds the rows of a range of eras.

    Parameters
    ----------
    eras : Eras
        Era of each row.

    Returns
    -------
    rows_of : callable
        ``rows_of(first, stop)`` gives the positions, increasing, of the rows whose era
        is one of ``eras.labels[first:stop]``.
    """
    codes, starts = eras.codes, eras.starts
    if (codes[1:] >= codes[:-1]).all():
        return lambda first, stop: np.arange(starts[first], starts[stop])
    return lambda first, stop: np.flatnonzero((codes >= first) & (codes < stop))


class BasePurgedSplitter(BaseEraSplitter):
    """Base of splitters that test blocks of eras and train on what lies around them.

    A subclass says in `_n_blocks` into how many blocks the eras are cut, and in
    `_tested_blocks` which of them each split tests.
    """

    @abstractmethod
    def _n_blocks(self):
        """Return the number of blocks."""

    @abstractmethod
    def _tested_blocks(self):
        """Return a list of the blocks that each split tests."""

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
            Arrays of row positions, increasing.

        Raises
        ------
        MissingErasError
            If no eras are found.

        UnknownHorizonError
            If ``embargo="auto"`` and y's name does not tell the horizon.

        ValueError
            If there are too few eras, or a parameter is out of range.
        """
        eras, _, parts = self._plan(X, y, groups)
        return (
            (np.flatnonzero(train[eras.codes]), np.flatnonzero(test[eras.codes]))
            for train, test in parts
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
            part, and the number of eras that the embargo leaves out. Training eras lie
            on both sides of the tested ones; :func:`split_table` lists each run.
        """
        eras, _, parts = self._plan(X, y, groups)
        counts = eras.counts
        rows = []
        for sets in parts:
            row = {}
            for name, members in zip(("train", "test"), sets):
                held = np.flatnonzero(members)
                row[f"{name}_first"] = eras.labels[held[0]]
                row[f"{name}_last"] = eras.labels[held[-1]]
                row[f"{name}_eras"] = len(held)
                row[f"{name}_rows"] = int(counts[held].sum())
            row["embargoed_eras"] = int((~sets[0] & ~sets[1]).sum())
            rows.append(row)
        return pd.DataFrame(rows).rename_axis("split")

    def _plan(self, X, y, groups):
        """The eras, the bounds of the blocks, and who is in which part of each split."""
        self._check_params()
        eras = self._find_eras(X, y, groups)
        embargo = self._find_embargo(y)
        n_eras, n_blocks = eras.n_eras, self._n_blocks()
        if n_eras < n_blocks:
            raise ValueError(
                f"{type(self).__name__}: {n_eras} eras cannot be cut into {n_blocks} "
                "blocks. Use fewer blocks or more eras."
            )
        # the first blocks are longer by one era where they cannot be of one length
        sizes = np.full(n_blocks, n_eras // n_blocks)
        sizes[: n_eras % n_blocks] += 1
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        parts = []
        for split, blocks in enumerate(self._tested_blocks()):
            test = np.zeros(n_eras, dtype=bool)
            for block in blocks:
                test[bounds[block] : bounds[block + 1]] = True
            train = _far_from(eras.numbers, eras.numbers[test], embargo)
            if not train.any():
                raise ValueError(
                    f"{type(self).__name__}: split {split} tests {int(test.sum())} of "
                    f"the {n_eras} eras, and an embargo of {embargo} era numbers around "
                    "them leaves none for training. Use a smaller embargo, shorter "
                    "test sets or more eras."
                )
            parts.append((train, test))
        return eras, bounds, parts


def _far_from(numbers, tested, embargo):
    """Which eras lie more than `embargo` numbers from each tested one; both rising."""
    after = np.searchsorted(tested, numbers)
    to_next = tested[np.minimum(after, len(tested) - 1)] - numbers
    to_last = numbers - tested[np.maximum(after - 1, 0)]
    return (np.abs(to_next) > embargo) & (np.abs(to_last) > embargo)
