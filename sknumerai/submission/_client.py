"""numerapi's client with answers that are checked and attempts that are counted."""

# SPDX-License-Identifier: BSD-3-Clause

import itertools
import logging
import os
import re
from urllib.parse import urlsplit

import numerapi
import requests
from numerapi import base_api

from sknumerai.exceptions import SubmissionError
from sknumerai.submission._clock import Clock
from sknumerai.submission._keys import find_keys

URL_VARIABLE = "SKNUMERAI_API_URL"
# seconds to connect, and until the server says something
TIMEOUT = (10, 60)
UPLOAD_TIMEOUT = (10, 600)
ATTEMPTS = 6
LONGEST_WAIT = 300
# GraphQL servers say with HTTP 200 what others say with 5xx and 429
_TRANSIENT = re.compile(
    "internal server error|internal error|something went wrong|time-?out|timed out|"
    "unavailable|try again|too many requests|rate limit",
    re.IGNORECASE,
)
_UNSENT = re.compile("too many requests|rate limit", re.IGNORECASE)
# what every account and model has
_NEVER_NULL = {
    "account",
    "model",
    "submission_upload_auth",
    "computePickleUploadAuth",
    "computePickleDockerImages",
    "computePickleDataVersions",
}
_ABOUT_KEYS = (
    "session",
    "authent",
    "authoriz",
    "permission",
    "token",
    "scope",
    "api k",
)


class AnswerLost(ConnectionError):
    """A change was sent and its answer did not come: nobody knows whether it holds."""


class RefusedError(SubmissionError, ValueError):
    """The server understood, and said no. numerapi raises ValueErrors for it."""


class _FailedAttempt(Exception):
    """One attempt came to nothing; `unsent` if the server surely did not act on it."""

    def __init__(self, reason, *, unsent=False, wait=None):
        super().__init__(reason)
        self.unsent = unsent
        self.wait = wait


