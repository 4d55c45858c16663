"""A module in training, compiled and at lower precision, while its weights stay as they are.

Imported inside ``fit`` alone, as ``_training`` is: not part of inference.
"""

# SPDX-License-Identifier: BSD-3-Clause

import torch

# What networks call beside the module itself
_METHODS = ("forward_targets", "raw", "reconstruction")
_DTYPES = {"bfloat16": torch.bfloat16}
# Modes that record CUDA graphs
_WITH_GRAPHS = ("reduce-overhead", "max-autotune")


class ModuleCalls:
    """Stands in for a module: its passes are compiled or at lower precision.

    Everything else is the module's own: parameters, state, training mode. The module is
    not changed or wrapped, so that what is kept of a training is the module as it is.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.

    device : torch.device
        Where it is.

    compile : bool or str
        Whether to compile, or a mode of torch.compile.

    precision : {'float32', 'bfloat16'}
        What matrix products are computed in.

    ragged : bool
        Whether batches are of many sizes.
    """

    def __init__(self, module, device, *, compile, precision, ragged):
        self._module = module
        self._device = device
        self._dtype = _DTYPES.get(precision)
        self._compile, self._ragged = compile, ragged
        self._compiled = {}

    def __call__(self, *args, **kwargs):
        return self._run("__call__", *args, **kwargs)

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if name not in _METHODS:
            return found
        return lambda *args, **kwargs: self._run(name, *args, **kwargs)

    def _run(self, name, *args, **kwargs):
        function = self._function(name)
        if self._compile in _WITH_GRAPHS:
            # the outputs of the step before may be overwritten
            torch.compiler.cudagraph_mark_step_begin()
        if self._dtype is None:
            return function(*args, **kwargs)
        with torch.autocast(self._device.type, self._dtype):
            output = function(*args, **kwargs)
        return _in_float32(output)

    def _function(self, name):
        if not self._compile:
            return self._module if name == "__call__" else getattr(self._module, name)
        if name not in self._compiled:
            function = (
                self._module if name == "__call__" else getattr(self._module, name)
            )
            self._compiled[name] = torch.compile(function, **self._how())
        return self._compiled[name]

    def _how(self):
        # batches of rows are of two sizes, the last one's included: a kernel for each
        how = {"dynamic": self._ragged}
        if isinstance(self._compile, str):
            how["mode"] = self._compile
        return how


def _in_float32(output):
    """Return an output, or outputs, for losses in float32."""
    if isinstance(output, tuple | list):
        return type(output)(_in_float32(part) for part in output)
    low = isinstance(output, torch.Tensor) and output.dtype in _DTYPES.values()
    return output.float() if low else output


def calls_of(module, estimator, device):
    """Return what stands in for the module in training, or None."""
    if not estimator.compile and estimator.precision == "float32":
        return None
    return ModuleCalls(
        module,
        device,
        compile=estimator.compile,
        precision=estimator.precision,
        ragged=estimator.batch_by_ == "era",
    )
