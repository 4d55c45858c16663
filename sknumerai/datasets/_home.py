"""Where the data live."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from pathlib import Path

HOME_VARIABLE = "SKNUMERAI_DATA"


def get_data_home(data_home=None):
    """Return the folder of the data, and create it where it is missing.

    Each data set has a folder of its own in it, named as Numerai names it ("v5.3").

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default what the environment variable ``SKNUMERAI_DATA`` says,
        or else ``~/sknumerai_data``. ``~`` is the user's home.

    Returns
    -------
    data_home : pathlib.Path
        The folder, absolute.

    Raises
    ------
    OSError
        If it cannot be created, or is a file.

    Examples
    --------
    >>> import tempfile
    >>> from sknumerai.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(f"{folder}/numerai").name
    'numerai'
    """
    path = data_home_path(data_home)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The data home {path} cannot be created ({error}). Name another folder "
            f"with data_home=... or the environment variable {HOME_VARIABLE}."
        ) from error
    return path


def data_home_path(data_home=None):
    """The folder of the data, not created."""
    if data_home is None:
        data_home = os.environ.get(HOME_VARIABLE) or "~/sknumerai_data"
    return Path(data_home).expanduser().absolute()
