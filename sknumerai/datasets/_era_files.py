"""Files that grow era by era under a temporary name and appear when they are whole."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# Eras are gathered until a row group has so many rows or bytes: thousands of columns
# times hundreds of eras would make a footer of hundreds of megabytes.
GROUP_ROWS = 100_000
GROUP_BYTES = 96 * 2**20
_PARTIAL = ".partial"


class ParquetEras:
    """Write eras to a parquet file.

    Parameters
    ----------
    path : Path
        Where the file will be once :meth:`finish` was called.

    columns : dict of str to pyarrow.DataType
        Columns without the id, which comes last and is pandas' index.
    """

    def __init__(self, path, columns):
        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + _PARTIAL)
        fields = [pa.field(name, kind) for name, kind in columns.items()]
        empty = pa.schema([*fields, pa.field("id", pa.string())]).empty_table()
        frame = empty.to_pandas().set_index("id")
        metadata = pa.Schema.from_pandas(frame).metadata
        self.schema = empty.schema.with_metadata(metadata)
        try:
            # codes of three bits do not compress, and nobody looks for a code
            self._writer = pq.ParquetWriter(
                self._partial,
                self.schema,
                compression="none",
                write_statistics=[c for c in columns if c in ("era", "data_type")],
            )
        except OSError:
            self._partial.unlink(missing_ok=True)
            raise
        self._batches, self._rows, self._bytes = [], 0, 0

    def write(self, columns, ids):
        """Add an era.

        Parameters
        ----------
        columns : iterable of array-like
            Values of each column, in the order of the schema.

        ids : pyarrow.Array
            Ids of the rows.
        """
        arrays = [c if isinstance(c, pa.Array) else pa.array(c) for c in columns]
        batch = pa.RecordBatch.from_arrays([*arrays, ids], schema=self.schema)
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self):
        if self._batches:
            table = pa.Table.from_batches(self._batches, self.schema)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._batches, self._rows, self._bytes = [], 0, 0

    def finish(self):
        """Write what is left and give the file its name."""
        self._flush()
        self._writer.close()
        os.replace(self._partial, self.path)

    def abandon(self):
        """Remove what was written."""
        try:
            self._writer.close()
        except OSError:
            pass  # the disk may be full: the footer does not matter any more
        self._partial.unlink(missing_ok=True)


class CsvEras:
    """Write ids and predictions of eras to a csv file, as for a submission.

    Parameters
    ----------
    path : Path
        Where the file will be once :meth:`finish` was called.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._partial = self.path.with_name(self.path.name + _PARTIAL)
        self._file = self._partial.open("w", encoding="ascii", newline="\n")
        self._file.write("id,prediction\n")

    def write(self, columns, ids):
        """Add an era: `columns` holds the predictions only."""
        (prediction,) = columns
        self._file.writelines(
            f"{i},{p!s}\n" for i, p in zip(ids.to_pylist(), np.asarray(prediction))
        )

    def finish(self):
        """Give the file its name."""
        self._file.close()
        os.replace(self._partial, self.path)

    def abandon(self):
        """Remove what was written."""
        try:
            self._file.close()
        except OSError:
            pass
        self._partial.unlink(missing_ok=True)


def write_text(path, text):
    """Write a small file whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.

    text : str
        Its content.
    """
    partial = path.with_name(path.name + _PARTIAL)
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
