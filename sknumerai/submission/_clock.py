"""The time, and waiting."""

# SPDX-License-Identifier: BSD-3-Clause

import random
import time
from datetime import UTC, datetime


class Clock:
    """The real time. Whoever waits in this package waits with such an object.

    Parameters
    ----------
    wait : callable, default=None
        Called with seconds, by default :func:`time.sleep`. It may return early.
    """

    def __init__(self, wait=None):
        self._wait = time.sleep if wait is None else wait

    def now(self):
        """The time, with its zone."""
        return datetime.now(UTC)

    def wait(self, seconds):
        """Wait that long."""
        self._wait(seconds)

    def spread(self, seconds):
        """A duration that differs by up to a quarter, so that clients spread out."""
        return seconds * random.uniform(0.75, 1.25)
