"""Learning on the fly: folds go on from each other, and from where they were killed."""

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import (
    GammaRegressor,
    PoissonRegressor,
    Ridge,
    SGDRegressor,
)
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, GradientNormClipping

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import LeakageError, MissingErasError
from sknumerai.metrics import (
    numerai_corr_score,
    numerai_corr_scorer,
    numerai_scoring,
    spearman_scorer,
)
from sknumerai.model_selection import (
    GroupTimeSeriesSplit,
    PurgedGroupKFold,
    WarmStartWalkForward,
    era_cross_validate,
)
from sknumerai.neural_network import MLPRegressor
from sknumerai.submission import export_model
from tests.model_selection.probes import Probe, Warm
from tests.model_selection.test_time_series_split import PAPER, paper_split
from tests.model_selection.walk_forward_script import CV, experiment

PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=50, n_samples_per_era=40, targets="target_ender_20", random_state=0
    )


@pytest.fixture
def probe():
    Warm.fits.clear()
    Warm.fails_at = None
    yield Warm
    Warm.fits.clear()
    Warm.fails_at = None


def net(**params):
    return MLPRegressor(8, max_epochs=3, random_state=0).set_params(**params)


def same(a, b):
    """Two experiments have the same results."""
    times = ["fit_time"]
    pd.testing.assert_frame_equal(
        a.fold_table_.drop(columns=times), b.fold_table_.drop(columns=times)
    )
    pd.testing.assert_frame_equal(a.era_scores_, b.era_scores_)
    pd.testing.assert_series_equal(a.predictions_, b.predictions_)
    if a.valid_predictions_ is not None:
        pd.testing.assert_series_equal(a.valid_predictions_, b.valid_predictions_)


def test_it_is_the_loop_by_hand(data):
    X, y = data.data, data.target
    walk = WarmStartWalkForward(net(), CV).fit(X, y)
    model = net(warm_start=True, n_validation_eras=4, embargo=2)
    for split, (both, test) in enumerate(CV.split(X, y)):
        model.fit(X.iloc[both], y.iloc[both])
        y_pred = model.predict(X.iloc[test])
        np.testing.assert_array_equal(walk.predictions_.loc[y.iloc[test].index], y_pred)
        row = walk.fold_table_.loc[split]
        assert row["test_score"] == pytest.approx(
            numerai_corr_score(y.iloc[test], y_pred)
        )
        assert row["best_epoch"] == model.best_epoch_
        np.testing.assert_array_equal(
            walk.estimators_[split].predict(X.iloc[test]), y_pred
        )
    np.testing.assert_array_equal(walk.predict(X), model.predict(X))
    # the validation score is that of the best epoch
    best = max(row["valid_corr"] for row in model.history_)
    assert row["valid_score"] >= best - 1e-9 or model.best_epoch_ == 0
    eras = walk.era_scores_
    assert eras.index.names == ["split", "part", "era"]
    means = eras["numerai_corr"].groupby(["part", "split"]).mean()
    np.testing.assert_allclose(means["test"], walk.fold_table_["test_score"])
    np.testing.assert_allclose(means["valid"], walk.fold_table_["valid_score"])
    assert len(walk.valid_predictions_) == 4 * 4 * 40
    assert walk.valid_predictions_.index.names == ["split", "era", "id"]
    # weights are not those of folds that know nothing of each other
    apart = WarmStartWalkForward(net(), CV, warm_start=False).fit(X, y)
    assert apart.predictions_.iloc[0] == walk.predictions_.iloc[0]
    assert (apart.predictions_.iloc[160:] != walk.predictions_.iloc[160:]).any()


