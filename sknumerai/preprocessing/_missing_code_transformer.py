"""Features that are missing for a whole era, told from their code."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from sknumerai.preprocessing._era_wise import BaseEraTransformer
from sknumerai.preprocessing._tables import float_type, row_blocks


class MissingCodeTransformer(BaseEraTransformer):
    """Find the features that an era does not have, and say so.

    Numerai's files hold no NaN: a feature that did not exist yet is 2, the middle of
    its codes, in all rows of an era. To a model that looks like an average value.
    This transformer makes it NaN, which trees understand, or adds a column that tells,
    which networks do. Read more in the :doc:`User Guide </user_guide/preprocessing>`.

    Parameters
    ----------
    missing_code : float, default=2
        The code that all rows of the era have.

    fill : {"nan", "keep"} or int, default="nan"
        What missing values become: NaN, in float32; what they were, in the type that
        they are in; or another code, such as -1, in that type.

    add_indicator : bool or "all", default=False
        Whether columns are appended that are 1 where a feature is missing, else 0. True
        appends one for each feature that was missing in an era of fit, "all" for every
        feature.

    keep_empty_features : bool, default=True
        Whether features are kept that were missing in every era of fit. They tell
        nothing, and scikit-learn's HistGradientBoostingRegressor cannot be fitted to a
        feature that is NaN in all rows.

    min_samples : int, default=10
        Eras with fewer rows are left as they are: among few rows all values may be the
        same by chance. In 10 rows one code is all there is once in ten million columns.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Attributes
    ----------
    missing_features_ : ndarray of shape (n_missing_features,)
        Positions of the features that were missing in an era of fit.

    empty_features_ : ndarray of shape (n_empty_features,)
        Positions of the features that were missing in every era of fit.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    sklearn.impute.SimpleImputer : Fill NaN.

    Notes
    -----
    A live era is judged by its own rows: it is the same alone and beside others. A
    feature that is missing there and was not in fit becomes NaN and has no indicator
    unless ``add_indicator="all"``. Beside the result memory for one era is needed.

    References
    ----------
    Numerai, example-scripts: "Hello Numerai", on missing values.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.preprocessing import MissingCodeTransformer
    >>> X = pd.DataFrame(
    ...     {"a": [2, 2, 0, 4], "b": [1, 2, 2, 3]},
    ...     index=pd.Index([1, 1, 2, 2], name="era"),
    ...     dtype="int8",
    ... )
    >>> MissingCodeTransformer(add_indicator=True, min_samples=2).fit_transform(X)
           a    b  missingindicator_a
    era
    1    NaN  1.0                 1.0
    1    NaN  2.0                 1.0
    2    0.0  2.0                 0.0
    2    4.0  3.0                 0.0
    """

    _parameter_constraints: dict = {
        "missing_code": [Real],
        "fill": [StrOptions({"nan", "keep"}), Integral],
        "add_indicator": ["boolean", StrOptions({"all"})],
        "keep_empty_features": ["boolean"],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        missing_code=2,
        *,
        fill="nan",
        add_indicator=False,
        keep_empty_features=True,
        min_samples=10,
        verbose=False,
    ):
        self.missing_code = missing_code
        self.fill = fill
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.min_samples = min_samples
        self.verbose = verbose

    def get_feature_names_out(self, input_features=None):
        """Get the names of the columns of the result.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, if they had none in fit.

        Returns
        -------
        names : ndarray of str
            The features, then ``missingindicator_<feature>``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        told = [f"missingindicator_{names[j]}" for j in self._indicators()]
        return np.concatenate([names[self._kept()], np.asarray(told, dtype=object)])

    def _fit(self, matrix, eras):
        parts = self._bar(eras.rows(), "fit")
        missing = np.array([self._missing(matrix[rows]) for rows in parts])
        self.missing_features_ = np.flatnonzero(missing.any(axis=0))
        self.empty_features_ = np.flatnonzero(missing.all(axis=0))

    def _transform(self, matrix, eras):
        kept, told = self._kept(), self._indicators()
        (n, p), k = matrix.shape, len(kept)
        dtype = np.dtype(float_type(matrix)) if self.fill == "nan" else matrix.dtype
        self._check_fill(dtype)
        order = "C" if matrix.flags.c_contiguous else "F"
        out = np.zeros((n, k + len(told)), dtype=dtype, order=order)
        for block in row_blocks(n, p):
            out[block, :k] = matrix[block] if k == p else matrix[block][:, kept]
        for rows in self._bar(eras.rows()):
            missing = self._missing(matrix[rows])
            if not missing.any():
                continue
            if self.fill != "keep":
                value = np.nan if self.fill == "nan" else self.fill
                _write(out, rows, np.flatnonzero(missing[kept]), value)
            _write(out, rows, k + np.flatnonzero(missing[told]), 1)
        return out

    def _check_fill(self, dtype):
        if isinstance(self.fill, str) or dtype.kind not in "iu":
            return
        limits = np.iinfo(dtype)
        if not limits.min <= self.fill <= limits.max:
            raise ValueError(
                f"MissingCodeTransformer: fill={self.fill} is no {dtype}. Take a code "
                f"from {limits.min} to {limits.max}."
            )

    def _kept(self):
        positions = np.arange(self.n_features_in_)
        if self.keep_empty_features:
            return positions
        return np.delete(positions, self.empty_features_)

    def _indicators(self):
        if self.add_indicator == "all":
            return np.arange(self.n_features_in_)
        return self.missing_features_ if self.add_indicator else np.arange(0)

    def _missing(self, part):
        """Which features have the code in all rows of an era."""
        missing = part[0] == self.missing_code
        if len(part) < self.min_samples:
            return np.zeros_like(missing)
        # most features are found to be there after a few rows
        for rows in (slice(1, 64), slice(64, None)):
            at = np.flatnonzero(missing)
            if len(at):
                missing[at] = (part[rows, at] == self.missing_code).all(axis=0)
        return missing

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _write(out, rows, columns, value):
    at = (rows, columns) if isinstance(rows, slice) else np.ix_(rows, columns)
    out[at] = value
