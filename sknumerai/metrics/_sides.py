"""Third inputs of metrics: aligned to the scored rows, cut into eras, never copied."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd

from sknumerai.exceptions import MissingErasError
from sknumerai.utils import ERA_LEVEL, AlignedInput, has_eras

# Inputs with many columns, or not meant to be ranked: handed to formulas as they are.
PLAIN = ("features", "neutralizers", "sample_weight")
MATRICES = ("features", "neutralizers")


class Side(AlignedInput):
    """One further input of a metric, seen from the rows that are scored.

    Its name tells whether it is ranked, and whether it is always a matrix.
    """

    def __init__(self, name, values, index, n_samples, caller, labelled=False):
        super().__init__(
            name,
            values,
            index,
            n_samples,
            caller,
            labelled,
            ranked=name not in PLAIN,
        )

    def take(self, rows):
        """Values of rows that are present, as an array."""
        part = super().take(rows)
        return part[:, None] if part.ndim == 1 and self.name in MATRICES else part


def present_in_all(sides, rows):
    """Tell which rows all inputs have, as a mask; None where each has all of them."""
    masks = [side.present(rows) for side in sides]
    masks = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(masks) if masks else None


def check_not_pooled(side, scored, caller):
    """Raise if an input has eras where the rows that are scored have none.

    Parameters
    ----------
    side : AlignedInput
        The input.

    scored : tuple of object
        Eras that were passed, targets and predictions: what may say the eras.

    caller : str
        Name to begin error messages with.

    Raises
    ------
    MissingErasError
        If the rows are of several eras in the input, and would be scored as one.
    """
    groups, *scored = scored
    if groups is not None or any(has_eras(values) for values in scored):
        return
    if not has_eras(side.values):
        return
    labels = side.values.index.get_level_values(ERA_LEVEL)
    if side.positions is not None:
        labels = labels[side.positions[side.positions >= 0]]
    n_eras = len(pd.unique(labels))
    if n_eras > 1:
        raise MissingErasError(
            f"{caller}: {side.of} has no eras, and {side.name} has {n_eras}: all rows "
            f"would be scored as one era. Give {side.of} the index level 'era', or pass "
            f"groups=, such as {side.name}.index.get_level_values('era')."
        )
