"""A virtual environment with the versions of Numerai's image, made once and kept."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import hashlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sknumerai.datasets import get_data_home
from sknumerai.exceptions import SubmissionError

# written last: a folder with it is whole
MARKER = "environment.json"
INSTALL_SECONDS = 3600


def image_environment(image, pins, *, data_home=None):
    """Return the Python of an environment with some versions, and make it if need be.

    Parameters
    ----------
    image : str
        Minor version of Python.

    pins : dict of str to str
        Version of each package to install.

    data_home : str or path-like, default=None
        Folder of the data sets, in which environments are kept too.

    Returns
    -------
    python : pathlib.Path
        Its Python.

    Raises
    ------
    SubmissionError
        If it cannot be made. Nothing is left behind then.
    """
    wanted = sorted(f"{name}=={version}" for name, version in pins.items())
    key = [platform.python_version(), sys.platform, platform.machine(), *wanted]
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    home = get_data_home(data_home) / "environments"
    folder = home / f"python{image}-{digest}"
    if _is_whole(folder):
        return python_of(folder)
    home.mkdir(exist_ok=True)
    _clear(home)
    part = home / f".{folder.name}.part-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        # -I: a file of the user's called re.py must not come before Python's own
        venv = [sys.executable, "-I", "-m", "venv", str(part)]
        _run(venv, "make a virtual environment")
        python = str(python_of(part))
        # wheels only: a build from source takes hours or fails late
        pip = [python, "-I", "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
        _run([*pip, "--no-input", *wanted], f"install {', '.join(wanted)}")
        (part / MARKER).write_text(
            json.dumps({"key": key, "holds": _installed(part)}, indent=1)
        )
        if folder.exists() and not _is_whole(folder):
            # somebody has deleted a part of it
            shutil.rmtree(folder)
        try:
            os.rename(part, folder)
        except OSError:
            # another process was faster
            if not _is_whole(folder):
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return python_of(folder)


def _is_whole(folder):
    try:
        holds = set(json.loads((folder / MARKER).read_text())["holds"])
    except (OSError, ValueError, KeyError):
        return False
    return python_of(folder).exists() and holds <= set(_installed(folder))


def _installed(folder):
    """Names of what lies where its packages are."""
    places = [*folder.glob("lib/python*/site-packages"), folder / "Lib/site-packages"]
    return sorted({path.name for place in places for path in place.glob("*")})


def _clear(home):
    """Throw away what processes that were killed have left half made."""
    for part in home.glob(".python*.part-*"):
        with contextlib.suppress(OSError):
            # nobody installs for so long
            if time.time() - part.stat().st_mtime > 3 * INSTALL_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def python_of(environment):
    """The Python of an environment, which is a folder or the Python itself."""
    path = Path(environment).expanduser()
    if not path.is_dir():
        return path
    windows = path / "Scripts" / "python.exe"
    return windows if windows.exists() else path / "bin" / "python"


def _run(command, what):
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_SECONDS,
        )
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = str(error), True
    if failed:
        raise SubmissionError(
            f"preflight could not {what}: {said}\nIt needs the packages from your "
            "index, once. Without one, name an environment that has them: "
            "environment='path/to/venv'."
        )
