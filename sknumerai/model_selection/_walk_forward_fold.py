"""One fold of a walk-forward experiment: its rows, its fit and its scores."""

# SPDX-License-Identifier: BSD-3-Clause

import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sknumerai.exceptions import (
    InterruptedFitWarning,
    LeakageError,
    LeakageWarning,
)
from sknumerai.model_selection._checkpoints import fingerprint_of, sample_of
from sknumerai.model_selection._embargo import embargo_or_usual
from sknumerai.model_selection._folds import (
    as_slice,
    fold_row,
    n_rows_of,
    split_rows,
    take,
    take_params,
)
from sknumerai.model_selection._predict_once import predict_once
from sknumerai.model_selection._routing import groups_to_predict
from sknumerai.model_selection._scorers import score_all, score_eras
from sknumerai.utils import ERA_LEVEL


@dataclass
class Rows:
    """All rows of an experiment.

    Parameters
    ----------
    X, y : array-like
        Features and targets.

    eras : Eras or None
        Era of each row, None where there are none.

    groups : array-like or None
        Eras as the user passed them, for `predict`.

    fit_params : dict
        Parameters of `fit`.

    scorers : dict of str to callable
        By name.

    score_params : dict of str to dict
        Of each scorer.
    """

    X: object
    y: object
    eras: object
    groups: object
    fit_params: dict
    scorers: dict
    score_params: dict

    @property
    def n_samples(self):
        """Number of rows."""
        return len(self.eras.codes)


@dataclass
class Part:
    """The rows of one fold.

    Parameters
    ----------
    train, valid, test : slice, ndarray or None
        Rows of each part; `valid` and `test` may be None.

    both : slice or ndarray
        Rows from the first training era to the last validation era.

    n_valid, embargo : int
        Number of validation eras, and what lies between the parts.
    """

    train: object
    valid: object
    test: object
    both: object
    n_valid: int = 0
    embargo: int = 0


def parts_of(cv, X, y, split_params):
    """List the rows of all folds.

    Parameters
    ----------
    cv : splitter or list of (train, test)
        As :func:`check_splitter` gives it.

    X, y : array-like
        Rows to split.

    split_params : dict
        What the splitter is given beside them.

    Returns
    -------
    parts : list of Part
        In the order of the folds.
    """
    pairs = split_rows(cv, X, y, split_params)
    if not getattr(cv, "valid_size", 0) or not hasattr(cv, "split_with_validation"):
        return [Part(train, None, test, train) for train, test in pairs]
    embargo = cv._find_embargo(y)
    triples = cv.split_with_validation(X, y, **split_params)
    return [
        Part(*(as_slice(part) for part in triple), both, cv.valid_size, embargo)
        for triple, (both, _) in zip(triples, pairs)
    ]


def refuse_to_go_back(parts, rows, caller):
    """Refuse folds whose test rows the weights that they begin with have learned.

    Parameters
    ----------
    parts : list of Part
        In the order of the folds.

    rows : Rows
        All rows. Without eras only the rows themselves are compared.

    caller : str
        Name to begin error messages with.

    Raises
    ------
    LeakageError
        If a fold is tested or validated on an era that a fold before it was trained on,
        or on one before it, or if it ends its training earlier, nearer to its test.
    """
    if rows.eras.n_eras > 1:
        position, what = rows.eras.numbers[rows.eras.codes], "era"
    else:
        position, what = np.arange(rows.n_samples), "row"
    reached = None
    for split, part in enumerate(parts):
        last = int(position[part.train].max())
        if reached is not None:
            held_out = [p for p in (part.valid, part.test) if p is not None]
            first = min(int(position[p].min()) for p in held_out)
            if first <= reached or last < reached:
                raise LeakageError(
                    f"{caller}: fold {split} is trained up to {what} {last} and held "
                    f"out from {what} {first} on, but it goes on from weights that "
                    f"have learned up to {what} {reached}. Use a splitter whose folds "
                    "go forward in time, such as GroupTimeSeriesSplit, or "
                    "warm_start=False."
                )
        reached = last if reached is None else max(last, reached)


def part_of_update(cv, rows, reached, caller):
    """Choose the rows of an update.

    Parameters
    ----------
    cv : splitter or list
        Its `valid_size` and `embargo` count. Where it has no embargo, that of y's name
        does, and 8 where it tells nothing.

    rows : Rows
        What was given, old eras among them or not.

    reached : dict of str to int
        Numbers of the last era trained on, of the last seen in any way, and of the last
        tested.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    part : Part
        Rows to fit, validate and test on; the last are those of eras that were never
        seen.

    Raises
    ------
    ValueError
        If there is no era to train on.
    """
    n_valid = getattr(cv, "valid_size", 0)
    own = hasattr(cv, "_find_embargo")
    embargo = cv._find_embargo(rows.y) if own else embargo_or_usual(rows.y)
    numbers = rows.eras.numbers
    new = np.flatnonzero(numbers > reached["trained"])
    train = new
    if n_valid and len(new) >= n_valid:
        train = new[numbers[new[-n_valid]] - numbers[new] > embargo]
    if not len(train) or len(new) < n_valid:
        needed = f" {n_valid} validation eras, an embargo of {embargo} before them and"
        raise ValueError(
            f"{caller}: the last training era was {reached['trained']}, and after it "
            f"there are {len(new)} eras. An update needs"
            f"{needed if n_valid else ''} an era to train on."
        )
    unseen = (numbers > reached["tested"]) & (numbers > reached["seen"] + embargo)
    return Part(
        _rows_of(rows, train),
        _rows_of(rows, new[-n_valid:]) if n_valid else None,
        _rows_of(rows, np.flatnonzero(unseen)) if unseen.any() else None,
        _rows_of(rows, new),
        n_valid,
        embargo,
    )


