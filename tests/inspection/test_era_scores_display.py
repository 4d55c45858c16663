"""EraScoresDisplay: its scores against the metrics, and what it draws."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error

from sknumerai.datasets import make_numerai
from sknumerai.exceptions import HorizonWarning, LeakageWarning, MissingErasError
from sknumerai.inspection import EraScoresDisplay, FeatureExposureDisplay
from sknumerai.metrics import (
    bmc_score,
    era_scores,
    fnc_score,
    max_drawdown,
    mmc_score,
    numerai_corr_score,
    payout_score,
    sharpe_ratio,
    spearman_score,
)
from tests.inspection.display_checks import (
    check_axes,
    check_pickle,
    check_without_matplotlib,
)


@pytest.fixture(scope="module")
def data():
    return make_numerai(
        12, n_samples_per_era=60, targets="target_ender_60", random_state=0
    )


@pytest.fixture(scope="module")
def models(data):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(len(data.target), 2))
    values[:, 0] += data.oracle.to_numpy().ravel()
    return pd.DataFrame(values, data.data.index, ["good", "bad"])


@pytest.fixture
def scores():
    """Six eras, every fourth, out of order."""
    index = pd.Index(["0009", "0001", "0005", "0013", "0017", "0021"], name="era")
    values = {"a": [3.0, 1, -2, 1, -2, 5], "b": [1.0, -1, 2, np.nan, 1, 1]}
    return pd.DataFrame(values, index)


def test_scores_are_those_of_the_metrics(data, models):
    y, meta_model, benchmark = data.target, data.meta_model, data.benchmark
    display = EraScoresDisplay.from_predictions(
        y,
        models,
        meta_model=meta_model,
        benchmark=benchmark,
        features=data.data,
        policy="ender60",
        min_coverage=0,
        plot=False,
    )
    more = {"aggregate": None, "min_coverage": 0}
    expected = {
        "corr": numerai_corr_score(y, models, aggregate=None),
        "mmc": mmc_score(y, models, meta_model, **more),
        "bmc": bmc_score(y, models, benchmark, **more),
        "fnc": fnc_score(y, models, data.data, **more),
        "payout": payout_score(y, models, meta_model, **more),
    }
    assert list(display.scores) == list(expected)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(display.scores[name], table)


def test_the_policy_reaches_the_payout(data, models):
    with pytest.warns(HorizonWarning, match="'cyrus20' pays for a target of 20 days"):
        display = EraScoresDisplay.from_predictions(
            data.target,
            models["good"],
            metrics="payout",
            meta_model=data.meta_model,
            policy="cyrus20",
            plot=False,
        )
    with pytest.warns(HorizonWarning):
        expected = payout_score(
            data.target,
            models["good"],
            data.meta_model,
            policy="cyrus20",
            aggregate=None,
        )
    np.testing.assert_array_equal(display.scores["payout"]["good"], expected)


def test_own_functions_are_metrics(data, models):
    def negative_error(y_true, y_pred):
        return -mean_squared_error(y_true, y_pred)

    display = EraScoresDisplay.from_predictions(
        data.target,
        models,
        metrics={"error": negative_error, "rank": spearman_score, "CORR": "corr"},
        plot=False,
    )
    y = data.target
    expected = era_scores(negative_error, y, models)
    pd.testing.assert_frame_equal(display.scores["error"], expected)
    expected = spearman_score(y, models, aggregate=None)
    pd.testing.assert_frame_equal(display.scores["rank"], expected)
    expected = numerai_corr_score(y, models, aggregate=None)
    pd.testing.assert_frame_equal(display.scores["CORR"], expected)


def test_arrays_with_groups_score_alike(data, models):
    given = EraScoresDisplay.from_predictions(
        data.target.to_numpy(), models.to_numpy(), groups=data.eras, plot=False
    )
    expected = numerai_corr_score(data.target, models, aggregate=None)
    assert list(given.scores["corr"].columns) == ["model_0", "model_1"]
    np.testing.assert_array_equal(given.scores["corr"], expected)
    alone = EraScoresDisplay.from_predictions(
        data.target, models["good"].to_numpy(), plot=False
    )
    np.testing.assert_allclose(alone.scores["corr"]["model"], expected["good"])


def test_an_estimator_predicts_with_its_eras(data):
    model = Ridge().fit(data.data, data.target)
    display = EraScoresDisplay.from_estimator(
        model, data.data, data.target, benchmark=data.benchmark, plot=False
    )
    pred = pd.Series(model.predict(data.data), data.data.index, name="Ridge")
    expected = numerai_corr_score(data.target, pred, aggregate=None)
    pd.testing.assert_series_equal(display.scores["corr"]["Ridge"], expected)
    assert list(display.scores) == ["corr", "bmc"]
    arrays = EraScoresDisplay.from_estimator(
        Ridge().fit(data.data.to_numpy(), data.target),
        data.data.to_numpy(),
        data.target.to_numpy(),
        groups=data.eras,
        name="mine",
        plot=False,
    )
    np.testing.assert_allclose(arrays.scores["corr"]["mine"], expected)
    model.eras_seen_ = [3]
    with pytest.warns(LeakageWarning, match=r"from_estimator: Ridge was fitted on 1"):
        EraScoresDisplay.from_estimator(model, data.data, data.target, plot=False)


def test_sums_and_drawdowns(scores):
    display = EraScoresDisplay.from_scores(scores, plot=False)
    table = display.scores["score"]
    assert list(table.index) == ["0001", "0005", "0009", "0013", "0017", "0021"]
    sums = display.cumulative["score"]
    np.testing.assert_array_equal(sums["a"], [1, -1, 2, 3, 1, 6])
    np.testing.assert_array_equal(sums["b"], [-1, 1, 2, np.nan, 3, 4])
    np.testing.assert_array_equal(display.drawdown["score"]["a"], [0, 2, 0, 0, 2, 0])
    assert display.drawdown["score"]["a"].max() == max_drawdown(table["a"])


def test_one_model_is_bars_at_its_eras(scores, pyplot):
    display = EraScoresDisplay.from_scores(scores["a"])
    top, low = display.axes_
    bars = top.patches
    assert [bar.get_height() for bar in bars] == [1, -2, 3, 1, -2, 5]
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    np.testing.assert_allclose(middles, [1, 5, 9, 13, 17, 21])
    # every fourth era: bars are as wide as the steps allow
    np.testing.assert_allclose([bar.get_width() for bar in bars], 3.6)
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[2] != colours[1] == colours[4]
    sums = [line for line in low.lines if len(line.get_xdata()) == 6]
    np.testing.assert_array_equal(sums[0].get_ydata(), [1, -1, 2, 3, 1, 6])
    (shade,) = low.collections
    assert shade.get_datalim(low.transData).y1 == pytest.approx(6)
    # the legend lies above the curve
    assert low.get_ylim()[1] > 7
    display.figure_.canvas.draw()
    ticks = [int(text.get_text()) for text in low.get_xticklabels()]
    assert ticks == [1, 5, 9, 13, 17, 21]
    assert low.get_xlabel() == "era"
    assert top.get_ylabel() == "score"
    (text,) = low.get_legend().get_texts()
    sharpe = sharpe_ratio(scores["a"])
    assert text.get_text() == f"a: mean 1.0000, Sharpe {sharpe:.2f}, drawdown 2.000"


def test_several_models_and_metrics(scores, pyplot):
    display = EraScoresDisplay.from_scores({"corr": scores, "mine": scores}, rolling=2)
    assert len(display.axes_) == 4
    labels = [axis.get_ylabel() for axis in display.axes_]
    assert labels[::2] == ["CORR (correlation)", "mine"]
    assert labels[1] == "cumulative\nCORR (correlation)"
    assert [axis.get_xlabel() for axis in display.axes_] == ["", "", "", "era"]
    points = display.axes_[0].collections
    assert len(points) == 2
    np.testing.assert_array_equal(points[0].get_offsets()[:, 1], [1, -2, 3, 1, -2, 5])
    means = [line for line in display.axes_[0].lines if len(line.get_xdata()) == 6]
    np.testing.assert_allclose(means[0].get_ydata(), [1, -0.5, 0.5, 2, -0.5, 1.5])
    texts = display.axes_[1].get_legend().get_texts()
    assert texts[1].get_text().endswith("1 eras without a score")
    styles = {(line.get_color(), str(line.get_linestyle())) for line in means}
    assert len(styles) == 2


def test_many_models_are_lines_with_drawdowns_apart(pyplot):
    rng = np.random.default_rng(0)
    index = pd.RangeIndex(100, 1300, name="era")
    scores = pd.DataFrame(rng.normal(size=(1200, 7)), index)
    scores.columns = ["_hidden", "a$b$", *(f"{'long' * 20} {i}" for i in range(5))]
    display = EraScoresDisplay.from_scores(scores)
    scored, sums, falls = display.axes_
    assert not scored.collections and not sums.collections
    assert len([x for x in scored.lines if len(x.get_xdata()) == 1200]) == 7
    styles = {(x.get_color(), str(x.get_linestyle())) for x in falls.lines}
    assert len(styles) == 7
    np.testing.assert_allclose(
        falls.lines[3].get_ydata(), -display.drawdown["score"].iloc[:, 3]
    )
    legend = scored.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert len(texts) == 7
    assert all(len(text) < 90 for text in texts)
    assert texts[1].startswith(r"a\$b\$: mean")
    assert legend.get_title().get_text() == "lines: mean of 48 eras"
    display.figure_.canvas.draw()
    ticks = [t.get_text() for t in falls.get_xticklabels() if t.get_text()]
    assert 4 <= len(ticks) <= 14
    assert all(tick.isdigit() for tick in ticks)


def test_a_panel_alone(scores, pyplot):
    ax = pyplot.figure().add_subplot()
    display = EraScoresDisplay.from_scores(scores, ax=ax, panels="drawdown")
    assert display.ax_ is ax and len(ax.lines) == 2
    assert ax.get_ylabel() == "drawdown of\nscore"
    display = EraScoresDisplay.from_scores(scores, panels=["scores"], rolling=None)
    assert [len(line.get_xdata()) for line in display.ax_.lines] == [2]
    assert display.ax_.get_title(loc="right") == ""


def test_axes_pickle_and_matplotlib(scores, pyplot, monkeypatch):
    display = EraScoresDisplay.from_scores(scores, plot=False)
    check_axes(display, pyplot, 2)
    copy = check_pickle(display)
    pd.testing.assert_frame_equal(copy.scores["score"], display.scores["score"])
    check_without_matplotlib(display, monkeypatch)


def test_live_eras_and_folds_of_a_walk_forward(scores):
    levels = [[0, 1], ["0001", "0002"]]
    index = pd.MultiIndex.from_product(levels, names=["split", "era"])
    table = pd.DataFrame({"score": [1.0, 2, 3, 4]}, index)
    with pytest.raises(ValueError, match=r"era '0001' comes more than once"):
        EraScoresDisplay.from_scores(table, plot=False)
    display = EraScoresDisplay.from_scores(table.loc[[1]], plot=False)
    assert list(display.scores["score"].index) == ["0001", "0002"]


@pytest.mark.parametrize(
    "given, error, match",
    [
        ([0.1, 0.2], TypeError, r"must be a Series or DataFrame.*Got list"),
        ({}, ValueError, "scores is empty"),
        (pd.Series([], dtype=float), ValueError, r"have shape \(0, 1\)"),
        (pd.Series([1.0, np.inf]), ValueError, "'score' are infinite"),
        (pd.Series(["a", "b"]), ValueError, "must be numbers"),
        (pd.Series([1.0], index=["mean"]), ValueError, r"\['mean'\] are not eras"),
        (
            pd.Series([1.0], index=pd.MultiIndex.from_tuples([(1, 2)])),
            ValueError,
            "none of them is 'era'",
        ),
    ],
)
def test_bad_scores_get_a_sentence(given, error, match):
    with pytest.raises(error, match=match):
        EraScoresDisplay.from_scores(given, plot=False)


@pytest.mark.parametrize("given", [[Ridge()], Ridge, {"one": Ridge()}, None])
def test_what_does_not_predict_is_told(given, data):
    said = "the class Ridge" if given is Ridge else type(given).__name__
    for Display in (EraScoresDisplay, FeatureExposureDisplay):
        match = rf"{Display.__name__}\.from_estimator: .*that predicts.* Got {said}\."
        with pytest.raises(TypeError, match=match):
            Display.from_estimator(given, data.data, data.target)


def test_bad_parameters_get_a_sentence(data, models, scores, pyplot):
    y, make = data.target, EraScoresDisplay.from_predictions
    with pytest.raises(ValueError, match=r"no metric 'tc'\. Pass names of \['corr'"):
        make(y, models, metrics="tc")
    with pytest.raises(ValueError, match="'mmc' needs meta_model"):
        make(y, models, metrics=["corr", "mmc"])
    with pytest.raises(ValueError, match=r"mmc_score needs meta_model\. Pass meta_mod"):
        make(y, models, metrics=mmc_score)
    with pytest.raises(ValueError, match="metrics is empty"):
        make(y, models, metrics=[])
    with pytest.raises(MissingErasError, match="from_predictions needs the era"):
        make(y.to_numpy(), models.to_numpy())
    with pytest.raises(ValueError, match=r"panels must be some of.*\['bars'\]"):
        EraScoresDisplay.from_scores(scores, panels=["bars"])
    with pytest.raises(ValueError, match=r"panels must be some of.*none"):
        EraScoresDisplay.from_scores(scores, panels=[])
    for rolling in (0, True, 2.5, "all"):
        with pytest.raises(ValueError, match="rolling must be 'auto', None or"):
            EraScoresDisplay.from_scores(scores, rolling=rolling)
    assert not pyplot.get_fignums()
