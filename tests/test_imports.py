"""Importing is cheap, and needs torch and skorch only where they are used."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "statement, absent",
    [
        ("import sknumerai", "torch"),
        ("import sknumerai.utils", "torch"),
        ("import sknumerai.metrics", "torch"),
        ("import sknumerai.datasets", "torch"),
        ("import sknumerai.model_selection", "torch"),
        ("import sknumerai.neural_network", "skorch"),
        ("import sknumerai.submission", "torch"),
        ("import sknumerai.inspection", "torch"),
        ("import sknumerai.inspection", "interpret"),
        ("import sknumerai.inspection", "matplotlib"),
        ("import sknumerai.portfolio", "cvxpy"),
    ],
)
def test_heavy_packages_are_imported_where_used(statement, absent):
    code = f"import sys; {statement}; sys.exit({absent!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_subpackages_are_attributes():
    import sknumerai

    assert set(sknumerai.__all__) <= set(dir(sknumerai))
    assert sknumerai.metrics.numerai_corr_score
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sknumerai.nonsense
