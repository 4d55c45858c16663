"""Docstrings follow numpydoc and say the default that the signature has."""

import ast
import builtins
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import sknumerai
from tests.discovery import AT_LEAST, public_objects

PUBLIC = list(public_objects())
# single backticks around what looks like a class; roles are checked by sphinx
CLASS = re.compile(r"(?<![`:\w])`([A-Z]\w*[a-z]\w*)`(?!`)")
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


def test_classes_in_backticks_exist():
    # sphinx lets names without a role pass, since most are those of parameters
    root = Path(sknumerai.__file__).parent
    trees = {path: ast.parse(path.read_text()) for path in root.rglob("*.py")}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    known = {node.name for _, node in nodes if isinstance(node, ast.ClassDef)}
    known |= set(dir(builtins))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    named = {
        (name, path.name)
        for path, node in nodes
        if isinstance(node, documented)
        for name in CLASS.findall(ast.get_docstring(node) or "")
    }
    assert {name for name, _ in named} & known
    assert not {(name, file) for name, file in named if name not in known}
