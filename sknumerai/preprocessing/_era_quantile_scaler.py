"""Columns to quantile bins within each era."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.preprocessing._codes import code_counts, is_codes, look_up
from sknumerai.preprocessing._era_wise import BaseEraTransformer, by_era
from sknumerai.preprocessing._tables import column_blocks
from sknumerai.utils import average_ranks


class EraQuantileScaler(OneToOneFeatureMixin, BaseEraTransformer):
    """Replace each column by the number of its quantile bin within each era.

    Makes of any numbers what Numerai's features are: codes from 0 to 4 of which each
    has a fifth of an era. For features of one's own beside the given ones. Read more in
    the :doc:`User Guide </user_guide/preprocessing>`.

    Parameters
    ----------
    n_bins : int, default=5
        Number of bins, from 2 to 127. The codes are 0 to ``n_bins - 1``.

    missing : {"raise", "keep", "middle"}, default="raise"
        What becomes of NaN: it is refused; stays, and the result is float32; or becomes
        the middle code, as Numerai does, 2 of 0 to 4. It is not counted in the ranks
        of the others.

    verbose : bool, default=False
        Whether a progress bar over the eras appears if it takes more than two seconds.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`, where they are all strings.

    See Also
    --------
    GaussianRankScaler : To Gaussian ranks within each era.
    MissingCodeTransformer : From the middle code back to NaN.

    Notes
    -----
    A value with the average rank r of n goes to the bin ``floor(n_bins * (r - 1/2) /
    n)``: tied values share one bin, a column that is the same for an era is in the
    middle one, bins without ties differ by one row at most. Without ties and with n a
    multiple of `n_bins` that is ``pandas.qcut``, which drops bins or fails where values
    are tied.

    The result is int8 (float32 with ``missing="keep"``). Nothing is learned in fit; an
    era is the same alone and beside others.

    Examples
    --------
    >>> from sknumerai.preprocessing import EraQuantileScaler
    >>> X = [[0.1], [0.3], [0.2], [0.9], [0.5], [7.0], [7.0]]
    >>> eras = [1, 1, 1, 1, 1, 2, 2]
    >>> EraQuantileScaler().fit_transform(X, groups=eras).ravel()
    array([0, 2, 1, 4, 3, 2, 2], dtype=int8)
    """

    _parameter_constraints: dict = {
        "n_bins": [Interval(Integral, 2, 127, closed="both")],
        "missing": [StrOptions({"raise", "keep", "middle"})],
        "verbose": ["verbose"],
    }

    def __init__(self, n_bins=5, *, missing="raise", verbose=False):
        self.n_bins = n_bins
        self.missing = missing
        self.verbose = verbose

    def _allow_nan(self):
        return self.missing != "raise"

    def _fit(self, matrix, eras):
        if self.missing == "middle" and self.n_bins % 2 == 0:
            raise ValueError(
                f"EraQuantileScaler: {self.n_bins} bins have no middle one for missing "
                "values. Take an odd number of bins, or missing='keep'."
            )

    def _transform(self, matrix, eras):
        work = self._of_codes if is_codes(matrix) else self._of_numbers
        dtype = np.float32 if self.missing == "keep" else np.int8
        return by_era(matrix, eras, dtype, work, self._bar)

    def _of_codes(self, part, out):
        low, counts = code_counts(part)
        ends = np.cumsum(counts, axis=0)
        look_up(self._bins(2 * ends - counts, len(part)), part, low, out)

    def _of_numbers(self, part, out):
        for columns in column_blocks(*part.shape):
            ranks = average_ranks(part[:, columns])
            known = ~np.isnan(ranks)
            ranks[~known] = 0.5
            # twice an average rank is an integer, and so are all bounds
            doubled = (2 * ranks - 1).astype(np.int64)
            bins = self._bins(doubled, np.maximum(known.sum(axis=0), 1))
            if known.all():
                out[:, columns] = bins
            else:
                fill = np.nan if self.missing == "keep" else self.n_bins // 2
                out[:, columns] = np.where(known, bins, fill)

    def _bins(self, doubled, n):
        """Bins of ranks of which twice, less 1, is given."""
        return np.minimum(self.n_bins * doubled // (2 * n), self.n_bins - 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
