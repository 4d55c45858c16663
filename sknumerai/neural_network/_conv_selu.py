"""What the convolutional self-normalizing regressor and classifier share."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.modules import ConvSELUNet
from sknumerai.neural_network._normalized_decay import NormalizedWeightDecayMixin
from sknumerai.neural_network._pieces import in_pieces

CONV_SELU_CONSTRAINTS = {
    "conv_axis": [StrOptions({"features", "time"})],
    "n_steps": [Interval(Integral, 1, None, closed="left")],
    "conv_channels": [tuple, list],
    "kernel_sizes": [tuple, list],
    "pool_size": [Interval(Integral, 1, None, closed="left")],
    "dense_features": [tuple, list],
    "alpha_dropout": [Interval(Real, 0, 1, closed="left")],
    "prediction_limits": [tuple, list, None],
    "normalized_weight_decay": ["boolean"],
    "decay_epochs": [Interval(Integral, 1, None, closed="left"), None],
    "lr_patience": [Interval(Integral, 1, None, closed="left"), None],
    "lr_factor": [Interval(Real, 0, 1, closed="neither")],
    "min_lr": [Interval(Real, 0, None, closed="left")],
}
# Numbers of the widest layer of a training batch: 256 MB in float32
_MOST = 2**26


class ConvSELUMixin(NormalizedWeightDecayMixin):
    """The module, its memory, its schedule; mixes with `BaseNeuralNet`."""

    def _module_spec(self, n_features, n_outputs):
        limits = self.prediction_limits
        if limits is not None and not (len(limits) == 2 and limits[0] < limits[1]):
            raise ValueError(
                "prediction_limits must be (low, high) with low < high, e.g. (0.3, 0.7), "
                f"or None. Got {limits!r}."
            )
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
        }

    def _phase_callbacks(self, phase):
        if self.lr_patience is None:
            return []
        from sknumerai.neural_network._plateau import ReduceLROnPlateau

        return [ReduceLROnPlateau(self.lr_patience, self.lr_factor, self.min_lr)]

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
