"""Try a file the way Numerai runs it, before it is uploaded."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import secrets
import tempfile
from numbers import Real
from pathlib import Path

import pandas as pd

from sknumerai.exceptions import SubmissionError
from sknumerai.submission._fresh import NO_GRAPHICS_CARD
from sknumerai.submission._image_environment import image_environment, python_of
from sknumerai.submission._images import image_pins, needed_packages
from sknumerai.submission._preflight_answer import (
    check_end,
    read_answer,
    tail,
    take_facts,
    take_predictions,
)
from sknumerai.submission._preflight_checks import check_arguments, check_predictions
from sknumerai.submission._preflight_report import PreflightReport
from sknumerai.submission._watched import run_watched
from sknumerai.utils import ERA_LEVEL

RUNNER = Path(__file__).with_name("_image_runner.py")
SYNTHETIC_IDS = "n{:05d}"
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")
# a child needs these of our environment, and no key or path of ours
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


def preflight(
    path,
    live=None,
    *,
    live_benchmark_models=None,
    image=None,
    torch=None,
    n_arguments=None,
    memory_limit=4e9,
    time_limit=600,
    environment=None,
    data_home=None,
    raise_error=True,
):
    """Try a file as Numerai runs it, and check what it predicts.

    The file is loaded and called in a process of its own, in a clean virtual
    environment with the versions of Numerai's image, without sknumerai, on one
    processor, without graphics card and internet, within Numerai's limits of memory and
    time, once an era, as Numerai's runner calls it. What comes back is checked as the
    runner and the server do. Read more in the user guide, "Submission".

    Parameters
    ----------
    path : str or path-like
        The file, as :func:`export_model` writes it, or any pickle of a callable. It is
        run: give only files that you wrote.

    live : DataFrame, str or path-like, default=None
        Live features, or the path of `live.parquet`. By default 7,500 rows of random
        codes of the features that the file says it reads.

    live_benchmark_models : DataFrame, str or path-like, default=None
        Live benchmark models, or their parquet file. By default random numbers for the
        live ids in another order.

    image : str or None, default=None
        Minor version of Python of the image that you choose at the upload. By default
        that of the running Python; others cannot be tried.

    torch : str or None, default=None
        Version of torch to take instead of the image's. The report says so.

    n_arguments : {1, 2} or None, default=None
        Number of arguments that the callable must have. By default it may be either.

    memory_limit : float, default=4e9
        Most bytes of resident memory. The process is killed above.

    time_limit : float, default=600
        Most seconds for imports, load and prediction together.

    environment : str, path-like or None, default=None
        Folder of a virtual environment, or its Python, to take instead of making one.
        The report names the versions that differ from the image's.

    data_home : str or path-like, default=None
        Folder of the data sets, see :func:`sknumerai.datasets.get_data_home`. In its
        folder "environments" the environments are kept.

    raise_error : bool, default=True
        Whether problems raise, all in one message. If False, look at `ok` of what is
        returned.

    Returns
    -------
    report : PreflightReport
        What was found out.

    Raises
    ------
    SubmissionError
        If there are problems; the report is the attribute `report` of the exception.
        If the environment cannot be made, in any case.

    ValueError
        If the image is for another Python or not there, if the file is no pickle, or a
        parameter or the live data are not as they must be.

    FileNotFoundError
        If there is no such file.

    See Also
    --------
    export_model : Writes the file.

    Notes
    -----
    Memory is watched on Linux and macOS. On macOS and Windows the file may use several
    processors. In the environment are the packages that every file needs (NumPy,
    pandas, SciPy, scikit-learn, joblib, cloudpickle, pyarrow) and, of the others that
    the image has, those that the file names.

    References
    ----------
    .. [1] Numerai. numerai-predict: ``predict.py`` and the requirements of its images.

    Examples
    --------
    >>> import sys
    >>> import tempfile
    >>> from sklearn.linear_model import LinearRegression
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.submission import export_model, preflight
    >>> data = make_numerai(n_eras=2, n_features=3, random_state=0)
    >>> model = LinearRegression().fit(data.data, data.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export_model(model, f"{folder}/predict.pkl", verify=False)
    ...     report = preflight(path, environment=sys.executable)
    >>> report.ok, report.n_arguments, report.n_rows
    (True, 2, 7500)
    """
    _check_limits(memory_limit, time_limit, n_arguments)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"preflight: there is no file {str(path)!r}.")
    image, pins = image_pins(image, torch)
    live = _read(live, "live")
    benchmark = _read(live_benchmark_models, "live_benchmark_models")
    packages, modules, made_by = needed_packages(path, pins)
    report = PreflightReport(path, path.stat().st_size, image)
    if made_by not in (None, image):
        report.problems.append(
            f"The file was made by Python {made_by} and cannot run on Python {image}: "
            "it holds bytecode, which other versions crash on. Export and check with "
            "one version, and choose its image."
        )
        return _finish(report, raise_error)
    if torch is not None and "torch" in packages:
        usual = image_pins(image)[1]["torch"]
        if pins["torch"] != usual:
            report.remarks.append(
                f"torch {pins['torch']} was asked for; the image has {usual}."
            )
    if environment is None:
        wanted = {name: pins[name] for name in packages}
        python = image_environment(image, wanted, data_home=data_home)
    else:
        python = python_of(environment)
        if not python.is_file():
            raise FileNotFoundError(
                f"preflight: environment={str(environment)!r} has no Python at "
                f"{str(python)!r}. Name the folder of a virtual environment."
            )
    report.environment = str(python)
    with tempfile.TemporaryDirectory(prefix="sknumerai-") as folder:
        folder = Path(folder)
        question = {
            "token": secrets.token_hex(16),
            "path": str(path.resolve()),
            "packages": packages,
            "modules": modules,
            # optuna and sknumerai are not in the images
            "absent": ["sknumerai", "optuna"],
            "live": live is not None,
        }
        (folder / "question.json").write_text(json.dumps(question))
        if live is not None:
            live.to_parquet(folder / "live.parquet")
        if benchmark is not None:
            benchmark.to_parquet(folder / "benchmark.parquet")
        # the file finds itself in an empty folder
        (folder / "empty").mkdir()
        environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        environ |= {f"{name}_NUM_THREADS": "1" for name in THREADS}
        environ |= NO_GRAPHICS_CARD
        code, killed, peak, seconds = run_watched(
            [str(python), "-I", str(RUNNER), str(folder)],
            folder=folder / "empty",
            memory_limit=memory_limit,
            time_limit=time_limit,
            environ=environ,
        )
        answer = read_answer(folder, question["token"])
        report.output = tail(folder / "empty" / "output.txt")
        report.total_seconds = seconds
        report.peak_memory = max(peak or 0, answer.get("peak_memory") or 0) or None
        if report.peak_memory is None:
            report.remarks.append("The memory could not be watched on this system.")
        take_facts(report, answer, packages, pins, torch)
        ended_well = check_end(
            report, answer, code, killed, folder, memory_limit, time_limit
        )
        if ended_well:
            report.predictions = take_predictions(folder, answer)
            ids = None if live is None else live.index
            if ids is None:
                ids = pd.Index([SYNTHETIC_IDS.format(i) for i in range(report.n_rows)])
            report.problems += check_predictions(report.predictions, answer, ids)
        if report.n_arguments is not None:
            report.problems += check_arguments(report.n_arguments, n_arguments)
    return _finish(report, raise_error)


def _finish(report, raise_error):
    if report.problems and raise_error:
        error = SubmissionError(
            f"{report.path} would fail at Numerai: " + " ".join(report.problems)
        )
        error.report = report
        raise error
    return report


def _check_limits(memory_limit, time_limit, n_arguments):
    for name, value in [("memory_limit", memory_limit), ("time_limit", time_limit)]:
        if not isinstance(value, Real) or isinstance(value, bool) or not value > 0:
            raise ValueError(
                f"The '{name}' parameter of preflight must be a number above 0. Got "
                f"{value!r} instead."
            )
    if n_arguments is not None and (
        isinstance(n_arguments, bool) or n_arguments not in (1, 2)
    ):
        raise ValueError(
            "The 'n_arguments' parameter of preflight must be 1, 2 or None. Got "
            f"{n_arguments!r} instead."
        )


def _read(frame, name):
    """A frame as Numerai's files give it: index `id`, `era` a column."""
    if frame is None:
        return None
    if not isinstance(frame, pd.DataFrame):
        frame = pd.read_parquet(Path(frame))
    if "id" in frame.columns:
        frame = frame.set_index("id")
    levels = [level for level in frame.index.names if level != "id"]
    if "id" not in frame.index.names or not set(levels) <= {ERA_LEVEL}:
        raise ValueError(
            f"preflight: {name} must have the ids in the index level or column 'id'; "
            f"the index has the levels {list(frame.index.names)}."
        )
    if levels:
        kept = ERA_LEVEL in frame.columns
        frame = frame.reset_index(ERA_LEVEL, drop=kept)
    if len(frame) == 0 or frame.index.has_duplicates:
        raise ValueError(
            f"preflight: {name} must have rows, each id once. It has {len(frame)} rows "
            f"and {frame.index.nunique()} different ids."
        )
    return frame
