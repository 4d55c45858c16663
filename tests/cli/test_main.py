"""The program: help, codes, errors."""

import subprocess
import sys

import pytest

import sknumerai
from sknumerai.cli import _demo, main
from tests.cli.running import run


def test_help_loads_no_torch():
    code = (
        "import sys\nfrom sknumerai.cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit as e:\n"
        "    print(e.code, 'torch' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1].startswith("0 False")
    assert "--embargo" in done.stdout


def test_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "sknumerai", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"sknumerai {sknumerai.__version__}\n"


@pytest.mark.parametrize("argv", [[], ["nothing"], ["train"], ["evaluate", "m.pkl"]])
def test_wrong_arguments_leave_with_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: sknumerai" in capsys.readouterr().err


def test_interrupt_and_unforeseen_errors(monkeypatch, capsys):
    def stop(args):
        raise error

    monkeypatch.setattr(_demo, "run", stop)
    error = KeyboardInterrupt()
    assert run(capsys, "demo") == (130, "", "sknumerai demo: interrupted.\n")
    error = KeyError("eras")
    expected = "sknumerai demo: KeyError: eras (--debug shows where)\n"
    assert run(capsys, "demo") == (1, "", expected)
    error = ZeroDivisionError()
    assert "ZeroDivisionError: no message" in run(capsys, "demo")[2]
