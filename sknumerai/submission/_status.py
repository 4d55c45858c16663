"""What became of submissions: a table of states, diagnostics and scores."""

# SPDX-License-Identifier: BSD-3-Clause

import numbers
import os
import secrets
import warnings
from pathlib import Path

import pandas as pd

from sknumerai.submission._client import RefusedError, make_client
from sknumerai.submission._record import Record
from sknumerai.submission._submit import find_model

CALLER = "submission_status"
COLUMNS = {
    "kind": "object",
    "round": "Int64",
    "name": "object",
    "version": "object",
    "day": "Int64",
    "date": "datetime64[ns, UTC]",
    "value": "float64",
    "percentile": "float64",
    "resolved": "boolean",
    "text": "object",
}
# as numerapi.NumerAPI.submission_scores asks, which older ones do not have
_SCORES = """
query($modelId: ID! $tournament: Int $lastNRounds: Int) {
  submissionScores(modelId: $modelId
                   tournament: $tournament
                   lastNRounds: $lastNRounds) {
    roundNumber
    displayName
    version
    day
    date
    value
    percentile
    resolved
  }
}
"""
_UPLOADS = """
query($modelId: ID $unassigned: Boolean!) {
  computePickles(modelId: $modelId unassigned: $unassigned) {
    id
    filename
    validationStatus
    insertedAt
  }
}
"""


def submission_status(
    model, *, last_n_rounds=20, path=None, keys=None, data_home=None, api=None
):
    """Ask what became of a model's submissions, and how they score.

    Read more in the user guide, "Daily submission".

    Parameters
    ----------
    model : str
        Name or id of the model on numer.ai.

    last_n_rounds : int or None, default=20
        Rounds to tell of, counted from the latest; None for all.

    path : str or path-like, default=None
        File for the table, .csv or .parquet, written whole. By default none.

    keys : path, tuple of str or None, default=None
        See :func:`submit_predictions`.

    data_home : str or path-like, default=None
        Where the record of what was sent is, see
        :func:`sknumerai.datasets.get_data_home`.

    api : numerapi.NumerAPI, default=None
        A client with keys, in place of `keys`.

    Returns
    -------
    status : DataFrame
        One row per fact, with the columns `kind`, `round`, `name`, `version`, `day`,
        `date`, `value`, `percentile`, `resolved` and `text`. The kinds are

        - "submission": a file that the server counts for a round; `name` is its name,
          `text` its id;
        - "sent": what this computer recorded; `text` is the state and the id;
        - "upload": a model file; `text` says whether it passed Numerai's validation;
        - "diagnostics": a figure of the last diagnostics run;
        - "score": a score of a day of a round, final where `resolved` is true;
        - "intra_round": a score of a day within a round.

    Raises
    ------
    SubmissionError
        If the keys are refused, or the account has no such model.

    ConnectionError
        If the server cannot be reached.

    ValueError
        If `last_n_rounds` or `path` are not as above.

    Warns
    -----
    UserWarning
        If the server refuses one of the kinds. The others are returned.

    See Also
    --------
    submit_predictions : Send predictions.

    Examples
    --------
    >>> from sknumerai.submission import submission_status
    >>> submission_status("my_model", path="status.txt")
    Traceback (most recent call last):
    ...
    ValueError: submission_status: path must end in .csv or .parquet. Got status.txt.
    """
    whole = isinstance(last_n_rounds, numbers.Integral) and last_n_rounds >= 1
    if last_n_rounds is not None and not whole:
        raise ValueError(
            f"The 'last_n_rounds' parameter of {CALLER} must be an int of at least 1 "
            f"or None. Got {last_n_rounds!r} instead."
        )
    if path is not None:
        path = Path(path)
        if path.suffix not in (".csv", ".parquet"):
            raise ValueError(
                f"{CALLER}: path must end in .csv or .parquet. Got {path.name}."
            )
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{CALLER}: there is no folder {path.parent}.")
    client = make_client(api, keys)
    model_id = find_model(client, model)
    parts = {
        "submissions": lambda: _submissions(client, model_id),
        "uploads": lambda: _uploads(client, model_id),
        "diagnostics": lambda: _diagnostics(client, model_id),
        "scores": lambda: _scores(client, model_id, last_n_rounds),
        "intra-round scores": lambda: _intra_round(client, model_id),
    }
    rows = list(_sent(model_id, data_home))
    for name, ask in parts.items():
        try:
            rows.extend(ask())
        except RefusedError as error:
            warnings.warn(f"{CALLER}: no {name}. {error}", UserWarning, stacklevel=2)
    table = _frame(rows)
    if last_n_rounds is not None and table["round"].notna().any():
        first = table["round"].max() - last_n_rounds + 1
        table = table[(table["round"] >= first).fillna(True).astype(bool)]
        table = table.reset_index(drop=True)
    if path is not None:
        _write(table, path)
    return table


