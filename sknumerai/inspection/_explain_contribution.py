"""What True Contribution is made of: its proxies, by an explainable boosting machine."""

# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral

import numpy as np
from scipy.stats import spearmanr
from sklearn.model_selection import KFold
from sklearn.utils import check_random_state

from sknumerai.inspection._boosted_terms import BoostedTerms
from sknumerai.inspection._checks import check_choice
from sknumerai.inspection._contribution_display import ContributionDisplay
from sknumerai.inspection._contribution_table import contribution_table
from sknumerai.utils import import_optional
from sknumerai.utils._progress import bar_of

# With fewer rounds, blocks are drawn of rows.
MIN_ROUNDS = 5
# Learning is not stopped early: that leaves part of what one metric explains with the
# ones that go together with it, and differs so much between folds that nothing can be
# said about errors. Cuts at random and few bins keep shapes smooth instead.
DEFAULTS = {
    "early_stopping_rounds": 0,
    "greedy_ratio": 0.0,
    "interaction_smoothing_rounds": 300,
    "learning_rate": 0.05,
    "max_bins": 32,
    "max_interaction_bins": 8,
    "max_rounds": 300,
    "min_samples_leaf": 20,
    "n_jobs": 1,
    "smoothing_rounds": 300,
}
# What is set here, by other parameters.
TAKEN = {
    "feature_names",
    "feature_types",
    "interactions",
    "missing",
    "objective",
    "outer_bags",
    "random_state",
    "validation_size",
}


def explain_contribution(
    contributions,
    metrics,
    *,
    rounds=None,
    products=(),
    normalize=None,
    missing="drop",
    interactions=10,
    n_folds=10,
    ebm_params=None,
    random_state=None,
    verbose=1,
):
    """Explain contributions of models by other metrics of the same rounds.

    An explainable boosting machine [2]_ is fitted to the contributions: a sum of one
    learned function for each metric, its shape, and one for each of some pairs of
    metrics. A good proxy of the contribution has a high importance and a monotone
    shape. Needs interpret (``pip install 'sknumerai[explain]'``). Read more in the
    :doc:`User Guide </user_guide/contribution>`.

    Parameters
    ----------
    contributions : DataFrame of shape (n_rounds, n_models) or array-like of shape \
            (n_rows,)
        True Contribution, as `TrueContribution.scores_` has it, or another score.
        Either rounds by models, or one number for each row. Where it is NaN there is
        no row.

    metrics : dict of DataFrame, DataFrame or array-like of shape (n_rows, n_metrics)
        A frame of rounds by models for each metric, or the metrics of each row. pandas
        objects are matched by their labels.

    rounds : array-like of shape (n_rows,), default=None
        Round or era of each row. By default the index level "round" or "era"; without
        one, all rows are of the same round.

    products : sequence of tuple of str, default=()
        Metrics whose product is a further metric, such as
        ``[("fnc", "dissimilarity")]``. Named ``"fnc * dissimilarity"``.

    normalize : {'zscore', 'rank'} or None, default=None
        What is done to contributions and metrics of each round. None leaves them in
        their units, as the article [1]_ does; then rounds that were good or bad for
        all models count too. 'zscore' gives each round mean 0 and standard deviation
        1; 'rank' gives ranks from -0.5 to 0.5. Products are taken before.

    missing : {'drop', 'separate', 'raise'}, default="drop"
        What is done with rows in which a metric is NaN: they are left out, are a group
        of their own in the shape of that metric, or raise.

    interactions : int or sequence of tuple of str, default=10
        Number of pairs of metrics to learn, the strongest found, or the pairs. Of
        three metrics there are three.

    n_folds : int, default=10
        Number of blocks of successive rounds, and of machines, each of which learns
        without one of the blocks; the result is their mean. With fewer than five
        rounds, blocks are drawn of the rows.

    ebm_params : dict, default=None
        Parameters of interpret's ``ExplainableBoostingRegressor`` that replace the
        ones here, such as ``{"max_bins": 256}``.

    random_state : int, RandomState instance or None, default=None
        Seed.

    verbose : int, default=1
        Whether a progress bar over the steps of boosting appears if it takes more than
        two seconds; with ``n_jobs=1``, the default of `ebm_params`, and no `callback`.

    Returns
    -------
    display : ContributionDisplay
        Importances, shapes and interactions as data, and `plot`. Printed, it is a
        table.

    Raises
    ------
    ImportError
        If interpret is not installed.

    ValueError
        If rows cannot be matched, fewer than 100 are complete, a column is constant or
        infinite, or a parameter is none of the allowed.

    See Also
    --------
    ContributionDisplay : What is returned.
    sknumerai.portfolio.TrueContribution : Contributions to explain.

    Notes
    -----
    The importance of a term is the mean size of its score over the rows; scores have mean
    0. Standard errors are those of the jackknife by blocks of rounds: rows of one
    round, and of rounds whose targets overlap, are no independent observations. For
    25,000 rows, three metrics and their pairs it takes a second or two, for six metrics
    and ten pairs three times that.

    References
    ----------
    .. [1] Numerai (2022). True Contribution Details. Numerai's forum.

    .. [2] Lou, Y., Caruana, R., Gehrke, J. and Hooker, G. (2013). Accurate Intelligible
       Models with Pairwise Interactions. KDD.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sknumerai.inspection import explain_contribution
    >>> rng = np.random.default_rng(0)
    >>> metrics = pd.DataFrame(rng.normal(size=(600, 2)), columns=["fnc", "corr"])
    >>> tc = 2 * metrics["fnc"] + rng.normal(size=600)
    >>> rounds = np.repeat(np.arange(20), 30)
    >>> display = explain_contribution(
    ...     tc, metrics, rounds=rounds, interactions=0, random_state=0
    ... )
    >>> display.importances["importance"].idxmax()
    'fnc'
    >>> bool(display.importances.loc["fnc", "monotonicity"] > 0.95)
    True
    """
    caller = "explain_contribution"
    check_choice(normalize, (None, "zscore", "rank"), "normalize", caller)
    check_choice(missing, ("drop", "separate", "raise"), "missing", caller)
    if not isinstance(n_folds, Integral) or n_folds < 2:
        raise ValueError(
            f"{caller}: n_folds must be an int of 2 or more. Got {n_folds!r}."
        )
    params = dict(DEFAULTS, **(ebm_params or {}))
    if taken := sorted(TAKEN & set(params)):
        raise ValueError(
            f"{caller}: {taken} of ebm_params are not yours to set: n_folds, "
            "interactions and random_state are parameters of this function, and the "
            "rest follows from the data."
        )
    glassbox = import_optional("interpret.glassbox", extra="explain", caller=caller)
    table = contribution_table(
        contributions, metrics, rounds, products, normalize, missing, caller
    )
    rng = check_random_state(random_state)
    held_out = _held_out(table, n_folds, rng)
    pairs = _pairs(interactions, table.names, caller)
    ebm = glassbox.ExplainableBoostingRegressor(
        **params,
        feature_names=table.names,
        feature_types=["continuous"] * len(table.names),
        interactions=pairs,
        outer_bags=held_out.shape[1],
        random_state=int(rng.randint(2**31 - 1)),
    )
    # 1: learned from, -1: held out
    bags = np.where(held_out, -1, 1).astype(np.int8)
    # a step of each machine learns one term
    n_terms = len(table.names) + (pairs if isinstance(pairs, int) else len(pairs))
    n_steps = n_terms * params["max_rounds"] * held_out.shape[1]
    # processes cannot tell a bar what they have done
    shown = verbose and params["n_jobs"] == 1 and "callback" not in params
    bar = bar_of(n_steps, caller, shown, unit="step")
    with bar as bar, warnings.catch_warnings():
        if shown:
            ebm.set_params(callback=_Step(bar))
        # that interpret's figures do not show missing values: ours do
        warnings.filterwarnings("ignore", message="Missing values detected")
        ebm.fit(table.values, table.contributions, bags=bags)
    return _display(BoostedTerms(ebm, table.names), table, held_out)


