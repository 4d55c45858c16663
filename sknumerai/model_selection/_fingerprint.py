"""What makes an experiment this one, told the same way in every process."""

# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import inspect
import re
from collections.abc import Mapping
from enum import Enum
from functools import partial
from numbers import Integral, Real
from types import ModuleType

import numpy as np
import pandas as pd

# parameters that change where and how fast something runs, not what comes out
ASIDE = {
    "n_jobs",
    "verbose",
    "device",
    "data_on_device",
    "pre_dispatch",
    "nthread",
    "num_threads",
}


def describe(value):
    """Say what a value is, without addresses and defaults.

    Parameters
    ----------
    value : object
        An estimator, scorer, splitter, function, array or any other object.

    Returns
    -------
    said : str
        Arrays and the code of functions by a digest; other objects by their class and
        attributes. What a function reads from its module is not looked at.
    """
    return _describe(value, ())


def _describe(value, within):
    if isinstance(value, str | bytes | bool) or value is None:
        return repr(value)
    if isinstance(value, Real):
        # 4 and 4.0 are one value, whatever their types
        whole = isinstance(value, Integral) or float(value).is_integer()
        return repr(int(value)) if whole else repr(float(value))
    if isinstance(value, np.ndarray | pd.Series | pd.DataFrame | pd.Index):
        return f"{type(value).__name__}{np.shape(value)} {digest(value)}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if id(value) in within:
        return "..."
    return _object(value, lambda one: _describe(one, (*within, id(value))))


def _object(value, say):
    """What holds other values, each of which `say` tells."""
    if isinstance(value, Mapping):
        parts = sorted((str(key), say(one)) for key, one in value.items())
        return "{" + ", ".join(f"{key}: {said}" for key, said in parts) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(say, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(say, value)))}}}"
    if hasattr(value, "get_params"):
        return _with_params(value, say)
    if inspect.isfunction(value):
        return _function(value, say)
    if inspect.ismethod(value):
        return f"{say(value.__self__)}.{value.__name__}"
    if isinstance(value, partial):
        return f"partial({say([value.func, value.args, value.keywords])})"
    if hasattr(value, "detach"):
        # a tensor; NumPy has no bfloat16
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
        return f"Tensor{tuple(value.shape)} {digest(value.numpy())}"
    if all(hasattr(value, name) for name in ("dist", "args", "kwds")):
        # of SciPy: the distribution itself holds a generator of numbers
        return f"{value.dist.name}{say([value.args, value.kwds])}"
    if hasattr(value, "__dict__") and not isinstance(value, ModuleType | Enum):
        return f"{type(value).__qualname__}{say(vars(value))}"
    return re.sub(r"\s+", " ", re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)))


def digest(*arrays):
    """Digest arrays: the same for the same shapes and values.

    Parameters
    ----------
    *arrays : array-like
        Of any type.

    Returns
    -------
    digest : str
        Sixteen characters.
    """
    found = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        if array.dtype == object or array.dtype.kind not in "biufc":
            array = np.array([repr(one) for one in array.ravel().tolist()])
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        found.update(str(array.shape).encode() + array.tobytes())
    return found.hexdigest()[:16]


def _with_params(value, say):
    """An object and those of its parameters that are not the default."""
    try:
        defaults = inspect.signature(type(value).__init__).parameters
    except (TypeError, ValueError):
        defaults = {}
    said = []
    for name, one in sorted(value.get_params(deep=False).items()):
        known = defaults.get(name)
        if name in ASIDE:
            continue
        described = say(one)
        if known is None or say(known.default) != described:
            said.append(f"{name}={described}")
    return f"{type(value).__name__}({', '.join(said)})"


def _function(function, say):
    # not its source: two functions may stand in one line
    code = function.__code__
    said = repr((code.co_code, code.co_names, _constants(code)))
    closure = [cell.cell_contents for cell in function.__closure__ or ()]
    given = [closure, function.__defaults__, function.__kwdefaults__]
    return f"{function.__qualname__} {digest(said, *map(say, given))}"


def _constants(code):
    return [
        (one.co_code, one.co_names, _constants(one)) if inspect.iscode(one) else one
        for one in code.co_consts
    ]
