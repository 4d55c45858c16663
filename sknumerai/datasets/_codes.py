"""The features of an era: a Gaussian factor model cut into exact quintiles."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.datasets._layout import GROUPS
from sknumerai.datasets._random import (
    COPIES,
    CORRELATION,
    FACTORS,
    LOADINGS,
    NOISE,
    REFERENCE_ERA,
    REFERENCE_ROWS,
    ar1,
    stream,
)

# By importance, features are as the official small set, as medium, or as the others.
TIERS = (42, 811)
N_COMMON = 3
PER_GROUP = 2
# Stocks keep their features for about half a year: new ones are drawn every 26 eras.
KNOT = 26
QUINTILES = (0.2, 0.4, 0.6, 0.8)
# Size of a group's own factor: its square is the mean |correlation| within the group.
_GROUP_STRENGTH = {"wisdom": 0.52, "agility": 0.50, "dexterity": 0.62}
_KEPT_KNOTS = 4
# Features and stocks that are drawn at a time: together they fit into a core's cache
_BLOCK, _CHUNK = 64, 1024


class FeatureModel:
    """Codes 0 to 4 of any era.

    Features are linear in common and group factors, about half of the less important
    ones are noisy copies of others. Factors and noise of a stock turn slowly, so stocks
    keep most of their codes from one era to the next. The correlation of two common
    factors drifts: that is the part of an era that only its cross-section shows.

    Parameters
    ----------
    layout : FeatureLayout
        Names and groups.

    entropy : int
        What all random streams derive from.

    n_stocks : int
        The most rows that an era can have.
    """

    def __init__(self, layout, entropy, n_stocks):
        self.entropy = entropy
        self.n_stocks = n_stocks
        self.n_features = len(layout.names)
        self._draw_loadings(layout.group_of())
        self._draw_copies(layout)
        self._correlations = None
        self._knots = {}

    def _draw_loadings(self, group):
        rng = stream(self.entropy, LOADINGS)
        p, n_factors = self.n_features, N_COMMON + PER_GROUP * len(GROUPS)
        L = np.zeros((p, n_factors))
        L[:, 0] = rng.laplace(0, 0.27, p)
        L[:, 1:N_COMMON] = rng.laplace(0, 0.15, (p, N_COMMON - 1))
        sign = rng.choice([-1.0, 1.0], p)
        own = rng.uniform(0.7, 1.3, p) * sign
        second = rng.laplace(0, 0.19, p)
        strength = np.array([_GROUP_STRENGTH.get(g, 0.30) for g in GROUPS])
        rows = np.flatnonzero(group >= 0)
        at = N_COMMON + PER_GROUP * group[rows]
        L[rows, at] = own[rows] * strength[group[rows]]
        L[rows, at + 1] = second[rows]
        communality = (L**2).sum(axis=1)
        L *= np.sqrt(np.minimum(1, 0.9 / np.maximum(communality, 1e-12)))[:, None]
        self.loadings = L.astype(np.float32)
        self.unique = np.sqrt(1 - (L**2).sum(axis=1)).astype(np.float32)

    def _draw_copies(self, layout):
        """Choose parents: a copy is rho * parent + noise."""
        rng = stream(self.entropy, COPIES)
        group, p = layout.group_of(), self.n_features
        chance, level, pick = rng.random(p), rng.random(p), rng.random(p)
        self.parent = np.full(p, -1)
        self.rho = np.zeros(p, dtype=np.float32)
        originals, by_group = [], {}
        for i, j in enumerate(layout.order.tolist()):
            tier = int(np.searchsorted(TIERS, i, side="right"))
            share, low, high = [
                (0.12, 0.6, 0.82),
                (0.3, 0.6, 0.998),
                (0.65, 0.85, 0.998),
            ][tier]
            candidates = by_group.get(group[j]) or originals
            if chance[i] < share and candidates:
                self.parent[j] = candidates[int(pick[i] * len(candidates))]
                self.rho[j] = low + (high - low) * level[i]
            elif tier < 2:
                originals.append(j)
                by_group.setdefault(group[j], []).append(j)
        self.base = np.flatnonzero(self.parent < 0)
        self.copy = np.flatnonzero(self.parent >= 0)
        self._place = np.empty(p, dtype=np.int64)
        self._place[self.base] = np.arange(len(self.base))

    def codes(self, era, n_rows, order=None):
        """Draw the features of an era.

        Parameters
        ----------
        era : int
            Era number.

        n_rows : int
            Number of stocks.

        order : ndarray of shape (n_rows,) or None
            Order of the rows; by default that of the stocks.

        Returns
        -------
        codes : ndarray of shape (n_features, n_rows)
            int8, each row with exact quintiles.
        """
        factors = self._factors(era, n_rows)
        out = np.empty((self.n_features, n_rows), dtype=np.int8)
        base = np.empty((len(self.base), n_rows), dtype=np.float32)
        noise = self._noise_streams(era, n_rows)
        for start in range(0, len(self.base), _BLOCK):
            cols = self.base[start : start + _BLOCK]
            z = base[start : start + _BLOCK]
            np.matmul(self.loadings[cols], factors, out=z)
            _add_noise(z, self.unique[cols], noise)
            out[cols] = _take(exact_bins(z, QUINTILES), order)
        for start in range(0, len(self.copy), _BLOCK):
            cols = self.copy[start : start + _BLOCK]
            rho = self.rho[cols]
            z = base[self._place[self.parent[cols]]]
            z *= rho[:, None]
            _add_noise(z, np.sqrt(1 - rho**2), noise)
            out[cols] = _take(exact_bins(z, QUINTILES), order)
        return out

    def correlation_path(self, n_eras):
        """Return the drifting correlation of the second and third factor, by era."""
        if self._correlations is None or len(self._correlations) <= n_eras:
            shocks = stream(self.entropy, CORRELATION).standard_normal(n_eras + 1024)
            self._correlations = 0.9 * np.tanh(0.6 * ar1(shocks, 0.9))
        return self._correlations

    def _factors(self, era, n_rows):
        f = sum(w * self._knot(knot)[:, :n_rows] for knot, w in _turn(era))
        rho = self.correlation_path(era)[era] if era < REFERENCE_ERA else 0.0
        rho = np.float32(rho)
        f[2] = rho * f[1] + np.sqrt(1 - rho**2) * f[2]
        return f

    def _knot(self, knot):
        """Return the factors at a knot; 26 eras share two of them."""
        f = self._knots.get(knot)
        if f is None:
            rng = stream(self.entropy, FACTORS, knot)
            shape = (self.loadings.shape[1], max(self.n_stocks, REFERENCE_ROWS))
            f = rng.standard_normal(shape, dtype=np.float32)
            while len(self._knots) >= _KEPT_KNOTS:
                # threads share the dictionary: another one may have been faster
                self._knots.pop(next(iter(self._knots), None), None)
            self._knots[knot] = f
        return f

    def _noise_streams(self, era, n_rows):
        """Open the streams of the two knots, one for each chunk of stocks."""
        return [
            (stream(self.entropy, NOISE, knot, chunk).bit_generator, weight, chunk)
            for chunk in range(-(-n_rows // _CHUNK))
            for knot, weight in _turn(era)
        ]


def _turn(era):
    """Return the knots around an era and their weights, of unit length."""
    knot, step = divmod(era, KNOT)
    angle = 0.5 * np.pi * step / KNOT
    turn = [(knot, np.float32(np.cos(angle)))]
    return [*turn, (knot + 1, np.float32(np.sin(angle)))] if step else turn


def _add_noise(z, scale, noise):
    # uniform on 16 bits: codes are ranks, so the shape of the noise does not show
    unit = (np.sqrt(12) / 65536 * scale).astype(np.float32)
    for bits, weight, chunk in noise:
        part = z[:, chunk * _CHUNK : (chunk + 1) * _CHUNK]
        raw = bits.random_raw(len(z) * _CHUNK // 4).view(np.uint16)
        raw = raw.reshape(len(z), _CHUNK)[:, : part.shape[1]]
        part += np.multiply(raw, (weight * unit)[:, None], dtype=np.float32)


def _take(codes, order):
    return codes if order is None else np.take(codes, order, axis=1)


def cut_positions(n, quantiles):
    """Return how many of `n` rows lie below each quantile, as pandas.qcut has it."""
    return [int(np.floor(q * (n - 1))) + 1 for q in quantiles]


def exact_bins(z, quantiles):
    """Cut each row of `z` into bins whose sizes do not depend on its values.

    Parameters
    ----------
    z : ndarray of shape (n_rows, n_values)
        float32. Ranked on 16 bits between a row's extremes; ties go by position.

    quantiles : tuple of float
        Increasing.

    Returns
    -------
    bins : ndarray of shape (n_rows, n_values)
        int8, 0 to ``len(quantiles)``.
    """
    low, high = z.min(axis=1, keepdims=True), z.max(axis=1, keepdims=True)
    scale = np.float32(65535) / np.maximum(high - low, np.float32(1e-30))
    level = ((z - low) * scale).astype(np.uint16)
    # a radix sort: four times as fast as a partition of floats
    ranked = np.sort(level, axis=1, kind="stable")
    bins = np.zeros(z.shape, dtype=np.int8)
    for cut in cut_positions(z.shape[1], quantiles):
        if cut >= z.shape[1]:
            continue
        edge = ranked[:, cut, None]
        above = level >= edge
        tied = np.flatnonzero(ranked[:, cut - 1] == edge[:, 0])
        if len(tied):
            _split_ties(above, level, ranked, tied, cut)
        bins += above.view(np.int8)
    return bins


def _split_ties(above, level, ranked, tied, cut):
    """Let the first of the values that tie across a cut go below it."""
    n = level.shape[1]
    edge = ranked[tied, cut]
    lower = [np.searchsorted(ranked[i], e) for i, e in zip(tied.tolist(), edge)]
    at = np.flatnonzero(level[tied] == edge[:, None])
    rows = at // n
    starts = np.searchsorted(rows, np.arange(len(tied)))
    first = np.arange(len(rows)) - starts[rows] < (cut - np.array(lower))[rows]
    above[tied[rows[first]], (at % n)[first]] = False
