import errno
import io
import json
import logging
import os

import numpy as np
import pandas as pd
import pytest
import requests

from sknumerai.datasets import _download, fetch_numerai
from sknumerai.datasets._server import _make_api
from tests.datasets.local_server import serving
from tests.datasets.numerai_files import features_of, make_frame


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def features_json(frame):
    names = [c for c in frame if c.startswith("feature")]
    return json.dumps({"feature_sets": {"small": names[:2]}, "targets": []}).encode()


@pytest.fixture
def server(monkeypatch):
    # the waits between attempts are not part of what is tested
    monkeypatch.setattr(_download, "_wait", lambda failures: None)
    monkeypatch.setattr(_download, "CHUNK", 1000)
    frame = make_frame(n_rows=200)
    with serving() as fake:
        fake.frame = frame
        fake.files = {
            "v5.2/features.json": b"{}",
            "v5.3/features.json": features_json(frame),
            "v5.3/train.parquet": parquet(frame),
            "v5.3/live.parquet": parquet(make_frame(["X"], seed=3)),
            "v5.3/meta_model.parquet": parquet(frame[["era", "target"]]),
            "v5.3/meta_model.csv": b"id,era\n",
        }
        yield fake


def fetch(server, home, *args, **kwargs):
    return fetch_numerai("v5.3", *args, data_home=home, api=server, verbose=0, **kwargs)


def only_train(server, home, **kwargs):
    """Download the one large file."""
    return fetch(server, home, None, files=["train.parquet"], **kwargs)


