"""Predictions of rows by models that have not seen them, of any splitter."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _num_samples
from tqdm.auto import tqdm

from sknumerai.model_selection._folds import (
    check_splitter,
    positions_of,
    split_rows,
    take,
    take_params,
)
from sknumerai.model_selection._routing import groups_to_predict, route
from sknumerai.utils import check_eras
from sknumerai.utils._shared_data import Sent, SharedData

CALLER = "era_cross_val_predict"


def era_cross_val_predict(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=None,
    n_jobs=None,
    params=None,
    verbose=1,
):
    """Predict each row by models that were not trained on it.

    As scikit-learn's ``cross_val_predict``, but for any splitter: a walk-forward split
    does not test the first eras, and combinations of blocks test each several times.
    Folds are cut without a copy, as in :func:`era_cross_validate`. Read more in the
    :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    estimator : estimator object
        Any estimator with `fit` and `predict`. Each fold fits a clone.

    X : array-like of shape (n_samples, n_features)
        Features.

    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of X or y. Eras passed here
        reach the splitter, and `fit` and `predict` where they take `groups`.

    cv : int, splitter, iterable of (train, test) or None, default=None
        Splitter. A number means ``GroupTimeSeriesSplit(cv)``, None its default.

    n_jobs : int or None, default=None
        Folds that are fitted at the same time, by joblib.

    params : dict or None, default=None
        Parameters of `fit`; those that have a value for each row are cut as the folds.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    y_pred : Series, DataFrame or ndarray
        One row for each row of X, NaN where no fold tests it (``.dropna()`` leaves those
        out, and the metrics of this package do too). A Series for pandas input of one
        target, a DataFrame for several. Where rows are tested several times, one column
        for each time, "path_0" and so on: of a :class:`CombinatorialPurgedGroupKFold`
        these are its paths.

    Raises
    ------
    MissingErasError
        If no eras are found.

    ValueError
        If lengths or indexes differ, if there are too few eras, or if rows are tested
        several times and y has several targets.

    See Also
    --------
    era_cross_validate : The scores.

    References
    ----------
    .. [1] Pedregosa, F., et al. (2011). Scikit-learn: Machine Learning in Python. Journal
       of Machine Learning Research, 12, 2825-2830.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import (
    ...     GroupTimeSeriesSplit, era_cross_val_predict
    ... )
    >>> data = make_numerai(n_eras=60, n_samples_per_era=50, random_state=0)
    >>> cv = GroupTimeSeriesSplit(2, test_size=10)
    >>> y_pred = era_cross_val_predict(Ridge(), data.data, data.target, cv=cv)
    >>> len(y_pred), len(y_pred.dropna())
    (3000, 1000)
    """
    cv = check_splitter(cv, CALLER)
    check_consistent_length(X, y)
    n_samples = _num_samples(X)
    split_params, fit_params, _ = route(estimator, cv, {}, groups, params, CALLER)
    given = groups if groups is not None else (params or {}).get("groups")
    check_eras(given, X, y, n_samples=n_samples, required=True, caller=CALLER)
    splits = split_rows(cv, X, y, split_params)
    shared = SharedData(X=X, y=y, groups=given, fit_params=fit_params, splits=splits)
    tasks = (
        delayed(_fit_and_predict)(Sent(clone(estimator)), shared, fold)
        for fold in range(len(splits))
    )
    with shared:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        done = parallel(tasks)
        bar = tqdm(done, CALLER, len(splits), unit="fold", delay=2, disable=not verbose)
        predictions = list(bar)
    return _join(predictions, [test for _, test in splits], X, y, n_samples)


def _fit_and_predict(estimator, shared, fold):
    estimator = estimator.value
    X, y = shared["X"], shared["y"]
    train, test = shared["splits"][fold]
    given = take_params(shared["fit_params"], train, _num_samples(X))
    estimator.fit(take(X, train), take(y, train), **given)
    X_test = take(X, test)
    given = groups_to_predict(estimator, X_test, take(shared["groups"], test))
    y_pred = np.asarray(estimator.predict(X_test, **given))
    return y_pred.astype(np.float64) if y_pred.dtype.kind != "f" else y_pred


def _join(predictions, tests, X, y, n_samples):
    times = np.zeros(n_samples, dtype=int)
    turns = []
    for test in tests:
        turns.append(times[test].copy())
        times[test] += 1
    most = max(1, int(times.max()))
    shape, dtype = predictions[0].shape[1:], np.result_type(*predictions)
    if most > 1 and shape:
        raise ValueError(
            f"{CALLER}: some rows are tested {most} times, and the model predicts "
            f"{shape[0]} targets. Predict one target at a time, or use a splitter that "
            "tests each row once."
        )
    values = np.full((n_samples, *(shape or (most,))), np.nan, dtype=dtype)
    for test, turn, y_pred in zip(tests, turns, predictions):
        if shape:
            values[test] = y_pred
        else:
            values[positions_of(test), turn] = y_pred
    values = values[:, 0] if not shape and most == 1 else values
    index = next((v.index for v in (X, y) if isinstance(v, _PANDAS)), None)
    if index is None:
        return values
    if values.ndim == 1:
        return pd.Series(values, index=index, name="prediction", copy=False)
    columns = [f"path_{k}" for k in range(most)]
    if shape:
        columns = getattr(y, "columns", range(shape[0]))
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


_PANDAS = (pd.DataFrame, pd.Series)
