"""What the process that tried a file has said, and how it ended."""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import json
import signal

import numpy as np
import pandas as pd

from sknumerai.submission._images import IMPORTED_AS, UNPINNED, image_pins


def read_answer(folder, token):
    """Read what the process found.

    Parameters
    ----------
    folder : pathlib.Path
        Where it left its answer.

    token : str
        Token of the question.

    Returns
    -------
    answer : dict
        Empty, unless the answer is whole and of this process.
    """
    with contextlib.suppress(OSError, ValueError):
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        if isinstance(answer, dict) and answer.get("token") == token:
            return answer
    return {}


def tail(path, n_characters=4000):
    """Read the end of a file of text."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - n_characters))
        return file.read().decode(errors="replace").strip()


def take_facts(report, answer, packages, pins, torch):
    """Write what the process found into the report."""
    names = ("n_arguments", "n_rows", "import_seconds", "load_seconds")
    for name in (*names, "predict_seconds"):
        setattr(report, name, answer.get(name))
    used = answer.get("versions", {})
    usual = pins if torch is None else image_pins(report.image)[1]
    report.packages = pd.DataFrame(
        {
            "image": [usual[name] for name in packages],
            "used": [used.get(name) for name in packages],
        },
        index=pd.Index(packages, name="package"),
        dtype=object,
    )
    others = [
        f"{name} {used[name]} for {pins[name]}"
        for name in packages
        if used.get(name) and _public(used[name]) != _public(pins[name])
    ]
    if others:
        report.remarks.append(
            f"Versions other than the image's were used: {', '.join(others)}."
        )


def _public(version):
    """A version without what it was built for, such as "+cpu"."""
    return version.partition("+")[0]


def check_end(report, answer, code, killed, folder, memory_limit, time_limit):
    """Whether the process has answered and ended as it should; else say why not.

    Parameters
    ----------
    report : PreflightReport
        Gets the problem.

    answer : dict
        What the process found, empty if it has not said.

    code : int
        Its exit code, negative for a signal.

    killed : {"memory", "time"} or None
        The limit that it ran into.

    folder : pathlib.Path
        Where it ran.

    memory_limit, time_limit : float
        The limits.

    Returns
    -------
    ended_well : bool
        Whether it has.
    """
    stage = answer.get("stage")
    if stage is None:
        stage = "start"
        with contextlib.suppress(OSError):
            stage = (folder / "stage.txt").read_text(encoding="utf-8")
    failed = answer.get("failed")
    peak, python = report.peak_memory or 0, answer.get("python", "")
    if killed == "time":
        report.problems.append(
            f"The file took more than {time_limit:g} seconds and was ended at the "
            f"{stage}. Use a smaller model, or fewer of them."
        )
    elif killed == "memory" or peak > memory_limit:
        report.problems.append(
            f"The file took {peak / 1e9:.2f} GB of memory at the {stage}, more than "
            f"{memory_limit / 1e9:.2f} GB. Predict in smaller pieces, or use a smaller "
            "model."
        )
    elif failed:
        report.problems.append(_why(failed, stage, answer.get("versions", {})))
    elif not answer:
        report.problems.append(_how_it_ended(code, stage, report.output))
    elif python.rpartition(".")[0] != report.image:
        report.problems.append(
            f"The environment has Python {python}, the image {report.image}. Name "
            "an environment of that version."
        )
    elif code != 0 or answer["stage"] != "done":
        report.problems.append(_how_it_ended(code, stage, report.output))
    else:
        return True
    return False


def _why(failed, stage, versions):
    said = f"The file fails at the {stage}: {failed['type']}: {failed['message']}"
    said = said.rstrip(".") + "."
    module = (failed.get("module") or "").partition(".")[0]
    if not module:
        return said
    lacking = [IMPORTED_AS.get(n, n) for n, used in versions.items() if used is None]
    if module in lacking:
        return (
            said
            + f" The environment has no {module}, and Numerai's image has. Install "
            "it there, or if preflight made the environment, delete its folder: the "
            "next call makes it anew."
        )
    if module in UNPINNED:
        return (
            said + f" Numerai's images have {module}, but which version is not known "
            "here: name an environment that has it with environment=."
        )
    return (
        said + f" Numerai has no {module} for it. If {module} is your own module, "
        f"export with by_value=[{module!r}]; else the model must do without."
    )


def _how_it_ended(code, stage, output):
    last = output.splitlines()[-1] if output else "it wrote nothing"
    if code < 0:
        with contextlib.suppress(ValueError):
            code = signal.Signals(-code).name
        return (
            f"The process crashed at the {stage} ({code}; {last}). Another Python or "
            "other libraries than those that made the file end so."
        )
    return (
        f"The process ended at the {stage} with code {code} and without a whole answer "
        f"({last}). A file must not end the process."
    )


def take_predictions(folder, answer):
    """Read the first column of what was predicted, None where there is none."""
    if not answer.get("is_frame") or not all(answer["shape"]):
        return None
    with np.load(folder / "predictions.npz", allow_pickle=False) as saved:
        index = pd.Index(saved["ids"].astype(object), name="id")
        return pd.Series(saved["values"], index=index, name="prediction")
