"""What takes more than a few seconds shows a bar, and says how long it will take."""

import inspect
from functools import partial

import numpy as np
import pandas as pd
import pytest
import tqdm.auto
from sklearn.linear_model import Ridge

from sknumerai.ensemble import (
    EnsembleSelectionRegressor,
    NeutralizedRegressor,
    ResidualTargetRegressor,
    select_ensemble,
)
from sknumerai.inspection import (
    EraScoresDisplay,
    FeatureExposureDisplay,
    diagnostics_report,
    explain_contribution,
)
from sknumerai.metrics import (
    bootstrap_interval,
    compare_scores,
    exposure_dissimilarity,
    feature_exposures,
    fnc_dissimilarity_score,
    fnc_score,
    legacy_fnc_score,
    make_era_scorer,
    max_feature_exposure,
    neutral_contribution_score,
    neutral_corr_score,
    rms_feature_exposure,
    score_summary,
)
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.portfolio import (
    StakeSimulator,
    TrueContribution,
    leave_one_out_contribution,
)
from sknumerai.preprocessing import (
    CorrelationClusterSelector,
    EraQuantileScaler,
    FeatureGroupStatistics,
    FeatureNeutralizer,
    FeatureScaler,
    GaussianRankScaler,
    MissingCodeTransformer,
    PermutationImportanceSelector,
    StableFeatureSelector,
    _correlation_matrix,
    _tables,
    neutralize,
    reduce_exposure,
    residualize_target,
)
from tests.discovery import public_objects

# public names of work that is long at the real size
LONG = {
    "load_numerai", "fetch_numerai", "write_numerai", "neutralize", "reduce_exposure",
    "PermutationImportanceSelector", "OptunaSearchRegressor", "WarmStartWalkForward",
    "era_cross_validate", "era_cross_val_predict", "TrueContribution", "plan_job",
    "leave_one_out_contribution", "FeatureNeutralizer", "EraEnsembleRegressor", "EraBoostingRegressor",
    "FoldAveragingRegressor", "SeedAveragingRegressor", "MultiTargetRegressor",
    "RankAveragingRegressor", "EnsembleSelectionRegressor", "MLPRegressor",
    "SupervisedAutoencoderRegressor", "ContextAwareRanker", "DenoisingAutoencoder",
    "predict_numerai", "load_benchmark_models", "load_meta_model", "residualize_target",
    "FeatureScaler", "GaussianRankScaler", "EraQuantileScaler", "MissingCodeTransformer",
    "FeatureGroupStatistics", "StableFeatureSelector", "CorrelationClusterSelector",
    "fnc_score", "legacy_fnc_score", "neutral_corr_score", "neutral_contribution_score",
    "feature_exposures", "max_feature_exposure", "rms_feature_exposure",
    "exposure_dissimilarity", "fnc_dissimilarity_score", "score_summary",
    "bootstrap_interval", "compare_scores", "select_ensemble", "NeutralizedRegressor",
    "ResidualTargetRegressor", "StakeSimulator", "noise_robustness", "explain_contribution",
    "diagnostics_report",
}  # fmt: skip


class Bars(list):
    """Descriptions and totals, and the bars themselves."""

    def __init__(self):
        self.made = []

    def clear(self):
        super().clear()
        self.made.clear()


@pytest.fixture
def bars(monkeypatch):
    """Descriptions and totals of the bars that are made."""
    made = Bars()

    class Bar(tqdm.std.tqdm):
        def __init__(self, iterable=None, desc=None, total=None, **kwargs):
            super().__init__(iterable, desc, total, **kwargs)
            made.append((desc, self.total))
            made.made.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return made


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([[1, 2, 3], range(40)], names=["era", "id"])
    X = pd.DataFrame(rng.integers(0, 5, (120, 3)), index=index, columns=list("abc"))
    P = pd.DataFrame(rng.normal(size=(120, 2)), index=index)
    return X, P, pd.Series(rng.normal(size=120), index=index)


def test_long_work_has_a_verbose():
    """Functions tell how far they are; what searches fit many times is asked to."""
    found = {name.rpartition(".")[2]: obj for name, obj in public_objects()}
    verbose = {
        name: inspect.signature(found[name]).parameters.get("verbose") for name in LONG
    }
    assert not [name for name, parameter in verbose.items() if parameter is None]
    functions = [name for name in LONG if inspect.isfunction(found[name])]
    assert {verbose[name].default for name in functions} == {1}


