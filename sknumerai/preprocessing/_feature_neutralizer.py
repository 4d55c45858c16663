"""Neutralization as a transformer: columns against columns."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
)

from sknumerai.preprocessing._feature_groups import (
    column_names,
    positions_of,
    positions_of_either,
)
from sknumerai.preprocessing._neutralize import check_proportion
from sknumerai.preprocessing._neutralize_in_table import neutralize_in_table
from sknumerai.preprocessing._residuals import residual_function
from sknumerai.preprocessing._rows import read_columns
from sknumerai.preprocessing._tables import (
    columns_of,
    eras_of_target,
    find_eras,
    read_table,
)
from sknumerai.utils import with_index_of


class FeatureNeutralizer(TransformerMixin, BaseEstimator):
    """Neutralize columns to other columns of the same table, era by era.

    Predictions that stand beside the features, such as the columns of several models,
    lose what features explain of them. Where predictions and features are two tables,
    use :func:`neutralize`; around an estimator
    :class:`sknumerai.ensemble.NeutralizedRegressor`.

    Parameters
    ----------
    columns : list of str or int, default=None
        Columns to neutralize, by name or, for arrays, by position. They alone come out.
        None: all that are not in `features`.

    features : list of str or int, default=None
        Columns to neutralize to. None: no column but the constant, so that each column
        loses its mean in each era.

    proportion : float or dict, default=1.0
        Share of the fit to subtract, from 0 to 1; with `feature_groups` a dict of a
        share for each group.

    fit_intercept : bool, default=True
        Whether a constant is fitted too.

    feature_groups : dict of str to list, default=None
        Columns to neutralize to by group, one group after the other, instead of
        `features`.

    top_k : int, default=None
        Neutralize each column only to so many features, those which its exposure to is
        largest in the era.

    device : str, default=None
        Torch device to compute on, for example "cuda". None computes with NumPy. Fitted
        with "cuda", the CPU computes where there is none.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Attributes
    ----------
    columns_ : ndarray of int
        Positions of the columns that are neutralized.

    features_ : ndarray of int
        Positions of the columns that they are neutralized to.

    n_features_in_ : int
        Number of columns of the table.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of columns, if all are strings.

    See Also
    --------
    neutralize : The same for two tables; several proportions at once.

    Notes
    -----
    Nothing is learned by ``fit``. A row's result depends on the rows of its era.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.preprocessing import FeatureNeutralizer
    >>> X = pd.DataFrame({"model": [1.0, 2.0, 4.0], "feature": [0, 1, 2]})
    >>> FeatureNeutralizer(features=["feature"]).fit_transform(X).round(3)
       model
    0  0.167
    1 -0.333
    2  0.167
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__transform = {"groups": True}

    _parameter_constraints: dict = {
        "columns": ["array-like", None],
        "features": ["array-like", None],
        "proportion": [Interval(Real, 0, 1, closed="both"), Mapping],
        "fit_intercept": ["boolean"],
        "feature_groups": [Mapping, None],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        columns=None,
        features=None,
        *,
        proportion=1.0,
        fit_intercept=True,
        feature_groups=None,
        top_k=None,
        device=None,
        verbose=False,
    ):
        self.columns = columns
        self.features = features
        self.proportion = proportion
        self.fit_intercept = fit_intercept
        self.feature_groups = feature_groups
        self.top_k = top_k
        self.device = device
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, groups=None):
        """Find the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The table.

        y : None
            Ignored.

        groups : array-like of shape (n_samples,), default=None
            Ignored: eras count in ``transform``.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        caller = f"{type(self).__name__}.fit"
        read_table(self, X, reset=True)
        self._residuals = residual_function(self.device, caller)
        names = column_names(self)
        self._groups = positions_of_either(
            self.features, self.feature_groups, names, caller
        )
        check_proportion(self.proportion, self.feature_groups, caller)
        self.features_ = np.unique(
            np.concatenate([np.array([], dtype=np.intp), *self._groups])
        )
        if self.columns is not None:
            self.columns_ = positions_of(self.columns, names, "columns", caller)
            return self
        every = np.arange(self.n_features_in_)
        self.columns_ = np.setdiff1d(every, self.features_)
        if not len(self.columns_):
            raise ValueError(
                f"{caller}: all {self.n_features_in_} columns are features, and none is "
                "left to neutralize. Name them in columns=."
            )
        return self

    def fit_transform(self, X, y=None, groups=None):
        """Find the columns, and neutralize them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The table.

        y : None
            Ignored.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of `X`, else of `y`.

        Returns
        -------
        neutral : ndarray or DataFrame of shape (n_samples, n_neutralized)
            The neutralized columns.
        """
        if groups is None:
            groups = eras_of_target(X, y)
        return self.fit(X, y).transform(X, groups=groups)

    def transform(self, X, groups=None):
        """Neutralize the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The table. Columns to neutralize may be NaN where missing, features not.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included. By default the index level "era"
            of `X`; where there is none, the rows are one era.

        Returns
        -------
        neutral : ndarray or DataFrame of shape (n_samples, n_neutralized)
            The neutralized columns, float64; a frame with the index of `X`, eras
            included, if `X` is one.
        """
        check_is_fitted(self, "columns_")
        caller = f"{type(self).__name__}.transform"
        table = read_table(self, X, reset=False)
        values = read_columns(columns_of(table, self.columns_), "X", caller)
        eras = find_eras(self, groups, X, None, len(values))
        neutral = neutralize_in_table(
            values,
            table,
            self._groups,
            eras,
            check_proportion(self.proportion, self.feature_groups, caller)[None],
            residuals=self._residuals,
            fit_intercept=self.fit_intercept,
            top_k=self.top_k,
            caller=caller,
            verbose=getattr(self, "verbose", False),  # absent in older pickles
        )
        return with_index_of(X, neutral, self.get_feature_names_out())

    def get_feature_names_out(self, input_features=None):
        """Get the names of the neutralized columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of all columns, where none were seen in ``fit``.

        Returns
        -------
        names : ndarray of str
            Names of what comes out.
        """
        check_is_fitted(self, "columns_")
        return _check_feature_names_in(self, input_features)[self.columns_]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.requires_fit = True
        return tags
