"""Third inputs of metrics: aligned to the scored rows, cut into eras, never copied."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.utils import AlignedInput

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
