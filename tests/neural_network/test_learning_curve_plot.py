"""Learning curves, drawn while training goes on; no screen, no notebook needed."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sknumerai.neural_network import (
    DenoisingAutoencoder,
    EraScoring,
    LearningCurvePlot,
    MLPRegressor,
)
from tests.neural_network import tiny
from tests.neural_network.tiny import X, Y, output, target_for


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


def fit(*callbacks, Network=MLPRegressor, **params):
    params = {"max_epochs": 3, "lr": 0.01, "callbacks": list(callbacks), **params}
    return tiny.tiny(Network, **params).fit(X, target_for(Network))


def curves(plot):
    return {
        line.get_label(): line.get_ydata()
        for ax in plot.figure_.axes
        for line in ax.get_lines()
        if not line.get_label().startswith("_")
    }


def test_draws_the_history():
    plot = LearningCurvePlot()
    held_out = {"n_validation_eras": 3, "embargo": 0}
    model = fit(EraScoring(), plot, **held_out)
    drawn = curves(plot)
    assert set(drawn) == {"train_loss", "valid_loss", "train_corr", "valid_corr"}
    for name, values in drawn.items():
        np.testing.assert_array_equal(values, [row[name] for row in model.history_])
    labels = [ax.get_ylabel() for ax in plot.figure_.axes]
    assert labels == ["loss", "score"]
    (best,) = [
        line for line in plot.figure_.axes[0].get_lines() if line.get_linestyle() == ":"
    ]
    assert best.get_xdata()[0] == model.best_epoch_
    # a second fit begins anew
    model.fit(X, Y)
    assert len(curves(plot)["train_loss"]) == 3


def test_a_file_that_is_always_whole(tmp_path):
    path = tmp_path / "curves.png"
    seen = []

    class Watch(EraScoring):
        def on_epoch_end(self, net, **kwargs):
            seen.append(path.exists() and path.read_bytes()[:4] == b"\x89PNG")

    fit(LearningCurvePlot(path=path, every=2), Watch(), max_epochs=3)
    assert seen == [False, True, True]
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]
    fit(LearningCurvePlot(path=str(tmp_path / "c.svg")), max_epochs=1)
    assert (tmp_path / "c.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("Network", tiny.SIZES, ids=lambda Network: Network.__name__)
def test_every_network_is_drawn_and_not_changed(Network):
    plot = LearningCurvePlot(["train_loss"])
    model = fit(plot, Network=Network)
    losses = [row["train_loss"] for row in model.history_]
    np.testing.assert_array_equal(curves(plot)["train_loss"], losses)
    np.testing.assert_array_equal(output(model), output(fit(Network=Network)))


def test_stages_go_on_in_one_figure():
    plot = LearningCurvePlot()
    model = fit(plot, Network=DenoisingAutoencoder, max_epochs=2, n_noise_rounds=2)
    assert len(curves(plot)["train_loss"]) == len(model.history_) == 6


def test_a_notebook_gets_one_figure_that_changes(monkeypatch):
    shown, updated = [], []

    def display(figure, display_id):
        shown.append(figure)
        return SimpleNamespace(update=updated.append)

    shell = SimpleNamespace(kernel=None)
    ipython = SimpleNamespace(
        get_ipython=lambda: shell, display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    plot = LearningCurvePlot()
    fit(plot, max_epochs=3)
    assert shown == [plot.figure_] and updated == [plot.figure_] * 3
    monkeypatch.setattr(shell, "kernel", None)
    del shell.kernel  # IPython in a terminal
    fit(plot, max_epochs=1)
    assert len(shown) == 1


def test_no_backend_is_touched(matplotlib):
    sys.modules.pop("matplotlib.pyplot", None)
    fit(LearningCurvePlot(), max_epochs=1)
    assert "matplotlib.pyplot" not in sys.modules


def test_pickles_and_says_what_is_missing(monkeypatch):
    plot = LearningCurvePlot()
    model = fit(plot, max_epochs=1)
    pickle.loads(pickle.dumps(plot))
    assert pickle.loads(pickle.dumps(model)).callbacks is None
    with pytest.raises(ValueError, match="every must be an integer of at least 1"):
        fit(LearningCurvePlot(every=0))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"LearningCurvePlot needs matplotlib.*plot"):
        fit(LearningCurvePlot())
