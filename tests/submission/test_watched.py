"""What a process starts is counted and ended with it."""

import subprocess
import sys

import pytest

from sknumerai.submission import _watched
from sknumerai.submission._watched import run_watched

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="what leaves the group is told on Linux only"
)
WAIT = "import time; time.sleep(60)"


def run(code, folder, memory_limit=4e9, time_limit=30):
    return run_watched(
        [sys.executable, "-I", "-c", code],
        folder=folder,
        memory_limit=memory_limit,
        time_limit=time_limit,
        environ={},
    )


def test_forked_children_that_share_memory_are_counted_once():
    """Six children of 200 MB were 1.4 GB, and took none of their own."""
    code = """
import os, sys
held = bytearray(b"x") * 200_000_000
for _ in range(6):
    if not os.fork():
        sys.stdin.read()
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    family = _watched._Family(process.pid, "NONE=none")
    try:
        assert process.stdout.readline() == b"ready\n"
        assert len(family.look()) == 7
        assert 1.9e8 < family.resident() < 3.5e8
    finally:
        family.kill()
        process.communicate()
    assert family.look() == {}


@pytest.mark.parametrize("given", ["", ", env={}"])
def test_memory_of_a_child_in_its_own_session_is_counted(given, tmp_path):
    code = f"""
import subprocess, sys
code = "a = bytearray(b'x') * 600_000_000; {WAIT}"
subprocess.run([sys.executable, "-I", "-c", code], start_new_session=True{given})
"""
    _, killed, peak, _ = run(code, tmp_path, memory_limit=4e8)
    assert killed == "memory"
    assert peak > 4e8


def test_a_child_in_its_own_session_is_not_left_running(tmp_path):
    code = f"""
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-I", "-c", "{WAIT}"], start_new_session=True
)
print(child.pid, flush=True)
"""
    code_, killed, _, seconds = run(code, tmp_path)
    assert (code_, killed) == (0, None)
    assert seconds < 30
    child = int((tmp_path / "output.txt").read_text())
    left = _watched._processes().get(child)
    # ended, or about to be: whoever is its parent now has not heard yet
    assert left is None or left[3] == 0


def test_endless_output_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(_watched, "MOST_OUTPUT", 1_000_000)
    code = """
import os
n_written = 0
while os.fstat(1).st_size >= n_written:
    n_written += os.write(1, b"x" * 10_000)
print("the end")
"""
    assert run(code, tmp_path)[0] == 0
    assert (tmp_path / "output.txt").read_bytes().endswith(b"the end\n")
