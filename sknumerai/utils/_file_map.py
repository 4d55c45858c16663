"""Arrays that are stored in files, and know in which.

numpy.memmap is not used: joblib mistakes the order of a transposed one, which is what a
frame on a row-major map holds, and a worker process gets other numbers (joblib issue
1019).
"""

# SPDX-License-Identifier: BSD-3-Clause

import mmap
import os

import numpy as np


class FileMap(mmap.mmap):
    """A map of a whole file that knows which file it is."""

    filename = None
    state = None


def map_file(filename, dtype, shape, offset=0, strides=None):
    """Map an array that is stored in a file, to be read.

    Parameters
    ----------
    filename : str or path-like
        The file.

    dtype : dtype
        Type of the numbers.

    shape : tuple of int
        Shape of the array.

    offset : int, default=0
        Position in the file of its first number, in bytes.

    strides : tuple of int or None, default=None
        Steps in bytes; None for one number after the other.

    Returns
    -------
    array : ndarray
        Read-only. It is no numpy.memmap.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sknumerai.utils import map_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.arange(6, dtype=np.int8).tofile(f"{folder}/a.bin")
    ...     array = map_file(f"{folder}/a.bin", np.int8, (2, 3))
    ...     print(array.tolist())
    [[0, 1, 2], [3, 4, 5]]
    """
    with open(filename, "rb") as file:
        buffer = FileMap(file.fileno(), 0, access=mmap.ACCESS_READ)
        buffer.state = _state(os.fstat(file.fileno()))
    buffer.filename = os.path.abspath(filename)
    return np.ndarray(shape, dtype, memoryview(buffer), offset, strides)


def file_of(array):
    """Find the file that an array is a view of.

    Parameters
    ----------
    array : object
        Perhaps an array.

    Returns
    -------
    place : tuple of (str, int) or None
        Name of the file and position in it of the array's first number. None where it
        is in memory, or the file is not the one any more that was mapped.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.utils import file_of
    >>> print(file_of(np.zeros(3)))
    None
    """
    if not isinstance(array, np.ndarray):
        return None
    part = array
    while part is not None:
        if isinstance(part, FileMap):
            start = np.frombuffer(part, np.uint8).ctypes.data
            return _if_there(part.filename, part.state, array.ctypes.data - start)
        below = getattr(part, "base", None) if isinstance(part, np.ndarray) else None
        if isinstance(part, np.memmap) and isinstance(below, mmap.mmap):
            # changes of a map of mode "c" are in memory alone
            if part.filename is None or part.mode == "c":
                return None
            position = part.offset + array.ctypes.data - part.ctypes.data
            return _if_there(str(part.filename), None, position)
        part = part.obj if isinstance(part, memoryview) else below
    return None


def _if_there(filename, state, position):
    try:
        now = _state(os.stat(filename))
    except OSError:
        return None
    return (filename, position) if state in (None, now) else None


def _state(stat):
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
