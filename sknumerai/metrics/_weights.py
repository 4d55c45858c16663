"""Sample weights from targets."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd


def target_magnitude_weight(y, *, center=0.5):
    """Weight each row by how far its targets lie from their center.

    Rows of extreme targets carry the signal; rows in the middle are mostly noise. The
    weight is the mean over targets of ``abs(y - center)``, divided by its mean over all
    rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets. NaN is ignored where the row has another target.

    center : float, default=0.5
        Where a target says nothing: 0.5 for Numerai's, which lie in [0, 1], and 0 for
        returns.

    Returns
    -------
    weight : ndarray or Series of shape (n_samples,)
        Not negative, without unit, of mean 1; a Series with y's index for pandas input.
        Rows whose targets are all at the center weigh 0.

    Raises
    ------
    ValueError
        If a row has no target, a target is infinite, or all weights are 0.

    References
    ----------
    Zhang, Y. (2021). "1st place of Jane Street", a notebook on supervised autoencoders
    in Kaggle's competition "Jane Street Market Prediction": the mean of the absolute
    returns over five horizons as sample weights.

    Examples
    --------
    >>> from sknumerai.metrics import target_magnitude_weight
    >>> target_magnitude_weight([[0.0, 0.25], [0.5, 0.75], [1.0, float("nan")]])
    array([1.125, 0.375, 1.5  ])
    """
    values = np.asarray(y, dtype=np.float64)
    if values.ndim not in (1, 2) or np.isinf(values).any():
        raise ValueError(
            "target_magnitude_weight: y must be one or more columns of numbers, NaN "
            f"where a target is missing. Got shape {values.shape} with "
            f"{int(np.isinf(values).sum())} infinite values."
        )
    columns = values if values.ndim == 2 else values[:, None]
    known = ~np.isnan(columns)
    n_known = known.sum(axis=1)
    if (n_known == 0).any():
        raise ValueError(
            f"target_magnitude_weight: {int((n_known == 0).sum())} of {len(columns)} "
            "rows have no target. Leave them out of training."
        )
    distance = np.abs(columns - center).sum(axis=1, where=known)
    weight = distance / n_known
    mean = weight.mean() if len(weight) else 1.0
    if mean == 0:
        raise ValueError(
            f"target_magnitude_weight: all targets are {center}, so all weights would "
            "be 0. Is center right for these targets?"
        )
    weight /= mean
    if isinstance(y, pd.Series | pd.DataFrame):
        return pd.Series(weight, index=y.index, name="sample_weight")
    return weight
