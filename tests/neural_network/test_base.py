"""What every network shares: input, eras, targets, prediction, pickles."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sknumerai.exceptions import (
    MissingErasError,
    OneEraWarning,
    UnknownHorizonError,
)
from sknumerai.neural_network import (
    DenoisingAutoencoder,
    MLPRegressor,
    NeuralNetRegressor,
    SupervisedAutoencoderRegressor,
    _base,
    _fitting,
)
from sknumerai.neural_network._held_out import count_eras
from sknumerai.neural_network._inference import tensor_view
from sknumerai.neural_network._training import make_dataset
from sknumerai.utils import check_eras


def small(**params):
    return MLPRegressor((8,), max_epochs=2, random_state=0).set_params(**params)


def test_eras_from_the_index_are_those_passed(problem):
    X, y, _, _ = problem
    eras = X.index.get_level_values("era")
    from_index = small().fit(X, y)
    passed = small().fit(X.to_numpy(), y.to_numpy(), groups=eras)
    assert from_index.best_epoch_ is not None
    np.testing.assert_array_equal(from_index.eras_seen_, np.arange(1, 31))
    np.testing.assert_array_equal(from_index.predict(X), passed.predict(X.to_numpy()))
    np.testing.assert_array_equal(
        from_index.predict(X), from_index.predict(X, groups=eras)
    )


def test_shuffled_rows_train_the_same_batches_of_eras(problem):
    X, y, _, _ = problem
    rows = np.random.default_rng(0).permutation(len(X))
    straight = small(batch_by="era").fit(X, y)
    shuffled = small(batch_by="era").fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(straight.predict(X), shuffled.predict(X), atol=1e-5)


def test_auxiliary_targets_are_further_columns_of_y(problem):
    X, y, aux, _ = problem
    with_aux = small().fit(X, y, aux_targets=aux)
    both = small().fit(X, pd.concat([y, aux], axis=1))
    np.testing.assert_array_equal(with_aux.predict_targets(X), both.predict(X))
    assert with_aux.predict(X).shape == (len(X),)
    assert with_aux.predict(X).dtype == np.float32
    assert both.predict(X).dtype == np.float64
    assert np.isfinite(both.predict(X)).all()


def test_auxiliary_targets_are_aligned_by_index(problem):
    X, y, aux, _ = problem
    shuffled = aux.sample(frac=1, random_state=0)
    half = np.arange(0, len(X), 2)
    expected = small().fit(X.iloc[half], y.iloc[half], aux_targets=aux.iloc[half])
    model = small().fit(X.iloc[half], y.iloc[half], aux_targets=shuffled)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    with pytest.raises(ValueError, match=r"900 of 1800 rows of X are not in the index"):
        small().fit(X, y, aux_targets=aux.iloc[half])
    with pytest.raises(ValueError, match="aux_targets goes with a one-dimensional y"):
        small().fit(X, aux, aux_targets=aux)


def test_missing_auxiliary_targets_are_left_out(problem):
    X, y, aux, _ = problem
    only_known = aux["target_b_20"].notna().to_numpy()
    unknown = pd.Series(np.nan, index=y.index)
    plain = small().fit(X, y)
    model = small().fit(X, pd.concat([y, unknown], axis=1))
    assert np.isfinite(model.predict(X)).all()
    assert only_known.sum() < len(X)
    assert abs(model.history_[0]["train_loss"] - plain.history_[0]["train_loss"]) < 0.2


@pytest.mark.parametrize("loss", ["corr", "spearman"])
def test_scale_free_losses_predict_in_the_units_of_y(problem, loss):
    X, y, _, _ = problem
    y = 1000 * y + 5
    model = MLPRegressor((16,), loss=loss, max_epochs=20, random_state=0).fit(X, y)
    assert model.batch_by_ == "era" and model.batch_size_ == 1
    assert model.score(X, y) > 0.2
    slope = np.polyfit(model.predict(X), y, 1)[0]
    assert slope == pytest.approx(1, abs=0.25)


def test_calibration_of_shuffled_rows(problem):
    X, y, _, _ = problem
    rows = np.random.default_rng(0).permutation(len(X))
    straight = small(loss="corr", lr=0.01).fit(X, y)
    shuffled = small(loss="corr", lr=0.01).fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(straight.predict(X), shuffled.predict(X), atol=1e-4)


def test_calibration_takes_a_share_of_what_training_saw(problem, monkeypatch):
    """A short fit is not made longer by it, and the map is nearly that of all rows."""
    X, y, _, _ = problem
    params = {"loss": "corr", "lr": 0.01, "max_epochs": 8, "n_validation_eras": 0}
    every = small(**params).fit(X, y)
    monkeypatch.setattr(_fitting, "MIN_CALIBRATION_ROWS", 32)
    seen, forward = [], _fitting.forward_rows

    def counted(*args, rows, **how):
        seen.append(len(rows))
        return forward(*args, rows=rows, **how)

    monkeypatch.setattr(_fitting, "forward_rows", counted)
    share = small(**params).fit(X, y)
    assert seen == [len(X) // 4]
    assert share._y_scale[0] == pytest.approx(every._y_scale[0], rel=0.3)


def test_predictions_elsewhere_leave_the_network_where_it_is(problem, monkeypatch):
    """Threads that predict with one network share it."""
    X, y, _, _ = problem
    model = small().fit(X, y)
    monkeypatch.setattr(_base, "resolve_device", lambda _: torch.device("meta"))

    def choose(module):
        assert next(module.parameters()).device.type == "meta"
        assert next(model.module_.parameters()).device.type == "cpu"
        raise KeyError("seen")

    with pytest.raises(KeyError, match="seen"):
        model._apply(X, choose)


class Backwards(nn.Module):
    """Always predicts the opposite of the first feature; nothing to learn."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, X):
        return -X[:, :1] + 0 * self.unused


