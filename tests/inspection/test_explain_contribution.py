"""explain_contribution against interpret, planted shapes and the real leaderboard."""

import os
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sknumerai.inspection import explain_contribution
from sknumerai.inspection._boosted_terms import BoostedTerms, _jackknife

pytest.importorskip("interpret.glassbox")
DATA = os.environ.get("SKNUMERAI_TEST_DATA")
real = pytest.mark.skipif(
    not DATA, reason="SKNUMERAI_TEST_DATA does not name the folder of real data"
)
# enough for what most tests look at
FAST = {"max_rounds": 40, "smoothing_rounds": 40}
NAMES = ["fnc", "corr", "noise"]


def planted(seed=0, n_rounds=12, n_models=80, noise=0.5):
    """Panels of rounds by models: TC is 2 fnc + corr^2, and noise."""
    rng = np.random.default_rng(seed)
    index = pd.RangeIndex(300, 300 + n_rounds, name="round")
    models = [f"model_{j}" for j in range(n_models)]
    metrics = {
        name: pd.DataFrame(rng.normal(size=(n_rounds, n_models)), index, models)
        for name in NAMES
    }
    tc = 2 * metrics["fnc"] + metrics["corr"] ** 2
    return tc + noise * rng.normal(size=tc.shape), metrics


def as_rows(tc, metrics):
    rows = pd.DataFrame({name: m.stack() for name, m in metrics.items()})
    return tc.stack().reindex(rows.index), rows


def explain(tc, metrics, **params):
    params = {"interactions": 0, "ebm_params": FAST, "random_state": 0} | params
    return explain_contribution(tc, metrics, **params)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.importances, other.importances)
    for name, shape in one.shapes.items():
        pd.testing.assert_frame_equal(shape, other.shapes[name])
    assert (one.r2, one.held_out_r2) == (other.r2, other.held_out_r2)


def test_planted_shapes_are_found():
    tc, metrics = planted()
    display = explain(tc, metrics, ebm_params=None)
    table = display.importances
    assert table.index.tolist() == ["fnc", "corr", "noise"]
    assert table.loc["fnc", "monotonicity"] > 0.99
    assert abs(table.loc["corr", "monotonicity"]) < 0.5
    assert table.loc["noise", "importance"] < 0.1 * table.loc["fnc", "importance"]
    assert table["share"].sum() == pytest.approx(1)
    assert display.held_out_r2 > 0.85
    for name, true in (("fnc", lambda x: 2 * x), ("corr", lambda x: x**2 - 1)):
        shape = display.shapes[name].iloc[2:-2]
        middle = (shape["lower"] + shape["upper"]) / 2
        assert np.abs(shape["score"] - true(middle)).max() < 0.4
        assert (shape["lower"].iloc[1:].to_numpy() == shape["upper"].iloc[:-1]).all()


def test_planted_interaction_is_found():
    tc, metrics = planted()
    tc = tc + 2 * metrics["fnc"] * metrics["noise"]
    display = explain(tc, metrics, interactions=1)
    (pair,) = display.interactions
    assert pair == ("fnc", "noise")
    frame = display.interactions[pair]
    assert frame.index.name == "fnc" and frame.columns.name == "noise"
    corners = frame.iloc[[0, -1], [0, -1]].to_numpy()
    assert (np.sign(corners) == [[1, -1], [-1, 1]]).all()
    chosen = explain(tc, metrics, interactions=[("corr", "noise")])
    assert list(chosen.interactions) == [("corr", "noise")]
    assert chosen.held_out_r2 < display.held_out_r2


