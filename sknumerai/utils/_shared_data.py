"""Data that worker processes map from disk instead of receiving them.

joblib's own way of handing arrays over is not used: it mistakes the order of a transposed
numpy.memmap, which is what a frame on a row-major map holds (joblib issue 1019).
"""

# SPDX-License-Identifier: BSD-3-Clause

import io
import os
import pickle
import tempfile
import threading
import uuid

import cloudpickle
import numpy as np

from sknumerai.utils._file_map import file_of, map_file

# Arrays of so many bytes are mapped by workers, smaller ones are read.
MAPPED_FROM = 2**16
CHUNK = 2**24


class SharedData:
    """Objects that cross to other processes by the names of files.

    What is pickled is where the data lie. Arrays that are memory maps already, wherever
    in the objects they are, such as those in the frames of ``load_numerai``, stay in
    their file; the rest is written once, when it is first pickled, into joblib's
    temporary folder (the environment variable ``JOBLIB_TEMP_FOLDER``, which a cluster
    must see under the same name).

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
        path = os.path.join(os.path.abspath(self._folder.name), "objects.pkl")
        arrays = os.path.join(os.path.dirname(path), "arrays.bin")
        with open(path, "wb") as file, open(arrays, "wb") as beside:
            _Pickler(file, beside).dump(self._objects)
        self._path = path


class Sent:
    """An object on its way to another process, or back, that joblib does not look into.

    Arrays in it that are memory maps stay in their file.

    Parameters
    ----------
    value : object
        What is sent.
    """

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        file = io.BytesIO()
        _Pickler(file).dump(self.value)
        return _received, (file.getvalue(),)


def received(value):
    """The object that was sent, or one that is none of :class:`Sent`."""
    return value.value if isinstance(value, Sent) else value


def _received(data):
    return Sent(pickle.loads(data))


class _Pickler(cloudpickle.Pickler):
    """Writes where arrays lie, and those that are in memory to a file beside."""

    def __init__(self, file, beside=None):
        super().__init__(file)
        self._beside = beside

    def reducer_override(self, obj):
        """Reduce an array to its place in a file."""
        kind = type(obj)
        if kind in (np.ndarray, np.memmap) and obj.size and not obj.dtype.hasobject:
            place = file_of(obj)
            if place is not None and min(obj.strides, default=0) >= 0:
                path, offset = place
                return map_file, (path, obj.dtype, obj.shape, offset, obj.strides)
            if self._beside is not None and obj.nbytes >= MAPPED_FROM:
                return map_file, _write_array(obj, self._beside)
            if kind is np.memmap:
                return np.array(obj).__reduce_ex__(5)
        return super().reducer_override(obj)


def _write_array(array, file):
    """Append an array to a file in its own order; the arguments of `map_file`."""
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    rows = array.transpose(order)
    file.write(bytes(-file.tell() % 64))
    offset = file.tell()
    step = max(1, CHUNK // rows[:1].nbytes)
    for start in range(0, len(rows), step):
        file.write(rows[start : start + step].tobytes())
    strides, size = [0] * array.ndim, array.itemsize
    for axis in reversed(order):
        strides[axis], size = size, size * array.shape[axis]
    return file.name, array.dtype, array.shape, offset, tuple(strides)


class _Newest:
    """What this process has mapped, the newest only: a worker serves one call at a time.

    It is pickled empty, in an export by value too.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._token = self._data = None

    def __reduce__(self):
        return type(self), ()

    def open(self, path, token):
        with self._lock:
            if self._token != token:
                with open(path, "rb") as file:
                    self._data = SharedData(**pickle.load(file))
                self._token = token
            return self._data


_newest = _Newest()


def _mapped_data(path, token):
    """What a worker makes of the name: the data, mapped once."""
    return _newest.open(path, token)
