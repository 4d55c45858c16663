"""Which rows of some files are loaded: splits, eras, order."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral

import numpy as np
import pyarrow as pa

from sknumerai.datasets._rows import check_ids
from sknumerai.utils import LIVE_ERA, era_numbers


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of several files in era order.

    Parameters
    ----------
    files : list of FileRows
        The files.

    origin : ndarray of shape (n_rows,)
        Position of each row in the files laid end to end.

    codes : ndarray of shape (n_rows,)
        Position of each row's era in `labels`, not decreasing.

    labels : list
        Era labels, in the order of their numbers.

    numbers : ndarray of shape (n_eras,)
        Era numbers.

    reordered : bool
        Whether the order differs from that of the files.
    """

    files: list
    origin: np.ndarray
    codes: np.ndarray
    labels: list
    numbers: np.ndarray
    reordered: bool

    def __len__(self):
        return len(self.origin)

    @property
    def sources(self):
        """The data files."""
        return [rows.file for rows in self.files]

    def ids(self, positions):
        """Ids of some rows, a pyarrow array that is not copied where possible."""
        ids = pa.chunked_array([c for f in self.files for c in f.ids.chunks])
        where = positions if isinstance(positions, slice) else None
        if not self.reordered and where is not None:
            return ids.slice(where.start, where.stop - where.start)
        return ids.take(pa.array(self.origin[positions]))

    def data_type(self, positions):
        """Data types of some rows, object array, or None where a file has none."""
        if any(f.data_type is None for f in self.files):
            return None
        names = np.concatenate([_type_names(f)[f.data_type] for f in self.files])
        return names[self.origin[positions]]


def _type_names(rows):
    # the last entry is what code -1, missing, picks
    return np.array([*rows.data_types, None], dtype=object)


def join_rows(files, caller="load_numerai"):
    """Put the rows of files in the order of their eras.

    Parameters
    ----------
    files : list of FileRows
        The files.

    caller : str, default="load_numerai"
        Name to begin error messages with.

    Returns
    -------
    rows : Rows
        All rows.

    Raises
    ------
    ValueError
        If two files write one era in two ways.
    """
    numbers = np.unique(np.concatenate([f.numbers for f in files]))
    labels = {}
    for f in files:
        for number, label in zip(f.numbers.tolist(), f.labels):
            if labels.setdefault(number, label) != label:
                raise ValueError(
                    f"{caller}: the labels {labels[number]!r} and {label!r} are the "
                    f"same era in {[str(f.file.path) for f in files]}. Write each era "
                    "in one way."
                )
    codes = np.concatenate(
        [np.searchsorted(numbers, f.numbers)[f.codes] for f in files]
    ).astype(np.int32, copy=False)
    reordered = bool((codes[1:] < codes[:-1]).any())
    if reordered:
        origin = np.argsort(codes, kind="stable")
        codes = codes[origin]
    else:
        origin = np.arange(len(codes))
    labels = [labels[number] for number in numbers.tolist()]
    return Rows(list(files), origin, codes, labels, numbers, reordered)


def check_ids_across(rows, caller="load_numerai"):
    """Raise if two files share ids."""
    if len(rows.files) > 1:
        ids = pa.chunked_array([c for f in rows.files for c in f.ids.chunks])
        names = " + ".join(f.file.path.name for f in rows.files)
        check_ids(ids, f"{caller}: {names}")


