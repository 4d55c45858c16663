"""Targets: overlapping sums of weekly noise, cut into exact bins."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy.special import ndtr, ndtri

from sknumerai.datasets._codes import cut_positions, exact_bins
from sknumerai.datasets._random import RETURNS, stream
from sknumerai.datasets._signal import WEEKS

BIN_EDGES = (0.05, 0.25, 0.75, 0.95)
# Correlation of each 20-day target with target_ender_20. Where no measurement is known
# the value lies amid the others.
CORRELATIONS = {
    "agnes": 0.677,
    "alpha": 0.697,
    "bravo": 0.702,
    "caroline": 0.746,
    "charlie": 0.699,
    "claudia": 0.761,
    "cyrusd": 0.757,
    "delta": 0.709,
    "echo": 0.728,
    "ender": 1.0,
    "jasper": 0.795,
    "jeremy": 0.733,
    "ralph": 0.763,
    "rowan": 0.749,
    "sam": 0.743,
    "teager2b": 0.793,
    "tyler": 0.660,
    "victor": 0.741,
    "waldo": 0.756,
    "xerxes": 0.756,
}
ENDER_20_60 = 0.464
# What the other targets share among themselves beyond ender, as a share of variance
_COMMON_REST = 0.08
# Weeks of single series in memory: those of one era with all targets, and some more
_KEPT_WEEKS = 400
# How much of an auxiliary target's signal is the main one's
AUX_SIGNAL = 0.8
ALIASES = ("ender_20", "ender_60")
TARGET_NAMES = [f"target_{n}_{h}" for n in CORRELATIONS for h in WEEKS] + ["target"]


def resolve_target(name, alias):
    """Return (family, horizon) of a target's name."""
    if name == "target":
        name = f"target_{alias}"
    _, family, horizon = name.split("_")
    return family, int(horizon)


def latent_correlation(binned):
    """Return the correlation of normal variables whose bins correlate as given.

    The correlation of the bins is a power series in that of the variables (their Hermite
    expansion); it is inverted by interpolation.

    Parameters
    ----------
    binned : array-like of float
        Correlations of bins, 0 to 1.

    Returns
    -------
    latent : ndarray of float
    """
    edges = ndtri(np.array(BIN_EDGES))
    density = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    previous, current = np.zeros(4), np.ones(4)
    weights = [0.0]
    for n in range(1, 60):
        weights.append((density @ current) ** 2 / n)
        # normalised Hermite polynomials by their recurrence
        following = (edges * current - np.sqrt(n - 1) * previous) / np.sqrt(n)
        previous, current = current, following
    variance = 0.8  # of the bins 0 to 4; above 0.98 the series converges too slowly
    grid = np.linspace(0, 0.98, 99)
    value = np.polynomial.polynomial.polyval(grid, np.array(weights) / variance)
    return np.interp(binned, [*value, 1.0], [*grid, 1.0])


class ReturnModel:
    """Noise of every target: sums of weekly returns that overlap from era to era.

    Parameters
    ----------
    entropy : int
        What all random streams derive from.

    n_stocks : int
        The most rows that an era can have.
    """

    def __init__(self, entropy, n_stocks):
        self.entropy = entropy
        self.n_stocks = n_stocks
        self._families = list(CORRELATIONS)
        self._weeks = {}
        latent = latent_correlation([*CORRELATIONS.values(), ENDER_20_60])
        self._latent = dict(zip(CORRELATIONS, latent))
        self._ender_60 = latent[-1] / np.sqrt(WEEKS[20] / WEEKS[60])

    def noise(self, targets, era, n_rows):
        """Return the noise of some targets, unit variance.

        Parameters
        ----------
        targets : list of (str, int)
            Families and horizons.

        era : int
            Era number.

        n_rows : int
            Number of stocks.

        Returns
        -------
        noise : dict of (str, int) to ndarray of shape (n_rows,)
        """
        totals = {}

        def total(series, horizon):
            key = (series, horizon)
            if key not in totals:
                weeks = range(era, era + WEEKS[horizon])
                x = sum(self._week(series, week)[:n_rows] for week in weeks)
                totals[key] = x / np.float32(np.sqrt(WEEKS[horizon]))
            return totals[key]

        out = {}
        for family, horizon in targets:
            x = total(0, horizon)
            if horizon == 60:
                c = self._ender_60
                x = c * x + np.sqrt(1 - c**2) * total(1, 60)
            if family != "ender":
                c = self._latent[family]
                rest = np.sqrt(_COMMON_REST) * total(2, horizon)
                own = total(3 + self._families.index(family), horizon)
                rest = rest + np.sqrt(1 - _COMMON_REST) * own
                x = c * x + np.sqrt(1 - c**2) * rest
            out[family, horizon] = x
        return out

    def _week(self, series, week):
        """Return a week's noise; neighbouring eras share it, so it is kept a while."""
        key = (series, week)
        x = self._weeks.get(key)
        if x is None:
            rng = stream(self.entropy, RETURNS, series, week)
            x = rng.standard_normal(self.n_stocks, dtype=np.float32)
            while len(self._weeks) >= _KEPT_WEEKS:
                # threads share the dictionary: another one may have been faster
                self._weeks.pop(next(iter(self._weeks), None), None)
            self._weeks[key] = x
        return x


def bin_targets(latent):
    """Cut latent returns into 0, 0.25, 0.5, 0.75 and 1: 5, 20, 50, 20 and 5 percent.

    Parameters
    ----------
    latent : ndarray of shape (n_targets, n_rows)
        One era.

    Returns
    -------
    targets : ndarray of shape (n_targets, n_rows)
        float32.
    """
    return exact_bins(latent.astype(np.float32), BIN_EDGES) * np.float32(0.25)


def expected_target(signal):
    """Return the conditional expectation of a binned target of one era.

    Parameters
    ----------
    signal : ndarray of shape (n_rows,)
        Conditional mean of the latent return, whose noise is standard normal.

    Returns
    -------
    expectation : ndarray of shape (n_rows,)
        float32; its mean is that of the bins.
    """
    signal = np.asarray(signal, dtype=np.float64)
    n = len(signal)
    spread = np.sqrt(1 + signal.var())
    out = np.zeros(n)
    for cut in cut_positions(n, BIN_EDGES):
        share = 1 - min(cut, n) / n
        if share <= 0:
            continue
        edge = signal.mean() + spread * ndtri(1 - share)
        for _ in range(20):
            above = ndtr(signal - edge)
            slope = np.exp(-((signal - edge) ** 2) / 2).mean() / np.sqrt(2 * np.pi)
            step = (above.mean() - share) / slope
            edge += np.clip(step, -spread, spread)
            if abs(step) < 1e-9:
                break
        out += 0.25 * ndtr(signal - edge)
    return out.astype(np.float32)
