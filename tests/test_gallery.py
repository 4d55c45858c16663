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
    found = {page.stem for page in PAGES}
    assert found >= {"plot_contribution_proxies", "plot_network_ablations"}


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
    if page.stem == "plot_contribution_proxies":
        table = names["synthetic"].importances
        assert names["synthetic"].held_out_r2 > 0.1
        # beside the others little is left of CORR
        best = table.loc[["MMC", "TB200", "FNC"], "importance"]
        assert table.loc["CORR", "importance"] < best.min()
        if "real" in names:
            assert names["real"].importances.index[0] == "fncV3"
