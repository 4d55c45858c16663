"""Targets: bins, correlations, overlap, and their conditional expectation."""

import numpy as np
import pytest
from scipy.stats import norm

from sknumerai.datasets._targets import (
    CORRELATIONS,
    ENDER_20_60,
    TARGET_NAMES,
    ReturnModel,
    bin_targets,
    expected_target,
    latent_correlation,
)


def test_there_are_the_41_targets():
    assert len(TARGET_NAMES) == 41
    assert TARGET_NAMES[-1] == "target"


def test_latent_correlation_gives_the_binned_one():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 1_000_000)).astype(np.float32)
    for r in (0.464, 0.795):
        rho = latent_correlation(r)
        binned = bin_targets(np.stack([a, rho * a + np.sqrt(1 - rho**2) * b]))
        assert np.corrcoef(binned)[0, 1] == pytest.approx(r, abs=0.003)


def test_correlations_of_targets_are_the_real_ones():
    model = ReturnModel(0, 20_000)
    pairs = [("ender", 20), ("ender", 60), ("jasper", 20), ("tyler", 20)]
    pairs += [("teager2b", 20), ("teager2b", 60), ("jasper", 60)]
    R = 0
    for era in range(0, 240, 16):
        noise = model.noise(pairs, era, 20_000)
        R = R + np.corrcoef(bin_targets(np.stack(list(noise.values())))) / 15
    expected = [1, ENDER_20_60, *(CORRELATIONS[p[0]] for p in pairs[2:5])]
    np.testing.assert_allclose(R[0, :5], expected, atol=0.01)
    assert 0.35 < R[0, 5] < 0.44  # other 60-day targets with ender_20: .36 to .43
    assert R[1, 5] == pytest.approx(0.793, abs=0.02)
    assert R[5, 6] == pytest.approx(0.707, abs=0.03)
    assert R[2, 4] == pytest.approx(0.702, abs=0.03)


def test_noise_overlaps_by_its_weeks():
    model = ReturnModel(0, 50_000)
    for horizon, weeks in ((20, 4), (60, 12)):
        pair = ("jasper", horizon)
        first = model.noise([pair], 100, 50_000)[pair]
        assert first.std() == pytest.approx(1, abs=0.02)
        for lag in (1, 3, weeks - 1, weeks, weeks + 3):
            other = model.noise([pair], 100 + lag, 50_000)[pair]
            expected = max(0, 1 - lag / weeks)
            assert np.corrcoef(first, other)[0, 1] == pytest.approx(expected, abs=0.02)


def test_expected_target_is_the_mean_over_draws():
    rng = np.random.default_rng(0)
    for size in (0.05, 1.0):
        signal = size * rng.standard_normal(2000)
        draws = [
            bin_targets((signal + rng.standard_normal((200, 2000))).astype("f4"))
            for _ in range(10)
        ]
        mean = np.concatenate(draws).mean(axis=0)
        expected = expected_target(signal)
        assert expected.mean() == pytest.approx(0.5, abs=1e-6)
        z = (mean - expected) / (0.2236 / np.sqrt(2000))
        assert np.abs(z).max() < 5
        assert z.std() < 1.1


def test_expected_target_of_no_signal_is_the_mean_of_the_bins():
    np.testing.assert_allclose(expected_target(np.zeros(100)), 0.5, atol=1e-6)
    big = expected_target(norm.ppf((np.arange(500) + 0.5) / 500) * 50)
    assert big.min() >= 0 and big.max() <= 1 and (np.diff(big) >= -1e-6).all()
