"""CORR, Spearman and legacy CORR against numerai-tools and scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from sknumerai.metrics import legacy_corr_score, numerai_corr_score, spearman_score

METRICS = [numerai_corr_score, spearman_score, legacy_corr_score]


def reference_corr(y, p, **kwargs):
    """numerai-tools, one era and one model."""
    score = scoring.numerai_corr(
        pd.DataFrame({"p": p}), pd.Series(y, name="target"), **kwargs
    )
    return score["p"]


def reference_legacy(y, p):
    return scoring.tie_broken_rank_correlation(
        pd.Series(y, name="target"), pd.Series(p, name="p")
    )


def era_data(rng, n, kind):
    y = rng.integers(0, 5, n) / 4
    p = rng.normal(size=n) + y
    if kind == "ties":
        p = np.round(p)
    elif kind == "binary":
        p = (p > 0.5).astype(float)
    elif kind == "float32":
        p = p.astype(np.float32)
    elif kind == "int":
        p = np.round(10 * p).astype(np.int64)
    elif kind == "returns":
        y = rng.standard_t(3, size=n) * 0.03
    return y, p


@pytest.mark.parametrize("kind", ["plain", "ties", "binary", "float32", "int"])
@pytest.mark.parametrize("n", [3, 50, 1001])
def test_corr_equals_numerai_tools(kind, n):
    y, p = era_data(np.random.default_rng(n), n, kind)
    y[0] = 0.25 if y[1] else 0.5  # three rows may be one value
    assert_allclose(numerai_corr_score(y, p), reference_corr(y, p), atol=1e-12)


@pytest.mark.parametrize("kind", ["plain", "ties"])
@pytest.mark.parametrize("top_bottom", [1, 5, 200, 500])
def test_top_bottom_equals_numerai_tools(kind, top_bottom):
    y, p = era_data(np.random.default_rng(3), 1001, kind)
    got = numerai_corr_score(y, p, top_bottom=top_bottom)
    if top_bottom == 500:
        # the reference wants more than a fifth of its rows and fewer than all
        rows = np.argsort(p, kind="stable")
        rows = np.r_[rows[:500], rows[-500:]]
        g = stats.norm.ppf((stats.rankdata(p) - 0.5) / len(p))
        a, b = (np.sign(v) * np.abs(v) ** 1.5 for v in (g, y - y.mean()))
        assert_allclose(got, np.corrcoef(a[rows], b[rows])[0, 1], atol=1e-12)
    else:
        assert_allclose(got, reference_corr(y, p, top_bottom=top_bottom), atol=1e-12)


def test_values_of_a_small_fixture():
    i = np.arange(20)
    p = np.sin(1.7 * i) + 0.1 * i
    y = np.array([0, 1, 2, 2, 3, 4, 2, 1, 2, 2, 3, 2, 1, 2, 4, 2, 3, 2, 0, 1]) / 4
    assert_allclose(numerai_corr_score(y, p), 0.01871988, atol=5e-9)
    assert_allclose(numerai_corr_score(y, p, top_bottom=5), -0.00690077, atol=5e-9)
    assert_allclose(spearman_score(y, p), -0.01031610, atol=5e-9)


@pytest.mark.parametrize("kind", ["plain", "ties", "binary", "returns"])
def test_spearman_and_legacy_equal_their_references(kind):
    y, p = era_data(np.random.default_rng(1), 300, kind)
    assert_allclose(spearman_score(y, p), stats.spearmanr(y, p)[0], atol=1e-12)
    assert_allclose(legacy_corr_score(y, p), reference_legacy(y, p), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=2, max_size=40)
)
def test_any_ties_and_constants_equal_numerai_tools(rows):
    y, p = np.array(rows, dtype=float).T
    with np.errstate(all="ignore"):
        expected = reference_corr(y / 4, p)
    assert_allclose(numerai_corr_score(y / 4, p), expected, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("metric", METRICS)
def test_constants_and_single_rows_are_nan_without_a_warning(metric):
    y = np.array([0.0, 0.25, 0.5, 0.75])
    assert np.isnan(metric(np.full(4, 0.3), y))
    assert np.isnan(metric([0.5], [0.1]))
    if metric is not legacy_corr_score:  # it breaks ties
        assert np.isnan(metric(y, np.full(4, 0.1)))
        two = (np.tile(y, 2), np.r_[y, np.full(4, 0.1)])
        groups = np.repeat([1, 2], 4)
        scores = metric(*two, groups=groups, aggregate=None)
        assert scores[1] == pytest.approx(1, abs=0.1) and np.isnan(scores[2])
        assert np.isnan(metric(*two, groups=groups))
        mean = metric(*two, groups=groups, aggregate=lambda s: s.mean())
        assert mean == scores[1]


def test_constant_column_is_nan_and_the_others_are_not():
    y = np.arange(5) / 4
    scores = numerai_corr_score(y, pd.DataFrame({"a": y, "b": 0.5}))
    assert scores["a"] == pytest.approx(1, abs=0.05) and np.isnan(scores["b"])


def many_eras(rng, n_eras=7, n=40, n_models=3):
    """Rows of several eras, shuffled, with pandas carrying the eras."""
    labels = [f"{e:04d}" for e in rng.permutation(np.arange(8, 8 + n_eras))]
    index = pd.MultiIndex.from_product(
        [labels, [f"n{i:03d}" for i in range(n)]], names=["era", "id"]
    )
    y = pd.Series(rng.integers(0, 5, len(index)) / 4, index=index, name="target_x_20")
    p = pd.DataFrame(
        rng.normal(size=(len(index), n_models)).round(1),
        index=index,
        columns=[f"model_{j}" for j in range(n_models)],
    )
    order = rng.permutation(len(index))
    return y.iloc[order], p.iloc[order]


@pytest.mark.parametrize("metric", METRICS)
def test_many_models_and_eras_equal_a_plain_loop(metric):
    y, p = many_eras(np.random.default_rng(0))
    got = metric(y, p, aggregate=None)
    assert got.index.tolist() == [f"{e:04d}" for e in range(8, 15)]
    assert got.index.name == "era" and got.columns.equals(p.columns)
    expected = pd.DataFrame(
        {
            name: {
                # in the order of ids, which breaks ties
                era: metric(
                    y.loc[era].sort_index().to_numpy(),
                    p.loc[era, name].sort_index().to_numpy(),
                )
                for era in got.index
            }
            for name in p.columns
        }
    )
    assert_allclose(got, expected, rtol=0, atol=1e-15)
    assert_allclose(metric(y, p), expected.mean(), atol=1e-15)
    one = metric(y, p["model_1"], aggregate=None)
    assert isinstance(one, pd.Series) and one.name == "model_1"
    assert_allclose(one, expected["model_1"], atol=0)
    assert isinstance(metric(y, p["model_1"]), float)


@pytest.mark.parametrize("metric", [numerai_corr_score, spearman_score])
def test_order_of_rows_does_not_matter(metric):
    y, p = many_eras(np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(y))
    a = metric(y, p, aggregate=None)
    b = metric(y.iloc[order], p.iloc[order], aggregate=None)
    pd.testing.assert_frame_equal(a, b, rtol=0, atol=1e-14)


def test_eras_come_from_groups_then_index_then_nowhere():
    y, p = many_eras(np.random.default_rng(3), n_models=1)
    p = p["model_0"]
    eras = y.index.get_level_values("era")
    by_index = numerai_corr_score(y, p)
    assert numerai_corr_score(y.to_numpy(), p) == by_index
    assert numerai_corr_score(y, p.to_numpy()) == by_index
    assert numerai_corr_score(y.to_numpy(), p.to_numpy(), groups=eras) == by_index
    as_one = numerai_corr_score(y.to_numpy(), p.to_numpy())
    assert_allclose(as_one, reference_corr(y.to_numpy(), p.to_numpy()), atol=1e-12)
    halves = np.where(eras.astype(int) < 11, 1, 2)
    assert len(numerai_corr_score(y, p, groups=halves, aggregate=None)) == 2


def test_eras_are_ordered_as_numbers():
    y, p = [0, 1, 0, 1], [1, 2, 2, 1]
    scores = numerai_corr_score(y, p, groups=["10", "10", "9", "9"], aggregate=None)
    assert scores.index.tolist() == ["9", "10"]
    assert_allclose(scores, [-1, 1])


@pytest.mark.parametrize("metric", METRICS)
def test_monotone_maps_of_predictions_change_nothing(metric):
    y, p = many_eras(np.random.default_rng(4), n_models=1)
    assert_allclose(metric(y, np.exp(p) * 3 - 1), metric(y, p), atol=1e-14)


def test_rows_without_a_target_are_left_out_as_numerai_tools_does():
    rng = np.random.default_rng(5)
    y, p = era_data(rng, 100, "ties")
    y[rng.choice(100, 20, replace=False)] = np.nan
    assert_allclose(numerai_corr_score(y, p), reference_corr(y, p), atol=1e-12)
    known = ~np.isnan(y)
    for metric in METRICS:
        assert metric(y, p) == metric(y[known], p[known])


def test_missing_targets_of_a_later_era_drop_its_own_rows():
    rng = np.random.default_rng(6)
    y, p = era_data(rng, 90, "plain")
    groups = np.repeat([1, 2, 3], 30)
    y[35] = y[88] = np.nan
    got = numerai_corr_score(y, p, groups=groups, aggregate=None)
    expected = [reference_corr(y[groups == e], p[groups == e]) for e in (1, 2, 3)]
    assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_unresolved_eras_have_no_score(metric):
    y = np.array([0, 0.5, 1, 0.5] * 3)
    p = np.arange(12.0)
    y[8:] = np.nan
    groups = np.repeat([1, 2, 3], 4)
    scores = metric(y, p, groups=groups, aggregate=None)
    assert scores.index.tolist() == [1, 2]
    assert metric(y, p, groups=groups) == scores.mean()


def test_more_than_a_fifth_of_missing_targets_raises():
    y, p = np.r_[[np.nan] * 3, np.arange(7.0)], np.arange(10.0)
    with pytest.raises(ValueError, match=r"3 of 10 targets of era 7 are missing"):
        numerai_corr_score(y, p, groups=[7] * 10)
    with pytest.raises(ValueError, match="no target: nothing to score"):
        numerai_corr_score(y * np.nan, p)


def test_infinite_predictions_raise():
    y = np.arange(4.0)
    frame = pd.DataFrame({"good": y, "bad": [0, np.inf, 1, 2]})
    with pytest.raises(ValueError, match=r"1 of 4 rows of y_pred .*\['bad'\]"):
        numerai_corr_score(y, frame)
    with pytest.raises(ValueError, match="y_pred are infinite"):
        numerai_corr_score(y, frame["bad"])


def test_nan_in_one_column_does_not_change_another():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 60) / 4
    p = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    p.loc[3:8, "b"] = np.nan
    p.loc[3:30, "c"] = np.nan
    p["d"] = 0.5
    got = numerai_corr_score(y, p, groups=np.repeat([1, 2, 3], 20), aggregate=None)
    alone = p[["a"]]
    same = numerai_corr_score(y, alone, groups=np.repeat([1, 2, 3], 20), aggregate=None)
    assert_array_equal(got["a"], same["a"])
    assert got["d"].isna().all()
    # more than a fifth of the first era's rows are missing: no score there
    assert got["b"].isna().tolist() == [True, False, False]
    assert got["c"].isna().tolist() == [True, True, False]


def test_a_few_missing_predictions_are_left_out_as_in_the_reference():
    """The target is centered before: what lacks a prediction counts for the mean."""
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 5, 20) / 4, rng.normal(size=20)
    p[[4, 9]] = np.nan
    target, frame = pd.Series(y, name="y"), pd.DataFrame({"p": p})
    expected = scoring.numerai_corr(frame, target)["p"]
    assert_allclose(numerai_corr_score(y, p), expected, rtol=0, atol=1e-12)
    known = ~np.isnan(p)
    assert numerai_corr_score(y, p) != numerai_corr_score(y[known], p[known])
    expected = spearman_score(y[known], p[known])
    assert_allclose(spearman_score(y, p), expected, rtol=0, atol=1e-15)


def test_nullable_columns_are_numbers():
    y = pd.Series([0, None, 1, 0.5, 0.25, 0.25], dtype="Float64")
    p = pd.Series(range(6), dtype="Int64")
    expected = numerai_corr_score([0, 1, 0.5, 0.25, 0.25], [0, 2, 3, 4, 5])
    assert numerai_corr_score(y, p) == expected


@pytest.mark.parametrize(
    "y, p, kwargs, message",
    [
        ([0, 1], [0, 1, 2], {}, "y_true has 2 rows and y_pred has 3"),
        ([[0, 1], [1, 0]], [0, 1], {}, r"y_true must be one target.*\(2, 2\)"),
        ([0, 1], np.zeros((2, 1, 1)), {}, r"y_pred must have shape"),
        ([0, 1], np.zeros((2, 0)), {}, r"y_pred must have shape .*\(2, 0\)"),
        ([], [], {}, "y_true has no target"),
        (["a", "b"], [0, 1], {}, "y_true must be numbers"),
        ([0, np.inf], [0, 1], {}, "1 targets are infinite"),
        ([0, 1], [0, 1], {"aggregate": "sharp"}, "aggregate must be one of"),
        ([0, 1], [0, 1], {"top_bottom": 0}, "top_bottom must be an integer"),
        ([0, 1, 2], [0, 1, 2], {"top_bottom": 2}, "an era has 3 rows, fewer than"),
        ([0, 1], [0, 1], {"groups": [1]}, "got 1 eras for 2 rows"),
    ],
)
def test_bad_input_gets_a_sentence(y, p, kwargs, message):
    with pytest.raises(ValueError, match=message):
        numerai_corr_score(y, p, **kwargs)


def test_indexes_that_differ_raise_and_name_the_arguments():
    y = pd.Series([0, 1, 0.5], index=["a", "b", "c"])
    p = pd.Series([0, 1, 0.5], index=["a", "c", "b"])
    with pytest.raises(ValueError, match=r"indexes of y_true .* and y_pred"):
        numerai_corr_score(y, p)


def test_aggregates():
    y, p = many_eras(np.random.default_rng(6), n_models=2)
    scores = numerai_corr_score(y, p, aggregate=None)
    for name, expected in {
        "mean": scores.mean(),
        "median": scores.median(),
        "std": scores.std(ddof=0),
        "min": scores.min(),
        "max": scores.max(),
        "sharpe": scores.mean() / scores.std(ddof=0),
        "positive_share": (scores > 0).mean(),
        "autocorrelation": scores.apply(lambda s: s.autocorr()),
    }.items():
        got = numerai_corr_score(y, p, aggregate=name)
        assert_allclose(got, expected, atol=1e-12, err_msg=name)
        assert got.index.equals(p.columns)
    last = numerai_corr_score(y, p, aggregate=lambda s: s.iloc[-1])
    assert_allclose(last, scores.iloc[-1])
    assert numerai_corr_score(y, p["model_0"], aggregate=np.mean) == pytest.approx(
        scores["model_0"].mean()
    )


def test_read_only_and_integer_input():
    y, p = np.arange(6) % 5, np.arange(6)[::-1].copy()
    y.flags.writeable = p.flags.writeable = False
    assert_allclose(numerai_corr_score(y, p), reference_corr(y, p), atol=1e-12)
    as_bytes = numerai_corr_score(y.astype(np.int8), p.astype(np.int8))
    assert as_bytes == numerai_corr_score(y, p)


@pytest.mark.parametrize("top_bottom", [None, 30])
def test_ties_are_broken_by_label_in_whatever_order_rows_come(top_bottom):
    """numerai-tools sorts rows by id before it picks the highest and lowest."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"n{i:03d}" for i in range(200)], name="id")
    y = pd.Series(rng.integers(0, 5, 200) / 4, index=ids, name="y")
    p = pd.DataFrame({"a": rng.normal(size=200).round()}, index=ids)
    expected = scoring.numerai_corr(p, y, top_bottom=top_bottom)["a"]
    legacy = legacy_corr_score(y, p["a"])
    reference = scoring.tie_broken_rank_correlation(y, p["a"])
    assert_allclose(legacy, reference, rtol=0, atol=1e-12)
    for rows in (slice(None), rng.permutation(200), slice(None, None, -1)):
        part = y.iloc[rows], p["a"].iloc[rows]
        got = numerai_corr_score(*part, top_bottom=top_bottom)
        assert_allclose(got, expected, rtol=0, atol=1e-12)
        assert_allclose(legacy_corr_score(*part), legacy, rtol=0, atol=1e-15)
    both = pd.concat([y, y], keys=["0002", "0001"], names=["era"])
    models = pd.concat([p["a"], p["a"]], keys=["0002", "0001"], names=["era"])
    rows = rng.permutation(400)
    got = numerai_corr_score(
        both.iloc[rows], models.iloc[rows], top_bottom=top_bottom, aggregate=None
    )
    assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_returns_without_the_power():
    rng = np.random.default_rng(0)
    y = pd.Series(rng.standard_t(3, size=100), name="returns")
    p = pd.DataFrame({"a": rng.normal(size=100)})
    expected = scoring.numerai_corr(p, y, target_pow15=False)["a"]
    got = numerai_corr_score(y, p["a"], target_pow15=False)
    assert_allclose(got, expected, rtol=0, atol=1e-12)
    assert got != numerai_corr_score(y, p["a"])


