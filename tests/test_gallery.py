"""Pages of the gallery whose figures are results find what their text says.

That every page runs is what the documentation's build checks.
"""

import runpy
from pathlib import Path

import numpy as np
import pytest

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"


@pytest.fixture
def run():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield lambda page: runpy.run_path(str(GALLERY / page), run_name="__main__")
    pyplot.close("all")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_networks_of_the_ablations_learn_and_none_knows_too_much(run, capsys):
    names = run("plot_network_ablations.py")
    table, changes = names["table"], names["changes"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in [*table.index, *changes.index])
    assert np.isfinite(table[["mean", "+/-"]]).all(axis=None)
    assert table["mean"].drop("stable oracle").between(0.02, 0.5).all()
    assert (table["mean"].drop("stable oracle") < table["mean"].iloc[0]).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_beside_the_other_scores_little_is_left_of_corr(run):
    names = run("plot_contribution_proxies.py")
    table = names["synthetic"].importances
    assert names["synthetic"].held_out_r2 > 0.1
    best = table.loc[["MMC", "TB200", "FNC"], "importance"]
    assert table.loc["CORR", "importance"] < best.min()
    if "real" in names:
        assert names["real"].importances.index[0] == "fncV3"
