"""Run an exported file as Numerai does: ``python -I _image_runner.py FOLDER``.

A script, started by preflight in a process of its own; it imports nothing of sknumerai.
What it is asked lies in ``question.json``, what it found in ``answer.json``. An answer
is written whole, and carries the token of the question.
"""

# SPDX-License-Identifier: BSD-3-Clause

import contextlib
import importlib
import importlib.metadata
import inspect
import json
import os
import sys
import time
import traceback

FAILED = 3
# a round has 6,700 to 7,300
SYNTHETIC_ROWS = 7500


class _Refuse:
    """An import hook for which some packages do not exist."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(folder):
    """Answer the question in a folder.

    Parameters
    ----------
    folder : str
        The folder.

    Returns
    -------
    code : int
        0 if the file predicts, else 3.
    """
    with open(os.path.join(folder, "question.json"), encoding="utf-8") as file:
        question = json.load(file)
    answer = {"token": question["token"], "stage": "start"}
    try:
        sys.meta_path.insert(0, _Refuse(set(question["absent"])))
        sys.addaudithook(_offline)
        if hasattr(os, "sched_setaffinity"):
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
        _predict(folder, question, answer)
        answer["failed"] = None
    except BaseException as error:  # noqa: BLE001
        # SystemExit too: a file that ends the process has not predicted
        answer["failed"] = {
            "type": type(error).__name__,
            "message": str(error)[:2000],
            "module": getattr(error, "name", None) if _absent(error) else None,
            "traceback": traceback.format_exc()[-4000:],
        }
    answer["peak_memory"] = _peak_memory()
    part = os.path.join(folder, "answer.part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(part, os.path.join(folder, "answer.json"))
    return FAILED if answer["failed"] else 0


def _predict(folder, question, answer):
    def stage(name):
        answer["stage"] = name
        with open(os.path.join(folder, "stage.txt"), "w", encoding="utf-8") as file:
            file.write(name)
        return time.perf_counter()

    answer["python"] = ".".join(map(str, sys.version_info[:3]))
    answer["versions"] = _versions(question["packages"])
    start = stage("import of the libraries")
    import numpy as np
    import pandas as pd

    for module in question["modules"]:
        # some are names of something else, and what lacks is told by the load
        with contextlib.suppress(ImportError):
            importlib.import_module(module)

    imported = stage("load")
    model = pd.read_pickle(question["path"])
    loaded = stage("read of the live data")
    answer["import_seconds"] = imported - start
    answer["load_seconds"] = loaded - imported
    if not callable(model):
        raise TypeError(f"The file holds a {type(model).__name__}, no callable.")
    n_arguments = answer["n_arguments"] = len(inspect.signature(model).parameters)
    live, benchmark = _frames(folder, question, model, np, pd)
    if n_arguments not in (1, 2):
        raise TypeError(f"The callable takes {n_arguments} arguments.")
    start = stage("predict")
    predictions = _call(model, live, benchmark, n_arguments, pd)
    answer["predict_seconds"] = stage("look at the predictions") - start
    answer["n_rows"] = len(live)
    _look(folder, predictions, answer, np, pd)
    answer["stage"] = "done"


def _call(model, live, benchmark, n_arguments, pd):
    """Call it once an era and put the answers together, as Numerai's runner does."""
    if "era" not in live.columns or live["era"].nunique() < 2:
        return model(*(live, benchmark)[:n_arguments])
    answers = []
    for _, rows in live.groupby("era"):
        same = benchmark[benchmark.index.isin(rows.index)]
        answers.append(model(*(rows, same)[:n_arguments]))
        if type(answers[-1]) is not pd.DataFrame:
            return answers[-1]
    return pd.concat(answers)


def _frames(folder, question, model, np, pd):
    if question["live"]:
        live = pd.read_parquet(os.path.join(folder, "live.parquet"))
    else:
        names = list(getattr(model, "features", ()))
        more = getattr(getattr(model, "neutralization", None), "features", ())
        names = list(dict.fromkeys([*names, *more]))
        if not names:
            raise LookupError(
                "The file does not say which features it reads. Pass live=, today's "
                "live.parquet."
            )
        rng = np.random.default_rng(0)
        shape = SYNTHETIC_ROWS, len(names)
        live = pd.DataFrame(rng.integers(0, 5, shape, np.int8), columns=names)
        ids = [f"n{i:05d}" for i in range(SYNTHETIC_ROWS)]
        live.index = pd.Index(ids, name="id")
        era = pd.DataFrame({"era": "X", "data_type": "live"}, index=live.index)
        live = pd.concat([era, live], axis=1)
    path = os.path.join(folder, "benchmark.parquet")
    if os.path.exists(path):
        return live, pd.read_parquet(path)
    # in another order than the live data, as it may come
    benchmark = pd.DataFrame({"era": "X"}, index=live.index)
    rng = np.random.default_rng(1)
    benchmark["v53_lgbm_ender60"] = rng.random(len(live))
    return live, benchmark.iloc[::-1]


def _look(folder, predictions, answer, np, pd):
    """What predict.py and the server would see."""
    kind = type(predictions)
    answer["type"] = f"{kind.__module__}.{kind.__qualname__}"
    answer["is_frame"] = kind is pd.DataFrame
    if not isinstance(predictions, pd.DataFrame):
        return
    answer["columns"] = [str(name) for name in predictions.columns]
    answer["index_names"] = [
        None if name is None else str(name) for name in predictions.index.names
    ]
    answer["shape"] = list(predictions.shape)
    answer["n_nan"] = int(predictions.isna().to_numpy().sum())
    if not predictions.size:
        return
    answer["no_numbers"] = _no_numbers(predictions.iloc[:, 0], pd)
    if answer["no_numbers"]:
        values = np.full(len(predictions), np.nan)
    else:
        first = pd.to_numeric(predictions.iloc[:, 0], errors="coerce")
        values = first.to_numpy(np.float64, na_value=np.nan)
    np.savez(
        os.path.join(folder, "predictions.npz"),
        ids=np.array([str(name) for name in predictions.index]),
        values=values,
    )


def _no_numbers(column, pd):
    """Why the column cannot be compared with 0 and 1 as Numerai's runner does."""
    if pd.api.types.is_complex_dtype(column.dtype):
        return str(column.dtype)
    try:
        column.between(0, 1)
    except TypeError as error:
        return f"{column.dtype}; {error}"
    return None


def _versions(packages):
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _offline(event, arguments):
    sends = event in ("socket.connect", "socket.sendto", "socket.sendmsg")
    # an address within the machine is a path
    if event == "socket.getaddrinfo" or (sends and isinstance(arguments[1], tuple)):
        raise OSError("There is no internet where Numerai runs the file.")


def _absent(error):
    return isinstance(error, ModuleNotFoundError)


def _peak_memory():
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
