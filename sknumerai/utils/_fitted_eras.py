"""The eras that a fitted estimator has seen, looked for in all that it holds."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np

from sknumerai.exceptions import LeakageWarning
from sknumerai.utils._eras import LIVE_ERA, era_numbers

# Attributes in which scikit-learn's estimators keep others that they fitted, the last
# three those of Pipeline, FeatureUnion and ColumnTransformer.
HELD = (
    "best_estimator_",
    "estimators_",
    "final_estimator_",
    "regressor_",
    "estimator_",
    "steps",
    "transformer_list",
    "transformers_",
)


def fitted_eras(estimator):
    """Find the eras that an estimator was fitted on.

    Networks of this package store them as ``eras_seen_``. They are looked for in the
    estimator and in those that it holds: the steps of a Pipeline, the best estimator
    of a search, the members of Voting, Stacking, Bagging or MultiOutput estimators, the
    regressor of a TransformedTargetRegressor.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    Returns
    -------
    numbers : ndarray of shape (n_eras,) or None
        Era numbers in rising order. None where no part of it knows: other packages'
        estimators do not store the eras.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.utils import fitted_eras
    >>> model = Ridge().fit([[0], [1]], [0, 1])
    >>> print(fitted_eras(model))
    None
    >>> model.eras_seen_ = [3, 1]
    >>> fitted_eras(model)
    array([1, 3])
    """
    found, visited, waiting = [], set(), [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in visited:
            continue
        visited.add(id(part))
        seen = getattr(part, "eras_seen_", None)
        if seen is not None:
            labels = np.asarray(seen).tolist()
            found.append(era_numbers(labels, allow_live=True, caller="eras_seen_"))
        waiting.extend(_held(part))
    return np.unique(np.concatenate(found)) if found else None


def warn_of_leakage(estimator, eras, caller, *, stacklevel=2):
    """Warn if eras that are scored were fitted on.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    eras : Eras
        The eras that are scored.

    caller : str
        Name to begin the message with.

    stacklevel : int, default=2
        As in :func:`warnings.warn`, counted from the caller of this function.

    Warns
    -----
    LeakageWarning
        Once, with the number of eras and which.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.utils import check_eras, warn_of_leakage
    >>> model = Ridge()
    >>> model.eras_seen_ = [1, 2, 3]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_leakage(model, check_eras([3, 4]), "score")
    >>> str(caught[0].message)[:63]
    'score: Ridge was fitted on 1 of the 2 eras that are scored (3).'
    """
    seen = fitted_eras(estimator)
    if seen is None:
        return
    both = np.isin(eras.numbers, seen) & (eras.numbers != LIVE_ERA)
    if both.any():
        warnings.warn(
            f"{caller}: {type(estimator).__name__} was fitted on {int(both.sum())} of "
            f"the {eras.n_eras} eras that are scored ({_say(eras.labels[both])}). What "
            "a model scores where it was trained, or where its training was stopped "
            "early, says nothing about new eras: score those that it has not seen, "
            "such as a splitter's test eras.",
            LeakageWarning,
            stacklevel=stacklevel + 1,
        )


def _held(part):
    for name in HELD:
        if name == "estimator_" and hasattr(part, "estimators_"):
            # the pattern that Bagging and AdaBoost clone, fitted elsewhere or not
            continue
        yield from _estimators_in(getattr(part, name, None))
    if type(part).__name__ == "FrozenEstimator":
        # fitted before, elsewhere such a parameter is a pattern to clone
        yield from _estimators_in(part.estimator)


def _estimators_in(value):
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist() if value.dtype == object else ()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _estimators_in(entry)
    elif hasattr(value, "fit") and not isinstance(value, type):
        yield value


def _say(labels):
    labels = [str(label) for label in labels]
    if len(labels) <= 4:
        return ", ".join(labels)
    return f"{labels[0]}, {labels[1]}, ..., {labels[-1]}"
