"""What a machine has: cores, memory, memory of its graphics card."""

# SPDX-License-Identifier: BSD-3-Clause

import os
import sys
from pathlib import Path

import joblib

# Where Linux tells the limit of a container
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def cores():
    """Return how many cores this process may use."""
    return joblib.cpu_count()


def ram():
    """Return the bytes of memory that this process may use, None where unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None  # not POSIX
    for path in LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):
            continue  # no container, or "max"
    return total


def free_ram():
    """Return the bytes of memory that nobody holds, None where unknown."""
    there = ram()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(line for line in lines if line.startswith("MemAvailable"))
        return min(there, int(free.split()[1]) * 1024)
    except (OSError, StopIteration):
        return there  # not Linux


def vram(device):
    """Return the bytes of a CUDA device, None where there is none."""
    if "torch" not in sys.modules:
        return None  # no network, no device
    import torch

    device = torch.device(device)
    if device.type != "cuda" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(device).total_memory


def anonymous():
    """Return the memory of this process without pages of files, None where unknown."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("RssAnon"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return None
