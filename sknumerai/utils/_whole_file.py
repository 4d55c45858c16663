"""Files that are there whole or not at all."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import os
import secrets
from pathlib import Path


@contextlib.contextmanager
def whole_file(path):
    """Give a temporary name that becomes `path` once the block has ended well.

    Parameters
    ----------
    path : str or path-like
        File to write.

    Yields
    ------
    part : pathlib.Path
        Where to write, in the same folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sknumerai.utils import whole_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder, "a.txt")) as part:
    ...         _ = part.write_text("whole")
    ...     print(Path(folder, "a.txt").read_text())
    whole
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
