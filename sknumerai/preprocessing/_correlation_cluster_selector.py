"""One feature of each cluster of correlated features."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.base import _fit_context
from sklearn.cluster import AffinityPropagation
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from sknumerai.preprocessing._correlation_matrix import correlation_matrix
from sknumerai.preprocessing._era_correlations import era_correlations
from sknumerai.preprocessing._selecting import BaseFeatureSelector, main_target
from sknumerai.utils import check_eras, one_era, refuse_era_column

_ROUNDING = 1e-12


class CorrelationClusterSelector(BaseFeatureSelector):
    """Keep one feature of each cluster of correlated features.

    Numerai's features repeat each other. Features whose correlations, signs aside, are
    large form a cluster, and the one that stands for it best is kept. Features that are
    the same in all rows are dropped. Read more in the :doc:`User Guide
    </user_guide/preprocessing>`.

    Parameters
    ----------
    threshold : float, default=0.5
        Size of the correlation from which on features, or clusters, are joined. Used by
        the hierarchical method without `n_clusters`.

    n_clusters : int or None, default=None
        Number of clusters of the hierarchical method, instead of a threshold.

    method : {"hierarchical", "affinity_propagation"}, default="hierarchical"
        How clusters are found: by joining the nearest ones, or by affinity propagation
        with the size of the correlation as the affinity, which finds their number.

    linkage : {"average", "complete", "single"}, default="average"
        Which correlation of two clusters counts: the mean, the smallest or the largest
        of their features.

    representative : {"central", "target", "first"}, default="central"
        Which feature is kept: the one with the largest mean correlation with its
        cluster; the one most correlated with the target, by the mean over eras, signs
        aside; or the first column.

    max_samples : int or None, default=100_000
        The most rows to compute correlations of features from, taken at even distances,
        so that all eras have their share. None takes all. 100,000 rows tell a
        correlation to 0.003 and take half a minute for 3,555 features on one core.

    verbose : bool, default=False
        Whether progress bars over the blocks of rows, and with
        ``representative="target"`` over the eras, appear if they take more than two
        seconds.

    Attributes
    ----------
    labels_ : ndarray of shape (n_features,)
        Cluster of each feature, numbered in the order of their first features; -1 for
        those that are the same in all rows.

    representatives_ : ndarray of shape (n_clusters,)
        Position of the feature that is kept of each cluster.

    n_clusters_ : int
        Number of clusters.

    support_ : ndarray of shape (n_features,)
        Whether each feature is kept.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras whose targets were learned from, with
        ``representative="target"`` and if there were any.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    StableFeatureSelector : By the stability of the correlation with the target.
    sklearn.cluster.FeatureAgglomeration : Averages the features of clusters.

    Notes
    -----
    The correlations are computed in blocks of rows, of int8 codes exactly. Memory is
    needed for a few square matrices of `n_features` rows: 0.1 GB each for 3,555. They
    are of all rows together, which is as good as within eras for Numerai's features,
    whose values are spread alike in every era. Columns of your own whose level changes
    from era to era belong ranked by era first (:class:`GaussianRankScaler`).

    References
    ----------
    .. [1] Truda, G. (2021). Numerai experiments: affinity propagation and single linkage
       of one minus the size of the correlation.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.preprocessing import CorrelationClusterSelector
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 200))
    >>> X = np.column_stack([a, a + 0.1 * b, b, -b])
    >>> selector = CorrelationClusterSelector().fit(X)
    >>> selector.labels_, selector.get_support(indices=True)
    (array([0, 0, 1, 1]), array([0, 2]))
    """

    _parameter_constraints: dict = {
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions({"hierarchical", "affinity_propagation"})],
        "linkage": [StrOptions({"average", "complete", "single"})],
        "representative": [StrOptions({"central", "target", "first"})],
        "max_samples": [Interval(Integral, 2, None, closed="left"), None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        threshold=0.5,
        *,
        n_clusters=None,
        method="hierarchical",
        linkage="average",
        representative="central",
        max_samples=100_000,
        verbose=False,
    ):
        self.threshold = threshold
        self.n_clusters = n_clusters
        self.method = method
        self.linkage = linkage
        self.representative = representative
        self.max_samples = max_samples
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None):
        """Find the clusters and a feature of each.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite features. int8 codes are not copied as a whole.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Finite target, needed with ``representative="target"``, else ignored. Of
            several the first, the main one, is taken.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for ``representative="target"``. By default the index level
            `era` of `X` or `y`.

        Returns
        -------
        self : object
            Fitted selector.

        Raises
        ------
        ValueError
            If all features are the same in all rows, `y` is needed and not given, or
            affinity propagation does not settle.
        """
        caller = type(self).__name__
        refuse_era_column(X, caller)
        by_target = self.representative == "target"
        given = (X, main_target(y)) if by_target else (X,)
        checked = validate_data(
            self,
            *given,
            dtype="numeric",
            ensure_min_samples=2,
            **({"y_numeric": True} if by_target else {}),
        )
        matrix = checked[0] if by_target else checked
        sizes = np.abs(
            correlation_matrix(self._some_rows(matrix), caller, self.verbose)
        )
        varying = np.flatnonzero(~np.isnan(sizes.diagonal()))
        if len(varying) == 0:
            raise ValueError(
                f"{caller}: each of the {matrix.shape[1]} features is the same in all "
                f"{len(matrix)} rows, so that there are no correlations."
            )
        if len(varying) < len(sizes):
            sizes = sizes[np.ix_(varying, varying)]
        clusters = _in_order(self._clusters(sizes, caller))
        values = None
        if hasattr(self, "eras_seen_"):
            del self.eras_seen_
        if by_target:
            values = self._target_correlations(matrix, checked[1], X, y, groups)
            values = values[varying]
        self.n_clusters_ = int(clusters.max()) + 1
        self.labels_ = np.full(matrix.shape[1], -1)
        self.labels_[varying] = clusters
        members = (np.flatnonzero(clusters == c) for c in range(self.n_clusters_))
        self.representatives_ = varying[
            [self._one_of(m, sizes, values) for m in members]
        ]
        self.support_ = np.zeros(matrix.shape[1], dtype=bool)
        self.support_[self.representatives_] = True
        return self

    def _some_rows(self, matrix):
        n = len(matrix)
        if self.max_samples is None or n <= self.max_samples:
            return matrix
        return matrix[np.linspace(0, n - 1, self.max_samples).round().astype(np.intp)]

    def _clusters(self, sizes, caller):
        if len(sizes) == 1:
            return np.zeros(1, dtype=np.intp)
        if self.method == "hierarchical":
            tree = linkage(squareform(1 - sizes, checks=False), self.linkage)
            if self.n_clusters is not None:
                return fcluster(tree, self.n_clusters, "maxclust")
            # features that are equal differ by rounding
            return fcluster(tree, 1 - self.threshold + _ROUNDING, "distance")
        # its only random part breaks ties
        model = AffinityPropagation(affinity="precomputed", random_state=0)
        labels = model.fit(sizes).labels_
        if (labels < 0).any():
            raise ValueError(
                f"{caller}: affinity propagation did not settle on clusters of these "
                f"{len(sizes)} features. Use method='hierarchical'."
            )
        return labels

    def _target_correlations(self, matrix, target, X, y, groups):
        caller = type(self).__name__
        eras = check_eras(groups, X, y, n_samples=len(matrix), caller=caller)
        if eras is None:
            eras = one_era(len(matrix))
        else:
            self.eras_seen_ = eras.numbers
        table = era_correlations(matrix, target, eras, caller, self.verbose)
        known = ~np.isnan(table)
        count = np.maximum(known.sum(axis=0), 1)
        return np.abs(np.where(known, table, 0).sum(axis=0) / count)

    def _one_of(self, members, sizes, values):
        if self.representative == "first":
            return members[0]
        if self.representative == "target":
            return members[np.argmax(values[members])]
        # means that differ by rounding alone: the first
        means = sizes[np.ix_(members, members)].mean(axis=0).round(12)
        return members[np.argmax(means)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.representative == "target"
        return tags


def _in_order(labels):
    """Number clusters in the order of their first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
