"""Submit to each round as it opens, until told to stop."""

# SPDX-License-Identifier: BSD-3-Clause

import signal
import threading
import time

from sknumerai.exceptions import RoundClosedError
from sknumerai.submission._record import BusyError
from sknumerai.submission._rounds import POLL, RoundUnknownError, open_round
from sknumerai.submission._submit import SentOtherwiseError


class NotReadyError(Exception):
    """There are no predictions for this round yet."""


def watch(client, submit, log, *, last=None, stopped=None, poll=POLL):
    """Submit once to each round.

    Asking again and again is all that is needed to catch up: a round that opened while
    this computer was off, or could not reach the server, is submitted to as long as it
    is open.

    Parameters
    ----------
    client : Client
        Whom to ask for the round, and who waits.

    submit : callable
        Called with the number of the round; returns what
        :func:`submit_predictions` returns.

    log : callable
        Called with a line for each event.

    last : int, default=None
        The last round that was submitted to, by an earlier run.

    stopped : callable, default=None
        Returns whether to stop. It is asked between rounds, never while one is being
        sent.

    poll : float, default=300
        Seconds between two questions, spread by a quarter.
    """
    stopped = stopped or (lambda: False)
    done, said = None, None

    def once(text):
        # a state is said when it begins, not at each question
        nonlocal said
        if text != said:
            log(text)
        said = text

    while not stopped():
        try:
            number = open_round(client).number
            if number != done:
                if done is None and last is not None and number > last + 1:
                    gap = f"{last + 1} to {number - 1}"
                    once(f"nothing was sent for rounds {gap}, which are closed")
                sent = submit(number)
                before = "was sent before" if sent.already_sent else "sent"
                log(
                    f"round {sent.round}: {before}, {sent.n_rows} rows, submission "
                    f"{sent.submission_id}"
                )
                done, said = sent.round, None
        except RoundClosedError as error:
            # the time of asking is part of the message: said once for a closed round
            after = error.number or done
            text = "waiting: no round is open"
            text += "" if after is None else f" (after round {after})"
            once(text if error.number else f"{text}. {error}")
        except SentOtherwiseError as error:
            log(f"round {number}: {error}")
            done, said = number, None
        except (NotReadyError, BusyError) as error:
            once(f"round {number}: waiting, {error}")
        except BrokenPipeError:  # the reader of the log has left
            raise
        except RoundUnknownError as error:
            once(f"trying again: {error}")
        except ConnectionError as error:
            once(f"the server cannot be reached, trying again: {error}")
        except OSError as error:
            # another watcher downloads the same file, the disk is full for a while
            once(f"round {number}: trying again, {error}")
        if not stopped():
            client.clock.wait(client.clock.spread(poll))


class Signals:
    """Turn SIGTERM and Ctrl-C into a wish that is fulfilled at the next pause.

    A submission that is being sent is finished and recorded first. A second signal
    interrupts at once; then the next run asks the server what it has.

    Used as a context; signals are as before after it.
    """

    SLICE = 0.2

    def __init__(self):
        self.number = None
        self._old = {}

    def __enter__(self):
        # elsewhere Python does not let handlers be set
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error):
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number

    def stopped(self):
        """Whether a signal came."""
        return self.number is not None

    def wait(self, seconds):
        """Wait, but no longer than until a signal comes."""
        end = time.monotonic() + seconds
        # a handler does not cut a sleep short, so it is taken in slices
        while self.number is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, self.SLICE))