@pytest.mark.filterwarnings("ignore:Missing values detected")
def test_terms_are_those_of_interpret():
    from interpret.glassbox import ExplainableBoostingRegressor

    y, X = as_rows(*planted())
    values = X.to_numpy(copy=True)
    values[::9, 1] = np.nan
    ebm = ExplainableBoostingRegressor(
        NAMES, interactions=2, outer_bags=3, max_rounds=30, n_jobs=1, max_bins=16
    ).fit(values, y.to_numpy())
    terms = BoostedTerms(ebm, NAMES)
    bins = terms.bins_of(values)
    np.testing.assert_allclose(terms.predict(bins), ebm.predict(values))
    on_edges = np.column_stack([ebm.bins_[j][0] for j in range(3)])
    np.testing.assert_allclose(
        terms.predict(terms.bins_of(on_edges)), ebm.predict(on_edges)
    )
    folds = [terms.predict(bins, fold) for fold in range(3)]
    weighted = np.average(folds, axis=0, weights=ebm.bag_weights_)
    np.testing.assert_allclose(weighted, ebm.predict(values))
    table = terms.importances()
    np.testing.assert_allclose(
        table.loc[ebm.term_names_, "importance"], ebm.term_importances()
    )
    shown = ebm.explain_global().data(0)
    shape = terms.shape_of("fnc", values)
    np.testing.assert_allclose(shape["score"], shown["scores"])
    np.testing.assert_allclose(
        [*shape["lower"], shape["upper"].iloc[-1]], shown["names"]
    )
    assert shape["n_rows"].sum() == len(y)


def test_standard_error_is_the_jackknife():
    values = np.random.default_rng(0).normal(size=20)
    left_out = (values.sum() - values) / 19
    assert _jackknife(left_out) == pytest.approx(values.std(ddof=1) / np.sqrt(20))


def test_noise_of_rounds_is_no_knowledge():
    # every model of a round has nearly the same metric and the same luck
    rng = np.random.default_rng(0)
    rounds = np.repeat(np.arange(20), 40)
    luck, level = rng.normal(size=(2, 20))
    metrics = pd.DataFrame({"level": level[rounds] + 0.01 * rng.normal(size=800)})
    display = explain(
        luck[rounds] + 0.01 * rng.normal(size=800),
        metrics,
        rounds=rounds,
        ebm_params=None,
    )
    assert display.r2 > 0.3
    assert display.held_out_r2 < 0
    table = display.importances
    assert table["standard_error"].iloc[0] > 0.1 * table["importance"].iloc[0]
    flat = explain(
        luck[rounds] + rng.normal(size=800), metrics, rounds=rounds, normalize="zscore"
    )
    assert abs(flat.held_out_r2) < 0.1


def test_panels_are_rows():
    tc, metrics = planted()
    tc.iloc[3, 5:20] = np.nan
    shuffled = {n: m.iloc[::-1, ::-1] for n, m in metrics.items()}
    display = explain(tc, shuffled)
    assert display.n_rows == tc.size - 15
    assert (display.n_rounds, display.n_left_out) == (12, 0)
    y, X = as_rows(tc, metrics)
    assert_same(display, explain(y, X))
    assert_same(display, explain(y, X.sample(frac=1, random_state=0)))
    assert_same(display, explain(y, {name: X[name] for name in X}))
    rounds = X.index.get_level_values("round")
    assert_same(display, explain(y.to_numpy(), X.reset_index(drop=True), rounds=rounds))
    named = explain(y.to_numpy(), X.to_numpy(), rounds=rounds)
    assert named.importances.index[0] == "metric_0"


def test_eras_are_rounds():
    tc, metrics = planted()
    y, X = as_rows(tc, metrics)
    eras = [f"{number:04d}" for number in X.index.get_level_values("round")]
    era_rows = X.set_axis(pd.Index(eras, name="era"))
    assert_same(explain(y, X), explain(y.to_numpy(), era_rows))


def test_random_state_decides():
    tc, metrics = planted()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    display = explain(tc, metrics)
    assert_same(display, explain(tc, metrics))
    assert (before == np.random.get_state()[1]).all()  # noqa: NPY002
    assert display.r2 != explain(tc, metrics, random_state=1).r2
    one = explain(tc, metrics, random_state=np.random.RandomState(7))
    assert_same(one, explain(tc, metrics, random_state=np.random.RandomState(7)))


def test_normalization_takes_out_what_rounds_share():
    tc, metrics = planted()
    factor = pd.Series(np.linspace(0.1, 3, 12), tc.index)
    for normalize in ("zscore", "rank"):
        display = explain(tc, metrics, normalize=normalize)
        other = explain(
            tc.mul(factor, axis=0).add(7 * factor, axis=0),
            {n: m.mul(factor[::-1].to_numpy(), axis=0) for n, m in metrics.items()},
            normalize=normalize,
        )
        pd.testing.assert_frame_equal(display.importances, other.importances, rtol=1e-6)
    assert display.shapes["fnc"]["lower"].min() == pytest.approx(0.5 / 80 - 0.5)
    assert display.shapes["fnc"]["upper"].max() == pytest.approx(0.5 - 0.5 / 80)


