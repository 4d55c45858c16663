"""Pickle an object with the code that it needs from some packages."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import errno
import io
import re
import threading

import cloudpickle
from sklearn.base import BaseEstimator

from sknumerai.exceptions import SubmissionError

# cloudpickle's registry of modules is one for the whole process
_LOCK = threading.RLock()


_TRACKER = re.compile("[0-9a-f]{32}")


class _Pickler(cloudpickle.Pickler):
    """Leaves out callbacks, which are for training, and the identity of classes.

    cloudpickle numbers the classes that it stores. Where the file is loaded by the
    process that wrote it, it would write the stored methods over those of the imported
    class of the same number; without a number it makes a class of its own.
    """

    def reducer_override(self, obj):
        if isinstance(obj, BaseEstimator) and getattr(obj, "callbacks", None):
            reduced = obj.__reduce_ex__(self.proto)
            if len(reduced) > 2 and isinstance(reduced[2], dict):
                state = {**reduced[2], "callbacks": None}
                return (*reduced[:2], state, *reduced[3:])
        reduced = super().reducer_override(obj)
        if isinstance(obj, type) and isinstance(reduced, tuple):
            args = tuple(None if _is_tracker(arg) else arg for arg in reduced[1])
            return (reduced[0], args, *reduced[2:])
        return reduced


def _is_tracker(arg):
    return isinstance(arg, str) and _TRACKER.fullmatch(arg) is not None


def dump_by_value(obj, file, modules):
    """Pickle an object so that it loads where some modules do not exist.

    Parameters
    ----------
    obj : object
        What to pickle.

    file : file object
        Open for writing in binary mode.

    modules : list of module
        Modules and packages whose functions and classes are stored by value.

    Raises
    ------
    SubmissionError
        If a part of `obj` cannot be pickled. The message names the part.
    """
    with _by_value(modules):
        try:
            _pickler(file).dump(obj)
        except RecursionError:
            raise
        except Exception as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise OSError(
                    error.errno,
                    "There is no room on the disk to write the model. Free some space "
                    "and export again; nothing was written",
                ) from error
            where, part = _culprit(obj)
            raise SubmissionError(
                f"The model cannot be pickled because of {where or 'the model'} (an "
                f"object of type {type(part).__name__}): {error}. Set that part to "
                "None or to something that pickles, then export again."
            ) from error


@contextlib.contextmanager
def _by_value(modules):
    with _LOCK:
        known = cloudpickle.list_registry_pickle_by_value()
        added = [m for m in dict.fromkeys(modules) if m.__name__ not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                cloudpickle.unregister_pickle_by_value(module)


def _pickler(file):
    # protocol 5 is read by every Python that Numerai runs
    pickler = _Pickler(file, protocol=5)
    pickler.proto = 5
    return pickler


def _pickles(obj):
    with contextlib.suppress(Exception):
        _pickler(io.BytesIO()).dump(obj)
        return True
    return False


def _culprit(obj, where="", depth=8):
    """The path to the innermost part that does not pickle, and that part."""
    if isinstance(obj, dict):
        parts = [(f"{where}[{key!r}]", value) for key, value in obj.items()]
    elif isinstance(obj, list | tuple):
        parts = [(f"{where}[{i}]", value) for i, value in enumerate(obj)]
    elif isinstance(obj, type) or not hasattr(obj, "__dict__"):
        parts = []
    else:
        dot = "." if where else ""
        parts = [(f"{where}{dot}{key}", value) for key, value in vars(obj).items()]
    if depth:
        for name, part in parts:
            if name.endswith("callbacks") or _pickles(part):
                continue
            return _culprit(part, name, depth - 1)
    return where, obj
