"""Files that the command line reads and writes."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import os
import secrets
from pathlib import Path


def check_output(path):
    """Raise before the work begins if a file could not be written after it.

    Parameters
    ----------
    path : str or path-like
        File to write.

    Returns
    -------
    path : pathlib.Path
        The same.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} for {path.name} does not exist. Create it first."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"The folder {path.parent} cannot be written to.")
    return path


@contextlib.contextmanager
def whole_file(path):
    """Give a temporary name that becomes `path` once the block has ended well.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Yields
    ------
    part : pathlib.Path
        Where to write.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_model(model, path):
    """Save a fitted model with joblib.

    Parameters
    ----------
    model : estimator
        The fitted model.

    path : pathlib.Path
        File to write.
    """
    import joblib

    with whole_file(path) as part:
        joblib.dump(model, part)