def test_products_are_metrics():
    tc, metrics = planted()
    tc = tc + 3 * metrics["corr"] * metrics["noise"]
    display = explain(tc, metrics, products=[("corr", "noise")])
    assert display.importances.loc["corr * noise", "monotonicity"] > 0.95
    product = metrics["corr"] * metrics["noise"]
    by_hand = explain(tc, metrics | {"corr * noise": product})
    assert_same(display, by_hand)


def test_missing_metrics():
    tc, metrics = planted()
    metrics["corr"] = metrics["corr"].mask(metrics["fnc"] > 1)
    n_missing = int(metrics["corr"].isna().to_numpy().sum())
    display = explain(tc, metrics)
    assert display.n_left_out == n_missing > 0
    assert f"{n_missing:,} left out" in str(display)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = explain(tc, metrics, missing="separate")
    assert display.n_left_out == 0
    shape = display.shapes["corr"]
    assert shape["lower"].isna().tolist() == [False] * (len(shape) - 1) + [True]
    assert shape["n_rows"].iloc[-1] == n_missing
    assert len(display.shapes["fnc"]) == display.shapes["fnc"]["lower"].count()
    with pytest.raises(ValueError, match=f"missing: {{'corr': {n_missing}}}"):
        explain(tc, metrics, missing="raise")
    # most of the rounds
    metrics["corr"] = metrics["corr"].iloc[:4]
    with pytest.warns(UserWarning, match="'corr' is missing in 7.% of the rows"):
        display = explain(tc, metrics)
    assert display.n_rounds == 4


def test_rows_are_held_out_where_rounds_are_few():
    tc, metrics = planted(n_rounds=1, n_models=300)
    y, X = tc.iloc[0], pd.DataFrame({n: m.iloc[0] for n, m in metrics.items()})
    display = explain(y, X)
    assert display.n_rounds == 1
    assert display.held_out_r2 > 0.5
    assert (display.importances["standard_error"] > 0).all()


def test_true_contribution_is_explained():
    from sknumerai.metrics import numerai_corr_score
    from sknumerai.portfolio import TrueContribution

    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(1, 7), range(60)], names=["era", "id"])
    y = pd.Series(rng.normal(size=360), index)
    noise = rng.normal(size=(360, 20))
    models = pd.DataFrame(
        y.to_numpy()[:, None] * np.linspace(-0.5, 0.5, 20) + noise, index
    )
    tc = TrueContribution(n_rounds=10, random_state=0).fit(models, np.ones(20), y)
    corr = numerai_corr_score(y, models, target_pow15=False, aggregate=None)
    display = explain(tc.scores_, {"corr": corr})
    assert (display.n_rows, display.n_rounds) == (120, 6)
    assert display.importances.loc["corr", "monotonicity"] > 0.9


def test_it_pickles():
    display = explain(*planted())
    assert_same(display, pickle.loads(pickle.dumps(display)))


def test_missing_interpret_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "interpret.glassbox", None)
    with pytest.raises(ImportError, match=r"needs interpret.*'sknumerai\[explain\]'"):
        explain(*planted())


def with_metric(name, value):
    def change(tc, metrics):
        return tc, metrics | {name: value(metrics)}

    return change


