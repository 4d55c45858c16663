"""One prediction per row from the predictions of several targets."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.utils import era_normalized_ranks


def aggregate_targets(outputs, eras, *, how, weights=None):
    """Combine the predictions of several targets.

    Parameters
    ----------
    outputs : ndarray of shape (n_samples, n_targets)
        Predictions in one unit.

    eras : Eras
        Eras of the rows, for ranks.

    how : {'mean', 'median', 'rank_mean'}
        Mean, median, or mean of the ranks in (0, 1) within the era.

    weights : array-like of shape (n_targets,), default=None
        Weights of the targets for the means.

    Returns
    -------
    combined : ndarray of shape (n_samples,)
        float32.

    Raises
    ------
    ValueError
        If `weights` do not fit.
    """
    if how == "median":
        return np.median(outputs, axis=1).astype(np.float32)
    if weights is not None:
        given = weights
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != outputs.shape[1:] or not weights.sum() > 0:
            raise ValueError(
                f"target_weights must be {outputs.shape[1]} numbers, the main target's "
                f"first, with a positive sum. Got {given!r}."
            )
    if how == "rank_mean":
        outputs = era_normalized_ranks(outputs, eras)
    return np.average(outputs, axis=1, weights=weights).astype(np.float32)
