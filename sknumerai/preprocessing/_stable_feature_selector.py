"""Features whose correlation with the target is stable over eras."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from sknumerai.exceptions import OneEraWarning
from sknumerai.preprocessing._era_correlations import era_correlations
from sknumerai.preprocessing._selecting import (
    CHOICE_CONSTRAINTS,
    BaseFeatureSelector,
    best,
    main_target,
)
from sknumerai.utils import check_eras, one_era, refuse_era_column


class StableFeatureSelector(BaseFeatureSelector):
    """Keep the features whose correlation with the target holds from era to era.

    The stability of a feature is the mean over eras of its correlation with the target
    over the standard deviation: a Sharpe ratio of the feature. A feature that was
    strong in a few eras and turned in others is worth less than a weak one that
    never did. Read more in the :doc:`User Guide </user_guide/preprocessing>`.

    Parameters
    ----------
    n_features : int, float or None, default=0.5
        The most features to keep: a number, a share of all if between 0 and 1, or None
        for no limit.

    threshold : float or None, default=None
        The least stability to keep, its sign aside. Weekly eras of 20-day targets
        rarely give more than 0.5.

    min_coverage : float, default=0.5
        Share of the eras in which a feature must vary. One that began late, and is the
        same in all rows of the earlier eras, has fewer correlations, of which mean over
        deviation is large by chance sooner.

    min_samples : int, default=10
        Eras with fewer rows are left out: all eras count the same, and correlations of
        a handful of rows are large by chance. Where there is one era only it counts.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features,)
        Stability of each feature with its sign: mean over standard deviation (``ddof=0``)
        of its era correlations. NaN where `min_coverage` is not reached.

    mean_correlations_, std_correlations_ : ndarray of shape (n_features,)
        Mean and standard deviation over the eras in which the feature varies.

    n_eras_ : ndarray of shape (n_features,)
        Number of these eras, without those of fewer than `min_samples` rows.

    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    CorrelationClusterSelector : One of each cluster of like features.
    PermutationImportanceSelector : By what a model loses without them.

    Notes
    -----
    One pass over the data, by matrix products of a few thousand rows. Beside them
    memory is needed for eras times features numbers. Without eras there is one
    correlation only: the score is then that, and a warning says so. All eras count the
    same, whatever their size, as they do in every score.

    Select within each fold of a cross-validation, in a Pipeline: features that were
    chosen with the test eras' targets score too well there.

    References
    ----------
    .. [1] Numerai's forum, on feature selection by the Sharpe ratio of the features'
       correlations with the target by era.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.preprocessing import StableFeatureSelector
    >>> X, y = make_numerai(n_eras=20, random_state=0, return_X_y=True)
    >>> selector = StableFeatureSelector(n_features=3).fit(X, y)
    >>> selector.transform(X).shape
    (2000, 3)
    """

    _parameter_constraints: dict = {
        **CHOICE_CONSTRAINTS,
        "min_coverage": [Interval(Real, 0, 1, closed="both")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_features=0.5,
        *,
        threshold=None,
        min_coverage=0.5,
        min_samples=10,
        verbose=False,
    ):
        self.n_features = n_features
        self.threshold = threshold
        self.min_coverage = min_coverage
        self.min_samples = min_samples
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Score the features and select.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite features. int8 codes are not copied as a whole.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Finite target. Of several the first, the main one, is taken.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`.

        Returns
        -------
        self : object
            Fitted selector.

        Raises
        ------
        ValueError
            If `y` is not finite, rows are live, or no feature is correlated with the
            target in enough eras.

        Warns
        -----
        OneEraWarning
            If there is only one era: correlations can be told, stability cannot.
        """
        caller = type(self).__name__
        refuse_era_column(X, caller)
        matrix, target = validate_data(
            self,
            X,
            main_target(y),
            dtype="numeric",
            y_numeric=True,
            ensure_min_samples=2,
        )
        eras = check_eras(groups, X, y, n_samples=len(matrix), caller=caller)
        self._remember(eras)
        eras = one_era(len(matrix)) if eras is None else eras
        if eras.n_eras == 1:
            warnings.warn(
                f"{caller}: all {len(matrix)} rows are one era, so that features are "
                "selected by their correlation alone. Keep the eras in the index, X = "
                "X.set_index('era', append=True), or pass groups=eras.",
                OneEraWarning,
                stacklevel=3,
            )
        large = eras.counts >= min(self.min_samples, eras.counts.max())
        if eras.n_eras > 1 and not (eras.counts >= self.min_samples).any():
            raise ValueError(
                f"{caller}: none of the {eras.n_eras} eras has min_samples="
                f"{self.min_samples} rows; the largest has {eras.counts.max()}. Lower "
                "min_samples."
            )
        table = era_correlations(matrix, target, eras, caller, self.verbose)[large]
        known = ~np.isnan(table)
        self.n_eras_ = known.sum(axis=0)
        count = np.maximum(self.n_eras_, 1)
        never = self.n_eras_ == 0
        mean = np.where(known, table, 0).sum(axis=0) / count
        squares = np.where(known, table - mean, 0) ** 2
        std = np.sqrt(squares.sum(axis=0) / count)
        self.mean_correlations_ = np.where(never, np.nan, mean)
        self.std_correlations_ = np.where(never, np.nan, std)
        self.scores_ = self._score(mean, std, len(table))
        if np.isnan(self.scores_).all():
            raise ValueError(
                f"{caller}: no feature has a correlation with y in "
                f"{self.min_coverage:.0%} of the {len(table)} eras: features, or y, "
                "are the same in all rows of the others. Give more eras, or lower "
                "min_coverage."
            )
        self.support_ = best(np.abs(self.scores_), self.n_features, self.threshold)
        return self

    def _score(self, mean, std, n_eras):
        few = self.n_eras_ < max(self.min_coverage * n_eras, min(2, n_eras))
        if n_eras == 1:
            return np.where(few, np.nan, mean)
        # eras that agree to the last bit differ by rounding only
        least = 1e-12
        return np.where(few, np.nan, mean / np.maximum(std, least))

    def _remember(self, eras):
        if eras is not None:
            self.eras_seen_ = eras.numbers
        elif hasattr(self, "eras_seen_"):
            del self.eras_seen_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
