"""Read columns of parquet and csv files in blocks, in bounded memory."""

# SPDX-License-Identifier: BSD-3-Clause

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ID, ERA, DATA_TYPE = "id", "era", "data_type"
BATCH_ROWS = 16_384
# decoded columns that are held at a time, in bytes
BUDGET = 256 << 20
PAGE = 1 << 20
CSV_BLOCK = 16 << 20


def open_source(path):
    """Open a parquet or csv file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    source : ParquetSource or CsvSource
        Knows the columns and reads them in blocks.

    Raises
    ------
    ValueError
        If the file is not a whole parquet or csv file.
    """
    if path.name.endswith(".parquet"):
        return ParquetSource(path)
    return CsvSource(path)


class ParquetSource:
    """Columns of a parquet file, read by row groups.

    The file is mapped, so that compressed bytes are pages of the file and not memory
    of the process.
    """

    def __init__(self, path):
        self.path = path
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise ValueError(
                f"{path} is not a whole parquet file ({_first_line(error)}): it was "
                "cut off or is still being written. Download or write it again."
            ) from error
        schema = self._file.schema_arrow
        self.types = {field.name: field.type for field in schema}
        self.id_column = _id_column(self.types, schema.metadata)

    def close(self):
        """Close the file."""
        self._file.close()

    def blocks(self, columns, wanted=None):
        """Yield blocks of rows and columns.

        Parameters
        ----------
        columns : list of str
            Columns to read.

        wanted : ndarray of bool, shape (n_rows,), default=None
            Row groups without a wanted row are skipped.

        Yields
        ------
        start : int
            First row of the block.

        first : int
            Position in `columns` of the block's first column.

        arrays : list of pyarrow.Array
            One per column of the block.
        """
        for _, _, blocks in self.sections(columns, wanted):
            yield from blocks

    def sections(self, columns, wanted=None):
        """Yield row groups, each with the blocks that it consists of.

        Parameters
        ----------
        columns : list of str
            Columns to read.

        wanted : ndarray of bool, shape (n_rows,), default=None
            Row groups without a wanted row are skipped.

        Yields
        ------
        start, n_rows : int
            First row of the group and how many there are.

        blocks : iterator
            As of :meth:`blocks`: all columns of some rows after other columns.
        """
        meta = self._file.metadata
        where = {
            meta.schema.column(i).path: i for i in range(meta.num_columns)
        }  # flat columns only, nested ones are never asked for
        start = 0
        for g in range(meta.num_row_groups):
            n_rows = meta.row_group(g).num_rows
            if wanted is None or wanted[start : start + n_rows].any():
                yield start, n_rows, self._blocks_of(g, start, columns, where)
            start += n_rows

    def _blocks_of(self, g, start, columns, where):
        group = self._file.metadata.row_group(g)
        for first, last in _column_runs(group, columns, where):
            names = columns[first:last]
            row = start
            for batch in self._batches(g, names):
                yield row, first, [batch.column(name) for name in names]
                row += batch.num_rows

    def _batches(self, group, names):
        try:
            yield from self._file.iter_batches(
                BATCH_ROWS, row_groups=[group], columns=names
            )
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"{self.path}: row group {group} cannot be read "
                f"({_first_line(error)}): the file is damaged. Download or write it "
                "again."
            ) from error


class CsvSource:
    """Columns of a csv file, read as a stream.

    Ids, eras and data types are text and targets float32 whatever they look like.
    Other columns have the type that their first values have.
    """

    def __init__(self, path):
        self.path = path
        with self._open(None) as reader:
            self.types = {f.name: self._type(f) for f in reader.schema}
        features = [name for name in self.types if name.startswith("feature")]
        if any(pa.types.is_floating(self.types[name]) for name in features):
            # one kind of number for all: a float may begin with whole numbers
            self.types.update(dict.fromkeys(features, pa.float32()))
        self.id_column = ID if ID in self.types else None

    def close(self):
        """Do nothing: the file is opened for each pass."""

    def blocks(self, columns, wanted=None):
        """Yield blocks of rows, all columns at once. See ParquetSource."""
        start = 0
        with self._open(columns) as reader:
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except (pa.ArrowException, OSError) as error:
                    raise self._damaged(error) from error
                for i in range(0, batch.num_rows, BATCH_ROWS):
                    part = batch.slice(i, BATCH_ROWS)
                    yield start, 0, [part.column(name) for name in columns]
                    start += part.num_rows

    def sections(self, columns, wanted=None):
        """Yield blocks, each a section of its own. See ParquetSource."""
        for block in self.blocks(columns):
            yield block[0], len(block[2][0]), [block]

    def _open(self, columns):
        types = None
        if columns is not None:
            types = {name: self.types[name] for name in columns}
        try:
            return pa_csv.open_csv(
                self.path,
                read_options=pa_csv.ReadOptions(block_size=CSV_BLOCK),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=columns,
                    column_types=types,
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise self._damaged(error) from error

    def _damaged(self, error):
        return ValueError(
            f"{self.path} cannot be read as csv ({_first_line(error)}). It needs a "
            "header line, commas, and the same number of fields in each line."
        )

    @staticmethod
    def _type(field):
        if field.name in (ID, ERA, DATA_TYPE):
            return pa.string()
        if field.name.startswith("target"):
            return pa.float32()
        return pa.float32() if pa.types.is_floating(field.type) else field.type


def to_numpy(array, dtype):
    """Convert a numeric column to numpy, missing values to NaN where it is floating."""
    if array.null_count and np.issubdtype(dtype, np.integer):
        raise ValueError("missing values in an integer column")
    if pa.types.is_integer(array.type) and array.null_count == 0:
        values = array.to_numpy()
    else:
        values = array.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    return values.astype(dtype, copy=False)


def _column_runs(group, columns, where):
    """Runs of columns whose decoded buffers fit the budget."""
    first, used = 0, 0
    for i, name in enumerate(columns):
        chunk = group.column(where[name]).total_uncompressed_size
        # a page of encoded values, and a batch decoded to 4 bytes, then converted
        cost = min(chunk, 2 * PAGE) + 8 * min(BATCH_ROWS, group.num_rows)
        if i > first and used + cost > BUDGET:
            yield first, i
            first, used = i, 0
        used += cost
    if first < len(columns):
        yield first, len(columns)


def _id_column(types, metadata):
    """The column of ids: `id`, or the text index that pandas wrote."""
    if ID in types:
        return ID
    if metadata and b"pandas" in metadata:
        index = json.loads(metadata[b"pandas"]).get("index_columns") or []
        text = [name for name in index if _is_text(types, name) and name != ERA]
        if len(text) == 1:
            return text[0]
    return None


def _is_text(types, name):
    if not isinstance(name, str) or name not in types:
        return False
    kind = types[name]
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _first_line(error):
    return str(error).strip().splitlines()[0].rstrip(".")
