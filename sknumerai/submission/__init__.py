"""From a fitted model to a file that Numerai runs."""

from sknumerai.submission._export import export_model

__all__ = ["export_model"]
