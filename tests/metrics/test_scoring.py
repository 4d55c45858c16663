"""numerai_scoring: all metrics from one prediction."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

import sknumerai.metrics._ranked as ranked
from sknumerai.datasets import make_numerai
from sknumerai.exceptions import HorizonWarning, LeakageWarning, ScoringError
from sknumerai.metrics import (
    PayoutPolicy,
    bmc_score,
    cwmm_score,
    fnc_score,
    learn_payout_score,
    max_drawdown,
    max_feature_exposure,
    mmc_score,
    numerai_corr_score,
    numerai_scoring,
    payout_score,
    spearman_score,
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
    scores = numerai_scoring(benchmark=late)(fitted, X, y)
    assert scores["benchmark_coverage"] == 0.75
    assert np.isnan([scores["bmc"], scores["bmc_sharpe"], scores["lpayout"]]).all()
    assert scores["corr"] == pytest.approx(numerai_corr_score(y, fitted.predict(X)))
    scores = numerai_scoring(benchmark=late, min_coverage=0.75)(fitted, X, y)
    expected = bmc_score(y, fitted.predict(X), late, min_coverage=0.75)
    assert scores["bmc"] == pytest.approx(expected)
    # a meta model of other eras: what an early fold sees
    early = slice("0001", "0004")
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
