"""The study of a search: kept on disk, resumed, shared by processes."""

# SPDX-License-Identifier: BSD-3-Clause

import itertools
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from sknumerai.model_selection._search_space import params_of_trial

FINGERPRINT = "sknumerai_search"
OWNER = "sknumerai_process"
ERROR = "error"
# seconds that a process may take to say which place its trial has
JUST_BEGUN = 10.0
# fits of this process that have not ended
_open = set()


class SearchStudy:
    """Trials of one search, wherever they were run.

    The sampler is seeded anew for each trial, by its place. A trial that is interrupted
    leaves its place to another, and no two trials have the same. So a search that was
    killed goes on as if it had not been, and several processes that share a storage draw
    different trials. No clock but this process's own is looked at.

    Parameters
    ----------
    storage : str, path, optuna storage or None
        URL of a database, such as "sqlite:///search.db", or a file for Optuna's
        journal. None keeps the trials in memory.

    study_name : str
        Name of the study in the storage.

    fingerprint : dict of str to str
        What makes this search this search. A study of another one is refused.

    sampler : optuna sampler or None
        None is Optuna's TPE sampler, seeded as described.

    pruner : optuna pruner or None
        Pruner; None prunes nothing.

    seed : int
        Seed of the search. One that goes on keeps the seed it began with.

    caller : str
        Name to begin error messages with.
    """

    def __init__(self, storage, study_name, fingerprint, sampler, pruner, seed, caller):
        self.seed = seed
        self.caller = caller
        self.exhausted = False
        self.reseeds = sampler is None
        self._noticed = {}
        try:
            self.study = optuna.create_study(
                storage=open_storage(storage),
                study_name=study_name if storage is not None else None,
                load_if_exists=True,
                direction="maximize",
                sampler=sampler or optuna.samplers.TPESampler(seed=seed),
                pruner=optuna.pruners.NopPruner() if pruner is None else pruner,
            )
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{caller}: {str(storage)!r} is no journal of Optuna, or a line of it "
                "was torn (by a full disk, say): give another file, or delete that line."
            ) from error
        self.owner = _this_process()
        self._check(fingerprint)
        self.release()

    def _check(self, fingerprint):
        directions = [direction.name.lower() for direction in self.study.directions]
        if directions != ["maximize"]:
            raise ValueError(
                f"{self.caller}: the study {self.study.study_name!r} in this storage is "
                f"to {' and '.join(directions)}, and a search maximizes one score. Give "
                "another study_name or storage."
            )
        if not self.study.get_trials(deepcopy=False):
            mine = {**fingerprint, "seed": self.seed}
            if FINGERPRINT not in self.study.user_attrs:
                self.study.set_user_attr(FINGERPRINT, mine)
        known = self.study.user_attrs.get(FINGERPRINT, {})
        other = [name for name in fingerprint if known.get(name) != fingerprint[name]]
        if other:
            said = "; ".join(
                f"{name} was {known.get(name)!r} and is {fingerprint[name]!r}"
                for name in other
            )
            raise ValueError(
                f"{self.caller}: the study {self.study.study_name!r} in this storage is "
                f"of another search: {said}. Give another study_name or storage, or "
                "repeat that search as it was."
            )
        self.seed = known["seed"]

    def release(self):
        """Give up trials of processes of this machine that are no more."""
        for trial in self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if self._is_gone(trial):
                self.give_up([trial])

    def ask(self, space, estimator, n_trials):
        """Begin a trial.

        Parameters
        ----------
        space : dict or callable
            The ranges.

        estimator : estimator
            The estimator whose parameters they are.

        n_trials : int
            How many there are to be.

        Returns
        -------
        trial : optuna.Trial or None
            The trial; None if other processes have begun the last.

        params : dict or None
            Parameters for the estimator.
        """
        fixed = dict(space) if isinstance(space, Mapping) else None
        while (place := self._next_place()) < n_trials:
            if self.reseeds:
                seed = np.random.SeedSequence([self.seed, place]).generate_state(1)[0]
                self.study.sampler = optuna.samplers.TPESampler(seed=int(seed))
            trial = self.study.ask(fixed_distributions=fixed)
            trial.set_user_attr(OWNER, {**self.owner, "place": place})
            if self._is_taken(place, trial.number):
                self.give_up([trial])
                continue
            try:
                return trial, params_of_trial(space, trial, estimator, self.caller)
            except BaseException:
                self.give_up([trial])
                raise
        return None, None

    def _next_place(self):
        """The first place that no trial has, or that one has left."""
        taken = {_place(trial) for trial in self._trials()}
        return next(place for place in itertools.count() if place not in taken)

    def _is_taken(self, place, number):
        """Whether another process has asked at once, and was the first."""
        while True:
            earlier = [trial for trial in self._trials() if trial.number < number]
            if any(_place(trial) == place for trial in earlier):
                return True
            if not any(map(self._is_just_begun, earlier)):
                return False
            # it is about to say which place it has
            time.sleep(0.05)

    def _is_just_begun(self, trial):
        """Whether a process may still say which place a trial has."""
        if trial.state != TrialState.RUNNING or OWNER in trial.user_attrs:
            return False
        # when the trial began is told by the clock, in the time zone, of its machine
        since = self._noticed.setdefault(trial.number, time.monotonic())
        return time.monotonic() - since < JUST_BEGUN

    def _is_gone(self, trial):
        """Whether its process has ended; those of other machines are taken as alive."""
        owner = trial.user_attrs.get(OWNER)
        if owner is None:
            return not self._is_just_begun(trial)
        if owner["host"] != socket.gethostname():
            return False
        started = _started(owner["pid"])
        if started != owner["started"]:
            return True
        if owner["pid"] == os.getpid():
            return owner["fit"] not in _open
        return started is None and not _exists(owner["pid"])

    def _trials(self):
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if not was_interrupted(trial)]

    def give_up(self, trials):
        """End trials that were interrupted; they do not count.

        Parameters
        ----------
        trials : list of optuna.Trial or optuna.trial.FrozenTrial
            Trials that have not ended.
        """
        for trial in trials:
            try:
                self.study.tell(trial.number, state=TrialState.FAIL)
            except RuntimeError:
                # as in `tell`
                self.exhausted = True

    def tell(self, trial, value=None, state=None):
        """End a trial.

        Parameters
        ----------
        trial : optuna.Trial
            The trial.

        value : float, default=None
            What is maximized.

        state : optuna.trial.TrialState, default=None
            By default complete.
        """
        try:
            self.study.tell(trial, value, state)
        except RuntimeError:
            # samplers that have no more to give stop the study, which they may not do
            # where trials are asked for; the trial is told all the same
            if not self._state(trial).is_finished():
                raise
            self.exhausted = True
        if state is None and self._state(trial) != TrialState.COMPLETE:
            raise RuntimeError(
                f"{self.caller}: Optuna did not take the value {value} of trial "
                f"{trial.number}."
            )

    def _state(self, trial):
        return self.study.get_trials(deepcopy=False)[trial.number].state

    def fail(self, trial, error):
        """End a trial that raised.

        Parameters
        ----------
        trial : optuna.Trial
            The trial.

        error : str
            What it said.
        """
        trial.set_user_attr(ERROR, error)
        self.tell(trial, state=TrialState.FAIL)

    def n_begun(self):
        """Count trials, other than those that were interrupted.

        Returns
        -------
        n_begun : int
            Running ones included.
        """
        return sum(_place(trial) is not None for trial in self._trials())

    def has_value(self):
        """Tell whether a trial has been completed.

        Returns
        -------
        has_value : bool
            Whether there is a best one.
        """
        complete = [TrialState.COMPLETE]
        return bool(self.study.get_trials(deepcopy=False, states=complete))

    def close(self):
        """Tell other fits of this process that this one has ended."""
        _open.discard(self.owner["fit"])


