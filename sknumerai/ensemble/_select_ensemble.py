"""Which models to average, and with what weights, by the score of their average."""

# SPDX-License-Identifier: BSD-3-Clause

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sknumerai.ensemble._members import RANKS
from sknumerai.metrics import numerai_corr_score
from sknumerai.utils import check_eras, one_era
from sknumerai.utils._progress import NoBar, bar_of

# Averages scored in one call of the metric, which sorts each
AT_ONCE = 64
MOST_SUBSETS = 100_000


def select_ensemble(
    predictions,
    y_true,
    *,
    groups=None,
    method="greedy",
    metric=None,
    aggregate="mean",
    ranks="gaussian",
    max_models=None,
    n_steps=30,
    n_initial=1,
    min_gain=0.0,
    verbose=1,
):
    """Choose the models whose average scores best, and their weights.

    Predictions are ranked within eras and averaged. "greedy" adds one model after the
    other, the same one several times if that helps, and so finds weights; "exhaustive"
    tries every combination with equal weights, as many as ``2 ** n_models - 1``.

    The score of the choice on the rows that it was chosen by is too good: give it
    predictions out of sample of validation eras, and test the ensemble on others.

    Parameters
    ----------
    predictions : DataFrame or array-like of shape (n_samples, n_models)
        Predictions out of sample, a column for each model. Rows in which one is NaN are
        left out.

    y_true : array-like of shape (n_samples,)
        Target. Rows in which it is NaN are left out.

    groups : array-like of shape (n_samples,), default=None
        Era of each row. By default the index level "era" of `predictions` or `y_true`;
        where there is none, the rows are one era.

    method : {"greedy", "exhaustive"}, default="greedy"
        How to search.

    metric : callable, default=None
        ``metric(y_true, y_pred, groups=, aggregate=None)`` gives a table of eras by
        models, higher being better, as the metrics of this package do. None is
        :func:`sknumerai.metrics.numerai_corr_score`. For one with a third input use
        :func:`functools.partial`.

    aggregate : {"mean", "sharpe"} or callable, default="mean"
        How the scores of eras become the score to raise: their mean, its ratio to their
        standard deviation, or a function of one model's scores. An era in which no
        model has a score is left out; where some have one, it counts 0 for the others:
        a constant prediction earns nothing, and all are compared on the same eras.

    ranks : {"uniform", "gaussian"}, default="gaussian"
        What is averaged, as in :class:`RankAveragingRegressor`.

    max_models : int, default=None
        Most models of a combination. None: any number.

    n_steps : int, default=30
        Models that "greedy" adds at most, repetitions included; weights are multiples
        of one over their number.

    n_initial : int, default=1
        How many of the best single models "greedy" begins with.

    min_gain : float, default=0.0
        Of two choices the one with fewer models is taken if the other does not score
        better by more than this.

    verbose : int, default=1
        Whether a progress bar over the averages that are tried appears if it takes more
        than two seconds.

    Returns
    -------
    selection : Bunch
        `weights`, Series of all models, of sum 1, 0 for those not chosen; `models`, list
        of those chosen; `score`, of their average; `table`, DataFrame with a row for
        each step ("greedy") or combination, best first ("exhaustive"): `models`,
        `n_models` and `score`; `single_scores`, Series of each model's own score.

    Raises
    ------
    ValueError
        If the inputs do not fit, no row is complete, no average has a score, or there
        are too many combinations.

    See Also
    --------
    EnsembleSelectionRegressor : The same around models that are yet to be fitted.

    References
    ----------
    Caruana, R., Niculescu-Mizil, A., Crew, G., Ksikes, A. (2004). Ensemble Selection
    from Libraries of Models. ICML, section 2: selection with replacement and sorted
    initialization.

    Sarfati, Numerai Tournament (2024): the best combination of ten models with equal
    weights.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.ensemble import select_ensemble
    >>> data = make_numerai(n_eras=12, n_samples_per_era=200, random_state=0)
    >>> models = data.benchmark.assign(oracle=data.oracle)
    >>> found = select_ensemble(models, data.target)
    >>> found.weights["oracle"] > 0.5
    np.True_
    """
    caller = "select_ensemble"
    _check_choices(method, ranks, aggregate, caller)
    table, y, eras = _complete(predictions, y_true, groups, caller)
    values = RANKS[ranks](table.to_numpy(dtype=np.float64), eras)
    score = _Score(metric or numerai_corr_score, y, eras, aggregate)
    single = score(values)
    if np.isnan(single).all():
        raise ValueError(
            f"{caller}: no model has a score. Predictions or targets that are the same "
            "for a whole era have none."
        )
    most = table.shape[1] if max_models is None else min(max_models, table.shape[1])
    if most < 1 or n_steps < 1 or not 1 <= n_initial <= n_steps:
        raise ValueError(
            f"{caller}: max_models and n_steps must be 1 or more, and n_initial from 1 "
            f"to n_steps. Got {max_models}, {n_steps} and {n_initial}."
        )
    if not min_gain >= 0:
        raise ValueError(f"{caller}: min_gain must be 0 or more. Got {min_gain!r}.")
    if method == "greedy":
        n_initial = min(n_initial, most)
        n_tried = (n_steps - n_initial) * len(single)
        with bar_of(n_tried, caller, verbose, unit="average") as score.bar:
            steps = _greedy(values, single, score, most, n_steps, n_initial)
    else:
        subsets = _subsets(table.shape[1], most, caller)
        with bar_of(len(subsets), caller, verbose, unit="average") as score.bar:
            steps = _exhaustive(values, score, subsets)
    best = _best(steps, min_gain)
    weights = np.zeros(table.shape[1])
    for model, count in steps[best][0].items():
        weights[model] = count
    weights = pd.Series(weights / weights.sum(), table.columns, name="weight")
    return Bunch(
        weights=weights,
        models=list(weights.index[weights > 0]),
        score=steps[best][1],
        table=_as_table(steps, table.columns, sort=method == "exhaustive"),
        single_scores=pd.Series(single, table.columns, name="score"),
    )


