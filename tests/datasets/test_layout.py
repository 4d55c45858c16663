"""Sizes of the feature sets, against the official file where there is one."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from sknumerai.datasets._layout import CELLS, GROUPS, _apportion, make_layout

DATA = os.environ.get("SKNUMERAI_TEST_DATA")


def test_full_size_has_the_official_set_sizes():
    sets = make_layout(3555).sets
    sizes = {name: len(features) for name, features in sets.items()}
    assert (sizes["all"], sizes["medium"], sizes["small"]) == (3555, 780, 42)
    assert (sizes["v2_equivalent_features"], sizes["fncv3_features"]) == (304, 400)
    assert (sizes["quantum"], sizes["faith"], sizes["rain"]) == (807, 372, 666)
    assert len(set(sets["small"]) & set(sets["medium"])) == 11
    assert not set(sets["medium"]) & (set(sets["rain"]) | set(sets["quantum"]))
    assert set(sets["fncv3_features"]) <= set(sets["medium"])


@pytest.mark.skipif(not DATA, reason="SKNUMERAI_TEST_DATA is not set")
def test_full_size_agrees_with_the_official_file():
    official = json.loads(Path(DATA, "v53_features.json").read_text())["feature_sets"]
    ours = make_layout(3555).sets
    assert {k: len(v) for k, v in ours.items()} == {
        k: len(v) for k, v in official.items()
    }
    for a in ("small", "medium"):
        for b in GROUPS:
            assert len(set(ours[a]) & set(ours[b])) == len(
                set(official[a]) & set(official[b])
            )
    assert not set(ours["all"]) & set(official["all"]), "a real name was made up"
    assert ours["all"] == sorted(ours["all"])


@pytest.mark.parametrize("n_features", [1, 2, 3, 5, 8, 13, 20, 42, 100, 780, 2000])
def test_fewer_features_scale_the_sets_down(n_features):
    layout = make_layout(n_features)
    sets = layout.sets
    assert len(set(layout.names)) == n_features == len(sets["all"])
    assert len(sets["small"]) == min(42, max(1, n_features // 5))
    assert len(sets["medium"]) == min(780, max(1, n_features // 2))
    assert sorted(layout.order) == list(range(n_features))
    first = {layout.names[i] for i in layout.order[: len(sets["small"])]}
    assert first == set(sets["small"])
    if n_features >= 20:
        assert sum(len(sets[g]) > 0 for g in GROUPS) >= 7


def test_layout_does_not_depend_on_chance():
    a, b = make_layout(50), make_layout(50)
    assert a.names == b.names and a.sets == b.sets


def test_apportion_is_exact_and_keeps_to_the_caps():
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = rng.integers(0, 20, len(CELLS))
        caps = rng.integers(0, 10, len(CELLS))
        total = int(rng.integers(0, caps.sum() + 5))
        parts = _apportion(total, weights, caps)
        assert (parts >= 0).all() and (parts <= caps).all()
        assert parts.sum() == min(total, caps.sum())