def _sent(model_id, data_home):
    for entry in Record(model_id, data_home).entries():
        yield {
            "kind": "sent",
            "round": entry["round"],
            "name": entry.get("filename"),
            "date": entry["time"],
            "text": f"{entry['state']} {entry.get('submission_id') or ''}".strip(),
        }


def _submissions(client, model_id):
    selected = _or_nothing(client.get_submission_filenames, model_id=model_id)
    ids = {s["filename"]: s for s in client.submission_ids(model_id) or ()}
    for item in selected:
        known = ids.get(item["filename"], {})
        yield {
            "kind": "submission",
            "round": item["round_num"],
            "name": item["filename"],
            "date": known.get("insertedAt"),
            "text": known.get("id"),
        }


def _uploads(client, model_id):
    variables = {"modelId": model_id, "unassigned": False}
    answer = client.raw_query(_UPLOADS, variables, authorization=True)
    for item in answer["data"]["computePickles"] or ():
        yield {
            "kind": "upload",
            "name": item["filename"],
            "date": item.get("insertedAt"),
            "text": f"{item.get('validationStatus')} {item['id']}",
        }


def _diagnostics(client, model_id):
    # a model without any has none; some servers give a list
    found = client.diagnostics(model_id)
    for run in found if isinstance(found, list) else [found]:
        run = run or {}
        date = run.get("updatedAt")
        for name, value in run.items():
            if value is None or name in ("updatedAt", "perEraDiagnostics"):
                continue
            row = {"kind": "diagnostics", "name": name, "date": date}
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            yield row | ({"value": value} if number else {"text": str(value)})


def _scores(client, model_id, last_n_rounds):
    variables = {
        "modelId": model_id,
        "tournament": client.tournament_id,
        "lastNRounds": last_n_rounds,
    }
    answer = client.raw_query(_SCORES, variables)["data"]["submissionScores"]
    for score in answer or ():
        yield {
            "kind": "score",
            "round": score["roundNumber"],
            "name": score["displayName"],
            **{n: score.get(n) for n in ("version", "day", "date", "value")},
            **{n: score.get(n) for n in ("percentile", "resolved")},
        }


def _intra_round(client, model_id):
    for performance in _or_nothing(client.intra_round_scores, model_id):
        for score in performance["intraRoundSubmissionScores"] or ():
            yield {
                "kind": "intra_round",
                "round": performance["roundNumber"],
                "name": score["displayName"],
                **{n: score.get(n) for n in ("day", "date", "value", "percentile")},
            }


def _or_nothing(method, *args, **kwargs):
    # numerapi walks over what the server has, also where that is null
    try:
        return method(*args, **kwargs) or ()
    except TypeError:
        return ()


def _frame(rows):
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["date"] = pd.to_datetime(table["date"], utc=True, format="ISO8601")
    order = ["submission", "sent", "upload", "diagnostics", "score", "intra_round"]
    place = table["kind"].map({kind: n for n, kind in enumerate(order)})
    table = table.assign(place=place).sort_values(
        ["place", "round", "name", "day", "date"], kind="stable"
    )
    return table[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def _write(table, path):
    part = path.with_name(f".{path.name}.part-{secrets.token_hex(4)}{path.suffix}")
    try:
        if path.suffix == ".csv":
            table.to_csv(part, index=False)
        else:
            table.to_parquet(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
