"""The folder of memory maps beside a data file."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from sknumerai.datasets._home import data_home_path
from sknumerai.utils import map_file

FOLDER = ".sknumerai_cache"
# Part of every key: a change of what is stored makes old files unused.
FORMAT = 1
# Temporary names older than this were left by a process that was killed.
ABANDONED_SECONDS = 24 * 3600
CHUNK = 16 << 20
# no space, a limit of the file's size, a quota
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class Cache:
    """A folder where converted columns are kept, and how it was chosen.

    It is `cache_dir` where that is given, or else a folder beside the data file; where
    that cannot be written, a folder in the data home, or else in the system's
    temporary folder. Entries are keyed by the size and the time of the data files,
    so that a file that changed is converted again.

    Parameters
    ----------
    files : list of DataFile
        The files; the first decides where the cache is.

    cache_dir : str or path-like, default=None
        Folder to use.

    data_home : str or path-like, default=None
        See :func:`get_data_home`.
    """

    def __init__(self, files, cache_dir=None, data_home=None):
        self.folder = _writable_folder(files[0].path, cache_dir, data_home)

    def key(self, files, *parts):
        """Name that says what is stored and from which state of which files."""
        digest = hashlib.blake2b(digest_size=10)
        for part in (FORMAT, *(self._state(file) for file in files), *parts):
            data = part if isinstance(part, bytes) else repr(part).encode()
            digest.update(hashlib.blake2b(data, digest_size=32).digest())
        return digest.hexdigest()

    def open_array(self, name, dtype, shape):
        """Map an array that is stored, or None where there is none like it.

        The map is no numpy.memmap: to a worker process joblib (1.6.0 and before) hands a
        contiguous view of one as file, offset and shape, with the order of the map, and
        the block of a DataFrame, which is the transpose, arrives with its values mixed
        up.
        """
        path = self.folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError):
            return None
        if array.dtype != dtype or array.shape != shape:
            return None
        return map_file(path, array.dtype, array.shape, array.offset)

    @contextlib.contextmanager
    def new_array(self, name, files, dtype, shape):
        """Write an array under a temporary name and rename it when it is whole.

        Space on the disk is reserved first: writing to a map on a full disk would
        kill the process.

        Yields
        ------
        array : numpy.memmap
            To be filled.
        """
        self.drop_stale(files)
        path = self.folder / f"{name}.npy"
        temporary = self._temporary(path)
        array = None
        try:
            reserve(temporary, dtype, shape)
            array = np.lib.format.open_memmap(temporary, mode="r+")
            yield array
            array.flush()
            array = None
            for file in files:
                file.check_unchanged()
            self.write_json(name, {"sources": self.records(files)})
            os.replace(temporary, path)
        finally:
            del array
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def read_json(self, name):
        """Read what write_json wrote, or None."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def write_json(self, name, content):
        """Write a small record, whole or not at all."""
        path = self.folder / f"{name}.json"
        temporary = self._temporary(path)
        try:
            temporary.write_text(json.dumps(content), "utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def new_file(self, filename):
        """Yield a temporary path that is renamed to `filename` when it is written."""
        path = self.folder / filename
        temporary = self._temporary(path)
        try:
            yield temporary
            os.replace(temporary, path)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise OSError(
                error.errno,
                f"{self.folder} cannot take the ids and eras of the rows "
                f"({os.strerror(error.errno)}). Make room, or name another disk with "
                "cache_dir=...; nothing was left behind",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def drop_stale(self, files):
        """Remove entries made from these files before they changed."""
        now = {record["path"]: record for record in self.records(files)}
        for record in self.folder.glob("*.json"):
            content = self.read_json(record.stem) or {}
            sources = content.get("sources", ())
            if any(now.get(s["path"], s) != s for s in sources):
                for suffix in (".npy", ".arrow", ".json"):
                    # on Windows a file that is in use cannot be removed
                    with contextlib.suppress(OSError):
                        record.with_suffix(suffix).unlink(missing_ok=True)
        for left in self.folder.glob("*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                    left.unlink()

    def records(self, files):
        """Where an entry comes from, to be kept with it."""
        names = ("path", "size", "mtime_ns")
        return [dict(zip(names, self._state(file))) for file in files]

    def _state(self, file):
        # beside the file its name is enough, so that the folder can be moved
        beside = file.path.parent == self.folder.parent
        path = file.path.name if beside else str(file.path)
        return path, file.size, file.mtime_ns

    def _temporary(self, path):
        return path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def _writable_folder(path, cache_dir, data_home):
    if cache_dir is not None:
        folder = Path(cache_dir).expanduser().absolute()
        if not _can_write(folder):
            raise OSError(
                f"cache_dir={str(cache_dir)!r} cannot be written. Name a folder that "
                "can, with room for the features."
            )
        return folder
    tried = [
        path.parent / FOLDER,
        data_home_path(data_home) / FOLDER,
        Path(tempfile.gettempdir()) / f"sknumerai_cache_{_user()}",
    ]
    for folder in tried:
        if _can_write(folder):
            return folder
    raise OSError(
        f"The features of {path} need a folder for their memory map and none of "
        f"{[str(p) for p in tried]} can be written. Name one with cache_dir=..."
    )


def _can_write(folder):
    """Create the folder if its parent is meant to be written, and try it."""
    parent = folder
    while not parent.exists():
        parent = parent.parent
    # a folder without any permission to write is not meant to be, for root neither
    if not parent.stat().st_mode & 0o222:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _user():
    return os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "0")


def reserve(path, dtype, shape):
    """Create an npy file of zeros whose blocks are on the disk.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    dtype : dtype
        Type of the array.

    shape : tuple of int
        Its shape.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    try:
        with open(path, "wb") as file:
            np.lib.format.write_array_header_2_0(
                file,
                {
                    "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
                    "fortran_order": False,
                    "shape": shape,
                },
            )
            file.flush()
            _allocate(file, file.tell(), size)
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise OSError(
            error.errno,
            f"The memory map of the features needs {human(size)} in {path.parent}, "
            f"and {human(free)} are free there ({os.strerror(error.errno)}). Make "
            "room, load fewer features (feature_set=...) or eras (every=4), or name "
            "another disk with cache_dir=...; nothing was left behind",
        ) from error


def _allocate(file, start, size):
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), start, max(size, 1))
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    zeros = bytes(CHUNK)
    for i in range(0, size, CHUNK):
        file.write(zeros[: min(CHUNK, size - i)])


def human(size):
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.1f} {unit}" if unit != "B" else f"{size} B"
        size /= 1000
