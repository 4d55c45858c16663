"""Linear algebra of one era against numpy and numerai-tools."""

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose, assert_array_equal

import sknumerai.utils._least_squares as least_squares_module
from sknumerai.utils import (
    least_squares_residuals,
    orthogonalize,
    pearson_correlation,
)

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 5, (400, 60)).astype(np.int8)
NOISE = RNG.normal(size=400)
Y = RNG.normal(size=(400, 3)) + CODES[:, :3]


def with_column(column, at=7):
    codes = CODES.copy()
    codes[:, at] = column
    return codes


DESIGNS = {
    "feature codes": CODES,
    "fractions": CODES / 4,
    "float32": (CODES / 4).astype(np.float32),
    "int64": CODES.astype(np.int64),
    "missing feature": with_column(2),
    "repeated feature": with_column(CODES[:, 0]),
    "reversed feature": with_column(4 - CODES[:, 0]),
    "sum of features": np.c_[CODES, CODES[:, :5].sum(axis=1)],
    "one-hot countries": np.c_[CODES, np.eye(5)[RNG.integers(0, 5, 400)]],
    "all repeated": np.c_[CODES, CODES],
    "alike features": np.c_[CODES, CODES[:, 0] + 1e-3 * NOISE],
    "nearly repeated": np.c_[CODES, CODES[:, 0] + 1e-5 * NOISE],
    "below the cut-off": np.c_[CODES, CODES[:, 0] + 1e-9 * NOISE],
    "rounding apart": np.c_[CODES, CODES[:, 0] + 1e-14 * NOISE],
    "scales apart": np.c_[CODES, 1e8 * NOISE],
    "far from zero": CODES + 1e9,
    "more features than rows": CODES[:40],
    "as many as rows": CODES[:61],
    "one feature": CODES[:, :1],
    "no feature": CODES[:, :0],
    "columns in memory": np.asfortranarray(CODES),
}