def left(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_downloads_and_loads(server, tmp_path):
    data = fetch(server, tmp_path, feature_set="small")
    frame = server.frame
    np.testing.assert_array_equal(data.data.to_numpy(), features_of(frame)[:, :2])
    folder = tmp_path / "v5.3"
    assert left(folder) == ["features.json", "train.parquet"]
    content = server.files["v5.3/train.parquet"]
    assert (folder / "train.parquet").read_bytes() == content
    # a second call asks nothing
    before = list(server.requests)
    fetch_numerai("v5.3", data_home=tmp_path, api="nobody", verbose=0)
    assert server.requests == before


@pytest.mark.parametrize("with_etag", [True, False])
def test_lost_connection_is_taken_up_again(server, tmp_path, with_etag):
    server.with_etag = with_etag
    server.faults = ["cut", "cut"]
    (path,) = only_train(server, tmp_path)
    content = server.files["v5.3/train.parquet"]
    assert path.read_bytes() == content
    third = len(content) // 3 // 1000 * 1000  # whole chunks are kept
    assert server.requests[0] is None
    assert server.requests[1] == f"bytes={third}-"
    assert len(server.requests) == 3
    assert left(tmp_path / "v5.3") == ["train.parquet"]


def test_interrupted_download_is_continued_by_the_next_call(server, tmp_path):
    server.faults = ["cut"] * 100
    with pytest.raises(ConnectionError, match=r"kept in train\.parquet\.part") as info:
        only_train(server, tmp_path)
    assert "secret" not in str(info.value)
    folder = tmp_path / "v5.3"
    assert not (folder / "train.parquet").exists()
    size = (folder / "train.parquet.part").stat().st_size
    assert size > 0
    server.faults, server.requests = [], []
    only_train(server, tmp_path)
    assert server.requests == [f"bytes={size}-"]
    content = server.files["v5.3/train.parquet"]
    assert (folder / "train.parquet").read_bytes() == content
    assert left(folder) == ["train.parquet"]


def test_part_that_was_complete(server, tmp_path):
    """Killed between the last byte and the renaming."""
    server.faults = ["cut"] * 100
    with pytest.raises(ConnectionError):
        only_train(server, tmp_path)
    content = server.files["v5.3/train.parquet"]
    (tmp_path / "v5.3" / "train.parquet.part").write_bytes(content)
    server.faults, server.requests = [], []
    (path,) = only_train(server, tmp_path)
    assert server.requests == [f"bytes={len(content)}-"]
    assert path.read_bytes() == content


@pytest.mark.parametrize("with_etag", [True, False])
@pytest.mark.parametrize("n_rows", [50, 400], ids=["shorter", "longer"])
def test_file_that_changed_meanwhile_is_begun_again(
    server, tmp_path, with_etag, n_rows
):
    server.with_etag = with_etag
    server.faults = ["cut"] * 100
    with pytest.raises(ConnectionError):
        only_train(server, tmp_path)
    content = parquet(make_frame(n_rows=n_rows, seed=9))
    server.files["v5.3/train.parquet"] = content
    server.faults = []
    (path,) = only_train(server, tmp_path)
    assert path.read_bytes() == content


def test_server_without_ranges(server, tmp_path):
    server.faults = ["cut", "no range"]
    (path,) = only_train(server, tmp_path)
    assert path.read_bytes() == server.files["v5.3/train.parquet"]


def test_part_of_unknown_origin_is_not_continued(server, tmp_path):
    folder = tmp_path / "v5.3"
    folder.mkdir()
    (folder / "train.parquet.part").write_bytes(b"something else")
    (path,) = only_train(server, tmp_path)
    assert path.read_bytes() == server.files["v5.3/train.parquet"]


def test_damaged_content_is_refused(server, tmp_path):
    whole = server.files["v5.3/train.parquet"]
    server.files["v5.3/train.parquet"] = whole[:-10]
    server.files["v5.3/features.json"] = b"{"
    with pytest.raises(OSError, match=r"train\.parquet was downloaded .* is damaged"):
        only_train(server, tmp_path)
    assert left(tmp_path / "v5.3") == []
    with pytest.raises(OSError, match=r"features\.json was .*no readable json"):
        fetch(server, tmp_path)
    # the file that is there stays if its successor is damaged
    server.files["v5.3/train.parquet"] = whole
    only_train(server, tmp_path)
    server.files["v5.3/train.parquet"] = whole[:-20]
    with pytest.raises(OSError, match="is damaged"):
        only_train(server, tmp_path, update=True)
    assert (tmp_path / "v5.3" / "train.parquet").read_bytes() == whole


def test_server_error(server, tmp_path):
    server.faults = ["error"]
    with pytest.raises(ConnectionError, match="The server answered 503") as info:
        only_train(server, tmp_path)
    assert "secret" not in str(info.value)


def test_certificate_that_is_not_valid_is_not_accepted(server, tmp_path, monkeypatch):
    seen = []

    def get(url, **kwargs):
        seen.append(kwargs["verify"])
        raise requests.exceptions.SSLError("url with secret")

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(ConnectionError, match="certificate could not be verified"):
        only_train(server, tmp_path)
    # refused at once, and never asked for without verification
    assert seen == [True]


def test_certificates_are_verified_when_continuing(server, tmp_path, monkeypatch):
    """numerapi 3.1.1 continues with verify=False."""
    seen = []
    original = requests.get

    def get(url, **kwargs):
        seen.append(kwargs["verify"])
        return original(url, **kwargs)

    monkeypatch.setattr(requests, "get", get)
    server.faults = ["cut", "cut"]
    only_train(server, tmp_path)
    assert seen == [True] * 3


def test_update(server, tmp_path):
    only_train(server, tmp_path)
    server.requests = []
    only_train(server, tmp_path, update=True)
    assert server.requests == ["peek"]
    content = parquet(make_frame(n_rows=200, seed=4))
    server.files["v5.3/train.parquet"] = content
    only_train(server, tmp_path)
    assert server.requests == ["peek"]
    (path,) = only_train(server, tmp_path, update=True)
    assert path.read_bytes() == content


def test_live_is_always_looked_up(server, tmp_path):
    assert fetch(server, tmp_path, "live").data.shape == (5, 6)
    server.files["v5.3/live.parquet"] = parquet(make_frame(["X"], n_rows=7, seed=8))
    assert fetch(server, tmp_path, "live").data.shape == (7, 6)


def test_file_of_another_tool(server, tmp_path):
    folder = tmp_path / "v5.3"
    folder.mkdir()
    content = server.files["v5.3/train.parquet"]
    (folder / "train.parquet").write_bytes(content)
    only_train(server, tmp_path, update=True)
    assert server.requests == ["peek"]
    (folder / "train.parquet").write_bytes(content + b"x")
    only_train(server, tmp_path, update=True)
    assert (folder / "train.parquet").read_bytes() == content


def test_all_files_without_the_copies(server, tmp_path):
    paths = fetch(server, tmp_path, None, files="all")
    names = ["features.json", "live.parquet", "meta_model.parquet", "train.parquet"]
    assert sorted(p.name for p in paths) == names
    assert all(p.is_file() for p in paths)


def test_names_that_do_not_exist(server, tmp_path):
    match = r"no data set 'v5\.4'.*\['v5\.2', 'v5\.3'\]"
    with pytest.raises(ValueError, match=match):
        fetch_numerai("v5.4", data_home=tmp_path, api=server)
    with pytest.raises(ValueError, match=r"no file 'trian\.parquet'.*Near matches"):
        fetch(server, tmp_path, "trian")
    with pytest.raises(ValueError, match="files must be a list"):
        fetch(server, tmp_path, None, files="train.parquet")
    with pytest.raises(ValueError, match="nothing to download"):
        fetch(server, tmp_path, None)


def test_server_that_cannot_be_asked(tmp_path):
    class Offline:
        def list_datasets(self):
            return {}["data"]

    with pytest.raises(ConnectionError, match="could not be asked"):
        fetch_numerai("v5.3", data_home=tmp_path, api=Offline())


def test_full_disk(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"needs .* more in .*, where 10 B are free"):
        only_train(server, tmp_path)
    monkeypatch.undo()

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    full = pytest.raises(OSError, match="cannot take more")
    with Full(tmp_path / "a.part", "w") as file, full as info:
        _download._append(file, b"x", tmp_path / "a.part")
    assert info.value.errno == errno.ENOSPC


@pytest.mark.skipif(os.name != "posix", reason="file locks are POSIX here")
def test_two_downloads_of_one_file(server, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    folder = tmp_path / "v5.3"
    folder.mkdir()
    with open(folder / "train.parquet.part", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=r"downloaded to .* by another process"):
            only_train(server, tmp_path)
    only_train(server, tmp_path)


def test_numerapi_leaves_logging_as_it_was(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    api = _make_api()
    assert root.handlers == []
    assert root.level == level
    assert callable(api.list_datasets)
    assert callable(api.raw_query)


def test_pandas_reads_what_was_downloaded(server, tmp_path):
    (path,) = only_train(server, tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), server.frame)
