"""A server on this machine that speaks Numerai's GraphQL, and its storage.

Only what it is asked in full counts as done: `submissions` and `pickles` are what it
has registered, `stored` what its storage holds. `faults` maps the name of a question
(or "put") to a list of what goes wrong next: a number (HTTP status), "cut" (the
connection is closed before the request is read to its end), "lost" (it acts, and closes
without an answer), "slow" (it acts, and does not answer in time), "garbage", a dict (which is
the answer, and it does not act), or None.
"""

import io
import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pandas as pd

from sknumerai.submission._client import Client
from sknumerai.submission._clock import Clock
from tests.datasets.local_server import QuietServer
from tests.submission.frames import make_live

PUBLIC, SECRET = "PUBLICPUBLIC", "SECRETSECRETSECRET"
NOW = datetime(2026, 9, 1, 13, 5, tzinfo=UTC)
MODEL_ID = "9b157d9b-ce61-4ab5-9413-413f13a0c0a6"
IMAGES = {
    "Python 3.10": "i10",
    "Python 3.11": "i11",
    "Python 3.12": "i12",
    "Python 3.13": "i13",
}
NAMES = (
    "create_submission", "createComputePickleUpload", "submission_upload_auth",
    "computePickleUploadAuth", "computePickleDockerImages", "computePickleDataVersions",
    "computePickles", "submissionScores", "intraRoundSubmissionScores", "diagnostics",
    "listDatasets", "dataset", "rounds", "account", "submissions",
)  # fmt: skip


class FakeClock(Clock):
    """Time passes where somebody waits."""

    def __init__(self):
        self.time = NOW
        self.waits = []
        self.on_wait = None
        super().__init__(self._pass)

    def now(self):
        return self.time

    def _pass(self, seconds):
        self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)
        if self.on_wait is not None:
            self.on_wait()


class FakeNumerai:
    def __init__(self):
        self.asked = []
        self.faults = {}
        self.retry_after = None
        self.stored = {}
        self.submissions = []
        self.pickles = []
        self.round = 1340
        self.opens = NOW - timedelta(hours=1)
        self.closes = NOW + timedelta(hours=24)
        self.round_error = None
        self.say_key = False
        self.prefix = True
        self.images = IMAGES
        self.scores, self.intra, self.diagnostics = [], [], None
        self.live = make_live(40)
        self.clock = FakeClock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, keys=(PUBLIC, SECRET), **kwargs):
        kwargs.setdefault("timeout", (2, 0.2))
        return Client(keys, url=self.url + "/graphql", clock=self.clock, **kwargs)

    def next_round(self):
        self.round += 1
        self.opens = self.clock.time - timedelta(minutes=1)
        self.closes = self.clock.time + timedelta(hours=20)

    def files(self):
        live, benchmarks = io.BytesIO(), io.BytesIO()
        self.live.to_parquet(live)
        frame = pd.DataFrame({"v53_lgbm_ender60": 0.5}, index=self.live.index[::-1])
        frame.to_parquet(benchmarks)
        return {
            "v5.3/features.json": b"{}",
            "v5.3/live.parquet": live.getvalue(),
            "v5.3/live_benchmark_models.parquet": benchmarks.getvalue(),
        }

    def answer(self, name, variables):
        """The value of the question `name`."""
        if name == "rounds":
            if self.round_error:
                raise ValueError(self.round_error)
            times = {"openTime": self.opens, "closeStakingTime": self.closes}
            times = {key: value.isoformat() for key, value in times.items()}
            return [{"number": self.round, **times}]
        if name == "account":
            models = [
                {"id": MODEL_ID, "name": "mine", "tournament": 8},
                {"id": "other", "name": "signals", "tournament": 11},
            ]
            return {"models": models}
        if name == "listDatasets":
            return list(self.files())
        if name == "dataset":
            return f"{self.url}/files/{variables['filename']}?sig=signature"
        if name in ("submission_upload_auth", "computePickleUploadAuth"):
            file = variables["filename"]
            if self.prefix:
                file = f"{len(self.asked)}-{file}"
            return {"filename": file, "url": f"{self.url}/put/{file}?sig=signature"}
        if name == "create_submission":
            if variables["filename"] not in self.stored:
                raise ValueError("invalid submission: file not found")
            self.submissions.append(
                {
                    "id": f"s{len(self.submissions)}",
                    "filename": variables["filename"],
                    "insertedAt": self.clock.time.isoformat(),
                    "selected": True,
                    "round": {"tournament": 8, "number": self.round},
                }
            )
            return {"id": self.submissions[-1]["id"]}
        if name == "createComputePickleUpload":
            if variables["filename"] not in self.stored:
                raise ValueError("invalid pickle: file not found")
            new = {"id": f"p{len(self.pickles)}", "validationStatus": "pending"}
            self.pickles.append(new | variables)
            return {"id": new["id"]}
        if name == "computePickleDockerImages":
            return [{"name": n, "id": i} for n, i in self.images.items()]
        if name == "computePickleDataVersions":
            return [{"name": "v5.2", "id": "d52"}, {"name": "v5.3", "id": "d53"}]
        if name == "computePickles":
            return self.pickles
        if name == "submissionScores":
            return self.scores
        if name == "diagnostics":
            return self.diagnostics
        raise KeyError(name)

    def handle(self, query, variables, token):
        name = next(n for n in NAMES if re.search(rf"\b{n}\b\s*[({{]", query))
        self.asked.append(name)
        fault = self.faults.get(name) or [None]
        fault = fault.pop(0)
        if isinstance(fault, int) or fault in ("garbage", "cut") or type(fault) is dict:
            return fault, None
        if token != f"Token {PUBLIC}${SECRET}" and name not in (
            "rounds", "listDatasets", "dataset", "submissionScores",
            "intraRoundSubmissionScores",
        ):  # fmt: skip
            text = "Your session is invalid or has expired."
            if self.say_key:
                text += f" Got {token}."
            return fault, {"errors": [{"message": text, "code": "not_authenticated"}]}
        try:
            if name == "submissions":
                if "selected" in query:
                    return fault, {"data": {"model": {"submissions": self.submissions}}}
                return fault, {"data": {"submissions": self.submissions}}
            if name == "intraRoundSubmissionScores":
                return fault, {"data": {"v2RoundModelPerformances": self.intra}}
            return fault, {"data": {name: self.answer(name, variables)}}
        except ValueError as error:
            return fault, {"errors": [{"message": str(error)}]}


