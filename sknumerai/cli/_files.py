"""Files that the command line reads and writes."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from pathlib import Path

from sknumerai.utils import whole_file

__all__ = ["check_output", "save_model", "whole_file"]


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