def _rows_of(rows, codes):
    wanted = np.zeros(rows.eras.n_eras, dtype=bool)
    wanted[codes] = True
    return as_slice(wanted[rows.eras.codes])


def fit_fingerprint(rows, part, before, settings):
    """Fingerprint of what a fold is fitted on, and of the folds before it.

    Parameters
    ----------
    rows : Rows
        All rows.

    part : Part
        Those of the fold.

    before : str
        Fingerprint of the fold before, of which the weights come.

    settings : dict
        Parameters that the fold sets.

    Returns
    -------
    fingerprint : str
        The same for the same rows.
    """
    mine = part.both
    params = {
        name: sample_of(value, slice(0, len(value)))
        if hasattr(value, "shape") and len(value) != rows.n_samples
        else value
        for name, value in rows.fit_params.items()
        if not name.endswith("groups")
    }
    params = take_params(params, mine, rows.n_samples)
    return fingerprint_of(
        before,
        sorted(settings.items()),
        rows.eras.numbers[rows.eras.codes[mine]],
        np.asarray(take(rows.y, mine)),
        sample_of(rows.X, mine),
        n_rows_of(part.train),
        sorted(params),
        *(params[name] for name in sorted(params)),
    )


def fit_fold(estimator, rows, part, own_validation, extra):
    """Fit an estimator to a fold.

    Parameters
    ----------
    estimator : estimator
        Fitted in place.

    rows : Rows
        All rows.

    part : Part
        Those of the fold.

    own_validation : bool
        Whether it cuts the validation eras off by itself.

    extra : dict
        Further parameters of `fit`.

    Returns
    -------
    seconds : float
        How long it took.
    """
    start = time.perf_counter()
    mine = part.both if own_validation else part.train
    params = take_params(rows.fit_params, mine, rows.n_samples)
    with warnings.catch_warnings():
        # a network keeps its best weights after Ctrl-C; such a fold is not finished
        warnings.simplefilter("error", InterruptedFitWarning)
        try:
            estimator.fit(take(rows.X, mine), take(rows.y, mine), **params, **extra)
        except InterruptedFitWarning as warning:
            raise KeyboardInterrupt(
                "The fold was interrupted; finished folds are in checkpoint_dir, if "
                "there is one."
            ) from warning
    return time.perf_counter() - start


def score_fold(estimator, rows, part, split):
    """Predict and score the validation and the test set of a fold.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    rows : Rows
        All rows.

    part : Part
        Those of the fold.

    split : int
        Number of the fold.

    Returns
    -------
    row : dict
        Eras of the parts and their scores.

    tables : dict of str to DataFrame
        Scores of eras of each part.

    predictions : dict of str to Series
        Of each part.
    """
    parts = {"train": part.train, "valid": part.valid, "test": part.test}
    parts = {name: mine for name, mine in parts.items() if mine is not None}
    row, tables, predictions = fold_row(rows.eras, split, **parts), {}, {}
    stand_in = predict_once(estimator)
    for name, mine in parts.items():
        if name == "train" or not n_rows_of(mine):
            continue
        X, y = take(rows.X, mine), take(rows.y, mine)
        given = groups_to_predict(estimator, X, take(rows.groups, mine))
        predictions[name] = _as_series(stand_in.predict(X, **given), X, y, rows, mine)
        params = {
            scorer: take_params(value, mine, rows.n_samples)
            for scorer, value in rows.score_params.items()
        }
        with warnings.catch_warnings():
            if name == "valid":
                # a network's own validation eras are no news
                warnings.simplefilter("ignore", LeakageWarning)
            scores = score_all(rows.scorers, stand_in, X, y, params)
            table = score_eras(rows.scorers, stand_in, X, y, params)
        row.update({f"{name}_{key}": value for key, value in scores.items()})
        if table is not None:
            tables[name] = table
    return row, tables, predictions


def _as_series(y_pred, X, y, rows, mine):
    """Predictions with the index of the rows, or with their eras and positions."""
    index = next(
        (v.index for v in (X, y) if isinstance(v, pd.Series | pd.DataFrame)), None
    )
    y_pred = np.asarray(y_pred)
    if index is None:
        labels = np.asarray(rows.eras.labels)[rows.eras.codes[mine]]
        positions = np.arange(rows.n_samples)[mine]
        index = pd.MultiIndex.from_arrays([labels, positions], names=[ERA_LEVEL, "row"])
    if y_pred.ndim == 1:
        return pd.Series(y_pred, index=index, name="prediction")
    columns = getattr(y, "columns", range(y_pred.shape[1]))
    return pd.DataFrame(y_pred, index=index, columns=columns)
