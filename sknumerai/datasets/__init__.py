"""Data of the tournament: made, written, downloaded and loaded."""

__all__ = []