class Client(numerapi.NumerAPI):
    """numerapi's client: its questions and answers, sent by us.

    numerapi sets up logging and reads ``.env`` files when it is made, waits for ever,
    sends changes a second time after an error of the server, and turns errors into
    empty answers. All its methods send through `raw_query`, which is replaced here.

    Parameters
    ----------
    keys : path, tuple of str or None, default=None
        See :func:`find_keys`.

    url : str, default=None
        Address of the server, by default that of the environment variable
        ``SKNUMERAI_API_URL`` or else numerapi's.

    clock : Clock, default=None
        What waits between attempts.

    timeout : tuple of float, default=None
        Seconds to connect and to wait for an answer.
    """

    def __init__(self, keys=None, *, url=None, clock=None, timeout=None):
        # not numerapi's own constructor, see above
        self.token = find_keys(keys)
        self.url = url or os.environ.get(URL_VARIABLE) or base_api.API_TOURNAMENT_URL
        check_address(self.url)
        self.clock = Clock() if clock is None else clock
        self.timeout = TIMEOUT if timeout is None else timeout
        self.logger = logging.getLogger("sknumerai.submission")
        self.tournament_id = 8
        self.show_progress_bars = False
        self.global_data_dir = "."

    def raw_query(self, query, variables=None, authorization=False, *, check=None, **_):
        """Send a question to the server, see numerapi.

        Questions are repeated after errors of the server or the network. Changes
        (mutations) are not, unless the server surely did not see them. `check` is
        called before each attempt.
        """
        if authorization and not self.token:
            raise ValueError("This question to Numerai needs keys.")
        body = {"query": query, "variables": variables}

        change = query.lstrip().startswith("mutation")

        def ask():
            if check is not None:
                check()
            response = self._request(
                "POST",
                self.url,
                json=body,
                headers={"Accept": "application/json"},
                timeout=self.timeout,
                auth=_Sign(self.token if authorization else None),
            )
            try:
                answer = response.json()
            except ValueError:
                answer = None
            if not isinstance(answer, dict) or not {"data", "errors"} & set(answer):
                raise _FailedAttempt("the answer is no answer of the API")
            self._look(answer, change)
            return answer

        answer = self.repeat(ask, "Numerai's server", once=change)
        if answer.get("errors"):
            raise RefusedError(self._say_errors(answer["errors"]))
        return answer

    def _look(self, answer, change):
        """Raise if the answer says that another attempt may go better."""
        if answer.get("errors"):
            text = self._say_errors(answer["errors"])
            if _TRANSIENT.search(text) and KEYS not in text:
                unsent = _UNSENT.search(text) is not None
                raise _FailedAttempt(text.rstrip("."), unsent=unsent)
            return
        data = answer.get("data")
        if not isinstance(data, dict):
            raise _FailedAttempt("the answer is empty")
        for name, value in data.items():
            if value is None and (change or name in _NEVER_NULL):
                raise _FailedAttempt(f"the answer to {name} is empty")

    def repeat(self, action, whom, *, once=False):
        """Call until it works, waiting longer each time.

        Parameters
        ----------
        action : callable
            What is tried.

        whom : str
            Who is asked, for messages.

        once : bool, default=False
            Whether an attempt that may have had an effect is the last.

        Returns
        -------
        result : object
            What `action` returns.
        """
        for failures in itertools.count(1):
            try:
                return action()
            except _FailedAttempt as error:
                problem = error
            if once and not problem.unsent:
                raise AnswerLost(f"{whom} gave no answer to a change: {problem}.")
            if failures == ATTEMPTS or (problem.wait or 0) > LONGEST_WAIT:
                asked = (
                    f" It asks to wait {problem.wait:.0f} s." if problem.wait else ""
                )
                raise ConnectionError(
                    f"{whom} could not be reached in {failures} attempts: {problem}."
                    f"{asked} Nothing was changed by this request. Try again later."
                )
            self.pause(failures, problem.wait)

    def pause(self, failures, at_least=None):
        """Wait after the n-th failure: 1, 2, 4, ... seconds, up to a minute."""
        seconds = self.clock.spread(min(60, 2 ** (failures - 1)))
        self.clock.wait(max(seconds, at_least or 0))

    def store(self, ask_where, content):
        """Upload a file to the place that the server names.

        numerapi does not look at the answer of the storage, and goes on after a
        failed upload.

        Parameters
        ----------
        ask_where : callable
            Returns the server's ``{"filename": ..., "url": ...}``; asked anew for each
            attempt, because addresses expire.

        content : bytes or file
            What is uploaded. A file, open for reading, is not read into memory.

        Returns
        -------
        filename : str
            How the server calls it.
        """

        def upload():
            place = ask_where()
            check_address(place["url"])
            headers = {}
            if os.environ.get("NUMERAI_COMPUTE_ID"):
                headers["x_compute_id"] = os.environ["NUMERAI_COMPUTE_ID"]
            request = {"timeout": UPLOAD_TIMEOUT, "headers": headers}
            request["auth"] = _Sign(None)
            if not isinstance(content, bytes):
                content.seek(0)
            self._request("PUT", place["url"], data=content, **request)
            return place["filename"]

        return self.repeat(upload, "Numerai's storage")

    def _request(self, method, url, **kwargs):
        problem = response = None
        try:
            response = requests.request(method, url, allow_redirects=False, **kwargs)
        except requests.exceptions.RequestException as error:
            # its text may hold signed addresses and its request the keys: not kept
            problem = _FailedAttempt(_kind(error), unsent=_never_arrived(error))
        if problem is not None:
            raise problem
        code = response.status_code
        if code == 429:
            wait = _retry_after(response)
            raise _FailedAttempt("too many requests (HTTP 429)", unsent=True, wait=wait)
        if code >= 500:
            wait = _retry_after(response)
            raise _FailedAttempt(f"an error of the server (HTTP {code})", wait=wait)
        signed = method == "POST" and kwargs["auth"].has_keys
        if code in (401, 403) and signed:
            raise RefusedError(
                f"Numerai's server refused the keys (HTTP {code}). {KEYS}"
            )
        if not 200 <= code < 300:
            # hidden before it is cut: half a key is not recognized
            said = " ".join(self.token.hide(response.text).split())[:300]
            raise RefusedError(
                f"{'Numerai' if method == 'POST' else 'The storage'} refused the "
                f"request (HTTP {code}): {said or 'no reason given'}"
            )
        return response

    def _say_errors(self, errors):
        errors = errors if isinstance(errors, list) else [errors]
        texts = [
            str(e.get("message") or e.get("detail") or e)
            if isinstance(e, dict)
            else str(e)
            for e in errors
        ]
        text = self.token.hide("; ".join(texts))[:500]
        about_keys = any(part in text.lower() for part in _ABOUT_KEYS)
        return f"Numerai's server says: {text}" + (f" {KEYS}" if about_keys else "")


KEYS = (
    "Check that the public id and the secret key belong together, are not revoked, and "
    "may upload submissions and read user info."
)


class _Sign(requests.auth.AuthBase):
    """Adds the keys; that it is given at all keeps requests from reading ~/.netrc."""

    def __init__(self, keys):
        self._keys = keys
        self.has_keys = keys is not None

    def __call__(self, request):
        if self._keys is not None:
            public, secret = self._keys
            request.headers["Authorization"] = f"Token {public}${secret}"
        return request


def make_client(api=None, keys=None):
    """The client to send with.

    Parameters
    ----------
    api : numerapi.NumerAPI or None, default=None
        One that has keys, which are taken over.

    keys : path, tuple of str or None, default=None
        See :func:`find_keys`; not with `api`.

    Returns
    -------
    client : Client
        Ready to ask.
    """
    if api is None:
        return Client(keys)
    if keys is not None:
        raise ValueError("api has keys of its own. Give api or keys, not both.")
    if isinstance(api, Client):
        return api
    token = getattr(api, "token", None)
    if token is None:
        raise ValueError(
            "api has no keys. Make it with public_id and secret_key, or give keys=."
        )
    return Client(tuple(token))


def check_address(url):
    """Raise unless an address is encrypted or of this machine."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ValueError(
            f"The server's address begins with {parts.scheme}://{parts.hostname}, which "
            "is not encrypted. Only https is used, so that nobody reads the keys."
        )


def _kind(error):
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not valid"
    return f"the connection was lost ({type(error).__name__})"


def _never_arrived(error):
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError")


def _retry_after(response):
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None
