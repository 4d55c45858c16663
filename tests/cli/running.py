"""Run a command within the process and read its table."""

import os

import pytest

from sknumerai.cli import main

TARGET = "target_ender_20"
REAL = os.environ.get("SKNUMERAI_TEST_DATA")
needs_real = pytest.mark.skipif(
    not REAL, reason="SKNUMERAI_TEST_DATA does not name the folder of real files"
)


def run(capsys, *argv):
    """Code, standard output and standard error of a command."""
    capsys.readouterr()
    code = main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    return code, out, err


def figures(out, name):
    """Numbers of one row of a table."""
    (line,) = [line for line in out.splitlines() if line.startswith(name + " ")]
    return [float(part.rstrip("%")) for part in line[len(name) :].split()]
