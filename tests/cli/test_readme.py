"""README and the guide of the command line show commands that exist."""

import re
import shlex
from pathlib import Path

import pytest

from sknumerai.cli._main import make_parser

ROOT = Path(__file__).parents[2]
GUIDES = ["README.md", "docs/user_guide/command_line.md"]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / path).read_text(), re.DOTALL)


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
        ".venv/bin/python -m pytest -n 2",
    ]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([\w/.]+)\)", (ROOT / "README.md").read_text())
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []
