"""Features of some rows as one row-major memory map."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pyarrow as pa
from tqdm.auto import tqdm

from sknumerai.datasets._read import open_source

MAX_CODE = 4
# rows whose part of the block stays in the processor's cache while it is turned
TILE_BYTES = 2 << 20


class FeatureCodec:
    """How features are stored: codes 0..4 as int8, or numbers as float32.

    Parameters
    ----------
    dtype : dtype
        int8 or float32.

    quarters : bool
        Whether floats k/4 are to become the codes k.

    missing : "raise", "keep" or int
        What a missing feature becomes.

    where : str
        Beginning of error messages.
    """

    def __init__(self, dtype, quarters, missing, where):
        self.dtype = np.dtype(dtype)
        self.quarters = quarters
        self.missing = missing
        self.where = where

    def encode(self, name, array):
        """Check a column of a block and convert it.

        Parameters
        ----------
        name : str
            Feature, for the message.

        array : pyarrow.Array
            Values as in the file.

        Returns
        -------
        values : ndarray
            Of `dtype`, or int8 without a copy.
        """
        integer = pa.types.is_integer(array.type)
        if integer and not array.null_count:
            values = array.to_numpy()
            gaps = None
        else:
            values = array.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
            gaps = np.isnan(values)
            gaps = gaps if gaps.any() else None
            if gaps is not None and self.missing == "raise":
                raise ValueError(self._gap(name, int(gaps.sum())))
        if self.dtype.kind == "f":
            if np.isinf(values).any():
                raise ValueError(f"{self.where}: feature {name!r} holds infinity.")
            if gaps is not None and self.missing != "keep":
                values = np.where(gaps, np.float32(self.missing), values)
            return values
        if self.quarters and not integer:
            values = values * 4
        if gaps is not None:
            values = np.where(gaps, self.missing, values)
        return self._codes(name, values)

    def _codes(self, name, values):
        if values.dtype == np.int8:
            # negative codes are large as unsigned ones: one comparison finds both
            if len(values) and values.view(np.uint8).max() > MAX_CODE:
                raise ValueError(self._out_of_range(name, values))
            return values
        codes = values.astype(np.int8)
        if (codes != values).any() or (codes.view(np.uint8) > MAX_CODE).any():
            raise ValueError(self._out_of_range(name, values))
        return codes

    def _gap(self, name, n_gaps):
        return (
            f"{self.where}: feature {name!r} has {n_gaps} or more missing values. "
            "Numerai's present files write the code 2 for a missing feature: pass "
            "missing_features=2 to do the same (0.5 for floats)"
            + (", or 'keep' to keep NaN." if self.dtype.kind == "f" else ".")
        )

    def _out_of_range(self, name, values):
        valid = np.isin(values, np.arange(MAX_CODE + 1))
        bad = values[~valid][0] / (4 if self.quarters else 1)
        allowed = "0, 0.25, 0.5, 0.75 and 1" if self.quarters else "0, 1, 2, 3 and 4"
        mend = (
            "Leave float_features='keep' to load the numbers as they are."
            if self.quarters
            else "Repair the file, or leave the feature out with feature_set=[...]."
        )
        return (
            f"{self.where}: feature {name!r} holds {bad:g}, where {allowed} are "
            f"allowed. {mend}"
        )


def feature_codec(types, features, float_features, missing, where):
    """Decide how the features of a file are stored, from their types.

    Parameters
    ----------
    types : dict of str to str
        Types of the file's columns.

    features : list of str
        Features to load.

    float_features : {"keep", "codes"}
        What floats become.

    missing : "raise", "keep" or int
        What a missing feature becomes.

    where : str
        Beginning of error messages.

    Returns
    -------
    codec : FeatureCodec
        int8 if all are integers or floats become codes, else float32.
    """
    kinds = {name: types[name] for name in features}
    other = [n for n, k in kinds.items() if not _is_integer(k) and not _is_float(k)]
    if other:
        raise ValueError(
            f"{where}: feature {other[0]!r} is of type {kinds[other[0]]}, and {len(other)}"
            " features in all are neither integers nor floats. Repair the file, or "
            "leave them out with feature_set=[...]."
        )
    n_floats = sum(map(_is_float, kinds.values()))
    if 0 < n_floats < len(features):
        whole = next(n for n, k in kinds.items() if _is_integer(k))
        real = next(n for n, k in kinds.items() if _is_float(k))
        raise ValueError(
            f"{where}: some features are integers ({whole!r}) and some are floats "
            f"({real!r}). Load them separately, with feature_set=[...]."
        )
    as_codes = not n_floats or float_features == "codes"
    if as_codes and missing == "keep":
        raise ValueError(
            f"{where}: missing_features='keep' is for float features; codes have no "
            "NaN. Pass a code such as 2."
        )
    if as_codes and missing not in ("raise", *range(MAX_CODE + 1)):
        raise ValueError(
            f"{where}: missing_features={missing!r} is no code. Pass one of 0 to 4."
        )
    dtype = np.int8 if as_codes else np.float32
    return FeatureCodec(dtype, as_codes and n_floats > 0, missing, where)


def _is_integer(kind):
    return kind.startswith(("int", "uint"))


def _is_float(kind):
    return kind in ("halffloat", "float", "double")


def write_features(out, rows, positions, features, codec, verbose):
    """Fill a row-major array with the features of some rows.

    Parameters
    ----------
    out : ndarray of shape (n_chosen, n_features)
        Filled in place.

    rows : Rows
        All rows of the files.

    positions : ndarray of shape (n_chosen,)
        The chosen rows, positions in `rows`.

    features : list of str
        Columns, in the order of `out`.

    codec : FeatureCodec
        Checks and converts.

    verbose : bool or int
        Whether a progress bar appears if it takes more than two seconds.
    """
    origin = rows.origin[positions]
    bar = tqdm(
        total=out.nbytes,
        unit="B",
        unit_scale=True,
        desc="Converting features",
        delay=2,
        disable=not verbose,
    )
    first = 0
    with bar:
        for f in rows.files:
            # where each row of this file goes, -1 for nowhere
            goes = np.full(len(f), -1, dtype=np.int64)
            mine = np.flatnonzero((origin >= first) & (origin < first + len(f)))
            goes[origin[mine] - first] = mine
            if len(mine):
                _write_file(out, f, goes, features, codec, bar)
            first += len(f)
    pa.default_memory_pool().release_unused()


def _write_file(out, rows, goes, features, codec, bar):
    source = open_source(rows.file.path)
    try:
        blocks = source.blocks(features, goes >= 0)
        fill_rows(out, blocks, goes, features, codec, bar)
    finally:
        source.close()


def fill_rows(out, blocks, goes, features, codec, bar=None):
    """Convert blocks of a file and put them into a row-major array.

    Parameters
    ----------
    out : ndarray of shape (n_chosen, n_features)
        Filled in place.

    blocks : iterable of tuple
        As ``ParquetSource.blocks`` yields them.

    goes : ndarray of shape (n_rows,)
        Row of `out` of each row of the file, -1 for none.

    features : list of str
        Columns, in the order of `out`.

    codec : FeatureCodec
        Checks and converts.

    bar : tqdm or None, default=None
        Told the bytes that were written.
    """
    block = np.empty(0, dtype=out.dtype)
    for start, first, arrays in blocks:
        n_rows, n_cols = len(arrays[0]), len(arrays)
        to = goes[start : start + n_rows]
        keep = to >= 0
        if not keep.any():
            continue
        if block.size < n_rows * n_cols:
            block = np.empty(n_rows * n_cols, dtype=out.dtype)
        part = block[: n_rows * n_cols].reshape(n_rows, n_cols)
        names = features[first : first + n_cols]
        _turn(part, [codec.encode(n, a) for n, a in zip(names, arrays)])
        if not keep.all():
            part, to = part[keep], to[keep]
        columns = slice(first, first + n_cols)
        if (np.diff(to) == 1).all():
            out[to[0] : to[0] + len(to), columns] = part
        else:
            out[to, columns] = part
        if bar is not None:
            bar.update(part.nbytes)


def _turn(block, columns):
    """Write columns into a row-major block, some rows at a time."""
    step = max(256, TILE_BYTES // max(1, block.strides[0]))
    for i in range(0, len(block), step):
        tile = block[i : i + step]
        for j, values in enumerate(columns):
            tile[:, j] = values[i : i + step]


def copy_rows(out, source, positions, verbose):
    """Copy rows of one map into another in blocks."""
    step = max(1, (32 << 20) // max(1, out.strides[0]))
    bar = tqdm(
        total=out.nbytes,
        unit="B",
        unit_scale=True,
        desc="Copying features",
        delay=2,
        disable=not verbose,
    )
    with bar:
        for i in range(0, len(out), step):
            part = positions[i : i + step]
            out[i : i + len(part)] = source[part]
            bar.update(out[i : i + len(part)].nbytes)
