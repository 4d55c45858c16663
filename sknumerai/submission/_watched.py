"""Run a process with limits of memory and time, watched from outside.

A limit of the address space, the usual way, counts what is reserved and never used:
torch reserves much. Resident memory is what counts at Numerai, and only a look from
outside sees it.
"""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.05
SLOWER_LOOKS = 0.25  # where a look costs a process of its own


def run_watched(command, *, folder, memory_limit, time_limit, environ):
    """Run a command and kill it, with all that it has started, at a limit.

    Parameters
    ----------
    command : list of str
        The command.

    folder : pathlib.Path
        Where it runs; its output goes to the file ``output.txt`` there.

    memory_limit : float
        Most bytes of resident memory of it and of what it starts, all together.

    time_limit : float
        Most seconds.

    environ : dict of str to str
        Its environment variables.

    Returns
    -------
    code : int
        Exit code, negative for a signal.

    killed : {"memory", "time"} or None
        The limit that it has run into.

    peak : int or None
        Most resident bytes seen; None where they cannot be seen.

    seconds : float
        How long it ran.
    """
    peak, killed = None, None
    start = time.monotonic()
    with open(folder / "output.txt", "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while True:
                seen = resident_bytes(process.pid)
                if seen is not None:
                    peak = max(peak or 0, seen)
                if peak is not None and peak > memory_limit:
                    killed = "memory"
                    break
                left = start + time_limit - time.monotonic()
                if left <= 0:
                    killed = "time"
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(left, _pause()))
                    break
        finally:
            # also what a process that has ended leaves running
            _kill(process)
            process.wait()
    return process.returncode, killed, peak, time.monotonic() - start


def resident_bytes(group):
    """Resident memory of a process group, None where it cannot be seen."""
    if Path("/proc/self/stat").exists():
        return _from_proc(group)
    if sys.platform == "win32":
        return None
    try:
        listed = subprocess.run(
            ["ps", "-A", "-o", "pgid=,rss="], check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    rows = [line.split() for line in listed.splitlines()]
    return sum(int(rss) * 1024 for pgid, rss in rows if int(pgid) == group)


def _from_proc(group):
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the command's name, in brackets, may hold anything
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            total += int(fields[21]) * page
    return total


def _pause():
    on_linux = Path("/proc/self/stat").exists()
    return SECONDS_BETWEEN_LOOKS if on_linux else SLOWER_LOOKS


def _kill(process):
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
