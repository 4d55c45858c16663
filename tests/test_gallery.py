"""The pages of the gallery run as plain scripts and draw what they promise."""

import runpy
from pathlib import Path

import numpy as np
import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "gallery").glob("plot_*.py"))


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


def test_pages_are_found():
    assert "plot_network_ablations" in {page.stem for page in PAGES}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(page, pyplot, capsys):
    names = runpy.run_path(str(page), run_name="__main__")
    assert pyplot.get_fignums()
    if page.stem == "plot_network_ablations":
        table, changes = names["table"], names["changes"]
        printed = capsys.readouterr().out
        assert all(name in printed for name in [*table.index, *changes.index])
        assert np.isfinite(table[["mean", "+/-"]]).all(axis=None)
        # all networks learn, and none knows more than can be known
        assert table["mean"].drop("stable oracle").between(0.02, 0.5).all()
        assert (table["mean"].drop("stable oracle") < table["mean"].iloc[0]).all()
