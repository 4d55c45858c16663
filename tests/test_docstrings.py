"""Docstrings follow numpydoc and say the default that the signature has."""

import inspect
import re

import numpy as np
import pytest
import torch
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

from tests.discovery import AT_LEAST, public_objects

PUBLIC = list(public_objects())
# numpydoc's codes that the house does not ask for
IGNORED = {
    "GL01",  # summary on the line of the quotes
    "GL03",  # double blank lines
    "GL08",  # missing docstring, tested below
    "SS06",  # summary of more than one line
    "ES01",  # no extended summary
    "SA01",  # no See Also
    "SA04",  # See Also without a description
    "EX01",  # no example, tested below
    "YD01",  # no Yields
    "RT02",  # named return values are the house's way
}


def test_discovery_finds_something():
    assert len(PUBLIC) >= AT_LEAST


@pytest.mark.parametrize("name, obj", PUBLIC, ids=[n for n, _ in PUBLIC])
def test_numpydoc(name, obj):
    names = [name]
    if inspect.isclass(obj):
        names += [
            f"{name}.{m}"
            for m, f in vars(obj).items()
            if inspect.isfunction(f) and not m.startswith("_")
        ]
    for n in names:
        errors = [e for e in validate(n)["errors"] if e[0] not in IGNORED]
        assert not errors, (n, errors)


@pytest.mark.parametrize("name, obj", PUBLIC, ids=[n for n, _ in PUBLIC])
def test_defaults_and_sections(name, obj):
    is_class = inspect.isclass(obj)
    doc = (ClassDoc if is_class else FunctionDoc)(obj)
    assert doc["Examples"], f"{name} has no example"
    if is_class and issubclass(obj, BaseException):
        return
    parameters = inspect.signature(obj).parameters
    for param in doc["Parameters"]:
        if param.name.startswith("*"):
            continue
        default = parameters[param.name].default
        said = re.search(r"default=(.+)$", param.type)
        if default is inspect.Parameter.empty:
            assert not said, param
        else:
            assert said, f"{name}: {param.name} does not say its default"
            value = eval(said[1], {"torch": torch, "np": np})
            assert value == default, f"{name}: {param.name}"
