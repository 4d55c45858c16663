"""Optional dependencies."""

# SPDX-License-Identifier: BSD-3-Clause

import importlib


def import_optional(name, *, extra, caller):
    """Import a package that only one extra of sknumerai installs.

    Parameters
    ----------
    name : str
        Module to import.

    extra : str
        Extra of sknumerai that installs it.

    caller : str
        What needs it, for the message.

    Returns
    -------
    module : module
        The imported module.

    Raises
    ------
    ImportError
        If it is not installed. The message names the extra.

    Examples
    --------
    >>> from sknumerai.utils import import_optional
    >>> import_optional("math", extra="plot", caller="this example").pi
    3.141592653589793
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{caller} needs {name.split('.')[0]}, which is not installed. Install it "
            f"with: pip install 'sknumerai[{extra}]'"
        ) from error
