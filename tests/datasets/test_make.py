"""make_numerai: shape, exactness, reproducibility and the statistics that it states."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.datasets._targets import TARGET_NAMES
from sknumerai.datasets._tournament import Tournament
from sknumerai.utils import check_eras


def era_correlations(dataset, score):
    """Pearson correlation of a score with the target, by era, in plain pandas."""
    y = dataset.target if dataset.target.ndim == 1 else dataset.target.iloc[:, 0]
    frame = pd.DataFrame({"score": np.asarray(score), "y": np.asarray(y)})
    by_era = frame.groupby(np.asarray(dataset.eras))
    return by_era.apply(lambda g: np.corrcoef(g["score"], g["y"])[0, 1]).to_numpy()


def autocorrelation(x, lag):
    x = x - x.mean()
    return (x[lag:] * x[:-lag]).mean() / x.var()


def test_layout_of_the_bunch():
    d = make_numerai(n_eras=3, n_samples_per_era=40, n_features=7, random_state=0)
    assert d.data.shape == (120, 7)
    assert d.data.index.names == ["era", "id"]
    assert (d.data.dtypes == np.int8).all()
    assert isinstance(d.target, pd.Series) and d.target.dtype == np.float32
    assert list(d.data.columns) == d.feature_names == d.feature_sets["all"]
    assert d.target_names == ["target_ender_20"] == [d.target.name]
    keys = ("target", "eras", "benchmark", "meta_model", "oracle", "stable_oracle")
    assert all(d[key].index.equals(d.data.index) for key in keys)
    assert check_eras(None, d.data, d.target).numbers.tolist() == [1, 2, 3]
    assert d.eras.unique().tolist() == ["0001", "0002", "0003"]
    ids = d.data.index.get_level_values("id")
    assert ids.is_unique and ids.str.fullmatch("n[0-9a-f]{15}").all()
    assert d.data.index.is_monotonic_increasing
    for frame in (d.benchmark, d.meta_model, d.oracle):
        values = np.asarray(frame)
        assert values.dtype == np.float32 and (values > 0).all() and (values < 1).all()


def test_a_list_of_targets_gives_a_frame_with_the_main_target_first():
    names = ["target_jasper_60", "target", "target_ender_20", "target_ender_60"]
    d = make_numerai(n_eras=2, targets=names, random_state=0)
    assert list(d.target.columns) == names == d.target_names
    assert d.target["target"].equals(d.target["target_ender_60"].rename("target"))
    other = make_numerai(n_eras=2, targets=names, alias="ender_20", random_state=0)
    assert other.target["target"].equals(other.target["target_ender_20"])
    alone = make_numerai(n_eras=2, targets="target_ender_20", random_state=0)
    pd.testing.assert_series_equal(alone.target, d.target["target_ender_20"])
    main = make_numerai(n_eras=2, targets="target_jasper_60", random_state=0)
    pd.testing.assert_series_equal(main.oracle, d.oracle)


def test_all_targets():
    d = make_numerai(n_eras=1, targets=TARGET_NAMES, random_state=0)
    assert d.target.shape == (100, 41)
    assert d.target.notna().all(axis=None)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 130), st.integers(1, 60), st.integers(0, 10**9))
def test_quintiles_and_bins_are_exact_at_any_size(n, p, seed):
    d = make_numerai(
        n_eras=2, n_samples_per_era=n, n_features=p, first_era=300, random_state=seed
    )
    for era in d.eras.unique():
        X, y = d.data.loc[era].to_numpy(), d.target.loc[era].to_numpy()
        rank = pd.qcut(np.arange(n), [0, 0.2, 0.4, 0.6, 0.8, 1], labels=False)
        assert (np.sort(X, axis=0) == rank[:, None]).all()
        edges = np.floor(np.array([0.05, 0.25, 0.75, 0.95]) * (n - 1)) + 1
        expected = np.searchsorted(edges, np.arange(n), side="right") / 4
        np.testing.assert_array_equal(np.sort(y), expected)


def test_an_era_alone_is_the_era_beside_others():
    kwargs = {"n_samples_per_era": 60, "missing": 0.5, "random_state": 3}
    kwargs["targets"] = ["target_ender_20", "target_tyler_60"]
    many = make_numerai(n_eras=30, first_era=20, **kwargs)
    for number in (20, 26, 49):
        one = make_numerai(n_eras=1, first_era=number, **kwargs)
        for key in ("data", "target", "oracle", "benchmark", "meta_model"):
            expected = many[key].loc[[f"{number:04d}"]]
            assert one[key].equals(expected), (number, key)
    some = make_numerai(n_eras=5, first_era=20, every=4, **kwargs)
    assert some.eras.unique().tolist() == ["0020", "0024", "0028", "0032", "0036"]
    assert some.data.equals(many.data.loc[some.eras.unique()])


def test_random_state_decides_everything():
    a, b = (make_numerai(n_eras=2, random_state=5) for _ in range(2))
    assert all(a[k].equals(b[k]) for k in ("data", "target", "oracle", "benchmark"))
    c = make_numerai(n_eras=2, random_state=6)
    assert not a.data.index.equals(c.data.index)
    assert not np.array_equal(a.data, c.data)
    rng = [np.random.RandomState(0) for _ in range(2)]
    d, e = (make_numerai(n_eras=2, random_state=r) for r in rng)
    assert d.data.equals(e.data)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    make_numerai(n_eras=1)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_unresolved_eras_are_nan_whole():
    names = ["target_ender_20", "target_ender_60", "target"]
    known = make_numerai(n_eras=20, targets=names, random_state=0)
    d = make_numerai(n_eras=20, targets=names, resolved=False, random_state=0)
    missing = d.target.isna().groupby(level="era").mean()
    assert (missing["target_ender_20"].to_numpy() == [0] * 15 + [1] * 5).all()
    assert (missing["target_ender_60"].to_numpy() == [0] * 7 + [1] * 13).all()
    assert d.target["target"].equals(d.target["target_ender_60"].rename("target"))
    resolved = d.target.notna()
    assert (d.target == known.target)[resolved].where(resolved, True).all(axis=None)
    fourth = make_numerai(n_eras=5, every=4, resolved=False, random_state=0)
    assert fourth.target.isna().groupby(level="era").mean().tolist() == [0, 0, 0, 1, 1]


def test_missing_features_are_two_in_whole_eras_and_begin_for_good():
    d = make_numerai(n_eras=60, every=8, missing=0.5, n_features=40, random_state=0)
    absent = (d.data == 2).groupby(level="era").all()
    late = absent.iloc[0]
    assert 0.25 < late.mean() < 0.75
    assert not absent.iloc[-1].any()
    assert (np.diff(absent.to_numpy().astype(int), axis=0) <= 0).all()
    full = make_numerai(n_eras=60, every=8, n_features=40, random_state=0)
    there = ~absent.loc[d.eras].to_numpy()
    assert (full.data.to_numpy() == d.data.to_numpy())[there].all()


def test_real_number_of_rows():
    d = make_numerai(
        n_eras=3, every=500, n_samples_per_era="real", n_features=3, random_state=0
    )
    rows = d.eras.value_counts().sort_index()
    assert np.abs(rows.to_numpy() - [2314, 4640, 6874]).max() < 150


def test_oracle_is_calibrated_and_the_best():
    for signal in (3.0, 20.0):
        d = make_numerai(
            n_eras=60,
            every=12,
            n_samples_per_era=1000,
            n_features=15,
            signal=signal,
            random_state=1,
        )
        slope, intercept = np.polyfit(d.oracle, d.target, 1)
        assert slope == pytest.approx(1, abs=0.06)
        assert intercept == pytest.approx(0.5 * (1 - slope), abs=1e-3)
        best = era_correlations(d, d.oracle).mean()
        stable = era_correlations(d, d.stable_oracle).mean()
        assert best > stable
        for model in (*d.benchmark.to_numpy().T, d.meta_model):
            assert era_correlations(d, model).mean() < stable


def test_oracle_sees_the_cross_section_of_its_era():
    # the same rows with an auxiliary main target have an oracle of their own
    d = make_numerai(n_eras=5, targets="target_xerxes_60", random_state=0)
    assert era_correlations(d, d.oracle).mean() > 0.2


def test_no_signal_leaves_noise():
    d = make_numerai(n_eras=10, n_samples_per_era=500, signal=0, random_state=0)
    np.testing.assert_allclose(d.oracle, 0.5, atol=1e-6)
    assert abs(era_correlations(d, d.meta_model).mean()) < 0.05


def test_a_linear_model_learns_at_the_default_signal():
    d = make_numerai(n_eras=40, random_state=0)
    train = (d.eras <= "0024").to_numpy()
    test = (d.eras >= "0032").to_numpy()
    model = make_pipeline(StandardScaler(), Ridge(100.0))
    pred = model.fit(d.data[train], d.target[train]).predict(d.data[test])
    scores = np.corrcoef(pred, d.target[test])[0, 1]
    assert scores > 0.05


def test_scores_of_eras_overlap_as_targets_do():
    d = make_numerai(
        n_eras=500,
        n_samples_per_era=300,
        n_features=10,
        targets=["target_ender_20", "target_ender_60"],
        signal=1.0,
        random_state=0,
    )
    score = d.benchmark["v53_lgbm_ender20"]
    short = era_correlations(d, score)
    assert autocorrelation(short, 1) > 0.6
    assert autocorrelation(short, 2) > 0.3
    assert all(abs(autocorrelation(short, lag)) < 0.25 for lag in (5, 8, 13))
    d.target = d.target[["target_ender_60"]]
    long = era_correlations(d, score)
    assert autocorrelation(long, 1) > 0.7
    assert autocorrelation(long, 4) > 0.35
    assert all(abs(autocorrelation(long, lag)) < 0.3 for lag in (14, 16))


def test_single_features_have_small_unstable_correlations():
    # real: per-era sd .016 to .025, of which .014 is noise, and mean |IC| about .0015
    d = make_numerai(
        n_eras=150,
        every=5,
        n_samples_per_era=5000,
        n_features=12,
        signal=1.0,
        random_state=0,
    )
    ic = np.array([era_correlations(d, d.data.iloc[:, j]) for j in range(12)])
    assert 0.013 < ic.std(axis=1).mean() < 0.022
    assert np.abs(ic.mean(axis=1)).mean() < 0.005


def test_benchmark_and_meta_model_correlate_as_the_real_ones():
    d = make_numerai(
        n_eras=6,
        every=30,
        n_samples_per_era=3000,
        n_features=120,
        signal=1.0,
        random_state=2,
    )
    models = pd.concat([d.benchmark, d.meta_model], axis=1)
    r = models.groupby(level="era").corr().groupby(level=1).mean()
    r = r.loc[models.columns, models.columns].to_numpy()
    assert r[0, 2] == pytest.approx(0.655, abs=0.04)
    assert r[0, 1] == pytest.approx(0.84, abs=0.03)


def test_return_X_y():
    X, y = make_numerai(n_eras=2, random_state=0, return_X_y=True)
    d = make_numerai(n_eras=2, random_state=0)
    assert X.equals(d.data) and y.equals(d.target)


def test_rows_are_contiguous_and_pickle():
    d = make_numerai(n_eras=2, random_state=0)
    assert d.data.to_numpy().flags.c_contiguous
    again = pickle.loads(pickle.dumps(d))
    assert again.data.equals(d.data)


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"targets": "target_nomi_20"}, "no target 'target_nomi_20'.*families"),
        ({"targets": []}, "at least one"),
        ({"targets": ["target", "target"]}, "twice"),
        ({"n_eras": 0}, "n_eras"),
        ({"n_samples_per_era": 4}, "n_samples_per_era"),
        ({"n_samples_per_era": "all"}, "n_samples_per_era"),
        ({"n_features": 4000}, "n_features"),
        ({"signal": -1.0}, "signal"),
        ({"first_era": 9990}, "four digits"),
        ({"missing": 1.5}, "missing"),
    ],
)
def test_bad_input_gets_a_sentence(kwargs, match):
    with pytest.raises(ValueError, match=match):
        make_numerai(**{"random_state": 0, **kwargs})


@pytest.mark.slow
def test_scores_at_the_real_size_are_not_those_of_a_toy():
    """42 features, every 4th era: trees .012 to .021, a linear model about half."""
    lightgbm = pytest.importorskip("lightgbm")
    scoring = pytest.importorskip("numerai_tools.scoring")

    def part(first_era, n_eras):
        return make_numerai(
            n_eras,
            first_era=first_era,
            every=4,
            n_samples_per_era="real",
            n_features=42,
            signal=1.0,
            random_state=0,
        )

    train, test = part(1, 144), part(587, 162)
    trees = lightgbm.LGBMRegressor(
        n_estimators=400,
        learning_rate=0.04,
        max_depth=5,
        num_leaves=31,
        colsample_bytree=0.2,
        verbose=-1,
    )
    preds = pd.DataFrame(
        {
            "trees": trees.fit(train.data, train.target).predict(test.data),
            "linear": Ridge().fit(train.data, train.target).predict(test.data),
            "benchmark": test.benchmark["v53_lgbm_ender20"],
            "oracle": test.stable_oracle,
        },
        index=test.data.index,
    )
    scores = pd.DataFrame(
        {
            era: scoring.numerai_corr(part.droplevel("era"), test.target[era])
            for era, part in preds.groupby(level="era")
        }
    ).T
    mean, sd = scores.mean(), scores.std(ddof=0)
    assert 0.012 < mean["trees"] < 0.021
    assert 0.015 < sd["trees"] < 0.0195
    assert 0.3 < mean["linear"] / mean["trees"] < 0.7
    assert 0.016 < mean["benchmark"] < 0.026
    assert 0.015 < sd["benchmark"] < 0.021
    assert mean["oracle"] > 1.1 * mean["trees"]


def test_real_profile_has_as_many_rows_as_the_official_files():
    tournament = Tournament(1, "real", [("ender", 20)], 1.0, 0.0, 0)
    train = sum(tournament.rows_of(era) for era in range(1, 575))
    validation = sum(tournament.rows_of(era) for era in range(575, 1233))
    assert train == pytest.approx(2_746_268, rel=0.005)
    assert validation == pytest.approx(4_114_072, rel=0.005)


def test_stable_oracle_knows_the_part_that_depends_on_the_cross_section():
    """With few features any model learns that part: one scored 149 % of the oracle."""
    d = make_numerai(
        n_eras=40, every=12, n_samples_per_era=500, signal=16.0, random_state=0
    )
    slope, _ = np.polyfit(d.stable_oracle, d.target, 1)
    assert slope == pytest.approx(1, abs=0.15)
    stable = era_correlations(d, d.stable_oracle).mean()
    assert 0.75 * era_correlations(d, d.oracle).mean() < stable
