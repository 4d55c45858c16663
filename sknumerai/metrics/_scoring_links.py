"""Scores of numerai_scoring that compare an era with the one before it."""

# SPDX-License-Identifier: BSD-3-Clause

import pandas as pd

from sknumerai.metrics._alpha import neutralized_weights
from sknumerai.metrics._churn import churn_score, turnover_score
from sknumerai.metrics._columns_of_x import ColumnsOfX
from sknumerai.metrics._neutral_churn import neutral_churn_score


def link_eras(names, rows, sides):
    """Score each era against the era before it.

    Parameters
    ----------
    names : collection of str
        Scores that are wanted; others than those of this module are passed over.

    rows : ScoredRows
        The predictions, their eras and labels.

    sides : SideInputs
        Side inputs by name.

    Returns
    -------
    scores : dict of str to Series
        Scores by era, without the first.
    """
    scores = {}
    pred = rows.y_pred
    if rows.index is not None:
        pred = pd.Series(pred, index=rows.index)
    if "churn" in names:
        scores["churn"] = churn_score(None, pred, groups=rows.labels, aggregate=None)
    if "neutral_churn" in names:
        scores["neutral_churn"] = neutral_churn_score(
            None,
            pred,
            _whole("neutralizers", rows, sides),
            groups=rows.labels,
            aggregate=None,
        )
    if "turnover" in names:
        weights = neutralized_weights(
            pred,
            _whole("neutralizers", rows, sides),
            _whole("sample_weight", rows, sides),
            groups=rows.labels,
            normalize=True,
        )
        scores["turnover"] = turnover_score(
            None, weights, groups=rows.labels, aggregate=None
        )
    return scores


def _whole(name, rows, sides):
    values = rows.side(name, sides)
    if isinstance(values, ColumnsOfX):
        return values.take(slice(0, rows.n_samples))
    return values
