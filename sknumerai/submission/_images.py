"""Which versions Numerai's images hold, and which of them a file needs."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import pickletools
import re
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("images.json")
# what reads the data and the file, whatever the model is
ALWAYS = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "joblib",
    "cloudpickle",
    "pyarrow",
)
IMPORTED_AS = {"scikit-learn": "sklearn", "numerai-tools": "numerai_tools"}
MODULE = re.compile(r"[a-z_]\w*(\.\w+)*")
# at Numerai too, in versions that the table does not tell
UNPINNED = ("tabpfn", "tensorflow", "jax", "statsmodels", "ydf")


def running_minor():
    """The minor version of the running Python, such as "3.11"."""
    return ".".join(map(str, sys.version_info[:2]))


def image_pins(image=None, torch=None):
    """Return the versions of an image.

    Parameters
    ----------
    image : str or None, default=None
        Minor version of Python that names the image, by default the running one.

    torch : str or None, default=None
        Version of torch in place of the image's.

    Returns
    -------
    image : str
        The image.

    pins : dict of str to str
        Version of each package.

    Raises
    ------
    ValueError
        If there is no such image, or if it is for another Python than this one.
    """
    images = json.loads(TABLE.read_text())["images"]
    running = running_minor()
    name = running if image is None else str(image).strip().lower()
    name = name.removeprefix("python").strip()
    if name not in images:
        raise ValueError(
            f"preflight: Numerai has images for Python {', '.join(images)}, none for "
            f"{name}. Train and export with one of these versions of Python."
        )
    if name != running:
        raise ValueError(
            f"preflight: the image of Python {name} cannot be tried by Python "
            f"{running}: an exported file holds bytecode, which runs on the minor "
            f"version that wrote it and crashes others. Choose the image of {running} "
            f"when you upload, or export and check with Python {name}."
        )
    pins = dict(images[name])
    if torch is not None:
        if not re.fullmatch(r"\d+(\.\d+)+(\S*)", str(torch)):
            raise ValueError(
                "The 'torch' parameter of preflight must be a version, such as "
                f"'2.7.1+cpu'. Got {torch!r} instead."
            )
        pins["torch"] = str(torch)
    return name, pins


def needed_packages(path, pins):
    """Find the packages that a pickle imports, without loading it.

    Parameters
    ----------
    path : pathlib.Path
        The pickle.

    pins : dict of str to str
        Packages of the image.

    Returns
    -------
    packages : list of str
        Those that every file needs, and those whose modules this one names.

    modules : list of str
        Modules of these packages that its load imports.

    made_by : str or None
        Minor version of Python that made the file, where `export_model` wrote it.

    Raises
    ------
    ValueError
        If the file is no whole pickle.
    """
    by_module = {IMPORTED_AS.get(name, name): name for name in pins}
    strings, modules, made_by, last = set(), set(), None, ""
    try:
        with open(path, "rb") as file:
            for operation, text in _strings(file):
                if operation == "module":
                    modules.add(text)
                    continue
                if last == "python" and re.fullmatch(r"3\.\d+", text):
                    made_by = text
                # export_model notes the versions that were there, used or not
                if not re.match(r"\d+\.\d", text):
                    strings.add(last)
                last = text
        strings.add(last)
    except Exception as error:
        raise ValueError(
            f"preflight: {str(path)!r} is no whole pickle ({type(error).__name__}: "
            f"{error}). Write it with export_model."
        ) from error
    # an import inside a function is but a name, so any name counts
    found = {by_module.get(text.partition(".")[0]) for text in strings | modules}
    packages = [name for name in pins if name in ALWAYS or name in found]
    modules = {m for m in modules if m.partition(".")[0] in by_module}
    return packages, sorted(modules), made_by


def _strings(file):
    """Yield ("string", text) and ("module", name) as a pickle pushes them."""
    memo, n_memo, recent = {}, 0, ["", ""]
    before = None
    for operation, value, _ in pickletools.genops(file):
        name = operation.name
        if name == "MEMOIZE":
            if before == "string":
                memo[n_memo] = recent[-1]
            n_memo += 1
            continue
        if name in ("BINGET", "LONG_BINGET"):
            value = memo.get(value)
        if name == "GLOBAL":
            yield "module", value.partition(" ")[0]
        elif name == "STACK_GLOBAL":
            yield "module", recent[-2]
        elif name == "TUPLE1" and before == "string" and MODULE.fullmatch(recent[-1]):
            # cloudpickle's way to name a module
            yield "module", recent[-1]
        if isinstance(value, str) and name != "GLOBAL":
            recent, before = [recent[-1], value], "string"
            yield "string", value
        else:
            before = None
