"""A synthetic tournament: any of its eras, alone or beside others, the same."""

# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from sknumerai.datasets._codes import FeatureModel
from sknumerai.datasets._layout import make_layout
from sknumerai.datasets._random import MODELS, ROWS, stream
from sknumerai.datasets._signal import HORIZON_GAIN, NONLINEAR, SignalModel
from sknumerai.datasets._targets import (
    AUX_SIGNAL,
    CORRELATIONS,
    ReturnModel,
    bin_targets,
    expected_target,
)

BENCHMARK_NAMES = ["v53_lgbm_ender20", "v53_lgbm_ender60"]
META_MODEL_NAME = "numerai_meta_model"
# Rows of some eras, with a line between them. Eras 150, 250, 350, 450, 540, 650, 750,
# 850, 1050 and 1175 are set so that train and validation have as many rows as the
# official files, 2.75 and 4.11 million; the others are the official numbers.
_ROWS = {
    1: 2314,
    50: 3732,
    100: 4288,
    150: 5000,
    200: 5115,
    250: 5390,
    300: 5072,
    350: 5190,
    400: 4879,
    450: 4920,
    500: 4638,
    540: 5260,
    574: 5580,
    600: 5855,
    650: 5530,
    700: 5594,
    750: 5720,
    800: 6254,
    850: 6200,
    900: 6524,
    951: 7309,
    1000: 6874,
    1050: 6400,
    1100: 6220,
    1150: 6135,
    1175: 6320,
    1200: 6658,
    1231: 7058,
}
_MOST_ROWS = 7400
# CORR of the models that the official files hold, at signal=1
_MODEL_CORR = np.array([0.0209, 0.0225, 0.0221])
# Correlation of their scores before ranking (that of the ranks is 2% less): benchmarks
# for 20 and 60 days, meta model
_MODEL_CORRELATIONS = np.array(
    [[1.0, 0.852, 0.672], [0.852, 1.0, 0.672], [0.672, 0.672, 1.0]]
)
_BITS = 60


@dataclass(frozen=True, eq=False)
class EraData:
    """All that is known about one era; rows are in the order of `ids`.

    Parameters
    ----------
    number : int
        Era number.

    ids : list of str
        Sorted.

    codes : ndarray of shape (n_features, n_rows)
        int8.

    targets : ndarray of shape (n_targets, n_rows)
        float32, resolved.

    oracle, stable_oracle : ndarray of shape (n_rows,)
        Expectation of the first target with the era's own premia, and with mean premia.

    benchmark : ndarray of shape (2, n_rows)
        Ranks in (0, 1).

    meta_model : ndarray of shape (n_rows,)
        Ranks in (0, 1).
    """

    number: int
    ids: list
    codes: np.ndarray
    targets: np.ndarray
    oracle: np.ndarray
    stable_oracle: np.ndarray
    benchmark: np.ndarray
    meta_model: np.ndarray


