"""residualize_target: what a benchmark does not know."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sknumerai.preprocessing import neutralize, residualize_target


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [["0001", "0002", "0003"], range(50)], names=["era", "id"]
    )
    y = pd.Series(rng.choice([0, 0.25, 0.5, 0.75, 1], size=150), index=index, name="t")
    by = pd.DataFrame(rng.normal(size=(150, 2)), index=index, columns=["a", "b"])
    by["a"] += y
    return y, by


@pytest.mark.parametrize("proportion", [1.0, 0.4, 0.0])
def test_the_fit_goes_and_the_mean_stays(data, proportion):
    y, by = data
    found = residualize_target(
        y, by.sample(frac=1, random_state=0), proportion=proportion
    )
    for era in ("0001", "0002", "0003"):
        A = np.column_stack([by.loc[era], np.ones(50)])
        fit = A @ np.linalg.lstsq(A, y[era], rcond=None)[0]
        expected = y[era] - proportion * (fit - fit.mean())
        assert_allclose(found[era], expected, atol=1e-10)
        assert found[era].mean() == pytest.approx(y[era].mean())
    assert found.name == "t"


def test_nothing_of_the_benchmark_is_left(data):
    y, by = data
    found = residualize_target(y, by["a"])
    for era in ("0001", "0002", "0003"):
        assert np.corrcoef(found[era], by.loc[era, "a"])[0, 1] == pytest.approx(
            0, abs=1e-9
        )
    centered = found - found.groupby(level="era").transform("mean")
    assert_allclose(centered, neutralize(y, by[["a"]]), atol=1e-10)


def test_rows_without_a_benchmark_or_a_target_are_nan_and_out_of_the_fit(data):
    y, by = data
    short = by.drop(index="0001", level="era").iloc[5:].copy()
    short.iloc[3, 1] = np.nan
    unknown = y.copy()
    unknown.iloc[70:80] = np.nan
    found = residualize_target(unknown, short)
    kept = unknown.notna() & y.index.isin(short.dropna().index)
    assert found.notna().equals(kept)
    expected = residualize_target(y[kept], by[kept])
    assert_allclose(found[kept], expected, atol=1e-12)


def test_several_targets_with_gaps_of_their_own(data):
    y, by = data
    Y = pd.DataFrame({"t": y, "u": 1 - y})
    Y.iloc[10:20, 1] = np.nan
    found = residualize_target(Y, by)
    assert_allclose(found["t"], residualize_target(y, by), atol=1e-12)
    known = Y["u"].notna()
    assert found["u"].notna().equals(known)
    expected = residualize_target(Y.loc[known, "u"], by[known])
    assert_allclose(found.loc[known, "u"], expected, atol=1e-12)


def test_arrays_and_eras(data):
    y, by = data
    eras = y.index.get_level_values("era")
    found = residualize_target(y.to_numpy(), by.to_numpy(), groups=eras)
    assert_allclose(found, residualize_target(y, by), atol=1e-12)


def test_bad_input_is_named(data):
    y, by = data
    with pytest.raises(ValueError, match="proportion must be from 0"):
        residualize_target(y, by, proportion=2)
    with pytest.raises(TypeError, match="one number"):
        residualize_target(y, by, proportion=[0.5])
    with pytest.raises(ValueError, match="y has 150 rows and by has 9"):
        residualize_target(y.to_numpy(), by.to_numpy()[:9])
    with pytest.raises(ValueError, match="no row of y is in by"):
        residualize_target(y, by.rename(index=lambda label: f"z{label}"))


def test_targets_by_id_alone_have_the_eras_of_the_benchmark(data):
    y, by = data
    index = pd.Index([f"id{i}" for i in range(len(y))], name="id")
    era = y.index.get_level_values("era")
    both = pd.MultiIndex.from_arrays([era, index], names=["era", "id"])
    named, known = by.set_axis(both), y.set_axis(index)
    found = residualize_target(known, named)
    assert_allclose(found, residualize_target(y, by), atol=1e-12)
    with pytest.raises(ValueError, match="has no eras, and 5 of its rows"):
        residualize_target(known, named.iloc[5:])
