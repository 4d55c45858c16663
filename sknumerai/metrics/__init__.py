"""Scores of the tournament, era by era, their summaries and scorers."""

__all__ = []
