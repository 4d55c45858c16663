"""What a job will take: memory by formulas, hours by a few seconds of it."""

# SPDX-License-Identifier: BSD-3-Clause

import threading
import time
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils._param_validation import HasMethods, Interval, validate_params
from tqdm.auto import tqdm

from sknumerai.inspection import _machine
from sknumerai.inspection._job_memory import memory_table
from sknumerai.inspection._unit_costs import (
    TooLarge,
    UnitCosts,
    batches,
    is_network,
    leaves,
    measure,
    network_within,
    unmeasured,
)
from sknumerai.model_selection import GroupTimeSeriesSplit
from sknumerai.utils import check_eras

CALLER = "plan_job"
# A row for everyone on earth in each era since writing was invented
_WHOLE = Interval(Integral, 1, 10**15, closed="both")
# and two thousand years of weeks
_MOST_ERAS = 10**5
# What torch says when it gets none
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
_POSITIVE = Interval(Real, 0, None, closed="neither")


class Job(NamedTuple):
    """Shape of the data of a job."""

    n_rows: int
    n_features: int
    n_targets: int
    n_eras: int
    target: str


@validate_params(
    {
        "estimator": [HasMethods(["fit", "get_params"])],
        "n_rows": [_WHOLE],
        "n_features": [_WHOLE],
        "n_targets": [_WHOLE],
        "n_eras": [Interval(Integral, 1, _MOST_ERAS, closed="both"), None],
        "target": [str],
        "cv": ["cv_object", None],
        "embargo": [Interval(Integral, 0, None, closed="left")],
        "n_trials": [_WHOLE],
        "n_models": [_WHOLE],
        "refit": ["boolean"],
        "n_jobs": [_WHOLE],
        "ram": [_POSITIVE, None],
        "vram": [_POSITIVE, None],
        "speed": [_POSITIVE],
        "seconds": [_POSITIVE],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def plan_job(
    estimator,
    *,
    n_rows,
    n_features,
    n_targets=1,
    n_eras=None,
    target="target_ender_20",
    cv=None,
    embargo=16,
    n_trials=1,
    n_models=1,
    refit=True,
    n_jobs=1,
    ram=None,
    vram=None,
    speed=1.0,
    seconds=5.0,
    random_state=0,
    verbose=1,
):
    """Forecast the memory and the hours of fitting, before any data are loaded.

    Hours come from work that is done now: steps of the optimizer on random rows at the
    batch size that the whole job has, for a network, and fits to more and more rows
    for any other estimator. They are scaled by the rows, epochs, folds, trials and
    models. Where not even that fits in memory, what is known of the memory is told.

    Parameters
    ----------
    estimator : estimator
        Not fitted. Of a pipeline or ensemble the whole is timed.

    n_rows : int
        Rows to learn from and to test on, all eras together.

    n_features : int
        Features.

    n_targets : int, default=1
        Targets that are learned together.

    n_eras : int, default=None
        Eras, 100,000 at the most. None: one for each 5,000 rows.

    target : str, default="target_ender_20"
        Name of the main target, which tells networks how many eras to leave out before
        those that they hold out.

    cv : int, splitter or None, default=None
        Walk-forward folds of equal test sets, or any splitter by eras. None: there is
        but the fit to all rows.

    embargo : int, default=16
        Eras between training and test where `cv` is a number.

    n_trials : int, default=1
        Trials of a search, each of all folds.

    n_models : int, default=1
        How many times all of that is done: seeds, targets or models of this kind.

    refit : bool, default=True
        Whether all rows are fitted in the end, once for each model.

    n_jobs : int, default=1
        Fits at a time. The sample is then measured in as many processes side by side,
        which share the cores as fits will. No more than there are cores.

    ram : float, default=None
        Bytes of memory. None: of this machine.

    vram : float, default=None
        Bytes of the graphics card. None: of that which `estimator.device` names. If it
        is given, this machine need not have one.

    speed : float, default=1.0
        How many times faster than this machine the other one is.

    seconds : float, default=5.0
        About how long to measure. The least, four steps or a fit to 2,000 rows, may
        take longer.

    random_state : int, default=0
        Seed of the sample.

    verbose : int, default=1
        Whether a progress bar appears if it takes more than two seconds.

    Returns
    -------
    plan : sklearn.utils.Bunch
        A dict with the keys

        seconds : float
            Of the whole job, at most: early stopping ends fits before. NaN, as all
            seconds are, where nothing could be measured.
        cpu_seconds : float
            Of processors, all threads and processes of the job together. Twice as much
            as `seconds` for two threads that work all the time, less for one that waits
            for other work on the machine, or for a graphics card.
        seconds_of_fit : float
            Of the longest fit.
        seconds_of_epoch : float
            Of an epoch of the longest fit, the held-out eras included.
        n_fits, n_epochs : int
            Fits in all, and epochs of each at most.
        folds : DataFrame of shape (n_fits_of_a_trial, 3)
            Rows of each fit: `train`, `held_out` and `test`.
        n_eras : int
            Eras.
        not_measured : str or None
            What did not fit in memory, where nothing could be measured.
        memory : DataFrame
            Bytes of each part of the job, and where: columns `bytes` and `where`
            ("RAM", "device" or "disk").
        ram_needed, vram_needed, disk_needed : float
            Bytes in all; of the disk that of the memory map of the features. The least
            where nothing could be measured.
        ram, vram : float or None
            What there is.
        fits_in_ram, fits_in_vram : bool or None
            Whether that is enough; None where there is nothing to compare with, or
            where all that is known is less.
        costs : dict
            Unit costs as they were measured.
        device : str
            Where a network trains.
        measured_on : str
            Where seconds were measured: "cpu" for a card that `vram` describes and this
            machine has not. Then `speed` should say how much faster that is.
        data_on_device : bool or None
            Whether its rows are on the card all the time, by its `data_on_device`; None
            where there is none.

    Raises
    ------
    ValueError
        If there are too few eras for the folds, more eras than rows, or more jobs than
        cores.

    See Also
    --------
    sknumerai.model_selection.era_cross_validate : Folds without copies.

    Notes
    -----
    Memory is anonymous memory: what of a memory map is in memory is the system's to
    take back, and is not counted. What is left out of the hours: loading, scoring and
    the callbacks' own work.

    Steps of a network are taken as it is: with its `precision`, whose batches keep less
    for the way back, and compiled where it is to `compile`, the seconds of which are
    counted once for each fit and each size of batches. What a compiler holds in memory
    is not counted, nor are the processes of `distributed`.

    Examples
    --------
    >>> from sknumerai.inspection import plan_job
    >>> from sknumerai.neural_network import MLPRegressor
    >>> plan = plan_job(MLPRegressor((8,)), n_rows=50_000, n_features=20, cv=3,
    ...                 n_eras=50, embargo=4, n_trials=10, seconds=0.1, verbose=0)
    >>> plan.n_fits, plan.n_epochs, plan.folds.test.tolist()
    (31, 100, [11000, 11000, 11000, 0])
    >>> plan.ram_needed < 2e9
    True
    """
    if n_eras is None:
        n_eras = min(max(1, n_rows // 5000), _MOST_ERAS)
    if n_eras > n_rows:
        raise ValueError(
            f"{CALLER}: n_eras={n_eras} are more than n_rows={n_rows}. Pass the rows of "
            "all eras together."
        )
    if n_jobs > max(2, cpu_count()):
        raise ValueError(
            f"{CALLER}: n_jobs={n_jobs} (--jobs) fits at a time are more than the "
            f"{cpu_count()} cores of this machine, on which they are measured. Pass as "
            "many as there are cores at the most."
        )
    job = Job(n_rows, n_features, n_targets, n_eras, target)
    folds = _folds(estimator, job, cv, embargo, refit)
    now = _machine.anonymous()
    sizes = folds.train + folds.held_out
    how = {"least_rows": int(sizes.min()), "random_state": random_state}
    here, measured_on = _on_this_machine(estimator, vram)
    costs, not_measured = _measure(here, job, seconds, n_jobs, verbose, how)
    fits = (
        costs.fit_start
        + costs.fit_row * folds.train
        + costs.held_out_row * folds.held_out
        + costs.step_start * _more_steps(estimator, job, folds.train, sizes, costs)
    )
    spans = (fits + costs.predict_row * folds.test) / speed
    last = spans.iloc[-1] if refit or cv is None else 0.0
    in_folds = spans.sum() - last
    n_folds = len(folds) - bool(last)
    n_fits = n_models * (n_folds * n_trials + bool(last))
    # the fits at the end have no more others beside them than there are models
    in_all = n_models * in_folds * n_trials / min(n_jobs, max(1, n_folds * n_trials))
    in_all += n_models * last
    longest = int(np.argmax(sizes))
    return Bunch(
        seconds=float(max(in_all, spans.max(skipna=False))),
        cpu_seconds=float(n_models * (in_folds * n_trials + last) * costs.cpu_ratio),
        seconds_of_fit=float(fits.max(skipna=False) / speed),
        seconds_of_epoch=float(
            (fits.iloc[longest] - costs.fit_start) / costs.n_epochs / speed
        ),
        n_fits=n_fits,
        n_epochs=costs.n_epochs,
        n_eras=n_eras,
        folds=folds,
        costs=costs._asdict(),
        not_measured=not_measured,
        measured_on=measured_on,
        **memory_table(
            estimator, job, costs, folds, n_jobs, ram, vram, now, not_measured
        ),
    )


def _folds(estimator, job, cv, embargo, refit):
    """Rows of each fit: learned from, held out for early stopping, tested."""
    numbers = np.arange(1, job.n_eras + 1)
    era_rows = job.n_rows / job.n_eras
    rows = []
    if cv is not None:
        if isinstance(cv, Integral):
            cv = GroupTimeSeriesSplit(int(cv), embargo=embargo)
        eras = pd.Index(numbers, name="era")
        y = pd.Series(np.zeros(job.n_eras), index=eras, name=job.target)
        X = pd.DataFrame({"feature": np.zeros(job.n_eras)}, index=eras)
        rows = [
            (*_held_out(estimator, numbers[train], job), len(test))
            for train, test in cv.split(X, y, groups=numbers)
        ]
    if refit or cv is None:
        rows.append((*_held_out(estimator, numbers, job), 0))
    table = np.rint(np.array(rows) * era_rows).astype(np.int64)
    return pd.DataFrame(table, columns=["train", "held_out", "test"])


def _held_out(estimator, numbers, job):
    """How many eras a network learns from, and how many it holds out of them."""
    if not is_network(estimator):
        return len(numbers), 0
    from sknumerai.neural_network._held_out import count_eras

    names = [job.target]
    return count_eras(estimator, check_eras(numbers), True, names, CALLER)


def _more_steps(estimator, job, n_rows, sizes, costs):
    """Steps of an epoch beyond those of the batches that were measured."""
    if not costs.step_start:
        return 0.0
    rows = [batches(estimator, job, int(n))[1] for n in sizes]
    return n_rows / np.array(rows) - n_rows / costs.step_rows


def _on_this_machine(estimator, vram):
    """The estimator on a device that this machine has, and what that is."""
    network = network_within(estimator)
    if network is None:
        return estimator, "cpu"
    device = str(network.device)
    if vram is None or _machine.vram(device) is not None or device[:4] != "cuda":
        return estimator, device
    here = clone(estimator)
    names = [name for name, leaf in leaves(here).items() if is_network(leaf)]
    devices = {f"{name}__device" if name else "device": "cpu" for name in names}
    return here.set_params(**devices), "cpu"


def _measure(estimator, job, seconds, n_jobs, verbose, how):
    """Costs, and what is too large to measure them."""
    try:
        return _measured(estimator, job, seconds, n_jobs, verbose, how), None
    except TooLarge as error:
        return error.costs, error.message
    except MemoryError as error:
        return unmeasured(), f"a sample: {error or 'no memory is left'}"
    except TerminatedWorkerError:
        return unmeasured(), f"samples of {n_jobs} processes at a time"
    except RuntimeError as error:
        # torch has no class of errors for the memory of a processor
        said = str(error).lower()
        if not any(words in said for words in _NO_MEMORY):
            raise
        return unmeasured(), f"a sample: {str(error).splitlines()[0]}"


def _measured(estimator, job, seconds, n_jobs, verbose, how):
    begun = time.monotonic()
    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(
        total=seconds, desc=CALLER, bar_format=shape, delay=2, disable=not verbose
    ) as bar:

        def tick():
            bar.update(min(time.monotonic() - begun, seconds) - bar.n)

        if n_jobs == 1:
            return measure(estimator, job, seconds, tick=tick, **how)
        with _Every(1.0, tick):
            found = Parallel(n_jobs=n_jobs)(
                delayed(measure)(estimator, job, seconds, tick=_no_tick, **how)
                for _ in range(n_jobs)
            )
    # the mean of numbers; what was not measured is the same in all
    means = [
        float(np.mean(one)) if isinstance(one[0], float) else one[0]
        for one in zip(*found)
    ]
    return UnitCosts(*means)


def _no_tick():
    """Do nothing: bars do not cross processes."""


class _Every(threading.Thread):
    """Call a function every so many seconds while a block runs."""

    def __init__(self, seconds, function):
        super().__init__(daemon=True)
        self.seconds, self.function = seconds, function
        self.over = threading.Event()

    def __enter__(self):
        self.start()

    def __exit__(self, *exception):
        self.over.set()
        self.join()

    def run(self):
        """Call until the block is left."""
        while not self.over.wait(self.seconds):
            self.function()
