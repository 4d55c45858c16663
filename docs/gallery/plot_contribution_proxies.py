"""
What True Contribution goes together with
=========================================

Numerai explained True Contribution (TC) in 2022 by other metrics of rounds 272 to 300,
with an explainable boosting machine: the best proxy was FNCv3, the correlation of
feature-neutral predictions. This page makes rounds of a synthetic tournament, scores a
hundred models in each with `TrueContribution`, and asks the same question of all the
article's metrics. Where the file of real scores is at hand, it asks it of those too.
"""

# %%
# Models
# ------
# Each model sees some of what can be known of the target, leans on a handful of features,
# follows the benchmark, as most real models do, and has noise of its own, each with a
# weight of its own. Some are neutralized.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sknumerai.datasets import make_numerai
from sknumerai.inspection import explain_contribution
from sknumerai.metrics import (
    exposure_dissimilarity,
    fnc_score,
    max_feature_exposure,
    mmc_score,
    numerai_corr_score,
)
from sknumerai.portfolio import (
    PortfolioOptimizer,
    TrueContribution,
    stake_weighted_average,
)
from sknumerai.preprocessing import neutralize

N_ROUNDS, N_STOCKS, N_FEATURES, N_MODELS = 24, 1000, 42, 100
data = make_numerai(
    N_ROUNDS,
    n_samples_per_era=N_STOCKS,
    n_features=N_FEATURES,
    signal=2,
    every=4,
    random_state=0,
)
X, y = data.data, data.target
rng = np.random.default_rng(0)


def standardized(values):
    """Give each column of each round mean 0 and standard deviation 1."""
    frame = pd.DataFrame(np.asarray(values, dtype=float), index=X.index)
    by_round = frame.groupby(level="era", observed=True)
    return ((frame - by_round.transform("mean")) / by_round.transform("std")).to_numpy()


known = standardized(data.stable_oracle.to_frame())
benchmark = standardized(data.benchmark.iloc[:, [0]])
features = standardized(X)
models = {}
for j in range(N_MODELS):
    favourites = rng.choice(N_FEATURES, 5, replace=False)
    lean = features[:, favourites] @ rng.normal(size=(5, 1))
    parts = [known, benchmark, standardized(lean), rng.normal(size=(len(X), 1))]
    weights = rng.dirichlet([0.4, 1.5, 0.8, 1.5])
    prediction = (np.hstack(parts) @ weights).ravel()
    if j % 3 == 0:
        prediction = neutralize(
            prediction, X, groups=data.eras, proportion=rng.uniform()
        )
    models[f"model_{j}"] = np.asarray(prediction)
models = pd.DataFrame(models, index=X.index)
stakes = pd.Series(rng.lognormal(sigma=1.5, size=N_MODELS), models.columns)

# %%
# Contributions and metrics
# -------------------------
# Stocks earn what the target says, and noise. The optimizer dislikes exposure to the
# features.

returns = (y - 0.5 + rng.normal(scale=0.2, size=len(y))).to_numpy()
tc = TrueContribution(
    PortfolioOptimizer(exposure_penalty=1.0), n_rounds=100, random_state=0
)
tc.fit(models, stakes, returns, exposures=X)
meta_model = stake_weighted_average(models, stakes, ranks="gaussian")
metrics = {
    "FNC": fnc_score(y, models, X, aggregate=None),
    "CORR": numerai_corr_score(y, models, aggregate=None),
    "MMC": mmc_score(y, models, meta_model, aggregate=None),
    "TB200": fnc_score(y, models, X, top_bottom=200, aggregate=None),
    "ED": exposure_dissimilarity(
        y, models, X, data.benchmark.iloc[:, 0], aggregate=None
    ),
    "max exposure": max_feature_exposure(y, models, X, aggregate=None),
}
print(f"reliability of TC: {np.median(tc.reliability_):.3f}\n")

# %%
# What explains them
# ------------------
# All metrics, with the product of FNC and exposure dissimilarity (ED), as in the article.

synthetic = explain_contribution(
    tc.scores_,
    metrics,
    products=[("FNC", "ED")],
    normalize="zscore",
    interactions=3,
    random_state=0,
)
print("synthetic rounds", synthetic, sep="\n", end="\n\n")
synthetic.plot()

# %%
# Alone, each metric looks better than beside the others: what goes together with a proxy
# is a proxy of the proxy.

for name in ("FNC", "CORR", "MMC"):
    alone = explain_contribution(
        tc.scores_, {name: metrics[name]}, normalize="zscore", random_state=0
    )
    print(f"{name} alone: held-out R2 {alone.held_out_r2:.3f}")

# %%
# Real scores
# -----------
# Of rounds 272 to 300, in the units of the metrics, as the article has it, and
# with what all models of a round share taken out. MMC is known up to round 277.

path = Path(os.environ.get("SKNUMERAI_TEST_DATA", "")) / "leaderboard_tc.parquet"
if path.is_file():
    panel = pd.read_parquet(path).set_index(["round", "model"]).sort_index()
    names = ["fncV3", "corr", "corrWMetamodel"]
    for normalize in (None, "zscore"):
        for first, last, columns in ((272, 300, names), (272, 277, [*names, "mmc"])):
            rows = panel.loc[first:last]
            real = explain_contribution(
                rows["tc"], rows[columns], normalize=normalize, random_state=0
            )
            print(f"\nrounds {first}-{last}, normalize={normalize}", real, sep="\n")
            if last == 300:
                real.plot().figure_.suptitle(f"rounds 272-300, {normalize=}")

plt.show()
