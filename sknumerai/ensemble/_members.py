"""What ensembles share: fitting their members, and averaging what these predict."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing, assert_all_finite
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    _check_method_params,
    _num_samples,
    check_array,
    check_consistent_length,
)

from sknumerai.preprocessing._tables import read_table
from sknumerai.utils import check_eras, era_gaussian_ranks, era_normalized_ranks
from sknumerai.utils._eras import LIVE_ERA
from sknumerai.utils._shared_data import Sent, SharedData

RANKS = {"uniform": era_normalized_ranks, "gaussian": era_gaussian_ranks}


def read_rows(estimator, X, y, groups, caller, *, allow_gaps=False):
    """Read what ``fit`` of an ensemble is given; members look at it more closely.

    Parameters
    ----------
    estimator : estimator
        Learns names and number of features, and the eras.

    X : array-like of shape (n_samples, n_features)
        Features.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Target.

    groups : array-like of shape (n_samples,) or None
        Era of each row, if they were passed.

    caller : str
        Name to begin error messages with.

    allow_gaps : bool, default=False
        As of `check_target`.

    Returns
    -------
    X : DataFrame or ndarray
        Features.

    y : Series, DataFrame or ndarray
        Target.

    Raises
    ------
    ValueError
        If lengths differ, or X and y have eras in their indexes and rows in another
        order: members that know no eras would take them by position.
    """
    X = read_table(estimator, X, reset=True)
    y = check_target(y, caller, allow_gaps=allow_gaps)
    remember_eras(estimator, check_same_rows(X, y, groups, caller))
    return X, y


def check_same_rows(X, y, groups, caller):
    """Check that features, targets and eras are of the same rows; return the eras."""
    check_consistent_length(X, y)
    n_samples = _num_samples(X)
    return check_eras(groups, X, y, n_samples=n_samples, allow_live=True, caller=caller)


def remember_eras(owner, eras, rows=None):
    """Keep the numbers of the eras that were learned from: members may not know them.

    Parameters
    ----------
    owner : estimator
        The ensemble, whose `eras_seen_` they are.

    eras : Eras or None
        Of all rows. Without any, those of an earlier fit are forgotten.

    rows : slice or ndarray, default=None
        The rows that were learned from; None for all.
    """
    vars(owner).pop("eras_seen_", None)
    if eras is not None:
        codes = slice(None) if rows is None else np.unique(eras.codes[rows])
        numbers = eras.numbers[codes]
        owner.eras_seen_ = numbers[numbers != LIVE_ERA]


def check_target(y, caller, *, allow_gaps=False):
    """Read the target of an ensemble; members look at it more closely.

    Several targets may have gaps, which members take or refuse.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Target.

    caller : str
        Name to begin error messages with.

    allow_gaps : bool, default=False
        Whether one target may have them too.

    Returns
    -------
    y : Series, DataFrame or ndarray
        Pandas objects as they came: their name tells the horizon, their index the eras.
    """
    if y is None:
        raise ValueError(f"{caller} requires y to be passed, but the target y is None.")
    if isinstance(y, pd.Series | pd.DataFrame):
        if y.ndim == 1 and not allow_gaps:
            refuse_gaps(pd.isna(y).to_numpy(), caller)
        return y
    y = check_array(
        y,
        dtype="numeric",
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        input_name="y",
    )
    if y.ndim == 1 and not allow_gaps:
        refuse_gaps(pd.isna(y), caller)
        assert_all_finite(y, input_name="y")
    return y


def refuse_gaps(missing, caller):
    """Refuse a target that is not known in some rows.

    Not every regressor looks: LightGBM takes NaN for 0.

    Parameters
    ----------
    missing : ndarray of bool
        Which rows have none.

    caller : str
        Name to begin error messages with.
    """
    if missing.any():
        raise ValueError(
            f"{caller}: Input y contains NaN ({int(missing.sum())} of {len(missing)} "
            "rows). Unresolved rows cannot be learned from: drop them, e.g. "
            "X = X[y.notna()]; y = y[y.notna()]."
        )


def fit_members(owner, tasks):
    """Fit estimators, some at a time.

    Parameters
    ----------
    owner : estimator
        The ensemble. Its `n_jobs` are the processes, as joblib takes them, which divides
        the threads of the machine by them; its `verbose` shows a progress bar.

    tasks : list of tuple
        For each the estimator, X, y, the parameters of its ``fit``, and the rows to fit
        to: a slice, positions, or None for all. Rows are taken where it is fitted, so
        that processes share one X, and a memory map stays one.

    Returns
    -------
    fitted : list of estimator
        In the order of the tasks.
    """
    with SharedData(tasks=[given for _, *given in tasks]) as shared:
        parallel = Parallel(n_jobs=owner.n_jobs, return_as="generator")
        fitted = parallel(
            delayed(_fit)(Sent(task[0]), shared, k) for k, task in enumerate(tasks)
        )
        if owner.verbose:
            from tqdm.auto import tqdm

            name = type(owner).__name__
            fitted = tqdm(fitted, total=len(tasks), desc=name, unit="model")
        return [member.value for member in fitted]


def rows_of_params(params, n_samples, rows):
    """Metadata of some rows: what is as long as X is cut, the rest stays."""
    return _check_method_params(_Rows(n_samples), params, rows)


class _Rows:
    """As many rows as there are: what metadata is compared with."""

    def __init__(self, n_samples):
        self.shape = (n_samples,)

    def __len__(self):
        return self.shape[0]


def _fit(estimator, shared, k):
    X, y, params, rows = shared["tasks"][k]
    if rows is not None:
        params = rows_of_params(params, len(y), rows)
        X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
    return Sent(estimator.value.fit(X, y, **params))


def check_weights(weights, n_members, caller, what="estimators"):
    """Read the weights of members.

    Parameters
    ----------
    weights : array-like of shape (n_members,), {"equal", "donate"} or None
        Weights. "donate" doubles from each member to the next, the first two being
        alike: 1/16, 1/16, 1/8, 1/4, 1/2 for five.

    n_members : int
        How many there are.

    caller : str
        Name to begin error messages with.

    what : str, default="estimators"
        What messages call the members.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Float64, of sum 1.

    Raises
    ------
    ValueError
        If they are not as many, negative, not finite, or all 0.
    """
    if weights is None or (isinstance(weights, str) and weights == "equal"):
        return np.full(n_members, 1 / n_members)
    if isinstance(weights, str):
        powers = np.arange(n_members, 0, -1.0)
        powers[0] = max(n_members - 1.0, 0.0)
        return 0.5**powers
    numbers = np.asarray(weights, dtype=np.float64)
    if numbers.shape != (n_members,):
        raise ValueError(
            f"{caller}: weights must be {n_members} numbers, one for each of the "
            f"{what}. Got {weights!r}."
        )
    if not np.isfinite(numbers).all() or (numbers < 0).any() or not numbers.sum() > 0:
        raise ValueError(
            f"{caller}: weights must be finite and 0 or more, and not all 0. Got "
            f"{weights!r}."
        )
    return numbers / numbers.sum()


def average(predictions, weights, *, how, find_eras):
    """Combine the predictions of members.

    Parameters
    ----------
    predictions : iterable of ndarray of shape (n_samples,) or (n_samples, n_outputs)
        One after the other, so that a generator holds few of them at a time.

    weights : ndarray of shape (n_members,)
        Of sum 1. The median takes no notice of them.

    how : {"mean", "median", "rank_mean", "uniform", "gaussian"}
        Mean or median of the values, or mean of ranks within the era: in (0, 1)
        ("rank_mean", "uniform") or Gaussian.

    find_eras : callable
        Gives the eras of the rows; called for ranks alone.

    Returns
    -------
    combined : ndarray of the shape of a prediction
        Float64, and float32 where members are averaged as they are and all predict
        that.

    Raises
    ------
    ValueError
        If predictions differ in their shape.
    """
    if how == "median":
        stack = np.stack(list(_of_one_shape(predictions)))
        return np.median(stack, axis=0).astype(_float_type(stack.dtype), copy=False)
    rank = RANKS.get("uniform" if how == "rank_mean" else how)
    eras = None if rank is None else find_eras()
    total, kind = None, np.float32
    for values, weight in zip(_of_one_shape(predictions), weights):
        kind = np.result_type(kind, _float_type(values.dtype))
        values = values.astype(np.float64) if rank is None else rank(values, eras)
        values *= weight
        total = values if total is None else np.add(total, values, out=total)
    return total if rank else total.astype(kind, copy=False)


def _of_one_shape(predictions):
    """Predictions as arrays; one column is not added to each of several."""
    shape = None
    for values in map(np.asarray, predictions):
        if shape is not None and values.shape != shape:
            raise ValueError(
                f"Members predict {shape} and {values.shape}, which cannot be averaged. "
                "Let all predict every target, or all one."
            )
        shape = values.shape
        yield values


def _float_type(dtype):
    return np.float32 if dtype == np.float32 else np.float64
