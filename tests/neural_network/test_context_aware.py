"""The context-aware ranker: eras, monitors, penalty, presets."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.linear_model import Ridge
from sklearn.utils.metadata_routing import get_routing_for_object

from sknumerai.exceptions import OneEraWarning
from sknumerai.losses import ApproximateSpearmanLoss
from sknumerai.metrics import learn_payout_score, numerai_corr_score, payout_score
from sknumerai.neural_network import ContextAwareRanker, MLPRegressor
from sknumerai.neural_network._batches import EraBatches
from sknumerai.neural_network._training import make_dataset
from sknumerai.utils import check_eras


def small(**params):
    return ContextAwareRanker(
        **{"d_hidden": 8, "max_epochs": 2, "random_state": 0, **params}
    )


@pytest.fixture(scope="module")
def crowded():
    """What pays is how far a stock is from the mean of its era's other stocks."""
    rng = np.random.default_rng(0)
    n_eras, n = 40, 50
    level = rng.choice([0.5, 2, 3.5], size=(n_eras, 1, 1))
    X = np.clip(np.round(rng.normal(level, 1, size=(n_eras, n, 3))), 0, 4)
    crowd = X[..., :1].mean(axis=1, keepdims=True)
    y = -np.abs(X[..., :1] - crowd) + rng.normal(0, 0.2, (n_eras, n, 1))
    X = X.reshape(-1, 3).astype(np.int8)
    return X, y.reshape(-1), np.repeat(np.arange(1, n_eras + 1), n)


def test_learns_what_depends_on_the_other_stocks(crowded):
    X, y, eras = crowded
    late = eras > 32
    params = {"n_validation_eras": 0, "random_state": 0}
    model = ContextAwareRanker(lr=0.02, max_epochs=40, dropout=0.0, **params)
    model.fit(X[~late], y[~late], groups=eras[~late])
    rows = MLPRegressor((32, 16), lr=0.01, max_epochs=20, **params)
    rows.fit(X[~late], y[~late], groups=eras[~late])
    corr = {
        name: numerai_corr_score(y[late], predicted, groups=eras[late])
        for name, predicted in {
            "attention": model.predict(X[late], groups=eras[late]),
            "rows": rows.predict(X[late]),
            "ridge": Ridge().fit(X[~late], y[~late]).predict(X[late]),
        }.items()
    }
    assert corr["attention"] > max(corr["rows"], corr["ridge"]) + 0.1, corr


