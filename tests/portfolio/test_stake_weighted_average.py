"""The stake-weighted meta model against numerai-tools and a plain loop."""

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.portfolio import stake_weighted_average
from tests.metrics.assets_of_eras import make_signals


def make(seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    p = make_signals(rng, n_models=5, **kwargs)
    stakes = pd.Series(rng.lognormal(0, 2, 5), index=p.columns)
    return p, stakes


def test_equals_numerai_tools_and_the_row_weighted_mean():
    p, stakes = make()
    got = stake_weighted_average(p, stakes)
    assert_allclose(got, scoring.stake_weight(p, stakes), rtol=1e-12)
    assert got.index.equals(p.index)
    by_position = stake_weighted_average(p.to_numpy(), stakes.tolist())
    assert isinstance(by_position, np.ndarray)
    assert_allclose(by_position, got, rtol=1e-14)
    # by name, whatever the order; who is not named has no stake
    some = stakes.iloc[[3, 0]]
    expected = scoring.stake_weight(p, some)
    assert_allclose(stake_weighted_average(p, some), expected, rtol=1e-12)
    assert_allclose(stake_weighted_average(p, some.to_dict()), expected, rtol=1e-12)


def test_gaps_are_left_out_or_filled():
    p, stakes = make(1)
    p.iloc[::7, 1] = np.nan
    p.iloc[::11, 4] = np.nan
    p.iloc[5] = np.nan
    zero = stake_weighted_average(p, stakes, fill_value=0)
    assert_allclose(zero, scoring.stake_weight(p, stakes), rtol=1e-12)
    got = stake_weighted_average(p, stakes)
    for i in range(30):
        has = p.iloc[i].notna().to_numpy()
        if has.any():
            expected = np.average(p.iloc[i][has], weights=stakes[has])
            assert_allclose(got.iloc[i], expected, rtol=1e-12)
        else:
            assert np.isnan(got.iloc[i])
    # gaps of a model without a stake do not matter
    stakes["model_1"] = 0
    filled = p.assign(model_1=p["model_1"].fillna(0.9))
    assert_allclose(
        stake_weighted_average(p, stakes), stake_weighted_average(filled, stakes)
    )


@pytest.mark.parametrize("ranks", ["uniform", "gaussian"])
def test_ranks_are_of_each_era(ranks):
    p, stakes = make(2)
    p = 3 * p + p.index.get_level_values("era").to_numpy()[:, None]
    got = stake_weighted_average(p, stakes, ranks=ranks)
    for e in p.index.unique("era"):
        part = p.xs(e, level="era").sort_index()
        ranked = scoring.tie_kept_rank(part)
        if ranks == "gaussian":
            ranked = pd.DataFrame(stats.norm.ppf(ranked), part.index, part.columns)
        expected = scoring.stake_weight(ranked, stakes)
        assert_allclose(got.xs(e, level="era").loc[part.index], expected, atol=1e-12)
    order = np.random.default_rng(0).permutation(len(p))
    shuffled = stake_weighted_average(p.iloc[order], stakes, ranks=ranks)
    assert_allclose(shuffled, got.iloc[order], atol=1e-14)


def test_stakes_of_each_era():
    p, _ = make(3)
    eras = p.index.unique("era").sort_values()
    rng = np.random.default_rng(0)
    stakes = pd.DataFrame(rng.random((len(eras), 5)), eras.astype(str), p.columns)
    got = stake_weighted_average(p, stakes)
    for e in eras:
        expected = scoring.stake_weight(p.xs(e, level="era"), stakes.loc[str(e)])
        assert_allclose(got.xs(e, level="era"), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="no row for era 20260905"):
        stake_weighted_average(p, stakes.iloc[:-1])
    with pytest.raises(ValueError, match="two rows for the same era"):
        stake_weighted_average(p, stakes.iloc[[0, 0]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-310, 1e-12, 1e9, 1e307])
def test_only_proportions_matter_however_large(scale):
    p, _ = make(4)
    stakes = np.array([1.0, 2.0, 0.0, 4.0, 8.0])
    expected = stake_weighted_average(p, stakes)
    assert_allclose(stake_weighted_average(p, stakes * scale), expected, rtol=1e-9)


def test_live_rows_and_one_era():
    p, stakes = make(5, n_eras=1)
    live = p.rename(index={20260900: "X"}, level="era")
    assert_allclose(
        stake_weighted_average(live, stakes), stake_weighted_average(p, stakes)
    )
    groups = np.repeat(["0001", "0002"], 60)
    got = stake_weighted_average(p.to_numpy(), stakes, groups=groups, ranks="uniform")
    again = stake_weighted_average(p.to_numpy()[:60], stakes, ranks="uniform")
    assert_allclose(got[:60], again)


@pytest.mark.parametrize(
    "stakes, message",
    [
        ([0, 0, 0, 0, 0], "no model has a stake in era 20260900"),
        ([1, 1, -1, 0, 0], "must not be negative. Got -1"),
        ([1, np.nan, 1, 1, 1], "1 stakes are NaN or infinite"),
        ([1, np.inf, 1, 1, 1], "1 stakes are NaN or infinite"),
        ([1, 1], "2 stakes for 5 models"),
        (3.0, "stakes must have shape"),
        ({"model_1": 1, "modle_2": 1}, r"without predictions \(\['modle_2'\]\)"),
    ],
)
def test_stakes_that_mean_nothing_are_refused(stakes, message):
    p, _ = make(6)
    with pytest.raises(ValueError, match=message):
        stake_weighted_average(p, stakes)


def test_other_input_that_means_nothing_is_refused():
    p, stakes = make(7)
    with pytest.raises(ValueError, match="must have shape"):
        stake_weighted_average(p["model_0"], [1])
    with pytest.raises(ValueError, match="2 predictions are infinite"):
        stake_weighted_average(p.mask(p == p.iloc[0, 0], np.inf).iloc[:, :1], [1])
    with pytest.raises(ValueError, match="ranks must be 'uniform'"):
        stake_weighted_average(p, stakes, ranks="normal")
    with pytest.raises(ValueError, match="fill_value must be a finite number"):
        stake_weighted_average(p, stakes, fill_value=np.nan)
    twice = p.set_axis(["a", "a", "b", "c", "d"], axis=1)
    with pytest.raises(ValueError, match="the model 'a' more than once"):
        stake_weighted_average(twice, pd.Series(1, index=["a"]))
