"""Targets of networks whose output is a sigmoid."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np


def unit_interval_map(y, weight):
    """Return offset and scale that bring known targets to [0, 1].

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Targets, NaN where unknown.

    weight : ndarray of shape (n_samples,) or None
        Weights; rows of weight 0 do not count.

    Returns
    -------
    offset, scale : float
        (y - offset) / scale is in [0, 1]; 0 and 1 where y is already.
    """
    known = np.isfinite(y) if weight is None else np.isfinite(y) & (weight > 0)
    low, high = np.min(y[known], initial=np.inf), np.max(y[known], initial=-np.inf)
    if low >= high or (low >= 0 and high <= 1):
        inside = low >= 0 and high <= 1
        return (0.0, 1.0) if inside or low > high else (low, 1.0)
    return low, high - low


class BoundedOutputMixin:
    """Mixin of networks with an `output_activation`, 'sigmoid' or 'identity'."""

    def _output_in_unit_interval(self):
        return self.output_activation == "sigmoid"

    def _target_map(self, y, weight):
        if self.output_activation == "identity":
            return super()._target_map(y, weight)
        return unit_interval_map(y, weight)

    def _limit_targets(self, scaled):
        # held-out targets, and rows of weight 0, may lie outside the bounds of the rest
        if self.output_activation == "sigmoid":
            np.clip(scaled, 0, 1, out=scaled)
        return scaled
