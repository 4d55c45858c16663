"""The rows of one era that a formula scores, cut and sorted once for all formulas."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.metrics._ranked import RankedColumns
from sknumerai.utils import all_finite

# Most of an era's rows that may be missing, the limit of numerai-tools.
MAX_MISSING = 0.2


class EraCuts:
    """What formulas are given of the era that was entered last.

    Parameters
    ----------
    target : ndarray of shape (n_samples,) or None
        Targets, NaN where missing.

    pred : ndarray of shape (n_samples, n_models)
        Predictions, NaN where missing.

    sides : dict of str to Side
        Side inputs.

    tables : RankTables
        Shared by all eras.

    caller : str
        Name to begin error messages with.

    labels : Index, default=None
        By which the rows of each era are sorted.

    is_complete : bool, default=False
        Whether it is known that no prediction is missing.
    """

    # instead of scores: an era without targets, and one that a side input lacks
    UNRESOLVED = object()
    UNCOVERED = object()

    def __init__(
        self, target, pred, sides, tables, caller, labels=None, is_complete=False
    ):
        self.is_complete = is_complete
        self.target, self.pred, self.sides = target, pred, sides
        self.tables, self.caller, self.labels = tables, caller, labels
        self._cuts = {}

    def enter(self, label, rows):
        """Go on to the next era."""
        self.label, self.rows = label, self._sorted(rows)
        self._cuts = {}
        self.tables.recycle()

    def leave(self):
        """Let go of the last era; it and this object refer to each other."""
        self._cuts = {}

    def _sorted(self, rows):
        if self.labels is None or self.labels[rows].is_monotonic_increasing:
            return rows
        labels = self.labels[rows]
        if labels.nlevels > 1:
            return _positions(rows)[labels.argsort()]
        return _positions(rows)[np.argsort(labels.to_numpy(), kind="stable")]

    def score(self, formula):
        """Score the era: (n_models,), or what it is instead."""
        cut = self._cut(formula.needs_target, formula.sides)
        return cut.score(formula) if isinstance(cut, _Cut) else cut

    def _cut(self, needs_target, sides):
        key = needs_target, sides
        if key not in self._cuts:
            self._cuts[key] = self._new_cut(needs_target, sides)
        return self._cuts[key]

    def _new_cut(self, needs_target, sides):
        if sides:
            base = self._cut(needs_target, ())
            return base.reduced(sides) if isinstance(base, _Cut) else base
        rows = self.rows
        if needs_target:
            rows = known_rows(self.label, rows, self.target, self.caller)
            if rows is None:
                return self.UNRESOLVED
            base = self._cut(False, ())
            return base if len(base) == _length(rows) else _Cut(self, rows)
        return _Cut(self, rows)


class _Cut:
    def __init__(self, owner, rows, target_mean=None):
        self.owner, self.rows, self.target_mean = owner, rows, target_mean
        self._ranked = self._target = None
        self._sides = {}
        self._single = {}
        self._looked, self._missing = owner.is_complete, None

    def __len__(self):
        return _length(self.rows)

    def reduced(self, sides):
        """The rows for which all side inputs have a value."""
        masks = [self.owner.sides[name].present(self.rows) for name in sides]
        masks = [mask for mask in masks if mask is not None and not mask.all()]
        if not masks:
            return self
        mask = np.logical_and.reduce(masks)
        if np.count_nonzero(mask) < (1 - MAX_MISSING) * len(self):
            return EraCuts.UNCOVERED
        return _Cut(self.owner, _positions(self.rows)[mask], self._whole_mean())

    def score(self, formula):
        missing = self._find_missing()
        if missing is None:
            return self._call(formula)
        # each column is scored on the rows that it has, whatever the others lack
        scores = np.full(missing.shape[1], np.nan)
        for j in range(len(scores)):
            if missing[:, j].sum() <= MAX_MISSING * len(self):
                scores[j] = self._column(j, missing[:, j])._call(formula)[0]
        return scores

    def _find_missing(self):
        """Which predictions are NaN, or None where none is."""
        if not self._looked:
            pred = self._get_ranked().values
            if not all_finite(pred):
                missing = np.isnan(pred)
                self._missing = missing if missing.any() else None
            self._looked = True
        return self._missing

    def _column(self, j, missing):
        if j not in self._single:
            rows, mean = self.rows, self.target_mean
            if missing.any():
                rows, mean = _positions(rows)[~missing], self._whole_mean()
            cut = _Cut(self.owner, rows, mean)
            cut._rank(self.owner.pred[rows, j : j + 1])
            self._single[j] = cut
        return self._single[j]

    def _call(self, formula):
        sides = {name: self._side(name) for name in formula.sides}
        target = self._get_target() if formula.needs_target else None
        return formula.function(target, self._get_ranked(), **sides)

    def _get_ranked(self):
        if self._ranked is None:
            self._rank(self.owner.pred[self.rows])
        return self._ranked

    def _rank(self, values):
        self._ranked = RankedColumns(values, self.owner.tables, self.target_mean)

    def _whole_mean(self):
        """Mean of the era's targets before rows are left out for other reasons."""
        if self.target_mean is None and self.owner.target is not None:
            target = self.owner.target[self.rows]
            target = target[~np.isnan(target)]
            self.target_mean = target.mean() if len(target) else None
        return self.target_mean

    def _get_target(self):
        if self._target is None:
            self._target = self.owner.target[self.rows]
        return self._target

    def _side(self, name):
        if name not in self._sides:
            side = self.owner.sides[name]
            values = side.take(self.rows)
            if side.ranked:
                values = RankedColumns(values, self.owner.tables)
            self._sides[name] = values
        return self._sides[name]


def known_rows(label, rows, target, caller):
    """Rows of an era that have a target; None if none of them has.

    Parameters
    ----------
    label : object
        The era as it was given.

    rows : slice or ndarray
        Positions of its rows.

    target : ndarray of shape (n_samples,)
        Targets, NaN where missing.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    rows : slice, ndarray or None
        `rows` itself where no target is missing.

    Raises
    ------
    ValueError
        If too many targets of the era are missing, but not all.
    """
    missing = np.isnan(target[rows])
    n_missing, n_rows = int(missing.sum()), len(missing)
    if not n_missing and n_rows:
        return rows
    if n_missing == n_rows:
        # an era that is not resolved yet has no score
        return None
    if n_missing > MAX_MISSING * n_rows:
        raise ValueError(
            f"{caller}: {n_missing} of {n_rows} targets of era {label} are "
            f"missing. Up to {MAX_MISSING:.0%} of an era, or all of it, are left "
            "out. If you mean to score the others, select them first: "
            "known = y_true.notna()."
        )
    return _positions(rows)[~missing]


def _positions(rows):
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def _length(rows):
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)
