"""Send predictions: once, checked, recorded."""

# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import itertools
import logging
import os
import uuid

import pandas as pd
from sklearn.utils import Bunch

from sknumerai.datasets import fetch_numerai
from sknumerai.exceptions import RoundClosedError, SubmissionError
from sknumerai.submission._check_submission import check_submission
from sknumerai.submission._client import ATTEMPTS, AnswerLost, RefusedError, make_client
from sknumerai.submission._record import Record
from sknumerai.submission._rounds import open_round, wait_for_round

CALLER = "submit_predictions"
LOGGER = logging.getLogger("sknumerai.submission")
# as numerapi.NumerAPI.upload_predictions, which does not look whether the file arrived
_CREATE = """
mutation($filename: String!
         $tournament: Int!
         $modelId: String
         $triggerId: String) {
    create_submission(filename: $filename
                      tournament: $tournament
                      modelId: $modelId
                      triggerId: $triggerId
                      source: "numerapi") {
        id
    }
}
"""


class SentOtherwiseError(SubmissionError):
    """The round has other predictions of this model already."""


def submit_predictions(
    predictions,
    model,
    *,
    live=None,
    data_version="v5.3",
    replace=False,
    wait=False,
    keys=None,
    data_home=None,
    api=None,
):
    """Check predictions and send them to the open round, once.

    The round, the live ids and the predictions are checked before anything is sent.
    Errors of the server and lost connections are tried again with growing pauses. What
    was sent is recorded, and the same predictions are not sent twice for a round: not
    by a second call, and not after an answer that was lost, when the server is asked
    first what it has.

    Read more in the user guide, "Daily submission".

    Parameters
    ----------
    predictions : DataFrame, Series or path
        See :func:`check_submission`.

    model : str
        Name or id of the model on numer.ai that they are submitted for.

    live : DataFrame, Index or path, default=None
        Live data of the round, or their ids. By default they are downloaded.

    data_version : str, default="v5.3"
        Version of the live data to download.

    replace : bool, default=False
        Whether other predictions, sent to the round before, are replaced.

    wait : bool, default=False
        Whether to wait for a round where none is open, asking every five minutes.

    keys : path, tuple of str or None, default=None
        A file of keys, or public id and secret key. By default the environment
        variables ``NUMERAI_PUBLIC_ID`` and ``NUMERAI_SECRET_KEY``, and where they are
        not set the file that ``SKNUMERAI_KEYS`` names, or ``~/.sknumerai_keys``. Only
        you may be able to read the file.

    data_home : str or path-like, default=None
        Where live data and the record go, see
        :func:`sknumerai.datasets.get_data_home`.

    api : numerapi.NumerAPI, default=None
        A client with keys, in place of `keys`.

    Returns
    -------
    sent : sklearn.utils.Bunch
        `model`, `model_id`, `round`, `submission_id`, `digest` (SHA-256 of the csv
        that was sent), `n_rows`, `time`, and `already_sent`: whether this call found
        that it had been sent before.

    Raises
    ------
    RoundClosedError
        If no round is open. Nothing was sent.

    SubmissionError
        If the predictions would be refused, the server refuses them, the round has
        other predictions of the model, or another process is sending.

    ConnectionError
        If the server cannot be reached. The next call goes on from there.

    ValueError, FileNotFoundError, PermissionError
        If the keys are missing, or others can read their file.

    See Also
    --------
    check_submission : The check alone.
    upload_model : Let Numerai run the model instead.

    Notes
    -----
    Predictions go to the Classic tournament. Keys are not logged and appear in no
    message. The record is ``<data home>/submissions/<model id>.jsonl``.

    Examples
    --------
    Nothing is sent without keys.

    >>> import pandas as pd
    >>> from sknumerai.submission import submit_predictions
    >>> predictions = pd.Series([0.2, 0.7], index=["n1", "n2"], name="prediction")
    >>> submit_predictions(predictions, "my_model", keys="no_such_file")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no file of keys no_such_file.
    """
    client = make_client(api, keys)
    return submit(
        client,
        predictions,
        model,
        live,
        data_version=data_version,
        replace=replace,
        wait=wait,
        data_home=data_home,
    )


def submit(
    client,
    predictions,
    model,
    live,
    *,
    data_version=None,
    replace=False,
    wait=False,
    data_home=None,
    source=None,
):
    """Check and send, see :func:`submit_predictions`.

    Parameters
    ----------
    client : Client
        Whom to ask.

    predictions, model, live, data_version, replace, wait, data_home : object
        As there.

    source : str, default=None
        Digest of the file that made the predictions, for the record.

    Returns
    -------
    sent : sklearn.utils.Bunch
        As there.
    """
    model_id = find_model(client, model)
    current = wait_for_round(client) if wait else open_round(client)
    if live is None:
        live = live_ids(client, data_version, data_home)
    clean = check_submission(predictions, live)
    content = clean.to_csv(index=False).encode()
    entry = {
        "kind": "predictions",
        "model": model,
        "model_id": model_id,
        "round": current.number,
        "digest": hashlib.sha256(content).hexdigest(),
        "n_rows": len(clean),
        "source": source,
    }
    with Record(model_id, data_home).alone() as record:
        before = sent_before(client, record, current.number)
        if before is not None and before["digest"] == entry["digest"]:
            if source is not None:
                before["source"] = source
                record.save(before)
            LOGGER.info("round %d: sent before, %s", current.number, before["time"])
            return _result(before, already_sent=True)
        if not replace:
            _check_nothing_there(client, model_id, current.number, before)
        _send(client, record, entry, content, replace)
    LOGGER.info("round %d: sent, %s", current.number, entry["submission_id"])
    return _result(entry, already_sent=False)