def has_ended(trial):
    """Tell a trial that counts from one that runs or was interrupted.

    Parameters
    ----------
    trial : optuna.trial.FrozenTrial
        A trial.

    Returns
    -------
    ended : bool
        Whether it is complete, pruned or failed.
    """
    return trial.state.is_finished() and not was_interrupted(trial)


def was_interrupted(trial):
    """Tell a trial that was interrupted from one that failed.

    Parameters
    ----------
    trial : optuna.trial.FrozenTrial
        A trial.

    Returns
    -------
    interrupted : bool
        Whether it ended without saying why.
    """
    return trial.state == TrialState.FAIL and ERROR not in trial.user_attrs


def open_storage(storage):
    """Make Optuna's storage of a URL or a path.

    Parameters
    ----------
    storage : str, path, optuna storage or None
        URL of a database, or a file for the journal.

    Returns
    -------
    storage : object
        What ``optuna.create_study`` takes.
    """
    if not isinstance(storage, str | os.PathLike) or "://" in str(storage):
        return storage
    path = Path(storage).expanduser()
    if path.is_dir():
        raise ValueError(f"storage must be a file or a URL; {str(path)!r} is a folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _place(trial):
    return trial.user_attrs.get(OWNER, {}).get("place")


def _this_process():
    pid = os.getpid()
    fit = uuid.uuid4().hex
    _open.add(fit)
    host = socket.gethostname()
    return {"host": host, "pid": pid, "started": _started(pid), "fit": fit}


def _exists(pid):
    if os.name == "nt":
        # there a signal of 0 is not a question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _started(pid):
    """When a process began, by the system's own count; None where it does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return status.rpartition(")")[2].split()[19]
