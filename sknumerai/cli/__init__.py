"""The command line: ``sknumerai demo``, ``download``, ``train``, ``evaluate``."""

from sknumerai.cli._main import main

__all__ = ["main"]