def reference(y, A, fit_intercept):
    A = A.astype(np.float64)
    if fit_intercept:
        A = np.c_[A, np.ones(len(A))]
    return y - A @ np.linalg.lstsq(A, y, rcond=1e-6)[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", DESIGNS)
def test_residuals_equal_lstsq(kind, fit_intercept):
    A = DESIGNS[kind]
    A.flags.writeable = False
    y = Y[: len(A)]
    got = least_squares_residuals(y, A, fit_intercept=fit_intercept)
    assert_allclose(got, reference(y, A, fit_intercept), atol=1e-11)


@pytest.mark.parametrize("kind", ["feature codes", "missing feature"])
@pytest.mark.parametrize("proportion", [0.0, 0.5, 1.0])
def test_residuals_equal_numerai_tools(kind, proportion):
    y, A = pd.DataFrame(Y), pd.DataFrame(DESIGNS[kind])
    expected = scoring.neutralize(y, A, proportion)
    got = least_squares_residuals(Y, DESIGNS[kind], proportion=proportion)
    assert_allclose(got, expected, atol=1e-11)


def test_a_vector_gives_the_residuals_of_a_column():
    both = least_squares_residuals(Y, CODES)
    one = least_squares_residuals(Y[:, 1], CODES)
    assert one.shape == (400,)
    assert_allclose(one, both[:, 1], atol=1e-13)


@pytest.mark.parametrize(
    "kind",
    [
        "feature codes",
        "missing feature",
        "repeated feature",
        "all repeated",
        "alike features",
    ],
)
def test_common_features_need_no_singular_values(monkeypatch, kind):
    def fail(*args, **kwargs):
        raise AssertionError("lstsq was called")

    expected = reference(Y, DESIGNS[kind], True)
    monkeypatch.setattr(np.linalg, "lstsq", fail)
    assert_allclose(least_squares_residuals(Y, DESIGNS[kind]), expected, atol=1e-11)


@pytest.mark.parametrize("condition", [1e2, 1e3, 3e4, 5e5, 1e8])
def test_ill_conditioned_features_equal_qr(condition):
    # beyond 1e5 the Gram matrix does not do; beyond 1e6 the reference cuts off
    rng = np.random.default_rng(0)
    left = np.linalg.qr(rng.normal(size=(400, 30)))[0]
    right = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    sizes = np.geomspace(1.0, 1 / condition, 30)
    kept = left[:, sizes > 1e-6]
    y = rng.normal(size=(400, 2)) + 1e3 * left[:, :1]
    expected = y - kept @ (kept.T @ y)
    got = least_squares_residuals(y, (left * sizes) @ right, fit_intercept=False)
    assert_allclose(got, expected, rtol=0, atol=1e-9)


def test_large_codes_are_not_summed_in_float32():
    # 127**2 * 2000 is beyond what float32 counts exactly
    A = RNG.integers(100, 128, (2000, 10)).astype(np.int8)
    y = RNG.normal(size=2000)
    assert_allclose(
        least_squares_residuals(y, A), reference(y, A, True), rtol=0, atol=1e-11
    )


def test_rows_that_do_not_match_raise():
    with pytest.raises(ValueError, match=r"got shapes \(400, 60\) and \(399, 3\)"):
        least_squares_residuals(Y[:-1], CODES)


@pytest.mark.filterwarnings("error")
def test_pearson_equals_numpy_for_all_shapes():
    a, b = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))
    expected = np.corrcoef(a.T, b.T)[:3, 3:]
    assert_allclose(pearson_correlation(a, b), expected, atol=1e-14)
    assert_allclose(pearson_correlation(a, b[:, 0]), expected[:, 0], atol=1e-14)
    assert_allclose(pearson_correlation(a[:, 0], b), expected[0], atol=1e-14)
    one = pearson_correlation(a[:, 0], b[:, 0])
    assert isinstance(one, float) and one == pytest.approx(expected[0, 0])
    scaled = pearson_correlation(1e-200 * a, 1e200 * b)
    assert_allclose(scaled, expected, atol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300, 1e-300])
def test_pearson_of_a_constant_is_nan_whatever_its_rounded_mean(constant):
    # the mean of seven times 0.1 is not 0.1
    assert np.isnan(pearson_correlation(np.full(7, constant), np.arange(7)))
    mixed = np.c_[np.arange(7), np.full(7, constant)]
    assert_array_equal(np.isnan(pearson_correlation(mixed, np.arange(7))), [0, 1])


@pytest.mark.filterwarnings("error")
def test_pearson_of_few_rows():
    assert np.isnan(pearson_correlation([1.0], [2.0]))
    assert np.isnan(pearson_correlation([], []))
    assert np.isnan(pearson_correlation(np.zeros((0, 2)), [])).tolist() == [True, True]
    with pytest.raises(ValueError, match="got 2 and 3"):
        pearson_correlation([1, 2], [1, 2, 3])


@pytest.mark.filterwarnings("error")
def test_orthogonalize_equals_numerai_tools():
    u = NOISE
    expected = scoring.orthogonalize(Y, u)
    assert_allclose(orthogonalize(Y, u), expected, atol=1e-13)
    assert_allclose(orthogonalize(Y[:, 0], u), expected[:, 0], atol=1e-13)
    assert np.isnan(orthogonalize(Y, np.zeros(400))).all()


def test_panels_of_wide_designs_equal_lstsq(monkeypatch):
    # several panels and blocks also of a small matrix
    monkeypatch.setattr(least_squares_module, "_WHOLE", 20)
    monkeypatch.setattr(least_squares_module, "_WIDTH", 17)
    monkeypatch.setattr(least_squares_module, "_BLOCK", 1000)
    for kind, A in DESIGNS.items():
        y = Y[: len(A)]
        expected = reference(y, A, True)
        assert_allclose(
            least_squares_residuals(y, A), expected, atol=1e-11, err_msg=kind
        )