def test_bars_over_eras_and_features(rows, bars):
    X, P, y = rows
    neutralize(P, X)
    reduce_exposure(P, X)
    TrueContribution(n_rounds=2, random_state=0).fit(P, [1, 1], y)
    leave_one_out_contribution(P, [1, 1], y)
    PermutationImportanceSelector(Ridge(), verbose=True).fit(X, y)
    table = X.join(P[0].rename("p"))
    FeatureNeutralizer(["p"], list("abc"), verbose=True).fit_transform(table)
    assert bars == [
        ("neutralize", 3),
        ("reduce_exposure", 3),
        ("TrueContribution.fit", 3),
        ("leave_one_out_contribution", 3),
        ("PermutationImportanceSelector", 3),
        ("FeatureNeutralizer.transform", 3),
    ]


def test_no_bars_where_none_are_wanted(rows, bars):
    X, P, y = rows
    neutralize(P, X, verbose=0)
    # a live era is one
    neutralize(P.loc[[1]], X.loc[[1]])
    TrueContribution(n_rounds=2, verbose=0).fit(P, [1, 1], y)
    PermutationImportanceSelector(Ridge()).fit(X, y)
    assert bars == []


def test_bars_of_transformers(rows, bars, monkeypatch):
    X, _, y = rows
    monkeypatch.setattr(_tables, "BLOCK", 90)
    monkeypatch.setattr(_correlation_matrix, "_BLOCK", 90)
    for transformer in (
        FeatureScaler,
        FeatureGroupStatistics,
        GaussianRankScaler,
        EraQuantileScaler,
        MissingCodeTransformer,
        StableFeatureSelector,
    ):
        transformer().fit(X, y).transform(X)
        assert bars == []
        transformer(verbose=True).fit(X, y).transform(X)
        assert len(bars) == 1 + (transformer is MissingCodeTransformer)
        name, n = bars.pop()
        assert name.startswith(transformer.__name__)
        # blocks of 90 numbers, or eras
        blocks = transformer in (FeatureScaler, FeatureGroupStatistics)
        assert n == (4 if blocks else 3)
        bars.clear()
    CorrelationClusterSelector(representative="target", verbose=True).fit(X, y)
    assert bars == [
        ("CorrelationClusterSelector", 4),
        ("CorrelationClusterSelector", 3),
    ]


def test_bars_of_ensembles(rows, bars):
    X, P, y = rows
    residualize_target(y, X)
    ResidualTargetRegressor(Ridge(), "X", verbose=True).fit(X, y)
    neutral = NeutralizedRegressor(Ridge(), verbose=True).fit(X, y)
    neutral.predict(X)
    neutral.set_params(max_exposure=0.9).fit(X, y).predict(X)
    assert (
        bars
        == [("residualize_target", 3)] * 2 + [("NeutralizedRegressor.predict", 3)] * 2
    )
    bars.clear()
    select_ensemble(P, y, n_steps=4)
    # after two models only these two are tried
    wide = pd.concat([P, P**2, P**3], axis=1, keys=list("abc"))
    done = select_ensemble(wide, y, n_steps=9, n_initial=2, max_models=2).table
    select_ensemble(P, y, method="exhaustive")
    assert len(done) == 8
    assert bars == [
        ("select_ensemble", 6),
        ("select_ensemble", 42),
        ("select_ensemble", 3),
    ]
    bars.clear()
    members = [("a", Ridge()), ("b", Ridge(100.0))]
    cv = GroupTimeSeriesSplit(1, test_size=1, embargo=0)
    EnsembleSelectionRegressor(members, cv, n_steps=2).fit(X, y)
    assert bars == []
    EnsembleSelectionRegressor(members, cv, n_steps=2, verbose=True).fit(X, y)
    assert ("select_ensemble", 2) in bars


def test_bars_of_metrics(rows, bars):
    X, P, y = rows
    for metric in (fnc_score, legacy_fnc_score, neutral_corr_score):
        metric(y, P, X)
    neutral_contribution_score(y, P, P[0], X)
    for metric in (feature_exposures, max_feature_exposure, rms_feature_exposure):
        metric(None, P, X)
    for metric in (exposure_dissimilarity, fnc_dissimilarity_score):
        metric(y, P, X, P[0])
    assert bars == [
        ("fnc_score", 3),
        ("legacy_fnc_score", 3),
        ("neutral_corr_score", 3),
        ("neutral_contribution_score", 3),
        ("feature_exposures", 3),
        ("max_feature_exposure", 3),
        ("rms_feature_exposure", 3),
        ("exposure_dissimilarity", 3),
        ("fnc_dissimilarity_score", 3),
    ]
    bars.clear()
    fnc_score(y, P, X, verbose=0)
    fnc_score(y.loc[[1]], P.loc[[1]], X.loc[[1]])
    # scorers are called for each fold
    model = Ridge().fit(X, y)
    for metric in (fnc_score, partial(fnc_score, top_bottom=10)):
        make_era_scorer(metric)(model, X, y)
    assert bars == []
    make_era_scorer(fnc_score, verbose=1)(model, X, y)
    make_era_scorer(partial(fnc_score, verbose=1))(model, X, y)
    assert bars == [("fnc_score", 3)] * 2


