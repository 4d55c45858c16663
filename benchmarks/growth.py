"""Growth of time with size: the exponent p of time ~ size ** p.

For the benchmarks beside it: a script that is run has its own folder on the path.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def exponent(sizes, seconds):
    """Slope of a line through the logarithms: 1 is linear."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def row(name, sizes, seconds, asked=None):
    """A line of a table: sizes, seconds, exponent, and whether it is as asked."""
    p = exponent(sizes, seconds)
    cells = [
        name,
        ", ".join(f"{size:,}" for size in sizes),
        ", ".join(f"{one:.3g}" for one in seconds),
        f"{p:.2f}",
    ]
    if asked is not None:
        cells.append("yes" if p <= asked else "NO")
    return f"| {' | '.join(cells)} |"
