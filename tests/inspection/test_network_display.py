"""Drawings of networks."""

import pickle
import sys

import pytest
from torch import nn

from sknumerai.inspection import NetworkDisplay, network_summary
from sknumerai.inspection._network_layout import boxes_of, place
from sknumerai.modules import (
    MLP,
    ContextAwareEncoder,
    ConvAutoencoder,
    ConvSELUNet,
    DenseAutoencoder,
    NeutralizedMLP,
    SupervisedAutoencoder,
    TabM,
)

MODULES = {
    "sae": SupervisedAutoencoder(42, 2),
    "ranker": ContextAwareEncoder(42, n_blocks=3, linear_skip=True),
    "autoencoder": DenseAutoencoder(42),
    "conv": ConvSELUNet(42, 1),
    "gtruda": ConvAutoencoder(42, 1),
    "mlp": MLP(42, 1, n_levels=5, linear_skip=True),
    "neutral": NeutralizedMLP(42, 1),
    "tabm": TabM(42, 1, hidden_features=(8, 8), k=4, linear_skip=True),
    "one layer": nn.Linear(42, 1),
}


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("name", MODULES)
def test_boxes_hold_all_and_do_not_touch(name):
    summary = network_summary(MODULES[name])
    boxes = boxes_of(summary)
    numbers = [
        int(line.split()[0].replace(",", ""))
        for box in boxes
        for line in box.lines
        if line.endswith(" parameters")
    ]
    assert sum(numbers) == summary.n_parameters
    ways = place(boxes)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = (
                abs(a.x - b.x) >= (a.width + b.width) / 2
                or abs(a.y - b.y) >= (a.height + b.height) / 2
            )
            assert apart, (a, b)
    assert {(s, t) for s, t, _ in ways} == {
        (s, t) for t, box in enumerate(boxes) for s in box.sources
    }
    # all ways lead down
    for source, target, through in ways:
        heights = [boxes[source].y, *(y for _, y in through), boxes[target].y]
        assert heights == sorted(heights, reverse=True)


def test_branches_of_the_supervised_autoencoder():
    boxes = boxes_of(network_summary(MODULES["sae"]))
    named = {box.lines[0]: box for box in boxes}
    feeds = {
        name: [boxes[source].lines[0] for source in box.sources]
        for name, box in named.items()
    }
    assert feeds["concat"] == ["input_norm", "encoder.0"]
    assert feeds["decoder.1"] == ["encoder.0"]
    assert feeds["ae_head.hidden.0"] == ["decoder.1"]
    assert feeds["output 1"] == ["decoder.1"]
    assert feeds["output 2"] == ["ae_head.output"]
    assert feeds["output 3"] == ["mlp.output"]
    assert "Linear · BatchNorm · SiLU" in named["encoder.0"].lines


def test_a_layer_that_is_used_again_counts_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, X):
            return self.layer(self.layer(X))

    boxes = boxes_of(network_summary(Twice(), input_shape=6))
    assert [box.lines[0] for box in boxes] == ["features", "layer", "layer", "output"]
    assert sum("42 parameters" in box.lines for box in boxes) == 1


@pytest.mark.parametrize("name", MODULES)
def test_plot(name, pyplot):
    display = NetworkDisplay.from_estimator(MODULES[name])
    boxes = boxes_of(display.summary)
    written = [text.get_text() for text in display.ax_.texts]
    assert written == [line for box in boxes for line in box.lines]
    n_ways = sum(len(box.sources) for box in boxes)
    assert len(display.ax_.patches) == len(boxes) + n_ways
    assert f"{display.summary.n_parameters:,}" in display.ax_.get_title()
    # text lies within its box
    display.figure_.canvas.draw()
    drawn = display.ax_.patches[n_ways:]
    at = 0
    for box, patch in zip(boxes, drawn):
        frame = patch.get_window_extent()
        for text in display.ax_.texts[at : at + len(box.lines)]:
            extent = text.get_window_extent()
            assert frame.x0 <= extent.x0 and extent.x1 <= frame.x1, text
        at += len(box.lines)


def test_plot_into_an_axes(pyplot):
    figure, axes = pyplot.subplots(1, 2, figsize=(6, 3))
    display = NetworkDisplay.from_estimator(MODULES["sae"], ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert not axes[0].texts
    assert display.ax_.texts[0].get_fontsize() < 4
    assert len(pyplot.get_fignums()) == 1
    with pytest.raises(TypeError, match="must be a matplotlib Axes"):
        display.plot(ax="here")


def test_pickle(pyplot):
    display = NetworkDisplay.from_estimator(MODULES["mlp"])
    again = pickle.loads(pickle.dumps(display))
    assert not hasattr(again, "ax_")
    assert again.plot().ax_.get_title() == display.ax_.get_title()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sknumerai\[plot\]"):
        NetworkDisplay(network_summary(MODULES["mlp"])).plot()
