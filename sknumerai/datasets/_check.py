"""Tell what has changed in a data set, here and on the server."""

# SPDX-License-Identifier: BSD-3-Clause

import json
from dataclasses import dataclass, field

import requests

from sknumerai.datasets._cache import human
from sknumerai.datasets._download import TIMEOUT, RemoteFile, look_up, read_record
from sknumerai.datasets._feature_sets import (
    FEATURES_JSON,
    read_features_json,
)
from sknumerai.datasets._home import data_home_path
from sknumerai.datasets._server import Server
from sknumerai.datasets._summary import differences, listed, remember, some

CALLER = "check_numerai"
DATA = ("train.parquet", "validation.parquet", "live.parquet")


@dataclass(frozen=True)
class FileState:
    """One file, here and on the server.

    Parameters
    ----------
    name : str
        Name of the file.

    state : str
        "up to date", "changed on the server", "not here", "not on the server" or
        "here" (the server was not asked).

    size, remote_size : int or None
        Bytes here and there.
    """

    name: str
    state: str
    size: int | None
    remote_size: int | None


@dataclass(frozen=True)
class NumeraiCheck:
    """What :func:`check_numerai` found; printing it gives a report.

    Parameters
    ----------
    name : str
        Version of the data.

    folder : pathlib.Path
        Where its files are.

    versions : list of str or None
        Versions on the server, oldest first; None if it was not asked.

    files : list of FileState
        The files that are here or are Numerai's data files.

    summaries : dict of str to Summary
        What each data file here holds: rows, eras, features, targets, the last
        resolved era of each target, what ``target`` equals.

    changes : list of str
        What differs between here and the server, and from earlier states of files.
    """

    name: str
    folder: object
    versions: list | None
    files: list
    summaries: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)

    @property
    def up_to_date(self):
        """Whether the server has nothing newer for the files that are here."""
        newest = self.versions is None or self.versions[-1] == self.name
        return newest and not any(f.state.startswith("changed") for f in self.files)

    def __str__(self):
        lines = [f"{self.name} in {self.folder}"]
        width = max((len(f.name) for f in self.files), default=0)
        for f in self.files:
            size = "" if f.size is None else human(f.size)
            if f.remote_size is not None and f.remote_size != f.size:
                size = f"{size or 'nothing'} here, {human(f.remote_size)} on the server"
            lines.append(f"  {f.name:<{width}}  {f.state:<21}  {size}".rstrip())
        for name, summary in self.summaries.items():
            lines += ["", f"{name}", *_describe(summary)]
        lines += ["", "Changes" if self.changes else "No changes"]
        lines += [f"  {change}" for change in self.changes]
        return "\n".join(lines)


def check_numerai(name="v5.3", *, online=True, data_home=None, api=None):
    """Tell what has changed in a data set: features, targets, eras, rows, files.

    Files here are compared with the server's, and with the states that earlier checks
    and updates saw. Nothing is downloaded but ``features.json``, which is compared
    and not stored.

    Parameters
    ----------
    name : str, default="v5.3"
        Version of the data, a folder in the data home.

    online : bool, default=True
        Whether the server is asked.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    api : numerapi.NumerAPI, default=None
        Client to ask for names and addresses, by default one without an account.

    Returns
    -------
    check : NumeraiCheck
        With the attributes `files`, `summaries`, `changes`, `versions` and
        `up_to_date`; printing it gives a report.

    Raises
    ------
    ConnectionError
        If the server cannot be reached.

    FileNotFoundError
        If there is nothing here and the server is not asked.

    ValueError
        If a file here is damaged, or the server has no such version.

    See Also
    --------
    fetch_numerai : Download files, with ``update=True`` those that changed.

    Notes
    -----
    The first check of a file reads its targets, which takes some seconds for the
    official files; later ones read a record in the folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sknumerai.datasets import check_numerai
    >>> frame = pd.DataFrame(
    ...     {"era": ["0001"], "target": [0.5], "target_ender_60": [0.5]},
    ...     index=pd.Index(["n1"], name="id"),
    ... )
    >>> with tempfile.TemporaryDirectory() as home:
    ...     Path(home, "v5.3").mkdir()
    ...     frame.to_parquet(f"{home}/v5.3/train.parquet")
    ...     check = check_numerai("v5.3", online=False, data_home=home)
    >>> check.summaries["train.parquet"].alias_of
    ['target_ender_60']
    """
    folder = data_home_path(data_home) / name
    here = sorted(
        p.name
        for p in (folder.iterdir() if folder.is_dir() else ())
        if p.is_file() and p.name.endswith((".parquet", ".csv", ".json"))
        if not p.name.startswith(".")
    )
    if not online and not here:
        raise FileNotFoundError(
            f"{CALLER}: there are no files of {name!r} in {folder}. Download them with "
            "fetch_numerai, or check with online=True what the server has."
        )
    changes, versions = [], None
    if online:
        server = Server(api)
        versions = server.versions()
        files = _compare(server, name, folder, here, changes)
    else:
        files = [FileState(f, "here", (folder / f).stat().st_size, None) for f in here]
    summaries = {}
    for file in [f for f in DATA if f in here]:
        now, before = remember(folder / file)
        summaries[file] = now
        if before is not None:
            changes += [f"{file}: {change}" for change in differences(before, now)]
    return NumeraiCheck(name, folder, versions, files, summaries, changes)


