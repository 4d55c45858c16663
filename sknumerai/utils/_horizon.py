"""How many days ahead a target or a model looks, read from its name."""

# SPDX-License-Identifier: BSD-3-Clause

import re

_TARGET = re.compile(r".*_(\d+)d?", re.IGNORECASE)
# Numerai's benchmark models are named after their target: "v53_lgbm_ender20".
_MODEL = re.compile(r"(?:v\d+_.*[a-z_]|.*ender_?)(20|60)d?", re.IGNORECASE)


def target_horizon(name):
    """Read how many days a target looks ahead from its name.

    Parameters
    ----------
    name : object
        Name of a target, such as "target_ender_60".

    Returns
    -------
    horizon : int or None
        The number at the end of the name; None where there is none.

    Examples
    --------
    >>> from sknumerai.utils import target_horizon
    >>> target_horizon("target_ender_60"), target_horizon("target")
    (60, None)
    """
    match = _TARGET.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else None


def model_horizon(name):
    """Read for how many days ahead a benchmark model was trained from its name.

    Parameters
    ----------
    name : object
        Name of a column of predictions, such as "v53_lgbm_ender20".

    Returns
    -------
    horizon : {20, 60} or None
        Numerai's targets look 20 or 60 days ahead. None where the name ends otherwise.

    Examples
    --------
    >>> from sknumerai.utils import model_horizon
    >>> model_horizon("v53_lgbm_ender20"), model_horizon("numerai_meta_model")
    (20, None)
    """
    match = _MODEL.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else None