def test_calibration_does_not_turn_the_ranking_around(problem):
    X, _, _, _ = problem
    y = X.iloc[:, 0].astype(np.float32)
    model = NeuralNetRegressor(Backwards, loss="corr", max_epochs=1, random_state=0)
    assert np.corrcoef(model.fit(X, y).predict(X), y)[0, 1] < -0.99


def test_rows_of_weight_zero_change_nothing(problem):
    X, y, _, _ = problem
    weight = (np.arange(len(X)) % 2).astype(float)
    wild = y.where(weight > 0, 1e6)
    params = {"max_epochs": 5, "batch_size": len(X), "n_validation_eras": 0}
    for model in (
        small(**params),
        small(loss="corr", max_epochs=5, n_validation_eras=0),
        SupervisedAutoencoderRegressor(
            (4, 4, 8), dropouts=0.0, noise_std=0.0, batch_norm=False, **params
        ).set_params(random_state=0),
    ):
        first = model.fit(X, y, sample_weight=weight).predict(X)
        second = model.fit(X, wild, sample_weight=weight).predict(X)
        np.testing.assert_allclose(first, second, atol=1e-4)


def test_full_batch_weights_are_repetitions(problem):
    X, y, _, _ = problem
    X, y = X.to_numpy(), y.to_numpy()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    params = {"max_epochs": 5, "batch_size": 10**6, "n_validation_eras": 0}
    weighted = small(**params).fit(X, y, sample_weight=weight).predict(X)
    repeated = small(**params).fit(X[rows], y[rows]).predict(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "corr"])
def test_held_out_targets_do_not_reach_the_weights(problem, loss):
    X, y, _, _ = problem
    late = X.index.get_level_values("era") > "0027"
    for model in (
        small(loss=loss, patience=None),
        SupervisedAutoencoderRegressor(
            (4, 4, 8), loss=loss, max_epochs=2, patience=None, random_state=0
        ).set_params(dropouts=0.0),
    ):
        first = model.fit(X, y).history_
        second = model.fit(X, y.where(~late, 50 * (1 - y))).history_
        for one, two in zip(first, second):
            assert one["train_loss"] == two["train_loss"]


