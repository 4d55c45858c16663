"""Ctrl-C that others swallow."""

# SPDX-License-Identifier: BSD-3-Clause

import signal
import threading


class Interrupts:
    """Remember an interrupt, whoever catches it.

    A network that is interrupted keeps its best weights and goes on, and so would the
    search around it. In threads other than the main one, and where a program has its
    own handler, it does nothing.
    """

    def __init__(self):
        self.seen = False
        self._before = None

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *exception):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self):
        """Raise the interrupt that was swallowed, once.

        Raises
        ------
        KeyboardInterrupt
            If there was one.
        """
        if self.seen:
            self.seen = False
            raise KeyboardInterrupt

    def _on_interrupt(self, number, frame):
        self.seen = True
        signal.default_int_handler(number, frame)
