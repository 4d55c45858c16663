"""CWMM and correlation with other predictions against numerai-tools and scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools import scoring
from numpy.testing import assert_allclose
from scipy import stats

from sknumerai.metrics import cwmm_score, prediction_correlation_score
from tests.metrics.eras_of_models import make_rows

METHODS = ["spearman", "pearson", "numerai"]
SCORES = [cwmm_score, prediction_correlation_score]


def transformed(p):
    """What CORR makes of predictions, by numerai-tools."""
    frame = pd.DataFrame({"p": np.asarray(p, dtype=float)})
    return scoring.tie_kept_rank__gaussianize__pow_1_5(frame)["p"].to_numpy()


LOOPS = {
    "cwmm": lambda p, m: np.corrcoef(transformed(p), m)[0, 1],
    "spearman": lambda p, m: stats.spearmanr(p, m)[0],
    "pearson": lambda p, m: np.corrcoef(p, m)[0, 1],
    "numerai": lambda p, m: np.corrcoef(transformed(p), transformed(m))[0, 1],
}


def by_name(name):
    def score(*args, **kwargs):
        if name == "cwmm":
            return cwmm_score(*args, **kwargs)
        return prediction_correlation_score(*args, method=name, **kwargs)

    return score


@pytest.mark.parametrize("name", LOOPS)
def test_eras_and_models_equal_a_plain_loop(name):
    y, p, X = make_rows(np.random.default_rng(0))
    other = (X["feature_1"] + X["feature_2"] / 4 + y).rename("other")
    got = by_name(name)(y, p, other, aggregate=None)
    assert got.columns.equals(p.columns)
    for era in got.index:
        for model in p:
            expected = LOOPS[name](p.loc[era, model], other.loc[era])
            assert_allclose(got.loc[era, model], expected, atol=1e-12)
    assert_allclose(by_name(name)(None, p, other), got.mean(), atol=1e-14)
    one = by_name(name)(y, p["model_1"], other.to_frame())
    assert isinstance(one, float)
    assert_allclose(one, got["model_1"].mean(), atol=1e-14)


@pytest.mark.parametrize("name", LOOPS)
@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-2, 2)), min_size=2, max_size=30
    )
)
def test_any_ties_and_constants(name, rows):
    p, m = np.array(rows, dtype=float).T
    got = by_name(name)(None, p, m)
    if (p == p[0]).all() or (m == m[0]).all():
        assert np.isnan(got)
    else:
        assert_allclose(got, LOOPS[name](p, m), atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", LOOPS)
def test_constants_and_single_rows_are_nan_without_a_warning(name):
    score, p = by_name(name), np.arange(4.0)
    assert np.isnan(score(None, [0.5], [0.1]))
    assert np.isnan(score(None, p * 0, p)) and np.isnan(score(None, p, p * 0 + 0.3))
    scores = score(None, np.column_stack([p, p * 0]), p)
    assert scores[0] == pytest.approx(1, abs=0.1) and np.isnan(scores[1])


@pytest.mark.parametrize("name", ["spearman", "pearson", "numerai"])
def test_both_sides_are_treated_alike(name):
    y, p, _ = make_rows(np.random.default_rng(1))
    a, b = p["model_0"], p["model_1"]
    score = by_name(name)
    assert_allclose(score(y, a, b), score(y, b, a), atol=1e-14)
    assert_allclose(score(y, a, a), 1, atol=1e-14)
    assert_allclose(score(y, -a, b), -score(y, a, b), atol=1e-14)
    assert_allclose(score(y, 4 * a, b * 2), score(y, a, b), atol=1e-14)
    if name != "pearson":
        assert_allclose(score(y, np.exp(a), np.arctan(b)), score(y, a, b), atol=1e-14)


@pytest.mark.parametrize("name", LOOPS)
def test_nan_rows_order_and_coverage(name):
    y, p, X = make_rows(np.random.default_rng(2))
    score, other = by_name(name), X["feature_0"] + y
    whole = score(y, p, other, aggregate=None)
    shuffled = other.sample(frac=1, random_state=1)
    assert_allclose(score(y, p, shuffled, aggregate=None), whole, atol=1e-14)
    holes = p.copy()
    holes.iloc[:9, 2] = np.nan
    got = score(y, holes, other, aggregate=None)
    assert_allclose(got.iloc[:, :2], whole.iloc[:, :2], atol=1e-14)
    some = other[other.index.get_level_values("era").astype(int) > 9]
    with pytest.raises(ValueError, match="covers 3 of 5 eras"):
        score(y, p, some)
    got = score(y, p, some, aggregate=None, min_coverage=0.5)
    assert_allclose(got, whole.iloc[2:], atol=1e-14)
    for era in whole.index:
        rows = p.index.get_level_values("era") == era
        alone = score(None, p[rows].to_numpy(), other[rows].to_numpy())
        assert_allclose(alone, whole.loc[era], atol=1e-14)


@pytest.mark.parametrize("score", SCORES)
def test_bad_input_gets_a_sentence(score):
    p = np.arange(4.0)
    with pytest.raises(ValueError, match=r"must be one column .*\(4, 2\)"):
        score(None, p, np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"y_pred has 4 rows and .* has 3"):
        score(None, p, p[:3])
    with pytest.raises(ValueError, match="min_coverage must be a share"):
        score(None, p, p, min_coverage=2)
    with pytest.raises(ValueError, match="method must be one of"):
        prediction_correlation_score(None, p, p, method="kendall")
