"""Noise on the features of one era, of a strength that can be raised step by step."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

# Kinds of noise, and what their level is
KINDS = {
    "reversal": "share of features that are reversed",
    "shuffle": "share of features that are shuffled",
    "swap": "share of values that are swapped",
    "missing": "share of values that are missing",
    "gaussian": "standard deviation of the noise, of the range",
}
# These say nothing of the scale of the features
SCALE_FREE = ("shuffle", "swap")
# Columns that single values are changed in at a time
_BLOCK = 256


class FeatureNoise:
    """Noise of one kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    feature_range : tuple of (low, high) or None
        Least and largest value of a feature. None for kinds that need none.
    """

    def __init__(self, kind, feature_range):
        self.kind = kind
        self.low, self.high = feature_range or (None, None)

    def draw(self, rng, n_rows, n_features):
        """Draw what decides the noise of all levels.

        A higher level changes what a lower one does and more, so that scores of two
        levels differ by the level, not by luck.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the numbers.

        n_rows, n_features : int
            Shape of the era.

        Returns
        -------
        draws : tuple of ndarray
            For `add`.
        """
        shape = n_rows, n_features
        if self.kind == "gaussian":
            return (rng.standard_normal(shape, dtype=np.float32),)
        if self.kind in ("reversal", "shuffle"):
            place = rng.random(n_features, dtype=np.float32)
            if self.kind == "reversal":
                return (place,)
            order = np.tile(np.arange(n_rows, dtype=np.uint32), (n_features, 1))
            return place, rng.permuted(order, axis=1, out=order)
        place = rng.random(shape, dtype=np.float32)
        if self.kind == "missing":
            return (place,)
        return place, rng.integers(n_rows, size=shape, dtype=np.uint32)

    def add(self, values, level, draws):
        """Change values in place.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_features)
            The features of an era.

        level : float
            Strength of the noise.

        draws : tuple of ndarray
            What `draw` gave.
        """
        if self.kind in ("gaussian", "swap"):
            add = self._add_gaussian if self.kind == "gaussian" else self._swap
            for start in range(0, values.shape[1], _BLOCK):
                columns = slice(start, start + _BLOCK)
                add(values[:, columns], level, *(d[:, columns] for d in draws))
            return
        chosen = draws[0] < level
        if self.kind == "missing":
            # the middle code is what stands for missing values in Numerai's data
            values[chosen] = (self.low + self.high) / 2
        elif self.kind == "reversal":
            columns = np.flatnonzero(chosen)
            # in this order no 8-bit code overflows
            values[:, columns] = (self.low - values[:, columns]) + self.high
        else:
            for column in np.flatnonzero(chosen):
                values[:, column] = values[draws[1][column], column]

    def _add_gaussian(self, values, level, noise):
        noisy = values + noise * np.float32(level * (self.high - self.low))
        if values.dtype.kind in "iu":
            np.rint(noisy, out=noisy)
        values[:] = np.clip(noisy, self.low, self.high, out=noisy)

    def _swap(self, values, level, place, rows):
        at = np.nonzero(place < level)
        # taken before any is written: what is swapped in has not been swapped itself
        values[at] = values[rows[at], at[1]]
