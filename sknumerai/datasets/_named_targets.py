"""Targets of files: which there are, which one the alias is, their values."""

# SPDX-License-Identifier: BSD-3-Clause

from contextlib import ExitStack

import numpy as np

from sknumerai.datasets._feature_sets import near
from sknumerai.datasets._read import open_source, to_numpy

ALIAS = "target"
# what Numerai pays on since round 1343 (2026-08-28)
PAYOUT_TARGET = "target_ender_60"


def is_target(name):
    """Whether a column is a target by its name."""
    return name.startswith("target")


def read_columns(rows, names, cache):
    """Numeric columns of a file, mapped from the cache.

    Parameters
    ----------
    rows : FileRows
        The file.

    names : list of str
        Columns that the file has. Those that are not cached are read in one pass.

    cache : Cache
        Where each column is kept.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_rows,)
        float32, NaN where missing.
    """
    keys = {name: f"column-{cache.key([rows.file], name)}" for name in names}
    shape = (len(rows),)
    found = {name: cache.open_array(keys[name], np.float32, shape) for name in names}
    absent = [name for name in names if found[name] is None]
    if absent:
        with ExitStack() as stack:
            arrays = [
                stack.enter_context(
                    cache.new_array(keys[name], [rows.file], np.float32, shape)
                )
                for name in absent
            ]
            _read(rows, absent, arrays)
        for name in absent:
            found[name] = cache.open_array(keys[name], np.float32, shape)
    return found


def _read(rows, names, out):
    source = open_source(rows.file.path)
    try:
        for start, first, arrays in source.blocks(names):
            for name, values, array in zip(names[first:], out[first:], arrays):
                part = to_numpy(array, np.float32)
                if np.isinf(part).any():
                    raise ValueError(
                        f"{rows.file.path.name}: the column {name!r} holds infinite "
                        "values. Targets are numbers, or missing where not resolved."
                    )
                values[start : start + len(part)] = part
    finally:
        source.close()


def alias_of(rows, cache):
    """Which named targets the column `target` equals, row for row.

    Parameters
    ----------
    rows : FileRows
        The file.

    cache : Cache
        Where the answer is kept.

    Returns
    -------
    names : list of str or None
        None where there is no column `target`; empty where it equals none.
    """
    if ALIAS not in rows.types:
        return None
    key = f"alias-{cache.key([rows.file], 'alias')}"
    record = cache.read_json(key)
    if record is None:
        sources = cache.records([rows.file])
        record = {"equals": equal_to_alias(rows), "sources": sources}
        rows.file.check_unchanged()
        cache.write_json(key, record)
    return record["equals"]


def equal_to_alias(rows):
    """Named targets that equal `target` in every row of a file that has it."""
    named = [name for name in rows.types if is_target(name) and name != ALIAS]
    source = open_source(rows.file.path)
    try:
        # few at a time, so that a block holds all of them
        return [
            name
            for i in range(0, len(named), 32)
            for name in _equal_columns(source, named[i : i + 32])
        ]
    finally:
        source.close()


def _equal_columns(source, named):
    """Names of the columns that equal the alias in every row."""
    while named:
        # the first rows rule most of them out; the rest are read to the end
        before = len(named)
        for _, _, arrays in source.blocks([ALIAS, *named]):
            alias, *others = (to_numpy(array, np.float32) for array in arrays)
            named = [
                name
                for name, other in zip(named, others)
                if np.array_equal(alias, other, equal_nan=True)
            ]
            if len(named) < before:
                break
        else:
            break
    return named


def choose_targets(targets, rows, *, allow_alias, live, equals, where):
    """Choose the targets to load.

    Parameters
    ----------
    targets : str, list of str or None
        What the user asked for.

    rows : FileRows
        A file.

    allow_alias : bool
        Whether `target` may be named.

    live : bool
        Whether rows without targets are fine.

    equals : callable
        Returns what the alias equals, see :func:`alias_of`.

    where : str
        Beginning of error messages.

    Returns
    -------
    names : list of str
        Main target first, empty for none.
    """
    there = [name for name in rows.types if is_target(name)]
    if targets is None or (live and not there):
        return []
    if isinstance(targets, str) and targets == "auto":
        if PAYOUT_TARGET in there:
            return [PAYOUT_TARGET]
        if live:
            return []
        raise ValueError(
            f"{where}: name the target: targets=... is by default {PAYOUT_TARGET!r}, "
            "which Numerai pays on and the file does not have. It has "
            f"{there or 'no targets (pass targets=None)'}." + _alias_hint(there, equals)
        )
    names = [targets] if isinstance(targets, str) else [str(name) for name in targets]
    if not names:
        raise ValueError(f"{where}: targets is an empty list. Pass None for no target.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{where}: the target {twice!r} is asked for twice.")
    for name in names:
        if name not in there:
            raise ValueError(
                f"{where}: there is no target {name!r}.{near(name, there)} The file "
                f"has {there or 'no targets: pass targets=None'}."
            )
    if ALIAS in names and not allow_alias:
        raise ValueError(
            f"{where}: the bare name {ALIAS!r} is an alias that Numerai has moved from "
            f"one target to another.{_alias_hint(there, equals)} Name the target, or "
            "pass allow_alias=True if you want the alias."
        )
    return names


def _alias_hint(there, equals):
    if ALIAS not in there:
        return ""
    names = equals()
    if names:
        return f" In this file {ALIAS!r} equals {' and '.join(map(repr, names))}."
    return f" In this file {ALIAS!r} equals no named target."
