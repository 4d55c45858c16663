"""Average the models that were chosen on eras that they had not seen."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import _fit_context
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MethodMapping

from sknumerai.ensemble._delegation import split_folds
from sknumerai.ensemble._members import rows_of_params
from sknumerai.ensemble._rank_averaging_regressor import RankAveragingRegressor
from sknumerai.ensemble._select_ensemble import select_ensemble
from sknumerai.exceptions import LeakageWarning, UnknownHorizonError
from sknumerai.model_selection import embargo_for
from sknumerai.preprocessing._tables import find_eras
from sknumerai.utils._old_state import keeps_old_state


class EnsembleSelectionRegressor(RankAveragingRegressor):
    """Choose regressors and their weights on validation eras, and average their ranks.

    Each regressor is fitted to the training rows of each fold and predicts its test
    rows; :func:`select_ensemble` chooses among these predictions; those that are chosen
    are fitted to all rows, and the ranks of their predictions are averaged.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Regressors to choose among and their names; "drop" leaves one out.

    cv : int, splitter or iterable
        Folds, as scikit-learn takes them, such as a
        :class:`sknumerai.model_selection.GroupTimeSeriesSplit`. A number is so many
        splits of that, whose embargo y's name tells; where rows have no eras, of
        ``KFold``. Rows that no fold tests have no say; of rows that several folds test
        the last prediction counts.

    method : {"greedy", "exhaustive"}, default="greedy"
        Adds one regressor after the other, with repetition, or tries every combination
        with equal weights.

    metric : callable, default=None
        ``metric(y_true, y_pred, groups=, aggregate=None)`` gives a table of eras by
        models, higher being better. None is
        :func:`sknumerai.metrics.numerai_corr_score`.

    aggregate : {"mean", "sharpe"} or callable, default="mean"
        How the scores of eras become the score to raise.

    max_models : int, default=None
        Most regressors of a combination. None: any number.

    n_steps : int, default=30
        Regressors that "greedy" adds at most, repetitions included.

    min_gain : float, default=0.0
        Of two choices the one with fewer regressors is taken if the other does not
        score better by more than this.

    ranks : {"uniform", "gaussian"}, default="uniform"
        Whether ranks are spread over (0, 1) or made Gaussian before they are averaged.

    n_jobs : int, default=None
        Estimators fitted at a time, in processes. None is 1, or what a
        :func:`joblib.parallel_config` says.

    verbose : bool, default=False
        Whether to show a progress bar over the estimators of each fold, and one over
        the averages that are tried if that takes more than two seconds.

    Attributes
    ----------
    estimators_ : list of estimator
        The chosen regressors, fitted to all rows.

    named_estimators_ : Bunch
        The same by name, "drop" for those not chosen.

    weights_ : ndarray of shape (n_chosen,)
        Their weights, of sum 1.

    selection_ : Bunch
        What :func:`select_ensemble` found: the score of every step or combination, on
        the rows that it was chosen by.

    eras_seen_ : ndarray of shape (n_eras,)
        Numbers of the eras that were learned from, if there were any: scores of these
        are warned of.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    Warns
    -----
    LeakageWarning
        If a fold trains on eras that it tests, or whose labels overlap with theirs where
        y's name tells the horizon: then regressors that know rows by heart are chosen.

    See Also
    --------
    RankAveragingRegressor : Averages all, with given weights.
    sklearn.ensemble.StackingRegressor : Fits a regressor to their predictions.

    References
    ----------
    Caruana, R., Niculescu-Mizil, A., Crew, G., Ksikes, A. (2004). Ensemble Selection
    from Libraries of Models. ICML.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import EnsembleSelectionRegressor
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit
    >>> data = make_numerai(n_eras=30, n_samples_per_era=50, n_features=5, random_state=0)
    >>> members = [("linear", Ridge()), ("neighbors", KNeighborsRegressor(2))]
    >>> cv = GroupTimeSeriesSplit(2, test_size=5, embargo=4)
    >>> model = EnsembleSelectionRegressor(members, cv).fit(data.data, data.target)
    >>> float(model.weights_.sum())
    1.0
    """

    _parameter_constraints: dict = {
        **RankAveragingRegressor._parameter_constraints,
        "cv": ["cv_object"],
        "method": [StrOptions({"greedy", "exhaustive"})],
        "metric": [callable, None],
        "aggregate": [StrOptions({"mean", "sharpe"}), callable],
        "max_models": [Interval(Integral, 1, None, closed="left"), None],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "min_gain": [Interval(Real, 0, None, closed="left")],
    }
    _parameter_constraints.pop("weights")

    def __init__(
        self,
        estimators,
        cv,
        *,
        method="greedy",
        metric=None,
        aggregate="mean",
        max_models=None,
        n_steps=30,
        min_gain=0.0,
        ranks="uniform",
        n_jobs=None,
        verbose=False,
    ):
        # without `weights` of the parent, which are found here
        self.estimators = estimators
        self.cv = cv
        self.method = method
        self.metric = metric
        self.aggregate = aggregate
        self.max_models = max_models
        self.n_steps = n_steps
        self.min_gain = min_gain
        self.ranks = ranks
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Choose regressors by their predictions of the folds, and fit those to all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Handed to the regressors as they are.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; of several columns the first one chooses.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for the splitter, the scores, and regressors whose ``fit``
            takes it. By default the index level "era" of `X` or `y`.

        **fit_params : dict
            Further arguments of the regressors' ``fit``, such as ``sample_weight``. Of
            those that are as long as X each fold takes its rows.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        caller = f"{type(self).__name__}.fit"
        used = self._used()
        X, y = self._read(X, y, groups, caller)
        main = np.asarray(y, dtype=np.float64).reshape(len(y), -1)[:, 0]
        eras = find_eras(self, groups, X, y, len(main))
        params = self._params("fit", used, groups, fit_params)
        table = pd.DataFrame(
            np.full((len(main), len(used)), np.nan), columns=[name for name, _ in used]
        )
        folds = split_folds(self, "splitter__", X, y, groups, fit_params)
        _warn_of_leaks(folds, eras, y, caller)
        for train, test in folds:
            fitted = self._fit_all(used, X, y, params, train)
            table.iloc[test] = self._out_of_sample(fitted, X, groups, test, len(main))
        self.selection_ = select_ensemble(
            table,
            main,
            groups=eras.numbers[eras.codes],
            method=self.method,
            metric=self.metric,
            aggregate=self.aggregate,
            ranks=self.ranks,
            max_models=self.max_models,
            n_steps=self.n_steps,
            min_gain=self.min_gain,
            verbose=self.verbose,
        )
        weights = self.selection_.weights
        self.weights_ = weights[weights > 0].to_numpy()
        chosen = [pair for pair in used if weights[pair[0]] > 0]
        return self._keep(self._fit_all(chosen, X, y, params), y)

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests, and those of the regressors and of the splitter.
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        # a regressor may be called "splitter", but not this
        return (
            super()
            .get_metadata_routing()
            .add(splitter__=check_cv(self.cv), method_mapping=mapping)
        )

    def _used_weights(self, caller, named=None):
        return self.weights_

    def _out_of_sample(self, fitted, X, groups, rows, n_samples):
        """Predictions of some rows, a column for each regressor."""
        part = _safe_indexing(X, rows)
        if groups is not None:
            groups = rows_of_params({"groups": groups}, n_samples, rows)["groups"]
        pairs = list(fitted.items())
        params = self._params("predict", pairs, groups, {})
        columns = [
            np.asarray(member.predict(part, **params[name])).reshape(len(part), -1)
            for name, member in pairs
        ]
        return np.column_stack([values[:, 0] for values in columns])


def _warn_of_leaks(folds, eras, y, caller):
    """Warn if the predictions that choose are not out of sample."""
    try:
        reach = embargo_for(y, rule="overlap")
    except UnknownHorizonError:
        reach = 0
    for i, (train, test) in enumerate(folds):
        if eras.n_eras > 1:
            learned, tested = (np.unique(eras.codes[rows]) for rows in (train, test))
            gaps = eras.numbers[learned][:, None] - eras.numbers[tested]
            near = learned[(np.abs(gaps) <= reach).any(axis=1)]
            what = f"{len(near)} eras ({', '.join(map(str, eras.labels[near][:3]))})"
        else:
            positions = np.arange(len(y))
            near = np.intersect1d(positions[train], positions[test])
            what = f"{len(near)} rows"
        if len(near):
            warnings.warn(
                f"{caller}: fold {i} of cv is trained on {what} that it tests, or whose "
                "labels overlap with those it tests, so regressors that know them by "
                "heart are chosen. Use PurgedGroupKFold or GroupTimeSeriesSplit.",
                LeakageWarning,
                stacklevel=5,
            )
            return
