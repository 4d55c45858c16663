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
