"""The histories of networks, looked for in all that a fitted estimator holds."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.utils._fitted_eras import HELD

# Where an estimator keeps its members, none of the others is drawn beside them.
_MEMBERS = ("estimators_", "best_estimator_", "estimator_", "regressor_")


def find_histories(estimator):
    """Collect the histories of an estimator, its members or its folds.

    Parameters
    ----------
    estimator : object
        A fitted estimator.

    Returns
    -------
    histories : dict of str to list of dict
        By a name that says where it is: the class of a network, the number of a fold or
        member, the name of a step.
    """
    found = {}
    _collect(estimator, "", found, set())
    return found


def _collect(part, name, found, visited):
    if part is None or isinstance(part, str) or id(part) in visited:
        return
    visited.add(id(part))
    history = getattr(part, "history_", None)
    if isinstance(history, list) and history and isinstance(history[0], dict):
        name = name or type(part).__name__
        while name in found:
            name += "'"
        found[name] = history
        return
    for attribute in HELD:
        held = getattr(part, attribute, None)
        if held is None:
            continue
        before = len(found)
        for label, member in _members(part, attribute, held):
            inner = f"{name}, {label}" if name and label else name or label
            _collect(member, inner, found, visited)
        if attribute in _MEMBERS and len(found) > before:
            # the last of a walk-forward's folds is its estimator_ too
            visited.update(id(getattr(part, a, None)) for a in _MEMBERS)


def _members(part, attribute, held):
    """Names and estimators behind an attribute."""
    if attribute in ("steps", "transformer_list", "transformers_"):
        return [(str(entry[0]), entry[1]) for entry in held]
    if hasattr(held, "ravel"):
        # estimators_ of gradient boosting
        held = list(held.ravel())
    if not isinstance(held, list | tuple):
        return [("", held)]
    given = getattr(part, "estimators", None)
    named = isinstance(given, list) and len(given) == len(held)
    if named and all(isinstance(g, tuple) and len(g) >= 2 for g in given):
        return [(str(g[0]), member) for g, member in zip(given, held)]
    word = "fold" if getattr(part, "cv", None) is not None else "member"
    return [
        (f"{word} {i}", m[-1] if isinstance(m, tuple) else m)
        for i, m in enumerate(held)
    ]
