"""Write a fitted model as the file that Numerai runs."""

# SPDX-License-Identifier: BSD-3-Clause

import importlib
import inspect
import os
import platform
import secrets
import sys
import warnings
from collections.abc import Mapping
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sknumerai.submission._by_value import dump_by_value
from sknumerai.submission._fresh import check_in_fresh_process
from sknumerai.submission._live_neutralization import LiveNeutralization
from sknumerai.submission._predictor import LivePredictor, OneArgumentPredictor
from sknumerai.utils import ERA_LEVEL

# pandas.read_pickle would take a file of these names for a compressed one
COMPRESSED = {".gz", ".bz2", ".zip", ".xz", ".zst", ".tar"}
# by the number of arguments
CALLABLES = {1: OneArgumentPredictor, 2: LivePredictor}
VERSIONED = ("numpy", "scipy", "pandas", "sklearn", "torch", "lightgbm", "xgboost")


def export_model(
    model,
    path,
    *,
    features=None,
    neutralize=None,
    n_arguments=2,
    missing="raise",
    by_value=(),
    sample=None,
    verify=True,
):
    """Write a fitted model as a file that Numerai can run.

    The file is a cloudpickle of a callable `predict(live_features,
    live_benchmark_models)`, the form that Numerai's model upload asks for. sknumerai is
    stored in it by value, so the file runs where sknumerai, skorch and optuna are not
    installed. Of a search it holds the best estimator. The callable takes the model's
    features by name, ignores all other columns, predicts era by era, and returns a
    DataFrame indexed by `id` with the column `prediction`, ranks strictly between 0 and
    1. Read more in the user guide, "Submission".

    Parameters
    ----------
    model : estimator
        A fitted regressor that follows scikit-learn's conventions, of any package, or
        a composition of such (Pipeline, VotingRegressor, StackingRegressor,
        TransformedTargetRegressor, a search). Of a classifier the expected class is
        taken. `callbacks` of networks are left out of the file.

    path : str or path-like
        File to write, by custom `predict.pkl`. An existing file is replaced, once the
        new one is whole.

    features : list of str or None, default=None
        Features that the model reads, in the order of the columns it was fitted on.
        By default the model's `feature_names_in_`; needed where it was fitted on an
        array.

    neutralize : dict or None, default=None
        What the file neutralizes the model's live prediction to, before it ranks it:
        `{"features": names, "proportion": share}`. Without `features` to all that the
        model reads; they may be others than those. Without `proportion` the whole fit
        is taken away. The same as :func:`sknumerai.preprocessing.neutralize`, with a
        constant, era by era.

    n_arguments : {1, 2}, default=2
        Number of arguments of the callable. Numerai gives the live features, and the
        live benchmark models to a callable of two, which does not use them and may be
        called without.

    missing : "raise" or float, default="raise"
        What the file does where live data lack a feature. "raise": an absent column is
        an error, and a NaN is handed to the model, which takes or refuses it. A number:
        stands in for absent columns and for NaN; Numerai's code for missing is 2.

    by_value : str or tuple of str or module, default=()
        Further modules to store by value: your own that the model's classes or
        functions come from, which Numerai does not have either.

    sample : DataFrame or None, default=None
        A few rows as they come live, to try the model on. By default 64 rows of
        random codes 0 to 4, and two more for each feature of `neutralize`.

    verify : bool, default=True
        Whether to load the file in a fresh process where sknumerai, skorch and optuna
        cannot be imported and no graphics card is seen, to compare its predictions of
        `sample` with those made here, and to warn of modules that it imports from a
        folder of yours. It takes the seconds that Python takes to import what the
        model needs. Versions are yours, not Numerai's: for those see `preflight`.

    Returns
    -------
    path : pathlib.Path
        The file that was written.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    TypeError
        If `model` is no estimator.

    ValueError
        If the features are unknown or contradict the model, if the model predicts more
        than one column or something not finite, if the features to neutralize to
        explain its prediction whole, or if the name of the file says that it is
        compressed.

    FileNotFoundError
        If the directory of `path` does not exist.

    SubmissionError
        If a part of the model cannot be pickled, or if the file does not load or
        predicts otherwise in the fresh process. Nothing is written then.

    Warns
    -----
    UserWarning
        If, with a number for `missing`, the features to neutralize to are not all
        among the model's, or if the file imports modules from a folder of yours.

    See Also
    --------
    preflight : Tries the file with the versions and limits that Numerai has.

    Notes
    -----
    Code stored by value runs on the minor version of Python that wrote it and no other:
    choose that version's image when you upload. Loading a pickle runs code that it
    holds: load only files that you wrote.

    References
    ----------
    .. [1] Numerai. Model uploads. Numerai documentation.

    .. [2] Numerai. numerai-predict: ``predict.py``, the program that runs uploads.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.submission import export_model
    >>> X = pd.DataFrame({"feature_a": [0, 1, 2, 4], "feature_b": [4, 0, 2, 1]})
    >>> model = Ridge().fit(X, [0.0, 0.25, 0.5, 1.0])
    >>> live = X.assign(era="X", other=7).set_axis(["n1", "n2", "n3", "n4"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export_model(model, Path(folder) / "predict.pkl", verify=False)
    ...     predict = pd.read_pickle(path)
    >>> predict(live, None)
        prediction
    id
    n1       0.125
    n2       0.375
    n3       0.625
    n4       0.875
    """
    path = _check_path(path)
    _check_model(model)
    # of a search Numerai needs the model, not the ranges that it was found in
    model = getattr(model, "best_estimator_", model)
    if not (missing == "raise" or (_is_number(missing) and np.isfinite(missing))):
        raise ValueError(
            f"The 'missing' parameter of export_model must be 'raise' or a number, "
            f"such as 2, Numerai's code for missing. Got {missing!r} instead."
        )
    names, named = _check_features(model, features)
    neutralization = _check_neutralize(neutralize, names)
    if neutralization is not None and missing != "raise":
        others = [name for name in neutralization.features if name not in set(names)]
        if others:
            warnings.warn(
                f"{len(others)} of the features to neutralize to are none that the "
                f"model reads: {others[:3]}. Where live data lack one, the file takes "
                f"missing={missing!r} for all rows and neutralizes to nothing there: "
                "look for misspelt names.",
                stacklevel=2,
            )
    if _is_number(n_arguments) and n_arguments in CALLABLES:
        Predictor = CALLABLES[n_arguments]
    else:
        raise ValueError(
            "The 'n_arguments' parameter of export_model must be 1 or 2, the numbers of "
            f"arguments that Numerai gives. Got {n_arguments!r} instead."
        )
    predictor = Predictor(
        model, names, named, _output(model, named), missing, _about(), neutralization
    )
    sample = _check_sample(sample, names, neutralization)
    try:
        expected = predictor(sample)
    except Exception as error:
        error.add_note(
            "export_model tried the model on a few rows. If the model reads other "
            "values than the codes 0 to 4, pass rows of your data as sample=."
        )
        raise
    by_value = [by_value] if isinstance(by_value, str) else by_value
    modules = [_module(m) for m in (__name__.partition(".")[0], *by_value)]
    part = path.with_name(f".{path.name}.part-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(part, "xb") as file:
            dump_by_value(predictor, file, modules)
        if verify:
            check_in_fresh_process(part, sample, expected)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _check_path(path):
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"export_model: the directory {str(path.parent)!r} does not exist. Create "
            "it first."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"export_model: {str(path)!r} is a directory. Name a file in it, such as "
            f"{str(path / 'predict.pkl')!r}."
        )
    if path.suffix.lower() in COMPRESSED:
        raise ValueError(
            f"export_model: Numerai would take {path.name!r} for a compressed file "
            "and the file is a plain pickle. Choose a name such as 'predict.pkl'."
        )
    return path


