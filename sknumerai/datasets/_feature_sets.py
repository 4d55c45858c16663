"""Names of features and targets."""

# SPDX-License-Identifier: BSD-3-Clause

import json
from difflib import get_close_matches
from pathlib import Path

from sknumerai.datasets._files import find_dataset

FEATURES_JSON = "features.json"


def load_feature_sets(name_or_path, *, data_home=None):
    """Load the feature sets of a data set.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a data set in the data home ("v5.3"), a folder with a
        ``features.json``, a file that has one beside it, or such a json file.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`get_data_home`.

    Returns
    -------
    feature_sets : dict of str to list of str
        The features of each set, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such data set, or it has no ``features.json``.

    ValueError
        If the json file does not hold feature sets.

    See Also
    --------
    load_numerai : Load the features and targets.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from sknumerai.datasets import load_feature_sets
    >>> sets = {"small": ["feature_a"], "all": ["feature_a", "feature_b"]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "features.json")
    ...     _ = path.write_text(json.dumps({"feature_sets": sets, "targets": []}))
    ...     load_feature_sets(folder)["small"]
    ['feature_a']
    """
    path = find_dataset(name_or_path, data_home, "load_feature_sets")
    found = features_json(path)
    if found is None:
        raise FileNotFoundError(
            f"load_feature_sets: there is no {FEATURES_JSON} at {path}. It comes with "
            "the official files: fetch_numerai downloads it."
        )
    return read_features_json(found)["feature_sets"]


def features_json(path):
    """The features.json that belongs to a folder or file, or None."""
    path = Path(path)
    if path.suffix == ".json":
        return path
    folder = path if path.is_dir() else path.parent
    found = folder / FEATURES_JSON
    return found if found.is_file() else None


def read_features_json(path):
    """Read and check a features.json.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    content : dict
        ``feature_sets`` (dict of lists), ``targets`` (list, maybe empty).
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not readable as json ({error}). Download it again."
        ) from error
    sets = content.get("feature_sets") if isinstance(content, dict) else None
    if not isinstance(sets, dict) or not all(
        isinstance(names, list) for names in sets.values()
    ):
        raise ValueError(
            f"{path} holds no feature sets: an object with a key 'feature_sets' that "
            "maps names to lists of features is expected."
        )
    return {"feature_sets": sets, "targets": content.get("targets", [])}


def near(name, names):
    """Sentence with the names that look like a name, empty if none does."""
    matches = get_close_matches(str(name), [str(n) for n in names], n=3, cutoff=0.5)
    return f" Near matches: {matches}." if matches else ""


def choose_features(feature_set, available, feature_sets, where):
    """Choose the features to load.

    Parameters
    ----------
    feature_set : str, list of str or None
        What the user asked for.

    available : list of str
        Features in the file.

    feature_sets : dict of str to list of str
        Sets of features.json, empty where there is none.

    where : str
        Beginning of error messages.

    Returns
    -------
    features : list of str
        Names, in the order of the set, list or file.

    Raises
    ------
    ValueError
        If the set does not exist, or a feature is not in the file.
    """
    if not available:
        raise ValueError(
            f"{where} has no features: no column begins with 'feature'. Benchmark "
            "models are loaded with load_benchmark_models, the meta model with "
            "load_meta_model."
        )
    if feature_set is None or (feature_set == "all" and not feature_sets):
        return list(available)
    if isinstance(feature_set, str):
        if feature_set not in feature_sets:
            raise ValueError(_no_such_set(feature_set, feature_sets, where))
        features = feature_sets[feature_set]
        what = f"features of the set {feature_set!r}"
    else:
        features = [str(name) for name in feature_set]
        what = "features asked for"
    if not features:
        raise ValueError(f"{where}: feature_set={feature_set!r} has no features.")
    if len(set(features)) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise ValueError(f"{where}: feature {twice!r} is asked for twice.")
    known = set(available)
    absent = [name for name in features if name not in known]
    if absent:
        hint = near(absent[0], available)
        if absent[0] in feature_sets:
            hint = f" {absent[0]!r} is a set: feature_set={absent[0]!r}."
        raise ValueError(
            f"{where}: {len(absent)} of {len(features)} {what} are not in the file, "
            f"the first is {absent[0]!r}.{hint} The file has {len(available)} "
            "features; a features.json of another version is the usual reason."
        )
    return list(features)


def _no_such_set(name, feature_sets, where):
    if not feature_sets:
        return (
            f"{where}: feature_set={name!r} needs a {FEATURES_JSON} beside the file, "
            "and there is none. Put it there, pass a list of columns, or None for all."
        )
    sizes = ", ".join(f"{k!r} ({len(v)})" for k, v in feature_sets.items())
    return (
        f"{where}: there is no feature set {name!r}.{near(name, feature_sets)} The "
        f"sets are {sizes}; None loads all features, a list names columns."
    )
