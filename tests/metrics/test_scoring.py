"""numerai_scoring: all metrics from one prediction."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold

import sknumerai.metrics._ranked as ranked
from sknumerai.datasets import make_numerai
from sknumerai.exceptions import HorizonWarning, LeakageWarning, ScoringError
from sknumerai.metrics import (
    PayoutPolicy,
    alpha_score,
    bmc_score,
    churn_score,
    cwmm_score,
    exposure_dissimilarity,
    fnc_dissimilarity_score,
    fnc_score,
    learn_payout_score,
    legacy_corr_score,
    legacy_fnc_score,
    max_drawdown,
    max_feature_exposure,
    mmc_score,
    neutral_churn_score,
    neutral_contribution_score,
    neutral_corr_score,
    neutralized_weights,
    numerai_corr_score,
    numerai_scoring,
    payout_score,
    prediction_correlation_score,
    rms_feature_exposure,
    spearman_score,
    turnover_score,
)

N_ERAS = 16
CORR = [
    "corr",
    "corr_std",
    "corr_sharpe",
    "corr_max_drawdown",
    "corr_worst",
    "corr_mean_plus_worst",
    "spearman",
]


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=N_ERAS,
        n_samples_per_era=50,
        n_features=6,
        targets="target_ender_60",
        random_state=0,
    )


@pytest.fixture(scope="module")
def model(data):
    return Ridge().fit(data.data.iloc[:, :4], data.target)


class FirstFour(RegressorMixin, BaseEstimator):
    """Predicts from the first four columns, so that features leave something."""

    def fit(self, X, y):
        self.model_ = Ridge().fit(X.iloc[:, :4] ** 2, y)
        return self

    def predict(self, X):
        self.n_predicted_ = getattr(self, "n_predicted_", 0) + 1
        return self.model_.predict(X.iloc[:, :4] ** 2)


@pytest.fixture
def fitted(data):
    return FirstFour().fit(data.data, data.target)


@pytest.fixture(scope="module")
def benchmark(data):
    return data.benchmark[["v53_lgbm_ender60"]]


def test_every_score_is_the_metrics_own(data, fitted, benchmark):
    X, y, meta_model = data.data, data.target, data.meta_model
    shuffled = np.random.default_rng(0).permutation(len(X))
    scoring = numerai_scoring(
        meta_model=meta_model.iloc[shuffled],
        benchmark=benchmark.iloc[shuffled],
        features=X.iloc[shuffled],
    )
    scores = scoring(fitted, X, y)
    pred = fitted.predict(X)
    eras = numerai_corr_score(y, pred, aggregate=None)
    policy = PayoutPolicy.latest()
    bmc = bmc_score(y, pred, benchmark)
    expected = {
        "corr": eras.mean(),
        "corr_std": eras.std(ddof=0),
        "corr_sharpe": eras.mean() / eras.std(ddof=0),
        "corr_max_drawdown": max_drawdown(eras),
        "corr_worst": eras.min(),
        "corr_mean_plus_worst": eras.mean() + eras.min(),
        "spearman": spearman_score(y, pred),
        "mmc": mmc_score(y, pred, meta_model),
        "mmc_sharpe": mmc_score(y, pred, meta_model, aggregate="sharpe"),
        "cwmm": cwmm_score(y, pred, meta_model),
        "payout": payout_score(y, pred, meta_model),
        "meta_model_coverage": 1.0,
        "bmc": bmc,
        "bmc_sharpe": bmc_score(y, pred, benchmark, aggregate="sharpe"),
        "lpayout": learn_payout_score(y, pred, benchmark),
        "expected_payout": (
            policy.weights["corr"] * eras.mean() + policy.weights["mmc"] * bmc
        ),
        "benchmark_coverage": 1.0,
        "fnc": fnc_score(y, pred, X),
        "max_feature_exposure": max_feature_exposure(y, pred, X),
        "features_coverage": 1.0,
    }
    assert list(scores) == list(expected)
    assert all(type(value) is float for value in scores.values())
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, rel=1e-9), name
    assert scores["expected_payout"] == pytest.approx(
        learn_payout_score(y, pred, benchmark, corr_weight=3, bmc_weight=15)
    )


def test_scores_follow_from_the_inputs_given(data, fitted, benchmark):
    X, y = data.data, data.target
    assert list(numerai_scoring()(fitted, X, y)) == CORR
    with_benchmark = numerai_scoring(benchmark=benchmark)(fitted, X, y)
    assert list(with_benchmark)[7:] == [
        "bmc",
        "bmc_sharpe",
        "lpayout",
        "expected_payout",
        "benchmark_coverage",
    ]
    for features in ("X", list(X.columns[:2])):
        scores = numerai_scoring(features=features)(fitted, X, y)
        frame = X if features == "X" else X[features]
        assert list(scores)[7:] == ["fnc", "max_feature_exposure"]
        expected = fnc_score(y, fitted.predict(X), frame)
        assert scores["fnc"] == pytest.approx(expected, rel=1e-9)


def test_one_prediction_and_one_sort(data, fitted, benchmark, monkeypatch):
    sorted_shapes = []
    original = ranked.stable_order

    def counted(columns, *args):
        sorted_shapes.append(columns.shape)
        return original(columns, *args)

    monkeypatch.setattr(ranked, "stable_order", counted)
    scoring = numerai_scoring(benchmark=benchmark, meta_model=data.meta_model)
    scoring(fitted, data.data, data.target)
    assert fitted.n_predicted_ == 1
    # the predictions, the benchmark and the meta model of each era
    assert sorted_shapes == [(1, 50)] * 3 * N_ERAS


def test_era_table(data, fitted, benchmark):
    X, y = data.data, data.target
    late = benchmark.loc["0005":]
    scoring = numerai_scoring(benchmark=late, meta_model=data.meta_model)
    table = scoring.era_table(fitted, X, y)
    pred = fitted.predict(X)
    assert list(table.index) == sorted(data.eras.unique())
    assert list(table.columns) == [
        "corr", "spearman", "mmc", "cwmm", "payout", "bmc", "lpayout",
        "expected_payout",
    ]  # fmt: skip
    assert_allclose(table["corr"], numerai_corr_score(y, pred, aggregate=None))
    assert table["bmc"].isna().sum() == 4
    covered = y.index.get_level_values("era") >= "0005"
    expected = bmc_score(y[covered], pred[covered], late, aggregate=None)
    assert_allclose(table["bmc"].dropna(), expected)


def test_coverage_and_its_threshold(data, fitted, benchmark):
    X, y = data.data, data.target
    late = benchmark.loc["0005":]
    said = r"benchmark covers 0.75 of the .* min_coverage=1.0, so bmc, bmc_sharpe, lp"
    with pytest.warns(UndefinedMetricWarning, match=said) as warned:
        scores = numerai_scoring(benchmark=late)(fitted, X, y)
    assert len(warned) == 1 and warned[0].filename == __file__
    assert scores["benchmark_coverage"] == 0.75
    assert np.isnan([scores["bmc"], scores["bmc_sharpe"], scores["lpayout"]]).all()
    assert scores["corr"] == pytest.approx(numerai_corr_score(y, fitted.predict(X)))
    scores = numerai_scoring(benchmark=late, min_coverage=0.75)(fitted, X, y)
    expected = bmc_score(y, fitted.predict(X), late, min_coverage=0.75)
    assert scores["bmc"] == pytest.approx(expected)
    # a meta model of other eras: what an early fold sees
    early = slice("0001", "0004")
    with pytest.warns(UndefinedMetricWarning, match="covers 0.00 of"):
        scores = numerai_scoring(benchmark=late)(fitted, X.loc[early], y.loc[early])
    assert scores["benchmark_coverage"] == 0
    assert np.isnan(scores["expected_payout"]) and np.isfinite(scores["corr"])
    table = numerai_scoring(benchmark=late).era_table(
        fitted, X.loc[early], y.loc[early]
    )
    assert table["expected_payout"].isna().all()


def test_rows_that_a_benchmark_lacks(data, fitted, benchmark):
    """CORR in a payout is of all rows, whatever the benchmark has, as it is paid."""
    X, y = data.data, data.target
    pred = fitted.predict(X)
    some = benchmark.groupby(level="era").head(45)
    scores = numerai_scoring(benchmark=some)(fitted, X, y)
    assert scores["benchmark_coverage"] == 1
    assert scores["corr"] == pytest.approx(numerai_corr_score(y, pred))
    assert scores["lpayout"] == pytest.approx(learn_payout_score(y, pred, some))
    known = pd.Series(pred, y.index).groupby(level="era").head(45)
    assert scores["lpayout"] == pytest.approx(
        numerai_corr_score(y, pred) + 2 * bmc_score(y[known.index], known, some)
    )


def test_eras_without_a_target_are_left_out(data, fitted, benchmark):
    X, y = data.data, data.target.copy()
    y.loc["0015":] = np.nan
    scoring = numerai_scoring(benchmark=benchmark.loc[:"0014"], features="X")
    scores = scoring(fitted, X, y)
    assert scores["benchmark_coverage"] == 1
    assert len(scoring.era_table(fitted, X, y)) == 14
    with pytest.raises(ScoringError, match="no target: nothing to score"):
        scoring(fitted, X.loc["0015":], y.loc["0015":])


def test_policy_decides_the_payouts(data, fitted, benchmark):
    X, y = data.data, data.target.rename("target_ender_20")
    meta_model = data.meta_model
    sides = {"meta_model": meta_model, "benchmark": benchmark.set_axis(["b"], axis=1)}
    scores = numerai_scoring(**sides, policy="ender20")(fitted, X, y)
    pred = fitted.predict(X)
    expected = payout_score(y, pred, meta_model, policy="ender20")
    assert scores["payout"] == pytest.approx(expected)
    assert scores["expected_payout"] == pytest.approx(
        0.75 * scores["corr"] + 2.25 * scores["bmc"]
    )
    only_mmc = PayoutPolicy({"mmc": 2.0})
    scores = numerai_scoring(**sides, policy=only_mmc)(fitted, X, y)
    assert scores["payout"] == pytest.approx(2 * scores["mmc"])
    assert scores["expected_payout"] == pytest.approx(2 * scores["bmc"])


def test_constant_predictions_are_nan(data, benchmark):
    X, y = data.data, data.target
    model = FirstFour().fit(X, y)
    model.model_.coef_ = np.zeros(4)
    scores = numerai_scoring(benchmark=benchmark)(model, X, y)
    assert np.isnan(scores["corr"]) and np.isnan(scores["lpayout"])
    assert scores["bmc"] == 0


def test_warnings(data, fitted, benchmark):
    X, y = data.data, data.target
    scoring = numerai_scoring(benchmark=benchmark)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scoring(fitted, X, y)
        numerai_scoring()(fitted, X, y.rename("target_ender_20"))
    fitted.eras_seen_ = [1, 2]
    for call in (scoring, scoring.era_table):
        with pytest.warns(LeakageWarning, match="2 of the 16 eras") as said:
            call(fitted, X, y)
        assert len(said) == 1 and said[0].filename == __file__
    fitted.eras_seen_ = None
    with pytest.warns(HorizonWarning) as said:
        scoring(fitted, X, y.rename("target_ender_20"))
    assert ["'v53_lgbm_ender60'" in str(w.message) for w in said] == [True, False]
    assert "pays for 60" in str(said[1].message)


def test_bad_arguments_raise_when_it_is_made(data):
    with pytest.raises(ValueError, match="the rule pays for \\['tc'\\]"):
        numerai_scoring(policy=PayoutPolicy.true_contribution_era())
    with pytest.raises(TypeError, match="policy must be a PayoutPolicy"):
        numerai_scoring(policy=3.0)
    with pytest.raises(ValueError, match="min_coverage must be a share"):
        numerai_scoring(min_coverage=2)
    with pytest.raises(ValueError, match="meta_model must be one column"):
        numerai_scoring(meta_model=data.benchmark)
    with pytest.raises(ValueError, match="must have one row for each row of X"):
        numerai_scoring(features="all")


def test_labels_of_another_kind_raise(data, fitted, benchmark):
    """No row in common although the eras are: not a matter of coverage."""
    other = benchmark.rename(index=lambda label: f"x{label}", level="id")
    with pytest.raises(ScoringError, match="no row of y_pred is in benchmark"):
        numerai_scoring(benchmark=other)(fitted, data.data, data.target)


def test_repr_and_parameters(benchmark):
    scoring = numerai_scoring(benchmark=benchmark, features="X", min_coverage=0.5)
    assert repr(scoring) == (
        "numerai_scoring(benchmark=<DataFrame of shape (800, 1)>, features='X', "
        "policy='ender60', min_coverage=0.5)"
    )
    assert scoring.set_params(min_coverage=1.0).get_params()["min_coverage"] == 1.0
    with pytest.raises(ValueError, match="no parameters"):
        scoring.set_params(metric=None)


class Diverges(Ridge):
    """Predicts NaN where its penalty is large."""

    def predict(self, X):
        return super().predict(X) + (np.nan if self.alpha > 10 else 0.0)


def test_a_model_that_predicts_nan_gets_nan_for_all_scores(data, benchmark):
    X, y = data.data, data.target
    scoring = numerai_scoring(benchmark=benchmark, metrics=["bmc", "corr_worst"])
    fine = scoring(Diverges().fit(X, y), X, y)
    model = Diverges(alpha=100).fit(X, y)
    with pytest.warns(UndefinedMetricWarning, match="Diverges predicts NaN or") as said:
        scores = scoring(model, X, y)
    assert said[0].filename == __file__
    assert list(scores) == list(fine) and np.isnan(list(scores.values())).all()
    with pytest.raises(ValueError, match="predicts NaN or infinity for 800 of 800"):
        scoring.era_table(model, X, y)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_a_search_leaves_out_settings_that_predict_nan(data, benchmark, error_score):
    """GridSearchCV: TypeError, 'float' object is not subscriptable."""
    search = GridSearchCV(
        Diverges(),
        {"alpha": [1e3, 1.0]},
        cv=KFold(2),
        scoring=numerai_scoring(benchmark=benchmark),
        refit="expected_payout",
        error_score=error_score,
    )
    with pytest.warns(UndefinedMetricWarning):
        search.fit(data.data, data.target)
    assert search.best_params_ == {"alpha": 1.0}
    assert np.isnan(search.cv_results_["mean_test_corr"]).tolist() == [True, False]


@pytest.fixture(scope="module")
def wide():
    """Eras of more than 400 rows."""
    return make_numerai(
        n_eras=5,
        n_samples_per_era=420,
        n_features=6,
        targets="target_ender_60",
        random_state=0,
    )


def test_all_metrics_are_the_metrics_own(wide):
    X, y = wide.data, wide.target
    order = np.random.default_rng(0).permutation(len(X))
    meta_model = (
        wide.meta_model.iloc[:, 0] if wide.meta_model.ndim == 2 else wide.meta_model
    )
    benchmark = wide.benchmark[["v53_lgbm_ender60"]]
    example = wide.benchmark["v53_lgbm_ender20"]
    frame = X.iloc[:, :3].astype(float)
    model = FirstFour().fit(X, y)
    pred = model.predict(X)
    sides = {
        "meta_model": meta_model.iloc[order],
        "benchmark": benchmark.iloc[order],
        "features": list(X.columns[[4, 1, 0]]),
        "neutralizers": frame.iloc[order],
        "example_predictions": example.iloc[order],
    }
    scores = numerai_scoring(**sides, metrics="all")(model, X, y)
    columns = X[sides["features"]]
    with_example = y, pred, columns, example
    expected = {
        "corr_top_bottom_200": numerai_corr_score(y, pred, top_bottom=200),
        "legacy_corr": legacy_corr_score(y, pred),
        "fnc": fnc_score(y, pred, columns),
        "fnc_top_bottom_200": fnc_score(y, pred, columns, top_bottom=200),
        "legacy_fnc": legacy_fnc_score(y, pred, columns),
        "max_feature_exposure": max_feature_exposure(y, pred, columns),
        "rms_feature_exposure": rms_feature_exposure(y, pred, columns),
        "neutral_corr": neutral_corr_score(y, pred, frame),
        "neutral_contribution": neutral_contribution_score(y, pred, meta_model, frame),
        "exposure_dissimilarity": exposure_dissimilarity(*with_example),
        "fnc_dissimilarity": fnc_dissimilarity_score(*with_example),
        "benchmark_correlation": prediction_correlation_score(y, pred, benchmark),
        "example_correlation": prediction_correlation_score(y, pred, example),
        "corr_smart_sharpe": numerai_corr_score(y, pred, aggregate="smart_sharpe"),
        "mmc_worst": mmc_score(y, pred, meta_model, aggregate="worst"),
        "bmc_adjusted_sharpe": bmc_score(
            y, pred, benchmark, aggregate="adjusted_sharpe"
        ),
        "payout_max_drawdown": payout_score(
            y, pred, meta_model, aggregate="max_drawdown"
        ),
        "expected_payout_worst": learn_payout_score(
            y, pred, benchmark, corr_weight=3, bmc_weight=15, aggregate="worst"
        ),
        "lpayout_std": learn_payout_score(y, pred, benchmark, aggregate="std"),
    }
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, rel=1e-9), name
        one = numerai_scoring(**sides, metrics=[name])(model, X, y)
        assert next(iter(one)) == name and one[name] == pytest.approx(scores[name])
    assert np.isfinite(list(scores.values())).all()
    coverages = [name for name in scores if name.endswith("_coverage")]
    assert coverages == [
        f"{name}_coverage"
        for name in ("meta_model", "benchmark", "neutralizers", "example_predictions")
    ]


def test_small_eras_have_no_ends_of_200_rows(data, fitted):
    X, y = data.data, data.target
    scores = numerai_scoring(features="X", metrics="all")(fitted, X, y)
    assert [name for name, value in scores.items() if np.isnan(value)] == [
        "corr_top_bottom_200",
        "fnc_top_bottom_200",
    ]


def test_a_list_of_metrics_computes_what_it_names(data, fitted, benchmark):
    X, y = data.data, data.target
    scoring = numerai_scoring(
        benchmark=benchmark.loc[:"0001"],
        features="X",
        metrics=("corr", "corr_positive_share"),
    )
    # a benchmark that nothing asks for is not looked at
    scores = scoring(fitted, X, y)
    assert list(scores) == ["corr", "corr_positive_share"]
    assert list(scoring.era_table(fitted, X, y).columns) == ["corr"]
    assert "metrics=('corr'," in repr(scoring)
    payout = numerai_scoring(benchmark=benchmark, metrics=["lpayout"])
    assert list(payout.era_table(fitted, X, y).columns) == ["lpayout"]


def test_bad_metrics_raise_when_it_is_made(benchmark):
    with pytest.raises(
        ValueError, match=r"mmc_sharpe needs meta_model\. Pass meta_mod"
    ):
        numerai_scoring(benchmark=benchmark, metrics=["bmc", "mmc_sharpe"])
    with pytest.raises(ValueError, match="neutral_contribution needs meta_model and n"):
        numerai_scoring(metrics=["neutral_contribution"])
    with pytest.raises(ValueError, match="no score is called 'cor_sharpe'"):
        numerai_scoring(metrics=["cor_sharpe"])
    with pytest.raises(ValueError, match='must be "default", "all" or a list'):
        numerai_scoring(metrics="corr")
    with pytest.raises(ValueError, match="metrics is empty"):
        numerai_scoring(metrics=[])
    with pytest.raises(ValueError, match="example_predictions must be one column"):
        numerai_scoring(example_predictions=benchmark.assign(b=0.0))


def test_an_unresolved_era_in_the_middle(data, fitted, benchmark):
    X, y = data.data, data.target.copy()
    y.loc["0007"] = np.nan
    table = numerai_scoring(benchmark=benchmark).era_table(fitted, X, y)
    assert len(table) == N_ERAS - 1 and "0007" not in table.index
    expected = bmc_score(y, fitted.predict(X), benchmark, aggregate=None)
    assert_allclose(table["bmc"], expected)


def test_a_rule_that_pays_nothing(data, fitted):
    X, y = data.data, data.target
    policy = PayoutPolicy({"corr": 0.0, "mmc": 0.0})
    scores = numerai_scoring(meta_model=data.meta_model, policy=policy)(fitted, X, y)
    assert scores["payout"] == 0


def test_a_rule_of_no_horizon_says_nothing(data, fitted):
    policy = PayoutPolicy({"corr": 1.0, "mmc": 2.0})
    scoring = numerai_scoring(meta_model=data.meta_model, policy=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scoring(fitted, data.data, data.target)


@pytest.mark.parametrize("live", [False, True])
def test_a_side_input_with_live_rows(data, fitted, benchmark, live):
    """Of other eras than the fold, or of these and of the live one."""
    X, y = data.data, data.target
    index = [("X", f"live{i}") for i in range(5)]
    rows = pd.DataFrame(0.5, pd.MultiIndex.from_tuples(index), benchmark.columns)
    late = benchmark.loc["0005":] if live else benchmark
    late = pd.concat([late, rows]).rename_axis(["era", "id"])
    part = slice("0001", "0004")
    scoring = numerai_scoring(benchmark=late, min_coverage=0)
    scores = scoring(fitted, X.loc[part], y.loc[part])
    assert scores["benchmark_coverage"] == (0 if live else 1)
    assert np.isnan(scores["bmc"]) == live


def test_bad_rows_of_the_caller_raise(data, fitted, benchmark):
    X, y = data.data, data.target
    scoring = numerai_scoring(benchmark=benchmark)
    for wrong in (np.r_[y, y], y.to_numpy()[:-50], y.tolist() * 2):
        with pytest.raises(ScoringError, match=f"800 rows and y has {len(wrong)}"):
            scoring(fitted, X, wrong)


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product(
        [[3, 4, 5, 6], [f"T{i}" for i in range(60)]], names=["era", "ticker"]
    )
    X = pd.DataFrame(rng.normal(size=(240, 4)), index=index, columns=list("abcd"))
    X += np.tile(rng.normal(size=(60, 4)), (4, 1))
    y = X["a"] + rng.normal(size=240)
    weight = pd.Series(rng.uniform(0.5, 1, size=240), index=index)
    return X, y, X[["c", "d"]] / 20, weight


LINKED = ["alpha", "churn", "neutral_churn", "turnover"]


def test_scores_of_signals_are_the_metrics_own(signals):
    X, y, neutralizers, weight = signals
    model = Ridge().fit(X, y)
    shuffled = np.random.default_rng(0).permutation(len(X))
    scoring = numerai_scoring(
        neutralizers=neutralizers.iloc[shuffled],
        sample_weight=weight.iloc[shuffled],
        metrics=["corr", *LINKED],
    )

    scores = scoring(model, X, y)
    table = scoring.era_table(model, X, y)
    pred = pd.Series(model.predict(X), index=X.index)
    traded = neutralized_weights(pred, neutralizers, weight, normalize=True)
    expected = {
        "alpha": alpha_score(y, pred, neutralizers, weight),
        "churn": churn_score(None, pred),
        "neutral_churn": neutral_churn_score(None, pred, neutralizers),
        "turnover": turnover_score(None, traded),
    }
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, rel=1e-12), name
    assert table["churn"].isna().tolist() == [True, False, False, False]
    assert table["alpha"].notna().all()


def test_columns_of_x_may_be_the_neutralizers_of_churn(signals):
    X, y = signals[:2]
    model = Ridge().fit(X, y)
    given = numerai_scoring(neutralizers=X[["c", "d"]], metrics=["neutral_churn"])
    named = numerai_scoring(neutralizers=["c", "d"], metrics=["neutral_churn"])
    assert given(model, X, y)["neutral_churn"] == named(model, X, y)["neutral_churn"]


def test_alpha_is_there_by_default_and_what_follows_assets_is_not(signals):
    X, y, neutralizers, weight = signals
    model = Ridge().fit(X, y)
    for metrics in ("default", "all"):
        scoring = numerai_scoring(
            neutralizers=neutralizers, sample_weight=weight, metrics=metrics
        )
        scores = scoring(model, X, y)
        assert "alpha" in scores
        assert not {"churn", "neutral_churn", "turnover"} & set(scores)
        assert scores["sample_weight_coverage"] == 1


def test_neutralizers_that_lack_an_era_give_nan_with_a_warning(signals):
    X, y, neutralizers, weight = signals
    model = Ridge().fit(X, y)
    scoring = numerai_scoring(
        neutralizers=neutralizers.drop(index=5, level="era"),
        sample_weight=weight,
        metrics=["corr", *LINKED],
        min_coverage=0.5,
    )
    scores = scoring(model, X, y)
    assert scores["neutralizers_coverage"] == 0.75
    assert np.isfinite([scores["corr"], scores["alpha"], scores["churn"]]).all()
    assert np.isnan([scores["neutral_churn"], scores["turnover"]]).all()


def test_ids_that_never_come_again_have_no_churn(data, fitted):
    scoring = numerai_scoring(metrics=["churn"])
    with pytest.raises(ScoringError, match="churn_score"):
        scoring(fitted, data.data, data.target)


def test_sample_weight_alone_says_what_is_missing(signals):
    with pytest.raises(ValueError, match="Pass neutralizers="):
        numerai_scoring(sample_weight=signals[3])
    frame = signals[0]
    with pytest.raises(ValueError, match="sample_weight must be one column"):
        numerai_scoring(neutralizers=frame, sample_weight=frame)
