"""Splitters that keep eras whole and know how far targets reach."""

__all__ = []
