"""A subpackage imports only from the layers below it."""

import ast
from pathlib import Path

import pytest

import sknumerai

LAYERS = [
    {"exceptions"},
    {"utils"},
    {"datasets", "metrics", "losses", "modules"},
    {"preprocessing", "model_selection"},
    {"neural_network"},
    {"ensemble"},
    {"portfolio"},
    {"inspection", "submission"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
ROOT = Path(sknumerai.__file__).parent
FILES = sorted(
    p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.stem != "__init__"
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            modules = [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            package, *rest = module.split(".")
            if package != "sknumerai":
                continue
            assert rest, f"{path}: import from the subpackage, not from sknumerai"
            assert rest[0] == here or RANK[rest[0]] < RANK[here], f"{here} -> {rest[0]}"
