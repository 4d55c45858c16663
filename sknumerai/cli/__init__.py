"""The command line: ``sknumerai demo``, ``download``, ``plan``, ``train``..."""

from sknumerai.cli._main import main

__all__ = ["main"]
