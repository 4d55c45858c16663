"""What a model predicts where its features are disturbed, and what it scores."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from sknumerai.metrics import era_scores
from sknumerai.metrics._scored_predictions import (
    as_predictions,
    count_not_finite,
    parameters_of,
    predict,
)
from sknumerai.utils import row_index

# Values of the features that are predicted at a time, or one era
_CHUNK = 2**22


def have_targets(eras, y):
    """Tell which eras have a target, as a mask of shape (n_eras,)."""
    known = pd.notna(np.asarray(y))
    return np.bincount(eras.codes, weights=known, minlength=eras.n_eras) > 0


class NoisyPredictions:
    """Predictions of the rows that are scored: those of eras that have a target.

    Parameters
    ----------
    estimator : object
        A fitted model.

    X : DataFrame or ndarray of shape (n_samples, n_features)
        Features, some eras of which are copied at a time.

    y : Series or ndarray of shape (n_samples,)
        Targets.

    eras : Eras
        The eras of the rows.

    noise : FeatureNoise
        What is done to the features.

    caller : str
        Name to begin messages with.
    """

    def __init__(self, estimator, X, y, eras, noise, caller):
        self.estimator, self.X, self.noise = estimator, X, noise
        self.caller = caller
        has_target = have_targets(eras, y)
        if not has_target.any():
            raise ValueError(f"{self.caller}: y has no target: nothing to score.")
        self.eras = [
            (int(number), rows)
            for number, rows, is_known in zip(eras.numbers, eras.rows(), has_target)
            if is_known
        ]
        self.labels = pd.Categorical.from_codes(eras.codes, eras.labels)
        self.known = None if has_target.all() else has_target[eras.codes]
        self.index = row_index(X, y)
        self.y = np.asarray(y)

    def predict(self, draws, seed, verbose):
        """Predict all rows without noise and with each draw of it, (n_rows, n_draws)."""
        predictions = None
        bar = tqdm(
            total=len(draws) * len(self.eras),
            desc=self.caller,
            unit="era",
            delay=2,
            disable=not verbose,
        )
        with bar:
            for eras in self._batches():
                rows = _joined([rows for _, rows in eras])
                part, values = self._take(rows)
                sizes = np.cumsum([0, *(_size(era_rows) for _, era_rows in eras)])
                spans = [slice(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
                drawn, last = None, None
                for column, (repeat, level) in enumerate(draws):
                    given = part
                    if level > 0:
                        if repeat != last:
                            drawn, last = self._draw(eras, spans, repeat, seed), repeat
                        given = self._disturbed(part, values, level, spans, drawn)
                    found = self._predict(given, rows, level)
                    if predictions is None:
                        shape = len(self.X), len(draws)
                        predictions = np.zeros(shape, found.dtype, order="F")
                    predictions[rows, column] = found
                    bar.update(len(eras))
        return predictions

    def score(self, metric, predictions, columns):
        """Score the eras, (n_eras, n_draws)."""
        kept = slice(None) if self.known is None else self.known
        y, labels = self.y[kept], self.labels[kept]
        index = None if self.index is None else self.index[kept]
        if index is not None:
            y = pd.Series(y, index=index, copy=False)
        models = pd.DataFrame(predictions[kept], index=index, copy=False)
        if {"groups", "aggregate"} <= set(parameters_of(metric)):
            scores = metric(y, models, groups=labels, aggregate=None)
        else:
            scores = era_scores(metric, y, models, groups=labels)
        return pd.DataFrame(scores.to_numpy(), index=scores.index, columns=columns)

    def _batches(self):
        """Yield some eras at a time, as many as fit."""
        batch, size = [], 0
        for number, rows in self.eras:
            n = _size(rows) * self.X.shape[1]
            if batch and size + n > _CHUNK:
                yield batch
                batch, size = [], 0
            batch.append((number, rows))
            size += n
        yield batch

    def _take(self, rows):
        """Some rows as they were given, and as an array."""
        part = self.X.iloc[rows] if isinstance(self.X, pd.DataFrame) else self.X[rows]
        values = np.asarray(part)
        if values.ndim != 2 or values.dtype.kind not in "iuf":
            raise ValueError(
                f"{self.caller}: X must be a table of numbers. Got {values.dtype} values in "
                f"{values.ndim} dimensions."
            )
        low, high = self.noise.low, self.noise.high
        if low is not None and values.size:
            least, most = np.nanmin(values), np.nanmax(values)
            if least < low or most > high:
                raise ValueError(
                    f"{self.caller}: X holds values from {least:g} to {most:g}, outside "
                    f"feature_range=({low:g}, {high:g}). Pass the least and the "
                    "largest value of your features as feature_range."
                )
        return part, values

    def _draw(self, eras, spans, repeat, seed):
        drawn = []
        for (number, _), span in zip(eras, spans):
            key = repeat, number % 2**63
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
            n_rows = span.stop - span.start
            drawn.append(self.noise.draw(rng, n_rows, self.X.shape[1]))
        return drawn

    def _disturbed(self, part, values, level, spans, drawn):
        noisy = np.array(values, order="C")
        for span, draws in zip(spans, drawn):
            self.noise.add(noisy[span], level, draws)
        if not isinstance(part, pd.DataFrame):
            return noisy
        return pd.DataFrame(noisy, part.index, part.columns, copy=False)

    def _predict(self, given, rows, level):
        labels = self.labels[rows]
        found = predict(self.estimator, given, np.asarray(labels))
        found = as_predictions(found, self.estimator, given, labels, self.caller)
        n_not_finite = count_not_finite(found)
        if n_not_finite:
            raise ValueError(
                f"{self.caller}: {type(self.estimator).__name__} predicts NaN or infinity "
                f"for {n_not_finite} of {len(found)} rows at a noise level of {level:g}. "
                "A model must predict every row."
            )
        return found


def _size(rows):
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _joined(parts):
    if isinstance(parts[0], slice) and len(parts) > 1:
        # eras without a target may lie between
        adjacent = all(a.stop == b.start for a, b in zip(parts[:-1], parts[1:]))
        if adjacent:
            return slice(parts[0].start, parts[-1].stop)
        parts = [np.arange(part.start, part.stop) for part in parts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