def _compare(server, name, folder, here, changes):
    there = server.files(name, CALLER)
    newest = server.versions()[-1]
    if newest != name:
        changes.append(f"the server has the newer version {newest}")
    files = []
    for file in sorted({*here, *(f for f in there if f in (*DATA, FEATURES_JSON))}):
        path = folder / file
        size = path.stat().st_size if path.is_file() else None
        if file not in there:
            files.append(FileState(file, "not on the server", size, None))
            continue
        url = server.url(f"{name}/{file}")
        remote = look_up(url)
        if size is None:
            files.append(FileState(file, "not here", None, remote.size))
            continue
        local = read_record(path) or RemoteFile(size, None, None)
        changed = local.differs(remote)
        state = "changed on the server" if changed else "up to date"
        files.append(FileState(file, state, size, remote.size))
        if changed:
            changes.append(f"{file} has changed on the server")
        if file == FEATURES_JSON:
            changes += _compare_features(path, url)
    return files


def _compare_features(path, url):
    """How the server's features.json differs from the one that is here."""
    local = read_features_json(path)
    try:
        response = requests.get(url, timeout=TIMEOUT, verify=True)
        response.raise_for_status()
        remote = json.loads(response.content)
    except (requests.exceptions.RequestException, ValueError) as error:
        raise ConnectionError(
            f"{CALLER}: {FEATURES_JSON} could not be read from the server "
            f"({type(error).__name__}). Try again later."
        ) from error
    changes = []
    old, new = local["feature_sets"], remote.get("feature_sets", {})
    for kind, names in (
        ("added", sorted(set(new) - set(old))),
        ("removed", sorted(set(old) - set(new))),
    ):
        if names:
            changes.append(f"on the server, feature sets {kind}: {some(names, 9)}")
    pairs = [(f"set {name!r}", old[name], new[name]) for name in old if name in new]
    pairs.append(("targets", local["targets"], remote.get("targets", [])))
    for what, before, now in pairs:
        added = [name for name in now if name not in set(before)]
        gone = [name for name in before if name not in set(now)]
        if added:
            changes.append(f"on the server, {what}: {len(added)} added, {some(added)}")
        if gone:
            changes.append(f"on the server, {what}: {len(gone)} removed, {some(gone)}")
    return changes


def _describe(summary):
    eras = f"{summary.n_eras} eras, {summary.first_era} to {summary.last_era}"
    columns = f"{len(summary.features)} features, {len(summary.targets)} targets"
    lines = [f"  {summary.n_rows:,} rows, {eras}; {columns}"]
    if summary.data_types:
        counts = [f"{name} {n:,}" for name, n in summary.data_types.items()]
        lines.append(f"  data types: {', '.join(counts)}")
    if summary.alias_of is not None:
        lines.append(f"  target equals {listed(summary.alias_of)}")
    frontier = {}
    for name, era in summary.resolved.items():
        frontier.setdefault(era, []).append(name)
    for era, names in frontier.items():
        until = "nowhere resolved" if era is None else f"resolved to era {era}"
        lines.append(f"  {until}: {some(names)}")
    return lines
