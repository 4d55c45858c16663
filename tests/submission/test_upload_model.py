import hashlib
import json
import pickle
import sys

import pytest

from sknumerai.exceptions import SubmissionError
from sknumerai.submission import upload_model
from tests.submission.numerai_server import MODEL_ID, serving

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def numerai():
    with serving() as fake:
        fake.images = fake.images | {f"Python {MINOR}": "here"}
        yield fake


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "predict.pkl"
    path.write_bytes(pickle.dumps(b"a model" * 1000))
    return path


def upload(numerai, path, model="mine", **kwargs):
    return upload_model(
        path, model, api=numerai.client(), data_home=path.parent, **kwargs
    )


def test_success(numerai, path):
    sent = upload(numerai, path, data_version="v5.3")
    (stored,) = numerai.stored.values()
    assert stored == path.read_bytes()
    assert sent.pickle_id == "p0" and sent.docker_image == f"Python {MINOR}"
    assert sent.digest == hashlib.sha256(stored).hexdigest()
    (new,) = numerai.pickles
    assert new["dockerImageId"] == "here" and new["dataVersionId"] == "d53"
    assert new["modelId"] == MODEL_ID and new["tournament"] == 8


@pytest.mark.parametrize(
    "given, id_",
    [("3.13", "i13"), ("Python 3.10", "i10"), ("i10", "i10"), (None, "here")],
)
def test_image(numerai, path, given, id_):
    upload(numerai, path, docker_image=given)
    assert numerai.pickles[0]["dockerImageId"] == id_
    # left to the server
    assert numerai.pickles[0]["dataVersionId"] is None


def test_no_image_of_this_python(numerai, path):
    numerai.images = {"Python 3.1": "i1", "Python 2.7": "i2"}
    with pytest.raises(SubmissionError, match=f"This is Python {MINOR}.*no image of"):
        upload(numerai, path)
    with pytest.raises(SubmissionError, match=r"Asked for was Python 3\.9"):
        upload(numerai, path, docker_image="3.9")
    with pytest.raises(SubmissionError, match="no docker_image 'python'"):
        upload(numerai, path, docker_image="python")
    with pytest.raises(SubmissionError, match=r"no data_version 'v4'.*v5\.3"):
        upload(numerai, path, docker_image="3.1", data_version="v4")
    assert "put" not in numerai.asked and not numerai.pickles


def test_not_uploaded_twice(numerai, path):
    first = upload(numerai, path)
    again = upload(numerai, path, model=MODEL_ID)
    assert again.already_sent and again.pickle_id == first.pickle_id
    assert numerai.asked.count("put") == 1
    # another data version is another upload, and so is one that is asked for
    assert not upload(numerai, path, data_version="v5.3").already_sent
    assert not upload(numerai, path, replace=True).already_sent
    path.write_bytes(pickle.dumps(b"other"))
    assert not upload(numerai, path).already_sent
    assert len(numerai.pickles) == 4


@pytest.mark.parametrize("fault", ["cut", "lost", 503])
def test_upload_again(numerai, path, fault):
    numerai.faults["put"] = [fault]
    upload(numerai, path)
    (new,) = numerai.pickles
    assert numerai.stored[new["filename"]] == path.read_bytes()


@pytest.mark.parametrize("fault", ["lost", "slow", 500])
def test_answer_lost(numerai, path, fault):
    numerai.faults["createComputePickleUpload"] = [fault]
    assert upload(numerai, path).pickle_id == "p0"
    assert len(numerai.pickles) == 1


def test_older_file_of_the_same_name_is_not_taken_for_this_one(numerai, path):
    numerai.prefix = False
    numerai.pickles = [{"id": "old", "filename": path.name}]
    numerai.faults["createComputePickleUpload"] = [500]
    assert upload(numerai, path).pickle_id == "p1"
    assert len(numerai.pickles) == 2


def test_killed_before_the_answer(numerai, path):
    numerai.faults["createComputePickleUpload"] = ["lost"]
    numerai.faults["computePickles"] = [None] + [500] * 6
    with pytest.raises(ConnectionError):
        upload(numerai, path)
    assert len(numerai.pickles) == 1
    assert upload(numerai, path).already_sent
    (line,) = (
        (path.parent / "submissions" / f"{MODEL_ID}.jsonl").read_text().split("\n")[:-1]
    )
    assert json.loads(line)["state"] == "sent"
    assert len(numerai.pickles) == 1


def test_bad_files(numerai, path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        upload(numerai, path.with_name("no.pkl"))
    (path.parent / "model.joblib").write_bytes(b"a")
    with pytest.raises(ValueError, match=r"must end in \.pkl"):
        upload(numerai, path.with_name("model.joblib"))
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        upload(numerai, path)
    assert numerai.asked == []


OTHER = "3.12" if MINOR != "3.12" else "3.13"


def test_file_of_another_python_goes_to_its_image(numerai, path):
    """It went to the image of the uploading Python, and crashed there."""
    path.write_bytes(pickle.dumps({"python": OTHER}))
    assert upload(numerai, path).docker_image == f"Python {OTHER}"
    match = f"written by Python {OTHER} and cannot run in the image 'Python {MINOR}'"
    for named in (MINOR, f"Python {MINOR}", "here"):
        with pytest.raises(SubmissionError, match=match):
            upload(numerai, path, docker_image=named)
    numerai.images = {"Python 3.1": "i1"}
    with pytest.raises(SubmissionError, match=f"predict.pkl was written by .* {OTHER}"):
        upload(numerai, path)
    assert len(numerai.pickles) == 1


@pytest.mark.parametrize("content", [b"hello, no pickle", pickle.dumps("torn")[:-1]])
def test_what_is_no_pickle_is_not_uploaded(numerai, path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no whole pickle"):
        upload(numerai, path)
    assert numerai.asked == []


def test_going_back_to_an_older_model(numerai, path):
    """It was "uploaded before", and the bad model stayed."""
    other = path.with_name("other.pkl")
    other.write_bytes(pickle.dumps(b"a bad model"))
    upload(numerai, path)
    upload(numerai, other)
    back = upload(numerai, path)
    assert not back.already_sent and back.pickle_id == "p2"
    assert upload(numerai, path).already_sent
    assert len(numerai.pickles) == 3


def test_model_deleted_on_the_site_is_uploaded_again(numerai, path):
    upload(numerai, path)
    numerai.pickles.clear()
    assert not upload(numerai, path).already_sent


def test_file_replaced_while_it_is_sent(numerai, path):
    """The new file was sent, and the digest of the old one recorded."""
    content = path.read_bytes()
    new = path.with_name("new")
    new.write_bytes(pickle.dumps(b"new"))
    numerai.faults["put"] = [500]
    numerai.clock.on_wait = lambda: new.replace(path)
    sent = upload(numerai, path)
    (stored,) = numerai.stored.values()
    assert stored == content and sent.digest == hashlib.sha256(content).hexdigest()


def test_file_written_over_while_it_is_sent(numerai, path):
    numerai.faults["put"] = [500]
    numerai.clock.on_wait = lambda: path.write_bytes(pickle.dumps(b"new"))
    with pytest.raises(SubmissionError, match="was changed while it was sent"):
        upload(numerai, path)
    assert not numerai.pickles


def test_image_that_is_a_number(numerai, path):
    with pytest.raises(TypeError, match=r"must be text, such as '3\.12'\. Got 3\.12"):
        upload(numerai, path, docker_image=3.12)
