"""Data that worker processes map from disk instead of receiving them."""

# SPDX-License-Identifier: BSD-3-Clause

import os
import tempfile
import threading
import uuid

import joblib
import numpy as np
import pandas as pd

from sknumerai.utils import file_of

# What this process has mapped, the newest only: a worker serves one search at a time.
_mapped = {}


class SharedData:
    """Objects that cross to other processes by the names of files.

    What is pickled is where the data lie. Arrays and frames that are memory maps
    already, such as those of ``load_numerai``, stay in their file; the rest is written
    once, when it is first pickled, into joblib's temporary folder (the environment
    variable ``JOBLIB_TEMP_FOLDER``, which a cluster must see under the same name).

    Parameters
    ----------
    **objects : object
        Data by name.
    """

    def __init__(self, **objects):
        self._objects = objects
        self._token = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._folder = None
        self._path = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._folder is not None:
            self._folder.cleanup()

    def __getitem__(self, name):
        return self._objects[name]

    def __reduce__(self):
        with self._lock:
            if self._path is None:
                self._write()
        return _mapped_data, (self._path, self._token)

    def _write(self):
        parent = os.environ.get("JOBLIB_TEMP_FOLDER")
        self._folder = tempfile.TemporaryDirectory(
            prefix="sknumerai-", dir=parent, ignore_cleanup_errors=True
        )
        path = os.path.join(self._folder.name, "data.joblib")
        objects = {name: _by_name(value) for name, value in self._objects.items()}
        joblib.dump(objects, path)
        self._path = path


class _MappedArray:
    """Where an array lies in a file."""

    def __init__(self, array, path, offset):
        self.where = (path, offset, array.dtype)
        self.shape = array.shape
        self.strides = array.strides

    def open(self):
        path, offset, dtype = self.where
        # one map from the first to the last value, whatever lies between
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        flat = np.memmap(path, np.uint8, "r", offset, (last + dtype.itemsize,))
        return np.ndarray(self.shape, dtype, flat, 0, self.strides)


class _MappedFrame:
    """A frame of one memory map, with its labels."""

    def __init__(self, values, frame):
        self.kind = type(frame)
        self.values = values
        self.index = frame.index
        self.columns = frame.columns

    def open(self):
        values = self.values.open()
        frame = pd.DataFrame(values, self.index, self.columns, copy=False)
        # the type of plain frames or a subclass, which may be made otherwise
        return frame if self.kind is pd.DataFrame else self.kind(frame)


def _by_name(value):
    """The value, or where it lies if it is a memory map."""
    if isinstance(value, pd.DataFrame):
        kinds = value.dtypes.unique()
        if value.size and len(kinds) == 1 and isinstance(kinds[0], np.dtype):
            values = _by_name(value.to_numpy(copy=False))
            if isinstance(values, _MappedArray):
                return _MappedFrame(values, value)
        return value
    if isinstance(value, np.ndarray) and value.size and value.dtype != object:
        place = file_of(value)
        if place is not None and min(value.strides, default=0) >= 0:
            return _MappedArray(value, *place)
    return value


def _mapped_data(path, token):
    """What a worker makes of the name: the data, mapped once."""
    if token not in _mapped:
        objects = joblib.load(path, mmap_mode="r")
        opened = {
            name: value.open()
            if isinstance(value, _MappedArray | _MappedFrame)
            else value
            for name, value in objects.items()
        }
        _mapped.clear()
        _mapped[token] = SharedData(**opened)
    return _mapped[token]