def test_bars_of_resamples(bars):
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    how = {"horizon": 20, "n_resamples": 50, "random_state": 0}
    found = score_summary(scores, confidence_level=0.9, **how)
    bootstrap_interval(scores["a"], **how)
    compare_scores(scores, baseline="a", **how)
    assert bars == [
        ("score_summary", 150),
        ("bootstrap_interval", 50),
        ("compare_scores", 2),
    ]
    bars.clear()
    # without intervals nothing is long
    score_summary(scores)
    again = score_summary(scores, confidence_level=0.9, verbose=0, **how)
    pd.testing.assert_frame_equal(found, again)
    assert bars == []


def test_bars_are_full_at_the_end(rows, bars):
    """Counts by hand: what was said is what is done."""
    _, P, y = rows
    wide = pd.concat([P, P**2, P**3], axis=1, keys=list("abc"))
    select_ensemble(wide, y, n_steps=9, n_initial=2, max_models=2)
    select_ensemble(wide, y, n_steps=5)
    select_ensemble(P, y, method="exhaustive")
    scores = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)))
    score_summary(scores, confidence_level=0.9, horizon=20, n_resamples=50)
    assert [bar.n for bar in bars.made] == [bar.total for bar in bars.made]


def test_bars_of_stakes(bars):
    rounds = pd.RangeIndex(1180, 1184, name="round")
    scores = {name: pd.DataFrame(0.01, rounds, ["a", "b"]) for name in ("corr", "mmc")}
    each = pd.DataFrame({"corr": [1.0, 2.0], "mmc": 0.5}, index=["a", "b"])
    StakeSimulator("ender20", multipliers=each).simulate(scores)
    # four rounds, and until the last of them is resolved
    assert bars == [("StakeSimulator", 2), ("StakeSimulator", 8)]
    bars.clear()
    StakeSimulator("ender20", verbose=0).simulate(scores)
    assert bars == []


def test_bars_of_inspection(rows, bars):
    X, P, y = rows
    for display in (EraScoresDisplay, FeatureExposureDisplay):
        given = {"metrics": "fnc"} if display is EraScoresDisplay else {}
        given = {**given, "features": X, "plot": False}
        display.from_predictions(y, P, **given)
        display.from_predictions(y, P, verbose=0, **given)
    assert bars == [("fnc_score", 3), ("feature_exposures", 3)]
    bars.clear()
    pytest.importorskip("jinja2")
    P = P.set_axis(["a", "b"], axis=1)
    with pytest.MonkeyPatch.context() as patch:
        tables = "sknumerai.inspection._report_tables"
        patch.setattr(f"{tables}.enough_eras", lambda *_: True)
        patch.setattr("sknumerai.metrics._summary.check_enough", lambda *_: None)
        patch.setattr("sknumerai.metrics._comparison.check_enough", lambda *_: None)
        how = {"train_eras": [0], "horizon": 0, "n_resamples": 10}
        diagnostics_report(y, P, features=X, **how)
    assert {"fnc_score", "feature_exposures", "score_summary"} == {n for n, _ in bars}


def test_bar_of_boosting(bars):
    pytest.importorskip("interpret")
    rng = np.random.default_rng(0)
    metrics = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    given = metrics["a"] + rng.normal(size=200), metrics
    how = {"interactions": 2, "n_folds": 4, "random_state": 0}
    quick = {"max_rounds": 5}
    found = explain_contribution(*given, ebm_params=quick, **how)
    # five terms, five rounds, four machines
    assert bars == [("explain_contribution", 100)] and bars.made[0].n == 100
    bars.clear()
    again = explain_contribution(*given, ebm_params=quick, verbose=0, **how)
    pd.testing.assert_frame_equal(found.importances, again.importances)
    assert bars == []
