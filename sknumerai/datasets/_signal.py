"""What features say about returns: terms, and premia that drift from week to week."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from sknumerai.datasets._codes import TIERS
from sknumerai.datasets._random import (
    PREMIA,
    REFERENCE_ERA,
    REFERENCE_ROWS,
    TERMS,
    ar1,
    stream,
)

# Weeks whose returns a target sums.
WEEKS = {20: 4, 60: 12}
# Parts of the signal: standard deviation within an era at signal=1, in units of the
# noise; for the features of the small set, then what the rest of medium and the rest add.
LINEAR = (0.0125, 0.0190, 0.0050)
NONLINEAR = (0.0270, 0.0420, 0.0120)
CONTEXT = 0.008
DRIFT_LINEAR = 0.028
DRIFT_NONLINEAR = 0.02
# Size of the common ups and downs of all stable premia, over 4 weeks
STRENGTH_SD = 0.55
# A longer horizon sees more of the signal, but less than its weeks times more
HORIZON_GAIN = {20: 1.0, 60: 1.25}
N_TERMS = (40, 50, 40)
_SLOW = 0.86
N_PAIRS = 8


class SignalModel:
    """The part of the latent return that features explain.

    The latent return of a row is ``signal + noise`` with noise of unit variance, and

    ``signal = (1 + strength) * (linear + terms) + drift + context``

    where `linear` weighs all features, `terms` are products of functions of one or two
    features, `strength` and the weights of `drift` are moving averages of weekly premia,
    and `context` depends on a correlation between features in the era.

    Parameters
    ----------
    features : FeatureModel
        Draws the sample on which the parts are scaled.

    layout : FeatureLayout
        Order of importance.

    entropy : int
        What all random streams derive from.

    signal : float
        Multiplies stable premia and context; drifting premia grow with its square root.
    """

    def __init__(self, features, layout, entropy, signal):
        self.entropy = entropy
        self.signal = signal
        self.n_features = len(layout.names)
        self._draw_terms(layout)
        self._draw_linear(features, layout)
        self._scale(features)
        self._paths = None

    def _draw_terms(self, layout):
        rng = stream(self.entropy, TERMS)
        first, second, tables, weights = [], [], [], []
        for tier, (a, b) in enumerate(_tier_bounds(self.n_features)):
            full = [TIERS[0], TIERS[1] - TIERS[0], 2744][tier]
            share = min(1.0, (b - a) / full)
            n = max(2, round(N_TERMS[tier] * share**0.5))
            i = layout.order[rng.integers(a, b, n)]
            j = layout.order[rng.integers(0 if tier else a, b, n)]
            alone = (rng.random(n) < 0.4) | (i == j)
            first.append(i)
            second.append(np.where(alone, -1, j))
            size = rng.laplace(size=n)
            size *= NONLINEAR[tier] * share**0.25 / np.sqrt((size**2).sum())
            weights.append(size)
            for one in alone:
                tables.append(_curve(rng) if one else _pair(rng))
        self.first, self.second = np.concatenate(first), np.concatenate(second)
        self.tables = np.array(tables, dtype=np.float32)
        self.weights = np.concatenate(weights)
        self.n_terms = len(self.weights)
        size = rng.standard_normal(self.n_terms)
        self.context_weights = CONTEXT * size / np.sqrt((size**2).sum())

    def _draw_linear(self, features, layout):
        rng = stream(self.entropy, TERMS, 1)
        linear = np.zeros((3, self.n_features))
        for tier, (a, b) in enumerate(_tier_bounds(self.n_features)):
            cols = layout.order[a:b]
            linear[tier, cols] = rng.standard_normal(b - a)
        self._linear_parts = linear
        # premia of factors: portfolios of all features by their loadings
        self.factors = features.loadings.astype(np.float64).T
        self.factors = self.factors[np.abs(self.factors).sum(axis=1) > 0]
        loads = features.loadings[:, 1:3]
        pick = [np.argsort(-np.abs(loads[:, k]), kind="stable") for k in (0, 1)]
        n = min(N_PAIRS, self.n_features // 2)
        self.pair_a, self.pair_b = pick[0][:n], pick[1][:n]
        a, b = loads[self.pair_a, 0], loads[self.pair_b, 1]
        self.pair_sign = np.sign(a) * np.sign(b)
        self.pair_scale = 0.45 * np.abs(a * b).mean() if n else 1.0

    def _scale(self, features):
        """Give each part its standard deviation, on a sample of its own."""
        codes = features.codes(REFERENCE_ERA, REFERENCE_ROWS)
        X = (codes.astype(np.float32) - 2) / np.float32(np.sqrt(2))
        sd = np.maximum((self._linear_parts.astype("f4") @ X).std(axis=1), 1e-6)
        size = [
            LINEAR[k] * min(1.0, (b - a) / [42, 769, 2744][k]) ** 0.25
            for k, (a, b) in enumerate(_tier_bounds(self.n_features))
        ]
        size = np.array(size + [0.0] * (3 - len(size)))
        self.linear = ((size / sd)[:, None] * self._linear_parts).sum(axis=0)
        sd = np.maximum((self.factors.astype("f4") @ X).std(axis=1), 1e-6)
        n = len(self.factors)
        self.factors *= (DRIFT_LINEAR / np.sqrt(n) / sd)[:, None]
        self.stable_sd = float(
            (self.linear @ X + self.weights @ self.terms(codes)).std() * self.signal
        )

    def terms(self, codes):
        """Return the values of all terms, shape (n_terms, n_rows)."""
        out = np.empty((self.n_terms, codes.shape[1]), dtype=np.float32)
        for k in range(self.n_terms):
            i, j = self.first[k], self.second[k]
            if j < 0:
                np.take(self.tables[k, 0], codes[i], out=out[k], mode="clip")
            else:
                out[k] = self.tables[k, 0][codes[i]] * self.tables[k, 1][codes[j]]
        return out

    def context(self, codes):
        """Return the state of an era that its cross-section shows, about -2 to 2."""
        if not len(self.pair_a):
            return 0.0
        a = (codes[self.pair_a] - np.float32(2)) / 2
        b = (codes[self.pair_b] - np.float32(2)) * self.pair_sign[:, None]
        return float(np.clip((a * b).mean() / self.pair_scale, -3, 3))

    def premia(self, era, horizon):
        """Return (strength, factor premia, drifts of terms) of an era's target."""
        weeks = WEEKS[horizon]
        path = self._path(era + max(WEEKS.values()))
        mean = path[era : era + weeks].mean(axis=0)
        n = len(self.factors)
        return mean[0], mean[1 : 1 + n], mean[1 + n :]

    def weigh(self, era, horizon, context):
        """Return the weights of an era: on standardised features and on terms.

        Parameters
        ----------
        era : int
            Era number.

        horizon : {20, 60}
            Days of the target.

        context : float
            From :meth:`context`.

        Returns
        -------
        linear : ndarray of shape (n_features,)
            Weights on standardised codes.

        terms : ndarray of shape (n_terms,)
            Weights on :meth:`terms`.
        """
        strength, factors, drift = self.premia(era, horizon)
        stable = self.signal * HORIZON_GAIN[horizon]
        drifting = np.sqrt(self.signal) * HORIZON_GAIN[horizon]
        linear = stable * (1 + strength) * self.linear
        linear = linear + drifting * (factors @ self.factors)
        terms = stable * (1 + strength) * self.weights + drifting * drift
        terms = terms + stable * context * self.context_weights
        return linear, terms

    def _path(self, n_weeks):
        """Weekly premia, drawn in one go; a longer path begins with the shorter."""
        if self._paths is None or len(self._paths) < n_weeks:
            n_weeks += 64
            n = len(self.factors)
            rng = stream(self.entropy, PREMIA)
            x = rng.standard_normal((n_weeks, 1 + n + self.n_terms))
            # strength: fast, with a slow part of a twentieth of the variance
            slow = ar1(stream(self.entropy, PREMIA, 1).standard_normal(n_weeks), 0.97)
            weekly = 2 * np.sqrt(0.95) * x[:, 0] + np.sqrt(0.05) * slow
            x[:, 0] = STRENGTH_SD * weekly
            x[:, 1:] = ar1(x[:, 1:], _SLOW)
            x[:, 1 + n :] *= DRIFT_NONLINEAR / np.sqrt(self.n_terms)
            self._paths = x
        return self._paths


def _tier_bounds(n_features):
    bounds = [0, *(min(t, n_features) for t in TIERS), n_features]
    return [(a, b) for a, b in zip(bounds[:-1], bounds[1:]) if b > a]


def _curve(rng):
    """A function of one feature that no line follows: mean 0, variance 1."""
    x = np.arange(5) - 2.0
    y = rng.standard_normal(5) * 0.6 + rng.choice([-1, 1]) * (x**2 - 2) / 2
    y -= y.mean() + x * (x @ y) / 10
    return [y / y.std(), np.ones(5)]


def _pair(rng):
    """Two functions whose product is the term: lines with a random bend."""
    tables = []
    for _ in range(2):
        y = (np.arange(5) - 2.0) / np.sqrt(2) + 0.6 * rng.standard_normal(5)
        y -= y.mean()
        tables.append(y / y.std())
    return tables
