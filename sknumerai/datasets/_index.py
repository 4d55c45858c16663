"""Index of eras and ids."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pyarrow as pa


def make_index(labels, codes, ids):
    """Build the MultiIndex (`era`, `id`) from codes, without hashing the ids.

    Parameters
    ----------
    labels : list
        Era labels.

    codes : ndarray of shape (n_rows,)
        Position of each row's era in `labels`.

    ids : pyarrow.ChunkedArray of shape (n_rows,)
        Unique ids.

    Returns
    -------
    index : pandas.MultiIndex
        Text is of the type that pandas gives text by default.
    """
    return pd.MultiIndex(
        levels=[pd.Index(labels), text_index(ids)],
        codes=[codes, np.arange(len(codes), dtype=np.int32)],
        names=["era", "id"],
        verify_integrity=False,
    )


def text_index(values):
    """Index of strings; no copy where pandas keeps strings in arrow arrays."""
    dtype = pd.Index([""]).dtype
    if isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow":
        return pd.Index(dtype.__from_arrow__(values.cast(pa.large_string())))
    return pd.Index(values.to_numpy(zero_copy_only=False), dtype=object)


def era_series(index):
    """Era label of each row as a Series on the index."""
    return pd.Series(index.get_level_values("era"), index=index, name="era")
