"""Ranges of a search: a dict of distributions, or a function of a trial."""

# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping

from optuna.distributions import BaseDistribution
from optuna.trial import FixedTrial, FrozenTrial


def check_space(space, estimator, caller):
    """Check what is to be searched before a model is fitted.

    Parameters
    ----------
    space : dict of str to optuna distribution, or callable
        Ranges by name of the parameter, or a function that gives the parameters of an
        Optuna trial.

    estimator : estimator
        The estimator whose parameters they are.

    caller : str
        Name to begin error messages with.

    Raises
    ------
    TypeError
        If it is neither, or a range is not one of Optuna's.

    ValueError
        If there is no range, or the estimator has no such parameter.
    """
    if not isinstance(space, Mapping):
        if callable(space):
            return
        raise TypeError(
            f"{caller}: param_distributions must be a dict of Optuna's distributions, "
            "such as {'alpha': FloatDistribution(0.1, 10, log=True)}, or a function of "
            f"a trial that gives a dict of parameters. Got a {type(space).__name__}."
        )
    if not space:
        raise ValueError(
            f"{caller}: param_distributions has no parameter to search. Name at least "
            f"one of {sorted(estimator.get_params())}."
        )
    for name, distribution in space.items():
        if not isinstance(distribution, BaseDistribution):
            raise TypeError(
                f"{caller}: the range of {name!r} must be one of Optuna's "
                "distributions, such as FloatDistribution(0.1, 10), IntDistribution(1, "
                "5) or CategoricalDistribution(['a', 'b']). Got "
                f"{distribution!r}."
            )
    _check_names(space, estimator, caller)


def params_of_trial(space, trial, estimator, caller):
    """Tell the estimator's parameters of a trial, running or ended.

    Parameters
    ----------
    space : dict or callable
        The ranges, checked.

    trial : optuna.Trial or optuna.trial.FrozenTrial
        The trial. For a dict of ranges its parameters are known already.

    estimator : estimator
        The estimator whose parameters they are.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    params : dict
        By name.

    Raises
    ------
    TypeError
        If the function gives no dict.

    ValueError
        If the estimator has no such parameter.
    """
    if isinstance(space, Mapping):
        return dict(trial.params)
    if isinstance(trial, FrozenTrial):
        trial = FixedTrial(trial.params, trial.number)
    params = space(trial)
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{caller}: param_distributions(trial) must give a dict of parameters. It "
            f"gave a {type(params).__name__}."
        )
    _check_names(params, estimator, caller)
    return dict(params)


def _check_names(names, estimator, caller):
    known = estimator.get_params()
    unknown = [name for name in names if name not in known]
    # parameters of an object that is itself searched, such as a step of a pipeline
    unknown = [n for n in unknown if "__" not in n or n.split("__")[0] not in names]
    if unknown:
        raise ValueError(
            f"{caller}: {type(estimator).__name__} has no parameters {unknown}; it has "
            f"{sorted(known)}."
        )
