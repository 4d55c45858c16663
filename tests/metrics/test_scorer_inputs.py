"""Rows, targets, predictions and side inputs as users and folds hand them over."""

import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from optuna.distributions import FloatDistribution
from optuna_integration import OptunaSearchCV
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknumerai.metrics._scorer as scorer_module
from sknumerai import metrics
from sknumerai.exceptions import HorizonWarning, ScoringError
from sknumerai.metrics import (
    bmc_score,
    exposure_dissimilarity,
    fnc_score,
    make_era_scorer,
    max_feature_exposure,
    neutral_churn_score,
    neutral_corr_score,
    numerai_corr_score,
    numerai_corr_scorer,
    numerai_scoring,
)
from sknumerai.metrics._scorer_inputs import ScoredRows
from sknumerai.metrics._side_inputs import SideInputs

N_ERAS, N_ROWS = 9, 30


class Gives(RegressorMixin, BaseEstimator):
    """Predicts what it is told to, for the rows that it was told it for."""

    def __init__(self, values=None):
        self.values = values

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.values


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    eras = np.repeat([f"{e:04d}" for e in range(1, N_ERAS + 1)], N_ROWS)
    ids = [f"n{i:03d}" for i in rng.permutation(len(eras))]
    index = pd.MultiIndex.from_arrays([eras, ids], names=["era", "id"])
    X = pd.DataFrame(rng.normal(size=(len(index), 4)), index, list("abcd"))
    y = (X["a"] - X["b"] + rng.normal(size=len(X))).rename("target_x_20")
    return X, y


@pytest.fixture(scope="module")
def model(data):
    return Ridge().fit(*data)