class _Step:
    """Tells a bar of each step, and lets boosting go on."""

    def __init__(self, bar):
        self.bar = bar

    def __call__(self, bag, step, progress, score):
        self.bar.update()
        return False


def _pairs(interactions, names, caller):
    if isinstance(interactions, Integral) and not isinstance(interactions, bool):
        if interactions < 0:
            raise ValueError(
                f"{caller}: interactions must not be negative. Got {interactions}."
            )
        return min(int(interactions), len(names) * (len(names) - 1) // 2)
    pairs = []
    for pair in interactions:
        known = not isinstance(pair, str) and all(name in names for name in pair)
        if not known or len(set(pair)) != 2 or len(pair) != 2:
            raise ValueError(
                f"{caller}: interactions must be an int or pairs of two of {names}. "
                f"Got {pair!r}."
            )
        pairs.append(tuple(names.index(name) for name in pair))
    return pairs


def _held_out(table, n_folds, rng):
    """Which rows each fold leaves out, shape (n_rows, n_folds)."""
    n_rows, eras = len(table.contributions), table.eras
    if eras is None or eras.n_eras < MIN_ROUNDS:
        folds = KFold(n_folds, shuffle=True, random_state=rng)
        parts = [test for _, test in folds.split(np.empty((n_rows, 0)))]
        masks = [np.isin(np.arange(n_rows), part) for part in parts]
    else:
        # successive rounds overlap: they are held out together
        blocks = np.array_split(np.arange(eras.n_eras), min(n_folds, eras.n_eras))
        masks = [np.isin(eras.codes, block) for block in blocks]
    return np.column_stack(masks)


def _display(terms, table, held_out):
    y, rows = table.contributions, terms.bins_of(table.values)
    predictions = terms.predict(rows)
    known = np.zeros(len(y))
    for fold, mask in enumerate(held_out.T):
        known[mask] = terms.predict(rows, fold)[mask]
    spread = np.square(y - y.mean()).sum()
    importances = terms.importances()
    importances["monotonicity"] = np.nan
    shapes = {name: terms.shape_of(name, table.values) for name in table.names}
    for name, shape in shapes.items():
        importances.loc[name, "monotonicity"] = _monotonicity(shape)
    for column, value in (("lowest", "min"), ("highest", "max")):
        importances[column] = {
            name: getattr(np, value)(scores) for name, scores in terms.scores().items()
        }
    return ContributionDisplay(
        importances=importances,
        shapes=shapes,
        interactions=terms.interactions(table.values),
        n_rows=len(y),
        n_left_out=table.n_given - len(y),
        n_rounds=1 if table.eras is None else table.eras.n_eras,
        r2=float(1 - np.square(y - predictions).sum() / spread),
        held_out_r2=float(1 - np.square(y - known).sum() / spread),
    )


def _monotonicity(shape):
    """Rank correlation of a metric and its score, over the bins of known values."""
    scores = shape["score"][shape["lower"].notna()]
    if scores.nunique() < 2:
        return 0.0
    return spearmanr(np.arange(len(scores)), scores)[0]
