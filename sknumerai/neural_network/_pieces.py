"""Modules that need much memory for a row, in pieces of rows."""

# SPDX-License-Identifier: BSD-3-Clause

import torch

# Numbers of the widest layer of a piece: 64 MB in float32
_PIECE = 2**24


def in_pieces(module, X, activations_per_row):
    """Apply a module to few rows at a time, for evaluation.

    Parameters
    ----------
    module : callable
        From a tensor of rows to a tensor of rows.

    X : Tensor of shape (n_rows, n_features)
        Features.

    activations_per_row : int
        Width of the widest layer.

    Returns
    -------
    output : Tensor of shape (n_rows, n_outputs)
        Outputs of all rows.
    """
    step = max(1, _PIECE // activations_per_row)
    if len(X) <= step:
        return module(X)
    return torch.cat([module(piece) for piece in X.split(step)])