def test_predicting_does_not_gather_memory(tmp_path):
    """Small results kept between large slices once cost three times the matrix."""
    code = (
        "import numpy as np\n"
        "from sknumerai.neural_network import MLPRegressor\n"
        "shape = (150_000, 1500)\n"
        "X = np.memmap('X.bin', dtype=np.int8, mode='w+', shape=shape)\n"
        "y = np.random.default_rng(0).random(len(X), dtype=np.float32)\n"
        "def anonymous():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(status.split('RssAnon:')[1].split()[0]) / 1e3\n"
        "model = MLPRegressor((8,), max_epochs=1, batch_size=4096)\n"
        "model.fit(X[:20000], y[:20000])\n"
        "before = anonymous()\n"
        "model.predict(X)\n"
        "after_predict = anonymous()\n"
        "MLPRegressor((8,), max_epochs=1, loss='corr', batch_size=4).fit(\n"
        "    X, y, groups=np.repeat(np.arange(150), 1000))\n"
        "print(after_predict - before, anonymous() - before)\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc/self/status")
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    predicting, fitting = map(float, done.stdout.split())
    assert predicting < 150 and fitting < 200  # of a matrix of 225 MB


def test_failed_fit_leaves_the_model_as_it_was(problem):
    X, y, _, _ = problem
    model = small(warm_start=True, optimizer=FailingAdam)
    FailingAdam.steps = 0
    model.fit(X, y)
    before, state = model.predict(X), model.module_.state_dict()
    state = {name: tensor.clone() for name, tensor in state.items()}
    FailingAdam.steps = 10**6
    for warm in (True, False):
        with pytest.raises(RuntimeError, match="out of luck"):
            model.set_params(warm_start=warm).fit(X, 1000 * y)
        assert not model.module_.training
        np.testing.assert_array_equal(model.predict(X), before)


class FailingAdam(torch.optim.Adam):
    """Fails once a million steps are counted."""

    steps = 0

    def step(self, closure=None):
        FailingAdam.steps += 1
        if FailingAdam.steps > 10**6 + 2:
            raise RuntimeError("out of luck")
        return super().step(closure)


def test_diverging_training_says_so(problem):
    X, y, _, _ = problem
    for n_valid in (0, 3):
        with pytest.raises(ValueError, match=r"the loss became (nan|inf) in epoch"):
            small(lr=1e30, n_validation_eras=n_valid).fit(X, y)


def test_held_out_eras_that_cannot_be_scored(problem):
    X, y, _, _ = problem
    eras = X.index.get_level_values("era")
    last_is_constant = y.where(eras != "0030", 0.5)
    model = small().fit(X, last_is_constant)
    assert np.isfinite([row["valid_corr"] for row in model.history_]).all()
    with pytest.raises(ValueError, match="needs 1 held-out eras whose targets differ"):
        small().fit(X, y.where(eras < "0028", 0.5))
    with pytest.raises(ValueError, match="needs 2 held-out eras"):
        small(monitor="sharpe", n_validation_eras=1).fit(X, y)
    with pytest.warns(UserWarning, match="No epoch had a finite valid_score"):
        small(monitor=lambda y_true, y_pred, groups: np.nan).fit(X, y)