@pytest.mark.parametrize("n", [3, 49, 50])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.5])
def test_a_constant_target_has_no_correlation(n, value):
    p = np.random.default_rng(0).normal(size=n)
    assert np.isnan(numerai_corr_score(np.full(n, value), p))


def test_exactly_a_fifth_of_the_predictions_may_be_missing():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 5, 20) / 4, rng.normal(size=20)
    p[:4] = np.nan
    assert np.isfinite(numerai_corr_score(y, p))
    p[4] = np.nan
    assert np.isnan(numerai_corr_score(y, p))


def test_large_integers_are_not_rounded():
    y = np.arange(300.0)
    p = 2**24 + np.arange(300, dtype=np.int32)
    assert spearman_score(y, p) == pytest.approx(1, abs=1e-12)
    assert spearman_score(y, p.astype(np.int64) + 2**53) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "p, message",
    [
        (None, "y_pred must have shape .* Got None"),
        (0.5, "y_pred must have shape .* Got 0.5"),
        (np.ones(3) + 1j, "y_pred must be numbers. Got complex128 values"),
        (pd.date_range("2026", periods=3), "y_pred must be numbers. Got datetime64"),
        (pd.DataFrame({"a": [1, 2, 3], "t": list("xyz")}), r"in columns \['t'\]"),
    ],
)
def test_what_is_no_prediction_gets_a_sentence(p, message):
    with pytest.raises(ValueError, match=message):
        numerai_corr_score([0, 1, 2], p)


def test_masked_predictions_are_missing():
    y = np.arange(10.0)
    p = np.ma.masked_array(np.random.default_rng(0).normal(size=10), [1] + 9 * [0])
    known = p.filled(np.nan)
    assert numerai_corr_score(y, p) == numerai_corr_score(y, known)


@pytest.mark.parametrize("aggregate", [["mean"], 3, "sharp"])
def test_wrong_aggregates_get_a_sentence(aggregate):
    with pytest.raises(ValueError, match="aggregate must be one of"):
        numerai_corr_score([0, 1], [0, 1], aggregate=aggregate)


def test_true_is_no_number_of_rows():
    with pytest.raises(ValueError, match="top_bottom must be an integer"):
        numerai_corr_score([0, 1], [0, 1], top_bottom=True)
