"""Round after round, with a clock that passes where somebody waits."""

import os
import signal
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import submit_predictions
from sknumerai.submission._record import Record
from sknumerai.submission._watch import NotReadyError, Signals, watch
from tests.submission.numerai_server import MODEL_ID, serving


@pytest.fixture
def numerai():
    with serving() as fake:
        yield fake


class Watcher:
    """Watch for `n_polls` pauses; `events` maps the n-th pause to what happens in it."""

    def __init__(self, numerai, home, n_polls, events=None, submit=None, **kwargs):
        self.lines, self.pauses = [], 0
        numerai.clock.on_wait = self.on_wait
        self.numerai, self.home, self.events = numerai, home, events or {}
        watch(
            numerai.client(),
            submit or self.submit,
            self.lines.append,
            stopped=lambda: self.pauses >= n_polls,
            **kwargs,
        )

    def on_wait(self):
        # pauses between attempts are shorter than those between questions
        if self.numerai.clock.waits[-1] > 200:
            self.pauses += 1
            self.events.get(self.pauses, lambda: None)()

    def submit(self, number):
        live = self.numerai.live
        values = pd.Series((np.arange(len(live)) + 0.5) / len(live), live.index)
        return submit_predictions(
            values, "mine", live=live, api=self.numerai.client(), data_home=self.home
        )


def test_once_a_round(numerai, tmp_path):
    watcher = Watcher(numerai, tmp_path, 6, {3: numerai.next_round})
    assert watcher.lines == [
        "round 1340: sent, 40 rows, submission s0",
        "round 1341: sent, 40 rows, submission s1",
    ]
    assert len(numerai.submissions) == 2
    assert all(225 <= wait <= 375 for wait in numerai.clock.waits)
    assert len(set(numerai.clock.waits)) > 1


def test_waits_for_the_round(numerai, tmp_path):
    numerai.closes = numerai.clock.time - timedelta(hours=1)
    watcher = Watcher(numerai, tmp_path, 4, {2: numerai.next_round})
    assert watcher.lines == [
        "waiting: no round is open (after round 1340)",
        "round 1341: sent, 40 rows, submission s0",
    ]


def test_catches_up_after_an_outage_of_the_server(numerai, tmp_path):
    numerai.faults["rounds"] = ["cut"] * 12
    watcher = Watcher(numerai, tmp_path, 4)
    first, second = watcher.lines
    assert "cannot be reached, trying again" in first
    assert second == "round 1340: sent, 40 rows, submission s0"


def test_catches_up_after_an_outage_of_this_computer(numerai, tmp_path):
    Watcher(numerai, tmp_path, 1)
    numerai.round += 2
    numerai.next_round()
    watcher = Watcher(numerai, tmp_path, 2, last=1340)
    assert watcher.lines == [
        "nothing was sent for rounds 1341 to 1342, which are closed",
        "round 1343: sent, 40 rows, submission s1",
    ]


def test_started_again_in_the_same_round(numerai, tmp_path):
    Watcher(numerai, tmp_path, 1)
    watcher = Watcher(numerai, tmp_path, 2, last=1340)
    assert watcher.lines == ["round 1340: was sent before, 40 rows, submission s0"]
    assert len(numerai.submissions) == 1


def test_other_predictions_are_there(numerai, tmp_path):
    Watcher(numerai, tmp_path / "elsewhere", 1)
    events = {2: numerai.next_round}
    first, second = Watcher(numerai, tmp_path, 4, events).lines
    assert "has no record of" in first and second.startswith("round 1341: sent")


def test_predictions_that_are_not_ready(numerai, tmp_path):
    answers = [NotReadyError("stale"), NotReadyError("stale")]

    def submit(number):
        if answers:
            raise answers.pop()
        return Watcher.submit(type("W", (), {"numerai": numerai, "home": tmp_path}), 1)

    watcher = Watcher(numerai, tmp_path, 4, submit=submit)
    assert watcher.lines == [
        "round 1340: waiting, stale",
        "round 1340: sent, 40 rows, submission s0",
    ]


def test_a_file_that_another_process_downloads(numerai, tmp_path):
    answers = [OSError("live.parquet is being downloaded by another process.")] * 2

    def submit(number):
        if answers:
            raise answers.pop()
        return Watcher.submit(watcher, number)

    watcher = type("W", (), {"numerai": numerai, "home": tmp_path})
    assert Watcher(numerai, tmp_path, 4, submit=submit).lines == [
        "round 1340: trying again, live.parquet is being downloaded by another process.",
        "round 1340: sent, 40 rows, submission s0",
    ]


def test_what_does_not_pass_by_itself_ends_it(numerai, tmp_path):
    def submit(number):
        raise SubmissionError("refused")

    with pytest.raises(SubmissionError, match="refused"):
        Watcher(numerai, tmp_path, 3, submit=submit)


def test_another_process_is_sending(numerai, tmp_path):
    calls = []

    def submit(number):
        calls.append(number)
        if len(calls) > 2:
            return Watcher.submit(watcher, number)
        with Record(MODEL_ID, tmp_path).alone():
            return Watcher.submit(watcher, number)

    watcher = type("W", (), {"numerai": numerai, "home": tmp_path})
    lines = Watcher(numerai, tmp_path, 4, submit=submit).lines
    assert "round 1340: waiting, Another process is sending" in lines[0]
    assert lines[1:] == ["round 1340: sent, 40 rows, submission s0"]


def test_signals_wake_who_waits():
    with Signals() as signals:
        assert not signals.stopped()
        os.kill(os.getpid(), signal.SIGTERM)
        signals.wait(3600)
        assert signals.stopped() and signals.number == signal.SIGTERM
        # the second one is not patient
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            signals.wait(3600)


def test_reason_why_no_round_is_known_is_said(numerai, tmp_path):
    """The reason was dropped, and the watch waited in silence."""
    numerai.round_error = 'Cannot query field "closeStakingTime" on type "Round".'

    def mend():
        numerai.round_error = None

    watcher = Watcher(numerai, tmp_path, 4, {3: mend})
    first, second = watcher.lines
    assert "trying again" in first and "Cannot query field" in first
    assert second == "round 1340: sent, 40 rows, submission s0"


def test_between_two_rounds(numerai, tmp_path):
    numerai.round_error = "Current round not open for submissions"
    (line,) = Watcher(numerai, tmp_path, 3).lines
    assert line.startswith("waiting: no round is open. ")
    assert "not open for submissions" in line
