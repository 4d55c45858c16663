"""Ids, eras and data types of the rows of a file, checked and cached."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sknumerai.datasets._read import DATA_TYPE, ERA, open_source
from sknumerai.utils import check_eras


@dataclass(frozen=True, eq=False)
class FileRows:
    """The rows of one file in the file's order, without features and targets.

    Parameters
    ----------
    file : DataFile
        The file.

    types : dict of str to str
        Type of each column, as pyarrow names it.

    ids : pyarrow.ChunkedArray of shape (n_rows,)
        Ids, strings.

    codes : ndarray of shape (n_rows,)
        Position of each row's era in `labels`, int32.

    labels : list
        Era labels as in the file, in the order of their numbers.

    numbers : ndarray of shape (n_eras,)
        Era numbers.

    data_type : ndarray of shape (n_rows,) or None
        Position of each row's data type in `data_types`, int8, -1 where missing.

    data_types : list of str
        What the column holds.
    """

    file: object
    types: dict
    ids: object
    codes: np.ndarray
    labels: list
    numbers: np.ndarray
    data_type: np.ndarray
    data_types: list

    def __len__(self):
        return len(self.codes)


def read_rows(file, cache, caller="load_numerai"):
    """Read the ids, eras and data types of a file, from the cache if they are there.

    Parameters
    ----------
    file : DataFile
        The file.

    cache : Cache
        Where they are kept.

    caller : str, default="load_numerai"
        Name to begin error messages with.

    Returns
    -------
    rows : FileRows
        All rows of the file.

    Raises
    ------
    ValueError
        If ids or eras are missing, ids are not unique, or a label is no era.
    """
    name = f"rows-{cache.key([file], 'rows')}"
    record = cache.read_json(name)
    table = _open_table(cache.folder / f"{name}.arrow") if record else None
    if table is None:
        record, table = _convert(file, caller)
        cache.drop_stale([file])
        with (
            cache.new_file(f"{name}.arrow") as path,
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)
        file.check_unchanged()
        cache.write_json(name, {**record, "sources": cache.records([file])})
    return _file_rows(file, record, table)


def convert_rows(file, caller):
    """Read the rows of a small file without a cache. See read_rows."""
    return _file_rows(file, *_convert(file, caller))


def _file_rows(file, record, table):
    has_types = DATA_TYPE in table.column_names
    return FileRows(
        file=file,
        types=record["types"],
        ids=table.column("id"),
        codes=table.column("era").to_numpy(),
        labels=record["labels"],
        numbers=np.array(record["numbers"], dtype=np.int64),
        data_type=table.column(DATA_TYPE).to_numpy() if has_types else None,
        data_types=record["data_types"],
    )


def _open_table(path):
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError):
        return None


def _convert(file, caller):
    source = open_source(file.path)
    try:
        _check_columns(source, caller)
        names = [source.id_column, ERA]
        names += [DATA_TYPE] if DATA_TYPE in source.types else []
        blocks = [arrays for _, _, arrays in source.blocks(names)]
        types = {name: str(kind) for name, kind in source.types.items()}
    finally:
        source.close()
    if not blocks:
        raise ValueError(f"{caller}: {file.path} has no rows.")
    ids, eras, *data_types = (pa.chunked_array(list(c)) for c in zip(*blocks))
    n_rows = len(ids)
    codes, labels = factorize(eras)
    found = check_eras(
        pd.Categorical.from_codes(codes, categories=pd.Index(labels)),
        n_samples=n_rows,
        allow_live=True,
        caller=f"{caller}: {file.path.name}",
    )
    ids = ids.cast(pa.large_string()).combine_chunks()
    check_ids(ids, f"{caller}: {file.path.name}")
    columns = {"id": ids, "era": pa.array(found.codes.astype(np.int32))}
    values = []
    if data_types:
        type_codes, values = factorize(data_types[0])
        columns[DATA_TYPE] = pa.array(type_codes.astype(np.int8))
    record = {
        "types": types,
        "labels": found.labels.tolist(),
        "numbers": found.numbers.tolist(),
        "data_types": values,
    }
    return record, pa.table(columns)


def _check_columns(source, caller):
    if source.id_column is None:
        raise ValueError(
            f"{caller}: {source.path} has no column 'id' and no index of strings. "
            "Every row needs an id: write the file with the ids in the index "
            "(df.index.name = 'id') or in a column 'id'."
        )
    if ERA not in source.types:
        raise ValueError(
            f"{caller}: {source.path} has no column 'era'. Every row needs an era; "
            f"the file has {list(source.types)[:5]} ..."
        )


def factorize(column):
    """Codes and distinct values of a column, -1 where it is missing."""
    encoded = column.unify_dictionaries() if _is_dictionary(column) else column
    if not _is_dictionary(encoded):
        encoded = encoded.dictionary_encode()
    encoded = encoded.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary.to_pylist()


def check_ids(ids, where):
    """Raise if an id is missing or given twice.

    Parameters
    ----------
    ids : pyarrow array of strings
        The ids.

    where : str
        Beginning of the error message.

    Raises
    ------
    ValueError
        It says how many and names the first.
    """
    empty = pc.fill_null(pc.equal(ids, ""), True)
    n_empty = pc.sum(empty).as_py() or 0
    if n_empty:
        raise ValueError(
            f"{where}: {n_empty} of {len(ids)} rows have no id, the first is row "
            f"{pc.index(empty, True).as_py()}. Give every row an id or drop them."
        )
    if _all_differ(ids):
        return
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    raise ValueError(
        f"{where}: {len(twice)} ids occur more than once, the first is "
        f"{twice[0]['values'].as_py()!r} in {twice[0]['counts'].as_py()} rows. Ids "
        "must be unique: drop the repeated rows."
    )


def _all_differ(ids):
    """Whether no string occurs twice; sorts in place of hashing, in little memory."""
    n_rows = len(ids)
    flat = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    _, offsets, data = flat.buffers()
    offsets = np.frombuffer(offsets, dtype=np.int64)[flat.offset :][: n_rows + 1]
    width = int(offsets[1] - offsets[0])
    if not (np.diff(offsets) == width).all():
        return pc.count_distinct(flat).as_py() == n_rows
    text = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]]
    text = np.sort(text.view(f"S{width}"))
    return not (text[1:] == text[:-1]).any()


def _is_dictionary(column):
    return pa.types.is_dictionary(column.type)
