"""Numbers as weights of levels, so that a linear layer can draw any curve."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn


class LevelEncoding(nn.Module):
    """Encode each feature by its nearest levels.

    Level l of a feature is ``max(0, 1 - |x - l|)`` in units of the distance between two
    levels. On a level that is a one-hot code, so for Numerai's five codes a linear layer
    behind it can give each code a value of its own; between levels it interpolates. It
    is the piecewise linear encoding of [1]_ with evenly spaced bins, which spans the
    same functions as theirs. Columns have mean 0, and those of a feature a variance of 1
    in sum, where all levels are equally frequent, as they are in features that are
    quintiles.

    Parameters
    ----------
    n_levels : int
        Number of levels, evenly spaced from -1 to 1, at least 2.

    Notes
    -----
    Shape: input ``(n_rows, n_features)``, output ``(n_rows, n_features * n_levels)``.
    Features outside [-1, 1] are taken as -1 or 1. There are no parameters.

    References
    ----------
    .. [1] Gorishniy, Y., Rubachev, I. and Babenko, A. (2022). On Embeddings for
       Numerical Features in Tabular Deep Learning. NeurIPS. Section 3.2.
    """

    def __init__(self, n_levels):
        super().__init__()
        self.n_levels = n_levels

    def forward(self, X):
        """Compute the code."""
        last = self.n_levels - 1
        levels = torch.arange(self.n_levels, dtype=X.dtype, device=X.device)
        place = (X.clamp(-1, 1) + 1) * (last / 2)
        code = (1 - (place[..., None] - levels).abs()).clamp_(min=0)
        code = (code - 1 / self.n_levels) * (self.n_levels / last) ** 0.5
        return code.flatten(-2)

    def extra_repr(self):
        """Say the number of levels."""
        return f"{self.n_levels}"
