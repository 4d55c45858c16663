"""Columns to Gaussian ranks within each era."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

import numpy as np
from scipy.special import ndtri
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.preprocessing._codes import code_counts, is_codes, look_up
from sknumerai.preprocessing._era_wise import BaseEraTransformer, by_era
from sknumerai.preprocessing._tables import column_blocks, float_type
from sknumerai.utils import gaussian_ranks, signed_power


class GaussianRankScaler(OneToOneFeatureMixin, BaseEraTransformer):
    """Replace each column by its Gaussian ranks within each era.

    The rank of a value among its era, tied values sharing the mean of their ranks,
    becomes the quantile of the standard normal distribution: so outliers lose their
    pull, and eras of different spread become alike. For features with tails, for
    predictions before they are averaged. Read more in the :doc:`User Guide
    </user_guide/preprocessing>`.

    Parameters
    ----------
    power : float, default=1.0
        Power of the size of each Gaussian rank, the sign kept. Numerai's correlation
        takes 1.5: it weighs the tails.

    missing : {"keep", "middle", "raise"}, default="keep"
        What becomes of NaN: it stays, is 0, the rank in the middle, or is refused. It
        is not counted in the ranks of the others.

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
    EraQuantileScaler : To quantile bins within each era.
    sknumerai.utils.era_gaussian_ranks : The same for arrays.

    Notes
    -----
    The result is float32, or float64 for float64 input. int8 codes are counted, not
    sorted. Beside the result, memory is needed for one era of `X` and a few million
    numbers. Nothing is learned in fit; an era is the same alone and beside others.

    References
    ----------
    Numerai, numerai-tools: ``numerai_tools.scoring.tie_kept_rank__gaussianize__pow_1_5``.

    Examples
    --------
    >>> from sknumerai.preprocessing import GaussianRankScaler
    >>> X = [[3.0], [9.0], [1.0], [0.0], [5.0]]
    >>> scaler = GaussianRankScaler()
    >>> scaler.fit_transform(X, groups=[1, 1, 1, 2, 2]).round(3).ravel().tolist()
    [0.0, 0.967, -0.967, -0.674, 0.674]
    """

    _parameter_constraints: dict = {
        "power": [Interval(Real, 0, None, closed="neither")],
        "missing": [StrOptions({"keep", "middle", "raise"})],
        "verbose": ["verbose"],
    }

    def __init__(self, power=1.0, *, missing="keep", verbose=False):
        self.power = power
        self.missing = missing
        self.verbose = verbose

    def _allow_nan(self):
        return self.missing != "raise"

    def _transform(self, matrix, eras):
        work = self._of_codes if is_codes(matrix) else self._of_numbers
        return by_era(matrix, eras, float_type(matrix), work, self._bar)

    def _of_codes(self, part, out):
        low, counts = code_counts(part)
        ends = np.cumsum(counts, axis=0)
        # the mean of the ranks from ends - counts + 1 to ends, less a half
        ranks = (ends - 0.5 * counts) / len(part)
        # codes that are not there may be at the infinite ends: nobody looks them up
        look_up(self._powers(ndtri(ranks)), part, low, out)

    def _of_numbers(self, part, out):
        for columns in column_blocks(*part.shape):
            values = self._powers(gaussian_ranks(part[:, columns]))
            if self.missing == "middle":
                np.nan_to_num(values, copy=False, nan=0.0)
            out[:, columns] = values

    def _powers(self, values):
        return values if self.power == 1 else signed_power(values, self.power)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
