"""Download Numerai's files and load them."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib

from sknumerai.datasets._download import (
    RemoteFile,
    download,
    look_up,
    read_record,
    write_record,
)
from sknumerai.datasets._feature_sets import FEATURES_JSON, near
from sknumerai.datasets._home import get_data_home
from sknumerai.datasets._load import load_numerai
from sknumerai.datasets._server import Server
from sknumerai.datasets._summary import remember

CALLER = "fetch_numerai"
# splits that are part of another split's file
FILE_OF = {"test": "validation"}


def fetch_numerai(
    name="v5.3",
    split="train",
    *,
    files=None,
    update=False,
    load=True,
    data_home=None,
    api=None,
    verbose=1,
    **load_params,
):
    """Download the files of a data set where they are missing, and load them.

    Read more in the user guide, "Loading data".

    Parameters
    ----------
    name : str, default="v5.3"
        Version of the data, as Numerai names it. Its files go to the folder of that
        name in the data home.

    split : str, list of str or None, default="train"
        "train", "validation", "live", or a list of them, whose files are downloaded
        with ``features.json`` and loaded. None stands for `files` only.

    files : list of str, "all" or None, default=None
        Further files, e.g. ``["meta_model.parquet"]``. "all" is every file of the
        version but the csv copies.

    update : bool, default=False
        Whether files that are there are replaced if the server has others. Live files
        change every day and are always looked up; without `update` nothing is asked
        of the server if the other files are there.

    load : bool, default=True
        Whether the splits are loaded.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    api : numerapi.NumerAPI, default=None
        Client to ask for names and addresses, by default one without an account.

    verbose : int, default=1
        Whether progress bars are shown.

    **load_params : dict
        Parameters of :func:`load_numerai`, such as `feature_set` and `targets`.

    Returns
    -------
    data : sklearn.utils.Bunch or list of pathlib.Path
        What :func:`load_numerai` returns, or the paths of the files where `load` is
        False.

    Raises
    ------
    ValueError
        If the server has no such version or file.

    ConnectionError
        If the server cannot be reached, its certificate is not valid, or it breaks
        off again and again. What came is kept, and the next call continues it.

    OSError
        If the disk is full, the file is being downloaded by another process, or what
        came has not the size announced or cannot be opened.

    See Also
    --------
    load_numerai : Load files that are there.
    check_numerai : Tell what has changed on the server.

    Notes
    -----
    A file is downloaded to ``<name>.part`` and renamed when it has the size that was
    announced and, for parquet, its footer can be read. Certificates are always
    verified. An interrupted download is continued if the server still has the same
    file.

    Examples
    --------
    Files that are there are loaded without asking the server.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sknumerai.datasets import fetch_numerai
    >>> frame = pd.DataFrame(
    ...     {"era": ["0001"], "feature_a": [2], "target_ender_60": [0.5]},
    ...     index=pd.Index(["n1"], name="id"),
    ... )
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = Path(home, "v5.3")
    ...     folder.mkdir()
    ...     _ = (folder / "features.json").write_text('{"feature_sets": {}}')
    ...     frame.to_parquet(folder / "train.parquet")
    ...     fetch_numerai("v5.3", data_home=home).data.shape
    (1, 1)
    """
    if split is None and files is None:
        raise ValueError(
            f"{CALLER}: split and files are both None, so there is nothing to "
            "download. Name a split or files."
        )
    splits = () if split is None else (split,) if isinstance(split, str) else split
    folder = get_data_home(data_home) / name
    wanted = [FEATURES_JSON] if splits else []
    wanted += [f"{FILE_OF.get(s, s)}.parquet" for s in splits]
    server = None
    if isinstance(files, str) and files != "all":
        raise ValueError(
            f"{CALLER}: files must be a list of names, or 'all'. Got {files!r}."
        )
    if isinstance(files, str):
        server = Server(api)
        wanted += _all_files(server.files(name, CALLER))
    else:
        wanted += files or ()
    wanted = list(dict.fromkeys(wanted))
    for file in wanted:
        path = folder / file
        if path.is_file() and not update and not file.startswith("live"):
            continue
        server = server or Server(api)
        _check_listed(server, name, file)
        _bring(server.url(f"{name}/{file}"), path, verbose)
    if not load or not splits:
        return [folder / file for file in wanted]
    return load_numerai(
        folder,
        splits if len(splits) > 1 else splits[0],
        data_home=data_home,
        verbose=verbose,
        **load_params,
    )


def _all_files(listed):
    parquet = [name for name in listed if name.endswith(".parquet")]
    copies = {name.removesuffix(".parquet") + ".csv" for name in parquet}
    return [name for name in listed if name not in copies]


def _check_listed(server, name, file):
    listed = server.files(name, CALLER)
    if file not in listed:
        raise ValueError(
            f"{CALLER}: {name} has no file {file!r}.{near(file, listed)} It has "
            f"{listed}."
        )


def _bring(url, path, verbose):
    """Download a file unless the server has the one that is there."""
    if path.is_file():
        remote, here = look_up(url), read_record(path)
        if here is None:
            # not downloaded by us: the size must do
            here = RemoteFile(path.stat().st_size, None, None)
        if not here.differs(remote):
            write_record(path, remote)
            return
        # a damaged file is replaced without a word on what it held
        with contextlib.suppress(ValueError):
            remember(path)
    download(url, path, verbose)
