"""Run a process with limits of memory and time, watched from outside.

A limit of the address space, the usual way, counts what is reserved and never used:
torch reserves much. Resident memory is what counts at Numerai, and only a look from
outside sees it.
"""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.05
SLOWER_LOOKS = 0.25  # where a look costs a process of its own
# handed down to what a process starts, so that it is found in a session of its own too
MARK = "SKNUMERAI_PREFLIGHT"
MOST_OUTPUT = 50_000_000


def run_watched(command, *, folder, memory_limit, time_limit, environ):
    """Run a command and kill it, with all that it has started, at a limit.

    Parameters
    ----------
    command : list of str
        The command.

    folder : pathlib.Path
        Where it runs; its output goes to the file ``output.txt`` there, the beginning
        of which is thrown away where it grows large.

    memory_limit : float
        Most bytes of resident memory of it and of what it starts, all together. Pages
        that several of them share count once on Linux.

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
    mark = f"{MARK}={secrets.token_hex(16)}"
    name, _, value = mark.partition("=")
    # to append: what comes after a cut is written at the new end
    with open(folder / "output.txt", "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environ, name: value},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        family = _Family(process.pid, mark) if _on_linux() else None
        try:
            while True:
                if os.fstat(output.fileno()).st_size > MOST_OUTPUT:
                    output.truncate(0)
                seen = family.resident() if family else _from_ps(process.pid)
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
            if family:
                family.kill()
            process.wait()
    return process.returncode, killed, peak, time.monotonic() - start


class _Family:
    """A process and all that it has started, as Linux tells them.

    They are those of its process group, those with its mark among their environment
    variables, and the children of these, once seen also when their parent has ended.
    """

    def __init__(self, root, mark):
        self.root, self.mark = root, mark.encode()
        self.since = _processes()[root][2]
        self.known = {}  # start by process

    def look(self):
        """Those that live, by process: their resident bytes."""
        seen = _processes()
        # numbers of processes are used again
        self.known = {
            pid: start
            for pid, start in self.known.items()
            if pid in seen and seen[pid][2] == start
        }
        new = {
            pid: start
            for pid, (_, group, start, _) in seen.items()
            if start >= self.since
            and pid not in self.known
            and (group == self.root or self._is_marked(pid))
        }
        self.known |= new
        # children of those that were known before, too
        while new := {
            pid: start
            for pid, (parent, _, start, _) in seen.items()
            if parent in self.known and pid not in self.known
        }:
            self.known |= new
        # without memory: has ended, and its parent has not heard yet
        return {pid: seen[pid][3] for pid in self.known if seen[pid][3]}

    def resident(self):
        """Resident bytes of all of them; pages that they share count once."""
        found = self.look()
        if len(found) > 1:
            return sum(_proportional(pid, rss) for pid, rss in found.items())
        return sum(found.values())

    def kill(self):
        """End them all, and what they start meanwhile."""
        for _ in range(100):
            found = self.look()
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not found:
                break

    def _is_marked(self, pid):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self.mark in file.read().split(b"\0")
        except OSError:  # it has ended, or is another user's
            return False


def _processes():
    """Parent, group, start and resident bytes of each process."""
    page, found = os.sysconf("SC_PAGE_SIZE"), {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the command's name, in brackets, may hold anything
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it has ended
            continue
        parent, group, start, pages = (int(fields[i]) for i in (1, 2, 19, 21))
        found[int(name)] = parent, group, start, pages * page
    return found


def _proportional(pid, resident):
    """Resident bytes, of shared pages the share of this process."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def _from_ps(group):
    """Resident memory of a process group, None where it cannot be seen."""
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


def _on_linux():
    return Path("/proc/self/stat").exists()


def _pause():
    return SECONDS_BETWEEN_LOOKS if _on_linux() else SLOWER_LOOKS


def _kill(process):
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
