"""Residuals of the columns of one era, on NumPy or on a torch device."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np

from sknumerai.utils import least_squares_residuals, pearson_correlation


def residual_function(device, caller):
    """Choose what computes residuals.

    Parameters
    ----------
    device : str or None
        A torch device, or None for NumPy.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    residuals : callable
        ``residuals(y, A, fit_intercept=...)`` of arrays (n, m) and (n, k) to (n, m).
    """
    if device is None:
        return least_squares_residuals
    # torch is loaded by those who ask for it
    from sknumerai.preprocessing._torch_residuals import check_device, torch_residuals

    return partial(torch_residuals, device=check_device(device, caller))


def residuals_of_top(y, F, top_k, residuals, fit_intercept):
    """Residuals of each column by the features that it is exposed to most."""
    out = np.empty_like(y)
    # constant features and columns have no exposure: last
    exposure = np.nan_to_num(np.abs(pearson_correlation(F, y)))
    for j in range(y.shape[1]):
        # stable: of equal exposures the first features
        top = np.argsort(-exposure[:, j], kind="stable")[:top_k]
        part = y[:, j : j + 1]
        out[:, j : j + 1] = residuals(
            part, F[:, np.sort(top)], fit_intercept=fit_intercept
        )
    return out
