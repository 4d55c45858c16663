"""Memory of a process without pages of files, which the system can take back: Linux.

For the benchmarks beside it: a script that is run has its own folder on the path.
"""

# SPDX-License-Identifier: BSD-3-Clause

import threading


def rss_anon():
    """Anonymous resident memory of this process in bytes."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell RssAnon")


class Peak:
    """Watch RssAnon in a ``with`` block; `before`, `peak` and `above` are bytes.

    Parameters
    ----------
    seconds : float, default=0.002
        Between two looks.
    """

    def __init__(self, seconds=0.002):
        self.seconds = seconds

    def __enter__(self):
        self.before = self.peak = rss_anon()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self.peak = max(self.peak, rss_anon())

    def _watch(self):
        while not self._done.wait(self.seconds):
            self.peak = max(self.peak, rss_anon())

    @property
    def above(self):
        """Peak above what there was before."""
        return self.peak - self.before
