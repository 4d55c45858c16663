"""Every public object, found by walking the subpackages' ``__all__``."""

import importlib
import inspect

from sklearn.base import BaseEstimator

import sknumerai

# functions and classes that are found, at the least: an empty walk must not pass
AT_LEAST = 10


def public_objects():
    """Yield (dotted name, object) of all that is public."""
    for submodule in sknumerai.__all__:
        module = importlib.import_module(f"sknumerai.{submodule}")
        for name in module.__all__:
            obj = getattr(module, name)
            if callable(obj):
                yield f"sknumerai.{submodule}.{name}", obj


def all_estimators():
    """Every public class that fits as scikit-learn's do, its first argument X."""
    return [
        obj
        for _, obj in public_objects()
        if inspect.isclass(obj)
        and issubclass(obj, BaseEstimator)
        and hasattr(obj, "fit")
        and list(inspect.signature(obj.fit).parameters)[1] == "X"
    ]
