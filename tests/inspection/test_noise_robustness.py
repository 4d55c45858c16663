"""Scores under noise on the features."""

import pickle
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import (
    LeakageWarning,
    MissingErasError,
    UnknownHorizonError,
)
from sknumerai.inspection import noise_robustness
from sknumerai.inspection._feature_noise import KINDS, FeatureNoise
from sknumerai.metrics import (
    compare_scores,
    mmc_score,
    numerai_corr_score,
    numerai_corr_scorer,
    score_summary,
)
from sknumerai.neural_network import ContextAwareRanker

QUIET = {"confidence_level": None, "verbose": 0, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        n_eras=40,
        n_samples_per_era=80,
        n_features=12,
        targets="target_ender_20",
        random_state=0,
    )


@pytest.fixture(scope="module")
def model(data):
    return Ridge().fit(data.data, data.target)


class Watcher(BaseEstimator):
    """Keep what is to be predicted."""

    def __init__(self):
        self.seen = []

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        self.seen.append(X)
        return np.asarray(X, dtype=float) @ np.linspace(1, 2, np.shape(X)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_scores_against_a_plain_loop(kind, data, model):
    X, y, eras = data.data, data.target, data.eras
    display = noise_robustness(
        model, X, y, noise_levels=[0.3], kind=kind, n_repeats=2, **QUIET
    )
    assert display.era_scores.columns.tolist() == [(0.0, 0), (0.3, 0), (0.3, 1)]
    expected = numerai_corr_score(y, model.predict(X), groups=eras, aggregate=None)
    np.testing.assert_allclose(display.era_scores[0.0, 0], expected, rtol=1e-9)
    # the noise of one era, drawn as it is there
    seed = int(np.random.RandomState(0).randint(2**31 - 1, size=2)[0])
    noise = FeatureNoise(kind, (0, 4))
    for label in ("0003", "0017"):
        rows = np.asarray(X.index.get_level_values("era") == label)
        values = X.to_numpy()[rows].copy()
        sequence = np.random.SeedSequence(seed, spawn_key=(1, int(label)))
        noise.add(
            values, 0.3, noise.draw(np.random.default_rng(sequence), *values.shape)
        )
        frame = pd.DataFrame(values, columns=X.columns)
        score = numerai_corr_score(y[rows].to_numpy(), model.predict(frame))
        assert display.era_scores.loc[label, (0.3, 1)] == pytest.approx(score)


def test_an_era_has_the_same_noise_alone(data, model):
    X, y = data.data, data.target
    together = noise_robustness(model, X, y, noise_levels=[0.1, 0.5], **QUIET)
    some = X.index.get_level_values("era").isin(["0005", "0030"])
    apart = noise_robustness(model, X[some], y[some], noise_levels=0.5, **QUIET)
    pd.testing.assert_frame_equal(
        apart.era_scores[[0.5]], together.era_scores.loc[["0005", "0030"], [0.5]]
    )
    # rows in another order, as arrays, float codes
    shuffled = np.random.default_rng(0).permutation(len(X))
    again = noise_robustness(
        model,
        X.iloc[shuffled],
        y.iloc[shuffled],
        noise_levels=0.5,
        kind="reversal",
        **QUIET,
    )
    pd.testing.assert_frame_equal(again.era_scores, together.era_scores[[0.0, 0.5]])


def test_table_and_intervals(data, model):
    X, y = data.data, data.target
    display = noise_robustness(
        model, X, y, noise_levels=[0.2, 0.5], n_repeats=3, verbose=0, random_state=3
    )
    seed = int(np.random.RandomState(3).randint(2**31 - 1, size=2)[1])
    scores = display.era_scores.T.groupby(level="level").mean().T
    table, how = display.table, {"horizon": 20, "random_state": seed}
    summary = score_summary(scores, statistics=["mean"], confidence_level=0.95, **how)
    for ours, theirs in [("mean", "mean"), ("low", "mean_low"), ("high", "mean_high")]:
        np.testing.assert_allclose(table[ours], summary[theirs])
    compared = compare_scores(scores, baseline=0.0, **how)
    ends = ["difference", "difference_low", "difference_high"]
    np.testing.assert_allclose(
        table[ends].iloc[1:], compared[["difference", "low", "high"]]
    )
    np.testing.assert_allclose(table["std"], scores.std(ddof=0))
    np.testing.assert_allclose(
        table["std_of_repeats"].iloc[1:],
        [display.era_scores[level].mean().std(ddof=1) for level in (0.2, 0.5)],
    )
    np.testing.assert_allclose(table["share"], table["mean"] / table["mean"].iloc[0])
    # half of the signs say nothing any more
    assert table["share"].iloc[-1] < 0.5 < table["share"].iloc[1]


def test_scores_that_are_lost_are_counted_and_no_share_of_a_loss(data):
    X, y = data.data.iloc[:, :1], data.target
    model = LinearRegression().fit(X, y)
    how = {"kind": "missing", "noise_levels": [0.5, 1.0], "confidence_level": None}
    with pytest.warns(UserWarning, match="without a score.* levels 1: "):
        table = noise_robustness(model, X, y, random_state=0, verbose=0, **how).table
    n_eras = len(data.eras.unique())
    assert (table["n_eras"].iloc[:2] == n_eras).all()
    assert table["n_eras"].iloc[2] == 0
    how = {"noise_levels": [0.1], "confidence_level": None, "verbose": 0}
    table = noise_robustness(model, X, -y, random_state=0, **how).table
    assert table["mean"].iloc[0] < 0 and table["share"].isna().all()


def test_one_era_at_a_time_is_copied(data, monkeypatch):
    from sknumerai.inspection import _noisy_predictions

    X = data.data.to_numpy().copy()
    X.flags.writeable = False
    eras = np.asarray(data.eras)
    watcher = Watcher()
    monkeypatch.setattr(_noisy_predictions, "_CHUNK", 80 * 12)
    noise_robustness(
        watcher,
        X,
        data.target.to_numpy(),
        groups=eras,
        noise_levels=0.2,
        n_repeats=1,
        **QUIET,
    )
    assert {part.shape for part in watcher.seen} == {(80, 12)}
    assert {part.dtype for part in watcher.seen} == {np.dtype(np.int8)}
    np.testing.assert_array_equal(X, data.data.to_numpy())


def test_frames_keep_index_and_columns(data):
    watcher = Watcher()
    X = data.data
    noise_robustness(watcher, X, data.target, noise_levels=0.2, n_repeats=1, **QUIET)
    _, noisy = watcher.seen
    assert noisy.index.equals(X.index) and noisy.columns.equals(X.columns)
    assert (noisy.dtypes == X.dtypes).all()


def test_eras_without_targets_are_not_predicted(data):
    X, y = data.data, data.target.copy()
    late = X.index.get_level_values("era") > "0030"
    middle = X.index.get_level_values("era") == "0010"
    y[late | middle] = np.nan
    watcher = Watcher()
    display = noise_robustness(watcher, X, y, noise_levels=0.2, n_repeats=1, **QUIET)
    seen = set(watcher.seen[0].index.get_level_values("era"))
    assert len(seen) == len(display.era_scores) == 29 and "0010" not in seen
    with pytest.raises(ValueError, match="no target"):
        noise_robustness(watcher, X, y * np.nan, **QUIET)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_networks_of_whole_eras_get_them(data):
    number = data.data.index.get_level_values("era")
    old, new = number < "0005", number > "0036"
    model = ContextAwareRanker(
        d_hidden=4, max_epochs=1, n_validation_eras=0, random_state=0
    )
    model.fit(data.data[old], data.target[old])
    X, y = data.data[new], data.target[new]
    params = {"noise_levels": 0.2, "n_repeats": 1, **QUIET}
    arrays, groups = (X.to_numpy(), y.to_numpy()), np.asarray(number[new])
    bare = noise_robustness(model, *arrays, groups=groups, **params)
    indexed = noise_robustness(model, X, y, **params)
    np.testing.assert_allclose(bare.era_scores, indexed.era_scores, rtol=1e-6)
    expected = numerai_corr_score(y, model.predict(X), aggregate=None)
    np.testing.assert_allclose(indexed.era_scores[0.0, 0], expected, rtol=1e-5)
    with pytest.warns(LeakageWarning, match="noise_robustness"):
        noise_robustness(model, data.data[old], data.target[old], **params)


def test_metrics_of_one_era_and_with_third_inputs(data, model):
    X, y = data.data, data.target
    display = noise_robustness(
        model, X, y, metric=mean_squared_error, noise_levels=0.3, **QUIET
    )
    assert display.metric == "mean_squared_error"
    assert display.table["difference"].iloc[-1] > 0
    meta = data.meta_model
    metric = partial(mmc_score, meta_model=meta)
    display = noise_robustness(model, X, y, metric=metric, noise_levels=0.3, **QUIET)
    expected = mmc_score(y, pd.Series(model.predict(X), X.index), meta)
    assert display.table.loc[0.0, "mean"] == pytest.approx(expected)
    assert display.metric == "mmc"


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"kind": "salt"}, ValueError, "kind must be one of"),
        ({"noise_levels": [0.1, 1.5]}, ValueError, r"must be in \[0, 1\]"),
        ({"noise_levels": -1, "kind": "gaussian"}, ValueError, "0 or more"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be"),
        ({"feature_range": (0, 3)}, ValueError, r"from 0 to 4, outside.*\(0, 3\)"),
        ({"feature_range": (4, 0)}, ValueError, "low < high"),
        ({"feature_range": (0, 4.5)}, ValueError, "whole numbers"),
        ({"feature_range": (0, 300)}, ValueError, "does not fit int8"),
        ({"feature_range": (0, 5), "kind": "missing"}, ValueError, "in the middle"),
        ({"metric": numerai_corr_scorer}, TypeError, "Got the scorer"),
        ({"metric": "corr"}, TypeError, "must be a callable"),
        ({"y": None}, ValueError, "y is None"),
    ],
)
def test_bad_input(params, error, message, data, model):
    given = {"y": data.target, **QUIET, **params}
    with pytest.raises(error, match=message):
        noise_robustness(model, data.data, **given)


