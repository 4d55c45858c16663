"""Files that the command line reads and writes."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.utils import whole_file
from sknumerai.utils._output_path import check_output

__all__ = ["check_output", "save_model", "whole_file"]


def save_model(model, path):
    """Save a fitted model with joblib.

    Parameters
    ----------
    model : estimator
        The fitted model.

    path : pathlib.Path
        File to write.
    """
    import joblib

    with whole_file(path) as part:
        joblib.dump(model, part)
