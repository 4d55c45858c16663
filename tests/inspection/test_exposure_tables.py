"""Exposures summed up by era and by feature."""

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection import _exposure_tables
from sknumerai.inspection._exposure_tables import exposure_tables
from sknumerai.metrics import feature_exposures


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(1, 10), range(30)], names=["era", "id"])
    X = rng.integers(0, 5, (len(index), 6)).astype(np.int8)
    X[:30, 2] = 1
    models = rng.normal(size=(len(index), 3))
    return (
        pd.DataFrame(X, index).add_prefix("f"),
        pd.DataFrame(models, index, list("abc")),
    )


def test_sums_are_those_of_a_plain_loop(rows):
    X, models = rows
    by_era, by_feature = exposure_tables(None, models, X, models.columns, n_eras=9)
    for model in models:
        for feature in X:
            exposures = {}
            for era in range(1, 10):
                values = X.loc[era, feature]
                if values.nunique() > 1:
                    exposures[era] = models.loc[era, model].corr(values)
            found = pd.Series(exposures)
            row = by_feature.loc[feature, model]
            assert row["n_eras"] == len(found) == (8 if feature == "f2" else 9)
            assert row["mean"] == pytest.approx(found.mean())
            assert row["std"] == pytest.approx(found.std(ddof=0))
            assert row["low"] == pytest.approx(found.quantile(0.05))
            assert row["high"] == pytest.approx(found.quantile(0.95))
            assert row["largest"] == pytest.approx(found[found.abs().idxmax()])
        for era in range(1, 10):
            found = X.loc[era].corrwith(models.loc[era, model]).dropna()
            row = by_era.loc[era, model]
            assert row["max"] == pytest.approx(found.abs().max())
            assert row["rms"] == pytest.approx(np.sqrt((found**2).mean()))


def test_models_take_turns_where_there_are_many(rows, monkeypatch):
    X, models = rows
    expected = exposure_tables(None, models, X, models.columns, n_eras=9)
    monkeypatch.setattr(_exposure_tables, "_MAX_BYTES", 2 * 8 * 9 * 6)
    calls = []

    def count(y_true, y_pred, *args, **kwargs):
        calls.append(y_pred.shape[1])
        return feature_exposures(y_true, y_pred, *args, **kwargs)

    monkeypatch.setattr(_exposure_tables, "feature_exposures", count)
    found = exposure_tables(None, models, X, models.columns, n_eras=9)
    assert calls == [2, 1]
    for a, b in zip(found, expected):
        pd.testing.assert_frame_equal(a, b)
