"""The models that the command line knows by name."""

# SPDX-License-Identifier: BSD-3-Clause

import ast
from difflib import get_close_matches

from sknumerai.utils import import_optional


def _ridge():
    from sknumerai.cli._ridge import BlockRidge

    return BlockRidge()


def _mlp():
    from sknumerai.neural_network import MLPRegressor

    return MLPRegressor()


def _sae():
    from sknumerai.neural_network import SupervisedAutoencoderRegressor

    return SupervisedAutoencoderRegressor()


def _lightgbm():
    lightgbm = import_optional("lightgbm", extra="boosting", caller="--model lightgbm")
    # the parameters of Numerai's example models
    return lightgbm.LGBMRegressor(
        n_estimators=2000,
        learning_rate=0.01,
        max_depth=5,
        num_leaves=31,
        colsample_bytree=0.1,
        verbose=-1,
    )


MODELS = {"ridge": _ridge, "mlp": _mlp, "sae": _sae, "lightgbm": _lightgbm}
MODELS_HELP = (
    "ridge (linear baseline), mlp (multi-layer perceptron), sae (supervised "
    "autoencoder), lightgbm (gradient-boosted trees, needs lightgbm)"
)


def parse_settings(settings, names):
    """Read the values of ``--set``.

    Parameters
    ----------
    settings : list of str
        "param=value", for the first model, or "model.param=value".

    names : list of str
        Models, the first one first.

    Returns
    -------
    params : dict of str to dict
        Parameters of each model. Values are Python literals where they are such, else
        text.

    Raises
    ------
    ValueError
        If a setting has no "=", or names a model that is not among `names`.
    """
    params = {name: {} for name in names}
    for setting in settings:
        key, equals, text = setting.partition("=")
        model, dot, param = key.strip().rpartition(".")
        model = model if dot else names[0]
        if not equals or not param:
            raise ValueError(
                f"--set {setting}: expected param=value or model.param=value, for "
                "example lr=0.01 or mlp.lr=0.01."
            )
        if model not in params:
            raise ValueError(
                f"--set {setting}: there is no model {model!r} in --model "
                f"{' '.join(names)}."
            )
        params[model][param] = _value(text.strip())
    return params


def make_model(name, params, *, seed, progress):
    """Build a model.

    Parameters
    ----------
    name : str
        Key of ``MODELS``.

    params : dict
        Parameters to set.

    seed : int
        Value of `random_state` where the model has one and it is not set.

    progress : bool
        Whether networks show a bar over epochs.

    Returns
    -------
    model : estimator
        Not fitted.

    Raises
    ------
    ValueError
        If the model has no such parameter. The message names near matches.
    """
    defaults = {"random_state": seed}
    if name in ("mlp", "sae"):
        defaults["verbose"] = int(progress)
    return set_parameters(MODELS[name](), name, params, defaults)


def set_parameters(model, name, params, defaults):
    """Set the parameters of a model.

    Parameters
    ----------
    model : estimator
        Not fitted.

    name : str
        What messages call it.

    params : dict
        Parameters to set.

    defaults : dict
        Further ones, where the model has them and `params` does not name them.

    Returns
    -------
    model : estimator
        The same.

    Raises
    ------
    ValueError
        If the model has no such parameter. The message names near matches.
    """
    known = model.get_params()
    for param in params:
        if param not in known:
            near = get_close_matches(param, known, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(
                f"--set: the model {name} has no parameter {param!r}.{hint} It has: "
                f"{', '.join(sorted(known))}."
            )
    return model.set_params(**{**_only(defaults, known), **params})


def _only(defaults, known):
    return {key: value for key, value in defaults.items() if key in known}


def _value(text):
    constants = {"true": True, "false": False, "none": None}
    if text.lower() in constants:
        return constants[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
