"""Synthetic tournament as files."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import errno
import json
import shutil
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral, Real
from pathlib import Path

import pyarrow as pa
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from tqdm.auto import tqdm

from sknumerai.datasets._era_files import CsvEras, ParquetEras, write_text
from sknumerai.datasets._layout import N_OFFICIAL_FEATURES
from sknumerai.datasets._make import LAST_ERA, check_targets
from sknumerai.datasets._plan import OFFICIAL, Plan
from sknumerai.datasets._random import check_entropy
from sknumerai.datasets._targets import ALIASES, TARGET_NAMES, resolve_target
from sknumerai.datasets._tournament import Tournament

_LOCK_FILE = ".write_numerai.lock"
_SETTINGS = ".write_numerai.json"
_CALLER = "write_numerai"


@validate_params(
    {
        "path": "no_validation",
        "n_train_eras": [Interval(Integral, 1, LAST_ERA, closed="both")],
        "n_validation_eras": [Interval(Integral, 1, LAST_ERA, closed="both")],
        "n_samples_per_era": [
            Interval(Integral, 5, 1_000_000, closed="both"),
            StrOptions({"real"}),
        ],
        "n_features": [Interval(Integral, 1, N_OFFICIAL_FEATURES, closed="both")],
        "targets": [list, None],
        "signal": [Interval(Real, 0, None, closed="left")],
        "missing": [Interval(Real, 0, 1, closed="both")],
        "alias": [StrOptions(set(ALIASES))],
        "oracle": ["boolean"],
        "overwrite": ["boolean"],
        "n_jobs": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def write_numerai(
    path,
    *,
    n_train_eras=574,
    n_validation_eras=658,
    n_samples_per_era="real",
    n_features=3555,
    targets=None,
    signal=1.0,
    missing=0.3,
    alias="ender_60",
    oracle=False,
    overwrite=False,
    n_jobs=1,
    verbose=1,
    random_state=None,
):
    """Write a synthetic tournament as the official files of v5.3.

    The twelve files have the official names, columns and dtypes: train, validation and
    live, the benchmark models' predictions for each, meta model, example predictions
    and ``features.json``. They are written era by era, so that any size fits into
    memory. The eras are those that :func:`make_numerai` makes with the same settings.
    Read more in the :doc:`User Guide </user_guide/synthetic_data>`.

    Parameters
    ----------
    path : str or path-like
        Folder, created where it does not exist.

    n_train_eras : int, default=574
        Eras of the training file, numbered from 1.

    n_validation_eras : int, default=658
        Eras of the validation file, numbered after those. The targets of the last ones
        are not resolved: 20-day targets of 5 eras and 60-day targets of 13 are NaN.

    n_samples_per_era : int or "real", default="real"
        Rows of each era, at least 5. "real" follows the official files.

    n_features : int, default=3555
        Number of features, at most 3,555.

    targets : list of str or None, default=None
        Names of targets. None writes the official 41.

    signal : float, default=1.0
        Size of the stable signal in units of the real one, as in :func:`make_numerai`.

    missing : float, default=0.3
        Share of features that begin late and are 2 in all rows before.

    alias : {"ender_20", "ender_60"}, default="ender_60"
        What the column ``target`` is. Eras where it is not resolved have the data type
        "test".

    oracle : bool, default=False
        Whether to write ``validation_oracle.parquet`` too: the expectation of
        ``target_<alias>`` given features and era, and ``stable_oracle`` with mean
        premia.

    overwrite : bool, default=False
        Whether to replace files of other settings or origin. If False they raise.

    n_jobs : int, default=1
        Threads that generate eras, beside the one that writes them. Each holds an era
        in memory.

    verbose : int, default=1
        Whether a progress bar is shown.

    random_state : int, RandomState instance or None, default=None
        Decides everything random. None continues what is in the folder or, in an empty
        one, takes a random seed.

    Returns
    -------
    path : Path
        The folder.

    Raises
    ------
    ValueError
        If a target is not known or there are more than 9,998 eras.

    FileExistsError
        If the folder has files of a tournament with other settings, or from elsewhere.

    OSError
        If the disk is full. Nothing incomplete stays.

    See Also
    --------
    make_numerai : The same in memory.
    load_numerai : Load such files.

    Notes
    -----
    Files have temporary names until they are whole. Called again after an interruption,
    with the same settings, it writes only those that are not there. The settings are in
    ``.write_numerai.json`` in the folder.

    Benchmark predictions begin with era 158 of 574 and the meta model's cover the last
    87 eras with a resolved target of 658, or the same shares of fewer eras. A full
    tournament takes about 9 GB and needs less than 1 GB of memory.

    References
    ----------
    .. [1] Numerai (2026). `Data <https://docs.numer.ai/numerai-tournament/data>`_.
       Official description of the files.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sknumerai.datasets import write_numerai
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_numerai(folder, n_train_eras=3, n_validation_eras=15,
    ...                          n_samples_per_era=20, n_features=5, verbose=0,
    ...                          random_state=0)
    ...     pd.read_parquet(path / "live.parquet").shape
    (20, 7)
    """
    path = Path(path)
    last = n_train_eras + n_validation_eras
    if last >= LAST_ERA:
        raise ValueError(
            f"{_CALLER}: {last} eras and a live one were asked for; era numbers have "
            f"four digits. Write at most {LAST_ERA - 1} eras."
        )
    names = ["target", *TARGET_NAMES[:-1]] if targets is None else targets
    names = check_targets(names, _CALLER)
    settings = {
        "n_train_eras": int(n_train_eras),
        "n_validation_eras": int(n_validation_eras),
        "n_samples_per_era": n_samples_per_era,
        "n_features": int(n_features),
        "targets": names,
        "signal": float(signal),
        "missing": float(missing),
        "alias": alias,
    }
    path.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        entropy = _claim_folder(path, settings, random_state, overwrite)
        _write_files(
            path,
            names,
            settings,
            entropy,
            oracle=oracle,
            n_jobs=n_jobs,
            verbose=verbose,
        )
    return path


@contextlib.contextmanager
def _alone(path):
    """Keep other processes out of the folder: both would write the same files."""
    try:
        import fcntl
    except ImportError:  # Windows refuses to open a temporary file twice by itself
        yield
        return
    with open(path / _LOCK_FILE, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"{_CALLER}: another process is writing a tournament to {path}. Wait "
                "for it to finish, or choose another folder."
            ) from None
        yield


def _write_files(path, names, settings, entropy, *, oracle, n_jobs, verbose):
    n_features, alias = settings["n_features"], settings["alias"]
    n_train_eras = settings["n_train_eras"]
    last = n_train_eras + settings["n_validation_eras"]
    tournament = Tournament(
        n_features,
        settings["n_samples_per_era"],
        [resolve_target(name, alias) for name in ["target", *names]],
        settings["signal"],
        settings["missing"],
        entropy,
    )
    plan = Plan(tournament, names, alias, n_train_eras, last, oracle)
    todo = plan.missing_files(path)
    _check_disk(path, plan, todo)
    if not (path / "features.json").exists():
        text = json.dumps(
            {
                "feature_sets": tournament.layout.sets,
                "targets": [n for n in TARGET_NAMES if n in names],
            }
        )
        write_text(path / "features.json", text)
    n_eras = sum(len(plan.eras(split)) for split in todo)
    with tqdm(total=n_eras, unit="era", disable=not verbose) as bar:
        for split, files in todo.items():
            bar.set_description(split)
            _write_split(path, plan, split, files, n_jobs, bar)


def _claim_folder(path, settings, random_state, overwrite):
    """Return the seed of what is in the folder, or of what will be."""
    file = path / _SETTINGS
    known = [name for files in OFFICIAL.values() for name in files] + ["features.json"]
    there = [name for name in known if (path / name).exists()]
    if overwrite:
        for name in [*there, _SETTINGS, "validation_oracle.parquet"]:
            (path / name).unlink(missing_ok=True)
    elif file.exists():
        written = json.loads(file.read_text(encoding="utf-8"))
        entropy = written.pop("entropy")
        given = None if random_state is None else check_entropy(random_state)
        differ = [k for k, v in settings.items() if written.get(k) != v]
        if given not in (None, entropy):
            differ.append("random_state")
        if differ:
            raise FileExistsError(
                f"{_CALLER}: {path} has a tournament that differs in "
                f"{', '.join(differ)}. Write to another folder, or pass overwrite=True "
                "to replace it."
            )
        return entropy
    elif there:
        raise FileExistsError(
            f"{_CALLER}: {path} has {', '.join(there)} from elsewhere. Write to another "
            "folder, or pass overwrite=True to replace them."
        )
    entropy = check_entropy(random_state)
    write_text(file, json.dumps({**settings, "entropy": entropy}, indent=1))
    return entropy


def _check_disk(path, plan, todo):
    need = sum(plan.size(split, files) for split, files in todo.items())
    free = shutil.disk_usage(path).free
    if need > free:
        raise OSError(
            errno.ENOSPC,
            f"{_CALLER}: the files need about {need / 1e9:.1f} GB and {path} has "
            f"{free / 1e9:.1f} GB free. Free some space, or write fewer eras or "
            "features.",
        )


def _write_split(path, plan, split, files, n_jobs, bar):
    writers, unfinished = {}, list(files)
    try:
        for file in files:
            if file.endswith(".csv"):
                writers[file] = CsvEras(path / file)
            else:
                writers[file] = ParquetEras(path / file, plan.columns(file))
        for era in _generate(plan.tournament, plan.eras(split), n_jobs):
            ids = pa.array(era.ids)
            for file, writer in writers.items():
                values = plan.values(file, era)
                if values is not None:
                    writer.write(values, ids)
            bar.update()
        for file in list(writers):
            writers[file].finish()
            del writers[file]
            unfinished.remove(file)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(
                errno.ENOSPC,
                f"{_CALLER}: the disk of {path} is full. The unfinished files "
                f"{', '.join(unfinished)} were removed and what was finished stays: free "
                "some space and call write_numerai again with the same settings.",
            ) from error
        raise
    finally:
        for writer in writers.values():
            writer.abandon()


def _generate(tournament, numbers, n_jobs):
    """Yield eras in order, drawn ahead by threads."""
    tournament.prepare(numbers[-1])
    with ThreadPoolExecutor(n_jobs) as pool:
        ahead, numbers = deque(), iter(numbers)
        try:
            for number in numbers:
                ahead.append(pool.submit(tournament.era, number))
                if len(ahead) > n_jobs:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
