"""Download one file: resumable, verified, under a temporary name."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import json
import os
import re
import shutil
import time
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import requests
from tqdm.auto import tqdm

from sknumerai.datasets._cache import human

CHUNK = 1 << 20
# seconds to connect, and between two chunks
TIMEOUT = (20, 60)
# lost connections are taken up again so often without any progress
ATTEMPTS = 5
RECORDS = ".sknumerai_downloads.json"


@dataclass(frozen=True)
class RemoteFile:
    """What a server says of a file, without its content.

    Parameters
    ----------
    size : int or None
        Size in bytes.

    etag, last_modified : str or None
        Headers of these names.
    """

    size: int | None
    etag: str | None
    last_modified: str | None

    @property
    def validator(self):
        """Header value that says whether the file is still the same, or None."""
        # weak tags may not be used for ranges
        strong = self.etag and not self.etag.startswith("W/")
        return self.etag if strong else self.last_modified

    def differs(self, other):
        """Whether this and another description cannot be of one content."""
        pairs = [
            (self.size, other.size),
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
        ]
        return any(a is not None and b is not None and a != b for a, b in pairs)


def look_up(url):
    """Ask a server for the size and state of a file.

    One byte is asked for: addresses that are signed for GET refuse HEAD.

    Parameters
    ----------
    url : str
        The address.

    Returns
    -------
    remote : RemoteFile
        What the server says.
    """
    try:
        with _get(url, {"Range": "bytes=0-0"}) as response:
            return _describe(response)
    except _BeyondEnd:
        return RemoteFile(None, None, None)
    except requests.exceptions.RequestException as error:
        raise ConnectionError(_unreachable(error)) from error


def download(url, path, verbose=1):
    """Download a file, continuing an earlier attempt.

    The content goes to ``<name>.part`` beside the file, which an interrupted download
    leaves for the next; the file itself is replaced when the part has the size that
    the server announced and can be opened.

    Parameters
    ----------
    url : str
        The address. Certificates are always verified.

    path : pathlib.Path
        Where the file goes.

    verbose : int, default=1
        Whether a progress bar is shown.

    Returns
    -------
    remote : RemoteFile
        What the server said of the file that is there now.

    Raises
    ------
    ConnectionError
        If the server cannot be reached or breaks off again and again.

    OSError
        If the disk is full, another process downloads the same file, or what was
        downloaded is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "ab") as file, _locked(file, part):
        remote = _fill(url, file, part, verbose)
        try:
            check_content(part, path.name)
        except ValueError as error:
            file.truncate(0)
            part.unlink()
            _state_of(part).unlink(missing_ok=True)
            raise OSError(
                f"{path.name} was downloaded with the size announced but is damaged "
                f"({error}). It was removed; download it again."
            ) from error
        os.replace(part, path)
        _state_of(part).unlink(missing_ok=True)
    write_record(path, remote)
    return remote


def check_content(path, name):
    """Raise a ValueError if a file cannot be what its name says.

    Parameters
    ----------
    path : pathlib.Path
        The file, under whatever name.

    name : str
        The name it is to have.
    """
    if name.endswith(".parquet"):
        try:
            pq.read_metadata(path)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"no readable parquet footer: {error}") from error
    elif name.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            try:
                json.load(file)
            except ValueError as error:
                raise ValueError(f"no readable json: {error}") from error


def read_record(path):
    """What the server said of a file when it was downloaded, or None."""
    entry = _records(path.parent).get(path.name)
    if entry is None or not path.is_file() or path.stat().st_size != entry["size"]:
        return None
    return RemoteFile(**entry)


def write_record(path, remote):
    """Remember what the server said of a file."""
    records = _records(path.parent)
    records[path.name] = {**asdict(remote), "size": path.stat().st_size}
    write_json(path.parent / RECORDS, records)


