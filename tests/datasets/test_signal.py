"""Premia and terms: what the features of an era say."""

import numpy as np
import pytest

from sknumerai.datasets._codes import FeatureModel
from sknumerai.datasets._layout import make_layout
from sknumerai.datasets._signal import SignalModel


def make_signal(n_features=42, signal=1.0, seed=0, n_stocks=2000):
    layout = make_layout(n_features)
    features = FeatureModel(layout, seed, n_stocks)
    return features, SignalModel(features, layout, seed, signal)


def test_a_longer_path_begins_with_the_shorter():
    _, short = make_signal()
    _, long = make_signal()
    long.premia(900, 60)
    for horizon in (20, 60):
        for a, b in zip(short.premia(5, horizon), long.premia(5, horizon)):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_premia_of_a_target_average_its_weeks():
    _, model = make_signal()
    long = model.premia(10, 60)[2]
    parts = [model.premia(era, 20)[2] for era in (10, 14, 18)]
    np.testing.assert_allclose(long, np.mean(parts, axis=0))


def test_strength_is_common_to_four_weeks_and_then_forgotten():
    _, model = make_signal()
    h = np.array([model.premia(era, 20)[0] for era in range(1, 1200)])
    assert h.std() == pytest.approx(0.55, abs=0.06)
    acf = [np.corrcoef(h[lag:], h[:-lag])[0, 1] for lag in (1, 2, 5)]
    np.testing.assert_allclose(acf, [0.75, 0.5, 0.05], atol=0.12)


def test_context_sees_the_correlation_that_drifts():
    features, model = make_signal()
    eras = range(1, 400, 9)
    seen = [model.context(features.codes(era, 2000)) for era in eras]
    path = features.correlation_path(400)[list(eras)]
    assert np.corrcoef(seen, path)[0, 1] > 0.8
    # sometimes up, sometimes down: on average it says nothing to a model of single rows
    assert np.min(seen) < -0.3 < 0.3 < np.max(seen)


def test_context_changes_what_a_row_is_worth():
    _, model = make_signal()
    low, high = (model.weigh(7, 20, context)[1] for context in (-1.0, 1.0))
    np.testing.assert_allclose(high - low, 2 * model.context_weights)


@pytest.mark.parametrize("n_features", [1, 2, 3, 42, 300])
def test_stable_signal_has_its_size(n_features):
    features, model = make_signal(n_features)
    assert 0.005 < model.stable_sd < 0.06
    assert model.terms(features.codes(3, 50)).shape == (model.n_terms, 50)
    # ten times the signal, ten times its standard deviation
    assert make_signal(n_features, 10.0)[1].stable_sd == pytest.approx(
        10 * model.stable_sd
    )


def test_more_features_know_more():
    sizes = [
        np.mean([make_signal(p, seed=s)[1].stable_sd for s in range(3)])
        for p in (42, 200, 780)
    ]
    assert sizes == sorted(sizes)


def test_terms_are_functions_of_one_or_two_features():
    features, model = make_signal(20)
    codes = features.codes(3, 500)
    terms = model.terms(codes)
    for k in range(model.n_terms):
        i, j = model.first[k], model.second[k]
        expected = model.tables[k, 0][codes[i]]
        if j >= 0:
            expected = expected * model.tables[k, 1][codes[j]]
        np.testing.assert_allclose(terms[k], expected, rtol=1e-6)
    assert (model.second < 0).any() and (model.second >= 0).any()
