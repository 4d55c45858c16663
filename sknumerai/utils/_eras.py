"""Which row belongs to which era: the one look-up of the package.

Splitters, scorers, metrics, estimators and transformers all ask :func:`check_eras`.
It looks, in this order, at an explicit ``groups``, at the index level ``era`` of the
first object that has one, and otherwise finds none.
"""

# SPDX-License-Identifier: BSD-3-Clause

import re
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd

from sknumerai.exceptions import MissingErasError

ERA_LEVEL = "era"
# The era number of live rows: they come after every numbered era.
LIVE_ERA = np.iinfo(np.int64).max
_LABEL = re.compile(r"(?:era)?\s*(\d+)", re.IGNORECASE)
_LIVE_LABEL = re.compile(r"(?:era)?x", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Eras:
    """The eras of some rows, in time order.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Position of each row's era in `labels`.

    labels : ndarray of shape (n_eras,)
        Label of each era as it was given, in the order of their numbers.

    numbers : ndarray of shape (n_eras,)
        Era numbers, increasing. Live rows have the number ``LIVE_ERA``.

    Examples
    --------
    >>> from sknumerai.utils import check_eras
    >>> eras = check_eras(["0010", "0009", "0010"])
    >>> eras.n_eras, eras.numbers.tolist(), eras.codes.tolist()
    (2, [9, 10], [1, 0, 1])
    """

    codes: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray

    @property
    def n_eras(self):
        """Number of eras that hold at least one row."""
        return len(self.labels)

    @property
    def counts(self):
        """Number of rows of each era, shape (n_eras,)."""
        return np.bincount(self.codes, minlength=self.n_eras)

    @property
    def starts(self):
        """First row of each era in era order, and the number of rows at the end."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    def order(self):
        """Return row positions in era order, or None where the rows are in it already.

        Returns
        -------
        order : ndarray of shape (n_samples,) or None
            Stable: rows of one era keep their order.
        """
        if (self.codes[1:] >= self.codes[:-1]).all():
            return None
        return np.argsort(self.codes, kind="stable")

    def rows(self):
        """Return the rows of each era, as slices where they are in era order.

        Returns
        -------
        rows : list of slice or ndarray
            One entry per era; each indexes an array of all rows.
        """
        order, starts = self.order(), self.starts.tolist()
        spans = [slice(a, b) for a, b in zip(starts[:-1], starts[1:])]
        return spans if order is None else [order[span] for span in spans]


def one_era(n_samples):
    """All rows as one era.

    Parameters
    ----------
    n_samples : int
        Number of rows.

    Returns
    -------
    eras : Eras
        One era of number 0.

    Examples
    --------
    >>> from sknumerai.utils import one_era
    >>> one_era(3).codes
    array([0, 0, 0])
    """
    codes = np.zeros(n_samples, dtype=np.intp)
    return Eras(codes, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))


def era_numbers(labels, *, allow_live=False, caller="era_numbers"):
    """Translate era labels to numbers.

    Parameters
    ----------
    labels : array-like of shape (n_labels,)
        Integers, or strings such as "12", "0012" or "era12". "X" and "eraX" are live.

    allow_live : bool, default=False
        Whether live labels are accepted.

    caller : str, default="era_numbers"
        Name to begin error messages with.

    Returns
    -------
    numbers : ndarray of shape (n_labels,)
        Era numbers, int64. Live labels get the largest integer.

    Raises
    ------
    ValueError
        If a label is no era, or is live and `allow_live` is False.

    Examples
    --------
    >>> from sknumerai.utils import era_numbers
    >>> era_numbers(["0003", "era12", 7])
    array([ 3, 12,  7])
    """
    numbers = np.empty(len(labels), dtype=np.int64)
    bad = []
    for i, label in enumerate(labels):
        number = _era_number(label)
        if number is None:
            bad.append(label)
        elif number == LIVE_ERA and not allow_live:
            raise ValueError(
                f"{caller}: there are live rows (era {label!r}) among the rows. They "
                "have no target yet: leave them out of training and scoring, and give "
                "them to predict."
            )
        else:
            numbers[i] = number
    if bad:
        raise ValueError(
            f"{caller}: {bad[:3]} are not eras. An era is an integer or a string such "
            'as "12", "0012" or "era12" ("X" for live rows).'
        )
    return numbers


def _era_number(label):
    if isinstance(label, bool | np.bool_):
        return None
    if isinstance(label, Integral):
        return _in_range(int(label))
    if isinstance(label, Real):
        return int(label) if float(label).is_integer() else None
    if isinstance(label, str):
        if match := _LABEL.fullmatch(label):
            return _in_range(int(match[1]))
        if _LIVE_LABEL.fullmatch(label):
            return LIVE_ERA
    return None


def _in_range(number):
    return number if -LIVE_ERA < number < LIVE_ERA else None


def check_eras(
    groups=None,
    *objs,
    n_samples=None,
    required=False,
    allow_live=False,
    names=("X", "y", "the third input"),
    caller="check_eras",
):
    """Find and validate the era of each row.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None, default=None
        Era of each row, if the caller was given it.

    *objs : pandas objects, arrays or None
        What may carry the eras in its index, in the order of look-up: `X`, then `y`.
        Two pandas objects must have the same rows.

    n_samples : int, default=None
        Number of rows. By default the length of the first of `objs`, or of `groups`.

    required : bool, default=False
        Whether to raise where no eras are found.

    allow_live : bool, default=False
        Whether live rows (era "X") are accepted. They are ordered last.

    names : sequence of str, default=("X", "y", "the third input")
        What messages call each of `objs`; those beyond are counted.

    caller : str, default="check_eras"
        Name to begin error messages with.

    Returns
    -------
    eras : Eras or None
        None where none were found and they are not required.

    Raises
    ------
    MissingErasError
        If eras are required and none were found.

    ValueError
        If the lengths or the indexes differ, if a row has no era, if a label is no
        era, or if two labels mean the same number.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.utils import check_eras
    >>> X = pd.DataFrame({"f": [0, 1]}, index=pd.Index(["0002", "0001"], name="era"))
    >>> check_eras(None, X).codes
    array([1, 0])
    """
    names = [*names, *(f"input {i + 1}" for i in range(len(names), len(objs)))]
    named = [(name, obj) for name, obj in zip(names, objs) if obj is not None]
    objs = [obj for _, obj in named]
    if n_samples is None:
        n_samples = len(objs[0]) if objs else len(groups)
    if groups is not None:
        named.append(("groups", groups))
    _check_same_rows(named, caller)
    if groups is None:
        for obj in objs:
            if has_eras(obj):
                codes, labels = _factorize_level(obj.index)
                break
        else:
            if required:
                raise MissingErasError(_no_eras(caller))
            return None
    else:
        codes, labels = _factorize_groups(groups, caller)
    if len(codes) != n_samples:
        raise ValueError(f"{caller}: got {len(codes)} eras for {n_samples} rows.")
    if (codes < 0).any():
        raise ValueError(
            f"{caller}: {int((codes < 0).sum())} of {n_samples} rows have no era "
            "(missing value). Give every row an era or drop those rows."
        )
    return _in_time_order(codes, labels, allow_live, caller)


def has_eras(obj):
    """Tell whether something has eras in its index.

    Parameters
    ----------
    obj : object
        A pandas object or any other.

    Returns
    -------
    found : bool
        Whether its index has a level `era`.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.utils import has_eras
    >>> has_eras(pd.Series([0.5], index=pd.Index(["0001"], name="era")))
    True
    """
    index = _index_of(obj)
    return index is not None and ERA_LEVEL in index.names


def refuse_era_column(X, caller, name="X"):
    """Raise if a frame has its eras in a column, where they would be a feature.

    Parameters
    ----------
    X : object
        Input of an estimator or transformer.

    caller : str
        Name to begin the error message with.

    name : str, default="X"
        What the message calls the input.

    Raises
    ------
    ValueError
        If `X` is a frame with a column named "era".

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.utils import refuse_era_column
    >>> refuse_era_column(pd.DataFrame({"feature_a": [1]}), "fit")
    """
    if isinstance(X, pd.DataFrame) and ERA_LEVEL in X.columns:
        raise ValueError(
            f"{caller}: {name} has a column 'era', which would be a feature. Move it to "
            f"the index: {name} = {name}.set_index('era', append=True), or drop it and "
            "pass groups=eras."
        )


def _index_of(obj):
    index = getattr(obj, "index", None)
    return index if isinstance(index, pd.Index) else None


def _check_same_rows(named, caller):
    """Pandas inputs whose indexes differ are not the same rows.

    A default RangeIndex says nothing about rows, so such an object is matched by
    position, as arrays are; unless the other holds the same numbers in another order.
    """
    _check_not_shuffled(named, caller)
    first = None
    for name, obj in named:
        index = _index_of(obj)
        if index is None or _is_positional(index):
            continue
        if first is None:
            first, first_name = index, name
            continue
        if not _same_index(first, index):
            n_same = (
                len(first.intersection(index)) if first.nlevels == index.nlevels else 0
            )
            raise ValueError(
                f"{caller}: the indexes of {first_name} ({len(first)} rows) and {name} "
                f"({len(index)} rows) differ; {n_same} labels are in both. Align them "
                f"first, e.g. {name} = {name}.loc[{first_name}.index], or pass arrays "
                "to match rows by position."
            )


def _check_not_shuffled(named, caller):
    indexes = [(name, _index_of(obj)) for name, obj in named]
    positional = [name for name, i in indexes if i is not None and _is_positional(i)]
    if not positional:
        return
    for name, index in indexes:
        if index is None or _is_positional(index) or index.dtype.kind != "i":
            continue
        labels = index.to_numpy()
        in_order = np.arange(len(labels))
        if (labels != in_order).any() and (np.sort(labels) == in_order).all():
            raise ValueError(
                f"{caller}: the indexes of {positional[0]} and {name} differ: {name} "
                f"holds the rows in another order. Align them first, e.g. {name} = "
                f"{name}.sort_index(), or pass arrays to match rows by position."
            )


def _is_positional(index):
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _same_index(a, b):
    if a is b:
        return True
    if a.nlevels != b.nlevels:
        a, b = (i.droplevel(ERA_LEVEL) if _can_drop_era(i) else i for i in (a, b))
        if a.nlevels != b.nlevels:
            return False
    return a.equals(b)


def _can_drop_era(index):
    return index.nlevels > 1 and ERA_LEVEL in index.names


def _factorize_level(index):
    if isinstance(index, pd.MultiIndex):
        level = index.names.index(ERA_LEVEL)
        # the codes are there already; levels that no row uses are dropped later
        return np.asarray(index.codes[level]), index.levels[level]
    return _factorize_groups(index, "the era index")


def _factorize_groups(groups, caller):
    if isinstance(getattr(groups, "dtype", None), pd.CategoricalDtype):
        values = groups.array if hasattr(groups, "array") else groups
        return np.asarray(values.codes), values.categories
    values = groups if isinstance(groups, pd.Series | pd.Index) else np.asarray(groups)
    if values.ndim != 1:
        raise ValueError(
            f"{caller}: groups must be one-dimensional, got shape {values.shape}."
        )
    codes, labels = pd.factorize(values)
    return codes, labels


def _in_time_order(codes, labels, allow_live, caller):
    used = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
    labels = np.asarray(labels)[used]
    numbers = era_numbers(labels.tolist(), allow_live=allow_live, caller=caller)
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    twice = np.flatnonzero(numbers[1:] == numbers[:-1])
    if len(twice):
        pair = labels[order][twice[0] : twice[0] + 2].tolist()
        raise ValueError(
            f"{caller}: the labels {pair[0]!r} and {pair[1]!r} are the same era. Write "
            "each era in one way."
        )
    position = np.empty(len(np.asarray(used)) and used[-1] + 1, dtype=np.intp)
    position[used[order]] = np.arange(len(used))
    return Eras(position[codes], labels[order], numbers)


def _no_eras(caller):
    return (
        f"{caller} needs the era of every row and found none. Either keep the eras in "
        "the index: X = X.set_index('era', append=True), the same for y (a transformer "
        "that returns numpy drops the index: .set_output(transform='pandas')); or pass "
        "them: groups=eras; or, with scikit-learn's metadata routing enabled, "
        "params={'groups': eras}."
    )
