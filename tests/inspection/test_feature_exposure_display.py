"""FeatureExposureDisplay: its tables against the metrics, and what it draws."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import LeakageWarning
from sknumerai.inspection import FeatureExposureDisplay
from sknumerai.metrics import (
    feature_exposures,
    max_feature_exposure,
    rms_feature_exposure,
)
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def data():
    return make_numerai(9, n_samples_per_era=50, n_features=30, random_state=0)


@pytest.fixture(scope="module")
def models(data):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(data.data), 3))
    values[:, 0] += 2.0 * data.data.iloc[:, 4].to_numpy()
    values[:, 1] -= data.data.iloc[:, 7].to_numpy()
    return pd.DataFrame(values, data.data.index, ["a", "b", "c"])


@pytest.fixture(scope="module")
def display(data, models):
    return FeatureExposureDisplay.from_predictions(None, models, data.data, plot=False)


def test_tables_are_those_of_the_metrics(data, models, display):
    X = data.data
    assert display.models == ["a", "b", "c"]
    for name, metric in (("max", max_feature_exposure), ("rms", rms_feature_exposure)):
        expected = metric(None, models, X, aggregate=None)
        found = display.by_era.xs(name, axis=1, level=1)
        pd.testing.assert_frame_equal(found, expected)
    for model in models:
        table = feature_exposures(None, models[model], X, aggregate=None)
        found = display.by_feature[model]
        np.testing.assert_allclose(found["mean"], table.mean(), atol=1e-15)
        np.testing.assert_allclose(found["std"], table.std(ddof=0))
        np.testing.assert_allclose(found["low"], table.quantile(0.05))
        np.testing.assert_allclose(found["high"], table.quantile(0.95))
        largest = [column.iloc[column.abs().argmax()] for _, column in table.items()]
        np.testing.assert_allclose(found["largest"], largest)
        assert (found["n_eras"] == 9).all()
        assert list(found.index) == list(X.columns)


def test_constant_features_have_no_exposure(data, models, pyplot):
    X = data.data.copy()
    X.iloc[:50, 4] = 2
    X.iloc[:, 5] = 2
    display = FeatureExposureDisplay.from_predictions(None, models["a"], X)
    table = feature_exposures(None, models["a"], X, aggregate=None)
    found = display.by_feature["a"]
    assert found["n_eras"].tolist() == [9] * 4 + [8, 0] + [9] * 24
    np.testing.assert_allclose(found["mean"], table.mean(), atol=1e-15)
    np.testing.assert_allclose(found["low"].iloc[4], table.iloc[1:, 4].quantile(0.05))
    assert found.iloc[5, :-1].isna().all()
    assert X.columns[5] not in display.top_features(30)
    assert len(display.top_features(30)) == 29
    assert display.axes_[1].get_title() == "by feature: 20 of 29, by size of the mean"
    expected = max_feature_exposure(None, models["a"], X, aggregate=None)
    np.testing.assert_allclose(display.by_era["a", "max"], expected)


def test_arrays_and_one_era(data, models):
    make = FeatureExposureDisplay.from_predictions
    X, pred = data.data.to_numpy(), models.to_numpy()
    given = make(None, pred, X, groups=data.eras, plot=False)
    assert given.models == ["model_0", "model_1", "model_2"]
    expected = feature_exposures(None, models["b"], data.data).to_numpy()
    np.testing.assert_allclose(given.by_feature["model_1", "mean"], expected)
    alone = make(None, pred[:50, 0], X[:50], plot=False)
    assert alone.by_era.shape == (1, 2)
    expected = max_feature_exposure(None, pred[:50, 0], X[:50])
    np.testing.assert_allclose(alone.by_era["model", "max"], expected)


def test_a_live_round_is_drawn(data, models, pyplot):
    eras = np.where(data.eras == "0009", "X", data.eras)
    display = FeatureExposureDisplay.from_predictions(
        None, models["a"].to_numpy(), data.data.to_numpy(), groups=eras
    )
    display.figure_.canvas.draw()
    ticks = [t.get_text() for t in display.axes_[0].get_xticklabels()]
    assert ticks == [*map(str, range(1, 9)), "live"]


def test_an_estimator_predicts(data, models):
    model = Ridge().fit(data.data, data.target)
    make = FeatureExposureDisplay.from_estimator
    display = make(model, data.data, plot=False)
    pred = pd.Series(model.predict(data.data), data.data.index)
    expected = max_feature_exposure(None, pred, data.data, aggregate=None)
    np.testing.assert_allclose(display.by_era["Ridge", "max"], expected)
    names = list(data.data.columns[3:6])
    some = make(model, data.data, features=names, name="mine", plot=False)
    pd.testing.assert_frame_equal(
        some.by_feature["mine"], display.by_feature["Ridge"].loc[names]
    )
    model.eras_seen_ = [3]
    with pytest.warns(LeakageWarning, match=r"from_estimator: Ridge was fitted on 1"):
        make(model, data.data, plot=False)
    two = Ridge().fit(data.data, models.iloc[:, :2])
    with pytest.raises(
        ValueError, match=r"Ridge predicts an array of shape \(450, 2\)"
    ):
        make(two, data.data)


def test_top_features(data, display):
    columns = data.data.columns
    assert list(display.top_features(2)) == [columns[4], columns[7]]
    sizes = display.by_feature.xs("largest", axis=1, level=1).abs().max(axis=1)
    expected = sizes.sort_values(ascending=False, kind="stable").index[:5]
    assert list(display.top_features(5, sort="largest")) == list(expected)
    with pytest.raises(ValueError, match="sort must be 'mean' or 'largest'"):
        display.top_features(sort="max")
    with pytest.raises(ValueError, match="n_features must be an integer of at least"):
        display.top_features(0)


def test_what_is_drawn(display, pyplot):
    eras, features = display.plot(n_features=5).axes_
    assert len(eras.lines) == 6
    for j, model in enumerate(display.models):
        for k, name in enumerate(("max", "rms")):
            line = eras.lines[2 * j + k]
            np.testing.assert_array_equal(line.get_xdata(), range(1, 10))
            np.testing.assert_allclose(line.get_ydata(), display.by_era[model, name])
    assert eras.get_ylabel() == "size of exposure (correlation)"
    texts = [text.get_text() for text in eras.get_legend().get_texts()]
    assert texts == ["a", "b", "c", "max", "rms"]
    assert len({line.get_marker() for line in eras.lines}) == 3
    top = display.top_features(5)
    labels = [text.get_text() for text in features.get_yticklabels()]
    assert labels == list(top)
    drawn = features.lines[1]
    np.testing.assert_allclose(
        drawn.get_xdata(), display.by_feature["a", "mean"].loc[top]
    )
    # the first feature is the highest
    assert (np.diff(drawn.get_ydata()) < 0).all()
    assert len(features.collections) == 3
    # the models are told beside it
    assert features.get_legend() is None
    spans = features.collections[1].get_segments()
    part = display.by_feature["b"].loc[top]
    np.testing.assert_allclose([s[0, 0] for s in spans], part["low"])
    np.testing.assert_allclose([s[1, 0] for s in spans], part["high"])
    display.figure_.canvas.draw()


def test_a_panel_alone(display, pyplot):
    figure, ax = pyplot.subplots()
    assert display.plot(ax, panels="features").ax_ is ax
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == display.models
    assert display.figure_ is figure
    with pytest.raises(ValueError, match=r"panels must be some of.*\['era'\]"):
        display.plot(panels="era")


def test_thousand_eras_and_many_models(pyplot):
    rng = np.random.default_rng(0)
    eras = pd.RangeIndex(1, 1101, name="era")
    names = [f"model_{j}" for j in range(5)]
    columns = pd.MultiIndex.from_product([names, ["max", "rms"]])
    by_era = pd.DataFrame(rng.uniform(size=(1100, 10)), eras, columns)
    statistics = ["mean", "std", "low", "high", "largest", "n_eras"]
    columns = pd.MultiIndex.from_product([names, statistics])
    by_feature = pd.DataFrame(rng.uniform(size=(400, 30)), columns=columns)
    display = FeatureExposureDisplay(by_era, by_feature).plot(n_features=30)
    assert len(display.axes_[1].get_yticks()) == 30
    assert display.figure_.get_size_inches()[1] <= 14
    display.figure_.canvas.draw()


def test_axes_pickle_and_matplotlib(display, pyplot, monkeypatch):
    check_axes(display, pyplot, 2)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.by_feature, display.by_feature)
    check_without_matplotlib(display, monkeypatch)


def test_bad_input_gets_a_sentence(data, models):
    make = FeatureExposureDisplay.from_predictions
    twice = models.set_axis(["a", "b", "a"], axis=1)
    with pytest.raises(ValueError, match="several models are called 'a'"):
        make(None, twice, data.data)
    with pytest.raises(ValueError, match="method must be one of"):
        make(None, models, data.data, method="kendall")
    with pytest.raises(ValueError, match="features are NaN"):
        make(None, models, data.data.astype(float).replace(2, np.nan))
    with pytest.raises(ValueError, match="y_pred has 450 rows and features has 40"):
        make(None, models, data.data.to_numpy()[:40])
