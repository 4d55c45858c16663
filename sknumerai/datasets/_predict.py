"""Predict the rows of Numerai's files without loading them."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from sknumerai.datasets._cache import Cache
from sknumerai.datasets._era_stream import EraStream
from sknumerai.datasets._feature_sets import (
    choose_features,
    features_json,
    near,
    read_features_json,
)
from sknumerai.datasets._files import find_files
from sknumerai.datasets._index import make_index, text_index
from sknumerai.datasets._options import (
    check_columns,
    check_options,
    check_splits,
    codec_of,
)
from sknumerai.datasets._read import DATA_TYPE, ERA
from sknumerai.datasets._rows import read_rows
from sknumerai.datasets._select import check_ids_across, choose_rows, join_rows
from sknumerai.exceptions import OneEraWarning
from sknumerai.utils import whole_file

CALLER = "predict_numerai"
PREDICTION = "prediction"


def predict_numerai(
    model,
    name_or_path,
    split="validation",
    *,
    out=None,
    feature_set=None,
    eras=None,
    every=None,
    float_features="keep",
    missing_features="raise",
    data_home=None,
    cache_dir=None,
    verbose=1,
):
    """Predict the rows of Numerai's files, one row group and one era at a time.

    What ``model.predict(load_numerai(...).data)`` gives, straight from the file: in
    bounded memory, and without the memory map that loading writes to the disk. Each era
    is predicted as a whole, also where it goes over row groups, so that models that rank
    or attend over an era predict what they would of the loaded frame. Read more in the
    user guide, "Loading data".

    Parameters
    ----------
    model : estimator
        Fitted, with a method `predict`. It is given frames of the features that it was
        fitted on, ``feature_names_in_``, in its order, indexed by (`era`, `id`).

    name_or_path : str or path-like
        Name of a data set in the data home ("v5.3"), a folder with the official files,
        or one parquet or csv file, as in :func:`load_numerai`.

    split : str or list of str, default="validation"
        "train", "validation", "live", another data type, a list of them, or "all".

    out : str, path-like or None, default=None
        File to write the predictions to, .parquet or .csv. It appears under its name
        when it is whole, in place of earlier predictions; a table of anything else, such
        as the one that is read, is an error.

    feature_set : str, list of str or None, default=None
        Features, in the model's order, of a model that was fitted on arrays and has no
        ``feature_names_in_``: a set of ``features.json`` or a list of columns. Such a
        model is given arrays.

    eras : slice, array-like of int or str, or None, default=None
        Era numbers or labels, as in :func:`load_numerai`.

    every : int or None, default=None
        Keep the eras 1, 1 + every, 1 + 2 * every, ...

    float_features : {"keep", "codes"}, default="keep"
        Features that the file holds as floats: as float32, or 0, 0.25, ..., 1 as the
        codes 0 to 4. Choose what the model was fitted on.

    missing_features : "raise", "keep" or float, default="raise"
        What a missing feature becomes: an error, NaN (float features only), or this
        value.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    cache_dir : str or path-like, default=None
        Folder for the ids and eras of the files, and for temporary files; by default
        that of :func:`load_numerai`.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds, on the
        standard error.

    Returns
    -------
    predictions : DataFrame of shape (n_rows, 2) or pathlib.Path
        Columns `era` and `prediction`, indexed by `id`, in the order of the eras; a model
        of several outputs gives "prediction_0" and so on. The path if `out` is given.

    Raises
    ------
    FileNotFoundError
        If there is no such data set, file or split, or no folder for `out`.

    ValueError
        If the file lacks features of the model, the model does not say which it reads,
        ids, eras or features are not valid, eras are scattered over more of the file
        than fits into memory, the model gives another number of predictions or no
        numbers, or `out` is a folder or a table that holds no predictions.

    OSError
        If the disk is too full. Nothing is left behind.

    Warns
    -----
    UserWarning
        If predictions are missing or infinite, with how many and where.

    See Also
    --------
    load_numerai : The features, to train on.

    Notes
    -----
    It holds a row group of the file in memory, 512 MB at most: a larger one goes through
    a temporary file in `cache_dir`. Beside it there is what the model needs for an era.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sknumerai.datasets import predict_numerai
    >>> frame = pd.DataFrame(
    ...     {"era": ["0001", "0001", "0002"], "feature_a": [0, 2, 4]},
    ...     index=pd.Index(["n1", "n2", "n3"], name="id"),
    ... )
    >>> model = KNeighborsRegressor(1).fit(frame[["feature_a"]], [0.0, 0.5, 1.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/validation.parquet")
    ...     predict_numerai(model, folder)
         era  prediction
    id
    n1  0001         0.0
    n2  0001         0.5
    n3  0002         1.0
    """
    if not hasattr(model, "predict"):
        raise TypeError(
            f"{CALLER}: model must have a method predict. Got {type(model).__name__}."
        )
    check_options(float_features, missing_features, CALLER)
    splits = check_splits(split, CALLER)
    out = None if out is None else _check_out(out)
    files = find_files(name_or_path, splits, data_home, CALLER)
    cache = Cache(files, cache_dir, data_home)
    tables = [read_rows(file, cache, CALLER) for file in files]
    where = f"{CALLER}: {files[0].path.name}"
    features, named = _features(model, tables, feature_set, where)
    check_columns(tables, features, "feature", CALLER)
    codec = codec_of(tables, features, float_features, missing_features, where)
    rows = join_rows(tables, CALLER)
    check_ids_across(rows, CALLER)
    positions = np.flatnonzero(choose_rows(rows, splits, eras, every, CALLER))

    stream = EraStream(rows, positions, features, codec, cache.folder, CALLER)
    values = _predict(model, stream, rows, positions, named, verbose)
    for file in files:
        file.check_unchanged()
    _warn_of_gaps(rows, positions, values)
    frame = _frame(rows, positions, values)
    if out is None:
        return frame
    with whole_file(out) as part:
        if out.suffix == ".csv":
            frame.to_csv(part)
        else:
            frame.to_parquet(part)
    return out


def _check_out(out):
    out = Path(out).expanduser()
    if out.suffix not in (".parquet", ".csv"):
        raise ValueError(
            f"{CALLER}: out must be a file.parquet or file.csv. Got {str(out)!r}."
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(
            f"{CALLER}: the folder {out.parent} for {out.name} does not exist. Create it "
            "first."
        )
    if out.exists():
        _check_replaceable(out)
    return out


def _check_replaceable(out):
    """Raise for a folder, and for a table other than earlier predictions."""
    if out.is_dir():
        raise ValueError(f"{CALLER}: out={str(out)!r} is a folder. Name a file in it.")
    try:
        if out.suffix == ".csv":
            names = list(pd.read_csv(out, nrows=0).columns)
        else:
            names = pq.read_schema(out).names
    except (pa.ArrowInvalid, pd.errors.EmptyDataError):
        return  # half a file, or none of parquet
    except (pd.errors.ParserError, UnicodeDecodeError):
        names = []
    if PREDICTION in names or f"{PREDICTION}_0" in names:
        others = {n for n in names if not n.startswith(PREDICTION)}
        # Numerai's example predictions have no eras
        if ERA in others and others <= {ERA, "id", "__index_level_0__"}:
            return
    raise ValueError(
        f"{CALLER}: out={str(out)!r} is there already and holds no predictions of "
        "this function. It is not written over: name another file."
    )


def _features(model, tables, feature_set, where):
    """The columns that the model reads, and whether it knows them by name."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        if feature_set is None:
            raise ValueError(
                f"{CALLER}: the model does not say which features it reads: it has no "
                "feature_names_in_. Fit it on a DataFrame, or name the columns that it "
                "was fitted on with feature_set=..."
            )
        available = [name for name in tables[0].types if name.startswith("feature")]
        found = features_json(tables[0].file.path)
        sets = read_features_json(found)["feature_sets"] if found else {}
        return choose_features(feature_set, available, sets, where), False
    if feature_set is not None:
        raise ValueError(
            f"{CALLER}: the model names the {len(names)} features that it reads in "
            "feature_names_in_. Leave feature_set out."
        )
    names = [str(name) for name in names]
    available = [name for name in tables[0].types if name not in (ERA, DATA_TYPE)]
    known = set(available)
    absent = [name for name in names if name not in known]
    if absent:
        raise ValueError(
            f"{where} lacks {len(absent)} of the {len(names)} features that the model "
            f"reads, the first is {absent[0]!r}.{near(absent[0], available)} Take the "
            "version of the data that it was fitted on."
        )
    return names, True


def _predict(model, stream, rows, positions, named, verbose):
    """Predictions of the chosen rows, in the order of the eras."""
    values = None
    by_groups = not named and _takes_groups(model.predict)
    bar = tqdm(
        total=len(positions),
        unit="row",
        unit_scale=True,
        desc=CALLER,
        delay=2,
        disable=not verbose,
    )
    with bar, warnings.catch_warnings():
        # it is one: also for the part of a pipeline that lost the index
        warnings.simplefilter("ignore", OneEraWarning)
        for code, chosen, matrix in stream:
            label, params = rows.labels[code], {}
            if by_groups:
                params["groups"] = np.full(len(matrix), label)
            X = matrix
            if named:
                ids = rows.ids(_as_slice(positions[chosen]))
                index = make_index([label], np.zeros(len(matrix), np.int8), ids)
                X = pd.DataFrame(
                    matrix, index=index, columns=stream.features, copy=False
                )
            y = _numbers(model.predict(X, **params), label)
            if len(y) != len(matrix):
                raise ValueError(
                    f"{CALLER}: the model gives {len(y)} predictions for the "
                    f"{len(matrix)} rows of era {label}."
                )
            if values is None:
                values = np.empty((len(positions), *y.shape[1:]), dtype=y.dtype)
            if y.shape[1:] != values.shape[1:]:
                raise ValueError(
                    f"{CALLER}: the model gives predictions of shape {y.shape} for era "
                    f"{label}, and {values.shape[1:] or 'one'} for each row before."
                )
            # whole numbers in the first era alone must not round those of others
            dtype = np.result_type(values, y)
            values = values.astype(dtype, copy=False)
            values[chosen] = y
            bar.update(len(matrix))
    return values


def _numbers(y, label):
    """Predictions as numbers; one column is no table."""
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise ValueError(
            f"{CALLER}: the model's predictions of era {label} are no numbers, but "
            f"{y.dtype}. It takes a regressor, or a classifier in a wrapper that gives "
            "its probabilities."
        )
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _warn_of_gaps(rows, positions, values):
    """Warn of predictions that are missing or infinite: no submission takes them."""
    if values.dtype.kind != "f":
        return
    finite = np.isfinite(values)
    if values.ndim == 2:
        finite = finite.all(axis=1)
    if not finite.all():
        eras = np.unique(rows.codes[positions[~finite]])
        warnings.warn(
            f"{CALLER}: {np.sum(~finite):,} of {len(finite):,} predictions are missing or "
            f"infinite, in {len(eras)} era(s), first in {rows.labels[eras[0]]}. Numerai "
            "takes no such ones.",
            UserWarning,
            stacklevel=3,
        )


def _as_slice(positions):
    """A run of positions as a slice: their ids are not copied."""
    first, last = int(positions[0]), int(positions[-1])
    return slice(first, last + 1) if last - first + 1 == len(positions) else positions


def _takes_groups(predict):
    try:
        return "groups" in inspect.signature(predict).parameters
    except (TypeError, ValueError):
        # compiled functions may not tell
        return False


def _frame(rows, positions, values):
    columns = {ERA: pd.Index(rows.labels)[rows.codes[positions]]}
    if values.ndim == 1:
        columns[PREDICTION] = values
    else:
        for i, column in enumerate(values.T):
            columns[f"{PREDICTION}_{i}"] = column
    return pd.DataFrame(columns, index=text_index(rows.ids(positions)).rename("id"))
