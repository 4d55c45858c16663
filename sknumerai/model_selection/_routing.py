"""Who gets which parameter: the splitter, the estimator and the scorers."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)

from sknumerai.utils import ERA_LEVEL


def route(estimator, cv, scorers, groups, params, caller):
    """Hand out the eras and further parameters.

    Without metadata routing the eras go to the splitter, to `fit` where it takes
    `groups` (in a Pipeline that of the last step) and to scorers that take them, and
    `params` go to `fit`. With routing everything goes where it is requested.

    Parameters
    ----------
    estimator : estimator
        What is fitted.

    cv : splitter or list
        What splits.

    scorers : dict of str to callable
        What scores.

    groups : array-like or None
        Era of each row, where the caller was given it.

    params : dict or None
        Further parameters.

    caller : str
        Name to begin error messages with.

    Returns
    -------
    split_params, fit_params : dict
        Of the splitter and of `fit`.

    score_params : dict of str to dict
        Of each scorer.
    """
    params = dict(params or {})
    if "groups" in params:
        if groups is not None:
            raise ValueError(
                f"{caller}: the eras are given twice, as groups= and in params. Leave "
                "one of them out."
            )
        groups = params.pop("groups")
    if get_config()["enable_metadata_routing"]:
        return _by_request(estimator, cv, scorers, groups, params, caller)
    given = {} if groups is None else {"groups": groups}
    fit_params = {**params, **_for_fit(estimator, given)}
    score_params = {
        name: given if has_parameter(scorer, "groups") else {}
        for name, scorer in scorers.items()
    }
    return given, fit_params, score_params


def groups_to_predict(estimator, X, groups):
    """The parameters of `predict`: the eras where it takes them and X has none.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    X : array-like
        Rows to predict.

    groups : array-like or None
        Their eras, where the caller was given them.

    Returns
    -------
    params : dict
        With the key "groups", or empty.
    """
    carried = ERA_LEVEL in getattr(getattr(X, "index", None), "names", ())
    if groups is None or carried:
        return {}
    if get_config()["enable_metadata_routing"] and isinstance(estimator, Pipeline):
        routing = get_routing_for_object(estimator)
        return {"groups": groups} if routing.consumes("predict", {"groups"}) else {}
    while isinstance(estimator, Pipeline):
        # without routing a pipeline hands what it is given to its last step
        estimator = estimator[-1]
    return {"groups": groups} if has_parameter(estimator.predict, "groups") else {}


def _by_request(estimator, cv, scorers, groups, params, caller):
    router = MetadataRouter(owner=caller).add(
        estimator=estimator,
        method_mapping=MethodMapping().add(caller="fit", callee="fit"),
    )
    if hasattr(cv, "split"):
        router.add(
            splitter=cv,
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )
    for name, scorer in scorers.items():
        router.add(
            **{f"scorer_{name}": scorer},
            method_mapping=MethodMapping().add(caller="fit", callee="score"),
        )
    if groups is not None:
        params["groups"] = groups
    routed = process_routing(router, "fit", **params)
    split_params = routed["splitter"]["split"] if hasattr(cv, "split") else {}
    score_params = {name: routed[f"scorer_{name}"]["score"] for name in scorers}
    return split_params, routed["estimator"]["fit"], score_params


def _for_fit(estimator, given):
    """The eras under the name that `fit` takes them by, if it does."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    if not has_parameter(getattr(estimator, "fit", None), "groups"):
        return {}
    return {prefix + name: value for name, value in given.items()}


def has_parameter(function, name):
    """Tell whether a function takes a parameter of this name.

    Parameters
    ----------
    function : callable
        Perhaps one of C, which may not tell.

    name : str
        The name.

    Returns
    -------
    known : bool
        Whether it says so.
    """
    try:
        return name in signature(function).parameters
    except (TypeError, ValueError):
        # compiled functions may not tell
        return False
