"""Fit and score a model on folds of eras that are not copied."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Real

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import Bunch, check_consistent_length
from sklearn.utils.validation import _num_samples
from tqdm.auto import tqdm

from sknumerai.model_selection._folds import (
    check_splitter,
    fold_row,
    positions_of,
    split_rows,
)
from sknumerai.model_selection._routing import route
from sknumerai.model_selection._run_fold import run_fold
from sknumerai.model_selection._scorers import check_scorers, told_once
from sknumerai.utils import ERA_LEVEL, check_eras
from sknumerai.utils._shared_data import Sent, SharedData

CALLER = "era_cross_validate"


def era_cross_validate(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=None,
    scoring=None,
    n_jobs=None,
    params=None,
    return_train_score=False,
    return_era_scores=True,
    return_estimator=False,
    return_indices=False,
    error_score="raise",
    verbose=1,
):
    """Evaluate scores by cross-validation, without copying the folds.

    As scikit-learn's ``cross_validate``, with the same folds and scores, but for three
    things: rows that lie together are cut as a view, each fold is predicted once for any
    number of scores, and the score of every era is returned. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    estimator : estimator object
        Any estimator with `fit` and `predict`. Each fold fits a clone.

    X : array-like of shape (n_samples, n_features)
        Features. In the order of the eras (as `load_numerai` gives them), folds are
        slices of it: nothing is copied, also not out of a memory map. Otherwise, and for
        training sets on both sides of a test set, rows are gathered, which copies them.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of X or y, which reaches every
        part of a model. Eras passed here reach the splitter, the scorers and a `fit`
        that takes `groups` (in a Pipeline, that of its last step).

    cv : int, splitter, iterable of (train, test) or None, default=None
        Splitter. A number means ``GroupTimeSeriesSplit(cv)``, None its default.

    scoring : str, callable, list, tuple, dict or None, default=None
        Scorers as in ``cross_validate``. None is ``numerai_corr_scorer``; one of
        :func:`sknumerai.metrics.numerai_scoring` gives all scores at once.

    n_jobs : int or None, default=None
        Folds that are fitted at the same time, by joblib. Processes get memory maps by
        the name of their file.

    params : dict or None, default=None
        Parameters of `fit`, such as `sample_weight`; those that have a value for each row
        are cut as the folds are. With metadata routing they go where they are requested.

    return_train_score : bool, default=False
        Whether training sets are scored too.

    return_era_scores : bool, default=True
        Whether era scorers tell the score of each era, for the costs of scoring twice.

    return_estimator : bool, default=False
        Whether the fitted estimators are returned.

    return_indices : bool, default=False
        Whether the row positions of the folds are returned.

    error_score : "raise" or float, default="raise"
        Score where a fit or a scorer fails, with a warning; or whether to raise. A scorer
        that fails leaves the others.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    results : sklearn.utils.Bunch
        A dict with the keys of ``cross_validate`` and two more

        test_score, test_<name>, train_score, train_<name> : ndarray of shape (n_splits,)
            Scores. A scorer that gives a dict gives one of each.
        fit_time, score_time : ndarray of shape (n_splits,)
            Seconds.
        estimator : list of estimators
            If `return_estimator`.
        indices : dict with the keys "train" and "test"
            If `return_indices`.
        era_scores : DataFrame of shape (n_test_eras, n_scores)
            If `return_era_scores` and a scorer scores eras: score of each era of each
            test set, indexed by (`split`, `era`).
        fold_table : DataFrame
            First and last era, number of eras and of rows of each fold's parts.

    Raises
    ------
    MissingErasError
        If no eras are found.

    UnknownHorizonError
        If the splitter cannot tell the embargo from y's name.

    ValueError
        If lengths or indexes differ, there are too few eras, or no fold can be fitted.

    See Also
    --------
    era_cross_val_predict : The predictions of the test sets.
    sklearn.model_selection.cross_validate : The original.

    Notes
    -----
    A view costs nothing to cut. What an estimator does with it is its own business: our
    networks read a row-major matrix where it is, LightGBM and scikit-learn's estimators
    make an array of their own kind.

    References
    ----------
    .. [1] Pedregosa, F., et al. (2011). Scikit-learn: Machine Learning in Python. Journal
       of Machine Learning Research, 12, 2825-2830.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit, era_cross_validate
    >>> data = make_numerai(n_eras=60, n_samples_per_era=50, random_state=0)
    >>> cv = GroupTimeSeriesSplit(2, test_size=10)
    >>> found = era_cross_validate(Ridge(), data.data, data.target, cv=cv)
    >>> found.test_score.shape, found.era_scores.shape
    ((2,), (20, 1))
    >>> found.fold_table[["train_last", "test_first", "test_last"]]
          train_last test_first test_last
    split
    0           0032       0041      0050
    1           0042       0051      0060
    """
    check_error_score(error_score, CALLER)
    scorers = check_scorers(scoring, CALLER)
    cv = check_splitter(cv, CALLER)
    check_consistent_length(X, y)
    n_samples = _num_samples(X)
    split_params, fit_params, score_params = route(
        estimator, cv, scorers, groups, params, CALLER
    )
    given = groups if groups is not None else (params or {}).get("groups")
    eras = check_eras(given, X, y, n_samples=n_samples, required=True, caller=CALLER)
    splits = split_rows(cv, X, y, split_params)
    parts = ("test", "train")[: 1 + return_train_score]
    shared = SharedData(
        X=X,
        y=y,
        fit_params=fit_params,
        score_params=score_params,
        scorers=told_once(scorers, y, CALLER, stacklevel=3),
        folds=[(a, dict(zip(parts, (b, a)))) for a, b in splits],
    )
    catch = error_score != "raise"
    tasks = (
        delayed(run_fold)(
            Sent(clone(estimator)),
            shared,
            fold,
            None,
            catch,
            era_scores=return_era_scores,
            keep=return_estimator,
            each=True,
        )
        for fold in range(len(splits))
    )
    with shared:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        done = parallel(tasks)
        bar = tqdm(done, CALLER, len(splits), unit="fold", delay=2, disable=not verbose)
        folds = list(bar)
    _tell_of_errors(folds, error_score)
    results = Bunch(
        fit_time=np.array([fold["fit_time"] for fold in folds]),
        score_time=np.array([fold["score_time"] for fold in folds]),
    )
    if return_estimator:
        results.estimator = [fold["estimator"].value for fold in folds]
    if return_indices:
        results.indices = {
            part: tuple(positions_of(split[i]) for split in splits)
            for i, part in enumerate(("train", "test"))
        }
    for part in parts:
        results.update(_columns(part, folds, error_score))
    tables = {k: fold["eras"] for k, fold in enumerate(folds)}
    tables = {k: table for k, table in tables.items() if table is not None}
    if tables:
        results.era_scores = pd.concat(tables, names=["split", ERA_LEVEL])
    table = [fold_row(eras, k, train=a, test=b) for k, (a, b) in enumerate(splits)]
    results.fold_table = pd.DataFrame(table).set_index("split")
    return results


def check_error_score(error_score, caller):
    """Raise if `error_score` is neither "raise" nor a number."""
    number = isinstance(error_score, Real) and not isinstance(error_score, bool)
    if error_score != "raise" and not number:
        raise ValueError(
            f"{caller}: error_score must be 'raise' or a number. Got {error_score!r}."
        )


def _columns(part, folds, error_score):
    """Arrays of scores by name; what failed has the error score."""
    scores = [fold["scores"].get(part, {}) for fold in folds]
    names = dict.fromkeys(name for found in scores for name in found)
    failed = [
        set(fold["failures"].get(part, {})) for fold in folds if not fold["error"]
    ]
    # a scorer that never gave anything: whether it gives several is not known
    names.update(dict.fromkeys(sorted(set.intersection(*failed))))
    return {
        f"{part}_{name}": np.array([found.get(name, error_score) for found in scores])
        for name in names
    }


def _tell_of_errors(folds, error_score):
    hint = "error_score='raise' shows where; the first error is:\n"
    errors = [fold["error"] for fold in folds if fold["error"] is not None]
    said = f"{CALLER}: {len(errors)} of {len(folds)} folds failed"
    if len(errors) == len(folds):
        raise ValueError(f"{said}, so there is nothing to return. {hint}{errors[0]}")
    if errors:
        warnings.warn(
            f"{said}; their scores are {error_score}. {hint}{errors[0]}",
            FitFailedWarning,
            stacklevel=3,
        )
    failures = {}
    for fold in folds:
        for part, found in fold["failures"].items():
            for name, error in found.items():
                failures.setdefault((part, name), []).append(error)
    for (part, name), errors in failures.items():
        warnings.warn(
            f"{CALLER}: scorer {name!r} failed in {len(errors)} of {len(folds)} "
            f"folds; these {part} scores are {error_score}. {hint}{errors[0]}",
            UserWarning,
            stacklevel=3,
        )