def choose_rows(rows, splits, eras, every, caller="load_numerai"):
    """Choose rows by split and era.

    Parameters
    ----------
    rows : Rows
        All rows of the files.

    splits : tuple of str
        The splits asked for.

    eras : slice, array-like of int or str, or None
        The eras asked for.

    every : int or None
        Keep the eras 1, 1 + every, 1 + 2 * every, ...

    caller : str, default="load_numerai"
        Name to begin error messages with.

    Returns
    -------
    chosen : ndarray of bool, shape (n_rows,)
        In the order of `rows`.
    """
    chosen = np.concatenate([_in_split(f, caller) for f in rows.files])[rows.origin]
    wanted = np.ones(len(rows.numbers), dtype=bool)
    if eras is not None:
        wanted &= _named_eras(rows, eras, chosen, caller)
    if every is not None:
        if not isinstance(every, Integral) or isinstance(every, bool) or every < 1:
            raise ValueError(
                f"{caller}: every must be an integer of at least 1 (4 keeps the eras "
                f"1, 5, 9, ...). Got {every!r}."
            )
        wanted &= (rows.numbers - 1) % every == 0
    if not wanted.all():
        chosen &= wanted[rows.codes]
    if not chosen.any():
        raise ValueError(
            f"{caller}: no rows are left with eras={eras!r} and every={every!r}. "
            f"{_what_eras(rows, np.ones(len(rows), bool))}"
            + (" every=k keeps the eras 1, 1 + k, 1 + 2k, ..." if every else "")
        )
    live = rows.numbers == LIVE_ERA
    if live.any() and not {"live", "all"} & set(splits):
        n_live = int(np.count_nonzero(chosen & live[rows.codes]))
        if n_live:
            label = rows.labels[int(np.flatnonzero(live)[0])]
            raise ValueError(
                f"{caller}: {n_live} of the rows for split={_shown(splits)} are live "
                f"(era {label!r}) and have no target yet. Leave them out with "
                "eras=slice(None), which takes the numbered eras, or load them with "
                "split='live'."
            )
    return chosen


def _shown(splits):
    return repr(splits[0] if len(splits) == 1 else list(splits))


def _in_split(rows, caller):
    """Rows of one file whose data type was asked for."""
    wanted = rows.file.data_types
    if wanted is None or "all" in wanted:
        return np.ones(len(rows), dtype=bool)
    if rows.data_type is None:
        if "live" in wanted and len(wanted) == 1 and LIVE_ERA in rows.numbers:
            return (rows.numbers == LIVE_ERA)[rows.codes]
        # a file without data types is what the caller says it is
        return np.ones(len(rows), dtype=bool)
    absent = [name for name in wanted if name not in rows.data_types]
    if absent:
        near = get_close_matches(absent[0], rows.data_types, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{caller}: {rows.file.path} has no rows of data type {absent[0]!r}, only "
            f"{rows.data_types}.{hint} Pass one of them as split, or split='all'."
        )
    return np.isin(rows.data_type, [rows.data_types.index(name) for name in wanted])


def _named_eras(rows, eras, chosen, caller):
    if isinstance(eras, slice):
        if eras.step is not None:
            raise ValueError(
                f"{caller}: eras={eras!r} has a step. Use every={eras.step} for every "
                "so many eras, or a list."
            )
        start, stop = (_bound(b, caller) for b in (eras.start, eras.stop))
        wanted = rows.numbers < (LIVE_ERA if stop is None else stop)
        if start is not None:
            wanted &= rows.numbers >= start
        return wanted
    if isinstance(eras, str | Integral):
        eras = [eras]
    eras = list(dict.fromkeys(np.asarray(eras).tolist()))
    asked = era_numbers(eras, allow_live=True, caller=f"{caller}: eras")
    there = rows.numbers[np.unique(rows.codes[chosen])]
    absent = [era for era, there_is in zip(eras, np.isin(asked, there)) if not there_is]
    if absent:
        raise ValueError(
            f"{caller}: {len(absent)} of the {len(eras)} eras asked for are not there: "
            f"{absent[:5]}. {_what_eras(rows, chosen)} A slice takes what there is of "
            "an interval: eras=slice(first, last + 1)."
        )
    return np.isin(rows.numbers, asked)


def _bound(value, caller):
    if value is None:
        return None
    return int(era_numbers([value], caller=f"{caller}: eras")[0])


def _what_eras(rows, chosen):
    used = np.unique(rows.codes[chosen])
    labels = [rows.labels[i] for i in used]
    return f"The rows have {len(labels)} eras, {labels[0]!r} to {labels[-1]!r}."
