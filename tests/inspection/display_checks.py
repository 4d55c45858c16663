"""What every display is tested for."""

import pickle
import sys

import pytest


def check_pickle(display):
    """A pickle holds the data and neither the figure nor what drew it."""
    copy = pickle.loads(pickle.dumps(display))
    assert type(copy) is type(display)
    assert not hasattr(copy, "figure_")
    assert vars(copy).keys() == {k for k in vars(display) if not k.endswith("_")}
    return copy


def check_without_matplotlib(display, monkeypatch):
    """Drawing says which extra is missing."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        patch.setitem(sys.modules, "matplotlib.pyplot", None)
        with pytest.raises(ImportError) as caught:
            display.plot()
    name = type(display).__name__
    assert str(caught.value) == (
        f"{name}.plot needs matplotlib, which is not installed. Install it with: "
        "pip install 'sknumerai[plot]'"
    )


def check_axes(display, pyplot, n_panels):
    """It draws into the axes that it is given, and leaves pyplot as it was."""
    before = dict(pyplot.rcParams)
    figure, axes = pyplot.subplots(n_panels, squeeze=False)
    other = pyplot.figure()
    display.plot(ax=axes[:, 0] if n_panels > 1 else axes[0, 0])
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes[:, 0])
    assert display.ax_ is axes[0, 0]
    # one for all, also one that is in no grid
    for ax in (pyplot.figure().add_subplot(), pyplot.figure().add_axes([0, 0, 1, 1])):
        display.plot(ax=ax)
        assert len(display.axes_) == n_panels
        assert display.figure_ is ax.figure
        display.figure_.canvas.draw()
    assert pyplot.get_fignums() == [1, 2, 3, 4]
    assert other.number == 2
    assert dict(pyplot.rcParams) == before
    _, wrong = pyplot.subplots(n_panels + 1)
    with pytest.raises(ValueError, match=f"panels need as many axes.*{n_panels + 1}"):
        display.plot(ax=wrong)
    with pytest.raises(TypeError, match=r"ax must be a matplotlib Axes.*str"):
        display.plot(ax="axes")
