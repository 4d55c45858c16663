"""Feature codes to a declared range."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from sknumerai.preprocessing._codes import is_codes
from sknumerai.preprocessing._tables import (
    float_type,
    read_features,
    row_blocks,
)
from sknumerai.utils import with_index_of
from sknumerai.utils._progress import bar_over


class FeatureScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale features from the range that they are declared to have to another.

    Numerai's features are codes from 0 to 4; linear models and networks like them
    in [0, 1] or, centered, in [-1, 1]. Nothing is learned from the data, so that a live
    era of any few rows is scaled as the training eras were. Values outside the declared
    range are mistakes in the data and refused. Read more in the :doc:`User Guide
    </user_guide/preprocessing>`.

    Parameters
    ----------
    feature_range : tuple of (float, float), default=(0, 4)
        Lowest and highest value that a feature may have.

    output_range : tuple of (float, float), default=(0, 1)
        What they become. ``(-1, 1)`` centers the codes.

    out_of_range : {"auto", "raise", "clip", "extrapolate"}, default="auto"
        What is done with values outside `feature_range`. "raise" names the first column
        that has one, "clip" moves them to the end of the range, "extrapolate" continues
        the line. "auto" raises for integers of one byte, which are Numerai's codes, and
        extrapolates, with a warning, for other types.

    verbose : bool, default=False
        Whether a progress bar appears if it takes more than two seconds.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    GaussianRankScaler : To the normal distribution within each era.
    sklearn.preprocessing.MinMaxScaler : Learns the range from the data.

    Notes
    -----
    The result is float32, or float64 for float64 input. Nothing but the result is
    allocated: int8 features of 1 GB need 4 GB for it and no more. NaN stays NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> from sknumerai.preprocessing import FeatureScaler
    >>> X = pd.DataFrame({"feature_a": [0, 1, 4], "feature_b": [2, 2, 3]}, dtype="int8")
    >>> FeatureScaler(output_range=(-1, 1)).fit_transform(X)
       feature_a  feature_b
    0       -1.0        0.0
    1       -0.5        0.0
    2        1.0        0.5
    """

    _parameter_constraints: dict = {
        "feature_range": [tuple, list],
        "output_range": [tuple, list],
        "out_of_range": [StrOptions({"auto", "raise", "clip", "extrapolate"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        feature_range=(0, 4),
        *,
        output_range=(0, 1),
        out_of_range="auto",
        verbose=False,
    ):
        self.feature_range = feature_range
        self.output_range = output_range
        self.out_of_range = out_of_range
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and remember the names of the features.

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
        for name in ("feature_range", "output_range"):
            self._ends(name)
        read_features(self, X, reset=True, allow_nan=True)
        return self

    def transform(self, X):
        """Scale the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Integers of one byte are not copied as a whole.

        Returns
        -------
        scaled : ndarray or DataFrame of shape (n_samples, n_features)
            Float32, float64 for float64; a frame with the index of `X` if `X` is one.

        Raises
        ------
        ValueError
            If a value is outside `feature_range` and `out_of_range` does not allow it,
            or a column of fit is missing.
        """
        check_is_fitted(self)
        matrix = read_features(self, X, reset=False, allow_nan=True)
        extrapolate = self._check_range(matrix)
        source, target = self._ends("feature_range"), self._ends("output_range")
        blocks = self._blocks(matrix, "transform")
        values = _map(matrix, source, target, blocks, clip=not extrapolate)
        return with_index_of(X, values, self.get_feature_names_out())

    def inverse_transform(self, X):
        """Map scaled values back to the range of the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled features, or a reconstruction of them. Values outside `output_range`
            are continued along the line.

        Returns
        -------
        features : ndarray or DataFrame of shape (n_samples, n_features)
            Float32, float64 for float64. Codes are ``features.round()``.
        """
        check_is_fitted(self)
        matrix = check_array(X, dtype="numeric", ensure_all_finite="allow-nan")
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {matrix.shape[1]} features, but FeatureScaler is expecting "
                f"{self.n_features_in_} features as input."
            )
        source, target = self._ends("output_range"), self._ends("feature_range")
        blocks = self._blocks(matrix, "inverse_transform")
        values = _map(matrix, source, target, blocks, clip=False)
        return with_index_of(X, values, self.get_feature_names_out())

    def _blocks(self, matrix, method):
        """Slices of rows, one after the other, with a bar if that is wanted."""
        # absent in older pickles
        verbose = getattr(self, "verbose", False)
        caller = f"{type(self).__name__}.{method}"
        return bar_over(row_blocks(*matrix.shape), caller, verbose, unit="block")

    def _ends(self, name):
        given = getattr(self, name)
        if len(given) != 2 or not given[0] < given[1]:
            raise ValueError(
                f"FeatureScaler: {name} must be (low, high) with low < high, such as "
                f"(0, 4). Got {given!r}."
            )
        return float(given[0]), float(given[1])

    def _check_range(self, matrix):
        """Raise or warn of values outside; return whether to continue the line."""
        if self.out_of_range == "clip":
            return False
        if self.out_of_range == "extrapolate":
            return True
        low, high = self._ends("feature_range")
        # fmin and fmax do not see NaN
        least, most = (float(f.reduce(matrix, axis=None)) for f in (np.fmin, np.fmax))
        if not (least < low or most > high):
            return False
        outside = np.zeros(matrix.shape[1], dtype=np.int64)
        for rows in row_blocks(*matrix.shape):
            block = matrix[rows]
            outside += ((block < low) | (block > high)).sum(axis=0)
        columns = np.flatnonzero(outside)
        first = columns[0]
        name = self.get_feature_names_out()[first]
        column = matrix[:, first]
        message = (
            f"FeatureScaler: {len(columns)} of {len(outside)} features have values "
            f"outside feature_range=({low:g}, {high:g}), such as {name!r} with values "
            f"from {float(np.fmin.reduce(column)):g} to "
            f"{float(np.fmax.reduce(column)):g}. Pass the range that the features "
            "have, or out_of_range='clip' to move such values to its ends."
        )
        if self.out_of_range == "raise" or is_codes(matrix):
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=3)
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _map(matrix, source, target, blocks, *, clip):
    """Map an interval to another, block by block."""
    slope = (target[1] - target[0]) / (source[1] - source[0])
    out = np.empty_like(matrix, dtype=float_type(matrix))
    for rows in blocks:
        block = out[rows]
        block[...] = matrix[rows]
        block -= source[0]
        block *= slope
        block += target[0]
        if clip:
            # rounding may leave the range too; NaN stays
            np.clip(block, *target, out=block)
    return out