def _records(folder):
    try:
        records = json.loads((folder / RECORDS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return records if isinstance(records, dict) else {}


def write_json(path, content):
    """Write a small record, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=1), "utf-8")
    os.replace(temporary, path)


def _state_of(part):
    return part.with_name(part.name + ".json")


def _fill(url, file, part, verbose):
    """Append to the part until it has the size announced."""
    remote = _known(part)
    failures = 0
    with contextlib.ExitStack() as stack:
        bar = None
        while True:
            start, problem = file.seek(0, os.SEEK_END), None
            try:
                with _get(url, _range_headers(start, remote)) as response:
                    said = _describe(response)
                    goes_on = response.status_code == 206
                    if start and not (goes_on and not remote.differs(said)):
                        # another content now, or a server that cannot continue
                        file.truncate(0)
                        if goes_on:
                            remote = None
                            continue
                    start = start if goes_on else 0
                    remote = said
                    write_json(_state_of(part), asdict(remote))
                    _check_space(part, remote, start)
                    if bar is None:
                        bar = stack.enter_context(_bar(part, remote, start, verbose))
                    bar.n = start
                    for chunk in response.iter_content(CHUNK):
                        _append(file, chunk, part)
                        bar.update(len(chunk))
                        failures = 0
            except _BeyondEnd:
                if remote is None or start != remote.size:
                    # the file on the server is shorter now
                    file.truncate(0)
                    remote, problem = None, "the file on the server has changed"
            except requests.exceptions.SSLError as error:
                raise ConnectionError(_unreachable(error)) from error
            except _LOST as error:
                problem = _unreachable(error)
            file.flush()
            size = file.seek(0, os.SEEK_END)
            if remote is not None and _is_whole(size, remote, problem):
                os.fsync(file.fileno())
                return remote
            if remote is not None and remote.size is not None and size > remote.size:
                file.truncate(0)
                raise OSError(
                    f"{part.stem}: the server sent {size} bytes and had announced "
                    f"{remote.size}. The download was removed; try again later."
                )
            failures += 1
            if failures >= ATTEMPTS:
                raise ConnectionError(
                    f"{part.stem}: the download stopped {failures} times "
                    f"({problem or 'the server closed the connection early'}). "
                    f"{human(size)} are kept in {part.name}: call again to continue."
                )
            _wait(failures)


def _is_whole(size, remote, problem):
    # where no size is announced, an orderly end of the transfer must do
    return problem is None if remote.size is None else size == remote.size


def _append(file, chunk, part):
    try:
        file.write(chunk)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{part.stem}: {part.parent} cannot take more ({error.strerror}). Make "
            "room and call again: what is there is kept",
        ) from error


class _BeyondEnd(Exception):
    """The server has no bytes from there on."""


_LOST = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
)


def _unreachable(error):
    # the text of the error holds the address with its signature
    if isinstance(error, requests.exceptions.SSLError):
        return (
            "the server's certificate could not be verified: is a proxy in between? "
            "Name its certificate in the environment variable REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, requests.exceptions.Timeout):
        return "the server did not answer in time"
    return f"the connection was lost, {type(error).__name__}"


def _wait(failures):
    time.sleep(min(30, 2**failures))


def _range_headers(start, remote):
    if not start or remote is None:
        return {}
    headers = {"Range": f"bytes={start}-"}
    if remote.validator:
        headers["If-Range"] = remote.validator
    return headers


@contextlib.contextmanager
def _get(url, headers):
    # identity: the length that is announced is then that of the file
    headers = {"Accept-Encoding": "identity", **headers}
    with requests.get(
        url, headers=headers, stream=True, timeout=TIMEOUT, verify=True
    ) as response:
        if response.status_code == 416 and "Range" in headers:
            raise _BeyondEnd
        if not response.ok:
            raise ConnectionError(
                f"The server answered {response.status_code} {response.reason} to the "
                f"request for {url.split('?')[0]}. Try again later."
            )
        yield response


def _describe(response):
    size = response.headers.get("Content-Length")
    if response.status_code == 206:
        match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
        size = match[1] if match else None
    return RemoteFile(
        int(size) if size is not None else None,
        response.headers.get("ETag"),
        response.headers.get("Last-Modified"),
    )


def _known(part):
    """What the server said when the part was begun."""
    try:
        return RemoteFile(**json.loads(_state_of(part).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        # a part of unknown origin is not continued
        os.truncate(part, 0)
        return None


def _check_space(part, remote, start):
    free = shutil.disk_usage(part.parent).free
    need = (remote.size or 0) - start
    if need > free:
        raise OSError(
            f"{part.stem} needs {human(need)} more in {part.parent}, where {human(free)}"
            " are free. Make room or choose another data_home; what is there already "
            "is kept."
        )


def _bar(part, remote, start, verbose):
    return tqdm(
        total=remote.size,
        initial=start,
        unit="B",
        unit_scale=True,
        unit_divisor=1000,
        desc=part.stem,
        disable=not verbose,
    )


@contextlib.contextmanager
def _locked(file, part):
    """Hold the part file alone; Windows refuses to open it twice by itself."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # it may have been finished and renamed since it was opened
        alone = part.exists() and os.path.samestat(os.fstat(file.fileno()), part.stat())
    except BlockingIOError:
        alone = False
    if not alone:
        raise OSError(
            f"{part.stem} is being downloaded to {part.parent} by another process. "
            "Wait for it to finish."
        )
    yield
