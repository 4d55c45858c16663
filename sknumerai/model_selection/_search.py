"""Search of hyperparameters by Optuna, on eras."""

# SPDX-License-Identifier: BSD-3-Clause

import time
from numbers import Integral, Real

from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    _fit_context,
    clone,
)
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sknumerai.model_selection._folds import check_splitter
from sknumerai.model_selection._routing import groups_to_predict, has_parameter
from sknumerai.model_selection._scorers import check_scorers, score_all
from sknumerai.model_selection._search_results import is_complete, results_of


class OptunaSearchRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Search hyperparameters by Optuna on folds of eras, then refit the best.

    What ``optuna_integration.OptunaSearchCV`` does, and what it cannot: ranges that
    depend on each other, eras on their way to the estimator, several metrics from one
    prediction, selection on validation eras with a report on test eras apart, pruning
    after each fold, trials that survive a killed process, and no silent failure. It is
    a regressor, so Voting- and StackingRegressor take it. Read more in the
    :doc:`user guide </user_guide/search>`.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one.

    param_distributions : dict of str to optuna distribution, or callable
        Range of each parameter, or a function of a trial, for ranges that depend on
        each other: ``f(trial)`` gives a dict of parameters that it has asked
        ``trial.suggest_float`` and its like for.

    cv : splitter, int or iterable, default=None
        How to split. By default ``GroupTimeSeriesSplit()``; where no eras are found,
        five folds of rows, with a warning.

    scoring : str, callable, list or dict, default=None
        A scorer, several by name, or a callable that gives a dict, such as
        :func:`~sknumerai.metrics.numerai_scoring`. By default `numerai_corr_scorer`,
        and where no eras are found the estimator's own score.

    refit : bool or str, default=True
        Whether to fit the best parameters to all rows. Of several metrics, the name of
        the one to maximize; the best parameters are then fitted.

    objective : {"mean", "sharpe"} or callable, default="mean"
        What is maximized: the mean of the folds' scores, their mean over their standard
        deviation (population), as in [1]_, equation 19, or a function of the array of
        them.

    select_on : {"auto", "test", "valid"}, default="auto"
        Eras on which parameters are chosen. "valid" needs a splitter with
        `split_with_validation`: the estimator is fitted to the training part alone,
        chosen on the validation part, and scored on the test part only for the report.
        "auto" is "valid" for a splitter whose `valid_size` is not 0.

    n_trials : int, default=10
        Number of trials. Those of a study that is resumed count.

    timeout : float, default=None
        Seconds after which no more trials are begun.

    batch_size : int, default=1
        Trials that are asked for at once, each without knowing the others' scores. All
        folds of a batch run in parallel. The result depends on it, and not on `n_jobs`,
        the backend or who finishes first.

    n_jobs : int, default=None
        Number of parallel jobs, by joblib: ``joblib.parallel_config("dask")`` takes
        them to a cluster. Workers map the data from files and do not receive them.

    storage : str, path or optuna storage, default=None
        Where to keep the trials: a URL such as "sqlite:///search.db", or a file for
        Optuna's journal, which several processes may write at once. A search that was
        killed goes on where it was. A storage of Optuna is taken as it is, for settings
        that no URL tells; clones of the search have copies of it, which of trials in
        memory is another study. None keeps them in memory.

    study_name : str, default="search"
        Name of the study in the storage. A study of another estimator, other ranges,
        folds, scores or data is refused; of X a hundred rows are looked at.

    sampler : optuna sampler, default=None
        By default TPE, seeded for each trial, so that a resumed search gives what an
        uninterrupted one gives. A sampler of your own keeps its own state, which is
        lost with the process.

    pruner : optuna pruner, default=None
        Told the objective of the folds so far after each fold. By default no trial is
        ended before its last fold.

    error_score : "raise" or float, default="raise"
        With a number, such as ``np.nan``, trials whose fit or score raises fail and the
        search goes on. If all of them fail, the search raises.

    random_state : int, RandomState instance or None, default=None
        Seed of the sampler. None: another each time, but for a study that goes on.

    verbose : int, default=0
        Whether to show a bar of the trials.

    Attributes
    ----------
    best_estimator_ : estimator
        Fitted to all rows with the best parameters; if `refit` is not False.

    best_params_ : dict
        Best parameters.

    best_score_ : float
        Best value of the objective.

    best_index_ : int
        Row of `cv_results_` with the best trial.

    best_test_score_ : float
        Objective of the best trial on the test parts, which nothing was chosen on; if
        parameters are chosen on validation parts.

    cv_results_ : dict of ndarray
        All trials; ``pd.DataFrame(cv_results_)`` shows them. The columns of
        scikit-learn's searches, and "number", "state", "value" and "error".

    n_splits_ : int
        Number of folds.

    multimetric_ : bool
        Whether there are several metrics.

    scorer_ : dict of str to callable
        The scorers, "score" where there is one without a name.

    study_ : optuna.Study
        The study. Neither it nor `storage` is in the pickle of a fitted search.

    refit_time_ : float
        Seconds of the last fit.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has them and the estimator keeps them.

    See Also
    --------
    GroupTimeSeriesSplit : Splitter for `cv`.
    sklearn.model_selection.RandomizedSearchCV : The same by chance.

    Notes
    -----
    Optuna takes no lists or tuples as categories in storages: name choices by strings
    and give a function that turns them into parameters.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Section 6.5.

    .. [2] Akiba, T., Sano, S., Yanase, T., Ohta, T. and Koyama, M. (2019). Optuna: A
       Next-generation Hyperparameter Optimization Framework. KDD.

    Examples
    --------
    >>> import optuna
    >>> from optuna.distributions import FloatDistribution
    >>> from sklearn.linear_model import Ridge
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit, OptunaSearchRegressor
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> data = make_numerai(40, targets="target_ender_20", random_state=0)
    >>> search = OptunaSearchRegressor(
    ...     Ridge(),
    ...     {"alpha": FloatDistribution(1, 1e6, log=True)},
    ...     cv=GroupTimeSeriesSplit(2, test_size=8),
    ...     n_trials=4,
    ...     random_state=0,
    ... )
    >>> search.fit(data.data, data.target).best_params_["alpha"] > 1
    True
    >>> search.cv_results_["mean_test_score"].shape
    (4,)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        # checked in fit, which says what is wrong
        "param_distributions": "no_validation",
        "cv": ["cv_object"],
        "scoring": [str, callable, list, tuple, dict, None],
        "refit": ["boolean", str],
        "objective": [StrOptions({"mean", "sharpe"}), callable],
        "select_on": [StrOptions({"auto", "test", "valid"})],
        "n_trials": [Interval(Integral, 1, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "storage": [
            str,
            HasMethods("__fspath__"),
            HasMethods("create_new_trial"),
            None,
        ],
        "study_name": [str],
        "sampler": [HasMethods("sample_independent"), None],
        "pruner": [HasMethods("prune"), None],
        "error_score": [StrOptions({"raise"}), Real],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        cv=None,
        scoring=None,
        refit=True,
        objective="mean",
        select_on="auto",
        n_trials=10,
        timeout=None,
        batch_size=1,
        n_jobs=None,
        storage=None,
        study_name="search",
        sampler=None,
        pruner=None,
        error_score="raise",
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.objective = objective
        self.select_on = select_on
        self.n_trials = n_trials
        self.timeout = timeout
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.storage = storage
        self.study_name = study_name
        self.sampler = sampler
        self.pruner = pruner
        self.error_score = error_score
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None, **fit_params):
        """Search, then fit the best parameters to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. The eras may be its index level "era".

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for the splitter, the scorers and the estimator where its
            `fit` takes them. By default the index level "era" of X or y.

        **fit_params : dict
            Further arguments for `fit`, such as `sample_weight`. Those with a value for
            each row are cut like X.

        Returns
        -------
        self : object
            This estimator.

        Raises
        ------
        MissingErasError
            If `cv` or a scorer needs eras and there are none.

        RuntimeError
            If no trial could be completed.

        ValueError
            If the storage holds another search under this name, or a parameter is out
            of range.
        """
        # Optuna is not where fitted searches predict, so it is imported here
        from sknumerai.model_selection._search_run import run_search

        X, y = indexable(X, y)
        plan, study, trials, params = run_search(self, X, y, groups, fit_params)
        self._keep(plan, study, trials, params)
        if self.refit is not False:
            begun = time.perf_counter()
            best = clone(self.estimator)
            best.set_params(**clone(self.best_params_, safe=False))
            self.best_estimator_ = best.fit(X, y, **plan.fit_params)
            self.refit_time_ = time.perf_counter() - begun
        return self

    def _keep(self, plan, study, trials, params):
        """Keep what the trials came to."""
        if not any(map(is_complete, trials)):
            said = sorted({t.user_attrs.get("error", t.state.name) for t in trials})
            raise RuntimeError(
                f"{type(self).__name__}: none of {len(trials)} trials was completed, so "
                f"nothing was chosen or fitted. They ended with: {said}. "
                "error_score='raise' shows where."
            )
        for name in ("best_estimator_", "best_test_score_", "refit_time_"):
            # of an earlier fit
            vars(self).pop(name, None)
        self.study_ = study
        self.cv_results_ = results_of(trials, params)
        complete = [i for i, trial in enumerate(trials) if is_complete(trial)]
        self.best_index_ = max(complete, key=lambda i: trials[i].value)
        best = trials[self.best_index_]
        self.best_params_ = params[self.best_index_]
        self.best_score_ = float(best.value)
        if plan.part == "valid":
            self.best_test_score_ = best.user_attrs["test_value"]
        self.n_splits_ = len(plan.folds)
        self.scorer_ = plan.scorers
        names = best.user_attrs["folds"][0]["scores"][plan.part]
        self.multimetric_ = list(names) != ["score"]

    def predict(self, X, groups=None):
        """Predict with the best parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, where the estimator takes it. By default the index level
            "era" of X.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        self._check_refitted("predict")
        given = groups_to_predict(self.best_estimator_, X, groups)
        return self.best_estimator_.predict(X, **given)

    def score(self, X, y, groups=None):
        """Score the best estimator by the metric that was maximized.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        Returns
        -------
        score : float
            The score.
        """
        self._check_refitted("score")
        given = {} if groups is None else {"groups": groups}
        given = {
            name: given if has_parameter(scorer, "groups") else {}
            for name, scorer in self.scorer_.items()
        }
        scores = score_all(self.scorer_, self.best_estimator_, X, y, given)
        return scores[self.refit if self.multimetric_ else "score"]

    @property
    def n_features_in_(self):
        """Number of features seen in fit."""
        return self._of_best("n_features_in_")

    @property
    def feature_names_in_(self):
        """Names of the features seen in fit."""
        return self._of_best("feature_names_in_")

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Of the estimator, the splitter and the scorers.
        """
        router = MetadataRouter(owner=self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="predict", callee="predict")
        router.add(estimator=self.estimator, method_mapping=mapping)
        cv = check_splitter(self.cv, type(self).__name__)
        if hasattr(cv, "split"):
            mapping = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=cv, method_mapping=mapping)
        for name, scorer in check_scorers(self.scoring, type(self).__name__).items():
            mapping = MethodMapping().add(caller="fit", callee="score")
            router.add(**{f"scorer_{name}": scorer}, method_mapping=mapping)
        return router

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.regressor_tags = inner.regressor_tags
        return tags

    def __getstate__(self):
        state = super().__getstate__()
        if "cv_results_" in state:
            # locks and connections, and the address of a database with its password
            state = {n: value for n, value in state.items() if n != "study_"}
            state["storage"] = None
        return state

    def _check_refitted(self, method):
        check_is_fitted(self, "cv_results_")
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                f"{type(self).__name__}.{method} needs the best estimator fitted to "
                "all rows. Search with refit=True, or with the name of the metric to "
                "maximize. Got refit=False."
            )

    def _of_best(self, name):
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                f"{type(self).__name__} has no {name}: it is not fitted, or with "
                "refit=False."
            )
        return getattr(self.best_estimator_, name)
