"""
A ranker that walks forward
===========================

A model in the tournament is trained on the past and scored on eras that come later, again
and again. This page walks forward with the context-aware ranker, a network that sees all
stocks of an era at once: each fold goes on from the weights of the one before, as in
Sarfati's "Numerai Tournament" (2024), and is compared with a ridge regression that starts
anew.
"""

# %%
# The data
# --------
# Three years of weekly eras of a synthetic tournament, with ten times the real signal:
# nothing can be seen of the real one in so few rows.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.metrics import bootstrap_interval, compare_scores, numerai_corr_score
from sknumerai.model_selection import GroupTimeSeriesSplit, WarmStartWalkForward
from sknumerai.neural_network import ContextAwareRanker

data = make_numerai(
    156,
    n_samples_per_era=300,
    n_features=20,
    targets="target_ender_20",
    signal=10,
    random_state=0,
)
X, y = data.data, data.target

# %%
# The folds
# ---------
# Validation eras, on which training stops, lie between training and test, with the
# embargo of eight eras on both sides that the target's twenty days ask for.

cv = GroupTimeSeriesSplit(
    4, test_size=13, valid_size=13, first_train_size=52, max_train_size=13
)
layout = cv.describe(X, y).filter(regex="first|last")
print(layout.to_string())

# %%
# Walking
# -------
# The ranker takes the benchmark's predictions to watch CORR + 2 BMC of the validation
# eras, the payout that can be known without the meta model.

ranker = ContextAwareRanker(
    n_levels=5, linear_skip=True, lr=3e-3, max_epochs=8, patience=3, random_state=0
)
walk = WarmStartWalkForward(ranker, cv, verbose=0)
walk.fit(X, y, benchmark=data.benchmark)
print(walk.fold_table_[["valid_score", "test_score", "best_epoch"]].round(3))

ridge = WarmStartWalkForward(Ridge(), cv, warm_start=False, verbose=0).fit(X, y)
predictions = pd.DataFrame(
    {
        "ranker": walk.predictions_.squeeze(),
        "ridge": ridge.predictions_.squeeze(),
        "stable oracle": data.stable_oracle,
        "benchmark": data.benchmark["v53_lgbm_ender20"],
    }
).dropna()

# %%
# Scores of the test eras
# -----------------------
# The stable oracle knows the lasting part of how features and target go together: no
# model can do better for long. The interval knows that targets of neighbouring eras
# overlap.

scores = numerai_corr_score(y[predictions.index], predictions, aggregate=None)
print(bootstrap_interval(scores, horizon=20, random_state=0).round(4).to_string())
print()
difference = compare_scores(scores, baseline="ridge", horizon=20, random_state=0)
print(difference.round(4).T.to_string())

# %%
# The weights that a fold begins with are scored first. Where no epoch is better they are
# kept, and the curve's highest point is at 0.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
scores.cumsum().set_axis(scores.index.astype(int)).plot(ax=left)
left.set(title="cumulative CORR of the test eras", xlabel="era")
for fold, model in enumerate(walk.estimators_):
    curve = pd.DataFrame(list(model.history_)).set_index("epoch")["valid_lpayout"]
    right.plot(curve, marker=".", label=f"fold {fold}")
right.set(title="CORR + 2 BMC of the validation eras", xlabel="epoch")
right.legend()
plt.show()
