"""Payouts of predictions against numerai-tools and hand-computed numbers."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from numerai_tools import scoring
from numpy.testing import assert_allclose
from sklearn.base import clone

from sknumerai.metrics import (
    PayoutPolicy,
    bmc_score,
    era_scores,
    learn_payout_score,
    make_era_scorer,
    mmc_score,
    numerai_corr_score,
    payout_score,
    sharpe_ratio,
)
from sknumerai.metrics._ranked import RankedColumns

N_ERAS, N_ROWS = 6, 120


@pytest.fixture(scope="module")
def data():
    """Targets, three models and a meta model with eras and ids in the index."""
    rng = np.random.default_rng(0)
    n = N_ERAS * N_ROWS
    index = pd.MultiIndex.from_arrays(
        [np.repeat(np.arange(1, N_ERAS + 1), N_ROWS), [f"n{i:04d}" for i in range(n)]],
        names=["era", "id"],
    )
    y = pd.Series(rng.integers(0, 5, n) / 4, index, name="target_ender_60")
    meta = pd.Series(0.1 * y + rng.normal(size=n), index, name="numerai_meta_model")
    p = pd.DataFrame(
        {
            "good": 0.2 * y + rng.normal(size=n),
            "ties": rng.integers(0, 9, n) / 8,
            "near": meta + 0.1 * rng.normal(size=n),
        },
        index,
    )
    return y, p, meta


def reference(y, p, meta, weights, clip=None, factor=1.0):
    """numerai-tools and the documented formula, era by era."""
    rows = {}
    for era in y.index.unique("era"):
        t, q, m = (v.xs(era, level="era").sort_index() for v in (y, p, meta))
        corr = scoring.numerai_corr(q, t)
        mmc = scoring.correlation_contribution(q, m, t)
        payout = factor * (weights[0] * corr + weights[1] * mmc)
        rows[era] = payout if clip is None else payout.clip(-clip, clip)
    return pd.DataFrame(rows).T


@pytest.mark.parametrize(
    "policy, weights, clip",
    [
        (None, (3, 15), 1),
        ("ender60", (3, 15), 1),
        (1343, (3, 15), 1),
        (np.int64(1342), (0.75, 2.25), 0.05),
        ("cyrus20", (0.5, 2), 0.05),
        (PayoutPolicy({"corr": 1, "mmc": 3}), (1, 3), None),
        (PayoutPolicy({"corr": 1}, clip=0.1), (1, 0), 0.1),
        (PayoutPolicy({"mmc": 7}), (0, 7), None),
        (PayoutPolicy({"mmc": 0}), (0, 0), None),
    ],
)
def test_payout_equals_numerai_tools(data, policy, weights, clip):
    y, p, meta = data
    y = y.rename("target")
    scores = payout_score(y, p, meta, policy=policy, aggregate=None)
    expected = reference(y, p, meta, weights, clip)
    assert_allclose(scores, expected, atol=1e-12)
    assert scores.index.tolist() == list(range(1, N_ERAS + 1))
    assert scores.columns.tolist() == p.columns.tolist()
    mean = payout_score(y, p, meta, policy=policy)
    assert_allclose(mean, expected.mean(), atol=1e-12)
    one = payout_score(y, p["good"], meta, policy=policy)
    assert isinstance(one, float)
    assert_allclose(one, expected["good"].mean(), atol=1e-12)


def test_golden_values():
    i = np.arange(20)
    p, m = np.sin(1.7 * i) + 0.1 * i, np.cos(0.9 * i) + 0.05 * i
    y = [0, 2, 4, 4, 6, 8, 4, 2, 4, 4, 6, 4, 2, 4, 8, 4, 6, 4, 0, 2]
    y = np.array(y) / 8
    payout = payout_score(y, p, m, policy="cyrus20", clip=False)
    assert_allclose(payout, 0.05808917, atol=5e-9)
    assert payout_score(y, p, m, policy="cyrus20") == 0.05
    learn = learn_payout_score(y, p, m)
    assert_allclose(learn, 0.01871988 + 2 * 0.02436461, atol=2e-8)


def test_clip_is_per_era_and_comes_after_the_factor(data):
    y, p, meta = data
    policy = PayoutPolicy({"corr": 0.5, "mmc": 2}, clip=0.05, stake_threshold=72_000)
    free = payout_score(y, p, meta, policy=policy, aggregate=None, clip=False)
    assert (free > 0.05).to_numpy().any() and (free < -0.05).to_numpy().any()
    clipped = payout_score(y, p, meta, policy=policy, aggregate=None)
    assert_allclose(clipped, free.clip(-0.05, 0.05))
    mean = payout_score(y, p, meta, policy=policy)
    assert_allclose(mean, clipped.mean())
    assert not np.allclose(mean, free.mean().clip(-0.05, 0.05))
    scaled = payout_score(
        y, p, meta, policy=policy, aggregate=None, payout_factor=policy.factor(288_000)
    )
    assert_allclose(scaled, (0.25 * free).clip(-0.05, 0.05))
    # a policy that knows its factor needs no other
    known = dataclasses.replace(policy, payout_factor=0.25)
    same = payout_score(y, p, meta, policy=known, aggregate=None)
    pd.testing.assert_frame_equal(same, scaled)
    own = payout_score(y, p, meta, policy=known, payout_factor=1.0, aggregate=None)
    pd.testing.assert_frame_equal(own, clipped)


def test_aggregates(data):
    y, p, meta = data
    scores = payout_score(y, p, meta, aggregate=None)
    sharpe = payout_score(y, p, meta, aggregate="sharpe")
    pd.testing.assert_series_equal(sharpe, sharpe_ratio(scores))
    worst = payout_score(y, p["near"], meta, aggregate=lambda s: s.min())
    assert_allclose(worst, scores["near"].min())


def test_payout_is_made_of_the_scores(data):
    y, p, meta = data
    corr = numerai_corr_score(y, p, aggregate=None)
    mmc = mmc_score(y, p, meta, aggregate=None)
    policy = PayoutPolicy.latest()
    scores = payout_score(y, p, meta, aggregate=None)
    expected = policy.payout({"corr": corr, "mmc": mmc})
    pd.testing.assert_frame_equal(scores, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weights", [(1.0, 2.0), (3, 15), (0, 1), (np.float32(1), 0)])
def test_learn_payout_is_made_of_the_scores(data, weights):
    y, p, meta = data
    benchmarks = pd.DataFrame({"a": meta, "b": p["ties"]})
    names = ("corr_weight", "bmc_weight")
    kwargs = dict(zip(names, weights)) if weights != (1.0, 2.0) else {}
    corr = numerai_corr_score(y, p, aggregate=None)
    for benchmark in (meta, benchmarks):
        bmc = bmc_score(y, p, benchmark, aggregate=None)
        expected = weights[0] * corr + weights[1] * bmc
        scores = learn_payout_score(y, p, benchmark, aggregate=None, **kwargs)
        pd.testing.assert_frame_equal(scores, expected, rtol=1e-12, atol=1e-14)
        mean = learn_payout_score(y, p, benchmark, **kwargs)
        assert_allclose(mean, expected.mean())


def test_benchmark_in_the_place_of_the_meta_model(data):
    y, p, meta = data
    benchmarks = pd.DataFrame({"a": meta, "b": p["ties"]})
    scores = payout_score(y, p, benchmarks, clip=False)
    learn = learn_payout_score(y, p, benchmarks, corr_weight=3, bmc_weight=15)
    pd.testing.assert_series_equal(scores, learn, rtol=1e-12)


def test_one_sort_pays_for_all(data, monkeypatch):
    y, p, meta = data
    sorts, sort = [], RankedColumns._sort

    def counted(self):
        sorts.append(self.values.shape)
        sort(self)

    monkeypatch.setattr(RankedColumns, "_sort", counted)
    payout_score(y, p, meta)
    assert sorts.count((N_ROWS, 3)) == N_ERAS
    assert sorts.count((N_ROWS, 1)) == N_ERAS
    assert len(sorts) == 2 * N_ERAS


def test_rows_in_any_order_and_eras_alone(data):
    y, p, meta = data
    scores = payout_score(y, p, meta, aggregate=None)
    order = np.random.default_rng(1).permutation(len(y))
    mixed = payout_score(y.iloc[order], p.iloc[order], meta, aggregate=None)
    assert_allclose(mixed, scores, atol=1e-12)
    for era in scores.index:
        rows = y.index.get_level_values("era") == era
        alone = payout_score(y[rows].to_numpy(), p[rows].to_numpy(), meta[rows].array)
        assert_allclose(alone, scores.loc[era], atol=1e-12)
    by_groups = payout_score(
        y.to_numpy(),
        p.to_numpy(),
        meta.to_numpy(),
        groups=y.index.get_level_values("era"),
        aggregate=None,
    )
    assert_allclose(by_groups, scores, atol=1e-12)


def test_eras_without_a_meta_model(data):
    y, p, meta = data
    late = meta[meta.index.get_level_values("era") > 4]
    with pytest.raises(
        ValueError, match=r"payout_score: meta_model covers 2 of 6 eras"
    ):
        payout_score(y, p, late)
    scores = payout_score(y, p, late, aggregate=None, min_coverage=0.3)
    assert scores.index.tolist() == [5, 6]
    whole = payout_score(y, p, meta, aggregate=None)
    pd.testing.assert_frame_equal(scores, whole.loc[[5, 6]])
    with pytest.raises(ValueError, match="learn_payout_score: benchmark covers 2 of 6"):
        learn_payout_score(y, p, late)
    scores = learn_payout_score(y, p, late, aggregate=None, min_coverage=0.3)
    assert scores.index.tolist() == [5, 6]


def test_what_has_no_correlation_has_no_payout(data):
    y, p, meta = data
    flat = p.assign(flat=0.5)
    scores = payout_score(y, flat, meta, aggregate=None)
    assert scores["flat"].isna().all()
    expected = payout_score(y, p, meta, aggregate=None)
    pd.testing.assert_frame_equal(scores[p.columns], expected)
    assert payout_score(y, flat, meta).isna().tolist() == [False, False, False, True]
    # an era whose targets are not known yet has no row
    y = y.where(y.index.get_level_values("era") != 3)
    assert 3 not in payout_score(y, p, meta, aggregate=None).index


@pytest.mark.parametrize(
    "name, policy, told",
    [
        ("target_ender_20", None, True),
        ("target_ender_20", 1343, True),
        ("target_cyrusd_20", "ender60", True),
        ("target_ender_60", "ender20", True),
        ("target_nomi_v4_20D", None, True),
        ("target_ender_60", None, False),
        ("target_cyrusd_20", "ender20", False),
        ("target", None, False),
        (None, None, False),
        (20, None, False),
        ("fold_7", None, False),
        ("target_ender_20", PayoutPolicy({"corr": 3, "mmc": 15}), False),
    ],
)
def test_warning_of_another_horizon(data, name, policy, told):
    y, p, meta = data
    y = y.rename(name)
    for target in (y, y.to_frame()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            payout_score(target, p["good"], meta, policy=policy)
        caught = [w for w in caught if "days ahead" in str(w.message)]
        assert len(caught) == told
        if told:
            assert issubclass(caught[0].category, UserWarning)
            assert caught[0].filename == __file__
            message = str(caught[0].message)
            assert repr(name) in message and "pays for a target of" in message


@pytest.mark.parametrize(
    "kwargs, error, message",
    [
        ({"policy": "ender61"}, LookupError, "no rule is called 'ender61'"),
        ({"policy": 100}, LookupError, "known from round 311"),
        ({"policy": True}, TypeError, "policy must be a PayoutPolicy"),
        ({"policy": 1343.0}, TypeError, "policy must be a PayoutPolicy"),
        ({"policy": {"number": 1}}, TypeError, "from_round_config"),
        (
            {"policy": PayoutPolicy.true_contribution_era()},
            ValueError,
            r"pays for \['tc'\]",
        ),
        ({"policy": PayoutPolicy({"corr60": 3})}, ValueError, r"pays for \['corr60'\]"),
        ({"clip": 0.05}, TypeError, "clip must be True or False.*dataclasses.replace"),
        ({"payout_factor": -1}, ValueError, "payout_factor must be a finite number"),
        ({"payout_factor": "1"}, ValueError, "payout_factor must be a finite number"),
        ({"aggregate": "average"}, ValueError, "payout_score: aggregate must be"),
        ({"min_coverage": 2}, ValueError, "payout_score: min_coverage must be"),
    ],
)
def test_bad_parameters(data, kwargs, error, message):
    with pytest.raises(error, match=message):
        payout_score(*data, **kwargs)


@pytest.mark.parametrize("weight", ["1", None, np.nan, np.inf, True])
@pytest.mark.parametrize("name", ["corr_weight", "bmc_weight"])
def test_bad_weights(data, name, weight):
    with pytest.raises(ValueError, match=f"{name} must be a finite number"):
        learn_payout_score(*data, **{name: weight})


@pytest.mark.parametrize("score", [payout_score, learn_payout_score])
def test_bad_input(data, score):
    y, p, meta = data
    with pytest.raises(ValueError, match=f"{score.__name__}: y_true has 719 rows"):
        score(y[1:].to_numpy(), p.to_numpy(), meta.to_numpy())
    with pytest.raises(ValueError, match="y_true must be one target"):
        score(pd.concat([y, y], axis=1), p, meta)
    with pytest.raises(ValueError, match="infinite"):
        score(y, p.replace(p.iloc[0, 0], np.inf), meta)


def test_target_of_tc_era_default_rule(data):
    y, p, meta = data
    # 1 x CORR and nothing of TC
    y = y.rename("target")
    scores = payout_score(y, p, meta, policy=400, clip=False)
    assert_allclose(scores, numerai_corr_score(y, p))


def test_in_a_scorer(data):
    y, p, meta = data
    scorer = make_era_scorer(payout_score, meta_model=meta, policy="ender60")

    class Model:
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X["good"]

    assert_allclose(
        scorer(Model(), p, y), payout_score(y, p["good"], meta, policy="ender60")
    )


def test_policy_is_a_parameter_that_clones():
    policy = PayoutPolicy.latest()
    assert clone(policy, safe=False) == policy


def test_era_by_era_with_one_era_scores(data):
    y, p, meta = data
    scores = era_scores(payout_score, y, p, meta)
    expected = payout_score(y, p, meta, aggregate=None)
    pd.testing.assert_frame_equal(scores, expected, rtol=1e-12)


def test_covered_eras_may_be_any(data):
    """CORR of the covered eras is paid, not that of the last ones."""
    y, p, meta = data
    some = meta.loc[[2, 3, 5]]
    got = payout_score(y, p, some, aggregate=None, min_coverage=0.5)
    whole = payout_score(y, p, meta, aggregate=None)
    assert got.index.tolist() == [2, 3, 5]
    assert_allclose(got, whole.loc[[2, 3, 5]], rtol=0, atol=1e-14)
