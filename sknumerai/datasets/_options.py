"""Checks of what is asked for, shared by loading and predicting."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.datasets._memmap import feature_codec


def check_options(float_features, missing_features, caller):
    """Raise if features cannot be stored as asked for.

    Parameters
    ----------
    float_features, missing_features : object
        As :func:`load_numerai` takes them.

    caller : str
        Name to begin error messages with.
    """
    if float_features not in ("keep", "codes"):
        raise ValueError(
            f"{caller}: float_features must be 'keep' or 'codes'. Got "
            f"{float_features!r}."
        )
    number = isinstance(missing_features, int | float) and np.isfinite(missing_features)
    if missing_features not in ("raise", "keep") and not number:
        raise ValueError(
            f"{caller}: missing_features must be 'raise', 'keep' or a number. Got "
            f"{missing_features!r}."
        )


def check_splits(split, caller):
    """Check names of splits.

    Parameters
    ----------
    split : str or list of str
        What was asked for.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    splits : tuple of str
        At least one, each once.
    """
    splits = (split,) if isinstance(split, str) else tuple(split)
    if not splits or not all(isinstance(s, str) and s for s in splits):
        raise ValueError(
            f"{caller}: split must be a name such as 'train', or a list of names. Got "
            f"{split!r}."
        )
    if len(set(splits)) < len(splits):
        raise ValueError(f"{caller}: split={split!r} names a split twice.")
    return splits


def check_columns(tables, names, what, caller):
    """Raise if a file lacks columns that are taken from the first.

    Parameters
    ----------
    tables : list of FileRows
        The files.

    names : list of str
        Columns of the first.

    what : str
        What the columns are.

    caller : str
        Name to begin error messages with.
    """
    for table in tables[1:]:
        absent = [name for name in names if name not in table.types]
        if absent:
            raise ValueError(
                f"{caller}: {table.file.path.name} lacks {len(absent)} {what}s of "
                f"{tables[0].file.path.name}, the first is {absent[0]!r}. Load the "
                f"splits one by one, or name {what}s that both have."
            )


def codec_of(tables, features, float_features, missing, where):
    """Decide how the features of all files are stored.

    Parameters
    ----------
    tables : list of FileRows
        The files.

    features : list of str
        Their columns.

    float_features, missing : object
        As :func:`load_numerai` takes them.

    where : str
        Beginning of error messages.

    Returns
    -------
    codec : FeatureCodec
        The same for all of them.
    """
    codecs = [
        feature_codec(t.types, features, float_features, missing, where) for t in tables
    ]
    kinds = {(c.dtype, c.quarters) for c in codecs}
    if len(kinds) > 1:
        raise ValueError(
            f"{where}: features are integers in one file and floats in another. Load "
            "the splits one by one."
        )
    return codecs[0]
