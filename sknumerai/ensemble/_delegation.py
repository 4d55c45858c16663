"""Eras and other metadata on their way to the estimator inside."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature

from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)


class DelegatingRegressor(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of regressors that hold another one, `estimator`, and hand eras on to it."""

    __metadata_request__fit = {"groups": True}
    __metadata_request__predict = {"groups": True}

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests and those of the regressor.
        """
        return router_of(self, self.estimator)


def router_of(owner, estimator):
    """Route metadata of ``fit`` and ``predict`` to the estimator inside.

    Parameters
    ----------
    owner : estimator
        The estimator that holds it.

    estimator : estimator
        The estimator inside.

    Returns
    -------
    router : MetadataRouter
        For ``get_metadata_routing``.
    """
    mapping = MethodMapping().add(caller="fit", callee="fit")
    mapping.add(caller="predict", callee="predict")
    router = MetadataRouter(owner=owner).add_self_request(owner)
    return router.add(estimator=estimator, method_mapping=mapping)


def params_of(owner, method, estimator, groups, params):
    """Choose what a method of the estimator inside is given.

    Parameters
    ----------
    owner : estimator
        The estimator that holds it.

    method : {"fit", "predict"}
        The method.

    estimator : estimator
        The estimator inside.

    groups : array-like or None
        Eras, as the owner was given them.

    params : dict
        Further metadata.

    Returns
    -------
    params : dict
        By name. With metadata routing on what was requested; otherwise all of them,
        and the eras where the method takes them: others find them in the index.
    """
    if get_config()["enable_metadata_routing"]:
        given = params if groups is None else {**params, "groups": groups}
        if not given:
            return {}
        return dict(process_routing(owner, method, **given).estimator[method])
    if groups is None:
        return dict(params)
    prefix = ""
    while isinstance(estimator, Pipeline):
        # without routing a pipeline hands on to its steps by name
        if method == "fit":
            prefix += f"{estimator.steps[-1][0]}__"
        estimator = estimator[-1]
    if "groups" not in signature(getattr(estimator, method)).parameters:
        return dict(params)
    return {**params, f"{prefix}groups": groups}
