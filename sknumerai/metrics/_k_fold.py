"""The score that a search over folds is led by in Sarfati's protocol."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.metrics._figures import sharpe_ratio
from sknumerai.metrics._table import as_table


def k_fold_score(scores, folds=None, *, ddof=0):
    """Divide the mean of folds' mean scores by their standard deviation.

    A model that is good in one fold and bad in another is worth less than one that is
    moderate in all. More is better.

    Parameters
    ----------
    scores : array-like of shape (n_eras,) or (n_eras, n_models), or list of such
        Scores of eras, in the source CORR + 2 BMC; or, without `folds`, a list with the
        scores of each fold.

    folds : array-like of shape (n_eras,), default=None
        Fold of each era, numbers or names.

    ddof : int, default=0
        The standard deviation divides by ``n_folds - ddof``.

    Returns
    -------
    score : float or Series of shape (n_models,)
        NaN where a score is NaN, or all folds' means are equal, one fold among them.

    Raises
    ------
    ValueError
        If lengths or indexes differ, an era has no fold, a fold has no eras, or `folds`
        is missing where `scores` is no list of folds.

    References
    ----------
    Sarfati, A. (2024). Numerai Tournament. Equation 19.

    Examples
    --------
    >>> from sknumerai.metrics import k_fold_score
    >>> k_fold_score([0.02, 0.04, 0.01, 0.01], folds=[1, 1, 2, 2])
    2.0
    >>> k_fold_score([[0.02, 0.04], [0.01, 0.01]])
    2.0
    """
    caller = "k_fold_score"
    if folds is None:
        parts = _check_parts(scores, caller)
    else:
        parts = _cut(scores, folds, caller)
    means = [part.mean(axis=0, skipna=False) for part in parts]
    table = pd.DataFrame([mean.to_numpy() for mean in means])
    if np.ndim(scores if folds is not None else scores[0]) == 1:
        return sharpe_ratio(table[0], ddof=ddof)
    table.columns = parts[0].columns
    return sharpe_ratio(table, ddof=ddof)


def _check_parts(scores, caller):
    if isinstance(scores, pd.Series | pd.DataFrame | np.ndarray) or not all(
        np.ndim(part) in (1, 2) for part in scores
    ):
        raise ValueError(
            f"{caller}: pass the fold of each era, folds=..., or a list with the scores "
            "of each fold."
        )
    parts = [as_table(part)[0] for part in scores]
    if not parts or any(len(part) == 0 for part in parts):
        raise ValueError(
            f"{caller}: each fold needs the score of an era. Got folds of "
            f"{[len(part) for part in parts]} eras."
        )
    if any(not part.columns.equals(parts[0].columns) for part in parts):
        raise ValueError(
            f"{caller}: the folds are of different models: "
            f"{[list(part.columns)[:3] for part in parts[:2]]}. Select the models that "
            "all have, in one order."
        )
    return parts


def _cut(scores, folds, caller):
    table, _ = as_table(scores)
    if np.ndim(folds) != 1 or len(folds) != len(table):
        raise ValueError(
            f"{caller}: folds must name one fold per era: got shape "
            f"{np.shape(folds)} for {len(table)} eras."
        )
    has_index = isinstance(folds, pd.Series) and isinstance(
        scores, pd.Series | pd.DataFrame
    )
    if has_index and not folds.index.equals(table.index):
        raise ValueError(
            f"{caller}: the indexes of scores and folds differ. Align them first: "
            "folds = folds.loc[scores.index]."
        )
    codes, labels = pd.factorize(np.asarray(folds))
    if (codes < 0).any():
        raise ValueError(
            f"{caller}: {int((codes < 0).sum())} of {len(codes)} eras have no fold "
            "(missing value)."
        )
    return [table.iloc[codes == code] for code in range(len(labels))]
