"""Try an exported file in a process that has not got sknumerai."""

# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sknumerai.exceptions import SubmissionError

ABSENT = ("sknumerai", "skorch", "optuna")
# Numerai's runner has none: tensors that lie on one do not load there
NO_GRAPHICS_CARD = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}
RUNNER = Path(__file__).with_name("_runner.py")


def check_in_fresh_process(path, sample, expected, *, timeout=600):
    """Load an exported file as Numerai does and compare its predictions.

    Parameters
    ----------
    path : str or path-like
        The exported file.

    sample : DataFrame
        Live features.

    expected : DataFrame
        What the file predicted in this process.

    timeout : float, default=600
        Seconds after which the process is given up.

    Returns
    -------
    facts : dict
        Seconds to load and to predict, number of arguments of the callable, modules
        that it imports from folders of the user's.

    Warns
    -----
    UserWarning
        If there are such modules.

    Raises
    ------
    SubmissionError
        If the file does not load, does not run, or predicts otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="sknumerai-") as folder:
        folder = Path(folder)
        sample.to_pickle(folder / "live.pkl")
        # -P and the empty folder: modules that merely lie beside the user's script
        # are not at Numerai either
        command = [sys.executable, "-P", str(RUNNER), str(Path(path).resolve())]
        try:
            done = subprocess.run(
                [*command, ",".join(ABSENT)],
                check=False,
                cwd=folder,
                env=os.environ | NO_GRAPHICS_CARD,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise SubmissionError(
                f"The exported file did not answer within {timeout} seconds on "
                f"{len(sample)} rows."
            ) from error
        if done.returncode:
            raise SubmissionError(_why(done))
        facts = json.loads((folder / "facts.json").read_text())
        predictions = pd.read_pickle(folder / "predictions.pkl")
    # ranks: where rounding swaps two neighbours they differ by one place
    off = np.abs(predictions.to_numpy() - expected.to_numpy()).max()
    if not predictions.index.equals(expected.index) or not off <= 1.5 / len(sample):
        raise SubmissionError(
            "The exported file predicts otherwise in a fresh process than here: ranks "
            f"differ by up to {off:.3g}. The model's predictions are random, or depend "
            "on something outside the model, such as scikit-learn's global settings "
            "or a file."
        )
    if facts["private"]:
        name, file = next(iter(facts["private"].items()))
        warnings.warn(
            f"The exported file imports {len(facts['private'])} module(s) that are not "
            f"installed as packages are, the first is {name} ({file}). If Numerai does "
            f"not have {name}, pass by_value=[{name!r}] so that it is stored in the "
            "file.",
            stacklevel=3,
        )
    return facts


def _why(done):
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else f"the process ended with code {done.returncode}"
    said = (
        f"The exported file fails in a fresh process, as it would at Numerai: {last}."
    )
    module = re.search(r"No module named '([\w.]+)'", last)
    if module is None:
        return said
    package = module[1].partition(".")[0]
    if package == "sknumerai":
        return said + " A part of sknumerai was not stored by value; please report it."
    if package == "skorch":
        return (
            said + " Numerai's images hold an old skorch whose nets do not load: use "
            "NeuralNetRegressor of sknumerai.neural_network for your module."
        )
    if package == "optuna":
        return (
            said + " Numerai's images have no Optuna, and a search inside the model "
            "holds its ranges: put the search's best_estimator_ in its place."
        )
    return (
        said + f" If {package} is your own module, pass by_value=[{package!r}] so that "
        "it is stored in the file."
    )
