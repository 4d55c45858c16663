"""The client against a server on loopback: real numerapi, real requests."""

import copy
import errno
import inspect
import json
import logging
import os
import pickle
import re
import traceback

import numerapi
import numpy as np
import pandas as pd
import pytest

from sknumerai.exceptions import RoundClosedError, SubmissionError
from sknumerai.submission import _rounds, _submit, _upload_model, submit_predictions
from sknumerai.submission._client import Client
from tests.submission.numerai_server import MODEL_ID, PUBLIC, SECRET, serving


@pytest.fixture
def numerai():
    with serving() as fake:
        yield fake


@pytest.fixture
def predictions(numerai):
    values = (np.arange(40) + 0.5) / 40
    return pd.DataFrame({"prediction": values}, index=numerai.live.index)


def submit(numerai, predictions, home, model="mine", **kwargs):
    kwargs.setdefault("live", numerai.live)
    kwargs.setdefault("api", numerai.client())
    return submit_predictions(predictions, model, data_home=home, **kwargs)


def entries(home):
    lines = (home / "submissions" / f"{MODEL_ID}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_success(numerai, predictions, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    sent = submit(numerai, predictions, tmp_path)
    assert (sent.model_id, sent.round, sent.submission_id) == (MODEL_ID, 1340, "s0")
    assert sent.n_rows == 40 and sent.already_sent is False
    (name,) = numerai.stored
    stored = numerai.stored[name].decode().splitlines()
    assert stored[0] == "id,prediction" and len(stored) == 41
    assert numerai.submissions[0]["filename"] == name
    (entry,) = entries(tmp_path)
    assert entry["state"] == "sent" and entry["digest"] == sent.digest
    assert numerai.clock.waits == []
    assert SECRET not in caplog.text and PUBLIC not in caplog.text
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert files and not any(SECRET in p.read_text() for p in files)


def test_live_data_are_downloaded(numerai, predictions, tmp_path):
    sent = submit(numerai, predictions, tmp_path, live=None)
    assert sent.n_rows == 40
    numerai.live = numerai.live.rename(lambda name: "new" + name)
    numerai.next_round()
    with pytest.raises(SubmissionError, match="Predict the live data of the present"):
        submit(numerai, predictions, tmp_path, live=None)
    assert len(numerai.submissions) == 1


def test_the_same_is_not_sent_twice(numerai, predictions, tmp_path):
    first = submit(numerai, predictions, tmp_path)
    again = submit(numerai, predictions[::-1], tmp_path, model=MODEL_ID)
    assert again.already_sent and again.submission_id == first.submission_id
    assert len(numerai.submissions) == 1 and numerai.asked.count("put") == 1
    numerai.next_round()
    assert submit(numerai, predictions, tmp_path).round == 1341
    assert len(numerai.submissions) == 2


def test_other_predictions_need_replace(numerai, predictions, tmp_path):
    submit(numerai, predictions, tmp_path)
    other = 1 - predictions
    with pytest.raises(SubmissionError, match="other predictions were sent for round"):
        submit(numerai, other, tmp_path)
    assert len(numerai.submissions) == 1
    assert submit(numerai, other, tmp_path, replace=True).submission_id == "s1"
    assert submit(numerai, other, tmp_path).already_sent


def test_a_submission_of_another_computer_is_seen(numerai, predictions, tmp_path):
    submit(numerai, predictions, tmp_path / "one")
    with pytest.raises(SubmissionError, match="has no record of"):
        submit(numerai, predictions, tmp_path / "two")
    assert len(numerai.submissions) == 1


@pytest.mark.parametrize("step", ["rounds", "account", "submission_upload_auth", "put"])
@pytest.mark.parametrize("fault", [503, "lost", "cut", 429])
def test_errors_then_success(numerai, predictions, tmp_path, step, fault):
    numerai.faults[step] = [fault, 500]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    # the round is asked for once more before the submission is registered
    assert numerai.asked.count(step) == 3 + (step == "rounds")
    # pauses grow: 1 and 2 seconds, spread by a quarter
    one, two = numerai.clock.waits
    assert 0.75 <= one <= 1.25 and 1.5 <= two <= 2.5
    assert len(numerai.submissions) == 1


def test_no_answer_in_time(numerai, predictions, tmp_path):
    numerai.faults["rounds"] = ["slow"]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert len(numerai.clock.waits) == 1


def test_an_answer_that_is_none(numerai, predictions, tmp_path):
    numerai.faults["rounds"] = ["garbage"]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"


@pytest.mark.parametrize("fault", ["lost", "slow"])
def test_answer_lost_after_it_was_registered(numerai, predictions, tmp_path, fault):
    """Nothing is sent twice: the server is asked first."""
    numerai.faults["create_submission"] = [fault]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert len(numerai.submissions) == 1
    assert numerai.asked[-2:] == ["create_submission", "submissions"]


@pytest.mark.parametrize("fault", [500, 504, "cut", "garbage"])
def test_question_lost_before_it_was_registered(numerai, predictions, tmp_path, fault):
    numerai.faults["create_submission"] = [fault]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    asked = ["create_submission", "submissions", "rounds", "create_submission"]
    assert numerai.asked[-4:] == asked and len(numerai.submissions) == 1


def test_killed_between_registering_and_its_answer(numerai, predictions, tmp_path):
    """The next call finds what the server has."""
    numerai.faults["create_submission"] = ["lost"]
    numerai.faults["submissions"] = [None] + [500] * 6
    with pytest.raises(ConnectionError):
        submit(numerai, predictions, tmp_path)
    assert entries(tmp_path)[-1]["state"] == "sending"
    sent = submit(numerai, predictions, tmp_path)
    assert sent.already_sent and sent.submission_id == "s0"
    assert len(numerai.submissions) == 1 and numerai.asked.count("put") == 1


def test_killed_before_registering(numerai, predictions, tmp_path):
    numerai.faults["create_submission"] = [500] * 6
    with pytest.raises(ConnectionError):
        submit(numerai, predictions, tmp_path)
    assert not numerai.submissions
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert [e["state"] for e in entries(tmp_path)] == ["lost", "sent"]


def test_the_server_stays_away(numerai, predictions, tmp_path):
    numerai.faults["put"] = ["cut"] * 100
    with pytest.raises(ConnectionError, match="in 6 attempts") as info:
        submit(numerai, predictions, tmp_path)
    assert "signature" not in "".join(traceback.format_exception(info.value))
    assert numerai.asked.count("put") == 6 and not numerai.submissions
    assert not (tmp_path / "submissions" / f"{MODEL_ID}.jsonl").exists()
    # each attempt asks for a new address, which may have expired
    assert numerai.asked.count("submission_upload_auth") == 6


def test_a_storage_that_refuses_is_not_asked_again(numerai, predictions, tmp_path):
    numerai.faults["put"] = [403]
    with pytest.raises(SubmissionError, match=r"HTTP 403\): <Error>AccessDenied"):
        submit(numerai, predictions, tmp_path)
    assert numerai.asked.count("put") == 1 and not numerai.submissions


def test_rate_limits(numerai, predictions, tmp_path):
    numerai.retry_after = 42
    numerai.faults["create_submission"] = [429]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    # refused before it acted: sent again at once after the pause that was asked for
    assert numerai.clock.waits == [42]
    assert "submissions" not in numerai.asked[-2:]
    numerai.retry_after = 3600
    numerai.faults["rounds"] = [429]
    with pytest.raises(ConnectionError, match="asks to wait 3600 s"):
        submit(numerai, predictions, tmp_path)
    assert numerai.clock.waits == [42]


def test_closed_round(numerai, predictions, tmp_path):
    numerai.closes = numerai.clock.time
    with pytest.raises(RoundClosedError, match="Round 1340 was open until") as info:
        submit(numerai, predictions, tmp_path)
    assert info.value.number == 1340
    assert pickle.loads(pickle.dumps(info.value)).number == 1340
    assert not {"put", "submission_upload_auth"} & set(numerai.asked)
    numerai.round_error = "Current round not open for submissions"
    with pytest.raises(RoundClosedError, match="not open for submissions"):
        submit(numerai, predictions, tmp_path)


def test_waiting_for_a_round(numerai, predictions, tmp_path):
    numerai.round_error = "Current round not open for submissions"
    clock = numerai.clock

    def pass_time():
        if len(clock.waits) == 4:
            numerai.round_error = None
            numerai.next_round()

    clock.on_wait = pass_time
    assert submit(numerai, predictions, tmp_path, wait=True).round == 1341
    assert len(clock.waits) == 4 and len(set(clock.waits)) > 1
    assert all(225 <= wait <= 375 for wait in clock.waits)


def test_bad_predictions_are_not_sent(numerai, predictions, tmp_path):
    with pytest.raises(SubmissionError, match="the largest 2"):
        submit(numerai, predictions + 1.0125, tmp_path)
    assert "put" not in numerai.asked


def test_the_server_refuses(numerai, predictions, tmp_path, monkeypatch):
    monkeypatch.setattr(numerai, "stored", Forgetful())
    with pytest.raises(SubmissionError, match="says: invalid submission"):
        submit(numerai, predictions, tmp_path)
    assert [e["state"] for e in entries(tmp_path)] == ["refused"]
    monkeypatch.undo()
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"


class Forgetful(dict):
    def __setitem__(self, key, value):
        pass


def test_unknown_model(numerai, predictions, tmp_path):
    with pytest.raises(SubmissionError, match=r"no model 'signals'.*\['mine'\]"):
        submit(numerai, predictions, tmp_path, model="signals")
    with pytest.raises(TypeError, match="name or id"):
        submit(numerai, predictions, tmp_path, model=None)


@pytest.mark.parametrize("status", [None, 401])
def test_wrong_key_is_not_shown(numerai, predictions, tmp_path, caplog, status):
    caplog.set_level(logging.DEBUG)
    numerai.say_key = True
    if status:
        numerai.faults["account"] = [status]
    wrong = "WRONGWRONGWRONG"
    client = numerai.client((PUBLIC, wrong))
    with pytest.raises(SubmissionError, match="Check that the public id") as info:
        submit(numerai, predictions, tmp_path, api=client)
    text = "".join(traceback.format_exception(info.value)) + caplog.text + repr(client)
    assert wrong not in text and PUBLIC not in text
    assert wrong not in repr(vars(client)) and wrong not in f"{client.token} {client}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(client.token)
    assert numerai.asked.count("account") == 1


def test_two_processes_at_a_time(numerai, predictions, tmp_path):
    clock = numerai.clock
    seen = []

    def meanwhile():
        clock.on_wait = None
        with pytest.raises(SubmissionError, match="Another process is sending"):
            submit(numerai, predictions, tmp_path)
        seen.append(True)

    numerai.faults["put"] = [500]
    clock.on_wait = meanwhile
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert seen and len(numerai.submissions) == 1


def test_damaged_record(numerai, predictions, tmp_path):
    submit(numerai, predictions, tmp_path)
    path = tmp_path / "submissions" / f"{MODEL_ID}.jsonl"
    path.write_text(path.read_text() + '{"half":')
    with pytest.raises(SubmissionError, match=r"Line 2 of the record .* is damaged"):
        submit(numerai, predictions, tmp_path)
    assert len(numerai.submissions) == 1


@pytest.mark.parametrize("n_good", [0, 1])
def test_full_disk(numerai, predictions, tmp_path, monkeypatch, n_good):
    """Without a record nothing is sent; with half of it the server is asked."""
    fsync, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) > n_good:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        submit(numerai, predictions, tmp_path)
    monkeypatch.undo()
    assert len(numerai.submissions) == n_good
    assert not list((tmp_path / "submissions").glob("*.part*"))
    sent = submit(numerai, predictions, tmp_path)
    assert sent.submission_id == "s0" and len(numerai.submissions) == 1
    assert sent.already_sent is bool(n_good)


