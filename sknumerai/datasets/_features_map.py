"""Find or make the memory map that holds the features of some rows."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.datasets._memmap import copy_rows, write_features
from sknumerai.datasets._select import check_ids_across


def map_features(rows, eras_mask, mask, features, codec, cache, verbose, caller):
    """Map the features of some rows, and convert them where that was not done yet.

    A map holds the rows of one choice of splits and eras. Rows that are a run of a
    map are a view of it; others get a map of their own.

    Parameters
    ----------
    rows : Rows
        All rows of the files, in era order.

    eras_mask : ndarray of bool, shape (n_rows,)
        The rows chosen by split and era.

    mask : ndarray of bool, shape (n_rows,)
        Those of them that are wanted.

    features : list of str
        The columns.

    codec : FeatureCodec
        How they are stored.

    cache : Cache
        Where the maps are.

    verbose : bool or int
        Whether progress is shown.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    matrix : ndarray of shape (n_wanted, n_features)
        Row-major, read-only, on a memory map.

    path : pathlib.Path
        File of the map.
    """
    everything = np.ones(len(rows), dtype=bool)
    options = (codec.dtype.str, codec.quarters, codec.missing)

    def name_of(chosen):
        parts = ["\0".join(features).encode(), *options]
        return "features-" + cache.key(
            rows.sources, *parts, np.packbits(chosen).tobytes()
        )

    def open_map(chosen):
        shape = (int(np.count_nonzero(chosen)), len(features))
        return cache.open_array(name_of(chosen), codec.dtype, shape)

    whole = open_map(everything)
    for chosen in (everything, eras_mask, mask):
        run = _run(mask[chosen])
        if run is not None:
            found = whole if chosen is everything else open_map(chosen)
            if found is not None:
                return found[run], cache.folder / f"{name_of(chosen)}.npy"

    # unresolved rows at the end are cut off by a view, so they are kept in the map
    chosen = eras_mask if _run(mask[eras_mask]) is not None else mask
    check_ids_across(rows, caller)
    shape = (int(np.count_nonzero(chosen)), len(features))
    name = name_of(chosen)
    positions = np.flatnonzero(chosen)
    with cache.new_array(name, rows.sources, codec.dtype, shape) as out:
        if whole is not None:
            copy_rows(out, whole, positions, verbose)
        else:
            write_features(out, rows, positions, features, codec, verbose)
    found = open_map(chosen)
    if found is None:
        raise RuntimeError(
            f"{caller}: the memory map {cache.folder / name}.npy vanished while it was "
            "being loaded. Load again."
        )
    return found[_run(mask[chosen])], cache.folder / f"{name}.npy"


def _run(mask):
    """The slice of the true entries if they are one run, else None."""
    n_true = int(np.count_nonzero(mask))
    if not n_true:
        return None
    start = int(np.argmax(mask))
    return slice(start, start + n_true) if mask[start : start + n_true].all() else None
