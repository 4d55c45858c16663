"""Eras and other metadata on their way to the estimator inside."""

# SPDX-License-Identifier: BSD-3-Clause

from inspect import signature
from numbers import Integral

from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import _num_samples

from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.model_selection._folds import split_rows
from sknumerai.utils import check_eras


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


def split_folds(owner, name, X, y, groups, params):
    """List the rows of the folds of an ensemble's `cv`.

    Parameters
    ----------
    owner : estimator
        The ensemble. Its `cv` is read as scikit-learn reads it, but for a number where
        rows have eras: so many splits of GroupTimeSeriesSplit, as elsewhere here.

    name : str
        What its router calls the splitter.

    X, y : array-like
        Rows to split.

    groups : array-like or None
        Eras, as the ensemble was given them.

    params : dict
        Further metadata of ``fit``.

    Returns
    -------
    folds : list of tuple of slice or ndarray
        Training and test rows of each.

    Raises
    ------
    ValueError
        If there is none.
    """
    split, caller = {"groups": groups}, f"{type(owner).__name__}.fit"
    cv = owner.cv
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        eras = check_eras(groups, X, y, n_samples=_num_samples(X), caller=caller)
        if eras is not None and eras.n_eras > 1:
            # it takes eras by itself: no request for them is needed
            return split_rows(GroupTimeSeriesSplit(int(cv)), X, y, split)
    if get_config()["enable_metadata_routing"]:
        given = params if groups is None else {**params, "groups": groups}
        split = process_routing(owner, "fit", **given)[name].split if given else {}
    folds = split_rows(check_cv(cv), X, y, split)
    if not folds:
        raise ValueError(f"{caller}: cv holds no splits.")
    return folds
