"""Load the predictions that Numerai publishes beside the features."""

# SPDX-License-Identifier: BSD-3-Clause

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sknumerai.datasets._feature_sets import near
from sknumerai.datasets._files import data_file, find_dataset, find_files
from sknumerai.datasets._index import make_index
from sknumerai.datasets._read import DATA_TYPE, ERA, open_source
from sknumerai.datasets._rows import convert_rows
from sknumerai.datasets._select import join_rows

META_MODEL = "numerai_meta_model"


def load_benchmark_models(
    name_or_path,
    split="train",
    *,
    models=None,
    index=None,
    data_home=None,
    verbose=1,
):
    """Load the predictions of Numerai's benchmark models.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a data set in the data home ("v5.3"), a folder with
        ``{split}_benchmark_models.parquet``, or such a file (parquet or csv).

    split : str or list of str, default="train"
        "train", "validation", "live" or a list of them. Not looked at for one file.

    models : list of str or None, default=None
        Models to load, by default all.

    index : pandas.Index or None, default=None
        Rows to return, in this order: the index of `data` that load_numerai returned,
        or an index of ids. Rows that the benchmarks do not cover (in v5 those before
        era 158) are NaN. By default all rows of the files, in the order of the eras.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    verbose : int, default=1
        Whether to tell, on the standard error, how many rows of `index` are not
        covered.

    Returns
    -------
    benchmark : DataFrame of shape (n_rows, n_models)
        Predictions in (0, 1), indexed by (`era`, `id`), or by `index`.

    Raises
    ------
    FileNotFoundError
        If there is no such data set or file.

    ValueError
        If the file is damaged, a model does not exist, ids are repeated, or no row
        of `index` is covered.

    See Also
    --------
    load_numerai : Load the features and targets.
    load_meta_model : Load the predictions of the meta model.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sknumerai.datasets import load_benchmark_models
    >>> frame = pd.DataFrame(
    ...     {"era": ["0158", "0158"], "v53_lgbm_ender60": [0.25, 0.75]},
    ...     index=pd.Index(["n1", "n2"], name="id"),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/train_benchmark_models.parquet")
    ...     load_benchmark_models(folder)["v53_lgbm_ender60"].tolist()
    [0.25, 0.75]
    """
    caller = "load_benchmark_models"
    path = find_dataset(name_or_path, data_home, caller)
    if path.is_file():
        files = [data_file(path)]
    else:
        splits = (split,) if isinstance(split, str) else tuple(split)
        names = tuple(f"{name}_benchmark_models" for name in splits)
        files = find_files(path, names, data_home, caller)
    return _load(files, models, index, verbose, caller)


def load_meta_model(name_or_path, *, index=None, data_home=None, verbose=1):
    """Load the predictions of Numerai's meta model.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a data set in the data home ("v5.3"), a folder with
        ``meta_model.parquet``, or such a file (parquet or csv).

    index : pandas.Index or None, default=None
        Rows to return, in this order: the index of `data` that load_numerai returned,
        or an index of ids. Rows that the meta model does not cover are NaN: Numerai
        publishes it for the eras of about the last two years only. By default all
        rows of the file, in the order of the eras.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    verbose : int, default=1
        Whether to tell, on the standard error, how many rows of `index` are not
        covered.

    Returns
    -------
    meta_model : Series of shape (n_rows,)
        Predictions in (0, 1), named ``numerai_meta_model``, indexed by (`era`, `id`),
        or by `index`.

    Raises
    ------
    FileNotFoundError
        If there is no such data set or file.

    ValueError
        If the file is damaged, has no such column, ids are repeated, or no row of
        `index` is covered.

    See Also
    --------
    load_benchmark_models : Load the predictions of the benchmark models.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sknumerai.datasets import load_meta_model
    >>> frame = pd.DataFrame(
    ...     {"era": ["1133", "1133"], "numerai_meta_model": [0.25, 0.75]},
    ...     index=pd.Index(["n1", "n2"], name="id"),
    ... )
    >>> ids = pd.Index(["n2", "n1"], name="id")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/meta_model.parquet")
    ...     load_meta_model(folder, index=ids).tolist()
    [0.75, 0.25]
    """
    caller = "load_meta_model"
    path = find_dataset(name_or_path, data_home, caller)
    if not path.is_file():
        (file,) = find_files(path, ("meta_model",), data_home, caller)
        path = file.path
    frame = _load([data_file(path)], [META_MODEL], index, verbose, caller)
    return frame[META_MODEL]