def test_weights_and_auxiliary_targets_of_other_rows(problem):
    X, y, aux, _ = problem
    weight = pd.Series(np.arange(len(X)), index=X.index)
    with pytest.raises(ValueError, match="differ"):
        small().fit(X, y, sample_weight=weight.iloc[::-1])
    with pytest.raises(ValueError, match="zero"):
        small().fit(X, y, sample_weight=0 * weight)
    expected = small().fit(X, y, aux_targets=aux).predict(X)
    by_id = aux.droplevel("era").sample(frac=1, random_state=0)
    np.testing.assert_array_equal(
        small().fit(X, y, aux_targets=by_id).predict(X), expected
    )
    shuffled = aux.sample(frac=1, random_state=0)
    eras = X.index.get_level_values("era")
    by_index_of_y = small().fit(X.to_numpy(), y, groups=eras, aux_targets=shuffled)
    np.testing.assert_array_equal(by_index_of_y.predict(X.to_numpy()), expected)
    with pytest.raises(ValueError, match="index of aux_targets has duplicates"):
        small().fit(X, y, aux_targets=pd.concat([aux, aux]))


def test_sample_weight_zero_is_a_row_left_out_of_the_loss(problem):
    X, y, _, _ = problem
    half = np.arange(len(X)) % 2 == 0
    wrong = y.where(half, 1 - y)
    params = {
        "batch_size": len(X),
        "n_validation_eras": 0,
        "max_epochs": 30,
        "lr": 0.01,
    }
    weighted = small(**params).fit(X, wrong, sample_weight=half.astype(float))
    ignoring = small(**params).fit(X, wrong)
    assert weighted.score(X[half], y[half]) > ignoring.score(X[half], y[half]) + 0.1