def test_the_paper_s_fifteen_folds(probe):
    rng = np.random.default_rng(0)
    eras = np.repeat(np.arange(728, 1093), 3)
    index = pd.MultiIndex.from_arrays([eras, np.arange(len(eras))], names=["era", "id"])
    X = pd.DataFrame(rng.integers(0, 5, (len(eras), 6), dtype=np.int8), index=index)
    y = pd.Series(rng.choice([0, 0.25, 0.5, 0.75, 1], len(eras)), index=index)
    walk = WarmStartWalkForward(Warm(), paper_split(), scoring=spearman_scorer)
    walk.fit(X, y)
    parts = [f"{part}_{end}" for part in PARTS for end in ("first", "last")]
    assert [tuple(row) for row in walk.fold_table_[parts].to_numpy()] == PAPER
    # what cuts its validation eras off by itself is handed them too, and told so
    assert probe.fits == [(row[0], row[3]) for row in PAPER]
    settings = {(m.n_validation_eras, m.embargo) for m in walk.estimators_}
    assert settings == {(13, 4)} and walk.estimator.embargo == "auto"
    table = walk.era_scores_.xs("test", level="part")
    assert table.index.get_level_values("era").tolist() == list(range(905, 1093))


def test_several_scores(data):
    scoring = numerai_scoring(metrics=["corr", "spearman"])
    walk = WarmStartWalkForward(net(), CV, scoring=scoring).fit(data.data, data.target)
    assert {"valid_corr", "test_corr", "test_spearman"} <= set(walk.fold_table_)
    assert list(walk.era_scores_) == ["corr", "spearman"]
    walk = WarmStartWalkForward(Ridge(), CV, scoring="r2", warm_start=False)
    assert walk.fit(data.data, data.target).era_scores_ is None


def test_finished_folds_are_not_repeated(data, probe, tmp_path):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(4, test_size=4, embargo=2)
    whole = WarmStartWalkForward(Warm(), cv).fit(X, y)
    fits = list(probe.fits)
    probe.fits.clear()
    probe.fails_at = 37
    walk = WarmStartWalkForward(Warm(), cv, checkpoint_dir=tmp_path)
    with pytest.raises(RuntimeError, match="there is era 40"):
        walk.fit(X, y)
    assert probe.fits == fits[:2]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "experiment.json",
        "fold_000.pkl",
        "fold_001.pkl",
    ]
    probe.fails_at = None
    # another object, other ways to say it, and another score
    resumed = WarmStartWalkForward(
        Warm(1.0), cv, checkpoint_dir=str(tmp_path), verbose=0
    )
    resumed.fit(X, y)
    assert probe.fits == fits and resumed.n_resumed_ == 2
    same(resumed, whole)
    again = clone(resumed).fit(X, y)
    assert probe.fits == fits and again.n_resumed_ == 4
    same(again, whole)


def test_more_eras_add_folds(data, probe, tmp_path):
    X, y = data.data, data.target
    anchored = {"test_size": 4, "embargo": 2, "first_test_era": 31}
    cv = GroupTimeSeriesSplit(3, **anchored)
    # era 42 is the last: the third test set is short
    WarmStartWalkForward(Warm(), cv, checkpoint_dir=tmp_path).fit(
        X.loc[:"0041"], y.loc[:"0041"]
    )
    assert len(probe.fits) == 3
    cv = GroupTimeSeriesSplit(5, **anchored)
    longer = WarmStartWalkForward(Warm(), cv, checkpoint_dir=tmp_path).fit(X, y)
    assert len(probe.fits) == 5 and longer.n_resumed_ == 3
    assert longer.fold_table_["test_eras"].tolist() == [4, 4, 4, 4, 4]
    same(longer, WarmStartWalkForward(Warm(), cv).fit(X, y))


