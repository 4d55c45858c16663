"""Run an exported file as Numerai does: ``python _runner.py FILE BLOCKED``.

A script, started in a folder that holds ``live.pkl``; it imports nothing of sknumerai.
"""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
import json
import os
import sys
import time

# folders that package managers install into
INSTALLED = {"site-packages", "dist-packages"}


class _Refuse:
    """An import hook for which some packages do not exist."""

    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def private_modules(before):
    """Top-level modules imported since that no package manager has installed."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name in before or "." in name or name.startswith("__"):
            continue
        if name in sys.stdlib_module_names:
            continue
        file = getattr(module, "__file__", None)
        if file and not INSTALLED.intersection(os.path.normpath(file).split(os.sep)):
            found[name] = file
    return found


def main(path, blocked):
    sys.meta_path.insert(0, _Refuse(set(blocked.split(","))))
    import pandas as pd

    live = pd.read_pickle("live.pkl")
    before = set(sys.modules)
    start = time.perf_counter()
    predict = pd.read_pickle(path)
    loaded = time.perf_counter()
    n_arguments = len(inspect.signature(predict).parameters)
    if n_arguments not in (1, 2):
        raise TypeError(f"predict takes {n_arguments} arguments; Numerai gives 1 or 2")
    benchmark = pd.DataFrame(index=live.index)
    predictions = predict(*(live, benchmark)[:n_arguments])
    predicted = time.perf_counter()
    if type(predictions) is not pd.DataFrame:
        raise TypeError(f"predict gives a {type(predictions).__name__}, no DataFrame")
    first = predictions.iloc[:, 0]
    if predictions.isna().any(axis=None) or not first.between(0, 1).all():
        raise ValueError("predictions are NaN or outside [0, 1]")
    predictions.to_pickle("predictions.pkl")
    facts = {
        "n_arguments": n_arguments,
        "load_seconds": loaded - start,
        "predict_seconds": predicted - loaded,
        "private": private_modules(before),
    }
    with open("facts.json", "w") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
