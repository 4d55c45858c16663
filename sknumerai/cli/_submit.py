"""``sknumerai submit``: predictions of a model or a file, to the open round."""

# SPDX-License-Identifier: BSD-3-Clause

import argparse
import functools
import hashlib
import inspect
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sknumerai.cli._files import check_output, whole_file
from sknumerai.cli._sources import PICKLES, TABLES, open_model

HELP = "submit predictions to the open round, once or every round"
DESCRIPTION = (
    "Predict the live data with an exported model, or take a file of predictions, check "
    "them and send them to the open round, once. With --watch it stays, waits for each "
    "round and catches up after an outage. A .pkl runs code when it is loaded: open only "
    "files that you made yourself."
)
EPILOG = (
    "exit codes: 0 sent, or sent before; 1 failed; 2 wrong arguments; 3 no round is "
    "open; 4 the server cannot be reached; 130 and 143 after Ctrl-C and SIGTERM"
)
CLOSED, UNREACHABLE = 3, 4
# seconds for which a file that was changed may be half a file
FRESH = 600


def add_arguments(parser):
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.epilog = EPILOG
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE",
        help="an exported model (.pkl), or predictions (.csv, .parquet)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="NAME",
        help="name or id of the model on numer.ai",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data-version", default="v5.3", help="version of the live data"
    )
    parser.add_argument(
        "--watch", action="store_true", help="stay, and submit to each round"
    )
    parser.add_argument(
        "--poll",
        type=_seconds,
        default=300,
        metavar="SECONDS",
        help="with --watch: pause between two questions",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace what was sent to the round before",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="predict and check, send nothing"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="csv file for what is sent (default: not written)",
        default=argparse.SUPPRESS,
    )
    add_account_arguments(parser)


def add_account_arguments(parser):
    """Add the arguments that say who asks and where things are kept.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of a command.
    """
    parser.add_argument(
        "--keys",
        metavar="FILE",
        help="file of the keys (default: NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY, or "
        "the file that SKNUMERAI_KEYS names, or ~/.sknumerai_keys)",
        default=argparse.SUPPRESS,
    )
    parser.add_argument(
        "--data-home",
        help="folder of the data and the record (default: SKNUMERAI_DATA or "
        "~/sknumerai_data)",
        default=argparse.SUPPRESS,
    )