class _Score:
    """Score of each column of averages."""

    def __init__(self, metric, y, eras, aggregate):
        self.metric, self.y, self.aggregate = metric, y, aggregate
        self.groups, self.scored = eras.codes, None
        self.bar = NoBar()

    def __call__(self, averages):
        # sums of ranks tie, and rounding must not tell them apart
        averages = np.round(averages, 10)
        scores = self.metric(self.y, averages, groups=self.groups, aggregate=None)
        scores = np.asarray(scores, dtype=np.float64)
        n_models = averages.shape[1]
        one = n_models == 1 and scores.ndim == 1
        if not one and (scores.ndim != 2 or scores.shape[1] != n_models):
            raise ValueError(
                "select_ensemble: metric must return a table of eras by models where "
                f"aggregate=None. For {n_models} models it returned "
                f"{f'shape {scores.shape}' if scores.ndim else 'one number'}."
            )
        scores = scores.reshape(-1, n_models)
        if self.scored is None:
            # the single models are the first ones
            self.scored = ~np.isnan(scores).all(axis=1)
        scores = scores[self.scored]
        none = np.isnan(scores).all(axis=0)
        scores = np.nan_to_num(scores[:, ~none], nan=0.0)
        found = np.full(n_models, np.nan)
        found[~none] = [self._of(column) for column in scores.T]
        self.bar.update(n_models)
        return found

    def _of(self, scores):
        if callable(self.aggregate):
            return float(self.aggregate(scores))
        if self.aggregate == "mean":
            return scores.mean()
        spread = scores.std()
        return scores.mean() / spread if spread else np.nan


def _check_choices(method, ranks, aggregate, caller):
    for name, value, allowed in (
        ("method", method, ("greedy", "exhaustive")),
        ("ranks", ranks, tuple(RANKS)),
        ("aggregate", aggregate, ("mean", "sharpe")),
    ):
        if callable(value) and name == "aggregate":
            continue
        if value not in allowed:
            raise ValueError(
                f"{caller}: {name} must be one of {list(allowed)}. Got {value!r}."
            )


