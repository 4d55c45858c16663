"""Exposures brought below a limit by the smallest linear function of features."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from sknumerai.preprocessing._rows import each_era, read_columns
from sknumerai.utils import least_squares_residuals, same_rows, unit_columns
from sknumerai.utils._frames import like

# What is aimed at is below the limit by this share of it, so that rounding and the
# tolerance of the lasso do not carry it over.
_MARGIN = 1e-5
# An excess by more than this share of the limit is worth a warning.
_NOTED = 1e-3
_PRECISION = 1e-9
_MAX_STEPS = 100
# Of the lasso: gap of duality, and sweeps over the features.
_GAP = 1e-13
_MAX_ITER = 10_000


def reduce_exposure(predictions, features, *, groups=None, max_exposure=0.1, verbose=1):
    """Reduce exposures to features to a limit, era by era.

    In each era a linear function of the features is subtracted from the predictions,
    the smallest one, in the sense of least squares, after which the size of their
    correlation with each feature is at most `max_exposure`. Small exposures, which
    neutralization would take away too, may stay.

    Parameters
    ----------
    predictions : array-like of shape (n_samples,) or (n_samples, n_columns)
        What to change, on its own scale, NaN where missing. Rows that are NaN stay so.

    features : array-like of shape (n_samples, n_features)
        Finite numbers. A pandas object is matched by its index and may hold more rows.
        Features that are the same for a whole era have no exposure.

    groups : array-like of shape (n_samples,), default=None
        Era of each row, live rows ("X") included. By default the index level "era" of
        `predictions` or `features`; where there is none, all rows are one era.

    max_exposure : float, default=0.1
        Largest size of a correlation that may stay, from 0 to 1. At 0 this is
        :func:`neutralize` with ``proportion=1``.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    reduced : ndarray, Series or DataFrame
        Like `predictions`, float64, with its index and names. The mean of each era
        stays. Predictions that exceed the limit nowhere are not changed at all.

    Raises
    ------
    ValueError
        If `max_exposure` is outside [0, 1], rows do not fit each other, a feature is
        NaN or infinite, or a prediction is infinite.

    Warns
    -----
    ConvergenceWarning
        If the limit is not reached: predictions that are nothing but a linear function
        of the features cannot be without exposure, nor those of fewer rows than there
        are features.

    See Also
    --------
    neutralize : Takes all exposures away, or a share of each.
    sknumerai.metrics.max_feature_exposure : The largest exposure.

    Notes
    -----
    The smallest linear function that brings all inner products with the scaled
    features within ``[-t, t]`` is the fit of a lasso with penalty t: its residuals are
    what is returned.
    The penalty is the one at which the largest correlation equals the limit, found by
    solving for one penalty after the other. Participants of the forum descend along
    gradients to about the same.

    References
    ----------
    Numerai's forum, "Model Diagnostics: Feature Exposure".
    R. Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso", Journal of
    the Royal Statistical Society B 58.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.preprocessing import reduce_exposure
    >>> rng = np.random.default_rng(0)
    >>> features = rng.integers(0, 5, size=(1000, 3))
    >>> predictions = features[:, 0] + 0.1 * features[:, 1] + rng.normal(size=1000)
    >>> reduced = reduce_exposure(predictions, features, max_exposure=0.1)
    >>> np.corrcoef(reduced, features.T)[0, 1:].round(2)
    array([0.1 , 0.1 , 0.02])
    """
    caller = "reduce_exposure"
    if not (isinstance(max_exposure, Real) and 0 <= max_exposure <= 1):
        raise ValueError(
            f"{caller}: max_exposure must be a correlation from 0 to 1. Got "
            f"{max_exposure!r}."
        )
    values = read_columns(predictions, "predictions", caller)
    names = "predictions", "features"
    eras = each_era(predictions, features, groups, names, caller, verbose=verbose)
    reduce_eras(values, ((rows, F) for rows, F, _ in eras), max_exposure)
    return like(predictions, values)


def reduce_eras(values, eras, max_exposure):
    """Reduce exposures in each of some eras.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Float64, NaN where missing. Overwritten.

    eras : iterable of tuple
        Rows of an era, and their features of shape (n_rows, n_features).

    max_exposure : float
        Largest size of a correlation that may stay.

    Returns
    -------
    reduced : ndarray of shape (n_samples, n_columns)
        The result, in the memory of `values`.
    """
    for rows, F in eras:
        era = values[rows].copy()
        for known, columns in same_rows(era):
            part, F_known = era[:, columns][known], F if known.all() else F[known]
            era[np.ix_(known, columns)] = _reduced(part, F_known, max_exposure)
        values[rows] = era
    return values


def _reduced(y, F, limit):
    """Columns of one era within the limit: (n, m) and (n, k) to (n, m)."""
    # by a power of 2, which is exact: squares of very large numbers are infinite
    size = np.frexp(np.abs(y).max(axis=0, initial=0.0))[1]
    return np.ldexp(_reduced_units(np.ldexp(y, -size), F, limit), size)


def _reduced_units(y, F, limit):
    """The same, of columns whose largest number is near 1."""
    if limit == 0:
        return least_squares_residuals(y, F) + y.mean(axis=0)
    Z = unit_columns(F)
    Z = Z[:, np.isfinite(Z).all(axis=0)]
    centered = y - y.mean(axis=0)
    exposure = Z.T @ centered
    norms = np.sqrt((centered**2).sum(axis=0))
    over = np.abs(exposure).max(axis=0, initial=0.0) > limit * norms * (1 + _PRECISION)
    out = y.copy()
    if over.any():
        gram = Z.T @ Z
        for j in np.flatnonzero(over):
            # of length 1, so that tolerances are of correlations
            unit = centered[:, j] / norms[j]
            aim = limit * (1 - _MARGIN)
            coef = _coefficients(Z, gram, unit, exposure[:, j] / norms[j], aim)
            out[:, j] -= norms[j] * (Z @ coef)
            rest = unit - Z @ coef
            reached = np.abs(Z.T @ rest).max() / np.sqrt(rest @ rest)
            if not reached <= limit * (1 + _NOTED):
                warnings.warn(
                    f"reduce_exposure: an exposure of {reached:.3g} stays, more than "
                    f"max_exposure={limit:g}: {Z.shape[1]} features explain what is "
                    f"predicted for {len(y)} rows (nearly) whole. Use fewer features, "
                    "or neutralize.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
    return out


def _coefficients(Z, gram, y, product, limit):
    """The lasso's, at the penalty that is `limit` times the length of its residuals.

    With residuals r, of length |r|, the largest correlation is penalty / |r|. Both fall
    with the penalty, so that from above limit * |r| is never below the solution.
    """
    n = len(y)
    coef, penalty = np.zeros(len(product)), np.inf
    for _ in range(_MAX_STEPS):
        # of rounding, where the features explain everything
        rest = max(1 - 2 * coef @ product + coef @ gram @ coef, 0.0)
        target = limit * np.sqrt(rest)
        if target == 0 or target >= penalty * (1 - _PRECISION):
            break
        penalty = target
        with warnings.catch_warnings():
            # the result is looked at instead
            warnings.simplefilter("ignore", ConvergenceWarning)
            _, coefs, _ = lasso_path(
                Z,
                y,
                alphas=[penalty / n],
                precompute=gram,
                Xy=product,
                coef_init=coef,
                tol=_GAP,
                max_iter=_MAX_ITER,
            )
        coef = coefs[:, 0]
    return coef