@contextmanager
def serving():
    """Yield a FakeNumerai that answers, and stop it."""
    fake = FakeNumerai()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def respond(self, code, body=b""):
            self.send_response(code)
            if code == 429 and fake.retry_after is not None:
                self.send_header("Retry-After", str(fake.retry_after))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = self.headers.get("Authorization")
            fault, answer = fake.handle(body["query"], body["variables"], token)
            if isinstance(fault, int):
                self.respond(fault, b"<html>down</html>")
            elif isinstance(fault, dict):
                self.respond(200, json.dumps(fault).encode())
            elif fault == "garbage":
                self.respond(200, b"<html>hello</html>")
            elif fault in ("cut", "lost"):
                self.close_connection = True
            elif fault == "slow":
                stop.wait(1)
                self.close_connection = True
            else:
                self.respond(200, json.dumps(answer).encode())

        def do_PUT(self):
            name = self.path.split("?")[0].removeprefix("/put/")
            assert "Authorization" not in self.headers
            fake.asked.append("put")
            fault = (fake.faults.get("put") or [None]).pop(0)
            size = int(self.headers["Content-Length"])
            if fault == "cut":
                self.rfile.read(size // 3)
                self.close_connection = True
                return
            body = self.rfile.read(size)
            if isinstance(fault, int):
                self.respond(fault, b"<Error>AccessDenied</Error>")
                return
            fake.stored[name] = body
            if fault == "lost":
                self.close_connection = True
            else:
                self.respond(200)

        def do_GET(self):
            name = self.path.split("?")[0].removeprefix("/files/")
            content = fake.files()[name]
            if self.headers.get("Range") == "bytes=0-0":
                self.send_response(206)
                self.send_header("Content-Range", f"bytes 0-0/{len(content)}")
                self.send_header("Content-Length", "1")
                self.end_headers()
                self.wfile.write(content[:1])
                return
            self.respond(200, content)

    server = QuietServer(("127.0.0.1", 0), Handler)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
