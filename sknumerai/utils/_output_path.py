"""Files that are going to be written."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from pathlib import Path


def check_output(path, caller=None):
    """Check that a file can be written there, before what is to be written is made.

    Parameters
    ----------
    path : str or path-like
        The file.

    caller : str or None, default=None
        Name to begin error messages with; the command line has none.

    Returns
    -------
    path : pathlib.Path
        The file.

    Raises
    ------
    OSError
        If it is a folder, or its folder does not exist or cannot be written to.
    """
    path, before = Path(path), "" if caller is None else f"{caller}: "
    if path.is_dir():
        raise IsADirectoryError(f"{before}{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{before}The folder {path.parent} for {path.name} does not exist. Create it "
            "first."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{before}The folder {path.parent} cannot be written to.")
    return path