def _complete(predictions, y_true, groups, caller):
    """Rows that have all predictions and a target, and their eras."""
    table = predictions
    if not isinstance(predictions, pd.DataFrame):
        table = np.asarray(predictions)
        if table.ndim != 2 or not table.shape[1]:
            raise ValueError(
                f"{caller}: predictions must have shape (n_samples, n_models). Got "
                f"{table.shape}."
            )
        table = pd.DataFrame(table)
    y = np.asarray(y_true, dtype=np.float64)
    if y.ndim != 1 or len(y) != len(table):
        raise ValueError(
            f"{caller}: y_true must have one value for each of the {len(table)} rows. "
            f"Got shape {y.shape}."
        )
    eras = check_eras(
        groups, predictions, y_true, n_samples=len(y), caller=caller,
        names=("predictions", "y_true"),
    )  # fmt: skip
    eras = one_era(len(y)) if eras is None else eras
    known = ~(np.isnan(y) | table.isna().any(axis=1).to_numpy())
    if known.all():
        return table, y, eras
    if not known.any():
        empty = list(table.columns[table.isna().all()][:3])
        which = f" such as {empty}, which predict no row" if empty else ""
        raise ValueError(
            f"{caller}: no row has a target and the predictions of all "
            f"{table.shape[1]} models. Leave out models that predict other eras{which}."
        )
    return table[known], y[known], check_eras(eras.numbers[eras.codes[known]])


def _greedy(values, single, score, most, n_steps, n_initial):
    """Caruana's forward selection with replacement: models and score of each step."""
    order = np.argsort(np.nan_to_num(-single, nan=np.inf), kind="stable")
    counts = Counter(int(model) for model in order[:n_initial])
    total = values[:, order[:n_initial]].sum(axis=1)
    begin = single[order[0]]
    if n_initial > 1:
        score.bar.total += 1
        begin = score(total[:, None])[0]
    steps = [(dict(counts), begin)]
    for n in range(n_initial, n_steps):
        allowed = sorted(counts) if len(counts) == most else range(len(single))
        # fewer are tried than was said
        score.bar.total -= len(single) - len(allowed)
        found = np.full(len(single), np.nan)
        for part in _parts(list(allowed)):
            found[part] = score((total[:, None] + values[:, part]) / (n + 1))
        if np.isnan(found).all():
            break
        model = int(np.nanargmax(found))
        counts[model] += 1
        total = total + values[:, model]
        steps.append((dict(counts), found[model]))
    return steps


def _subsets(n_models, most, caller):
    """Every combination of up to so many models, smaller ones first."""
    subsets = []
    for size in range(1, most + 1):
        for subset in combinations(range(n_models), size):
            subsets.append(subset)
            if len(subsets) > MOST_SUBSETS:
                raise ValueError(
                    f"{caller}: {n_models} models have more than {MOST_SUBSETS:,} "
                    f"combinations of up to {most}. Use method='greedy', a smaller "
                    "max_models, or fewer models."
                )
    return subsets


def _exhaustive(values, score, subsets):
    """The score of each combination."""
    steps = []
    for part in _parts(subsets):
        chosen = np.zeros((values.shape[1], len(part)))
        for j, subset in enumerate(part):
            chosen[list(subset), j] = 1 / len(subset)
        found = score(values @ chosen)
        steps += [(dict.fromkeys(subset, 1), s) for subset, s in zip(part, found)]
    return steps


def _parts(items):
    return [items[i : i + AT_ONCE] for i in range(0, len(items), AT_ONCE)]


def _best(steps, min_gain):
    """The best one; of those within `min_gain` of it the one with the fewest models."""
    scores = np.array([score for _, score in steps])
    if np.isnan(scores).all():
        return 0
    near = np.flatnonzero(scores >= np.nanmax(scores) - min_gain)
    sizes = np.array([len(steps[i][0]) for i in near])
    near = near[sizes == sizes.min()]
    return int(near[np.argmax(scores[near])])


def _as_table(steps, names, sort):
    table = pd.DataFrame(
        {
            "models": [
                {names[model]: count for model, count in sorted(counts.items())}
                for counts, _ in steps
            ],
            "n_models": [len(counts) for counts, _ in steps],
            "score": [score for _, score in steps],
        }
    )
    if sort:
        table = table.sort_values("score", ascending=False, kind="stable")
        return table.reset_index(drop=True)
    return table.rename_axis("step")
