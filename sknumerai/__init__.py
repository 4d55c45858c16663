"""scikit-learn compatible models, scores and tools for the Numerai tournament."""

# SPDX-License-Identifier: BSD-3-Clause

import importlib as _importlib

__version__ = "0.1.dev0"

__all__ = [
    "datasets",
    "ensemble",
    "exceptions",
    "inspection",
    "losses",
    "metrics",
    "model_selection",
    "modules",
    "neural_network",
    "portfolio",
    "preprocessing",
    "submission",
    "utils",
]


def __dir__():
    return [*__all__, "__version__"]


# Subpackages are imported when first asked for: `import sknumerai` loads no torch.
def __getattr__(name):
    if name in __all__:
        return _importlib.import_module(f"sknumerai.{name}")
    raise AttributeError(f"module 'sknumerai' has no attribute {name!r}")