def test_numerapi_as_it_comes(numerai, monkeypatch):
    """Its methods answer through our client, and it does not touch logging."""
    handlers = list(logging.getLogger().handlers)
    client = numerai.client()
    assert isinstance(client, numerapi.NumerAPI)
    assert client.get_models() == {"mine": MODEL_ID}
    assert client.get_current_round() == 1340
    monkeypatch.setattr(numerai, "round_error", "Current round not open")
    assert client.check_round_open() is False
    assert logging.getLogger().handlers == handlers


def test_keys_go_to_the_server_only(numerai, predictions, tmp_path, monkeypatch):
    """A ~/.netrc does not replace them, a redirection does not take them along."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    numerai.faults["account"] = [302]
    with pytest.raises(SubmissionError, match=r"refused the request \(HTTP 302\)"):
        submit(numerai, predictions, tmp_path)


def test_addresses_and_clients(numerai, predictions, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="not encrypted"):
        Client((PUBLIC, SECRET), url="http://api.example.com")
    with pytest.raises(ValueError, match="api or keys, not both"):
        submit(numerai, predictions, tmp_path, keys=("a", "b"))
    with pytest.raises(ValueError, match="api has no keys"):
        submit(numerai, predictions, tmp_path, api=object())
    monkeypatch.setenv("SKNUMERAI_API_URL", numerai.url)
    monkeypatch.setenv("NUMERAI_PUBLIC_ID", PUBLIC)
    monkeypatch.setenv("NUMERAI_SECRET_KEY", SECRET)
    # numerai's server of the test lives in the past; the real clock sees it closed
    with pytest.raises(RoundClosedError):
        submit(numerai, predictions, tmp_path, api=None)


ISE = {"data": None, "errors": [{"message": "Internal server error"}]}
SCHEMA = 'Cannot query field "closeStakingTime" on type "Round".'


def test_question_that_the_server_does_not_know_is_no_closed_round(
    numerai, predictions, tmp_path
):
    """It was "No round is open", for which a scheduled job does not ring."""
    numerai.round_error = SCHEMA
    for wait in (False, True):
        with pytest.raises(ConnectionError, match=r"does not say which.*Cannot query"):
            submit(numerai, predictions, tmp_path, wait=wait)
    numerai.round_error = None
    for code in (403, 401, 400, 404, 302):
        numerai.faults["rounds"] = [code]
        with pytest.raises(ConnectionError, match=f"HTTP {code}") as info:
            submit(numerai, predictions, tmp_path)
        # that question carries none
        assert "keys" not in str(info.value)
    assert numerai.clock.waits == []


STEPS = ["rounds", "account", "submissions", "submission_upload_auth"]


@pytest.mark.parametrize("step", STEPS)
def test_internal_server_error_of_graphql_is_tried_again(
    numerai, predictions, tmp_path, step
):
    numerai.faults[step] = [ISE, ISE]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert len(numerai.clock.waits) == 2


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("text", ["Internal server error", "Request timed out"])
def test_internal_server_error_of_a_change_is_asked_about(
    numerai, predictions, tmp_path, monkeypatch, acts, text
):
    register, calls = numerai.answer, []

    def answer(name, variables):
        if name == "create_submission":
            calls.append(register(name, variables) if acts or calls else None)
            if len(calls) == 1:
                raise ValueError(text)
            return calls[-1]
        return register(name, variables)

    monkeypatch.setattr(numerai, "answer", answer)
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert len(numerai.submissions) == 1
    assert [e["state"] for e in entries(tmp_path)] == ["sent"]


@pytest.mark.parametrize(
    "step", ["account", "submission_upload_auth", "create_submission", "submissions"]
)
@pytest.mark.parametrize("whole", [False, True])
def test_empty_answer_is_tried_again(numerai, predictions, tmp_path, step, whole):
    name = "model" if step == "submissions" else step
    numerai.faults[step] = [{"data": None if whole else {name: None}}]
    assert submit(numerai, predictions, tmp_path).submission_id == "s0"
    assert len(numerai.clock.waits) == 1


def test_times_without_zone_are_utc(numerai, predictions, tmp_path):
    times = {"openTime": "2026-09-01T12:00:00", "closeStakingTime": None}
    numerai.faults["rounds"] = [{"data": {"rounds": [{"number": 1, **times}]}}]
    with pytest.raises(ConnectionError, match="describes the round"):
        submit(numerai, predictions, tmp_path)
    times["closeStakingTime"] = "2026-09-01T14:00:00"
    numerai.faults["rounds"] = [{"data": {"rounds": [{"number": 1, **times}]}}] * 2
    assert submit(numerai, predictions, tmp_path).round == 1


def test_key_at_the_end_of_what_the_server_says(numerai):
    client = numerai.client(("PUBLIC", "S" * 40))

    class Response:
        status_code = 400
        text = "x" * 280 + " " + "S" * 40
        headers = {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.request", lambda *args, **kwargs: Response())
        with pytest.raises(SubmissionError, match="x") as info:
            client.get_models()
    assert "SS" not in str(info.value)


def test_folder_of_keys(tmp_path):
    with pytest.raises(ValueError, match=r"must be a file.* is a folder"):
        Client(str(tmp_path))


def _queries(text):
    """Questions in a source, without blanks and the names of what is not sent."""
    text = text.replace("'" * 3, '"' * 3)
    found = re.findall(r'=\s*"""\s*((?:query|mutation)\b.*?)"""', text, re.DOTALL)
    found = [re.sub(r"[\s,]+", "", query) for query in found]
    # of submissions for other days
    optional = ("$dataDatestamp:Int", "dataDatestamp:$dataDatestamp")
    for part in optional:
        found = [query.replace(part, "") for query in found]
    return found


@pytest.mark.parametrize(
    "method, ours",
    [
        ("upload_predictions", _submit._CREATE),
        ("model_upload", _upload_model._AUTH),
        ("model_upload", _upload_model._CREATE),
        ("check_round_open", _rounds._QUERY),
    ],
)
def test_copied_questions_are_those_of_the_installed_numerapi(method, ours):
    theirs = _queries(inspect.getsource(getattr(numerapi.NumerAPI, method)))
    assert _queries(f'= """{ours}"""')[0] in theirs


@pytest.mark.parametrize("step", ["put", "create_submission"])
@pytest.mark.parametrize("fault", [500, 429])
@pytest.mark.parametrize("closes", [False, True])
def test_round_changes_while_it_is_sent(
    numerai, predictions, tmp_path, step, fault, closes
):
    """Predictions of one round were registered in the next."""
    numerai.faults[step] = [fault]

    def change():
        numerai.clock.on_wait = None
        if closes:
            numerai.closes = numerai.clock.time
        else:
            numerai.next_round()

    numerai.clock.on_wait = change
    with pytest.raises(RoundClosedError, match="Round 1340") as info:
        submit(numerai, predictions, tmp_path)
    assert info.value.number == 1340 and not numerai.submissions
    assert [e["state"] for e in entries(tmp_path)] == ["closed"]
    if not closes:
        assert submit(numerai, predictions, tmp_path).round == 1341
        assert len(numerai.submissions) == 1


def test_older_submission_of_the_same_file_name_is_not_taken_for_this_one(
    numerai, predictions, tmp_path
):
    """The replacement was lost, and recorded as sent."""
    numerai.prefix = False
    submit(numerai, predictions, tmp_path)
    numerai.faults["create_submission"] = [500]
    sent = submit(numerai, 1 - predictions, tmp_path, replace=True)
    assert sent.submission_id == "s1" and len(numerai.submissions) == 2