def test_what_cannot_be_known(data, model):
    X, y, codes = data.data, data.target, data.data.to_numpy()
    with pytest.raises(MissingErasError):
        noise_robustness(model, codes, y.to_numpy(), **QUIET)
    with pytest.raises(ValueError, match="Pass feature_range"):
        noise_robustness(model, X / 4, y, **QUIET)
    noise_robustness(model, X / 4, y, kind="swap", noise_levels=0.1, **QUIET)
    watcher = Watcher()
    with pytest.raises(UnknownHorizonError, match="horizon=20"):
        noise_robustness(watcher, X, y.rename("y"), verbose=0)
    few = X.index.get_level_values("era") < "0008"
    with pytest.raises(ValueError, match="confidence_level=None"):
        noise_robustness(watcher, X[few], y[few], verbose=0)
    assert not watcher.seen  # before anything is predicted


def test_predictions_that_are_not_finite(data):
    class Fragile(Watcher):
        def predict(self, X):
            return super().predict(X) / (len(self.seen) < 2)

    with (
        np.errstate(divide="ignore"),
        pytest.raises(ValueError, match="at a noise level of"),
    ):
        noise_robustness(Fragile(), data.data, data.target, noise_levels=0.1, **QUIET)


def test_a_model_that_takes_no_notice(data):
    class Blind(Watcher):
        def predict(self, X):
            return np.arange(len(X), dtype=float)

    display = noise_robustness(
        Blind(), data.data, data.target, noise_levels=0.1, verbose=0, random_state=0
    )
    np.testing.assert_allclose(display.table["difference"], 0.0, atol=1e-15)


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


def test_display(data, model, pyplot, monkeypatch):
    display = noise_robustness(
        model, data.data, data.target, noise_levels=0.3, verbose=0, random_state=0
    )
    head, *rows = str(display).splitlines()
    assert head.startswith("numerai_corr of Ridge in 40 eras, 3 draws")
    assert len(rows) == 4
    assert "<table" in display._repr_html_()
    display = pickle.loads(pickle.dumps(display))
    assert display.plot() is display
    np.testing.assert_allclose(display.line_.get_ydata(), display.table["mean"])
    np.testing.assert_allclose(display.line_.get_xdata(), [0, 0.3])
    (band,) = display.ax_.collections
    edges = band.get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(display.table["high"].max())
    other = display.plot(ax=display.ax_, name="again", relative=True).line_
    np.testing.assert_allclose(other.get_ydata(), display.table["difference"])
    assert other.get_marker() != display.ax_.lines[0].get_marker()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["Ridge", "again"]
    assert "reversed" in display.ax_.get_xlabel()
    assert len(pyplot.get_fignums()) == 1
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sknumerai\[plot\]"):
        display.plot()