def test_an_era_is_predicted_the_same_alone_shuffled_and_beside_others(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    whole = pd.Series(model.predict(X), X.index)
    rows = np.random.default_rng(0).permutation(len(X))
    shuffled = pd.Series(model.predict(X.iloc[rows]), X.index[rows])
    pd.testing.assert_series_equal(shuffled.loc[X.index], whole, rtol=1e-6)
    era = X.xs("0007", level="era", drop_level=False)
    np.testing.assert_allclose(model.predict(era), whole.loc[era.index], rtol=1e-6)
    eras = X.index.get_level_values("era")
    np.testing.assert_array_equal(model.predict(X.to_numpy(), groups=eras), whole)
    np.testing.assert_allclose(
        model.predict_targets(X.to_numpy(), groups=eras)[:, 0], whole, rtol=1e-6
    )


def test_shuffled_rows_train_the_same(problem):
    X, y, aux, _ = problem
    rows = np.random.default_rng(0).permutation(len(X))
    params = {"dropout": 0.0, "monitor": "lpayout"}
    straight = small(**params).fit(X, y, benchmark=aux["target_a_20"])
    shuffled = small(**params).fit(
        X.iloc[rows], y.iloc[rows], benchmark=aux["target_a_20"]
    )
    np.testing.assert_allclose(straight.predict(X), shuffled.predict(X), atol=1e-3)
    a, b = ([e["valid_lpayout"] for e in m.history_] for m in (straight, shuffled))
    np.testing.assert_allclose(a, b, atol=1e-2)


def test_predictions_are_in_the_units_of_y(problem):
    X, y, _, _ = problem
    model = small(max_epochs=10, lr=0.01).fit(X, 1000 * y + 5)
    predicted = model.predict(X)
    assert predicted.dtype == np.float32
    slope = np.polyfit(predicted, 1000 * y + 5, 1)[0]
    assert slope == pytest.approx(1, abs=0.3)


def test_rows_without_eras(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    live = X.iloc[:60].to_numpy()
    with pytest.warns(OneEraWarning, match="all 60 rows are taken as one era"):
        alone = model.predict(live)
    np.testing.assert_array_equal(alone, model.predict(live, groups=["X"] * 60))
    many = np.zeros((15_001, X.shape[1]), dtype=np.int8)
    with pytest.raises(ValueError, match="15001 rows, which are too many for one era"):
        model.predict(many)
    with pytest.raises(ValueError, match="too many for one era"):
        small().fit(many, np.arange(len(many)))
    with pytest.warns(OneEraWarning, match="fit found no eras"):
        small(max_epochs=1).fit(X.to_numpy()[:50], y.to_numpy()[:50])


def test_batches_are_eras_in_the_order_of_time(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    assert model.batch_by_ == "era" and model.batch_size_ == 2
    with pytest.raises(ValueError, match="attention is taken over whole eras"):
        small(batch_by="rows").fit(X, y)
    a, b, c = (small(dropout=0.0, shuffle=s).fit(X, y) for s in (False, False, True))
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    assert np.abs(a.predict(X) - c.predict(X)).max() > 1e-4


def test_long_eras_are_drawn_from(problem):
    X, y, _, _ = problem
    eras = check_eras(np.repeat([1, 2, 3], [5, 30, 20]))
    matrix = np.arange(55, dtype=np.float32)[:, None]
    dataset = make_dataset(matrix, matrix, None, eras)
    generator = torch.Generator().manual_seed(0)
    batches = EraBatches(dataset, 2, False, generator=generator, max_era_rows=10)
    first, second = ([b.X[:, 0].tolist() for b in batches] for _ in range(2))
    assert [len(rows) for rows in first] == [15, 10]
    assert first[0][:5] == [0, 1, 2, 3, 4] and first != second
    for rows, (low, high) in zip((first[0][5:], first[1]), ((5, 35), (35, 55))):
        assert len(set(rows)) == 10 and low <= min(rows) and max(rows) < high
        assert rows == sorted(rows)
    model = small(max_list_length=20).fit(X, y)
    assert len(model.predict(X)) == len(X)


def test_payouts_of_the_held_out_eras(problem):
    X, y, _, truth = problem
    held_out = y.index.get_level_values("era") > "0027"
    meta = truth.rename("numerai_meta_model")
    for name, side, score in (
        ("lpayout", {"benchmark": truth}, learn_payout_score),
        ("payout", {"meta_model": meta}, payout_score),
    ):
        model = small(monitor=name, patience=None).fit(X, y, **side)
        history = [entry[f"valid_{name}"] for entry in model.history_]
        assert model.best_epoch_ == int(np.argmax(history)) + 1
        (values,) = side.values()
        extra = {"clip": False} if name == "payout" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the latest rule pays for 60 days
            expected = score(
                y[held_out], model.predict(X[held_out]), values[held_out], **extra
            )
        assert max(history) == pytest.approx(expected, abs=1e-4)


def test_the_benchmark_decides_what_is_watched(problem):
    X, y, _, truth = problem
    both = pd.concat([truth, y], axis=1)
    assert "valid_lpayout" in small().fit(X, y, benchmark=both).history_[0]
    assert "valid_lpayout" not in small().fit(X, y).history_[0]
    assert (
        "valid_lpayout"
        not in MLPRegressor((4,), max_epochs=1).fit(X, y, benchmark=truth).history_[0]
    )
    history = (
        MLPRegressor((4,), max_epochs=1, monitor="lpayout")
        .fit(X, y, benchmark=truth)
        .history_
    )
    assert "valid_lpayout" in history[0]
    with pytest.raises(ValueError, match="needs the predictions of the benchmark"):
        small(monitor="lpayout").fit(X, y)
    with pytest.raises(ValueError, match="needs the predictions of the meta model"):
        small(monitor="payout").fit(X, y, benchmark=truth)
    with pytest.raises(ValueError, match="meta_model must be one column"):
        small(monitor="payout").fit(X, y, meta_model=both)
    with pytest.raises(ValueError, match="benchmark has 10 rows, X has 1800"):
        small().fit(X, y, benchmark=truth.to_numpy()[:10])


def test_benchmarks_are_aligned_and_may_lack_eras(problem):
    X, y, _, truth = problem
    expected = small().fit(X, y, benchmark=truth).history_
    late = truth[truth.index.get_level_values("era") > "0020"]
    for side in (
        late.sample(frac=1, random_state=0),
        late.droplevel("era"),
        late.reindex(X.index).to_numpy(),
    ):
        history = small().fit(X, y, benchmark=side).history_
        for one, other in zip(history, expected):
            assert one["valid_lpayout"] == other["valid_lpayout"]
    # an era that is known in part is left out
    last_two = late[late.index.get_level_values("era") > "0028"]
    in_part = pd.concat([late.iloc[:-1][late.index[:-1].isin(last_two.index)]])
    history = small().fit(X, y, benchmark=in_part).history_
    assert np.isfinite(history[0]["valid_lpayout"])
    early = truth[truth.index.get_level_values("era") < "0020"]
    with pytest.raises(ValueError, match="held-out eras with benchmark in every row"):
        small().fit(X, y, benchmark=early)


def test_side_inputs_are_declared_for_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        requests = get_routing_for_object(small()).fit.requests
    assert requests["groups"] and requests["benchmark"] and requests["meta_model"]


def test_l1_shrinks_weights_and_proximal_steps_reach_zero(problem):
    X, y, _, _ = problem
    params = {"max_epochs": 8, "lr": 0.01, "n_validation_eras": 0}
    total, zeros = {}, {}
    for l1, method in ((0.0, "subgradient"), (0.05, "subgradient"), (2.0, "proximal")):
        model = small(l1=l1, l1_method=method, **params).fit(X, y)
        weights = [w.detach() for w in model.module_.parameters() if w.ndim >= 2]
        total[method, l1] = sum(float(w.abs().sum()) for w in weights)
        zeros[method, l1] = sum(int((w == 0).sum()) for w in weights)
    assert total["subgradient", 0.05] < 0.7 * total["subgradient", 0.0]
    assert zeros["proximal", 2.0] > 0 == zeros["subgradient", 0.05]
    entry = small(l1=0.05).fit(X, y).history_[0]
    assert entry["valid_loss"] == pytest.approx(
        entry["valid_ranking_loss"] + entry["valid_l1_penalty"], abs=1e-5
    )
    scope = small(l1=2.0, l1_method="proximal", l1_scope="input", **params).fit(X, y)
    assert (scope.module_.input.weight == 0).any()
    assert not (scope.module_.blocks[0].qkv.weight == 0).any()


def test_gradients_are_clipped(problem):
    X, y, _, _ = problem
    still = small(grad_clip=1e-12, optimizer=torch.optim.SGD, lr=1.0, l1=0.0)
    moved = small(optimizer=torch.optim.SGD, lr=1.0, l1=0.0)
    a, b = (m.fit(X, y).module_.input.weight.detach() for m in (still, moved))
    assert (a - b).abs().max() > 1e-3


def test_dropout_of_attention_is_reproducible(problem):
    X, y, _, _ = problem
    a, b = (small(attention_dropout=0.3).fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_warm_start_goes_on(problem):
    X, y, _, _ = problem
    model = small(warm_start=True, max_epochs=1, n_validation_eras=0).fit(X, y)
    first = model.module_.input.weight.clone()
    model.set_params(lr=1e-9, l1=0.0).fit(X, y)
    torch.testing.assert_close(model.module_.input.weight, first)


def test_presets_train(problem):
    X, y, _, truth = problem
    for name in (
        "sarfati",
        "sarfati_group",
        "sarfati_equations",
        "sarfati_program",
    ):
        model = ContextAwareRanker.from_preset(
            name, max_epochs=1, n_validation_eras=3, batch_size=2
        )
        model.fit(X, y, benchmark=truth)
        assert np.isfinite(model.predict(X)).all()
        assert np.std(model.predict(X)) > 0
    with pytest.raises(ValueError, match="name must be one of"):
        ContextAwareRanker.from_preset("salfati")
    assert ContextAwareRanker.from_preset("sarfati", l1=0.5).l1 == 0.5


def test_other_losses_and_several_targets(problem):
    X, y, aux, _ = problem
    for loss in ("corr", "mse", ApproximateSpearmanLoss(0.1, penalty_norm="batch")):
        model = small(loss=loss, output_range=None).fit(X, y)
        assert np.isfinite(model.predict(X)).all()
    model = small().fit(X, y, aux_targets=aux)
    assert model.predict_targets(X).shape == (len(X), 3)
    assert model.predict(X).shape == (len(X),)
    assert small().fit(X, aux).predict(X).shape == (len(X), 2)


def test_curves_reach_the_scores_through_the_skip(problem):
    """What a feature says in its middle is lost on a straight line."""
    X, _, _, _ = problem
    bump = X.iloc[:, 0].to_numpy() == 2
    y = bump + np.random.default_rng(0).normal(0, 0.5, len(X))
    curves = {"n_levels": 5, "linear_skip": True, "output_gain": 0.01, "loss": "corr"}
    params = {"n_validation_eras": 0, "lr": 0.02, "dropout": 0.0, "l1": 0.0}
    model = small(**curves, **params, output_range=None, max_epochs=4).fit(X, y)
    predicted = model.predict(X)
    assert np.corrcoef(predicted, bump)[0, 1] > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), predicted)


def test_pickles_without_data(problem):
    X, y, _, truth = problem
    model = small().fit(X, y, benchmark=truth)
    data = pickle.dumps(model)
    assert len(data) < 30_000 and b"skorch" not in data
    np.testing.assert_array_equal(pickle.loads(data).predict(X), model.predict(X))


def weights_of(model):
    return {k: v.numpy() for k, v in model.module_.state_dict().items()}


@pytest.mark.parametrize("l1_scope", ["all", "input"])
def test_a_proximal_step_is_a_soft_threshold_of_weights_alone(problem, l1_scope):
    X, y, _, _ = problem
    params = {"optimizer": torch.optim.SGD, "lr": 0.1, "max_epochs": 1}
    params |= {"batch_size": 30, "n_validation_eras": 0, "dropout": 0.0}
    params |= {"linear_skip": True, "n_levels": 5}
    free = weights_of(small(l1=0.0, **params).fit(X, y))
    params |= {"l1_method": "proximal", "l1_scope": l1_scope}
    found = weights_of(small(l1=0.5, **params).fit(X, y))
    shrunk = {name for name, value in free.items() if value.ndim == 2}
    if l1_scope == "input":
        shrunk = {"input.weight", "skip.weight"}
    for name, value in free.items():
        expected = value
        if name in shrunk:
            expected = np.sign(value) * np.maximum(np.abs(value) - 0.1 * 0.5, 0)
            assert len(value) == 1 or (expected == 0).any()
        np.testing.assert_allclose(found[name], expected, atol=1e-7, err_msg=name)


def test_the_subgradient_leaves_biases_and_gains_alone(problem):
    X, y, _, _ = problem
    params = {"optimizer": torch.optim.SGD, "lr": 0.1, "max_epochs": 1}
    params |= {"batch_size": 30, "n_validation_eras": 0, "dropout": 0.0}
    free = weights_of(small(l1=0.0, **params).fit(X, y))
    found = weights_of(small(l1=0.1, **params).fit(X, y))
    for name, value in free.items():
        if value.ndim < 2:
            np.testing.assert_allclose(found[name], value, atol=1e-7, err_msg=name)
        else:
            moved = np.abs(found[name] - value)
            np.testing.assert_allclose(moved, 0.1 * 0.1, rtol=1e-3, err_msg=name)


def test_targets_run_where_the_scores_do():
    """The program has both in [-1, 1]; squared differences compared them otherwise."""
    y = np.array([0.0, 0.25, 1.0])
    for given, to, expected in [
        ((0, 1), None, y),
        ((-1, 1), None, 2 * y - 1),
        ((-1, 1), (0, 1), y),
        ((0, 1), (-2, 2), 4 * y - 2),
    ]:
        model = ContextAwareRanker(output_range=given, target_range=to)
        for units in (y, 10 * y - 3, -5 + y):
            offset, scale = model._target_map(units, None)
            low = 0.0 if units is y else units.min()
            high = 1.0 if units is y else units.max()
            assert offset + scale * expected[0] == pytest.approx(low, abs=1e-12)
            np.testing.assert_allclose((units - offset) / scale, expected, atol=1e-12)
            assert offset + scale * expected[-1] == pytest.approx(high, abs=1e-12)
    program = ContextAwareRanker.from_preset("sarfati_program")
    assert program.output_range == (-1, 1) and program.target_range is None
    assert (program.lr_patience, program.lr_factor) == (4, 0.1)
    equations = ContextAwareRanker.from_preset("sarfati_equations")
    assert equations.target_range == (0, 1)


@pytest.mark.parametrize("given", [(1, 0), (0, 0)])
def test_a_swapped_range_of_targets_is_refused(problem, given):
    X, y, _, _ = problem
    with pytest.raises(ValueError, match="target_range must be"):
        small(target_range=given).fit(X, y)
