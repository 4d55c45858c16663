"""Third inputs of metrics: how rows are matched and how much they must cover."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sknumerai.exceptions import MissingErasError
from sknumerai.metrics import (
    bmc_score,
    fnc_score,
    max_feature_exposure,
    mmc_score,
    neutralized_weights,
)

N_ERAS, N_ROWS = 5, 30


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_arrays(
        [
            np.repeat([f"{era:04d}" for era in range(8, 8 + N_ERAS)], N_ROWS),
            [f"n{i:06d}" for i in rng.permutation(N_ERAS * N_ROWS)],
        ],
        names=["era", "id"],
    )
    y = pd.Series(rng.integers(0, 5, len(index)) / 4, index=index, name="target")
    p = pd.Series(rng.normal(size=len(index)), index=index, name="p")
    meta = pd.Series(rng.normal(size=len(index)), index=index, name="meta")
    return y, p, meta


def test_labels_are_matched_in_any_order_and_number(rows):
    y, p, meta = rows
    expected = mmc_score(y, p, meta.to_numpy(), aggregate=None)
    more = pd.concat([meta, pd.Series([0.5], index=[("0001", "other")])])
    more.index = pd.MultiIndex.from_tuples(more.index, names=["era", "id"])
    for other in (
        meta.sample(frac=1, random_state=0),
        more.sample(frac=1, random_state=1),
        meta.droplevel("era").sample(frac=1, random_state=2),
        meta.reorder_levels(["id", "era"]).sort_index(),
        meta.to_frame(),
        meta.astype("Float64"),
    ):
        assert_array_equal(mmc_score(y, p, other, aggregate=None), expected)
    # ids say the row, however the eras are written
    renamed = meta.rename(index=lambda era: f"era{int(era)}", level="era")
    assert_array_equal(mmc_score(y, p, renamed, aggregate=None), expected)


def test_rows_of_the_era_alone_are_matched_by_id(rows):
    y, p, meta = rows
    era = y.index.get_level_values("era") == "0009"
    plain = y[era].droplevel("era"), p[era].droplevel("era")
    assert mmc_score(*plain, meta) == mmc_score(y[era], p[era], meta[era])


def test_assets_that_stay_are_matched_by_era_and_id(rows):
    y, p, meta = rows
    index = pd.MultiIndex.from_product(
        [["0001", "0002", "0003", "0004", "0005"], [f"T{i}" for i in range(N_ROWS)]],
        names=["era", "ticker"],
    )
    y, p, meta = (part.set_axis(index) for part in rows)
    expected = mmc_score(y, p, meta.to_numpy(), aggregate=None)
    shuffled = meta.sample(frac=1, random_state=0)
    assert_array_equal(mmc_score(y, p, shuffled, aggregate=None), expected)


def test_assets_without_eras_are_not_matched_to_all_eras(rows):
    index = pd.MultiIndex.from_product(
        [range(1, 6), range(N_ROWS)], names=["era", "id"]
    )
    y, p, meta = (part.set_axis(index) for part in rows)
    one = meta.loc[1]
    for other in (one, one.reset_index(drop=True)):
        with pytest.raises(ValueError, match="meta_model has no eras in its index"):
            mmc_score(y, p, other)
    with pytest.raises(ValueError, match=r"meta_model covers 1 of 5 eras \(1 to 1\)"):
        mmc_score(y, p, meta.loc[[1]])
    assert (
        mmc_score(y.loc[[1]], p.loc[[1]], one)
        == mmc_score(y, p, meta, aggregate=None)[1]
    )


def test_features_of_more_rows_are_taken_by_label(rows):
    y, p, _ = rows
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.integers(0, 5, (len(y), 4)).astype(np.int8), index=y.index)
    part = slice(0, 2 * N_ROWS)
    got = fnc_score(y.iloc[part], p.iloc[part], X.sample(frac=1, random_state=0))
    assert got == fnc_score(y.iloc[part], p.iloc[part], X.iloc[part])


def test_arrays_are_matched_by_position_and_need_the_length(rows):
    y, p, meta = rows
    with pytest.raises(ValueError, match="y_pred has 150 rows and meta_model has 149"):
        mmc_score(y, p, meta.to_numpy()[1:])
    with pytest.raises(ValueError, match=r"has 149[.] Give both an index"):
        mmc_score(y.to_numpy(), p.to_numpy(), meta[1:])


def test_a_default_index_is_no_label(rows):
    y, p, meta = rows
    eras = y.index.get_level_values("era")
    expected = mmc_score(y, p, meta)
    plain = [part.reset_index(drop=True) for part in (y, p, meta)]
    assert mmc_score(*plain, groups=eras) == expected
    assert mmc_score(y, p, plain[2]) == expected
    with pytest.raises(ValueError, match="neither has labels to match them by"):
        mmc_score(plain[0][:60], plain[1][:60], plain[2], groups=eras[:60])


def test_a_default_index_in_another_order_is_one(rows):
    y, p, meta = (part.reset_index(drop=True) for part in rows)
    eras = rows[0].index.get_level_values("era")
    shuffled = meta.sample(frac=1, random_state=0)
    assert mmc_score(y, p, shuffled, groups=eras) == mmc_score(y, p, meta, groups=eras)


def test_eras_without_benchmark_raise_with_the_coverage(rows):
    y, p, meta = rows
    known = meta[meta.index.get_level_values("era") >= "0010"]
    message = (
        r"benchmark covers 3 of 5 eras \(0010 to 0012\), a share of 0.60; min_coverage "
        r"is 1.0.*pass min_coverage=0.60"
    )
    with pytest.raises(ValueError, match=message):
        bmc_score(y, p, known)
    got = bmc_score(y, p, known, min_coverage=0.6, aggregate=None)
    assert got.index.tolist() == ["0010", "0011", "0012"]
    assert_array_equal(got, mmc_score(y, p, meta, aggregate=None)[2:])
    assert bmc_score(y, p, known, min_coverage=0.6) == got.mean()


def test_rows_without_benchmark_are_left_out_up_to_a_fifth(rows):
    y, p, meta = rows
    few, many = meta.copy(), meta.copy()
    few.iloc[:6] = np.nan
    many.iloc[:7] = np.nan
    got = mmc_score(y, p, few, aggregate=None)
    assert got.iloc[0] == mmc_score(y[6:30], p[6:30], meta[6:30])
    with pytest.raises(ValueError, match="covers 4 of 5 eras"):
        mmc_score(y, p, many)
    got = mmc_score(y, p, many, aggregate=None, min_coverage=0.5)
    assert got.index.tolist() == ["0009", "0010", "0011", "0012"]


def test_unresolved_eras_do_not_count_against_coverage(rows):
    y, p, meta = rows
    y = y.copy()
    y.iloc[-N_ROWS:] = np.nan
    known = meta.iloc[:-N_ROWS]
    assert len(mmc_score(y, p, known, aggregate=None)) == N_ERAS - 1


def test_a_benchmark_of_other_eras_raises_whatever_the_threshold(rows):
    y, p, meta = rows
    other = meta.rename(lambda name: f"{name}x", level="id")
    with pytest.raises(ValueError, match="no row of y_pred is in meta_model"):
        mmc_score(y, p, other, min_coverage=0)
    with pytest.raises(ValueError, match="covers 0 of 5 eras"):
        mmc_score(y, p, meta * np.nan, min_coverage=0)


def test_labels_that_come_twice_raise(rows):
    y, p, meta = rows
    twice = pd.concat([meta, meta[:3]])
    with pytest.raises(ValueError, match="3 labels of the index of meta_model"):
        mmc_score(y, p, twice)


@pytest.mark.parametrize("share", [-0.1, 1.5, "all", None])
def test_min_coverage_is_a_share(rows, share):
    with pytest.raises(ValueError, match="min_coverage must be a share of eras"):
        mmc_score(*rows, min_coverage=share)


def test_text_is_refused(rows):
    y, p, meta = rows
    with pytest.raises(ValueError, match="meta_model must be numbers"):
        mmc_score(y, p, meta.map(lambda value: f"{value:.2f} %"))


def test_inputs_are_left_as_they_were(rows):
    copies = [part.copy() for part in rows]
    mmc_score(*rows)
    for part, copy in zip(rows, copies):
        pd.testing.assert_series_equal(part, copy)


def test_exactly_a_fifth_of_the_rows_may_lack_a_benchmark(rows):
    y, p, meta = (part.iloc[:N_ROWS] for part in rows)
    few = meta.copy()
    few.iloc[: N_ROWS // 5] = np.nan
    assert np.isfinite(mmc_score(y, p, few))
    few.iloc[N_ROWS // 5] = np.nan
    with pytest.raises(ValueError, match="covers 0 of 1 eras"):
        mmc_score(y, p, few)


@pytest.mark.parametrize("values", [["a"] * 150, [b"x"] * 150, [1j] * 150])
def test_features_that_are_no_numbers_are_refused(rows, values):
    y, p, _ = rows
    with pytest.raises(ValueError, match="features must be numbers"):
        fnc_score(y, p, np.array(values)[:, None])


def test_features_of_nullable_types_are_told_to_be_missing(rows):
    y, p, _ = rows
    X = pd.DataFrame({"f": pd.array([1, None] * 75, dtype="Int8")}, index=y.index)
    with pytest.raises(ValueError, match="values of features are NaN"):
        fnc_score(y, p, X)


@pytest.mark.parametrize("kind", ["ids", "arrays"])
def test_rows_without_eras_are_not_pooled_where_the_features_have_them(rows, kind):
    y, p, meta = rows
    features = pd.DataFrame({"a": meta, "b": meta**2})
    eras = features.index.get_level_values("era")
    bare = [v.droplevel("era") if kind == "ids" else v.to_numpy() for v in (y, p)]
    message = "y_pred has no eras, and features has 5: all rows would be scored as one"
    with pytest.raises(MissingErasError, match=message):
        fnc_score(*bare, features)
    with pytest.raises(MissingErasError, match=message):
        max_feature_exposure(None, bare[1], features)
    with pytest.raises(MissingErasError, match="neutralizers has 5"):
        neutralized_weights(bare[1], features, np.ones(len(p)))
    found = fnc_score(*bare, features, groups=eras.to_numpy())
    assert found == pytest.approx(fnc_score(y, p, features))
    # a live round is one era, whoever says so
    one = features.loc[["0008"]]
    parts = [v[: len(one)] for v in bare]
    fnc_score(*parts, one)