def test_int8_is_not_copied_nor_cast(problem):
    X, _, _, _ = problem
    matrix = np.ascontiguousarray(X.to_numpy())
    matrix.flags.writeable = False
    eras = check_eras(np.repeat([1, 2], len(X) // 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = make_dataset(matrix, np.zeros((len(X), 1)), None, eras)
    assert dataset.X.dtype == torch.int8
    assert dataset.X.data_ptr() == matrix.ctypes.data
    shuffled = check_eras(np.tile([2, 1], len(X) // 2))
    dataset = make_dataset(matrix, np.zeros((len(X), 1)), None, shuffled)
    assert dataset.X.data_ptr() == matrix.ctypes.data


def test_memory_map_trains_as_an_array(problem, tmp_path):
    X, y, _, _ = problem
    X.to_numpy().tofile(tmp_path / "X.bin")
    mapped = np.memmap(tmp_path / "X.bin", dtype=np.int8, mode="r", shape=X.shape)
    y, X = y.to_numpy(), X.to_numpy()
    np.testing.assert_array_equal(
        small().fit(mapped, y).predict(mapped), small().fit(X, y).predict(X)
    )


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i8", "f4", "f8", ">f4", "?", "g"])
def test_tensor_view_takes_every_number(dtype):
    array = np.array([[0, 1], [1, 0]], dtype=dtype)
    array.flags.writeable = False
    assert tensor_view(array).double().tolist() == [[0, 1], [1, 0]]
    assert tensor_view(array[::-1]).double().tolist() == [[1, 0], [0, 1]]


def test_codes_are_scaled_and_floats_are_not(problem):
    X, y, _, _ = problem
    assert small().fit(X, y).feature_range_ == (0.0, 4.0)
    scaled = (X.astype(np.float32) - 2) / 2
    as_float = small().fit(scaled, y)
    assert as_float.feature_range_ is None
    np.testing.assert_allclose(
        as_float.predict(scaled), small().fit(X, y).predict(X), atol=1e-5
    )
    stated = small(feature_range=(0, 4)).fit(X.astype(np.float64), y)
    np.testing.assert_array_equal(
        stated.predict(X.astype(np.float64)), small().fit(X, y).predict(X)
    )


@pytest.mark.parametrize("every", [1, 4])
def test_embargo_counts_era_numbers(every):
    numbers = np.arange(1, 200, every)
    model = MLPRegressor(n_validation_eras=5, embargo=8)
    n_train, n_valid = count_eras(model, check_eras(numbers), True, [], "fit")
    assert n_valid == 5
    gap = numbers[-5] - numbers[n_train - 1]
    assert 8 < gap <= 8 + every


def test_automatic_embargo_and_validation():
    def count(names, n_eras=40, **params):
        eras = check_eras(np.arange(1, n_eras + 1))
        return count_eras(MLPRegressor(**params), eras, True, names, "fit")

    assert count(["target_x_20", "target_y_60"]) == (20, 4)  # the longest horizon
    assert count(["target_x_20"]) == (28, 4)
    assert count(["no horizon"]) == (28, 4)
    with pytest.raises(UnknownHorizonError, match="embargo=8"):
        count(["target_x_90"])
    # 24 eras less 16: more than half would be lost, so nothing is held out
    assert count(["target_x_60"], n_eras=24) == (24, 0)
    assert count([], n_eras=19, embargo=0) == (19, 0)
    assert count([], n_eras=20, embargo=0) == (18, 2)
    assert count([], n_eras=30, embargo=0) == (27, 3)


def test_embargo_is_that_of_the_longest_auxiliary_target(problem):
    X, y, aux, _ = problem
    assert small().fit(X, y, aux_targets=aux).best_epoch_ is not None
    # 16 eras of 30 would leave less than half: nothing is held out
    longer = aux.rename(columns={"target_b_20": "target_b_60"})
    assert small().fit(X, y, aux_targets=longer).best_epoch_ is None
    assert small().fit(X, y, aux_targets=longer["target_b_60"]).best_epoch_ is None


def test_bad_input_says_what_is_wrong(problem):
    X, y, _, _ = problem
    raises = pytest.raises
    with raises(ValueError, match=r"leave no era to train on: there are 30 eras"):
        small(n_validation_eras=25).fit(X, y)
    with raises(
        MissingErasError, match="n_validation_eras=3 needs the era of every row"
    ):
        small(n_validation_eras=3).fit(X.to_numpy(), y.to_numpy())
    with raises(ValueError, match=r"has a column 'era', which would be a feature"):
        small().fit(X.reset_index(level="era"), y)
    with raises(ValueError, match=r"outside feature_range=\(0, 4\)"):
        small().fit(X.where(X != 4, 7), y)
    with raises(ValueError, match="feature_range must be"):
        small(feature_range=(4, 0)).fit(X, y)
    with raises(ValueError, match="Input X contains NaN"):
        small().fit(X.astype(np.float32).where(X != 4), y)
    with raises(ValueError, match=r"Input y contains NaN \(60 of 1800 rows\)"):
        small().fit(X, y.where(X.index.get_level_values("era") != "0007"))
    with raises(ValueError, match="NaN only: no target is known"):
        small().fit(X, y * np.nan)
    with raises(ValueError, match="NaN in its first column, the main target"):
        small().fit(X, np.column_stack([y.where(y != 0), y]))
    with raises(ValueError, match="the indexes of X .* and y .* differ"):
        small().fit(X, y.iloc[::-1])
    with raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, y.iloc[1:])
    live = X.index.get_level_values("era").to_numpy(copy=True).astype(object)
    live[-5:] = "X"
    with raises(ValueError, match="live rows"):
        small().fit(X.to_numpy(), y.to_numpy(), groups=live)
    with raises(ValueError, match="batches of rows do not go with it"):
        small(loss="corr", batch_by="rows").fit(X, y)
    with raises(TypeError, match="the loss L1Loss takes none"):
        small(loss=nn.L1Loss).fit(X, y, sample_weight=np.ones(len(X)))
    with raises(ValueError, match="The 'lr' parameter of MLPRegressor must be"):
        small(lr=-1).fit(X, y)
    with pytest.warns(OneEraWarning, match="all 1800 rows are taken as one era"):
        small(loss="corr").fit(X.to_numpy(), y.to_numpy())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(problem):
    X, y, _, _ = problem
    with pytest.raises(ValueError, match="torch finds no CUDA device"):
        small(device="cuda").fit(X, y)
    fitted_elsewhere = small().fit(X, y)
    expected = fitted_elsewhere.predict(X)
    for device in ("cuda", "cuda:1", "mps"):
        fitted_elsewhere.set_params(device=device)
        np.testing.assert_array_equal(fitted_elsewhere.predict(X), expected)


@pytest.mark.parametrize("device", ["nope", "cuda:99", "meta", "vulkan", ""])
@pytest.mark.parametrize("Network", [MLPRegressor, DenoisingAutoencoder])
def test_a_device_that_is_not_there_is_told_with_those_that_are(
    problem, Network, device
):
    X, y, _, _ = problem
    with pytest.raises(ValueError) as caught:
        Network(device=device).fit(X, y)
    said = str(caught.value)
    assert said.startswith(f"{Network.__name__}.fit: device={device!r}, but ")
    assert ("'cuda:0'" in said) == torch.cuda.is_available()
    assert "Allowed on this machine: 'cpu'" in said and "\n" not in said
    # what was fitted predicts where it can, but not by a name that is none
    fitted = small().fit(X, y)
    expected = fitted.predict(X)
    fitted.set_params(device=device)
    if device in ("nope", ""):
        with pytest.raises(ValueError, match="is not a device of torch"):
            fitted.predict(X)
    else:
        np.testing.assert_array_equal(fitted.predict(X), expected)


def test_the_devices_of_a_machine_with_gpus_are_named(problem, monkeypatch):
    X, y, _, _ = problem
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"finds 2 CUDA.*'cpu', 'cuda', 'cuda:0', 'c"):
        small(device="cuda:2").fit(X, y)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("params", [{}, {"loss": "corr"}])
def test_cuda_trains_as_the_cpu(problem, params):
    X, y, _, _ = problem
    on_gpu = small(device="cuda", **params).fit(X, y)
    on_cpu = small(**params).fit(X, y)
    np.testing.assert_allclose(on_gpu.predict(X), on_cpu.predict(X), atol=1e-2)
    assert next(on_gpu.module_.parameters()).device.type == "cpu"


def test_live_rows_are_predicted(problem):
    X, y, _, _ = problem
    model = small().fit(X, y)
    live = X.iloc[:50].droplevel("era").assign(era="X").set_index("era", append=True)
    np.testing.assert_array_equal(model.predict(live), model.predict(X.iloc[:50]))


def test_pickle_holds_weights_and_no_skorch(problem, tmp_path):
    X, y, _, _ = problem
    model = MLPRegressor((64,), max_epochs=2, callbacks=[], random_state=0).fit(X, y)
    dumped = pickle.dumps(model)
    n_weights = sum(p.numel() for p in model.module_.parameters())
    assert len(dumped) < 4 * n_weights + 6000
    again = pickle.loads(dumped)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.callbacks is None
    (tmp_path / "model.pkl").write_bytes(dumped)
    np.save(tmp_path / "X.npy", X.to_numpy())
    code = (
        "import pickle, sys, warnings, numpy as np\n"
        "sys.modules['skorch'] = None\n"
        "warnings.simplefilter('error')\n"
        "model = pickle.load(open('model.pkl', 'rb'))\n"
        "del model.feature_names_in_\n"
        "np.save('p.npy', model.predict(np.load('X.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), model.predict(X))


def test_unpickling_leaves_the_generator_alone(problem):
    X, y, _, _ = problem
    dumped = pickle.dumps(small().fit(X, y))
    before = torch.get_rng_state()
    pickle.loads(dumped)
    assert torch.equal(torch.get_rng_state(), before)


class OneDimensional(nn.Linear):
    """Returns (n_rows,)."""

    def forward(self, X):
        return super().forward(X)[:, 0]


def test_own_modules(problem):
    X, y, _, _ = problem
    model = NeuralNetRegressor(OneDimensional, max_epochs=3, random_state=0).fit(X, y)
    assert model.predict(X).shape == (len(X),)
    with pytest.raises(
        TypeError, match="Got an instance of Linear: pass module=Linear"
    ):
        NeuralNetRegressor(nn.Linear(8, 1)).fit(X, y)
