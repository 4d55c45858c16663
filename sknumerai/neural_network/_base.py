"""What every network estimator shares: validation, training, prediction, pickling."""

# SPDX-License-Identifier: BSD-3-Clause

import copy
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sknumerai.neural_network._inference import (
    check_attention,
    forward_eras,
    forward_rows,
    resolve_device,
    restore_module,
    scale_features,
    weights_of,
)
from sknumerai.neural_network._losses import LOSSES, make_loss
from sknumerai.utils import refuse_era_column

# Of torch.compile
COMPILE_MODES = {
    "default",
    "reduce-overhead",
    "max-autotune",
    "max-autotune-no-cudagraphs",
}


class Phase(NamedTuple):
    """A stage of training: its name, its epochs and what its early stopping watches."""

    name: str
    max_epochs: int
    monitor: str


class BaseNeuralNet(BaseEstimator, metaclass=ABCMeta):
    """Base class for estimators that train a torch module with skorch.

    A subclass has a constructor, constraints, `_module_spec` and, where its output is
    more than predictions, the hooks below `_module_spec`.

    Fitted estimators pickle as hyper-parameters, weights in numpy arrays and how to
    build the module again. Data, optimizer state, callbacks and skorch objects are not
    in the pickle.
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__predict = {"groups": True}

    _parameter_constraints: dict = {
        "loss": [StrOptions(set(LOSSES)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "batch_by": [StrOptions({"auto", "rows", "era"})],
        "optimizer": [callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "normalized_weight_decay": ["boolean"],
        "grad_clip": [Interval(Real, 0, None, closed="neither"), None],
        "lr_patience": [Interval(Integral, 1, None, closed="left"), None],
        "lr_factor": [Interval(Real, 0, 1, closed="neither")],
        "min_lr": [Interval(Real, 0, None, closed="left")],
        "n_validation_eras": [
            StrOptions({"auto"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "embargo": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "monitor": [
            StrOptions({"auto", "loss", "corr", "sharpe", "payout", "lpayout"}),
            callable,
        ],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "feature_range": [StrOptions({"auto"}), tuple, list, None],
        "input_noise": [Interval(Real, 0, None, closed="left"), callable, None],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "device": [str],
        "compile": ["boolean", StrOptions(COMPILE_MODES)],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "data_on_device": ["boolean", StrOptions({"auto"})],
        "distributed": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # What integer features are mapped to, whether batches are drawn at random, what
    # `monitor="auto"` stands for, the most rows and the least eras of
    # `batch_size="auto"`, whether the module sees all rows of an era at once, and whether its outputs are scores of
    # another scale than the targets
    _scaled_to = (-1.0, 1.0)
    _shuffle = True
    _default_monitor = "corr"
    _max_batch_rows = 4096
    _eras_per_batch = 1
    _attends = False
    _scale_free = False
    # Whether the outputs are logits; set in fit
    _sigmoid = False
    # Whether the optimizer goes on from one stage to the next
    _keep_optimizer = False

    @abstractmethod
    def __init__(
        self,
        *,
        loss="mse",
        lr=1e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.Adam,
        weight_decay=0.0,
        normalized_weight_decay=False,
        grad_clip=None,
        lr_patience=None,
        lr_factor=0.5,
        min_lr=1e-5,
        n_validation_eras="auto",
        embargo="auto",
        monitor="auto",
        patience=10,
        min_delta=0.0,
        feature_range="auto",
        input_noise=None,
        warm_start=False,
        callbacks=None,
        device="cpu",
        compile=False,
        precision="float32",
        data_on_device="auto",
        distributed=False,
        random_state=None,
        verbose=0,
    ):
        self.loss = loss
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.batch_by = batch_by
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.normalized_weight_decay = normalized_weight_decay
        self.grad_clip = grad_clip
        self.lr_patience = lr_patience
        self.lr_factor = lr_factor
        self.min_lr = min_lr
        self.n_validation_eras = n_validation_eras
        self.embargo = embargo
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.feature_range = feature_range
        self.input_noise = input_noise
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.compile = compile
        self.precision = precision
        self.data_on_device = data_on_device
        self.distributed = distributed
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        groups=None,
        sample_weight=None,
        aux_targets=None,
        benchmark=None,
        meta_model=None,
    ):
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Integers stay in their dtype; a row-major matrix, read-only and
            memory-mapped ones included, is not copied.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. The first column is the main target and must be known in every
            row; NaN in other columns is left out of the loss.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level `era` of `X` or `y`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        aux_targets : array-like of shape (n_samples, n_aux), default=None
            Further targets to learn beside a one-dimensional `y`. A frame or series is
            aligned with `X` by index and may hold more rows. NaN is left out.

        benchmark : array-like of shape (n_samples,) or (n_samples, n_models), \
default=None
            Predictions of benchmark models, for `monitor="lpayout"`. A frame or series
            is aligned with `X` by index. Needed for held-out eras alone: other rows may
            be NaN or absent. Losses that take a meta model get it where there is no
            `meta_model`, and leave such rows out.

        meta_model : array-like of shape (n_samples,), default=None
            Predictions of Numerai's meta model, for `monitor="payout"` and for losses
            that take it ('mmc', 'payout'), as `benchmark`. Such a loss leaves rows
            without it out, so some training eras must have it, and some held-out eras
            where the loss is watched.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        from sknumerai.neural_network._fitting import fit_network

        sides = {"benchmark": benchmark, "meta_model": meta_model}
        return fit_network(self, X, y, groups, sample_weight, aux_targets, sides)

    def summary(self):
        """List the layers of the fitted network.

        Returns
        -------
        summary : sknumerai.inspection.NetworkSummary
            `layers`, a DataFrame with shapes and parameters; printed, it is a table.
        """
        check_is_fitted(self, "module_")
        from sknumerai.utils._network_trace import summarize_module

        return summarize_module(
            self.module_, (self.n_features_in_,), name=type(self).__name__
        )

    def _apply(self, X, choose, groups=None, *, by_era=None):
        """Run the function of a batch that `choose` picks from the module on all rows."""
        check_is_fitted(self, "module_")
        refuse_era_column(X, type(self).__name__)
        matrix = validate_data(self, X, dtype="numeric", reset=False)
        where = {"scale": self._scale, "device": resolve_device(self.device)}
        rows = None
        if self._attends if by_era is None else by_era:
            rows = check_attention(groups, X, len(matrix), type(self).__name__).rows()
        module = self.module_
        if where["device"].type != "cpu":
            # a copy: `to` moves a module, from under the threads that predict beside
            module = copy.deepcopy(module).to(where["device"])
        if rows is not None:
            return forward_eras(choose(module), matrix, rows, **where)
        return forward_rows(choose(module), matrix, **where)

    def _predict_outputs(self, X, groups=None):
        """Return what the network says of each target, in the units of `y`."""
        return self._to_units(self._apply(X, self._inference_forward, groups))

    def _to_units(self, outputs):
        if self._sigmoid:
            outputs = expit(outputs)  # logits
        return outputs * np.float32(self._y_scale) + np.float32(self._y_offset)

    # ------------------------------------------------------------------ hooks
    @abstractmethod
    def _module_spec(self, n_features, n_outputs):
        """Return (class, keyword arguments) of the module to train."""

    def _phases(self):
        """Return the stages of training."""
        return [Phase("fit", self.max_epochs, self._monitor_name())]

    def _prepare_phase(self, module, phase):
        """Change the module before a stage, e.g. freeze a part of it."""

    def _phase_data(self, dataset, phase):
        """Return the rows, training or held-out, as a stage of training sees them."""
        return dataset

    def _inputs(self, X, batch, phase, training):
        """Return the scaled features of a batch as the module gets them."""
        return X

    def _shuffled(self, phase):
        """Whether a stage draws its batches at random."""
        return self._shuffle

    def _phase_callbacks(self, phase):
        """Return skorch callbacks of a stage; they see the scores of the epoch."""
        if self.lr_patience is None:
            return []
        from sknumerai.neural_network._plateau import ReduceLROnPlateau

        return [ReduceLROnPlateau(self.lr_patience, self.lr_factor, self.min_lr)]

    def _optimizer_params(self, n_rows, n_eras, phase):
        """Return arguments of the optimizer beside `lr`, by the size of the data."""
        if not self.weight_decay:
            return {}
        if not self.normalized_weight_decay:
            return {"weight_decay": self.weight_decay}
        from sknumerai.neural_network._normalized_decay import normalized_weight_decay

        batch_rows = self.batch_size_
        if self.batch_by_ == "era":
            batch_rows *= n_rows / n_eras
        decay = normalized_weight_decay(
            self.weight_decay,
            batch_rows=batch_rows,
            n_rows=n_rows,
            n_epochs=getattr(self, "decay_epochs", None) or self.max_epochs,
            lr=self.lr,
        )
        return {"weight_decay": decay}

    def _optimizers_apart(self, module):
        """Return optimizers of parts of the module that `optimizer` leaves out."""
        return []

    def _make_loss(self):
        """Return the loss as a module."""
        return make_loss(self.loss, type(self).__name__)

    def _forward_batch(self, module, X, batch, phase):
        """Return the output of the module in training, in view of the whole batch."""
        return self._forward(module, X, phase)

    def _forward(self, module, X, phase):
        """Return the output of the module in training."""
        return module(X)

    def _training_callbacks(self):
        """Return further skorch callbacks of the training, as (name, callback)."""
        if self.grad_clip is None:
            return []
        from skorch.callbacks import GradientNormClipping

        return [("grad_clip", GradientNormClipping(self.grad_clip))]

    def _loss_terms(self, criterion, output, X, batch, phase):
        """Return the terms of the loss of a batch; "loss" is what is minimized."""
        from sknumerai.neural_network._training import call_loss

        output = output.reshape(len(batch.y), -1)
        extra = batch.sample_weight, batch.groups
        side = self._side_inputs(X, batch)
        return {"loss": call_loss(criterion, output, batch.y, *extra, **side)}

    def _side_inputs(self, X, batch):
        """Return what losses may ask for beside predictions and targets, by name."""
        return {"features": X, "meta_model": batch.meta_model}

    def _targets_of(self, output, phase):
        """Return the predictions within an output in training."""
        return output.reshape(len(output), -1)

    def _inference_forward(self, module):
        """Return the function from a batch to predictions that `predict` applies."""
        return module

    def _calibration_forward(self, module):
        """Return the same function, as exact as training is, where it may be faster."""
        return self._inference_forward(module)

    def _aggregate(self, outputs, eras):
        """Return one prediction per row from the outputs for all targets."""
        return outputs[:, 0]

    def _target_map(self, y, weight):
        """Return offset and scale of a target: (y - offset) / scale suits the output."""
        known = np.isfinite(y) if weight is None else np.isfinite(y) & (weight > 0)
        y, weight = y[known], None if weight is None else weight[known]
        if not len(y):
            return 0.0, 1.0  # a target may be unknown in all rows
        mean = np.average(y, weights=weight)
        scale = np.sqrt(np.average((y - mean) ** 2, weights=weight))
        return mean, scale if scale > 0 else 1.0

    def _output_in_unit_interval(self):
        """Whether the outputs of the module lie in [0, 1]."""
        return False

    def _limit_targets(self, scaled):
        """Return scaled targets within what the output can reach."""
        return scaled

    # ------------------------------------------------------------------ shared
    def _monitor_name(self):
        if callable(self.monitor):
            return "score"
        return self._default_monitor if self.monitor == "auto" else self.monitor

    def _scale(self, X):
        return scale_features(X, self.feature_range_, self._scaled_to)

    def _centre(self):
        """Middle of the scaled features: what noise flips and shrinks around."""
        return 0.0 if self.feature_range_ is None else sum(self._scaled_to) / 2

    def _make_noise(self, phase=None):
        """Return the module that disturbs the features in a stage, or None."""
        if self.input_noise is None or self.input_noise == 0:
            return None
        if isinstance(self.input_noise, type):
            return self.input_noise().train()
        if isinstance(self.input_noise, Real):
            from sknumerai.modules import GaussianNoise

            return GaussianNoise(float(self.input_noise)).train()
        if isinstance(self.input_noise, torch.nn.Module):
            # the user's stays as it is, switched off or not
            return copy.deepcopy(self.input_noise).train()
        return self.input_noise

    def __getstate__(self):
        state = super().__getstate__().copy()
        if "module_" in state:
            state["_weights"] = weights_of(state.pop("module_"))
            state["callbacks"] = None
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            cls, kwargs = self._spec
            self.module_ = restore_module(cls, kwargs, weights)
