"""What a data file holds, in a few numbers, and how two states of it differ."""

# SPDX-License-Identifier: BSD-3-Clause

import json
from dataclasses import asdict, dataclass

import numpy as np

from sknumerai.datasets._download import write_json
from sknumerai.datasets._files import data_file
from sknumerai.datasets._named_targets import ALIAS, equal_to_alias, is_target
from sknumerai.datasets._read import open_source, to_numpy
from sknumerai.datasets._rows import convert_rows

RECORDS = ".sknumerai_summaries.json"


@dataclass(frozen=True)
class Summary:
    """What a data file holds.

    Parameters
    ----------
    n_rows, n_eras : int
        Numbers of rows and eras.

    first_era, last_era : str or int
        Labels.

    features, targets : list of str
        Names of the columns.

    resolved : dict of str to (str, int or None)
        Last era in which each target has a value, None where there is none.

    alias_of : list of str or None
        What ``target`` equals, None where there is no such column.

    data_types : dict of str to int
        Rows of each data type.
    """

    n_rows: int
    n_eras: int
    first_era: str | int
    last_era: str | int
    features: list
    targets: list
    resolved: dict
    alias_of: list | None
    data_types: dict


def summarize(path, caller="check_numerai"):
    """Read a data file for its summary, in bounded memory.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    caller : str, default="check_numerai"
        Name to begin error messages with.

    Returns
    -------
    summary : Summary
        What it holds.
    """
    rows = convert_rows(data_file(path), caller)
    targets = [name for name in rows.types if is_target(name)]
    last = dict.fromkeys(targets, -1)
    source = open_source(path)
    try:
        for start, first, arrays in source.blocks(targets):
            for name, array in zip(targets[first:], arrays):
                values = to_numpy(array, np.float32)
                codes = rows.codes[start : start + len(values)][~np.isnan(values)]
                last[name] = max(last[name], int(codes.max(initial=-1)))
    finally:
        source.close()
    counts = {}
    if rows.data_type is not None:
        counts = {
            name: int(np.count_nonzero(rows.data_type == code))
            for code, name in enumerate(rows.data_types)
        }
    return Summary(
        n_rows=len(rows),
        n_eras=len(rows.labels),
        first_era=rows.labels[0],
        last_era=rows.labels[-1],
        features=[name for name in rows.types if name.startswith("feature")],
        targets=targets,
        resolved={n: rows.labels[c] if c >= 0 else None for n, c in last.items()},
        alias_of=equal_to_alias(rows) if ALIAS in rows.types else None,
        data_types=counts,
    )


def remember(path):
    """Summary of a file, and of the file that was there before it.

    They are kept in a record beside the file, so that what has changed can be told
    after the old file is gone.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    now : Summary or None
        None for a file without rows of data, such as json.

    before : Summary or None
        None where no other state of the file was seen.
    """
    if not path.name.endswith((".parquet", ".csv")):
        return None, None
    record = path.parent / RECORDS
    try:
        records = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        records = {}
    entry = records.get(path.name, {})
    stat = path.stat()
    state = [stat.st_size, stat.st_mtime_ns]
    if entry.get("state") != state:
        now = asdict(summarize(path))
        before = entry.get("now") or entry.get("before")
        entry = {"state": state, "now": now, "before": before}
        records[path.name] = entry
        write_json(record, records)
    return _summary(entry["now"]), _summary(entry["before"])


def _summary(fields):
    return None if fields is None else Summary(**fields)


def differences(before, now):
    """Say how two summaries differ.

    Parameters
    ----------
    before, now : Summary
        Two states of a file.

    Returns
    -------
    changes : list of str
        One sentence each, empty where nothing changed.
    """
    changes = []
    if now.n_rows != before.n_rows:
        changes.append(f"rows {before.n_rows:,} -> {now.n_rows:,}")
    if (before.first_era, before.last_era) != (now.first_era, now.last_era):
        changes.append(
            f"eras {before.first_era} to {before.last_era} -> "
            f"{now.first_era} to {now.last_era}"
        )
    changes += _names("features", before.features, now.features)
    changes += _names("targets", before.targets, now.targets)
    if before.alias_of != now.alias_of:
        changes.append(
            f"the bare target equalled {listed(before.alias_of)} and now equals "
            f"{listed(now.alias_of)}"
        )
    moved = {}
    for name, era in now.resolved.items():
        if name in before.resolved and before.resolved[name] != era:
            moved.setdefault((before.resolved[name], era), []).append(name)
    for (old, new), names in moved.items():
        changes.append(f"resolved to era {old} -> {new}: {some(names)}")
    for name in sorted(set(before.data_types) | set(now.data_types)):
        old, new = before.data_types.get(name, 0), now.data_types.get(name, 0)
        if old != new:
            changes.append(f"rows of type {name} {old:,} -> {new:,}")
    return changes


def _names(what, before, now):
    added = [name for name in now if name not in set(before)]
    gone = [name for name in before if name not in set(now)]
    changes = []
    if added:
        changes.append(f"{len(added)} {what} added: {some(added)}")
    if gone:
        changes.append(f"{len(gone)} {what} removed: {some(gone)}")
    if not added and not gone and before != now:
        changes.append(f"the order of the {what} changed")
    return changes


def some(names, n=3):
    """The first names, and how many more there are."""
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(map(str, names[:n])) + more


def listed(names):
    """What the alias equals, in words."""
    if names is None:
        return "nothing (no such column)"
    return " and ".join(names) if names else "no named target"
