"""Checks of parameters that several displays have."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral


def check_choice(value, allowed, name, caller):
    """Raise if a parameter is none of its values."""
    if value not in allowed:
        raise ValueError(
            f"{caller}: {name} must be one of {list(allowed)}. Got {value!r}."
        )


def check_count(value, name, caller, *, least=1):
    """Raise if a parameter is no integer, or below its least."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{caller}: {name} must be an integer of at least {least}. Got {value!r}."
        )


def check_predicts(estimator, caller):
    """Raise if what is to predict is no estimator, such as a list of them."""
    if isinstance(estimator, type) or not hasattr(estimator, "predict"):
        given = f"the class {estimator.__name__}" if isinstance(estimator, type) else ""
        raise TypeError(
            f"{caller}: estimator must be one fitted estimator that predicts, such as a "
            "regressor or a Pipeline that ends in one. Got "
            f"{given or type(estimator).__name__}. Of several models, pass the "
            "predictions as columns to from_predictions."
        )


def check_panels(panels, allowed, caller):
    """Get the panels to draw, one or several, as a tuple of names."""
    panels = (panels,) if isinstance(panels, str) else tuple(panels)
    unknown = [panel for panel in panels if panel not in allowed]
    if unknown or not panels:
        raise ValueError(
            f"{caller}: panels must be some of {list(allowed)}. Got "
            f"{unknown or 'none'}."
        )
    return panels