@pytest.fixture(scope="module")
def wide(data):
    """More columns than are matched whole."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 5, (len(data[0]), 20)).astype(np.int8)
    return pd.DataFrame(values, data[0].index).rename(columns=str)


SCORERS = [numerai_corr_scorer, numerai_scoring()]


@pytest.mark.parametrize("scorer", SCORERS, ids=["one", "all"])
def test_targets_of_other_rows_are_refused(data, model, scorer):
    """A longer y, and a y that lacks an era, gave scores without a word."""
    X, y = data
    for wrong in (np.r_[y, y], y.to_numpy()[:-N_ROWS], y.tolist() * 2, y.iloc[:-1]):
        with pytest.raises(ScoringError, match=f"270 rows and y has {len(wrong)}"):
            scorer(model, X, wrong)
    with pytest.raises(ScoringError, match=r"y is None\. Pass the targets"):
        scorer(model, X, None)
    with pytest.raises(ScoringError, match=r"indexes of X .* and y .* differ"):
        scorer(model, X, y.iloc[::-1])
    with pytest.raises(ScoringError, match=r"at least one column. Got shape \(270, 0"):
        scorer(model, X, np.empty((len(X), 0)))


@pytest.mark.parametrize("scorer", SCORERS, ids=["one", "all"])
def test_predictions_that_are_none(data, scorer):
    X, y = data
    n = len(X)
    for values, said in {
        "nothing": (None, "predict of Gives gives None"),
        "columns": (np.empty((n, 0)), r"with at least one column. Got shape \(270, 0"),
        "cube": (np.zeros((n, 1, 1)), "must have shape"),
        "text": (np.repeat("a", n), "Predictions must be numbers"),
        "objects": (np.repeat("a", n).astype(object), "values of type object"),
        "complex": (np.zeros(n, complex), "values of type complex"),
        "long": (np.zeros(n + 1), "Gives predicts 271 rows of 270"),
        "index": (X["a"].iloc[::-1], "a Series whose index is not that of X"),
    }.values():
        with pytest.raises(ScoringError, match=said):
            scorer(Gives(values), X, y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_predictions_of_objects_with_a_gap(data, missing):
    X, y = data
    values = X["a"].astype(object)
    expected = numerai_corr_score(y, X["a"])
    assert numerai_corr_scorer(Gives(values), X, y) == expected
    assert numerai_corr_scorer(Gives(X["a"].astype("Float64")), X, y) == expected
    values.iloc[3] = missing
    for gap in (values, values.to_numpy(), values.astype("Float64")):
        with pytest.raises(ValueError, match="predicts NaN or infinity for 1 of 270"):
            numerai_corr_scorer(Gives(gap), X, y)
        with pytest.warns(UserWarning, match="for 1 of 270.*All scores are NaN"):
            scores = numerai_scoring()(Gives(gap), X, y)
        assert np.isnan(list(scores.values())).all()


@pytest.mark.filterwarnings("ignore")  # the search is experimental and says so
@pytest.mark.parametrize("wrong", ["index", "live", "columns"])
def test_optuna_does_not_hide_the_sentence(data, wrong):
    """A ValueError is a failed trial to it, and it refits default parameters."""
    X, y = data
    scoring = numerai_corr_scorer
    if wrong == "index":
        y = y.rename(index=lambda label: f"x{label}", level="id")
    elif wrong == "live":
        index = X.rename(index={"0001": "X"}, level="era").index
        X, y = X.set_axis(index), y.set_axis(index)
    else:
        scoring = make_era_scorer(fnc_score, features=["z"])
    search = OptunaSearchCV(
        Ridge(),
        {"alpha": FloatDistribution(1, 10)},
        cv=KFold(2),
        n_trials=1,
        scoring=scoring,
        error_score="raise",
    )
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with pytest.raises(ScoringError):
            search.fit(X, y)
    finally:
        optuna.logging.set_verbosity(verbosity)


@pytest.mark.parametrize("bare", ["X", "y"])
@pytest.mark.parametrize("cv", [KFold(3), KFold(3, shuffle=True, random_state=0)])
def test_default_index_against_eras(data, wide, bare, cv):
    """The first fold worked, its numbers being a RangeIndex, and the others failed."""
    X, y = data
    order = np.random.default_rng(0).permutation(len(X))
    scorers = {
        "corr": numerai_corr_scorer,
        "bmc": make_era_scorer(bmc_score, benchmark=X["c"].iloc[order]),
        "fnc": make_era_scorer(fnc_score, features=wide.iloc[order]),
        "names": make_era_scorer(max_feature_exposure, features=["b", "a"]),
        "x": make_era_scorer(max_feature_exposure),
    }
    if bare == "X":
        other = X.reset_index(drop=True), y
    else:
        other = X, y.reset_index(drop=True)
    options = {"cv": cv, "scoring": scorers, "error_score": "raise"}
    expected = cross_validate(Ridge(), X, y, **options)
    got = cross_validate(Ridge(), *other, **options)
    for name in scorers:
        assert_allclose(got[f"test_{name}"], expected[f"test_{name}"], rtol=1e-12)


def test_numbered_rows_in_another_order_still_raise(data, model):
    X, y = data
    index = pd.MultiIndex.from_arrays(
        [X.index.get_level_values("era"), np.arange(len(X))], names=["era", "id"]
    )
    rows = np.random.default_rng(0).permutation(len(X))
    X, y = X.set_axis(pd.Index(rows)), y.set_axis(index)
    with pytest.raises(ScoringError, match=r"indexes of X .* and y .* differ"):
        numerai_corr_scorer(model, X, y)


def test_side_inputs_that_do_not_say_their_rows(data, model):
    X, y = data
    rows = slice(0, 90)
    for benchmark in (
        X["c"].reset_index(drop=True),
        X["c"].iloc[rows].reset_index(drop=True),
    ):
        with pytest.raises(ScoringError, match="benchmark has a default index"):
            make_era_scorer(bmc_score, benchmark=benchmark)(
                model, X.iloc[rows], y.iloc[rows]
            )
        with pytest.raises(ScoringError, match=r"benchmark = benchmark.set_axis\(X.i"):
            numerai_scoring(benchmark=benchmark, policy="ender20")(
                model, X.iloc[rows], y.iloc[rows]
            )
    # as long as the fold, and perhaps of other rows
    scorer = make_era_scorer(bmc_score, benchmark=X["c"].to_numpy()[rows])
    for fold in (slice(0, 90), slice(90, 180)):
        with pytest.raises(ScoringError, match="the index of benchmark is missing"):
            scorer(model, X.iloc[fold], y.iloc[fold])
    # rows without labels have only positions
    arrays = X.to_numpy(), y.to_numpy()
    plain = Ridge().fit(*arrays)
    eras = np.asarray(X.index.get_level_values("era"))
    expected = bmc_score(y, plain.predict(arrays[0]), X["c"].to_numpy())
    for benchmark in (X["c"].to_numpy(), X["c"]):
        scorer = make_era_scorer(bmc_score, benchmark=benchmark)
        assert scorer(plain, *arrays, groups=eras) == pytest.approx(expected)
    frame = X.reset_index(drop=True)
    scorer = make_era_scorer(bmc_score, benchmark=X["c"].to_numpy())
    assert scorer(model, frame, y.to_numpy(), groups=eras) == pytest.approx(expected)


def test_wide_features_whose_targets_lack_labels(data, model, wide):
    X, y = data
    shuffled = wide.sample(frac=1, random_state=2)
    expected = fnc_score(y, model.predict(X), wide)
    for targets in (y, y.to_numpy(), y.reset_index(drop=True)):
        scorer = make_era_scorer(fnc_score, features=shuffled)
        assert scorer(model, X, targets) == pytest.approx(expected, rel=1e-9)
        scores = numerai_scoring(features=shuffled)(model, X, targets)
        assert scores["fnc"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_columns", [2, 20])
def test_rows_with_a_default_index(data, wide, n_columns):
    """The numbers of rows are labels, whatever the order of the side input."""
    X, y = (values.reset_index(drop=True) for values in data)
    side = wide.iloc[:, :n_columns]
    eras = np.asarray(data[0].index.get_level_values("era"))
    expected = cross_val_score(
        Ridge(), *data, cv=KFold(3), scoring=make_era_scorer(fnc_score, features=side)
    )
    numbered = side.reset_index(drop=True)
    for features in (numbered, numbered.sample(frac=1, random_state=0)):
        with sklearn.config_context(enable_metadata_routing=True):
            for scoring in (
                make_era_scorer(fnc_score, features=features),
                numerai_scoring(features=features, metrics=["fnc"]),
            ):
                got = cross_validate(
                    Ridge(), X, y, cv=KFold(3), scoring=scoring, params={"groups": eras}
                )
                scores = got.get("test_fnc", got.get("test_score"))
                assert_allclose(scores, expected, rtol=1e-9)


@pytest.mark.parametrize("n_columns", [1, 20])
def test_numbers_of_a_first_fold_are_labels_too(data, model, wide, n_columns):
    """As many rows as the fold, and others."""
    X, y = (values.reset_index(drop=True) for values in data)
    eras = np.asarray(data[0].index.get_level_values("era"))
    side = wide.iloc[:, :n_columns].reset_index(drop=True)
    fold = slice(0, 90)
    args = model, X.iloc[fold], y.iloc[fold]
    scorer = make_era_scorer(fnc_score, features=side.iloc[60:150])
    with pytest.raises(ScoringError, match="features covers 1 of 3 eras"):
        scorer(*args, groups=eras[fold])
    with pytest.warns(UserWarning, match=r"features covers 0\.33 of"):
        scores = numerai_scoring(features=side.iloc[60:150], metrics=["fnc"])(
            *args, groups=eras[fold]
        )
    assert scores["features_coverage"] == pytest.approx(1 / 3)


def test_labels_of_x_come_before_those_of_y(data):
    """Ids that come again in each era tell rows only beside the era."""
    X, y = data
    ids = [f"n{i}" for i in range(N_ROWS)] * N_ERAS
    index = pd.MultiIndex.from_arrays([X.index.get_level_values("era"), ids])
    index.names = ["era", "id"]
    X, y = X.set_axis(index), y.set_axis(index)
    benchmark = X["c"].sample(frac=1, random_state=0)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    model = Ridge().fit(X, y)
    assert scorer(model, X, y.droplevel("era")) == scorer(model, X, y)


def test_wide_features_without_eras_do_not_tell_rows(data, wide):
    X, y = data
    ids = [f"n{i}" for i in range(N_ROWS)] * N_ERAS
    index = pd.MultiIndex.from_arrays([X.index.get_level_values("era"), ids])
    index.names = ["era", "id"]
    X, y = X.set_axis(index), y.set_axis(index)
    scorer = make_era_scorer(fnc_score, features=wide.set_axis(pd.Index(ids)))
    with pytest.raises(ScoringError, match="such as n0, come in several eras"):
        scorer(Ridge().fit(X, y), X, y)


@pytest.mark.parametrize("kind", [list, tuple, pd.Index, np.array])
def test_names_of_columns_are_taken_in_their_order(data, model, kind):
    X, y = data
    pred = model.predict(X)

    def first(y_true, y_pred, features):
        return float(features[0, 0])

    for names in (["b", "a"], ["d", "c", "b", "a"], ["a", "b", "c", "d"]):
        scorer = make_era_scorer(first, features=kind(names))
        by_hand = X.groupby(level="era", sort=False).head(1)[names[0]].mean()
        assert scorer(model, X, y) == pytest.approx(by_hand)
        expected = max_feature_exposure(y, pred, X[names])
        scorer = make_era_scorer(max_feature_exposure, features=kind(names))
        assert scorer(model, X, y) == pytest.approx(expected)
        expected = neutral_corr_score(y, pred, X[names])
        scorer = make_era_scorer(neutral_corr_score, neutralizers=kind(names))
        assert scorer(model, X, y) == pytest.approx(expected)
        scores = numerai_scoring(features=kind(names), neutralizers=kind(names))
        assert scores(model, X, y)["neutral_corr"] == pytest.approx(expected)


def test_all_of_x_by_its_name(data, model):
    X, y = data
    expected = max_feature_exposure(y, model.predict(X), X)
    for features in ("X", None):
        scorer = make_era_scorer(max_feature_exposure, features=features)
        assert scorer(model, X, y) == expected
        assert scorer(model, X, y.to_numpy()) == expected


@pytest.mark.parametrize("as_slices", [True, False])
def test_columns_of_x_are_copied_some_eras_at_a_time(
    data, model, as_slices, monkeypatch
):
    X, y = data
    if not as_slices:
        order = np.random.default_rng(0).permutation(len(X))
        X, y = X.iloc[order], y.iloc[order]
    example = X["c"].sample(frac=1, random_state=0)
    taken = []
    original = scorer_module.ColumnsOfX.take

    def counted(self, rows):
        part = original(self, rows)
        taken.append(len(part))
        return part

    monkeypatch.setattr(scorer_module.ColumnsOfX, "take", counted)
    names = ["b", "a"]
    args = y, model.predict(X), X[names]
    scorer = make_era_scorer(
        exposure_dissimilarity, features=names, example_predictions=example
    )
    expected = exposure_dissimilarity(*args, example)
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)
    assert taken == [len(X)]
    monkeypatch.setattr(scorer_module, "CHUNK", 2 * 70)
    taken.clear()
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)
    assert taken == [60, 60, 60, 60, 30]
    # a chunk without targets, or with less of the example than asked for
    gap = y.where(y.index.get_level_values("era") != "0009")
    scorer = make_era_scorer(fnc_score, features=names, aggregate="sharpe")
    expected = fnc_score(gap, *args[1:], aggregate="sharpe")
    assert scorer(model, X, gap) == pytest.approx(expected, rel=1e-12)


def test_churn_is_not_cut_between_eras(data, monkeypatch):
    X, y = data
    ids = [f"n{i}" for i in range(N_ROWS)] * N_ERAS
    index = pd.MultiIndex.from_arrays([X.index.get_level_values("era"), ids])
    index.names = ["era", "id"]
    X, y = X.set_axis(index), y.set_axis(index)
    model = Ridge().fit(X, y)
    expected = neutral_churn_score(y, model.predict(X), X[["b", "a"]])
    monkeypatch.setattr(scorer_module, "CHUNK", 2 * 3 * N_ROWS)
    scorer = make_era_scorer(neutral_churn_score, neutralizers=["b", "a"])
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)


def test_memory_of_a_metric_of_one_era(data, model, wide):
    """Rows of a frame in another order were copied for the whole fold."""
    X, y = data
    sizes = []

    def width(y_true, y_pred, features):
        sizes.append(features.shape)
        return float(features.sum())

    rows = np.random.default_rng(0).permutation(len(X))
    scorer = make_era_scorer(width, features=wide.iloc[rows])
    assert scorer(model, X, y) == pytest.approx(wide.to_numpy().sum() / N_ERAS)
    assert sizes == [(N_ROWS, 20)] * N_ERAS


def test_matched_rows_are_of_one_input_and_of_one_name(data, model):
    X, y = data
    order = np.random.default_rng(0).permutation(len(X))
    one, other = X["c"].iloc[order], X["d"].iloc[order]

    def difference(y_true, y_pred, first, second, groups=None, aggregate="mean"):
        return float((first - second).abs().sum())

    scorer = make_era_scorer(difference, first=one, second=other)
    expected = (X["c"] - X["d"]).abs().sum()
    assert [scorer(model, X, y) for _ in range(2)] == pytest.approx([expected] * 2)
    scorer.side_inputs["second"] = one
    assert scorer(model, X, y) == 0


@pytest.mark.parametrize("name", ["target_2023", "residual_1", "target_ender_60"])
@pytest.mark.parametrize("benchmark", ["xgb_fold20", "v53_lgbm_ender20"])
def test_other_numbers_in_names_are_no_horizons(data, model, name, benchmark):
    X, y = data
    scorer = make_era_scorer(bmc_score, benchmark=X["c"].rename(benchmark))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        scorer(model, X, y.rename(name))
    warned = name == "target_ender_60" and benchmark == "v53_lgbm_ender20"
    assert [w.category for w in said] == [HorizonWarning] * warned


@pytest.mark.parametrize(
    "name", ["sharpe_ratio", "k_fold_score", "score_summary", "compare_scores"]
)
def test_functions_of_scores_are_refused(name):
    with pytest.raises(
        TypeError, match=f"{name} takes scores of eras, not predictions"
    ):
        make_era_scorer(getattr(metrics, name))


def test_functions_that_are_no_metrics_are_refused(data, model):
    with pytest.raises(TypeError, match="must be a function of targets and predict"):
        make_era_scorer(metrics.target_magnitude_weight)
    for name in ("groups", "y_true", "y_pred"):
        with pytest.raises(TypeError, match=f"{name} cannot be given"):
            make_era_scorer(numerai_corr_score, **{name: data[1]})
    for metric in (metrics.feature_exposures, np.corrcoef, lambda a, b: None, _text):
        with pytest.raises(TypeError, match="the metric must give one float"):
            make_era_scorer(metric)(model, *data)


def _text(y_true, y_pred):
    return "0.5"


def test_aggregates_that_give_no_number_are_refused():
    with pytest.raises(ValueError, match="or a callable of one model's era") as said:
        make_era_scorer(numerai_corr_score, aggregate="sharp")
    assert "None" not in str(said.value)
    scorer = make_era_scorer(numerai_corr_score)
    with pytest.raises(ValueError, match="aggregate cannot be None"):
        scorer.set_params(aggregate=None)
    with pytest.raises(ValueError, match="aggregate must be one of"):
        scorer.set_params(aggregate="sharp")
    assert scorer.get_params()["aggregate"] == "mean"


def test_own_metrics_of_each_kind(data, model):
    X, y = data
    pred, eras = model.predict(X), X.index.get_level_values("era")

    def of_all(y_true, y_pred, groups):
        return len(np.unique(groups))

    def by_era(y_true, y_pred, groups, benchmark):
        return pd.Series(y_pred - benchmark).groupby(np.asarray(groups)).mean()

    def free(*args, **kwargs):
        return float(kwargs["scale"] * (args[0] - args[1]).mean())

    def by_keyword(y_true, y_pred, *, benchmark):
        return float((y_pred - benchmark).mean())

    def any_keyword(y_true, y_pred, *, groups=None, aggregate="mean", **kwargs):
        return float(kwargs["benchmark"].to_numpy().mean())

    def before(y_true, y_pred, groups=None, aggregate="mean", *, previous=None):
        return len(previous)

    side = X["c"].sample(frac=1, random_state=0)
    assert (
        make_era_scorer(before, previous=side)(model, X.iloc[:90], y.iloc[:90]) == 270
    )
    assert make_era_scorer(of_all)(model, X, y) == N_ERAS
    expected = pd.Series(pred - X["c"]).groupby(eras).mean()
    scorer = make_era_scorer(by_era, aggregate="worst", benchmark=side)
    assert scorer(model, X, y) == pytest.approx(expected.min())
    with pytest.raises(ScoringError, match="the metric aggregates the eras itself"):
        make_era_scorer(of_all, aggregate="worst")(model, X, y)
    got = make_era_scorer(free, scale=2)(model, X, y)
    assert got == pytest.approx(2 * (y - pred).mean())
    got = make_era_scorer(by_keyword, benchmark=side)(model, X, y)
    assert got == pytest.approx((pred - X["c"]).mean())
    got = make_era_scorer(any_keyword, benchmark=side)(model, X, y)
    assert got == pytest.approx(X["c"].mean())


@pytest.mark.parametrize("make", [make_era_scorer, numerai_scoring])
def test_side_inputs_that_are_empty_or_no_numbers(data, make):
    X, _ = data
    first = {"features": (fnc_score,), "benchmark": (bmc_score,)}

    def call(name, value):
        return make(*(first[name] if make is make_era_scorer else ()), **{name: value})

    for features in ([], (), pd.Index([])):
        with pytest.raises(ValueError, match=r"features is empty\. Give the names"):
            call("features", features)
    with pytest.raises(ValueError, match=r"Got shape \(270, 0\)"):
        call("benchmark", X[[]])
    raw = X[["c"]].assign(model="mine")
    with pytest.raises(
        ValueError, match=r"numbers, 'model'.*select_dtypes\('number'\)"
    ):
        call("benchmark", raw)
    call("benchmark", raw.select_dtypes("number"))
    call("benchmark", X[["c"]].astype(object))
    with pytest.raises(ValueError, match=r"a column 'era'.*set_index"):
        call("benchmark", X[["c"]].assign(era=1))


INDEXES = {
    "eras and ids": lambda index: index,
    "levels the other way": lambda index: index.reorder_levels(["id", "era"]),
    "ids": lambda index: index.droplevel("era"),
}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    kind=st.sampled_from(sorted(INDEXES)),
    rows_as=st.sampled_from(["X", "y", "both"]),
    size=st.integers(3, N_ERAS),
    width=st.sampled_from([1, 20]),
)
def test_scores_are_those_of_the_plain_loop(
    data, wide, model, seed, kind, rows_as, size, width
):
    """Whatever the order and the index of a side input, and whichever rows a fold has."""
    rng = np.random.default_rng(seed)
    X, y = data
    labels = X.index.get_level_values("era")
    eras = rng.choice(labels.unique(), size, replace=False)
    fold = rng.permutation(np.flatnonzero(labels.isin(eras)))
    side = wide.iloc[:, :width]
    given_side = side.iloc[rng.permutation(len(side))]
    given_side = given_side.set_axis(INDEXES[kind](given_side.index))
    X, y = X.iloc[fold], y.iloc[fold]
    by_hand = []
    for era in np.unique(labels[fold]):
        pred = model.predict(X.loc[[era]])
        by_hand.append(
            fnc_score(
                y.loc[[era]].to_numpy(), pred, side.loc[X.loc[[era]].index].to_numpy()
            )
        )
    X_given = X.reset_index(drop=True) if rows_as == "y" else X
    y_given = y.to_numpy() if rows_as == "X" else y
    scorer = make_era_scorer(fnc_score, features=given_side)
    assert scorer(model, X_given, y_given) == pytest.approx(np.mean(by_hand), abs=1e-9)
    scores = numerai_scoring(features=given_side)(model, X_given, y_given)
    assert scores["fnc"] == pytest.approx(np.mean(by_hand), abs=1e-9)


@pytest.mark.parametrize("kind", ["ids of each era", "only eras"])
def test_default_index_against_labels_that_come_again(data, kind):
    """Numbers of rows are not compared with numbers that mean something else."""
    X, y = data
    eras = X.index.get_level_values("era").astype(int)
    if kind == "only eras":
        index = pd.Index(eras, name="era")
    else:
        ids = np.tile(np.arange(N_ROWS), N_ERAS)
        index = pd.MultiIndex.from_arrays([eras, ids], names=["era", "id"])
    labelled, bare = y.set_axis(index), X.reset_index(drop=True)
    options = {"cv": KFold(3), "scoring": numerai_corr_scorer, "error_score": "raise"}
    expected = cross_val_score(Ridge(), X, y, **options)
    assert_allclose(cross_val_score(Ridge(), bare, labelled, **options), expected)


def test_wide_inputs_are_not_copied_and_narrow_ones_are_matched_once(data, wide):
    X, y = data
    rows = ScoredRows(Gives(X["a"]), X, y, None, "test")
    shuffled = wide.sample(frac=1, random_state=0)
    for n_columns, whole in ((16, False), (17, True)):
        values = shuffled.iloc[:, :n_columns]
        side = rows.side("features", SideInputs(features=values))
        assert np.shares_memory(side.to_numpy(), shuffled.to_numpy()) == whole
        assert side.index.equals(X.index) != whole


class AsksForEras(Gives):
    """Remembers the eras that it is given."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X, groups=None):
        self.seen_ = groups
        return self.values


def test_with_routing_a_pipeline_routes_the_eras_that_are_asked_for(data):
    X, y = data
    eras = X.index.get_level_values("era")
    with sklearn.config_context(enable_metadata_routing=True):
        for asked in (True, False):
            last = AsksForEras(X["a"].to_numpy()).set_predict_request(groups=asked)
            pipe = make_pipeline(StandardScaler(), last).fit(X.to_numpy(), y)
            numerai_corr_scorer(pipe, X.to_numpy(), y)
            assert (pipe[-1].seen_ is not None) == asked
            assert not asked or pipe[-1].seen_.tolist() == eras.tolist()
