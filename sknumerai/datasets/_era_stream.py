"""Features of a file, one whole era at a time, in bounded memory."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from sknumerai.datasets._cache import human, reserve
from sknumerai.datasets._memmap import fill_rows
from sknumerai.datasets._read import open_source

# a row group that is larger goes to a temporary file
GROUP_BYTES = 512 << 20
# rows that wait for the rest of their eras
WAITING_BYTES = 1 << 30


class EraStream:
    """Whole eras of some rows of files, in the order in which they are complete.

    One row group is held at a time, and the rows of eras that it has in part.

    Parameters
    ----------
    rows : Rows
        All rows of the files, in era order.

    positions : ndarray of shape (n_chosen,)
        The chosen rows, rising positions in `rows`.

    features : list of str
        Columns, in the order wanted.

    codec : FeatureCodec
        Checks and converts.

    folder : pathlib.Path
        Where a temporary file may be.

    caller : str
        Name to begin error messages with.
    """

    def __init__(self, rows, positions, features, codec, folder, caller):
        self.rows = rows
        self.features = features
        self.codec = codec
        self.folder = folder
        self.caller = caller
        self._origin = rows.origin[positions]
        self._codes = rows.codes[positions]
        self._lacks = np.bincount(self._codes, minlength=len(rows.labels))
        self._memory = np.empty(0, dtype=codec.dtype)
        # parts of eras that are not complete: their rows and features
        self._waiting = {}
        self._waiting_bytes = 0

    def __iter__(self):
        """Yield eras.

        Yields
        ------
        code : int
            Position of the era in the labels of `rows`.

        chosen : ndarray of shape (n_rows_of_era,)
            Which of the chosen rows, rising.

        matrix : ndarray of shape (n_rows_of_era, n_features)
            Their features; valid until the next era.
        """
        first = 0
        for f in self.rows.files:
            # which of the chosen rows each row of this file is, -1 for none
            chosen = np.full(len(f), -1, dtype=np.int64)
            mine = np.flatnonzero(
                (self._origin >= first) & (self._origin < first + len(f))
            )
            chosen[self._origin[mine] - first] = mine
            if len(mine):
                yield from self._eras_of_file(f, chosen)
            first += len(f)

    def _eras_of_file(self, f, chosen):
        source = open_source(f.file.path)
        goes = np.full(len(f), -1, dtype=np.int64)
        try:
            for start, n_rows, blocks in source.sections(self.features, chosen >= 0):
                here = slice(start, start + n_rows)
                wanted = chosen[here] >= 0
                if not wanted.any():
                    continue
                n_wanted = int(np.count_nonzero(wanted))
                goes[here][wanted] = np.arange(n_wanted)
                shape = (n_wanted, len(self.features))
                with self._array(shape) as matrix:
                    fill_rows(matrix, blocks, goes, self.features, self.codec)
                    yield from self._complete(matrix, chosen[here][wanted])
        finally:
            source.close()

    def _complete(self, matrix, chosen):
        """Yield the eras that these rows complete, and keep the others."""
        codes = self._codes[chosen]
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        for at in np.split(order, starts[1:]):
            code = int(codes[at[0]])
            run = at[-1] - at[0] + 1 == len(at)
            part = matrix[at[0] : at[-1] + 1] if run else matrix[at]
            parts = self._waiting.pop(code, [])
            parts.append((chosen[at], part))
            self._lacks[code] -= len(at)
            if self._lacks[code]:
                self._keep(code, parts)
                continue
            self._waiting_bytes -= sum(p.nbytes for _, p in parts[:-1])
            where, part = parts[0]
            if len(parts) > 1:
                where = np.concatenate([w for w, _ in parts])
                part = np.concatenate([p for _, p in parts])
            yield code, where, part

    def _keep(self, code, parts):
        where, part = parts[-1]
        # a copy: the row group's memory is used again
        parts[-1] = where, part.copy()
        self._waiting[code] = parts
        self._waiting_bytes += part.nbytes
        if self._waiting_bytes > WAITING_BYTES:
            raise ValueError(
                f"{self.caller}: the rows of {len(self._waiting)} eras lie scattered in "
                f"{self.rows.files[0].file.path.name}, and {human(self._waiting_bytes)} "
                "of them wait for the rest of their eras. Load the file with "
                "load_numerai, which puts the rows of an era together, and predict its "
                "data."
            )

    @contextlib.contextmanager
    def _array(self, shape):
        """The array of a row group: memory that is used again, or a file if large."""
        dtype, size = self.codec.dtype, int(np.prod(shape, dtype=np.int64))
        if size * dtype.itemsize > GROUP_BYTES:
            with _array_on_file(shape, dtype, self.folder) as array:
                yield array
            return
        if self._memory.size < size:
            self._memory = np.empty(0, dtype=dtype)  # not beside a larger one
            self._memory = np.empty(size, dtype=dtype)
        yield self._memory[:size].reshape(shape)


@contextlib.contextmanager
def _array_on_file(shape, dtype, folder):
    handle, name = tempfile.mkstemp(prefix="predict-", suffix=".tmp", dir=folder)
    os.close(handle)
    path, array = Path(name), None
    try:
        reserve(path, dtype, shape)
        array = np.lib.format.open_memmap(path, mode="r+")
        # gone already when the process is killed, where the system allows that
        with contextlib.suppress(OSError):
            path.unlink()
        yield array
    finally:
        del array
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
