"""Upload an exported model to Numerai, for the right image, once."""

# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import os
import re
from pathlib import Path

from sklearn.utils import Bunch

from sknumerai.exceptions import SubmissionError
from sknumerai.submission._client import make_client
from sknumerai.submission._images import needed_packages, running_minor
from sknumerai.submission._record import Record
from sknumerai.submission._submit import find_model, register_once

CALLER = "upload_model"
# as numerapi.NumerAPI.model_upload, which does not look whether the file arrived
_AUTH = """
query($filename: String! $modelId: String) {
    computePickleUploadAuth(filename: $filename modelId: $modelId) {
        filename
        url
    }
}
"""
_CREATE = """
mutation($filename: String!
         $tournament: Int!
         $modelId: String
         $dataVersionId: String
         $dockerImageId: String) {
    createComputePickleUpload(filename: $filename
                              tournament: $tournament
                              modelId: $modelId
                              dataVersionId: $dataVersionId
                              dockerImageId: $dockerImageId) {
        id
    }
}
"""
_LIST = """
query($modelId: ID $unassigned: Boolean!) {
    computePickles(modelId: $modelId unassigned: $unassigned) {
        id
        filename
    }
}
"""


def upload_model(
    path,
    model,
    *,
    data_version=None,
    docker_image=None,
    replace=False,
    keys=None,
    data_home=None,
    api=None,
):
    """Upload an exported model, which Numerai then runs every day.

    The image (the Python and packages that it runs with) and the data version are
    looked up in the server's lists before anything is sent. A file is not uploaded
    again where it is the last one that was uploaded for the model, with the same image
    and data version, and the server still has it.

    Read more in the user guide, "Daily submission".

    Parameters
    ----------
    path : str or path-like
        File of :func:`export_model`, by custom ``predict.pkl``.

    model : str
        Name or id of the model on numer.ai that it is uploaded for.

    data_version : str, default=None
        Name or id of the version of the data that it is called with, e.g. "v5.3". By
        default the server chooses: name it.

    docker_image : str, default=None
        Name or id of the image: "Python 3.12", or "3.12". By default the one of the
        minor version of Python that :func:`export_model` wrote the file with, and for
        files of others of the running one. Another one cannot run it.

    replace : bool, default=False
        Whether a file that was uploaded last is uploaded again.

    keys : path, tuple of str or None, default=None
        See :func:`submit_predictions`.

    data_home : str or path-like, default=None
        Where the record goes, see :func:`sknumerai.datasets.get_data_home`.

    api : numerapi.NumerAPI, default=None
        A client with keys, in place of `keys`.

    Returns
    -------
    sent : sklearn.utils.Bunch
        `model`, `model_id`, `pickle_id`, `docker_image` and `data_version` (names),
        `digest` (SHA-256 of the file), `n_bytes`, `time`, `already_sent`.

    Raises
    ------
    SubmissionError
        If the server has no image of this Python, no such data version or model, if it
        refuses the file, if the file was written by another Python than the image's or
        changes while it is sent, or if another process is sending.

    FileNotFoundError, ValueError
        If there is no such file, it is no whole pickle or is not called ``.pkl``.

    ConnectionError
        If the server cannot be reached. The next call goes on from there.

    See Also
    --------
    export_model : Write the file.
    submit_predictions : Predict on your own machine and send that.

    Notes
    -----
    The file is sent as it is and not loaded, which would run its code: which Python
    wrote it is read without that. Try it before, with :func:`preflight`.

    References
    ----------
    .. [1] Numerai, "Model uploads", Numerai documentation.

    Examples
    --------
    >>> from sknumerai.submission import upload_model
    >>> upload_model("no_such.pkl", "my_model")
    Traceback (most recent call last):
    ...
    FileNotFoundError: upload_model: there is no file no_such.pkl.
    """
    path = _check_path(path)
    if not (docker_image is None or isinstance(docker_image, str)):
        raise TypeError(
            f"{CALLER}: docker_image must be text, such as '3.12'. Got {docker_image!r}."
        )
    # one file is looked at and sent, also where another takes its name meanwhile
    with open(path, "rb", buffering=0) as file:
        made_by = _made_by(file, path)
        client = make_client(api, keys)
        model_id = find_model(client, model)
        images = client.model_upload_docker_images()
        versions = client.model_upload_data_versions()
        image = _choose_image(docker_image, images, made_by, path.name)
        version = None if data_version is None else _choose(data_version, versions)
        return _upload(
            client,
            (file, path.name),
            {"model": model, "model_id": model_id},
            (image, images[image]),
            (version, versions.get(version)),
            replace,
            data_home,
        )


def _upload(client, source, entry, image, version, replace, data_home):
    """Send the file unless it is there."""
    file, name = source
    entry |= {
        "kind": "model",
        "round": None,
        "digest": _digest(file),
        "n_bytes": os.fstat(file.fileno()).st_size,
        "docker_image": image[0],
        "data_version": version[0],
    }
    with Record(entry["model_id"], data_home).alone() as record:
        before = None if replace else _uploaded_before(client, record, entry)
        if before is not None:
            return _result(before, already_sent=True)
        _send(client, record, entry, file, name, image[1], version[1])
    return _result(entry, already_sent=False)