def test_another_experiment_s_folder_is_refused(data, probe, tmp_path):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(2, test_size=4, embargo=2)
    first = WarmStartWalkForward(Warm(), cv, checkpoint_dir=tmp_path).fit(X, y)
    for other, message in [
        (Warm(2.0), r"estimator.rate was 1 and is 2"),
        (Ridge(), r"estimator was .*Warm and is sklearn\.linear_model"),
    ]:
        walk = clone(first).set_params(
            estimator=other, warm_start=other.__class__ is Warm
        )
        with pytest.raises(ValueError, match=message):
            walk.fit(X, y)
    with pytest.raises(ValueError, match=r"cv was .*embargo: 2.* and is"):
        clone(first).set_params(cv=GroupTimeSeriesSplit(2, test_size=4, embargo=3)).fit(
            X, y
        )
    with pytest.raises(ValueError, match="n_features was"):
        clone(first).fit(X.iloc[:, 1:], y)
    other = y.copy()
    other.iloc[3] = 0.123
    for args in [(X, other), (X.iloc[1:], y.iloc[1:]), (X.iloc[:, ::-1], y)]:
        with pytest.raises(ValueError, match=r"fold_000.pkl was fitted on other rows"):
            clone(first).fit(*args)
    (tmp_path / "fold_001.pkl").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"fold_001.pkl cannot be read .* Delete it"):
        clone(first).fit(X, y)
    (tmp_path / "experiment.json").unlink()
    with pytest.raises(ValueError, match=r"holds folds but no experiment.json"):
        clone(first).fit(X, y)


def transformed(function):
    return TransformedTargetRegressor(
        Ridge(), func=function, inverse_func=lambda y: y, check_inverse=False
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            TransformedTargetRegressor(PoissonRegressor(solver="newton-cholesky")),
            TransformedTargetRegressor(GammaRegressor(solver="newton-cholesky")),
        ),
        (
            transformed(lambda y: 2 * y),
            transformed(lambda y: 3 * y),
        ),
        (
            MLPRegressor(
                2, max_epochs=1, callbacks=[("clip", GradientNormClipping(1.0))]
            ),
            MLPRegressor(
                2, max_epochs=1, callbacks=[("clip", GradientNormClipping(2.0))]
            ),
        ),
    ],
    ids=["class inside", "function", "callback"],
)
def test_what_is_inside_an_estimator_tells_experiments_apart(
    data, tmp_path, first, second
):
    X, y = data.data, data.target + 0.5
    cv = GroupTimeSeriesSplit(2, test_size=4, embargo=2)
    given = {"warm_start": False, "checkpoint_dir": tmp_path, "verbose": 0}
    for _ in range(2):
        WarmStartWalkForward(first, cv, **given).fit(X, y)
    with pytest.raises(ValueError, match="holds another experiment"):
        WarmStartWalkForward(second, cv, **given).fit(X, y)


@pytest.mark.parametrize(
    "cv",
    [
        PurgedGroupKFold(3, embargo=2),
        list(
            GroupTimeSeriesSplit(3, test_size=4, embargo=2).split(
                np.arange(2000), groups=np.repeat(np.arange(1, 51), 40)
            )
        )[::-1],
        KFold(3),
    ],
    ids=["partition", "reversed", "rows"],
)
def test_folds_that_go_back_in_time_are_refused(data, cv):
    """Weights of the folds before had learned the test eras: scores of .8 in sample."""
    X, y = data.data, data.target
    if isinstance(cv, KFold):
        X, y = X.to_numpy(), y.to_numpy()
    walk = WarmStartWalkForward(SGDRegressor(), cv, scoring="r2", verbose=0)
    with pytest.raises(LeakageError, match=r"fold 1 .* goes on from weights"):
        walk.fit(X, y)
    cold = clone(walk).set_params(warm_start=False).fit(X, y)
    assert len(cold.fold_table_) == 3


def test_what_is_stored_can_be_read(data, tmp_path):
    experiment(tmp_path)
    identity = json.loads((tmp_path / "experiment.json").read_text())
    assert identity["estimator"].endswith(".MLPRegressor")
    assert identity["estimator.max_epochs"] == "4"
    assert "estimator.verbose" not in identity
    assert not list(tmp_path.glob("*.part"))


class Interrupt(Callback):
    """Ctrl-C in the second fold, after an epoch."""

    n_fits = 0
    armed = True

    def on_train_begin(self, net, **kwargs):
        Interrupt.n_fits += 1

    def on_epoch_begin(self, net, **kwargs):
        if Interrupt.armed and Interrupt.n_fits == 2 and len(net.history) > 1:
            raise KeyboardInterrupt