def run(args):
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        Its arguments.

    Returns
    -------
    code : int
        See the help.
    """
    from sknumerai.exceptions import RoundClosedError
    from sknumerai.submission._client import Client
    from sknumerai.submission._keys import Keys
    from sknumerai.submission._watch import Signals

    path = Path(args.model)
    if path.suffix not in PICKLES | TABLES:
        raise ValueError(
            f"{path} is neither a model ({', '.join(sorted(PICKLES))}) nor predictions "
            f"({', '.join(sorted(TABLES))})."
        )
    if not path.is_file() and not (args.watch and path.suffix in TABLES):
        raise FileNotFoundError(f"There is no file {path}.")
    out = check_output(args.out) if hasattr(args, "out") else None
    if args.dry_run:
        if args.watch:
            raise ValueError("--dry-run and --watch do not go together.")
        clean = _predict(args, path, Client(Keys()), out)[0]
        print(f"{len(clean):,} rows are in order. Nothing was sent.")
        return 0
    try:
        if not args.watch:
            return _once(args, path, out)
        with Signals() as signals:
            return _watch(args, path, out, signals)
    except RoundClosedError as error:
        print(f"sknumerai submit: {error}", file=sys.stderr)
        return CLOSED
    except BrokenPipeError:  # the reader of our output has left
        raise
    except ConnectionError as error:
        print(f"sknumerai submit: {error}", file=sys.stderr)
        return UNREACHABLE


def _once(args, path, out):
    from sknumerai.submission._client import make_client
    from sknumerai.submission._rounds import open_round
    from sknumerai.submission._submit import find_model

    client = make_client(keys=getattr(args, "keys", None))
    model_id = find_model(client, args.to)
    number = open_round(client).number
    sent = _submit(args, path, out, client, model_id, number)
    before = "was sent before" if sent.already_sent else "sent"
    print(
        f"round {sent.round}: {before}, {sent.n_rows:,} rows, submission "
        f"{sent.submission_id}"
    )
    return 0


def _watch(args, path, out, signals):
    from sknumerai.submission._client import Client
    from sknumerai.submission._clock import Clock
    from sknumerai.submission._record import Record
    from sknumerai.submission._submit import find_model
    from sknumerai.submission._watch import watch

    client = Client(getattr(args, "keys", None), clock=Clock(signals.wait))
    model_id = _stubborn(client, signals, lambda: find_model(client, args.to))
    if model_id is not None:
        entries = Record(model_id, getattr(args, "data_home", None)).entries()
        rounds = [e["round"] for e in entries if e["kind"] == "predictions"]
        _log(f"watching for {args.to} with {path}")
        watch(
            client,
            functools.partial(_submit, args, path, out, client, model_id),
            _log,
            last=max(rounds, default=None),
            stopped=signals.stopped,
            poll=args.poll,
        )
    _log(f"stopped by signal {signals.number}")
    return 128 + signals.number


def _stubborn(client, signals, ask):
    """Ask until there is an answer: the network may come up after the service."""
    while not signals.stopped():
        try:
            return ask()
        except ConnectionError as error:
            _log(f"the server cannot be reached, trying again: {error}")
            client.clock.wait(client.clock.spread(60))
    return None


def _submit(args, path, out, client, model_id, number):
    """Predict, check and send for a round.

    Where the same file was sent to it before, nothing is predicted.
    """
    from sklearn.utils import Bunch

    from sknumerai.exceptions import RoundClosedError
    from sknumerai.submission._record import Record
    from sknumerai.submission._rounds import open_round
    from sknumerai.submission._submit import sent_before, submit

    home = getattr(args, "data_home", None)
    source = None
    if path.suffix in PICKLES:
        with open(path, "rb") as file:
            source = hashlib.file_digest(file, "sha256").hexdigest()
    if source is not None and not args.replace:
        with Record(model_id, home).alone() as record:
            before = sent_before(client, record, number)
        if before is not None and before.get("source") == source:
            return Bunch(**before, already_sent=True)
    clean, live = _predict(args, path, client, out)
    if open_round(client).number != number:
        # a model may take hours, and these are the rows of the round before
        raise RoundClosedError(
            f"Round {number} closed while the predictions were made. Nothing was sent.",
            number=number,
        )
    return submit(
        client,
        clean,
        model_id,
        live,
        replace=args.replace,
        data_home=home,
        source=source,
    )


def _predict(args, path, client, out):
    """Predictions as they are sent, and the live data."""
    import pandas as pd

    from sknumerai.datasets import fetch_numerai
    from sknumerai.exceptions import SubmissionError
    from sknumerai.submission import check_submission
    from sknumerai.submission._watch import NotReadyError

    is_model = path.suffix in PICKLES
    if is_model:
        model = _open(args, path)
        if not callable(model):
            raise ValueError(
                f"{path} holds a fitted {type(model).__name__}. Export it first, with "
                "export_model or `sknumerai train --export`: an exported file knows "
                "its features and ranks its predictions."
            )
        n_arguments = len(inspect.signature(model).parameters)
        if n_arguments not in (1, 2):
            raise ValueError(
                f"{path} is a function of {n_arguments} arguments. Numerai calls it "
                "with live_features, or with live_features and live_benchmark_models."
            )
    benchmarks = "live_benchmark_models.parquet"
    more = [benchmarks] if is_model and n_arguments == 2 else None
    paths = fetch_numerai(
        args.data_version,
        "live",
        files=more,
        load=False,
        data_home=getattr(args, "data_home", None),
        api=client,
        verbose=0,
    )
    files = {file.name: file for file in paths}
    if is_model:
        live = pd.read_parquet(files["live.parquet"])
        rest = [pd.read_parquet(files[name]).reindex(live.index) for name in more or ()]
        predictions = model(live, *rest)
    else:
        live = pd.read_parquet(files["live.parquet"], columns=[])
        predictions = path
    try:
        clean = check_submission(predictions, live.index.to_frame(index=False))
    except (SubmissionError, FileNotFoundError, ValueError) as error:
        if args.watch and not is_model:
            # another program writes the file, and has not done so for this round, or
            # is just doing it
            raise NotReadyError(str(error)) from error
        raise
    if out is not None:
        with whole_file(out) as part:
            clean.to_csv(part, index=False)
    return clean, live.index


def _open(args, path):
    """Load a model; one that is just being copied is waited for."""
    from sknumerai.submission._watch import NotReadyError

    try:
        return open_model(path)
    except ValueError as error:
        if args.watch and time.time() - path.stat().st_mtime < FRESH:
            raise NotReadyError(str(error)) from error
        raise


def _log(text):
    time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    print(f"{time} {text}", flush=True)


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 86400:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds from 1 to 86400"
        )
    return value
