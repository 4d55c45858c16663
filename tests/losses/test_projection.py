import numpy as np
import pytest
import torch

from sknumerai.losses._projection import neutral_residuals
from sknumerai.utils import least_squares_residuals


def features_of(kind, n, rng):
    F = rng.integers(5, size=(n, 10)).astype(float)
    if kind == "constant":
        F[:, 2] = 3
    elif kind == "twice":
        F[:, 7] = 4 - F[:, 1]
    elif kind == "linear":
        F[:, 5] = F[:, 0] + F[:, 1] - F[:, 2]
    elif kind == "nearly":
        F[:, 5] = F[:, 4] + 1e-4 * rng.normal(size=n)
    elif kind == "wide":
        F = rng.integers(5, size=(n, n + 30)).astype(float)
    elif kind == "none":
        F = F[:, :0]
    return F


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "kind", ["full", "constant", "twice", "linear", "nearly", "wide", "none"]
)
def test_against_least_squares_of_each_era(kind, fit_intercept):
    rng = np.random.default_rng(0)
    F, values = features_of(kind, 120, rng), rng.normal(size=(120, 2))
    groups = rng.integers(3, size=120)
    inside = rng.random((120, 2)) < 0.9
    out = neutral_residuals(
        *(torch.from_numpy(a) for a in (values, F, inside, groups)),
        fit_intercept=fit_intercept,
    ).numpy()
    for g in range(3):
        for j in range(2):
            rows = (groups == g) & inside[:, j]
            expected = least_squares_residuals(
                values[rows, j], F[rows], fit_intercept=fit_intercept
            )
            np.testing.assert_allclose(out[rows, j], expected, atol=1e-9)
    assert (out[~inside] == 0).all()


def test_nothing_is_left_where_features_explain_all():
    F = torch.randn(50, 3, dtype=torch.float64)
    values = F @ torch.ones(3, 1, dtype=torch.float64) + 2
    inside = torch.ones(50, 1, dtype=torch.bool)
    assert (neutral_residuals(values, F, inside, None) == 0).all()
