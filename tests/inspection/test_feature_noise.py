"""Noise on features: what each kind does to the values of an era."""

import numpy as np
import pytest

from sknumerai.inspection._feature_noise import KINDS, FeatureNoise


def noise_of(kind, values, level, feature_range=(0, 4), seed=0):
    noise = FeatureNoise(kind, feature_range)
    draws = noise.draw(np.random.default_rng(seed), *values.shape)
    noisy = values.copy()
    noise.add(noisy, level, draws)
    return noisy


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).integers(0, 5, (400, 600)).astype(np.int8)


def test_reversal_mirrors_whole_features(codes):
    noisy = noise_of("reversal", codes, 0.3)
    same = (noisy == codes).all(axis=0)
    mirrored = (noisy == 4 - codes).all(axis=0)
    assert (same ^ mirrored).all()
    assert 0.2 < mirrored.mean() < 0.4
    np.testing.assert_array_equal(noise_of("reversal", codes, 1.0), 4 - codes)


def test_shuffle_permutes_whole_features(codes):
    noisy = noise_of("shuffle", codes, 0.3)
    np.testing.assert_array_equal(np.sort(noisy, axis=0), np.sort(codes, axis=0))
    changed = (noisy != codes).any(axis=0)
    assert 0.2 < changed.mean() < 0.4
    # not all by the same permutation
    a, b = np.argsort(noisy[:, changed][:, :2], axis=0, kind="stable").T
    assert (a != b).any()


def test_swap_takes_values_of_other_rows(codes):
    column = np.arange(400, dtype=np.int16)[:, None].repeat(3, axis=1)
    noisy = noise_of("swap", column, 0.25)
    assert np.isin(noisy, column).all()
    assert 0.2 < (noisy != column).mean() < 0.3
    assert noise_of("swap", codes, 1.0).std() == pytest.approx(codes.std(), rel=0.01)


def test_missing_is_the_middle(codes):
    noisy = noise_of("missing", codes, 0.4)
    assert (noisy[noisy != codes] == 2).all()
    n_hit = (noisy != codes).sum() / (codes != 2).sum()
    assert 0.38 < n_hit < 0.42


def test_gaussian_noise_stays_in_codes():
    middle = np.full((500, 600), 50, dtype=np.int8)
    noisy = noise_of("gaussian", middle, 0.1, (0, 100))
    assert noisy.dtype == np.int8
    assert (noisy - 50.0).std() == pytest.approx(10, rel=0.01)
    floats = noise_of("gaussian", np.full((500, 6), 0.5), 0.5, (0.0, 1.0))
    assert floats.min() == 0 and floats.max() == 1
    assert noise_of("gaussian", middle, 5.0, (0, 100)).min() == 0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("limits", [(100, 127), (0, 127)])
def test_reversal_does_not_overflow(dtype, limits):
    values = np.linspace(*limits, 12).astype(dtype).reshape(4, 3)
    noisy = noise_of("reversal", values, 1.0, limits)
    np.testing.assert_allclose(
        noisy.astype(float), sum(limits) - values.astype(float), rtol=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_nested(kind, codes):
    low, high = (noise_of(kind, codes, level) for level in (0.1, 0.4))
    assert (low != codes).any()
    assert ((low != codes) <= (high != codes)).mean() > 0.99
    np.testing.assert_array_equal(noise_of(kind, codes, 0.0), codes)