def _check_model(model):
    if inspect.isclass(model) or not hasattr(model, "predict"):
        given = "the class" if inspect.isclass(model) else "an object of type"
        name = model.__name__ if inspect.isclass(model) else type(model).__name__
        raise TypeError(
            f"export_model needs a fitted estimator with a method predict, got {given} "
            f"{name}."
        )
    if hasattr(model, "fit"):
        check_is_fitted(model)


def _check_features(model, features):
    """The features in the model's order, and whether it was fitted on a frame."""
    seen = _feature_names(model)
    if seen is None and features is None:
        raise ValueError(
            f"export_model cannot tell which columns this {type(model).__name__} "
            "reads: it was fitted on an array. Pass features=, the names in the order "
            "of the array's columns, or fit it on a DataFrame."
        )
    names = list(seen if features is None else features)
    names = [str(name) if isinstance(name, str) else name for name in names]
    if seen is not None and features is not None and names != list(seen):
        extra = sorted(set(names) - set(seen), key=str)
        lacking = sorted(set(seen) - set(names), key=str)
        raise ValueError(
            f"export_model: features= ({len(names)} names) are not those that the "
            f"model was fitted on ({len(seen)} names), in that order. Unknown: "
            f"{extra[:3]}; lacking: {lacking[:3]}. Leave features= out: the model "
            "knows its own."
        )
    n_seen = getattr(model, "n_features_in_", len(names))
    if seen is None and n_seen != len(names):
        raise ValueError(
            f"export_model: the model was fitted on {n_seen} columns and features= "
            f"has {len(names)} names."
        )
    if len(set(names)) < len(names):
        twice = pd.Index(names)[pd.Index(names).duplicated()].tolist()
        raise ValueError(f"export_model: {twice[:3]} are named twice in the features.")
    if ERA_LEVEL in names:
        raise ValueError(
            "export_model: the model was fitted on the column 'era' as a feature. A "
            "live era is none it has seen. Keep eras in the index: "
            "X.set_index('era', append=True)."
        )
    return names, seen is not None