def _load(files, models, index, verbose, caller):
    tables = [convert_rows(file, caller) for file in files]
    models = _choose_models(tables, models, caller)
    rows = join_rows(tables, caller)
    parts = [_read_models(t, models, caller) for t in tables]
    ids = rows.ids(slice(0, len(rows)))
    order = rows.origin if rows.reordered else slice(None)
    columns = {
        name: np.concatenate([part[name] for part in parts])[order] for name in models
    }
    frame = pd.DataFrame(columns, index=make_index(rows.labels, rows.codes, ids))
    if index is None:
        return frame
    return _align(frame, ids, index, verbose, f"{caller}: {files[0].path.name}")


def _choose_models(tables, models, caller):
    first = tables[0]
    numeric = [
        name
        for name, kind in first.types.items()
        if kind in ("halffloat", "float", "double")
        and not name.startswith(("feature", "target"))
    ]
    names = numeric if models is None else [models] if isinstance(models, str) else None
    names = list(models) if names is None else names
    for table in tables:
        for name in names:
            if name not in table.types or name in (ERA, DATA_TYPE):
                raise ValueError(
                    f"{caller}: {table.file.path} has no column {name!r}."
                    f"{near(name, numeric)} Its columns of numbers are {numeric[:20]}."
                )
    if not names:
        raise ValueError(
            f"{caller}: {first.file.path} has no columns of predictions, only "
            f"{list(first.types)[:10]}."
        )
    return names


def _read_models(rows, models, caller):
    source = open_source(rows.file.path)
    chunks = {name: [] for name in models}
    try:
        for _, first, arrays in source.blocks(models):
            for name, array in zip(models[first:], arrays):
                chunks[name].append(array)
    finally:
        source.close()
    columns = {}
    for name, parts in chunks.items():
        column = pa.chunked_array(parts)
        if column.null_count or pc.any(pc.is_nan(column)).as_py():
            raise ValueError(
                f"{caller}: {rows.file.path} has missing predictions in {name!r}. "
                "Download the file again."
            )
        columns[name] = column.to_numpy()
    return columns


def _align(frame, ids, index, verbose, where):
    if not isinstance(index, pd.Index):
        raise TypeError(f"{where}: index must be a pandas.Index, got {type(index)}.")
    if "id" in index.names:
        wanted = index.get_level_values("id")
    elif index.nlevels == 1:
        wanted = index
    else:
        raise ValueError(
            f"{where}: index has the levels {list(index.names)}, and none is 'id'."
        )
    # by arrow, so that strings of any kind match
    at = pc.index_in(
        pa.array(np.asarray(wanted, dtype=object), pa.large_string()),
        value_set=ids.combine_chunks(),
    )
    at = at.fill_null(-1).to_numpy(zero_copy_only=False)
    absent = int((at < 0).sum())
    if absent == len(index):
        raise ValueError(
            f"{where}: none of the {len(index)} rows of index is in the file. Load the "
            "split that they come from; live ids change every day."
        )
    if absent and verbose:
        print(
            f"{where}: {absent} of {len(index)} rows are not covered and are NaN.",
            file=sys.stderr,
        )
    gaps = at < 0
    columns = {
        name: np.where(gaps, np.nan, values.to_numpy()[at])
        if absent
        else values.to_numpy()[at]
        for name, values in frame.items()
    }
    return pd.DataFrame(columns, index=index)
