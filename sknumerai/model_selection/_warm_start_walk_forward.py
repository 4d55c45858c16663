"""Learning on the fly: each fold goes on from the weights of the one before."""

# SPDX-License-Identifier: BSD-3-Clause

import pickle

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, _fit_context
from sklearn.utils import check_array, check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data
from tqdm.auto import tqdm

from sknumerai.model_selection._checkpoints import Checkpoints, identity_of
from sknumerai.model_selection._folds import check_splitter
from sknumerai.model_selection._routing import (
    groups_to_predict,
    has_parameter,
    route,
)
from sknumerai.model_selection._scorers import check_scorers, told_once
from sknumerai.model_selection._walk_forward_fold import (
    Part,
    Rows,
    fit_fingerprint,
    fit_fold,
    part_of_update,
    parts_of,
    refuse_to_go_back,
    score_fold,
)
from sknumerai.model_selection._warm_start import WarmStart
from sknumerai.utils import (
    ERA_LEVEL,
    check_eras,
    one_era,
    refuse_era_column,
)
from sknumerai.utils._old_state import keeps_old_state


class WarmStartWalkForward(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Walk forward through the eras, each fold going on from the weights of the last.

    A model is fitted to the first block of eras, scored on the eras after it, goes on
    with the next block from the weights that it has, and so on: what it would have
    predicted, had it been run all the time. Finished folds are kept on disk, so that an
    experiment that was killed resumes; the model goes on learning with :meth:`update`.
    Read more in the :doc:`user guide </user_guide/model_selection>`.

    Parameters
    ----------
    estimator : estimator
        Regressor that can go on from what it has learned: a network or another one with
        a parameter `warm_start`, LightGBM, XGBoost or CatBoost, or a Pipeline that ends
        in one. With ``warm_start=False`` any regressor.

    cv : int, splitter, iterable of (train, test) or None, default=None
        Splitter, in the order of time. A number means ``GroupTimeSeriesSplit(cv)``, None
        its default. With its `valid_size`, networks are stopped early on the validation
        eras: their `n_validation_eras` and `embargo` are set to the splitter's. Others
        are fitted to the training eras alone. Both are scored on them.

    scoring : str, callable, list, tuple, dict or None, default=None
        Scorers, as in :func:`era_cross_validate`. None is ``numerai_corr_scorer``.

    warm_start : bool, default=True
        Whether folds go on from the one before. False: each begins from scratch.

    checkpoint_dir : str, path-like or None, default=None
        Folder for finished folds. A fit with the same parameters and rows takes them
        from there; one with others is refused. None: nothing is kept on disk.

    keep_estimators : bool, default=True
        Whether `estimators_` holds the model of each fold.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Attributes
    ----------
    estimator_ : estimator
        The model of the last fold, or of the last update. It predicts.

    estimators_ : list of estimator
        The model of each fold and update, if `keep_estimators`.

    fold_table_ : DataFrame
        One row per fold: first and last era, number of eras and of rows of the training,
        validation and test set, the scores of the last two, the epoch of the best
        weights (of networks), and the seconds of the fit. An update is a row too, whose
        test set is what it was given and had not seen.

    era_scores_ : DataFrame
        Score of each era, indexed by (`split`, `part`, `era`), `part` being "valid" or
        "test". None if no scorer scores eras.

    predictions_ : Series
        Predictions of all test sets, indexed as the rows are (arrays by era and row).

    valid_predictions_ : Series or None
        Those of the validation sets, with the fold as the first level of the index.

    n_resumed_ : int
        Folds that were taken from `checkpoint_dir`.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all are strings.

    See Also
    --------
    GroupTimeSeriesSplit : Its folds.
    era_cross_validate : Folds that know nothing of each other.

    Notes
    -----
    The protocol of the paper is fifteen folds in blocks of 13 eras, ``cv =
    GroupTimeSeriesSplit(15, test_size=13, valid_size=13, embargo=4, first_test_era=905,
    first_train_size=156, max_train_size=13)``, with a ContextAwareRanker of
    ``max_epochs=20, patience=5, monitor="lpayout"``. Optimizers begin anew in each fold.
    The best weights of a fold may be those that it began with.

    Estimators of scikit-learn that grow (`n_estimators`) get as many more in each fold.

    A fold is fitted to the same weights whether it is resumed or not, provided that
    `random_state` of the estimator is a number. Whether rows are the same is told from
    all eras, targets and weights, and from a sample of the features.

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament. Sections 6.3 and 6.4.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
    >>> from sknumerai.neural_network import MLPRegressor
    >>> data = make_numerai(n_eras=40, n_samples_per_era=30, random_state=0)
    >>> cv = GroupTimeSeriesSplit(
    ...     3, test_size=4, valid_size=4, embargo=2, max_train_size=6
    ... )
    >>> net = MLPRegressor(8, max_epochs=2, random_state=0)
    >>> walk = WarmStartWalkForward(net, cv).fit(data.data, data.target)
    >>> walk.fold_table_[["train_first", "train_last", "valid_last", "test_last"]]
          train_first train_last valid_last test_last
    split
    0            0015       0020       0026      0032
    1            0019       0024       0030      0036
    2            0023       0028       0034      0040
    >>> walk.predictions_.shape, walk.era_scores_.xs("test", level="part").shape
    ((360,), (12, 1))
    """

    __metadata_request__fit = {"groups": True}
    __metadata_request__predict = {"groups": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
        "scoring": [str, callable, list, tuple, dict, None],
        "warm_start": ["boolean"],
        "checkpoint_dir": [str, HasMethods("__fspath__"), None],
        "keep_estimators": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        cv=None,
        *,
        scoring=None,
        warm_start=True,
        checkpoint_dir=None,
        keep_estimators=True,
        verbose=1,
    ):
        self.estimator = estimator
        self.cv = cv
        self.scoring = scoring
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.keep_estimators = keep_estimators
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    @keeps_old_state
    def fit(self, X, y, groups=None, **fit_params):
        """Fit and score all folds, but those that are finished.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Rows in the order of their eras are not copied.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        **fit_params : dict
            Further parameters of the estimator's `fit`, such as `benchmark`. Those that
            have a value for each row are cut as the folds are.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        MissingErasError
            If no eras are found.

        LeakageError
            If folds do not go forward in time, so that one would begin with weights that
            have learned its test eras.

        ValueError
            If the estimator cannot go on from what it has learned, or `checkpoint_dir`
            holds another experiment.
        """
        caller = f"{type(self).__name__}.fit"
        rows, cv, split_params = self._rows(X, y, groups, fit_params, caller, True)
        warm = WarmStart(self.estimator, self.warm_start, caller)
        parts = parts_of(cv, X, y, split_params)
        if self.warm_start:
            refuse_to_go_back(parts, rows, caller)
        store = self._open_store(cv, rows, caller)
        pickled, before, folds, n_resumed = None, "", [], 0
        bar = tqdm(
            parts, type(self).__name__, unit="fold", delay=2, disable=not self.verbose
        )
        for split, part in enumerate(bar):
            name = f"fold_{split:03d}"
            settings = self._settings(warm, part)
            before = fit_fingerprint(rows, part, before, settings)
            fold = None if store is None else store.load(name, before)
            if fold is not None:
                n_resumed += 1
            else:
                # on from the pickle, as an experiment that is resumed goes on
                previous = None if pickled is None else pickle.loads(pickled)
                estimator, extra = warm.next(previous, split, settings)
                own = "n_validation_eras" in settings
                seconds = fit_fold(estimator, rows, part, own, extra)
                fold = {
                    "fingerprint": before,
                    "estimator": cloudpickle.dumps(estimator),
                    "seconds": seconds,
                }
                if store is not None:
                    store.save(name, fold)
            pickled = fold.pop("estimator")
            fold["fitted"] = pickle.loads(pickled)
            fold["scores"] = score_fold(fold["fitted"], rows, part, split)
            fold["scores"][0].update(_best_epoch(fold["fitted"]))
            if folds and not self.keep_estimators:
                folds[-1]["fitted"] = None
            folds.append(fold)
        self._reset()
        for fold in folds:
            self._add(fold)
        self.n_resumed_ = n_resumed
        self._reached = self._reach(rows, parts[-1])
        return self

    def update(self, X, y, groups=None, **fit_params):
        """Go on from the weights of the last fold, on eras that it was not fitted on.

        Eras that were never seen, and lie behind the embargo of the splitter, are
        predicted and scored first; for folds without an embargo, such as a list of
        positions, y's name tells it, and it is 8 where that tells nothing. Then the model is
        fitted to all eras after its last training era, the last `valid_size` of them (of
        the splitter) being its validation set. `checkpoint_dir` holds folds alone: save
        the updated estimator yourself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. Eras up to the last training era are left aside, so old rows may be
            among them.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, which must be resolved.

        groups : array-like of shape (n_samples,), default=None
            Era of each row. By default the index level "era" of X or y.

        **fit_params : dict
            As of :meth:`fit`.

        Returns
        -------
        self : object
            The same estimator, updated.

        Raises
        ------
        NotFittedError
            If it was not fitted.

        MissingErasError
            If no eras are found.

        UnknownHorizonError
            If the splitter cannot tell the embargo from y's name.

        ValueError
            If there are no eras to train on.
        """
        check_is_fitted(self)
        caller = f"{type(self).__name__}.update"
        rows, cv, _ = self._rows(X, y, groups, fit_params, caller, False)
        warm = WarmStart(self.estimator, self.warm_start, caller)
        split = len(self.fold_table_)
        part = part_of_update(cv, rows, self._reached, caller)
        settings = self._settings(warm, part)
        scored = Part(part.train, None, part.test, part.both)
        fold = {"scores": score_fold(self.estimator_, rows, scored, split)}
        copy = pickle.loads(cloudpickle.dumps(self.estimator_))
        estimator, extra = warm.next(copy, split, settings)
        own = "n_validation_eras" in settings
        fold["seconds"] = fit_fold(estimator, rows, part, own, extra)
        if part.valid is not None:
            scored = Part(part.train, part.valid, None, part.both)
            more = score_fold(estimator, rows, scored, split)
            for old, new in zip(fold["scores"], more):
                old.update(new)
        fold["scores"][0].update(_best_epoch(estimator))
        fold["fitted"] = estimator
        self._add(fold)
        self._reached = self._reach(rows, part, self._reached)
        return self

    def predict(self, X, groups=None):
        """Predict with the model of the last fold or update.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, for estimators whose `predict` takes it. By default the
            index level "era" of X.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        check_is_fitted(self)
        X = _as_table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        given = groups_to_predict(self.estimator_, X, groups)
        return self.estimator_.predict(X, **given)

    def get_metadata_routing(self):
        """Get metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            Its own requests, and those of the estimator.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="predict", callee="predict")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.multi_output = inner.target_tags.multi_output
        tags.regressor_tags = inner.regressor_tags
        return tags

    # ------------------------------------------------------------------ private
    def _rows(self, X, y, groups, fit_params, caller, reset):
        refuse_era_column(X, caller)
        X = _as_table(X)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        if not isinstance(y, pd.Series | pd.DataFrame | np.ndarray):
            y = check_array(y, dtype=None, ensure_2d=False, ensure_all_finite=False)
        validate_data(self, X, reset=reset, skip_check_array=True)
        check_consistent_length(X, y)
        n_samples = _num_samples(X)
        if n_samples < 2:
            raise ValueError(f"{caller}: n_samples={n_samples} is too few for folds.")
        scorers = check_scorers(self.scoring, caller)
        cv = check_splitter(self.cv, caller)
        eras = check_eras(
            groups, X, y, n_samples=n_samples, required=not reset, caller=caller
        )
        split_params, params, score_params = route(
            self.estimator, cv, scorers, groups, fit_params, caller
        )
        if eras is None:
            # a splitter of eras will say what it lacks; others take rows as they are
            eras = one_era(n_samples)
            given = np.zeros(n_samples, dtype=int)
            score_params = {
                name: {"groups": given} if has_parameter(scorer, "groups") else {}
                for name, scorer in scorers.items()
            }
        # seen from who calls fit or predict
        scorers = told_once(scorers, y, caller, stacklevel=4 + 2 * reset)
        return Rows(X, y, eras, groups, params, scorers, score_params), cv, split_params

    def _open_store(self, cv, rows, caller):
        if self.checkpoint_dir is None:
            return None
        splits = "positions"
        if hasattr(cv, "get_params"):
            # more folds of the same protocol go on from those that there are
            splits = {k: v for k, v in cv.get_params().items() if k != "n_splits"}
        elif hasattr(cv, "split"):
            splits = cv
        identity = identity_of(
            self.estimator,
            cv=splits,
            warm_start=self.warm_start,
            n_features=self.n_features_in_,
            fit_params=sorted(rows.fit_params),
        )
        return Checkpoints(self.checkpoint_dir, identity, caller)

    def _settings(self, warm, part):
        """Parameters by which networks cut off the validation eras of the fold."""
        if part.valid is None or "n_validation_eras" not in warm.own:
            return {}
        return {"n_validation_eras": part.n_valid, "embargo": part.embargo}

    def _reset(self):
        self.fold_table_, self.era_scores_ = None, None
        self.predictions_ = self.valid_predictions_ = None
        if self.keep_estimators:
            self.estimators_ = []

    def _add(self, fold):
        """Take over the results of a fold or an update."""
        row, tables, predictions = fold["scores"]
        split = row["split"]
        self.estimator_ = fold["fitted"]
        if self.keep_estimators:
            self.estimators_.append(self.estimator_)
        row["fit_time"] = fold["seconds"]
        self.fold_table_ = _append(
            self.fold_table_, pd.DataFrame([row]).set_index("split")
        )
        if tables:
            keys = {(split, part): table for part, table in tables.items()}
            table = pd.concat(keys, names=["split", "part", ERA_LEVEL])
            self.era_scores_ = _append(self.era_scores_, table)
        if "test" in predictions:
            self.predictions_ = _append(self.predictions_, predictions["test"])
        if "valid" in predictions:
            valid = pd.concat({split: predictions["valid"]}, names=["split"])
            self.valid_predictions_ = _append(self.valid_predictions_, valid)

    def _reach(self, rows, part, before=None):
        """Numbers of the last era trained on, and of the last seen in any way."""
        numbers = rows.eras.numbers[rows.eras.codes]
        trained, seen = int(numbers[part.train].max()), int(numbers[part.both].max())
        tested = seen if part.test is None else int(numbers[part.test].max())
        found = {"trained": trained, "seen": seen, "tested": max(seen, tested)}
        return {k: max(v, (before or found)[k]) for k, v in found.items()}


def _as_table(X):
    """X as it is, if its rows can be cut; lists and the like as an array."""
    if isinstance(X, pd.DataFrame) or (isinstance(X, np.ndarray) and X.ndim == 2):
        return X
    # values are the estimator's business
    return check_array(X, dtype=None, ensure_all_finite=False)


def _best_epoch(estimator):
    while hasattr(estimator, "steps"):
        estimator = estimator[-1]
    epoch = getattr(estimator, "best_epoch_", None)
    return {} if epoch is None else {"best_epoch": epoch}


def _append(table, more):
    return more if table is None else pd.concat([table, more])