def find_model(client, model):
    """Id of a model of the account.

    Parameters
    ----------
    client : Client
        Whom to ask.

    model : str
        Name or id.

    Returns
    -------
    model_id : str
        Its id.
    """
    if not isinstance(model, str) or not model:
        raise TypeError(f"model must be the name or id of a model. Got {model!r}.")
    models = client.get_models()
    if model in models:
        return models[model]
    if model in models.values():
        return model
    raise SubmissionError(
        f"The account has no model {model!r} in the Classic tournament. It has "
        f"{sorted(models) or 'none'}."
    )


def live_ids(client, data_version, data_home):
    """Ids of the live rows, downloaded."""
    paths = fetch_numerai(
        data_version, "live", load=False, data_home=data_home, api=client, verbose=0
    )
    path = next(path for path in paths if path.name == "live.parquet")
    return pd.read_parquet(path, columns=[]).reset_index()


def sent_before(client, record, number):
    """The last entry of a round that the server has, or None.

    A call that was cut off leaves an entry "sending": the server is asked about it.
    """
    entries = record.entries()
    mine = [e for e in entries if e["kind"] == "predictions" and e["round"] == number]
    if mine and mine[-1]["state"] == "sending":
        entry = mine[-1]
        record.settle(entry, _find(client, entry))
    sent = [e for e in mine if e["state"] == "sent"]
    return sent[-1] if sent else None


def _check_nothing_there(client, model_id, number, before):
    if before is not None:
        raise SentOtherwiseError(
            f"{CALLER}: other predictions were sent for round {number} at "
            f"{before['time']} (digest {before['digest'][:12]}). Nothing was sent now. "
            "With replace=True (--replace) these take their place."
        )
    there = client.get_submission_filenames(
        tournament=client.tournament_id, round_num=number, model_id=model_id
    )
    if there:
        raise SentOtherwiseError(
            f"{CALLER}: round {number} has a submission of this model, "
            f"{there[-1]['filename']!r}, that this computer has no record of: another "
            "one sent it, or Numerai runs an uploaded model. Nothing was sent now. "
            "With replace=True (--replace) these take its place."
        )


def _send(client, record, entry, content, replace):
    """Upload, register, and record before and after."""
    model_id = entry["model_id"]
    name = f"predictions_{entry['round']}.csv"
    entry["filename"] = client.store(
        lambda: client._upload_auth(
            "submission_upload_auth", name, client.tournament_id, model_id
        ),
        content,
    )
    # where names repeat, an older submission is not taken for this one
    known = client.submission_ids(model_id) or () if replace else ()
    entry["known"] = [s["id"] for s in known if s["filename"] == entry["filename"]]
    variables = {
        "filename": entry["filename"],
        "tournament": client.tournament_id,
        "modelId": model_id,
        "triggerId": os.getenv("TRIGGER_ID"),
    }

    def check():
        # the server takes them for the round that is open now
        if open_round(client).number != entry["round"]:
            raise RoundClosedError(
                f"Round {entry['round']} closed while its predictions were uploaded. "
                "They were not registered.",
                number=entry["round"],
            )

    def create():
        answer = client.raw_query(_CREATE, variables, authorization=True, check=check)
        return answer["data"]["create_submission"]["id"]

    register_once(client, record, entry, create, lambda: _find(client, entry))


def register_once(client, record, entry, create, find):
    """Make one change on the server, whatever happens to its answers.

    Parameters
    ----------
    client : Client
        Who waits.

    record : Record
        Where the entry is written before the change and after.

    entry : dict
        What is sent; gets "state", "time" and "submission_id".

    create : callable
        Makes the change and returns its id.

    find : callable
        Returns the id of the change if the server has it, or None.
    """
    time = client.clock.now().isoformat(timespec="seconds")
    entry.update(state="sending", time=time, started=uuid.uuid4().hex)
    record.save(entry)
    for failures in itertools.count(1):
        try:
            entry["submission_id"] = create()
            break
        except AnswerLost as error:
            LOGGER.warning("%s The server is asked what it has.", error)
            lost = error
        except (RefusedError, RoundClosedError) as error:
            refused = isinstance(error, RefusedError)
            entry["state"] = "refused" if refused else "closed"
            record.save(entry)
            raise
        client.pause(failures)
        found = find()
        if found is not None:
            entry["submission_id"] = found
            break
        if failures == ATTEMPTS:
            raise lost
    entry["state"] = "sent"
    record.save(entry)


def _find(client, entry):
    """Id of the submission of a file, if the server has one that it had not before."""
    known = entry.get("known", ())
    for submission in client.submission_ids(entry["model_id"]) or ():
        new = submission["id"] not in known
        if new and submission["filename"] == entry["filename"]:
            return submission["id"]
    return None


def _result(entry, *, already_sent):
    names = ("model", "model_id", "round", "submission_id", "digest", "n_rows", "time")
    return Bunch(**{name: entry[name] for name in names}, already_sent=already_sent)