def _check_path(path):
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{CALLER}: there is no file {path}.")
    if path.suffix != ".pkl":
        raise ValueError(f"{CALLER}: {path.name} must end in .pkl, as Numerai asks.")
    if path.stat().st_size == 0:
        raise ValueError(f"{CALLER}: {path} is empty. Export the model again.")
    return path


def _digest(file):
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _made_by(file, path):
    """Minor version of the Python that wrote an export, or None; runs no code."""
    try:
        # the duplicate is closed there, and shares its place with ours
        return needed_packages(os.dup(file.fileno()), {})[2]
    except ValueError as error:
        raise ValueError(
            f"{CALLER}: {path} is no whole pickle ({error.__cause__}). Write it with "
            "export_model."
        ) from error


def _choose_image(asked, images, made_by, file):
    name = _find_image(asked, images, made_by, file)
    number = re.search(r"(?<![\d.])3\.\d+", name)
    if made_by and number and number.group() != made_by:
        raise SubmissionError(
            f"{CALLER}: {file} was written by Python {made_by} and cannot run in the "
            f"image {name!r}: code in it runs on the minor version that wrote it and "
            f"crashes others. Leave docker_image out, or export with Python "
            f"{number.group()}."
        )
    return name


def _find_image(asked, images, made_by, file):
    minor = made_by or running_minor()
    wanted = minor if asked is None else asked
    if re.fullmatch(r"\d+\.\d+", wanted):
        number = re.compile(rf"(?<![\d.]){re.escape(wanted)}(?![\d])")
        found = [name for name in images if number.search(name)]
        if len(found) == 1:
            return found[0]
        here = f"{file} was written by" if made_by else "This is"
        here = here if asked is None else "Asked for was"
        raise SubmissionError(
            f"{CALLER}: {here} Python {wanted}, and Numerai has "
            f"{'no image' if not found else 'several images'} of that number among "
            f"{sorted(images)}. A file runs on the minor version of Python that wrote "
            "it and no other: train and export with a Python of that list, or name its "
            "image with docker_image=."
        )
    return _choose(wanted, images, "docker_image")


def _choose(asked, listed, what="data_version"):
    """The name of what is asked for by name or id."""
    for name, number in listed.items():
        if asked in (name, number):
            return name
    raise SubmissionError(
        f"{CALLER}: Numerai has no {what} {asked!r}. It has {sorted(listed)}."
    )


def _uploaded_before(client, record, entry):
    """The last upload for the model, if it is this one and the server has it."""
    same = ("digest", "docker_image", "data_version")
    for old in reversed(record.entries()):
        if old["kind"] != "model":
            continue
        if old["state"] == "sending":
            record.settle(old, _find(client, old))
        if old["state"] == "sent":
            if any(old.get(name) != entry[name] for name in same):
                return None
            there = [item["id"] for item in _pickles(client, entry["model_id"])]
            return old if old["submission_id"] in there else None
    return None


def _send(client, record, entry, file, name, image_id, version_id):
    model_id = entry["model_id"]
    entry["known"] = [item["id"] for item in _pickles(client, model_id)]

    def ask_where():
        variables = {"filename": name, "modelId": model_id}
        answer = client.raw_query(_AUTH, variables, authorization=True)
        return answer["data"]["computePickleUploadAuth"]

    entry["filename"] = client.store(ask_where, file)
    if _digest(file) != entry["digest"]:
        raise SubmissionError(
            f"{CALLER}: {name} was changed while it was sent. It was not registered. "
            "Upload it again."
        )
    variables = {
        "filename": entry["filename"],
        "tournament": client.tournament_id,
        "modelId": model_id,
        "dataVersionId": version_id,
        "dockerImageId": image_id,
    }

    def create():
        answer = client.raw_query(_CREATE, variables, authorization=True)
        return answer["data"]["createComputePickleUpload"]["id"]

    register_once(client, record, entry, create, lambda: _find(client, entry))


def _find(client, entry):
    """Id of the uploaded file if the server has one that it had not before."""
    for item in _pickles(client, entry["model_id"]):
        if item["filename"] == entry["filename"] and item["id"] not in entry["known"]:
            return item["id"]
    return None


def _pickles(client, model_id):
    variables = {"modelId": model_id, "unassigned": False}
    answer = client.raw_query(_LIST, variables, authorization=True)
    return answer["data"]["computePickles"] or []


def _result(entry, *, already_sent):
    names = ("model", "model_id", "docker_image", "data_version", "digest", "n_bytes")
    return Bunch(
        **{name: entry[name] for name in names},
        time=entry["time"],
        pickle_id=entry["submission_id"],
        already_sent=already_sent,
    )
