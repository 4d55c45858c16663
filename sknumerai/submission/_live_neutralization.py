"""Neutralization inside an exported file.

Stored by value, like the predictor that calls it.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.utils import least_squares_residuals

# what is left of a prediction that its features explain is rounding
ROUNDING = 1e-9


class LiveNeutralization:
    """Take a share of its fit by features from the prediction of one era.

    Parameters
    ----------
    features : list of str
        Columns of the live data to neutralize to.

    proportion : float
        Share of the fit to subtract.

    Examples
    --------
    >>> import numpy as np
    >>> from sknumerai.submission._live_neutralization import LiveNeutralization
    >>> neutralize = LiveNeutralization(["feature_a"], 1.0)
    >>> neutralize(np.array([1.0, 2.0, 4.0]), np.array([[0], [1], [2]])).round(3)
    array([ 0.167, -0.333,  0.167])
    """

    def __init__(self, features, proportion):
        self.features = features
        self.proportion = proportion

    def __call__(self, raw, F):
        """Neutralize.

        Parameters
        ----------
        raw : ndarray of shape (n_samples,)
            Predictions of one era before ranking.

        F : ndarray of shape (n_samples, n_features)
            The features.

        Returns
        -------
        neutral : ndarray of shape (n_samples,)
            What is left.
        """
        if F.dtype.kind == "O":
            F = F.astype(np.float64)
        if F.dtype.kind == "f":
            holes = ~np.isfinite(F).all(axis=0)
            if holes.any():
                names = [n for n, hole in zip(self.features, holes) if hole]
                raise ValueError(
                    f"{len(names)} of the {len(self.features)} features to neutralize "
                    f"to are NaN or infinite in the live data: {names[:3]}. Export "
                    "with missing=2 to fill them with Numerai's code for missing."
                )
        neutral = least_squares_residuals(raw, F, proportion=self.proportion)
        varies = np.ptp(raw)
        if self.proportion == 1 and varies and np.ptp(neutral) <= ROUNDING * varies:
            raise ValueError(
                f"Nothing of the prediction is left once it is neutralized to "
                f"{F.shape[1]} features on {len(F)} rows: the features explain it "
                "whole. Neutralize to fewer features than rows, or by a smaller "
                "proportion."
            )
        return neutral
