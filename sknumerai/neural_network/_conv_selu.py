"""What the convolutional self-normalizing regressor and classifier share."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.modules import ConvSELUNet
from sknumerai.neural_network._base import BaseNeuralNet
from sknumerai.neural_network._pieces import in_pieces
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import CONV_SELU

# Numbers of the widest layer of a training batch: 256 MB in float32
_MOST = 2**26


class BaseConvSELU(PresetMixin, BaseNeuralNet):
    """Base class: parameters, module and its memory, schedule of the learning rate."""

    _parameter_constraints: dict = {
        **BaseNeuralNet._parameter_constraints,
        "conv_axis": [StrOptions({"features", "time"})],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "conv_channels": [tuple, list],
        "kernel_sizes": [tuple, list],
        "pool_size": [Interval(Integral, 1, None, closed="left")],
        "dense_features": [tuple, list],
        "alpha_dropout": [Interval(Real, 0, 1, closed="left")],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
        "prediction_limits": [tuple, list, None],
        "decay_epochs": [Interval(Integral, 1, None, closed="left"), None],
    }

    _presets = CONV_SELU

    def __init__(
        self,
        conv_axis="features",
        *,
        n_steps=1,
        conv_channels=(128, 256),
        kernel_sizes=(3, 5),
        pool_size=2,
        dense_features=(256, 128, 64),
        alpha_dropout=0.1,
        output_gain=0.01,
        prediction_limits=None,
        loss="mse",
        lr=1e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.AdamW,
        weight_decay=0.005,
        normalized_weight_decay=True,
        decay_epochs=None,
        lr_patience=5,
        lr_factor=0.5,
        min_lr=1e-5,
        grad_clip=None,
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
        super().__init__(
            loss=loss,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            batch_by=batch_by,
            optimizer=optimizer,
            weight_decay=weight_decay,
            normalized_weight_decay=normalized_weight_decay,
            grad_clip=grad_clip,
            lr_patience=lr_patience,
            lr_factor=lr_factor,
            min_lr=min_lr,
            n_validation_eras=n_validation_eras,
            embargo=embargo,
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            feature_range=feature_range,
            input_noise=input_noise,
            warm_start=warm_start,
            callbacks=callbacks,
            device=device,
            compile=compile,
            precision=precision,
            data_on_device=data_on_device,
            distributed=distributed,
            random_state=random_state,
            verbose=verbose,
        )
        self.conv_axis = conv_axis
        self.n_steps = n_steps
        self.conv_channels = conv_channels
        self.kernel_sizes = kernel_sizes
        self.pool_size = pool_size
        self.dense_features = dense_features
        self.alpha_dropout = alpha_dropout
        self.output_gain = output_gain
        self.prediction_limits = prediction_limits
        self.decay_epochs = decay_epochs

    def _limited(self, prediction):
        """Return predictions within `prediction_limits`, which a fit does not keep."""
        self._check_limits()
        if self.prediction_limits is None:
            return prediction
        return np.clip(prediction, *map(prediction.dtype.type, self.prediction_limits))

    def _check_limits(self):
        limits = self.prediction_limits
        if limits is not None and not (len(limits) == 2 and limits[0] < limits[1]):
            raise ValueError(
                "prediction_limits must be (low, high) with low < high, e.g. (0.3, "
                f"0.7), or None. Got {limits!r}."
            )

    def _module_spec(self, n_features, n_outputs):
        self._check_limits()
        return ConvSELUNet, {
            "in_features": n_features,
            "out_features": n_outputs,
            "conv_axis": self.conv_axis,
            "n_steps": self.n_steps,
            "conv_channels": tuple(self.conv_channels),
            "kernel_sizes": tuple(self.kernel_sizes),
            "pool_size": self.pool_size,
            "dense_features": tuple(self.dense_features),
            "alpha_dropout": self.alpha_dropout,
            "output_gain": self.output_gain,
        }

    @property
    def _max_batch_rows(self):
        length = self.n_features_in_ if self.conv_axis == "features" else self.n_steps
        widest = 1
        for n_channels in self.conv_channels:
            widest = max(widest, n_channels * length)
            length = -(-length // self.pool_size)
        return max(1, min(4096, _MOST // widest))

    def _forward(self, module, X, phase):
        if module.training:
            return module(X)
        return in_pieces(module, X, module.activations_per_row)

    def _inference_forward(self, module):
        return lambda X: in_pieces(module, X, module.activations_per_row)
