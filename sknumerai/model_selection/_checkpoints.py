"""Finished folds on disk, which a killed experiment goes on from."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import pickle
import tempfile
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd

from sknumerai.model_selection._fingerprint import describe
from sknumerai.model_selection._folds import as_slice, positions_of, take

# Parameters that do not decide what is learned.
SILENT = ("verbose", "n_jobs")
# So many rows of a matrix tell whether it is the same.
N_SAMPLED = 512


class Checkpoints:
    """A folder with one file for each finished fold.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there.

    identity : dict of str to str
        What decides the results, apart from the rows: names and fingerprints. A folder
        of another identity is refused.

    caller : str
        Name to begin error messages with.

    Raises
    ------
    ValueError
        If the folder holds another experiment, or other files.
    """

    def __init__(self, folder, identity, caller):
        self.folder, self.caller = Path(folder), caller
        file = self.folder / "experiment.json"
        if file.exists():
            self._compare(json.loads(file.read_text()), identity)
            return
        if self.folder.exists() and any(self._finished()):
            raise ValueError(
                f"{caller}: {self.folder} holds folds but no experiment.json, so whose "
                "they are is not known. Use an empty folder."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(file, json.dumps(identity, indent=2).encode())

    def load(self, name, fingerprint):
        """Load a finished fold.

        Parameters
        ----------
        name : str
            Name of the file.

        fingerprint : str
            Of the rows that it must have been fitted on.

        Returns
        -------
        fold : dict or None
            None where it is not finished.

        Raises
        ------
        ValueError
            If it was fitted on other rows, or the file is damaged.
        """
        file = self.folder / f"{name}.pkl"
        if not file.exists():
            return None
        try:
            fold = pickle.loads(file.read_bytes())
        except Exception as error:
            raise ValueError(
                f"{self.caller}: {file} cannot be read ({error}). Delete it and the "
                "folds after it to fit them again."
            ) from error
        if fold["fingerprint"] != fingerprint:
            raise ValueError(
                f"{self.caller}: {file} was fitted on other rows, targets or weights "
                "than those of this fold, so going on from it would mix experiments. "
                "Use another checkpoint_dir, or delete this one."
            )
        return fold

    def save(self, name, fold):
        """Save a finished fold: whole or not at all.

        Parameters
        ----------
        name : str
            Name of the file.

        fold : dict
            With the key "fingerprint".
        """
        _write(self.folder / f"{name}.pkl", cloudpickle.dumps(fold))

    def _finished(self):
        return self.folder.glob("fold_*.pkl")

    def _compare(self, stored, identity):
        changed = [
            k for k in {**stored, **identity} if stored.get(k) != identity.get(k)
        ]
        if not changed:
            return
        said = "; ".join(
            f"{k} was {_short(stored.get(k))} and is {_short(identity.get(k))}"
            for k in changed[:4]
        )
        raise ValueError(
            f"{self.caller}: {self.folder} holds another experiment: {said}. Use another "
            "checkpoint_dir, set things back to resume, or delete the folder."
        )


def identity_of(estimator, **more):
    """Describe what decides the results of an estimator.

    Parameters
    ----------
    estimator : estimator
        Not fitted.

    **more : object
        Further values that do.

    Returns
    -------
    identity : dict of str to str
        A readable value where it is short, else a fingerprint.
    """
    params = {"estimator": _class_of(estimator)}
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] in SILENT:
            continue
        inside = hasattr(value, "get_params") and not isinstance(value, type)
        params[f"estimator.{name}"] = _class_of(value) if inside else value
    return {name: _say(value) for name, value in {**params, **more}.items()}


def fingerprint_of(*values):
    """Fingerprint of values, the same in each process.

    Parameters
    ----------
    *values : object
        Anything that pickles.

    Returns
    -------
    fingerprint : str
        Of all of them.
    """
    return joblib.hash([_plain(value) for value in values])


def sample_of(values, rows):
    """Some rows of a large table, which tell whether it is the same.

    Parameters
    ----------
    values : array-like
        Of all rows.

    rows : slice or ndarray
        Rows that count.

    Returns
    -------
    sample : object
        All of a vector, and rows spread over a table.
    """
    if getattr(values, "ndim", 1) > 1:
        positions = positions_of(rows)
        rows = as_slice(positions[:: max(1, len(positions) // N_SAMPLED)])
    return take(values, rows)


def _plain(value):
    """Without index and memory map, whose fingerprints depend on more than values."""
    if isinstance(value, pd.DataFrame):
        columns = list(map(str, value.columns))
        if len(set(value.dtypes)) == 1:
            return [columns, _plain(value.to_numpy())]
        return [columns, *(_plain(value.iloc[:, j]) for j in range(len(columns)))]
    if isinstance(value, pd.Series | pd.Index):
        value = value.to_numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OUT":
            return list(map(str, value.ravel()))
        return np.array(value, order="C", subok=False)
    return value


def _class_of(value):
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _say(value):
    text = value if isinstance(value, str) else describe(value)
    return text if len(text) <= 200 else f"<{fingerprint_of(text)}>"


def _short(text):
    return (
        "not there" if text is None else text if len(text) < 60 else f"{text[:57]}..."
    )


def _write(path, data):
    """Write a file under a temporary name, and rename it when it is whole."""
    handle, part = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
