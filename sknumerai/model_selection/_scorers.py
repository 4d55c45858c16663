"""Several scorers as one, whatever the user passes as `scoring`."""

# SPDX-License-Identifier: BSD-3-Clause

from traceback import format_exc

import pandas as pd
from sklearn.metrics import get_scorer

from sknumerai.metrics import numerai_corr_scorer
from sknumerai.metrics._scored_predictions import main_column


def check_scorers(scoring, caller):
    """Make named scorers of what the user passes as `scoring`.

    Parameters
    ----------
    scoring : str, callable, list or tuple of str, dict or None
        As in ``cross_validate``; None is ``numerai_corr_scorer``.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    scorers : dict of str to callable
        By name; a single one is called "score".
    """
    if scoring is None:
        return {"score": numerai_corr_scorer}
    if isinstance(scoring, str) or callable(scoring):
        return {"score": _scorer(scoring, caller)}
    if isinstance(scoring, dict) and scoring:
        return {str(name): _scorer(value, caller) for name, value in scoring.items()}
    if isinstance(scoring, list | tuple | set) and scoring:
        if all(isinstance(name, str) for name in scoring):
            return {name: _scorer(name, caller) for name in scoring}
        raise ValueError(
            f"{caller}: a list of scoring must hold names of scikit-learn's scorers. "
            "Give scorers a name: scoring={'corr': numerai_corr_scorer, ...}."
        )
    raise ValueError(
        f"{caller}: scoring must be a scorer, the name of one of scikit-learn's, a list "
        f"of names, or a dict of them by name. Got {scoring!r}."
    )


def told_once(scorers, y, caller, *, stacklevel=2):
    """Let scorers warn now of what is the same in all folds.

    Parameters
    ----------
    scorers : dict of str to callable
        By name.

    y : array-like or None
        Targets of all rows.

    caller : str
        Name to begin error messages with.

    stacklevel : int, default=2
        As in :func:`warnings.warn`.

    Returns
    -------
    scorers : dict of str to callable
        Those for the folds, which no longer warn of it.
    """
    # without y the estimator says what it needs
    target = None if y is None else getattr(main_column(y, "y", caller), "name", None)
    told = dict(scorers)
    for name, scorer in scorers.items():
        if hasattr(scorer, "told"):
            told[name] = scorer.told(target, stacklevel=stacklevel + 1)
    return told


def score_all(scorers, estimator, X, y, params, failures=None):
    """Call scorers; those that give a dict count as several.

    Parameters
    ----------
    scorers : dict of str to callable
        By name.

    estimator : object
        A fitted estimator.

    X, y : array-like
        Rows to score.

    params : dict of str to dict
        Further parameters of each scorer.

    failures : dict or None, default=None
        Where the tracebacks of scorers that fail go, by name; None if they are raised.

    Returns
    -------
    scores : dict of str to float
        By name, and by name and name of the part for scorers that give a dict. Those of
        a single scorer are called by the part alone.
    """
    scores = {}
    for name, scorer in scorers.items():
        try:
            value = scorer(estimator, X, y, **params[name])
        except Exception:
            if failures is None:
                raise
            failures[name] = format_exc()
            continue
        if isinstance(value, dict):
            parts = {_part(name, part): score for part, score in value.items()}
            scores.update(parts)
        else:
            scores[name] = value
    return scores


def score_eras(scorers, estimator, X, y, params, failures=None):
    """Score each era by the scorers that can.

    Parameters
    ----------
    scorers, estimator, X, y, params, failures : object
        As in :func:`score_all`.

    Returns
    -------
    table : DataFrame of shape (n_eras, n_scores) or None
        None where no scorer scores eras.
    """
    tables = []
    for name, scorer in scorers.items():
        if not hasattr(scorer, "era_table"):
            continue
        try:
            table = scorer.era_table(estimator, X, y, **params[name])
        except Exception:
            if failures is None:
                raise
            failures[name] = format_exc()
            continue
        if table.shape[1] == 1 and hasattr(scorer, "aggregate"):
            table.columns = table.columns if name == "score" else [name]
        else:
            table.columns = [_part(name, column) for column in table.columns]
        tables.append(table)
    return pd.concat(tables, axis=1) if tables else None


def _part(name, part):
    return part if name == "score" else f"{name}_{part}"


def _scorer(scoring, caller):
    if isinstance(scoring, str):
        return get_scorer(scoring)
    if callable(scoring):
        return scoring
    raise ValueError(
        f"{caller}: {scoring!r} is no scorer. A scorer is called with an estimator, X "
        "and y, such as those of make_era_scorer and numerai_scoring."
    )
