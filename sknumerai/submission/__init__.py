"""From a fitted model to a file that Numerai runs."""

__all__ = []
