"""SplitDisplay: its embargo against a plain loop, and what it draws."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold

from sknumerai.exceptions import MissingErasError
from sknumerai.inspection import SplitDisplay
from sknumerai.model_selection import (
    CombinatorialPurgedGroupKFold,
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    split_table,
)
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)

ERAS = np.repeat(np.arange(1, 61), 2)
THREE_PARTS = GroupTimeSeriesSplit(
    3, test_size=6, valid_size=5, embargo=4, max_train_size=10
)


@pytest.fixture(scope="module")
def display():
    return SplitDisplay.from_splitter(THREE_PARTS, groups=ERAS, plot=False)


def drawn(ax, label):
    """Left and right edges of what has that label."""
    paths = [p for c in ax.collections if c.get_label() == label for p in c.get_paths()]
    return [(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for p in paths]


def test_the_table_is_split_tables(display):
    expected = split_table(THREE_PARTS, groups=ERAS)
    pd.testing.assert_frame_equal(display.table, expected)
    assert list(display.eras) == list(range(1, 61))


@pytest.mark.parametrize(
    "cv",
    [
        THREE_PARTS,
        GroupTimeSeriesSplit(4, embargo=3),
        PurgedGroupKFold(5, embargo=4),
        CombinatorialPurgedGroupKFold(5, 2, embargo=2),
        GroupKFold(4),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_the_embargo_lies_between_training_and_the_rest(cv):
    display = SplitDisplay.from_splitter(cv, groups=ERAS, plot=False)
    expected = []
    for split, runs in display.table.groupby("split"):
        part_of = {
            era: row.part
            for row in runs.itertuples()
            for era in range(row.first, row.last + 1)
        }
        taken = sorted(part_of)
        for a, b in zip(taken[:-1], taken[1:]):
            if b - a > 1 and {part_of[a], part_of[b]} != {"train"}:
                expected.append([split, a + 1, b - 1, b - a - 1])
    assert display.embargo.to_numpy().tolist() == expected
    assert (display.shared["n_eras"] == 0).all()


def test_what_is_drawn(display, pyplot):
    ax = display.plot().ax_
    table = display.table
    for part in ("train", "valid", "test"):
        runs = table[table["part"] == part]
        expected = list(zip(runs["first"] - 0.5, runs["last"] + 0.5))
        np.testing.assert_allclose(drawn(ax, part), expected)
    runs = display.embargo
    expected = list(zip(runs["first"] - 0.5, runs["last"] + 0.5))
    np.testing.assert_allclose(drawn(ax, "embargo"), expected)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["train", "embargo", "valid", "test"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("era", "split")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["0", "1", "2"]
    # the first split is the highest
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    display.figure_.canvas.draw()


def test_every_fourth_era_is_as_wide_as_four(pyplot):
    eras = [f"{n:04d}" for n in range(1, 81, 4)]
    display = SplitDisplay.from_splitter(
        GroupTimeSeriesSplit(2, embargo=8), groups=eras
    )
    test = display.table[display.table["part"] == "test"]
    expected = [(int(f) - 2, int(t) + 2) for f, t in zip(test["first"], test["last"])]
    np.testing.assert_allclose(drawn(display.ax_, "test"), expected)
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    ticks = [tick for tick in display.ax_.get_xticks() if low <= tick <= high]
    assert len(ticks) > 3 and all(tick == int(tick) for tick in ticks)


def test_eras_in_several_parts_have_lanes(pyplot):
    cv = KFold(3, shuffle=True, random_state=0)
    display = SplitDisplay.from_splitter(cv, groups=ERAS)
    assert (display.shared["n_eras"] > 0).all()
    heights = {
        name: {
            (p.vertices[:, 1].min().round(2), p.vertices[:, 1].max().round(2))
            for c in display.ax_.collections
            if c.get_label() == name
            for p in c.get_paths()
        }
        for name in ("train", "test")
    }
    assert heights["train"] == {(-0.4, 0.0), (0.6, 1.0), (1.6, 2.0)}
    assert heights["test"] == {(0.0, 0.4), (1.0, 1.4), (2.0, 2.4)}


def test_positions_and_numbers_are_splitters_too(pyplot):
    splits = [(np.arange(10), np.arange(20, 30)), (np.arange(20), np.arange(30, 40))]
    display = SplitDisplay.from_splitter(splits, groups=ERAS, plot=False)
    assert display.embargo.to_numpy().tolist() == [[0, 6, 10, 5], [1, 11, 15, 5]]
    y = pd.Series(0.5, pd.Index(ERAS, name="era"), name="target_ender_20")
    display = SplitDisplay.from_splitter(3, y=y, plot=False)
    assert display.embargo["n_eras"].tolist() == [8, 8, 8]


def test_many_splits_of_many_eras(pyplot):
    cv = GroupTimeSeriesSplit(60, test_size=15, embargo=8)
    display = SplitDisplay.from_splitter(cv, groups=np.arange(1, 1101))
    assert display.figure_.get_size_inches()[1] <= 12
    display.figure_.canvas.draw()
    assert len(display.ax_.get_yticklabels()) < 20


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 1)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.table, display.table)
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence():
    make = SplitDisplay.from_splitter
    with pytest.raises(ValueError, match="from_splitter needs rows to split"):
        make(KFold(2))
    with pytest.raises(MissingErasError, match="from_splitter needs the era"):
        make(KFold(2), np.zeros((4, 1)))
    with pytest.raises(TypeError, match="cv must be a number of splits, a splitter"):
        make("kfold", groups=ERAS)
    with pytest.raises(ValueError, match="cv holds no splits"):
        make([], groups=ERAS)


def test_a_hole_in_training_is_no_embargo():
    train, test = np.r_[0:10, 20:30], np.arange(40, 50)
    display = SplitDisplay.from_splitter([(train, test)], groups=ERAS, plot=False)
    assert display.embargo.to_numpy().tolist() == [[0, 16, 20, 5]]
