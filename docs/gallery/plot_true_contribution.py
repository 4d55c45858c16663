"""
True Contribution of models
===========================

Numerai's True Contribution (2022 to 2023) scored a model by what a little more stake on
it would have done to the return of the optimized portfolio. This page makes sixteen
rounds of five hundred stocks with six kinds of models, optimizes the portfolio of their
meta model in each, and scores them: by CORR, MMC and FNC, and by True Contribution.
"""

# %%
# Rounds
# ------
# A feature pays in these rounds that is not supposed to be held: the optimizer dislikes
# exposure to features. Most of the model "exposed" is that feature.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sknumerai.datasets import make_numerai
from sknumerai.metrics import fnc_score, mmc_score, numerai_corr_score
from sknumerai.portfolio import (
    PortfolioOptimizer,
    TrueContribution,
    leave_one_out_contribution,
    stake_weighted_average,
)

rng = np.random.default_rng(0)
data = make_numerai(
    16,
    n_samples_per_era=500,
    n_features=20,
    every=4,
    targets="target_ender_20",
    random_state=0,
)
X, y = data.data, data.target
feature = X.iloc[:, 0] - 2
known = (y - 0.5) / y.std()
returns = 0.02 * (known + 0.5 * feature + rng.normal(size=len(y)))


def noise(scale=3.0):
    """Draw what a model makes up."""
    return scale * rng.normal(size=len(y))


common = noise()
models = pd.DataFrame(
    {
        "skilled": 0.5 * known + noise(),
        "crowd 1": 0.5 * known + common + noise(0.5),
        "crowd 2": 0.5 * known + common + noise(0.5),
        "exposed": 0.1 * known + 2 * feature + noise(1.0),
        "noise": noise(),
        "opposite": -0.5 * known + noise(),
    }
)
models["skilled twin"] = models["skilled"]
stakes = pd.Series(
    {"skilled": 50, "crowd 1": 300, "crowd 2": 200, "exposed": 100, "noise": 50}
)

# %%
# Scores
# ------
# "skilled twin" and "opposite" have no stake, and get the score of their first unit: a
# twin scores what its original does. Left out one by one, models without a stake are worth
# nothing.

optimizer = PortfolioOptimizer(exposure_penalty=20.0)
tc = TrueContribution(optimizer, n_rounds=100, paired=True, random_state=0)
tc.fit(models, stakes, returns, exposures=X)
meta_model = stake_weighted_average(models, stakes, ranks="gaussian")
left_out = leave_one_out_contribution(
    models, stakes, returns, optimizer=optimizer, exposures=X
)
portfolio = 1e4 * tc.scores_
table = pd.DataFrame(
    {
        "stake": stakes.reindex(models.columns).fillna(0),
        "CORR": numerai_corr_score(y, models),
        "MMC": mmc_score(y, models, meta_model),
        "FNC": fnc_score(y, models, X),
        "TC, 1e-4": portfolio.mean(),
        "+/-": 2 * portfolio.std() / np.sqrt(len(portfolio)),
        "left out, 1e-4": 1e4 * left_out.mean(),
    }
)
print(table.round(3).to_string())
print(f"correlation to expect with other draws: {np.median(tc.reliability_):.3f}")

# %%
# The two models of the crowd make up most of the meta model: next to nothing of them is
# left without it (MMC), and the portfolio without either would earn more. TC, which leaves
# out the other one in half of its rounds, still sees their skill. Of "exposed" the
# optimizer takes away what pays, and TC is small though its stocks earned.
#
# A single round says little: "+/-" are two standard errors of the mean over sixteen rounds
# whose targets do not overlap.

# %%
# One number for each stock
# -------------------------
# The score of any signal is its product with the gradient of the return by the meta model
# of each stock. In one portfolio only stocks that are held, and not at their limit, have
# such a gradient; over the rounds of dropout most stocks are held once.

last = X.index.unique("era")[-1]
weights = optimizer.solve(meta_model.loc[last], exposures=X.loc[last])
gradient = pd.Series(tc.stock_gradient_, index=X.index).loc[last]
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
rows = table.sort_values("TC, 1e-4")
left.barh(rows.index, rows["TC, 1e-4"], xerr=rows["+/-"], capsize=3)
left.axvline(0, color="grey", linewidth=0.8)
left.set(title="True Contribution", xlabel="1e-4")
right.scatter(weights, gradient, s=6, c=returns.loc[last], cmap="coolwarm")
right.set(xlabel="weight in the portfolio", ylabel="gradient of the return")
right.set_title("stocks of the last round, coloured by their return")
plt.show()
