"""Load Numerai's files as views of a memory map."""

# SPDX-License-Identifier: BSD-3-Clause

import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sknumerai.datasets._cache import Cache
from sknumerai.datasets._feature_sets import (
    choose_features,
    features_json,
    read_features_json,
)
from sknumerai.datasets._features_map import map_features
from sknumerai.datasets._files import find_files
from sknumerai.datasets._index import era_series, make_index
from sknumerai.datasets._named_targets import alias_of, choose_targets, read_columns
from sknumerai.datasets._options import (
    check_columns,
    check_options,
    check_splits,
    codec_of,
)
from sknumerai.datasets._rows import read_rows
from sknumerai.datasets._select import choose_rows, join_rows

CALLER = "load_numerai"


def load_numerai(
    name_or_path,
    split="train",
    *,
    feature_set=None,
    targets="auto",
    eras=None,
    every=None,
    drop_unresolved=False,
    allow_alias=False,
    float_features="keep",
    missing_features="raise",
    data_home=None,
    cache_dir=None,
    verbose=1,
):
    """Load features, targets and eras from Numerai's files.

    The features of a file are converted once into a row-major memory map, which is
    kept beside the file; `data` is a view of it, so a matrix larger than the memory
    can be loaded and sliced. Read more in the user guide, "Loading data".

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a data set in the data home ("v5.3"), a folder with the official
        files, or one parquet or csv file with columns ``id`` (or an index of ids),
        ``era``, ``feature...`` and ``target...``.

    split : str or list of str, default="train"
        "train", "validation", "live", another data type ("test"), a list of them, or
        "all". In a folder it names the file; a file that is not named after the split
        gives the rows whose ``data_type`` it is, or all rows where it has no such
        column. The rows of several files are in one map, of their own.

    feature_set : str, list of str or None, default=None
        Name of a set in ``features.json``, a list of columns, or None for all
        features in the file.

    targets : str, list of str or None, default="auto"
        "auto" is "target_ender_60", which Numerai pays on; a file without it needs a
        name, a live file none. A name gives a Series, a list a DataFrame, its first
        column being the main target. None loads no target.

    eras : slice, array-like of int or str, or None, default=None
        Era numbers or labels. A list or range must be there completely; a slice takes
        what there is from its start to before its stop, and never live rows.

    every : int or None, default=None
        Keep the eras 1, 1 + every, 1 + 2 * every, ...: the same ones in every file.

    drop_unresolved : bool, default=False
        Whether rows whose main target is NaN are left out. How many is in
        ``n_dropped`` and shown if `verbose`.

    allow_alias : bool, default=False
        Whether `targets` may name the bare ``target``, an alias that Numerai has moved
        from one target to another.

    float_features : {"keep", "codes"}, default="keep"
        For features that the file holds as floats: "keep" loads them as float32,
        "codes" turns 0, 0.25, ..., 1 into the int8 codes 0 to 4 and refuses other
        values. Integers are codes in any case.

    missing_features : "raise", "keep" or float, default="raise"
        What a missing feature becomes: an error, NaN (float features only), or this
        value, e.g. the code 2 of Numerai's present files.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    cache_dir : str or path-like, default=None
        Folder for the memory maps. By default ``.sknumerai_cache`` beside the file,
        or, where that cannot be written, in the data home or the temporary folder. It
        can be deleted at any time.

    verbose : int, default=1
        Whether a progress bar appears when converting takes more than two seconds,
        and the number of dropped rows. Both go to the standard error.

    Returns
    -------
    data : sklearn.utils.Bunch
        With the attributes

        data : DataFrame of shape (n_rows, n_features)
            int8 codes 0 to 4 (float32 for float features), indexed by (`era`, `id`),
            in the order of the eras. A read-only view of the memory map.
        target : Series, DataFrame or None
            float32 on the same index, NaN where unresolved.
        eras : Series of shape (n_rows,)
            Era label of each row, as in the file.
        feature_names, target_names : list of str
            Columns that were loaded.
        feature_sets : dict of str to list of str
            The sets of ``features.json`` whose features were all loaded.
        data_type : Series of shape (n_rows,) or None
            The file's column, where it has one.
        alias_of : list of str or None
            The named targets that ``target`` equals; None where there is no such
            column.
        n_unresolved, n_dropped : int
            Rows whose main target is NaN, and how many of them were left out.
        files : list of pathlib.Path
            The files that were read.
        map_path : pathlib.Path
            The memory map.

    Raises
    ------
    FileNotFoundError
        If there is no such data set, file or split.

    ValueError
        If the file is damaged, ids are missing or repeated, a label is no era, a
        feature is missing or out of range, a feature set, target or era does not
        exist, the main target is nowhere resolved, or live rows are among others.

    OSError
        If the disk is too full for the map. Nothing is left behind.

    Warns
    -----
    UserWarning
        If the rows of the file are not in the order of their eras, or an auxiliary
        target is nowhere resolved.

    See Also
    --------
    fetch_numerai : Download first.
    make_numerai : Generate synthetic data.

    Notes
    -----
    Converting reads the parquet file by row groups and a bounded number of columns, so
    it needs some hundred MB of memory whatever the size of the file. A map holds one
    choice of features, splits and eras. Rows that are a run of an existing map, such
    as an interval of eras, the resolved rows or a fold of a walk-forward split, are a
    view of it. A file that has changed is converted again and its old maps are
    removed.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sknumerai.datasets import load_numerai
    >>> frame = pd.DataFrame(
    ...     {
    ...         "era": ["0001", "0001", "0002"],
    ...         "feature_a": [0, 2, 4],
    ...         "target_ender_60": [0.25, 0.75, None],
    ...     },
    ...     index=pd.Index(["n1", "n2", "n3"], name="id"),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/train.parquet")
    ...     data = load_numerai(folder, drop_unresolved=True, verbose=0)
    >>> data.data.shape, data.target.tolist(), data.n_dropped
    ((2, 1), [0.25, 0.75], 1)
    """
    check_options(float_features, missing_features, CALLER)
    splits = check_splits(split, CALLER)
    files = find_files(name_or_path, splits, data_home, CALLER)
    cache = Cache(files, cache_dir, data_home)
    tables = [read_rows(file, cache, CALLER) for file in files]
    where = f"{CALLER}: {files[0].path.name}"
    first = tables[0]

    feature_sets, features = _features(tables, feature_set, where)
    names = choose_targets(
        targets,
        first,
        allow_alias=allow_alias,
        live="live" in splits,
        equals=lambda: alias_of(first, cache),
        where=where,
    )
    codec = codec_of(tables, features, float_features, missing_features, where)
    check_columns(tables, names, "target", CALLER)

    rows = join_rows(tables, CALLER)
    chosen = choose_rows(rows, splits, eras, every, CALLER)
    mixed = [t.file.path.name for t in tables if (t.codes[1:] < t.codes[:-1]).any()]
    if mixed:
        warnings.warn(
            f"{CALLER}: {mixed[0]}: the rows are not in the order of their eras (text order puts "
            "era10 before era2?). They are loaded in the order of the era numbers.",
            UserWarning,
            stacklevel=2,
        )
    columns = _columns(rows, names, cache)
    mask, n_unresolved = _resolved(columns, chosen, names, rows, drop_unresolved, where)
    n_dropped = n_unresolved if drop_unresolved else 0
    if n_dropped and verbose:
        print(
            f"{where}: left out {n_dropped} of {np.count_nonzero(chosen)} rows, whose "
            f"{names[0]} is not resolved.",
            file=sys.stderr,
        )

    equals = alias_of(first, cache)
    matrix, map_path = map_features(
        rows, chosen, mask, features, codec, cache, verbose, CALLER
    )
    return _bunch(
        rows,
        mask,
        matrix,
        features,
        {name: values[mask] for name, values in columns.items()},
        isinstance(targets, str) or targets is None,
        feature_sets=feature_sets,
        alias_of=equals,
        n_unresolved=n_unresolved,
        n_dropped=n_dropped,
        files=[file.path for file in files],
        map_path=map_path,
    )


