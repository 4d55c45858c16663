"""
Neutralization, before and after
================================

A model that leans on a few features does well while they do and loses when they turn.
Neutralization takes out of its predictions, era by era, what features explain of them, or
a share of it. This page trains boosted trees in a tournament whose features' pay drifts,
neutralizes their predictions by shares from 0 to 1, and looks at what is left: scores,
their steadiness, and exposures.
"""

# %%
# A model
# -------
# Ten features and three times the real signal. The trees are trained on the first 60
# eras; eight eras are left out before the test eras, since targets look twenty days ahead.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from sknumerai.datasets import make_numerai
from sknumerai.metrics import (
    compare_scores,
    feature_exposures,
    max_feature_exposure,
    numerai_corr_score,
    score_summary,
)
from sknumerai.preprocessing import neutralize, reduce_exposure

data = make_numerai(
    168,
    n_samples_per_era=600,
    n_features=10,
    targets="target_ender_20",
    signal=3,
    random_state=0,
)
X, y = data.data, data.target
past, test = X.loc[:"0060"], X.loc["0069":]
trees = LGBMRegressor(
    n_estimators=150,
    learning_rate=0.05,
    num_leaves=8,
    colsample_bytree=0.5,
    n_jobs=1,
    random_state=0,
    verbose=-1,
)
trees.fit(past, y[past.index])
raw = pd.Series(trees.predict(test), index=test.index)

# %%
# Shares
# ------
# All shares come from one least-squares fit for each era. `reduce_exposure` is another
# way: the smallest change after which no exposure exceeds a limit.

shares = np.linspace(0, 1, 11).round(1).tolist()
predictions = pd.DataFrame(neutralize(raw, test, proportion=shares))
predictions["limit 0.1"] = reduce_exposure(raw, test, max_exposure=0.1)
scores = numerai_corr_score(y[test.index], predictions, aggregate=None)
table = score_summary(scores)[["mean", "std", "sharpe", "max_drawdown"]]
table["max exposure"] = max_feature_exposure(None, predictions, test)
print(table.round(4).to_string())

# %%
# How sure the difference is between none and half of it, over eras that overlap:

half = compare_scores(
    scores[0.5], scores[0.0], statistic="sharpe", horizon=20, random_state=0
)
print(half.round(3).to_string())

# %%
# Scores and exposures
# --------------------
# The Sharpe ratio of a share is a matter of the data: search the share on eras that you
# do not score.

fig, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
table.loc[shares, ["mean", "std"]].plot(ax=axes[0], marker=".", title="CORR")
table.loc[shares, "sharpe"].plot(ax=axes[1], marker=".", title="Sharpe ratio")
for ax in axes[:2]:
    ax.set_xlabel("share that is neutralized")
exposures = feature_exposures(None, predictions[[0.0, 0.5, 1.0, "limit 0.1"]], test)
exposures.columns = [f"feature {j}" for j in range(exposures.shape[1])]
exposures.T.plot.barh(ax=axes[2], title="mean exposure", width=0.8)
plt.show()
