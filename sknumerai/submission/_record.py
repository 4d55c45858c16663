"""What was sent: a line a submission, in a file a model, written whole."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import json
import os
import re
import secrets

from sknumerai.datasets import get_data_home
from sknumerai.exceptions import SubmissionError

FOLDER = "submissions"


class BusyError(SubmissionError):
    """Another process is sending for the same model."""


class Record:
    """What this computer has sent for a model.

    The file ``<data home>/submissions/<model id>.jsonl`` has one JSON object a line.
    Each change writes it anew under another name and renames it, so that it is never
    half a file.

    Parameters
    ----------
    model_id : str
        Id of the model.

    data_home : str or path-like, default=None
        See :func:`sknumerai.datasets.get_data_home`.
    """

    def __init__(self, model_id, data_home=None):
        folder = get_data_home(data_home) / FOLDER
        folder.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", model_id)
        self.path = folder / f"{name}.jsonl"
        self._lock = folder / f".{name}.lock"

    @contextlib.contextmanager
    def alone(self):
        """Let no other process send for this model in the meantime."""
        with open(self._lock, "a") as file:
            try:
                import fcntl
            except ImportError:  # Windows
                yield self
                return
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(
                    f"Another process is sending for this model ({self._lock} is "
                    "locked). Wait for it to finish."
                ) from None
            yield self

    def entries(self):
        """All that was sent, oldest first."""
        if not self.path.exists():
            return []
        entries = []
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                entries.append(dict(json.loads(line)))
            except ValueError as error:
                raise SubmissionError(
                    f"Line {number} of the record {self.path} is damaged. Move the file "
                    "away; then the server is asked what it has."
                ) from error
        return entries

    def settle(self, entry, submission_id):
        """Save what became of an entry "sending": its id there, None if it is lost."""
        if submission_id is None:
            entry["state"] = "lost"
        else:
            entry.update(state="sent", submission_id=submission_id)
        self.save(entry)

    def save(self, entry):
        """Add an entry, or replace the one of the same kind and file name."""
        entries = self.entries()
        for place, old in enumerate(entries):
            if all(old.get(k) == entry.get(k) for k in ("kind", "filename", "started")):
                entries[place] = entry
                break
        else:
            entries.append(entry)
        part = self.path.with_name(f".{self.path.name}.part-{secrets.token_hex(4)}")
        try:
            with open(part, "w") as file:
                file.writelines(json.dumps(e, sort_keys=True) + "\n" for e in entries)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
        finally:
            part.unlink(missing_ok=True)
