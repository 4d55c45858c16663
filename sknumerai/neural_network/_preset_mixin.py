"""What networks share that have settings of a source."""

# SPDX-License-Identifier: BSD-3-Clause


class PresetMixin:
    """Mixin of estimators with presets; each tells in its Notes which there are."""

    # Parameters by the name of the preset
    _presets: dict = {}

    @classmethod
    def from_preset(cls, name, **overrides):
        """Make an estimator with the settings of a source.

        Parameters
        ----------
        name : str
            One of the presets that the notes on the class tell of.

        **overrides : dict
            Parameters that differ from the preset.

        Returns
        -------
        estimator : object
            Not fitted.

        Raises
        ------
        ValueError
            If there is no such preset.
        """
        if name not in list(cls._presets):
            raise ValueError(
                f"{cls.__name__}.from_preset: name must be one of "
                f"{sorted(cls._presets)}. Got {name!r}."
            )
        return cls(**{**cls._presets[name], **overrides})