def _features(tables, feature_set, where):
    available = [name for name in tables[0].types if name.startswith("feature")]
    found = features_json(tables[0].file.path)
    sets = read_features_json(found)["feature_sets"] if found else {}
    features = choose_features(feature_set, available, sets, where)
    check_columns(tables, features, "feature", CALLER)
    loaded = set(features)
    return {k: list(v) for k, v in sets.items() if v and loaded.issuperset(v)}, features


def _columns(rows, names, cache):
    """Targets of all rows, in era order."""
    parts = [read_columns(f, names, cache) for f in rows.files]
    columns = {}
    for name in names:
        values = [part[name] for part in parts]
        values = values[0] if len(values) == 1 else np.concatenate(values)
        columns[name] = values[rows.origin] if rows.reordered else values
    return columns


def _resolved(columns, chosen, names, rows, drop_unresolved, where):
    """Rows to keep, and how many of the chosen ones have no main target yet."""
    if not names:
        if drop_unresolved:
            raise ValueError(
                f"{where}: drop_unresolved=True needs a target to look at. Name one "
                "with targets=..."
            )
        return chosen, 0
    live = any("live" in (f.file.data_types or ()) for f in rows.files)
    live = live or any(f.file.path.name.startswith("live") for f in rows.files)
    resolved = ~np.isnan(columns[names[0]])
    n_chosen = int(np.count_nonzero(chosen))
    n_unresolved = n_chosen - int(np.count_nonzero(resolved & chosen))
    if n_unresolved == n_chosen and (drop_unresolved or not live):
        raise ValueError(
            f"{where}: the target {names[0]!r} is NaN in all {n_chosen} rows asked "
            "for. Choose other eras or another target, or pass targets=None to load "
            "the rows without a target."
        )
    for name in names[1:]:
        if not live and np.isnan(columns[name][chosen]).all():
            warnings.warn(
                f"{where}: the auxiliary target {name!r} is NaN in all {n_chosen} "
                "rows asked for.",
                UserWarning,
                stacklevel=3,
            )
    return (chosen & resolved if drop_unresolved else chosen), n_unresolved


def _bunch(rows, mask, matrix, features, columns, single, **more):
    positions = np.flatnonzero(mask)
    if len(positions) == positions[-1] - positions[0] + 1:
        positions = slice(int(positions[0]), int(positions[-1]) + 1)
    codes = rows.codes[positions]
    used = np.bincount(codes, minlength=len(rows.labels)) > 0
    if not used.all():
        codes = (np.cumsum(used) - 1)[codes]
    labels = [label for label, there in zip(rows.labels, used) if there]
    index = make_index(labels, codes, rows.ids(positions))
    target = None
    if columns and single:
        ((name, values),) = columns.items()
        target = pd.Series(values, index=index, name=name, copy=False)
    elif columns:
        target = pd.DataFrame(columns, index=index, copy=False)
    types = rows.data_type(positions)
    return Bunch(
        data=pd.DataFrame(matrix, index=index, columns=features, copy=False),
        target=target,
        eras=era_series(index),
        feature_names=features,
        target_names=list(columns),
        data_type=(
            None if types is None else pd.Series(types, index=index, name="data_type")
        ),
        **more,
    )