def _feature_names(model):
    names = getattr(model, "feature_names_in_", None)
    if names is None and callable(getattr(model, "feature_name", None)):
        names = model.feature_name()  # a Booster of LightGBM
    if names is not None:
        names = list(names)
        # older LightGBM makes up names where it was fitted on an array
        made_up = names == [f"Column_{i}" for i in range(len(names))]
        return None if made_up else names
    # Pipeline asks its first step only, which may be "passthrough"
    for _, step in getattr(model, "steps", ()):
        names = getattr(step, "feature_names_in_", None)
        if names is not None:
            return list(names)
        if step is not None and step != "passthrough":
            break
    return None


def _output(model, named):
    try:
        classifies = is_classifier(model)
    except (AttributeError, TypeError):  # not scikit-learn's kind of object
        classifies = False
    if classifies:
        classes = np.asarray(getattr(model, "classes_", ["no numbers"]))
        if not hasattr(model, "predict_proba") or classes.dtype.kind not in "biuf":
            raise TypeError(
                f"export_model: {type(model).__name__} is a classifier without "
                "predict_proba or with classes that are no numbers, so its predictions "
                "cannot be ranked. Use a regressor."
            )
        return "predict_proba"
    if not named and "groups" in inspect.signature(model.predict).parameters:
        return "predict_groups"  # an array cannot carry its eras
    return "predict"


def _check_neutralize(neutralize, names):
    if neutralize is None:
        return None
    if not isinstance(neutralize, Mapping) or not set(neutralize) <= {
        "features",
        "proportion",
    }:
        raise ValueError(
            "The 'neutralize' parameter of export_model must be None or a dict with "
            "the keys 'features' (names) and 'proportion' (0 to 1), both optional. "
            f"Got {neutralize!r} instead."
        )
    share = neutralize.get("proportion", 1.0)
    if not (_is_number(share) and 0 <= share <= 1):
        raise ValueError(
            "export_model: the proportion to neutralize must be from 0 (nothing is "
            f"subtracted) to 1 (the whole fit). Got {share!r}."
        )
    features = neutralize.get("features")
    if isinstance(features, str):
        features = [features]
    features = names if features is None else list(features)
    if not features or len(set(features)) < len(features):
        raise ValueError(
            "export_model: the features to neutralize to must be one or more names, "
            f"each once. Got {len(features)} names, {len(set(features))} of them "
            "different."
        )
    return LiveNeutralization(features, float(share))


def _check_sample(sample, names, neutralization):
    if sample is None:
        n_rows = 64
        if neutralization is not None:
            names = list(dict.fromkeys([*names, *neutralization.features]))
            # of no more rows than features nothing would be left
            n_rows += 2 * len(neutralization.features)
        codes = np.random.default_rng(0).integers(0, 5, (n_rows, len(names)), np.int8)
        sample = pd.DataFrame(codes, columns=names)
        sample.index = pd.Index([f"n{i:04d}" for i in range(len(sample))], name="id")
        return sample.assign(era="X", data_type="live")
    if not isinstance(sample, pd.DataFrame):
        raise TypeError(
            f"export_model: sample must be a DataFrame, got {type(sample).__name__}."
        )
    return sample


def _module(module):
    if inspect.ismodule(module):
        return module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"export_model: by_value names the module {module!r}, which cannot be "
            f"imported here: {error}."
        ) from error


def _about():
    packages = {name: sys.modules[name] for name in VERSIONED if name in sys.modules}
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        # torch's version is an object of torch, which the file must not need
        "packages": {
            n: str(getattr(m, "__version__", "")) for n, m in packages.items()
        },
    }


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)
