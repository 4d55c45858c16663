"""Names, groups and sets of synthetic features, in the sizes of the official files."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

N_OFFICIAL_FEATURES = 3555
GROUPS = [
    "intelligence",
    "charisma",
    "strength",
    "dexterity",
    "constitution",
    "wisdom",
    "agility",
    "serenity",
    "sunshine",
    "rain",
    "midnight",
    "faith",
    "quantum",
]
# Features of v5.3 by the groups that they belong to: how many there are, in medium, in
# small, in both, in fncv3, in v2_equivalent and in v3_equivalent.
CELLS = [
    (("intelligence",), 30, 12, 2, 0, 12, 8, 30),
    (("charisma",), 230, 92, 2, 1, 92, 84, 230),
    (("strength",), 130, 52, 1, 1, 52, 38, 130),
    (("dexterity",), 51, 21, 4, 3, 20, 14, 50),
    (("constitution",), 325, 130, 2, 2, 130, 112, 325),
    (("wisdom",), 140, 56, 3, 1, 56, 46, 140),
    (("agility",), 145, 58, 2, 0, 6, 0, 15),
    (("serenity",), 75, 26, 1, 0, 26, 0, 65),
    (("sunshine",), 245, 98, 2, 1, 0, 0, 0),
    (("rain",), 666, 0, 20, 0, 0, 0, 0),
    (("midnight",), 244, 122, 0, 0, 0, 0, 0),
    (("faith",), 372, 75, 0, 0, 0, 0, 0),
    (("quantum",), 807, 0, 0, 0, 0, 0, 0),
    (("intelligence", "sunshine"), 5, 2, 0, 0, 0, 0, 0),
    (("charisma", "constitution"), 5, 2, 0, 0, 2, 2, 5),
    (("charisma", "sunshine"), 55, 22, 1, 1, 0, 0, 0),
    (("strength", "constitution"), 5, 2, 0, 0, 2, 0, 5),
    (("serenity", "sunshine"), 20, 8, 2, 1, 0, 0, 0),
    ((), 5, 2, 0, 0, 2, 0, 5),
]
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
# Decides which feature is in which set: the same for every random_state.
_LAYOUT_SEED = 53


@dataclass(frozen=True, eq=False)
class FeatureLayout:
    """Which features there are and what they belong to.

    Parameters
    ----------
    names : list of str
        Names in column order, sorted as in the official files.

    cell : ndarray of shape (n_features,)
        Row of ``CELLS`` of each feature.

    sets : dict of str to list of str
        The 19 feature sets, as in ``features.json``.

    order : ndarray of shape (n_features,)
        Columns by importance: the small set, the rest of medium, all others.
    """

    names: list
    cell: np.ndarray
    sets: dict
    order: np.ndarray

    def group_of(self):
        """Return the position of each feature's first group, -1 for none."""
        first = [GROUPS.index(cell[0][0]) if cell[0] else -1 for cell in CELLS]
        return np.array(first)[self.cell]


def make_layout(n_features):
    """Build the layout of `n_features` features.

    Parameters
    ----------
    n_features : int
        With 3,555 all sets have the official sizes; with fewer all scale down, small to
        at most a fifth and medium to at most half of the features.

    Returns
    -------
    layout : FeatureLayout
        Depends on `n_features` only.
    """
    rng = np.random.default_rng(_LAYOUT_SEED)
    names = _names(n_features)
    counts = np.array([cell[1:] for cell in CELLS])
    share = n_features / N_OFFICIAL_FEATURES
    sizes = _apportion(n_features, counts[:, 0], np.full(len(CELLS), n_features))
    n_medium = min(780, max(1, n_features // 2))
    n_small = min(42, max(1, n_features // 5))
    n_both = max(round(n_small * 11 / 42), n_small + n_medium - n_features)
    medium = _apportion(n_medium, counts[:, 1], sizes)
    both = _apportion(n_both, counts[:, 3], medium)
    only_small = _apportion(
        n_small - n_both, counts[:, 2] - counts[:, 3], sizes - medium
    )
    v3 = _apportion(round(1000 * share), counts[:, 6], sizes)
    fnc = _apportion(round(400 * share), counts[:, 4], np.minimum(medium, v3))
    v2 = _apportion(round(304 * share), counts[:, 5], fnc)

    cell = rng.permutation(np.repeat(np.arange(len(CELLS)), sizes))
    # place of each feature among those of its cell, in random order
    place = np.empty(n_features, dtype=np.int64)
    for c, size in enumerate(sizes):
        place[cell == c] = rng.permutation(size)
    in_medium = place < medium[cell]
    in_small = (place < both[cell]) | (place >= (sizes - only_small)[cell])
    masks = {
        "small": in_small,
        "medium": in_medium,
        "all": np.ones(n_features, dtype=bool),
        "v2_equivalent_features": place < v2[cell],
        "v3_equivalent_features": place < v3[cell],
        "fncv3_features": place < fnc[cell],
    }
    for group in GROUPS:
        masks[group] = np.array([group in c[0] for c in CELLS])[cell]
    sets = {k: [names[i] for i in np.flatnonzero(m)] for k, m in masks.items()}
    tier = np.where(in_small, 0, np.where(in_medium, 1, 2))
    shuffled = rng.permutation(n_features)
    order = shuffled[np.argsort(tier[shuffled], kind="stable")]
    return FeatureLayout(names, cell, sets, order)


def _apportion(total, weights, caps):
    """Split `total` in proportion to `weights`, at most `caps`: largest remainders."""
    weights = weights + 1e-9  # cells of weight 0 come last, they are not forbidden
    parts = np.zeros(len(weights), dtype=np.int64)
    total = min(total, int(caps.sum()))
    while (left := total - parts.sum()) > 0:
        open_ = parts < caps
        quota = left * (weights * open_) / (weights * open_).sum()
        step = np.minimum(np.floor(quota + 1e-6).astype(np.int64), caps - parts)
        if not step.any():
            ranked = np.argsort(-(quota - step) - open_, kind="stable")
            step[ranked[:left]] = 1
            step = np.minimum(step, caps - parts)
        parts += step
    return parts


def _names(n_features):
    """Three invented words for each feature; no real feature has such a name."""
    rng = np.random.default_rng(_LAYOUT_SEED + 1)
    syllables = [c + v for c in _CONSONANTS for v in _VOWELS]
    names = set()
    while len(names) < n_features:
        lengths = rng.integers(2, 4, size=3).tolist()
        picks = rng.integers(len(syllables), size=9).tolist()
        words = [
            "".join(syllables[k] for k in picks[3 * i : 3 * i + length])
            for i, length in enumerate(lengths)
        ]
        names.add("feature_" + "_".join(words))
    return sorted(names)
