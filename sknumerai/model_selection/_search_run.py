"""The trials of a search, one batch after the other."""

# SPDX-License-Identifier: BSD-3-Clause

import math
import time
import warnings

import joblib
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sknumerai.exceptions import InterruptedFitWarning
from sknumerai.model_selection._interrupts import Interrupts
from sknumerai.model_selection._run_fold import run_fold
from sknumerai.model_selection._scorers import told_once
from sknumerai.model_selection._search_plan import SearchPlan
from sknumerai.model_selection._search_results import fold_objective
from sknumerai.model_selection._search_space import check_space, params_of_trial
from sknumerai.model_selection._search_study import SearchStudy, has_ended
from sknumerai.utils._shared_data import Sent, SharedData


def run_search(search, X, y, groups, fit_params):
    """Run the trials of a search.

    Parameters
    ----------
    search : OptunaSearchRegressor
        The search.

    X, y, groups, fit_params : object
        As `fit` is given them.

    Returns
    -------
    plan : SearchPlan
        What was done.

    study : optuna.Study
        The study.

    trials : list of optuna.trial.FrozenTrial
        Trials that have ended.

    params : list of dict
        Parameters for the estimator of each.
    """
    caller = type(search).__name__
    space = search.param_distributions
    check_space(space, search.estimator, caller)
    plan = SearchPlan(search, X, y, groups, fit_params)
    study = SearchStudy(
        search.storage,
        search.study_name,
        plan.fingerprint(),
        search.sampler,
        search.pruner,
        int(check_random_state(search.random_state).randint(2**31 - 1)),
        caller,
    )
    shared = SharedData(
        X=X,
        y=y,
        folds=plan.folds,
        fit_params=plan.fit_params,
        score_params=plan.score_params,
        scorers=told_once(plan.scorers, y, caller, stacklevel=6),
    )
    try:
        with shared:
            SearchRun(search, plan, study, shared).run()
    finally:
        study.close()
    trials = [trial for trial in study.study.get_trials() if has_ended(trial)]
    params = [params_of_trial(space, t, search.estimator, caller) for t in trials]
    return plan, study.study, trials, params


class SearchRun:
    """Run trials until there are enough of them.

    Parameters
    ----------
    search : OptunaSearchRegressor
        The search, for its settings.

    plan : SearchPlan
        Folds and scorers.

    study : SearchStudy
        Where the trials go.

    shared : SharedData
        The data, for the workers.
    """

    def __init__(self, search, plan, study, shared):
        self.search, self.plan, self.study, self.shared = search, plan, study, shared
        self.caller = type(search).__name__
        self.catch = search.error_score != "raise"

    def run(self):
        """Run the trials that are missing; Ctrl-C ends the last batch."""
        search, study = self.search, self.study
        begun = time.monotonic()
        with (
            Interrupts() as self.interrupts,
            joblib.Parallel(n_jobs=search.n_jobs) as parallel,
            tqdm(
                total=search.n_trials,
                initial=min(study.n_begun(), search.n_trials),
                desc=self.caller,
                unit="trial",
                disable=not search.verbose,
            ) as bar,
        ):
            while not study.exhausted:
                # processes that died have left trials to others
                study.release()
                place = study.n_begun()
                if place >= search.n_trials:
                    break
                late = time.monotonic() - begun
                if search.timeout is not None and late > search.timeout:
                    break
                try:
                    # a batch that was interrupted is begun anew as it was
                    self._run_batch(
                        parallel, search.batch_size - place % search.batch_size
                    )
                except KeyboardInterrupt:
                    if not study.has_value():
                        raise
                    warnings.warn(
                        f"{self.caller} was interrupted after {study.n_begun()} trials "
                        "and goes on with the best of them. Interrupt again to stop.",
                        InterruptedFitWarning,
                        stacklevel=3,
                    )
                    break
                bar.update(study.n_begun() - bar.n)
                if study.has_value():
                    bar.set_postfix(best=f"{study.study.best_value:.4f}")

    def _run_batch(self, parallel, n_trials):
        search, batch, told = self.search, [], []
        try:
            for _ in range(n_trials):
                trial, params = self.study.ask(
                    search.param_distributions, search.estimator, search.n_trials
                )
                if trial is not None:
                    batch.append((trial, params, []))
            if search.pruner is None:
                self._run_folds(parallel, batch)
            else:
                self._run_fold_by_fold(parallel, batch)
            for trial, _, found in batch:
                self._end(trial, found)
                told.append(trial.number)
        finally:
            self.study.give_up([e[0] for e in batch if e[0].number not in told])

    def _run_folds(self, parallel, batch):
        """All folds of all trials at once."""
        n_folds = len(self.plan.folds)
        results = parallel(
            self._task(params, fold)
            for _, params, _ in batch
            for fold in range(n_folds)
        )
        self.interrupts.check()
        for i, (_, _, found) in enumerate(batch):
            found.extend(results[i * n_folds : (i + 1) * n_folds])

    def _run_fold_by_fold(self, parallel, batch):
        """One fold of all trials, then the next of those that are not pruned."""
        live = batch
        for fold in range(len(self.plan.folds)):
            results = parallel(self._task(params, fold) for _, params, _ in live)
            self.interrupts.check()
            for (_, _, found), result in zip(live, results):
                found.append(result)
            live = [entry for entry in live if self._goes_on(*entry, fold)]

    def _task(self, params, fold):
        estimator = clone(self.search.estimator).set_params(**clone(params, safe=False))
        return joblib.delayed(run_fold)(
            Sent(estimator), self.shared, fold, None, self.catch
        )

    def _goes_on(self, trial, params, found, fold):
        if found[-1]["error"] is not None:
            return False
        value = self._value(found, self.plan.part)
        if fold + 1 == len(self.plan.folds) or math.isnan(value):
            return True
        trial.report(value, fold)
        return not trial.should_prune()

    def _end(self, trial, found):
        """Tell the study what the folds of a trial came to."""
        trial.set_user_attr("folds", _kept(found))
        errors = [result["error"] for result in found if result["error"] is not None]
        if errors:
            self.study.fail(trial, errors[0].strip().splitlines()[-1])
            return
        if len(found) < len(self.plan.folds):
            self.study.tell(trial, state=TrialState.PRUNED)
            return
        value = self._value(found, self.plan.part)
        if math.isnan(value):
            self.study.fail(trial, f"the objective is NaN, of {self._scores(found)}")
            return
        if self.plan.part == "valid":
            trial.set_user_attr("test_value", self._value(found, "test"))
        self.study.tell(trial, value)

    def _value(self, found, part):
        scores = [result["scores"][part] for result in found]
        name = self._metric(scores[0])
        return fold_objective(self.search.objective, [one[name] for one in scores])

    def _scores(self, found):
        return [result["scores"][self.plan.part] for result in found]

    def _metric(self, scores):
        """Name of the metric that is maximized."""
        if list(scores) == ["score"]:
            return "score"
        if self.search.refit in scores:
            return self.search.refit
        raise ValueError(
            f"{self.caller}: of several metrics, refit must name the one to maximize: "
            f"one of {list(scores)}. Got refit={self.search.refit!r}."
        )


def _kept(found):
    """What a storage takes of the folds' results."""
    names = ("scores", "fit_time", "score_time")
    return [{name: _numbers(result[name]) for name in names} for result in found]


def _numbers(value):
    if isinstance(value, dict):
        return {name: _numbers(one) for name, one in value.items()}
    return float(value)
