"""Layers, shapes and parameters of a network, without training or looking inside."""

# SPDX-License-Identifier: BSD-3-Clause

import sys
from numbers import Integral

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

# Where estimators of estimators keep what they fitted
_INNER = ("estimators_", "estimator_", "best_estimator_", "regressor_")


def network_summary(network, *, input_shape=None):
    """List the layers of a network with their output shapes and parameters.

    Every fitted network of :mod:`sknumerai.neural_network` has the same as
    ``model.summary()``. Read more in the
    :doc:`User Guide </user_guide/network_inspection>`.

    Parameters
    ----------
    network : torch.nn.Module or estimator
        A network, such as those of :mod:`sknumerai.modules`; or a fitted estimator
        that has one in `module_`, also as the last step of a Pipeline.

    input_shape : int or tuple of int, default=None
        Shape of one row, 42 or (42,) for 42 features. By default the number of features
        that the estimator was fitted to, or the `in_features` of the module.

    Returns
    -------
    summary : NetworkSummary
        `layers`, a DataFrame, with `n_parameters` and `n_trainable`. Printed, it is a
        table.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted, so that there are no layers yet.

    TypeError
        If there is no network, or it is a ScriptModule.

    ValueError
        If the network does not take rows of that shape, does not say of what shape they
        are, or cannot be copied.

    See Also
    --------
    NetworkDisplay : The same as a drawing.
    WeightsDisplay : Histograms of the weights.

    Notes
    -----
    A copy of the network is run on a few random rows in evaluation mode, so that layers
    of any kind, layers that are used several times and parameters beside layers are
    counted as they are. The network itself is not changed, and forward hooks of your own
    are not run.

    Examples
    --------
    >>> from sknumerai.inspection import network_summary
    >>> from sknumerai.modules import ContextAwareEncoder
    >>> network_summary(ContextAwareEncoder(705)).n_parameters
    13041
    """
    from sknumerai.utils._network_trace import summarize_module

    caller = "network_summary"
    module, features, name = find_module(network, caller)
    shape = _check_shape(input_shape, features, name, caller)
    return summarize_module(module, shape, name=name, caller=caller)


def find_module(network, caller):
    """Find the torch module of an estimator.

    Parameters
    ----------
    network : torch.nn.Module or estimator
        What was given.

    caller : str
        Name to begin messages with.

    Returns
    -------
    module : torch.nn.Module
        The network.

    n_features : int or None
        Number of features that it takes, where that is known.

    name : str
        What it is called.
    """
    torch = sys.modules.get("torch")  # who has a network has imported it
    is_module = torch is not None and isinstance(network, torch.nn.Module)
    if is_module:
        return network, getattr(network, "in_features", None), type(network).__name__
    if isinstance(network, Pipeline):
        network = network[-1]
    if hasattr(network, "fit"):
        check_is_fitted(network)
    module = getattr(network, "module_", None)
    if torch is None or not isinstance(module, torch.nn.Module):
        inner = [name for name in _INNER if hasattr(network, name)]
        mend = f" What it fitted is in {inner[0]}." if inner else ""
        raise TypeError(
            f"{caller}: {type(network).__name__} is neither a torch module nor an "
            f"estimator that has one in module_.{mend}"
        )
    features = getattr(network, "n_features_in_", None)
    return module, features, type(network).__name__


def _check_shape(given, features, name, caller):
    shape = features if given is None else given
    if shape is None:
        raise ValueError(
            f"{caller}: {name} does not say how many features it takes. Pass the shape "
            "of one row, such as input_shape=42."
        )
    sizes = (shape,) if isinstance(shape, Integral) else tuple(shape)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(
                f"{caller}: input_shape must be a positive integer or a tuple of such. "
                f"Got {given!r}."
            )
    return tuple(int(size) for size in sizes)
