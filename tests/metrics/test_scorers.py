"""Era scorers in everything of scikit-learn that takes `scoring`."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import (
    HorizonWarning,
    LeakageWarning,
    MissingErasError,
    ScoringError,
)
from sknumerai.metrics import (
    bmc_score,
    churn_score,
    exposure_dissimilarity,
    fnc_score,
    make_era_scorer,
    max_drawdown,
    numerai_corr_score,
    numerai_corr_scorer,
    numerai_scoring,
    numerai_sharpe_scorer,
    spearman_score,
    spearman_scorer,
)

N_ERAS, N_ROWS = 12, 30


class NeedsEras(RegressorMixin, BaseEstimator):
    """Predicts a feature, and remembers the eras that it was given."""

    __metadata_request__predict = {"groups": True}

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X, groups=None):
        self.seen_ = groups
        return np.asarray(X)[:, 0]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"{e:04d}" for e in range(1, N_ERAS + 1)], range(N_ROWS)],
        names=["era", "id"],
    )
    X = pd.DataFrame(
        rng.normal(size=(len(index), 4)), index=index, columns=list("abcd")
    )
    noise = rng.normal(size=len(index))
    y = (0.5 * X["a"] - 0.4 * X["b"] + noise).rename("target_x_20")
    return X, y, index.get_level_values("era")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cross_val_score_is_the_metric_of_each_fold(data, n_jobs):
    X, y, eras = data
    cv = GroupKFold(3)
    got = cross_val_score(
        Ridge(), X, y, groups=eras, cv=cv, scoring=numerai_corr_scorer, n_jobs=n_jobs
    )
    for score, (train, test) in zip(got, cv.split(X, y, eras)):
        pred = Ridge().fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
        assert score == numerai_corr_score(y.iloc[test], pred)


def test_cross_validate_with_several_scorers(data):
    X, y, eras = data
    got = cross_validate(
        Ridge(),
        X,
        y,
        groups=eras,
        cv=GroupKFold(3),
        scoring={
            "corr": numerai_corr_scorer,
            "sharpe": numerai_sharpe_scorer,
            "spearman": spearman_scorer,
        },
        error_score="raise",
    )
    alone = cross_val_score(
        Ridge(), X, y, groups=eras, cv=GroupKFold(3), scoring=numerai_sharpe_scorer
    )
    assert_allclose(got["test_sharpe"], alone)
    assert not np.allclose(got["test_corr"], got["test_spearman"])


def test_grid_search_and_sample_weight(data):
    X, y, eras = data
    search = GridSearchCV(
        Ridge(),
        {"alpha": [1e-3, 1e6]},
        scoring={"a": numerai_corr_scorer, "b": numerai_sharpe_scorer},
        refit="b",
        cv=GroupKFold(3),
        error_score="raise",
        n_jobs=2,
    )
    assert search.fit(X, y, groups=eras).best_score_ > 0
    # newer searches ask each scorer whether it takes the weights, and warn
    with pytest.warns(UserWarning) if sklearn.__version__ >= "1.8" else _nothing():
        search.fit(X, y, groups=eras, sample_weight=np.ones(len(y)))


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


def test_permutation_importance(data):
    X, y, _ = data
    result = permutation_importance(
        Ridge().fit(X, y), X, y, scoring=numerai_corr_scorer, random_state=0
    )
    assert result.importances_mean[:2].min() > result.importances_mean[2:].max()


@pytest.mark.filterwarnings("ignore")  # the search is experimental and says so
def test_optuna_search(data):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    X, y, _ = data
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        search = integration.OptunaSearchCV(
            Ridge(),
            {"alpha": optuna.distributions.FloatDistribution(1e-3, 1e3, log=True)},
            scoring=numerai_corr_scorer,
            cv=KFold(2),
            n_trials=2,
            error_score="raise",
            random_state=0,
        )
        search.fit(X, y)
        assert np.isfinite(search.best_score_)
        with pytest.raises(MissingErasError):
            search.fit(X.to_numpy(), y.to_numpy())
    finally:
        optuna.logging.set_verbosity(verbosity)


def test_routing_passes_groups_to_scorer_and_splitter(data):
    X, y, eras = data
    X, y, eras = X.to_numpy(), y.to_numpy(), np.asarray(eras)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            Ridge(),
            X,
            y,
            params={"groups": eras},
            cv=GroupKFold(3),
            scoring=numerai_corr_scorer,
            error_score="raise",
        )
        search = GridSearchCV(
            Ridge(),
            {"alpha": [1.0]},
            scoring={"corr": numerai_corr_scorer, "other": numerai_sharpe_scorer},
            refit="corr",
            cv=GroupKFold(3),
            error_score="raise",
        ).fit(X, y, groups=eras)
    unrouted = cross_val_score(
        Ridge(), *data[:2], groups=eras, cv=GroupKFold(3), scoring=numerai_corr_scorer
    )
    assert_allclose(routed, unrouted, rtol=1e-12)
    assert search.best_score_ == pytest.approx(routed.mean())


def test_feature_selection_that_drops_the_index_works_with_routing(data):
    X, y, eras = data
    selector = RFECV(
        Ridge(),
        cv=GroupKFold(3),
        scoring=numerai_corr_scorer,
        min_features_to_select=2,
    )
    with sklearn.config_context(enable_metadata_routing=True):
        selector.fit(X, y, groups=np.asarray(eras))
    assert selector.support_[:2].all()


def test_eras_come_from_groups_then_x_then_y(data):
    X, y, eras = data
    model = Ridge().fit(X.to_numpy(), y)
    by_y = numerai_corr_scorer(model, X.to_numpy(), y)
    assert numerai_corr_scorer(model, X.to_numpy(), y.to_numpy(), groups=eras) == by_y
    model = Ridge().fit(X, y)
    assert numerai_corr_scorer(model, X, y.to_numpy()) == by_y
    halves = np.where(eras.astype(int) < 7, 1, 2)
    assert numerai_corr_scorer(model, X, y, groups=halves) != by_y
    with pytest.raises(MissingErasError, match=r"params=\{'groups': eras\}"):
        numerai_corr_scorer(model, X.reset_index(drop=True), y.to_numpy())


def test_predict_is_given_the_eras_that_x_does_not_carry(data):
    X, y, eras = data
    model = NeedsEras().fit(X, y)
    numerai_corr_scorer(model, X, y)
    assert model.seen_ is None
    numerai_corr_scorer(model, X.to_numpy(), y)
    assert model.seen_.tolist() == eras.tolist()
    numerai_corr_scorer(model, X, y, groups=np.asarray(eras).astype(int))
    assert model.seen_.tolist() == [int(e) for e in eras]


@pytest.mark.parametrize("routing", [False, True])
def test_pipeline_hands_the_eras_to_its_last_step(data, routing):
    X, y, eras = data
    with sklearn.config_context(enable_metadata_routing=routing):
        pipe = make_pipeline(StandardScaler(), NeedsEras()).fit(X.to_numpy(), y)
        numerai_corr_scorer(pipe, X.to_numpy(), y)
        assert pipe[-1].seen_.tolist() == eras.tolist()
        plain = make_pipeline(StandardScaler(), Ridge()).fit(X.to_numpy(), y)
        assert np.isfinite(numerai_corr_scorer(plain, X.to_numpy(), y))


def test_main_column_of_targets_and_predictions_is_scored(data):
    X, y, _ = data
    both = pd.DataFrame({"target_x_20": y, "target_z_60": -y})
    model = Ridge().fit(X, both)
    expected = numerai_corr_score(y, model.predict(X)[:, 0])
    assert numerai_corr_scorer(model, X, both) == expected
    assert numerai_corr_scorer(model, X, both.to_numpy()) == expected


def test_any_metric_of_one_era_and_its_sign(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    scorer = make_era_scorer(mean_squared_error, greater_is_better=False)
    per_era = ((y - model.predict(X)) ** 2).groupby(level="era").mean()
    assert scorer(model, X, y) == pytest.approx(-per_era.mean())
    scores = numerai_corr_score(y, model.predict(X), aggregate=None)
    fall = make_era_scorer(
        numerai_corr_score, aggregate="max_drawdown", greater_is_better=False
    )
    assert fall(model, X, y) == -max_drawdown(scores)
    last = make_era_scorer(spearman_score, aggregate=lambda s: s.iloc[-1])
    expected = spearman_score(y, model.predict(X), aggregate=None).iloc[-1]
    assert last(model, X, y) == expected


def test_metric_parameters_are_passed_on(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    scorer = make_era_scorer(numerai_corr_score, top_bottom=5)
    expected = numerai_corr_score(y, model.predict(X), top_bottom=5)
    assert scorer(model, X, y) == expected
    scorer = make_era_scorer(mean_squared_error, sample_weight=None)
    assert scorer(model, X, y) > 0


@pytest.mark.parametrize(
    "scorer", [numerai_corr_scorer, make_era_scorer(numerai_corr_score, top_bottom=5)]
)
def test_pickle_and_clone(data, scorer):
    X, y, _ = data
    model = Ridge().fit(X, y)
    for copy in (pickle.loads(pickle.dumps(scorer)), clone(scorer)):
        assert repr(copy) == repr(scorer)
        assert copy(model, X, y) == scorer(model, X, y)


def test_parameters_are_set_as_an_estimator_s():
    search = GridSearchCV(Ridge(), {}, scoring=clone(numerai_corr_scorer))
    search.set_params(scoring__aggregate="sharpe")
    assert repr(search.scoring) == repr(numerai_sharpe_scorer)
    with pytest.raises(ValueError, match=r"no parameters \['ddof'\]"):
        search.scoring.set_params(ddof=1)


def test_repr_is_how_to_make_it():
    said = "make_era_scorer(numerai_corr_score)"
    assert repr(numerai_corr_scorer) == said
    assert said in repr(GridSearchCV(Ridge(), {}, scoring=numerai_corr_scorer))
    scorer = make_era_scorer(
        numerai_corr_score, aggregate=np.min, greater_is_better=False, top_bottom=5
    )
    assert repr(scorer) == (
        "make_era_scorer(numerai_corr_score, aggregate=min, greater_is_better=False, "
        "top_bottom=5)"
    )


def test_bad_arguments_raise_when_the_scorer_is_made():
    with pytest.raises(TypeError, match="metric must be a function"):
        make_era_scorer("corr")
    with pytest.raises(ValueError, match="aggregate must be one of"):
        make_era_scorer(numerai_corr_score, aggregate="sharp")
    with pytest.raises(ValueError, match="aggregate cannot be None"):
        make_era_scorer(numerai_corr_score, aggregate=None)


def test_unknown_and_missing_side_inputs_raise_when_the_scorer_is_made(data):
    X, _, _ = data
    with pytest.raises(TypeError, match=r"bmc_score needs benchmark\. Pass benchmark="):
        make_era_scorer(bmc_score)
    with pytest.raises(TypeError, match="numerai_corr_score takes no benchmark"):
        make_era_scorer(numerai_corr_score, benchmark=X["a"])
    with pytest.raises(TypeError, match="takes no top_botom"):
        make_era_scorer(numerai_corr_score, top_botom=5)
    with pytest.raises(TypeError, match="needs example_predictions"):
        make_era_scorer(exposure_dissimilarity)
    with pytest.raises(ValueError, match="must have one row for each row of X"):
        make_era_scorer(bmc_score, benchmark=3)


def test_arrays_of_other_rows_raise_and_say_what_to_do(data):
    X, y, eras = data
    model = Ridge().fit(X.to_numpy(), y)
    scorer = make_era_scorer(bmc_score, benchmark=X["b"])
    rows = slice(0, 90)
    arrays = X.to_numpy()[rows], y.to_numpy()[rows]
    with pytest.raises(
        ScoringError, match=r"360 rows, 90 are scored.*an index is miss"
    ):
        scorer(model, *arrays, groups=eras[rows])
    scorer = make_era_scorer(bmc_score, benchmark=X["b"].to_numpy())
    with pytest.raises(ScoringError, match="the index of benchmark is missing"):
        scorer(Ridge().fit(X, y), X.iloc[rows], y.iloc[rows])
    # of the same rows an array is as good
    expected = make_era_scorer(bmc_score, benchmark=X["b"])(model, X.to_numpy(), y)
    assert scorer(model, X.to_numpy(), y) == expected


def test_benchmark_of_other_rows_raises(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    scorer = make_era_scorer(bmc_score, benchmark=X["b"].loc["0001":"0006"])
    with pytest.raises(ScoringError, match="benchmark covers 6 of 12 eras"):
        scorer(model, X, y)
    scorer = make_era_scorer(
        bmc_score, benchmark=X["b"].loc["0001":"0006"], min_coverage=0.5
    )
    first = X.loc["0001":"0006"]
    assert scorer(model, X, y) == scorer(model, first, y.loc[first.index])
    # the ids 0 to 29 come in each era, so that numbers of rows would match them
    numbered = X["b"].reset_index(drop=True)
    for benchmark in (numbered.iloc[5:], numbered):
        scorer = make_era_scorer(bmc_score, benchmark=benchmark)
        with pytest.raises(ScoringError, match="such as 0, come in several eras"):
            scorer(model, X, y)


def test_labels_that_no_row_has_raise(data):
    X, y, _ = data
    index = pd.MultiIndex.from_arrays(
        [X.index.get_level_values("era"), [f"n{i}" for i in range(len(X))]],
        names=["era", "id"],
    )
    benchmark = X["b"].set_axis(pd.Index(range(5, 365)))
    X, y = X.set_axis(index), y.set_axis(index)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    with pytest.raises(ScoringError, match="no row of y_pred is in benchmark: labels"):
        scorer(Ridge().fit(X, y), X, y)


def test_features_by_name_need_names(data):
    X, y, _ = data
    scorer = make_era_scorer(fnc_score, features=["a", "z"])
    model = Ridge().fit(X, y)
    with pytest.raises(ScoringError, match=r"1 of the 2 features are no columns of X"):
        scorer(model, X, y)
    with pytest.raises(TypeError, match="X is a ndarray without names"):
        scorer(Ridge().fit(X.to_numpy(), y), X.to_numpy(), y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "scorer", [numerai_corr_scorer, make_era_scorer(mean_squared_error)]
)
def test_a_model_that_predicts_nan_is_refused(data, value, scorer):
    X, y, _ = data
    model = NeedsEras().fit(X, y)
    X = X.copy()
    X.iloc[3, 0] = value
    with pytest.raises(ValueError, match="NeedsEras predicts NaN or infinity for 1 of"):
        scorer(model, X, y)


def test_side_inputs_of_a_metric_of_one_era(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    weight = (X["c"].abs() + 0.1).sample(frac=1, random_state=0)
    scorer = make_era_scorer(
        mean_squared_error, greater_is_better=False, sample_weight=weight
    )
    rows = np.random.default_rng(0).permutation(len(X))[:200]
    pred = pd.Series(model.predict(X.iloc[rows]), X.index[rows])
    by_hand = [
        mean_squared_error(part, pred[part.index], sample_weight=weight[part.index])
        for _, part in y.iloc[rows].groupby(level="era")
    ]
    got = scorer(model, X.iloc[rows], y.iloc[rows])
    assert got == pytest.approx(-np.mean(by_hand))
    scorer.set_params(side_inputs={"sample_weight": weight.iloc[:300]})
    with pytest.raises(ScoringError, match="are not in sample_weight, and a metric of"):
        scorer(model, X.iloc[rows], y.iloc[rows])


def test_inputs_by_keyword_are_the_metrics_own(data):
    """`previous` of churn is of another era than the rows that are scored."""
    X, y, _ = data
    ids = X.index.get_level_values("id").astype(str)
    index = pd.MultiIndex.from_arrays([X.index.get_level_values("era"), ids])
    index.names = ["era", "id"]
    X, y = X.set_axis(index), y.set_axis(index)
    model = Ridge().fit(X, y)
    pred = pd.Series(model.predict(X), index=index)
    previous, rows = pred.loc[["0001"]], slice("0002", "0002")
    scorer = make_era_scorer(churn_score, greater_is_better=False, previous=previous)
    expected = churn_score(None, pred.loc[rows], previous=previous)
    got = scorer(model, X.loc[rows], y.loc[rows])
    assert got == pytest.approx(-expected)
    assert "previous=<Series of shape (30,)>" in repr(scorer)
    scorer = make_era_scorer(churn_score)
    assert scorer(model, X, y) == pytest.approx(churn_score(None, pred))


def test_warning_of_fitted_eras(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    model.eras_seen_ = np.array([2, 3, 99])
    with pytest.warns(
        LeakageWarning, match=r"2 of the 12 eras.*\(0002, 0003\)"
    ) as said:
        numerai_corr_scorer(model, X, y)
    assert len(said) == 1 and said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numerai_corr_scorer(model, X.loc["0004":], y.loc["0004":])


@pytest.mark.parametrize(
    "name, target, warned",
    [
        ("v53_lgbm_ender60", "target_x_20", True),
        ("v53_lgbm_ender20", "target_x_60", True),
        ("v53_lgbm_ender20", "target_x_20", False),
        ("mine", "target_x_20", False),
        ("v53_lgbm_ender60", "target", False),
        ("v53_lgbm_ender60", None, False),
    ],
)
def test_warning_of_another_horizon(data, name, target, warned):
    X, y, _ = data
    model = Ridge().fit(X, y)
    for benchmark in (X["b"].rename(name), X[["b"]].set_axis([name], axis=1)):
        scorer = make_era_scorer(bmc_score, benchmark=benchmark)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            scorer(model, X, y.rename(target))
            scorer(model, X, y.rename(target).to_frame())
            scorer(model, X, y.to_numpy())
        assert [w.category for w in said] == [HorizonWarning] * 2 * warned


def test_frames_of_the_caller_keep_their_index(data):
    X, y, eras = data
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    benchmark = X["b"].rename("mine")
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    scorer(Ridge().fit(X, y), X, y, groups=np.asarray(eras))
    for values in (X, y, benchmark):
        assert isinstance(values.index, pd.RangeIndex)


def test_rows_of_a_fold_are_matched_once(data, monkeypatch):
    """A search, and permutation importance, score the same few folds many times."""
    X, y, _ = data
    model, matched = Ridge().fit(X, y), []
    original = pd.MultiIndex.get_indexer

    def counted(self, target, *args, **kwargs):
        matched.append(len(target))
        return original(self, target, *args, **kwargs)

    monkeypatch.setattr(pd.MultiIndex, "get_indexer", counted)
    benchmark = X["b"].sample(frac=1, random_state=0)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    folds = [slice("0001", "0003"), slice("0004", "0009")]
    scores = [[scorer(model, X.loc[f], y.loc[f]) for f in folds] for _ in range(3)]
    assert matched == [90, 180]
    assert scores[0] == scores[1] == scores[2]
    copy = clone(scorer)
    shifted = X.loc[folds[0]].copy()
    shifted["a"] = 0.0
    copy(model, shifted, y.loc[folds[0]])
    assert matched == [90, 180]
    # other values are matched anew, and nothing of it is in a pickle
    pickled = len(pickle.dumps(scorer))
    other = make_era_scorer(bmc_score, benchmark=-benchmark)
    assert pickled == pytest.approx(len(pickle.dumps(other)), rel=0.01)
    scorer.set_params(side_inputs={"benchmark": X["c"].sample(frac=1)})
    assert scorer(model, X.loc[folds[0]], y.loc[folds[0]]) != scores[0][0]
    assert matched[2] == 90


def test_rows_that_were_matched_are_bounded(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    benchmark = X["b"].sample(frac=1, random_state=0)
    scorer = make_era_scorer(bmc_score, benchmark=benchmark)
    for n in range(100, 140):
        scorer(model, X.iloc[:n], y.iloc[:n])
    assert len(scorer.side_inputs._kept) == 16


def test_a_benchmark_that_lacks_rows_of_an_era(data):
    X, y, _ = data
    model = Ridge().fit(X, y)
    some = X[["b", "c"]].drop(index=X.index[[3, 40]]).sample(frac=1, random_state=0)
    scorer = make_era_scorer(bmc_score, benchmark=some)
    expected = bmc_score(y, model.predict(X), some)
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)


class GivesSeries(NeedsEras):
    """Predicts a Series, its rows as they are, in another order, or a part."""

    def __init__(self, rows=slice(None)):
        self.rows = rows

    def predict(self, X):
        return X["a"].iloc[self.rows]


@pytest.mark.parametrize("scorer", [numerai_corr_scorer, numerai_scoring()])
def test_predictions_are_of_the_rows_of_x(data, scorer):
    X, y, _ = data
    expected = numerai_corr_score(y, X["a"])
    score = scorer(GivesSeries().fit(X, y), X, y)
    assert (score["corr"] if isinstance(score, dict) else score) == expected
    with pytest.raises(ScoringError, match="a Series whose index is not that of X"):
        scorer(GivesSeries(slice(None, None, -1)).fit(X, y), X, y)
    with pytest.raises(ScoringError, match="GivesSeries predicts 300 rows of 360"):
        scorer(GivesSeries(slice(300)).fit(X, y), X, y)
    plain = X.reset_index(drop=True), y
    with pytest.raises(ScoringError, match="predicts 300 rows of 360"):
        scorer(GivesSeries(slice(300)).fit(*plain), *plain)


def test_scorers_tell_the_score_of_each_era():
    data = make_numerai(n_eras=6, n_samples_per_era=30, random_state=0)
    X, y = data.data, data.target
    model = Ridge().fit(X, y)
    by_era = numerai_corr_score(y, model.predict(X), aggregate=None)
    table = numerai_corr_scorer.era_table(model, X, y)
    assert list(table) == ["numerai_corr"] and table.index.name == "era"
    np.testing.assert_allclose(table["numerai_corr"], by_era)
    assert table.index.tolist() == by_era.index.tolist()

    def error(y_true, y_pred):
        return float(np.mean((y_true - y_pred) ** 2))

    scorer = make_era_scorer(error, greater_is_better=False)
    errors = scorer.era_table(model, X, y)["error"]
    assert (errors < 0).all()
    assert errors.mean() == pytest.approx(scorer(model, X, y))
    one = numerai_corr_scorer.era_table(model, X.loc[["0003"]], y.loc[["0003"]])
    assert one["numerai_corr"].to_dict() == pytest.approx({"0003": by_era["0003"]})

    def pooled(y_true, y_pred, *, groups):
        return 0.5

    with pytest.raises(ScoringError, match="aggregates the eras itself"):
        make_era_scorer(pooled).era_table(model, X, y)