class Tournament:
    """Draw eras of a synthetic tournament.

    Parameters
    ----------
    n_features : int
        Number of features.

    n_rows : int or "real"
        Rows of each era.

    targets : list of (str, int)
        Families and horizons, the main target first.

    signal : float
        Size of the signal, 1 for the real one.

    missing : float
        Share of features that the first eras lack.

    entropy : int
        What all random streams derive from.
    """

    def __init__(self, n_features, n_rows, targets, signal, missing, entropy):
        self.n_rows = n_rows
        self.targets = targets
        self.entropy = entropy
        self.layout = make_layout(n_features)
        n_stocks = _MOST_ROWS if n_rows == "real" else n_rows
        self.features = FeatureModel(self.layout, entropy, n_stocks)
        self.signal = SignalModel(self.features, self.layout, entropy, signal)
        self.returns = ReturnModel(entropy, n_stocks)
        self._missing_until = self._draw_missing(missing)
        self._own_terms = self._draw_own_terms()
        self._draw_models()

    def rows_of(self, era):
        """Return the number of rows of an era."""
        if self.n_rows != "real":
            return self.n_rows
        n = np.interp(era, list(_ROWS), list(_ROWS.values()))
        wiggle = stream(0, ROWS, era).normal(0, 30)
        return int(np.clip(n + wiggle, 2000, _MOST_ROWS))

    def prepare(self, last):
        """Draw the premia up to an era, so that threads only read them."""
        self.signal.premia(last, 60)
        self.features.correlation_path(last)

    def era(self, number):
        """Draw an era.

        Parameters
        ----------
        number : int
            Era number, from 1.

        Returns
        -------
        era : EraData
        """
        n = self.rows_of(number)
        ids, order = self._ids(number, n)
        codes = self.features.codes(number, n, order)
        codes[self._missing_until > number] = 2
        main = self.targets[0]
        horizons = list(dict.fromkeys(horizon for _, horizon in self.targets))
        context = self.signal.context(codes)
        weights = [self.signal.weigh(number, h, context) for h in horizons]
        weights.append((self.signal.linear, self.signal.weights))
        linear, terms = (np.stack(w) for w in zip(*weights))
        phi = self.signal.terms(codes)
        projected = _project(codes, np.concatenate([linear, self._error_linear]))
        *signals, stable = projected[: len(linear)] + terms.astype(np.float32) @ phi
        signals = dict(zip(horizons, signals))
        own = (self._own_terms @ phi) * np.float32(self.signal.signal)
        noise = self.returns.noise(self.targets, number, n)
        latent = np.empty((len(self.targets), n), dtype=np.float32)
        for k, (family, h) in enumerate(self.targets):
            latent[k] = self._mix(k, signals[h], own) + noise[family, h][order]
        gain = HORIZON_GAIN[main[1]] * self.signal.signal
        # the context is in the features of the era, so it is known without the premia
        seen = np.float32(context) * (
            self.signal.context_weights.astype(np.float32) @ phi
        )
        oracle, stable_oracle = (
            expected_target(self._mix(0, x, own))
            for x in (signals[main[1]], np.float32(gain) * (stable + seen))
        )
        ranks = self._predict(stable, phi, projected[len(linear) :])
        return EraData(
            number,
            ids,
            codes,
            bin_targets(latent),
            oracle,
            stable_oracle,
            ranks[:2],
            ranks[2],
        )

    def _mix(self, k, signal, own):
        """Signal of target `k`: an auxiliary one has a part of its own."""
        family, horizon = self.targets[k]
        if family == "ender":
            return signal
        rest = np.float32(np.sqrt(1 - AUX_SIGNAL**2) * HORIZON_GAIN[horizon])
        return np.float32(AUX_SIGNAL) * signal + rest * own[k]

    def _draw_own_terms(self):
        """Weights of each target's own part of the signal; those of ender are unused."""
        rows = []
        for family, _ in self.targets:
            rng = stream(self.entropy, MODELS, 1 + list(CORRELATIONS).index(family))
            x = rng.standard_normal(self.signal.n_terms)
            rows.append(NONLINEAR[0] * x / np.sqrt((x**2).sum()))
        return np.array(rows, dtype=np.float32)

    def _draw_models(self):
        """Weights of the benchmark models and the meta model.

        Each is a share of the stable signal and an error that is a function of the
        features too, as the error of a fitted model is.
        """
        attainable = 0.91 * self.signal.stable_sd / max(self.signal.signal, 1e-12)
        share = np.minimum(_MODEL_CORR / max(attainable, 1e-12), 0.8)
        error = np.sqrt(1 - share**2)
        rest = (_MODEL_CORRELATIONS - np.outer(share, share)) / np.outer(error, error)
        np.fill_diagonal(rest, 1.0)
        rng = stream(self.entropy, MODELS, 0)
        n, p = self.signal.n_terms, self.features.n_features
        shocks = np.linalg.cholesky(rest) @ rng.standard_normal((3, n + p))
        self._error_terms = shocks[:, :n] / np.sqrt(n)
        self._error_linear = shocks[:, n:] / np.sqrt(p)
        self._share = share

    def _predict(self, stable, phi, error_linear):
        n = len(stable)
        out = np.empty((3, n), dtype=np.float32)
        error_terms = self._error_terms.astype(np.float32) @ phi
        for k, c in enumerate(self._share):
            error = 0.63 * _unit(error_terms[k]) + 0.77 * _unit(error_linear[k])
            score = c * _unit(stable) + np.sqrt(1 - c**2) * _unit(error)
            out[k, np.argsort(score, kind="stable")] = (np.arange(n) + 0.5) / n
        return out

    def _draw_missing(self, share):
        """Number of the first era that has each feature.

        Of the features that some eras lack, a third begins within a year, a third
        within two, and the latest after eight.
        """
        rng = stream(self.entropy, MODELS, 100)
        p = self.features.n_features
        late = rng.random(p) < share
        at = rng.random(p)
        begin = np.interp(at, [0, 0.4, 0.7, 0.85, 1], [12, 60, 70, 123, 406])
        return np.where(late, np.round(begin).astype(np.int64) + 1, 0)

    def _ids(self, era, n):
        """Ids of an era, sorted, and the stock of each: a permutation of 60 bits."""
        mask = np.uint64(2**_BITS - 1)
        keys = stream(self.entropy, ROWS).integers(2**_BITS, size=4, dtype=np.uint64)
        x = np.uint64(era << 32) + np.arange(n, dtype=np.uint64)
        for key in keys:
            x = (x * (key | np.uint64(1)) + key) & mask
            x ^= x >> np.uint64(29)
        order = np.argsort(x)
        return [f"n{v:015x}" for v in x[order].tolist()], order


def _project(codes, weights):
    """Weighted sums of standardised codes, a few features at a time.

    The order of the sums does not depend on other eras, so an era stays the same.
    """
    weights = (weights / np.sqrt(2)).astype(np.float32)
    out = np.repeat(-2 * weights.sum(axis=1)[:, None], codes.shape[1], axis=1)
    for a in range(0, len(codes), 128):
        out += weights[:, a : a + 128] @ codes[a : a + 128].astype(np.float32)
    return out


def _unit(x):
    sd = x.std()
    return (x - x.mean()) / sd if sd > 0 else x - x.mean()