BAD = {
    "constant": (with_metric("c", lambda m: m["fnc"] * 0), {}, "c is constant"),
    "equal contributions": (
        lambda tc, m: (tc * 0, m),
        {},
        "all contributions are equal",
    ),
    "infinite": (with_metric("c", lambda m: m["fnc"] / 0), {}, "c must be finite"),
    "all missing": (
        with_metric("c", lambda m: m["fnc"] * np.nan),
        {},
        "'c' has no value in any row",
    ),
    "no numbers": (
        with_metric("c", lambda m: m["fnc"].astype(str) + "%"),
        {},
        "metric 'c' must be numbers",
    ),
    "few rows": (lambda tc, m: (tc.iloc[:1], m), {}, "too few rows: 80 of 80"),
    "other rounds": (
        with_metric("c", lambda m: m["fnc"].set_axis(range(1, 13))),
        {},
        "'c' has none of the rounds",
    ),
    "other models": (
        with_metric("c", lambda m: m["fnc"].add_prefix("x")),
        {},
        "'c' has none of the models",
    ),
    "twice": (
        with_metric("c", lambda m: m["fnc"].iloc[[0, 0, 1]]),
        {},
        "c: 300 is twice among rounds",
    ),
    "rounds of panels": (lambda *p: p, {"rounds": [1]}, "leave rounds out"),
    "frame for panels": (lambda tc, m: (tc, m["fnc"]), {}, "must be a dict"),
    "no metrics": (lambda tc, m: (tc, {}), {}, "there are no metrics"),
    "reserved": (with_metric("round", lambda m: m["fnc"]), {}, "rounds=metrics"),
    "importances": (
        with_metric("importances", lambda m: m["fnc"]),
        {},
        "can be named 'importances'",
    ),
    "product of none": (lambda *p: p, {"products": [("fnc", "tb")]}, "no metric 'tb'"),
    "product of one": (lambda *p: p, {"products": ["fnc"]}, "must be tuples"),
    "pair of none": (lambda *p: p, {"interactions": [("fnc", "tb")]}, "pairs of two"),
    "negative": (lambda *p: p, {"interactions": -1}, "not be negative"),
    "folds": (lambda *p: p, {"n_folds": 1}, "n_folds must be an int of 2"),
    "choice": (lambda *p: p, {"normalize": "mean"}, "normalize must be one of"),
    "gaps": (lambda *p: p, {"missing": "fill"}, "missing must be one of"),
    "taken": (lambda *p: p, {"ebm_params": {"outer_bags": 3}}, "not yours to set"),
    "one value of a round": (
        with_metric("c", lambda m: m["fnc"] * (m["fnc"].index != 303)[:, None]),
        {"normalize": "zscore"},
        "c has a single value in round 303",
    ),
}


@pytest.mark.parametrize("change, params, message", BAD.values(), ids=BAD)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_input(change, params, message):
    with pytest.raises(ValueError, match=message):
        explain(*change(*planted()), **params)


def test_bad_rows():
    y, X = as_rows(*planted())
    with pytest.raises(ValueError, match="lack 100 of 960 rows"):
        explain(y, X.iloc[100:])
    with pytest.raises(ValueError, match="960 contributions and 860 rows"):
        explain(y.to_numpy(), X.iloc[100:])
    with pytest.raises(ValueError, match="3 rounds for 960"):
        explain(y, X, rounds=[1, 2, 3])
    with pytest.raises(ValueError, match="more than once"):
        explain(y, X.droplevel(1).iloc[::-1])
    with pytest.raises(ValueError, match="different indexes"):
        explain(y, X, rounds=pd.Series(np.zeros(960)))
    with pytest.raises(ValueError, match="several metrics named 'fnc'"):
        explain(y, X.rename(columns={"corr": "fnc"}))
    with pytest.raises(ValueError, match="of two dimensions"):
        explain(y.to_numpy(), X["fnc"].to_numpy())
    with pytest.raises(ValueError, match=r"array of shape \(960, 1\)"):
        explain(y.to_numpy()[:, None], X)


@real
def test_neutral_correlation_is_the_best_proxy_of_real_contributions():
    panel = pd.read_parquet(Path(DATA) / "leaderboard_tc.parquet")
    panel = panel[panel["round"].between(272, 300)].set_index(["round", "model"])
    metrics = panel[["fncV3", "corr", "corrWMetamodel"]]
    for normalize in (None, "zscore"):
        display = explain_contribution(
            panel["tc"], metrics, normalize=normalize, random_state=0
        )
        table = display.importances
        assert (display.n_rows, display.n_rounds) == (24_630, 29)
        assert table.index[0] == "fncV3"
        assert table.loc["fncV3", "monotonicity"] >= 0.95
        assert table.loc["fncV3", "importance"] >= 2 * table.loc["corr", "importance"]
        # not by chance of the rounds
        first = table.iloc[0]
        assert first["importance"] > 4 * first["standard_error"]
        # what else is there: not monotone, as in the article
        assert table.loc["corr", "monotonicity"] < 0.95
