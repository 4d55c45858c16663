"""Targets without what a benchmark or features explain."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.preprocessing._neutralize import check_proportion
from sknumerai.preprocessing._rows import each_era, read_columns
from sknumerai.utils import least_squares_residuals, same_rows
from sknumerai.utils._frames import like


def residualize_target(y, by, *, groups=None, proportion=1.0, verbose=1):
    """Subtract from targets what benchmark models or features explain, era by era.

    A model that is trained on the residual learns what the benchmark does not know,
    which is what contribution (MMC, BMC) pays for. The fit is by least squares with a
    constant, and what is left keeps the mean of its era.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets, NaN where unknown. They stay NaN.

    by : array-like of shape (n_samples,) or (n_samples, n_columns)
        Predictions of benchmark models, out of sample, or features. A pandas object is
        matched by its index. Rows without a value are NaN in the result: leave them
        out of the training.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of `y` or `by`; where there
        is none, all rows are one era.

    proportion : float, default=1.0
        Share of the fit to subtract, from 0 to 1.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    residual : ndarray, Series or DataFrame
        Like `y`, float64, with its index and names.

    Raises
    ------
    ValueError
        If `proportion` is outside [0, 1], rows do not fit each other, or a target is
        infinite.

    See Also
    --------
    neutralize : The same for predictions.

    Examples
    --------
    >>> from sknumerai.preprocessing import residualize_target
    >>> y, benchmark = [0.0, 0.5, 1.0, 0.5], [0.1, 0.3, 0.4, 0.2]
    >>> residualize_target(y, benchmark).round(2)
    array([0.45, 0.35, 0.55, 0.65])
    """
    caller = "residualize_target"
    if isinstance(proportion, dict | list | tuple):
        raise TypeError(f"{caller}: proportion must be one number. Got {proportion!r}.")
    (share,) = check_proportion(proportion, None, caller)[None]
    values = read_columns(y, "y", caller)
    for rows, part, with_part in each_era(
        y, by, groups, ("y", "by"), caller, gaps=True, verbose=verbose
    ):
        era = values[rows].copy()
        if with_part is not None:
            era[~with_part] = np.nan
        for known, columns in same_rows(era):
            target = era[:, columns][known]
            A = part[known if with_part is None else known[with_part]]
            fit = target - least_squares_residuals(target, A)
            fit -= fit.mean(axis=0)
            era[np.ix_(known, columns)] = target - share * fit
        values[rows] = era
    return like(y, values)
