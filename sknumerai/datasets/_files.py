"""Which files a data set consists of."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from sknumerai.datasets._home import data_home_path

SUFFIXES = (".parquet", ".csv", ".csv.gz")
# what earlier versions called the files
OTHER_STEMS = {
    "train": ("numerai_training_data",),
    "validation": ("numerai_validation_data",),
    "live": ("numerai_live_data",),
}
# files that hold several splits, to be told apart by their data_type
SHARED_STEMS = {
    "test": ("validation", "numerai_tournament_data", "numerai_validation_data"),
    "validation": ("numerai_tournament_data",),
    "live": ("numerai_tournament_data",),
}


@dataclass(frozen=True)
class DataFile:
    """One file, and which data types of it are wanted (None: all of its rows)."""

    path: Path
    data_types: tuple | None
    size: int
    mtime_ns: int

    def check_unchanged(self):
        """Raise if the file is another one than when it was looked up."""
        stat = os.stat(self.path)
        if (stat.st_size, stat.st_mtime_ns) != (self.size, self.mtime_ns):
            raise RuntimeError(
                f"{self.path} was changed while it was being read. Load it again."
            )


def data_file(path, data_types=None):
    """Look a file up and remember its size and time."""
    stat = os.stat(path)
    return DataFile(Path(path), data_types, stat.st_size, stat.st_mtime_ns)


def stem_of(path):
    """Name of a file without its suffix, ``.csv.gz`` being one."""
    name = Path(path).name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return Path(path).stem


def find_dataset(name_or_path, data_home=None, caller="load_numerai"):
    """Find the folder or file that a name or path means.

    A path that exists comes first, then a folder of that name in the data home.
    """
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path.absolute()
    home = data_home_path(data_home)
    if (home / path).exists():
        return (home / path).absolute()
    there = sorted(p.name for p in home.iterdir()) if home.is_dir() else []
    around = []
    if path.parent.is_dir() and path.parent != Path():
        around = sorted(p.name for p in path.parent.iterdir())
    near = get_close_matches(path.name, there + around, n=3)
    hint = f" Near matches: {near}." if near else ""
    kind = "file" if path.suffix in {".parquet", ".csv", ".gz"} else "data set"
    mend = (
        "Check the path."
        if kind == "file"
        else f"Download it: sknumerai download {path.name}, or "
        f"sknumerai.datasets.fetch_numerai({path.name!r})."
    )
    raise FileNotFoundError(
        f"{caller}: there is no {kind} {str(name_or_path)!r}, neither as a path nor in "
        f"the data home {home} (which has {there or 'nothing'}).{hint} {mend}"
    )


def find_files(name_or_path, splits, data_home=None, caller="load_numerai"):
    """Find the files that hold some splits, each once.

    A file named after a split gives all its rows. Any other file gives the rows of
    the data types that were asked for; whether it has a column ``data_type`` is seen
    when it is read.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a data set in the data home, a folder or a file.

    splits : tuple of str
        Splits, "all" for everything in one file.

    data_home : str or path-like, default=None
        See :func:`get_data_home`.

    caller : str, default="load_numerai"
        Name to begin error messages with.

    Returns
    -------
    files : list of DataFile
        In the order of `splits`.
    """
    path = find_dataset(name_or_path, data_home, caller)
    if path.is_file():
        _check_suffix(path, caller)
        # a file that is named after the one split asked for is that split
        whole = splits == ("all",) or (
            len(splits) == 1 and stem_of(path) in _own_stems(splits[0])
        )
        return [data_file(path, None if whole else splits)]
    wanted = {}
    for split in splits:
        found, whole = _in_folder(path, split, caller)
        if whole or wanted.get(found, ()) is None:
            wanted[found] = None
        else:
            wanted[found] = (*wanted.get(found, ()), split)
    return [data_file(file, data_types) for file, data_types in wanted.items()]


def _own_stems(split):
    return (split, *OTHER_STEMS.get(split, ()))


def _in_folder(folder, split, caller):
    for stems, whole in ((_own_stems(split), True), (SHARED_STEMS.get(split), False)):
        for stem in stems or ():
            for suffix in SUFFIXES:
                if (folder / f"{stem}{suffix}").is_file():
                    return folder / f"{stem}{suffix}", whole
    there = sorted(p.name for p in folder.iterdir() if p.name.endswith(SUFFIXES))
    splits = sorted({stem_of(p) for p in there})
    raise FileNotFoundError(
        f"{caller}: there is no file for split={split!r} in {folder}: looked for "
        f"{split}.parquet and {split}.csv, found {there or 'no data files'}. "
        + (f"Choose one of split={splits}, or name" if splits else "Name")
        + " one file as the path. Official files are downloaded with fetch_numerai."
    )


def _check_suffix(path, caller):
    if not path.name.endswith(SUFFIXES):
        raise ValueError(
            f"{caller}: {path} is neither a parquet nor a csv file. Its name must end "
            f"in one of {list(SUFFIXES)}."
        )