def test_an_interrupted_fold_is_not_finished(data, tmp_path):
    """A network keeps its best weights after Ctrl-C, which is not what it would reach."""
    Interrupt.n_fits, Interrupt.armed = 0, True
    model = net(callbacks=[Interrupt()])
    walk = WarmStartWalkForward(model, CV, checkpoint_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        walk.fit(data.data, data.target)
    assert [p.name for p in tmp_path.glob("fold_*")] == ["fold_000.pkl"]
    Interrupt.armed = False
    resumed = walk.fit(data.data, data.target)
    assert resumed.n_resumed_ == 1
    same(resumed, WarmStartWalkForward(net(), CV).fit(data.data, data.target))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_and_resumed_is_the_same_as_uninterrupted(tmp_path, number):
    folder = tmp_path / "ended"
    script = Path(__file__).with_name("walk_forward_script.py")
    command = [sys.executable, "-m", "tests.model_selection." + script.stem]
    # four epochs of each fold: in the third one
    ended = subprocess.run(
        [*command, str(folder), "10", str(int(number))],
        cwd=script.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -number, ended.stderr
    finished = ["fold_000.pkl", "fold_001.pkl"]
    assert sorted(path.name for path in folder.glob("fold_*")) == finished
    assert not list(folder.glob("*.part"))
    resumed = experiment(folder)
    assert resumed.n_resumed_ == 2
    same(resumed, experiment(tmp_path / "whole"))


def test_lightgbm_goes_on_with_its_trees(data):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1)
    X, y = data.data, data.target
    walk = WarmStartWalkForward(model, CV).fit(X, y)
    trees = [m.booster_.num_trees() for m in walk.estimators_]
    assert trees == [3, 6, 9, 12]
    previous = None
    for (train, _, test), fitted in zip(
        CV.split_with_validation(X, y), walk.estimators_
    ):
        previous = clone(model).fit(X.iloc[train], y.iloc[train], init_model=previous)
        np.testing.assert_allclose(
            fitted.predict(X.iloc[test]), previous.predict(X.iloc[test])
        )


@pytest.mark.parametrize(
    "model, count",
    [
        (GradientBoostingRegressor(n_estimators=2, max_depth=2), "n_estimators_"),
        (HistGradientBoostingRegressor(max_iter=2, early_stopping=False), "n_iter_"),
    ],
    ids=["gradient boosting", "histograms"],
)
def test_estimators_of_scikit_learn_grow(data, model, count):
    model.set_params(random_state=0)
    walk = WarmStartWalkForward(model, CV).fit(data.data, data.target)
    assert [getattr(m, count) for m in walk.estimators_] == [2, 4, 6, 8]


def test_the_last_step_of_a_pipeline_goes_on(data):
    X, y = data.data, data.target
    scaler = StandardScaler().set_output(transform="pandas")
    walk = WarmStartWalkForward(make_pipeline(scaler, net()), CV).fit(X, y)
    model = net(warm_start=True, n_validation_eras=4, embargo=2)
    for both, test in CV.split(X, y):
        step = clone(scaler).fit(X.iloc[both])
        model.fit(step.transform(X.iloc[both]), y.iloc[both])
        y_pred = model.predict(step.transform(X.iloc[test]))
        np.testing.assert_array_equal(walk.predictions_.loc[y.iloc[test].index], y_pred)
    assert "best_epoch" in walk.fold_table_


def test_folds_apart_are_those_of_era_cross_validate(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(3, test_size=4, embargo=2)
    walk = WarmStartWalkForward(Ridge(), cv, warm_start=False).fit(X, y)
    apart = era_cross_validate(Ridge(), X, y, cv=cv, return_estimator=True)
    np.testing.assert_allclose(walk.fold_table_["test_score"], apart.test_score)
    np.testing.assert_array_equal(walk.predict(X), apart.estimator[-1].predict(X))
    assert walk.valid_predictions_ is None


def test_folds_are_views_of_a_memory_map(tmp_path):
    path = tmp_path / "X.npy"
    np.lib.format.open_memmap(path, "w+", np.int8, (400, 5)).flush()
    index = pd.MultiIndex.from_product([range(1, 41), range(10)], names=["era", "id"])
    X = pd.DataFrame(np.load(path, mmap_mode="r"), index=index, copy=False)
    y = pd.Series(np.arange(400) % 5 / 4, index=index)
    walk = WarmStartWalkForward(Probe(), CV, warm_start=False, scoring="r2").fit(X, y)
    assert {model.fit_file_ for model in walk.estimators_} == {str(path)}
    assert {model.predict_file_ for model in walk.estimators_} == {str(path)}


def test_update_scores_what_is_new_and_goes_on(data):
    X, y = data.data, data.target
    cv = GroupTimeSeriesSplit(2, test_size=4, valid_size=4, embargo=2, max_train_size=8)
    walk = WarmStartWalkForward(net(), cv).fit(X.loc[:"0036"], y.loc[:"0036"])
    last = walk.estimator_
    assert walk.fold_table_["train_last"].tolist()[-1] == "0024"
    # old rows may be among them
    X_new, y_new = X.loc["0020":"0044"], y.loc["0020":"0044"]
    walk.update(X_new, y_new)
    row = walk.fold_table_.iloc[-1]
    assert row[["train_first", "train_last", "valid_first", "valid_last"]].tolist() == [
        "0025",
        "0038",
        "0041",
        "0044",
    ]
    # eras 33 to 36 were tested before
    assert row[["test_first", "test_last"]].tolist() == ["0037", "0044"]
    unseen = X.loc["0037":"0044"]
    np.testing.assert_array_equal(
        walk.predictions_.loc[unseen.index], last.predict(unseen)
    )
    by_hand = pickle.loads(pickle.dumps(last))
    by_hand.set_params(warm_start=True, n_validation_eras=4, embargo=2)
    by_hand.fit(X.loc["0025":"0044"], y.loc["0025":"0044"])
    np.testing.assert_array_equal(walk.predict(X), by_hand.predict(X))
    assert len(walk.estimators_) == 3 and walk.estimators_[-1] is walk.estimator_
    assert walk.predictions_.index.is_unique
    # and on, from a pickle
    walk = pickle.loads(pickle.dumps(walk)).update(X, y)
    assert walk.fold_table_.loc[
        3, ["train_first", "test_first", "test_last"]
    ].tolist() == [
        "0039",
        "0047",
        "0050",
    ]
    with pytest.raises(
        ValueError, match=r"was 44, and after it there are 6 eras.*4 val"
    ):
        walk.update(X, y)
    with pytest.raises(MissingErasError):
        walk.update(X.reset_index(drop=True), y.reset_index(drop=True))


def test_a_fit_that_fails_leaves_what_was_fitted(data, probe):
    X, y = data.data, data.target
    walk = WarmStartWalkForward(probe(), CV).fit(X, y)
    expected, columns = walk.predict(X), walk.n_features_in_
    probe.fails_at = 20
    with pytest.raises(RuntimeError, match="there is era"):
        walk.fit(X.iloc[:, :3], y)
    assert walk.n_features_in_ == columns
    np.testing.assert_array_equal(walk.predict(X), expected)


@pytest.mark.parametrize("name, first", [("target", 29), ("target_ender_60", 37)])
def test_update_with_a_list_of_positions_scores_behind_the_embargo(data, name, first):
    X, y = data.data, data.target
    number = data.eras.astype(int).to_numpy()
    cv = [(np.flatnonzero(number <= 20), np.flatnonzero((number > 21) & (number < 25)))]
    walk = WarmStartWalkForward(Ridge(), cv, warm_start=False)
    walk.fit(X.loc[:"0024"], y.loc[:"0024"]).update(X, y.rename(name))
    assert walk.fold_table_.iloc[-1]["test_first"] == f"{first:04}"


def test_arrays_with_groups_and_routing(data):
    X, y, eras = data.data.to_numpy(), data.target.to_numpy(), data.eras.to_numpy()
    expected = WarmStartWalkForward(net(max_epochs=1), CV).fit(data.data, data.target)
    walk = WarmStartWalkForward(net(max_epochs=1), CV).fit(X, y, groups=eras)
    np.testing.assert_array_equal(walk.predictions_, expected.predictions_)
    assert walk.predictions_.index.names == ["era", "row"]
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = WarmStartWalkForward(Ridge(), CV, warm_start=False)
    shuffled.fit(X[order], y[order], groups=eras[order])
    plain = clone(shuffled).fit(X, y, groups=eras)
    np.testing.assert_allclose(
        shuffled.fold_table_["test_score"], plain.fold_table_["test_score"]
    )
    with sklearn.config_context(enable_metadata_routing=True):
        routed = WarmStartWalkForward(net(max_epochs=1), CV).fit(X, y, groups=eras)
        np.testing.assert_array_equal(routed.predictions_, expected.predictions_)
        scores = era_cross_validate(
            WarmStartWalkForward(
                net(max_epochs=1), GroupTimeSeriesSplit(2, test_size=2, embargo=0)
            ),
            X,
            y,
            groups=eras,
            cv=GroupTimeSeriesSplit(2, test_size=4, embargo=2),
        )
    assert np.isfinite(scores.test_score).all()
    last = eras >= "0047"
    score = numerai_corr_scorer(walk, X[last], y[last], groups=eras[last])
    assert score == pytest.approx(walk.fold_table_["test_score"].iloc[-1])


def test_fit_params_are_cut_and_count(data, tmp_path):
    X, y = data.data, data.target
    weight = np.linspace(0.1, 1, len(X))
    walk = WarmStartWalkForward(net(max_epochs=1), CV, checkpoint_dir=tmp_path)
    walk.fit(X, y, sample_weight=weight)
    plain = WarmStartWalkForward(net(max_epochs=1), CV).fit(X, y)
    assert (walk.predictions_ != plain.predictions_).any()
    with pytest.raises(
        ValueError, match="was fitted on other rows, targets or weights"
    ):
        clone(walk).fit(X, y, sample_weight=weight[::-1])
    with pytest.raises(ValueError, match=r"fit_params was \['sample_weight'\] and is"):
        clone(walk).fit(X, y)
    resumed = clone(walk).fit(X, y, sample_weight=weight)
    assert resumed.n_resumed_ == 4


def test_wrong_calls_say_what_is_wrong(data):
    X, y = data.data, data.target
    with pytest.raises(ValueError, match=r"Ridge cannot go on .* by warm_start=False"):
        WarmStartWalkForward(Ridge(), CV).fit(X, y)
    with pytest.raises(MissingErasError):
        WarmStartWalkForward(net(max_epochs=1), CV).fit(X.to_numpy(), y.to_numpy())
    with pytest.raises(ValueError, match="column 'era'"):
        WarmStartWalkForward(net(max_epochs=1), CV).fit(X.assign(era=1), y)
    with pytest.raises(ValueError, match="too few"):
        WarmStartWalkForward(net(max_epochs=1), CV).fit(X.loc[:"0010"], y.loc[:"0010"])
    few = WarmStartWalkForward(net(max_epochs=1), CV, keep_estimators=False).fit(X, y)
    assert not hasattr(few, "estimators_") and few.predict(X).shape == y.shape


def test_can_be_exported(data, tmp_path):
    X, y = data.data, data.target
    walk = WarmStartWalkForward(net(max_epochs=1), CV).fit(X, y)
    for model in (walk, walk.estimator_):
        export_model(model, tmp_path / "model.pkl", verify=False)
        live = X.loc["0050"]
        raw = pd.Series(model.predict(live), live.index)
        pd.testing.assert_series_equal(
            pd.read_pickle(tmp_path / "model.pkl")(live)["prediction"],
            (raw.rank() - 0.5) / len(raw),
            check_names=False,
        )
