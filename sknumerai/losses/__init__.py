"""Losses for torch, era-wise and masked."""

__all__ = []
