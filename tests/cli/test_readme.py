"""What README and the guides of these parts show does run."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sknumerai.cli._main import make_parser

ROOT = Path(__file__).parents[2]
GUIDES = ["README.md", "docs/user_guide/command_line.md"]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(), re.DOTALL)


def test_tour_runs(tmp_path):
    (tour,) = blocks("README.md", "python")
    command = [sys.executable, "-W", "error::FutureWarning", "-c", tour]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\[( *-?\d\.\d+){3}\]\n", done.stdout)
    assert (tmp_path / "predict.pkl").exists()


@pytest.mark.parametrize("path", GUIDES)
def test_commands_are_those_of_the_program(path):
    n_commands = 0
    for line in "\n".join(blocks(path, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["sknumerai"]:
            make_parser().parse_args(words[1:])
            n_commands += 1
    assert n_commands >= 3


def test_two_commands_do_all_the_set_up():
    commands = [line for line in blocks("README.md", "sh") if " && " in line]
    assert [c.strip().rpartition(" && ")[2] for c in commands] == [
        ".venv/bin/sknumerai demo",
        ".venv/bin/python -m pytest",
    ]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([\w/.]+)\)", (ROOT / "README.md").read_text())
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_guide_of_submission():
    path = ROOT / "docs" / "user_guide" / "submission.md"
    failed, tried = doctest.testfile(
        str(path),
        module_relative=False,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert failed == 0
    assert tried >= 10
