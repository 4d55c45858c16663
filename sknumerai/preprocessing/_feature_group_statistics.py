"""Statistics of each row over the features of a group."""

# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from sknumerai.datasets import load_feature_sets
from sknumerai.preprocessing._feature_groups import positions_of, positions_of_groups
from sknumerai.preprocessing._tables import (
    float_type,
    read_features,
    row_blocks,
)
from sknumerai.utils import with_index_of
from sknumerai.utils._progress import bar_over

STATISTICS = ("mean", "std", "skew")


class FeatureGroupStatistics(TransformerMixin, BaseEstimator):
    """Summarize each row over the features of each group.

    Numerai's features come in groups: intelligence, charisma and so on. Whether a stock
    is high or low on a whole group, and how much its features agree, are features
    themselves. Read more in the :doc:`User Guide </user_guide/preprocessing>`.

    Parameters
    ----------
    feature_groups : dict of str to list, str, path-like or None, default=None
        Features of each group: names, or positions where the features have no names. Or
        a ``features.json``, a folder that holds one, or the name of a data set ("v5.3"):
        its groups are its feature sets but for those that cut across, "small",
        "medium", "all" and those whose names end in "_features"; of each group the
        features are taken that `X` has. None: all features are one group, "all".

    statistics : sequence of {"mean", "std", "skew"}, default=("mean", "std", "skew")
        Which statistics, in this order. The standard deviation divides by the number
        of features, the skewness is that of ``scipy.stats.skew``, both without
        correction for bias.

    passthrough : bool, default=False
        Whether the features come first in the result, before their statistics. Features
        of a frame stay in their type.

    verbose : bool, default=False
        Whether a progress bar appears if it takes more than two seconds.

    Attributes
    ----------
    groups_ : dict of str to ndarray
        Positions of the features of each group.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    sknumerai.datasets.load_feature_sets : Load the groups.

    Notes
    -----
    A row depends on no other row, so that eras do not matter. Where all features of a
    group are the same in a row, the skewness is 0, as in pandas (NaN in scipy). A NaN
    in a group makes its statistics NaN. The result is float32, or float64 for float64
    input; all is computed in float64, a few thousand rows at a time.

    References
    ----------
    .. [1] Truda, G. (2021). Numerai experiments: mean, standard deviation and skewness
       of six groups beside the features.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.preprocessing import FeatureGroupStatistics
    >>> X = pd.DataFrame({"a": [0, 4], "b": [2, 4], "c": [4, 1]}, dtype="int8")
    >>> groups = {"wisdom": ["a", "b"], "charisma": ["a", "b", "c"]}
    >>> FeatureGroupStatistics(groups, statistics=["mean", "std"]).fit_transform(X)
       wisdom_mean  wisdom_std  charisma_mean  charisma_std
    0          1.0         1.0            2.0      1.632993
    1          4.0         0.0            3.0      1.414214
    """

    _parameter_constraints: dict = {
        "feature_groups": [Mapping, str, os.PathLike, None],
        "statistics": ["array-like"],
        "passthrough": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        feature_groups=None,
        *,
        statistics=("mean", "std", "skew"),
        passthrough=False,
        verbose=False,
    ):
        self.feature_groups = feature_groups
        self.statistics = statistics
        self.passthrough = passthrough
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the features of each group.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : None, default=None
            Ignored.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        self._statistics()
        read_features(self, X, reset=True, allow_nan=True)
        self.groups_ = self._find_groups()
        return self

    def transform(self, X):
        """Compute the statistics.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        statistics : ndarray or DataFrame of shape (n_samples, n_features_out)
            A frame with the index of `X` if `X` is one.

        Raises
        ------
        ValueError
            If a column of fit is missing.
        """
        check_is_fitted(self)
        matrix = read_features(self, X, reset=False, allow_nan=True)
        names, statistics = self.get_feature_names_out(), self._statistics()
        n, p = matrix.shape
        ahead = p if self.passthrough else 0
        as_frame = isinstance(X, pd.DataFrame)
        if as_frame:
            # the features are appended in their own type
            ahead = 0
        size = n, ahead + len(self.groups_) * len(statistics)
        out = np.empty(size, dtype=float_type(matrix))
        # absent in older pickles
        verbose = getattr(self, "verbose", False)
        caller = f"{type(self).__name__}.transform"
        for rows in bar_over(row_blocks(n, p), caller, verbose, unit="block"):
            if ahead:
                out[rows, :p] = matrix[rows]
            column = ahead
            for positions in self.groups_.values():
                part = matrix[rows][:, positions].astype(np.float64)
                for values in _statistics_of(part, statistics):
                    out[rows, column] = values
                    column += 1
        if not as_frame or not self.passthrough:
            return with_index_of(X, out, names)
        both = pd.concat([X, with_index_of(X, out, names[p:])], axis=1)
        return both.set_axis(names, axis=1)

    def get_feature_names_out(self, input_features=None):
        """Get the names of the columns of the result.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, if they had none in fit.

        Returns
        -------
        names : ndarray of str
            ``<group>_<statistic>``, after the features with `passthrough`.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        own = [f"{group}_{s}" for group in self.groups_ for s in self._statistics()]
        own = np.asarray(own, dtype=object)
        return np.concatenate([names, own]) if self.passthrough else own

    def _statistics(self):
        known = not isinstance(self.statistics, str) and len(self.statistics) > 0
        if not known or any(s not in STATISTICS for s in self.statistics):
            raise ValueError(
                "FeatureGroupStatistics: statistics must be a list of some of "
                f"{list(STATISTICS)}. Got {self.statistics!r}."
            )
        return list(self.statistics)

    def _find_groups(self):
        caller, groups = type(self).__name__, self.feature_groups
        columns = pd.Index(_check_feature_names_in(self))
        if groups is None:
            return {"all": np.arange(self.n_features_in_)}
        if isinstance(groups, Mapping):
            if not hasattr(self, "feature_names_in_"):
                columns = pd.RangeIndex(self.n_features_in_)
            found = positions_of_groups(groups, columns, caller)
            return dict(zip(map(str, groups), found))
        found = {}
        for group, names in load_feature_sets(groups).items():
            names = [name for name in names if name in columns]
            if names and not _cuts_across(group):
                found[group] = positions_of(names, columns, f"group {group!r}", caller)
        if not found:
            raise ValueError(
                f"{caller}: no feature of the groups in {str(groups)!r} is in X, whose "
                f"features are {list(columns[:3])} and so on. Pass X as a frame with "
                "the columns of that data set, or a dict of features by group."
            )
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _cuts_across(feature_set):
    return feature_set in ("small", "medium", "all") or feature_set.endswith(
        "_features"
    )


def _statistics_of(part, statistics):
    """Yield statistics of the rows of a block, in float64."""
    mean = part.mean(axis=1)
    part -= mean[:, None]
    variance = np.einsum("ij,ij->i", part, part) / part.shape[1]
    # a mean that is off by rounding leaves a constant row not quite at zero
    same = variance <= (np.finfo(np.float64).eps * mean) ** 2
    for name in statistics:
        if name == "mean":
            yield mean
        elif name == "std":
            yield np.where(same, 0.0, np.sqrt(variance))
        else:
            third = np.einsum("ij,ij,ij->i", part, part, part) / part.shape[1]
            scale = np.where(same, 1.0, variance) ** 1.5
            yield np.where(same, 0.0, third / scale)
