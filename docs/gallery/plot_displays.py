"""
Looking at models
=================

What `sknumerai.inspection` draws, on a synthetic tournament: splits, a training, scores of
eras, exposures, and several models beside each other. Every display takes `ax=`, and
holds the numbers that it draws.
"""

# %%
# A tournament
# ------------

import matplotlib.pyplot as plt
import optuna
import pandas as pd
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.inspection import (
    CorrelationDisplay,
    DistributionDisplay,
    EraScoresDisplay,
    FeatureExposureDisplay,
    LearningCurveDisplay,
    SearchHistoryDisplay,
    SplitDisplay,
    UniverseSizeDisplay,
)
from sknumerai.metrics import score_summary
from sknumerai.model_selection import GroupTimeSeriesSplit, OptunaSearchRegressor
from sknumerai.neural_network import MLPRegressor
from sknumerai.preprocessing import neutralize

data = make_numerai(
    160,
    n_samples_per_era=100,
    n_features=42,
    targets="target_ender_20",
    signal=3,
    random_state=0,
)
X, y = data.data, data.target

# %%
# Splits
# ------
# Eight eras of embargo on either side of the validation set, for a target of 20 days.

cv = GroupTimeSeriesSplit(4, test_size=20, valid_size=10)
splits = SplitDisplay.from_splitter(cv, X, y)
print(splits.embargo.head())

# %%
# A training
# ----------

is_train, is_test = data.eras <= "0092", data.eras > "0100"
net = MLPRegressor(16, max_epochs=10, patience=10, random_state=0)
net.fit(X[is_train], y[is_train])
LearningCurveDisplay.from_estimator(net)

# %%
# A search
# --------

optuna.logging.set_verbosity(optuna.logging.WARNING)
search = OptunaSearchRegressor(
    Ridge(),
    lambda trial: {
        "alpha": trial.suggest_float("alpha", 1e-1, 1e6, log=True),
        "fit_intercept": trial.suggest_categorical("fit_intercept", [True, False]),
    },
    cv=GroupTimeSeriesSplit(2, test_size=20),
    n_trials=20,
    random_state=0,
)
search.fit(X[is_train], y[is_train])
SearchHistoryDisplay.from_estimator(search)

# %%
# Scores of eras
# --------------
# Three models: the network, the best Ridge, and the network without half of what it
# shares with the features.

X_test, y_test = X[is_test], y[is_test]
network = net.predict(X_test)
models = pd.DataFrame(
    {
        "network": network,
        "ridge": search.predict(X_test),
        "network, half neutral": neutralize(network, X_test, proportion=0.5),
    },
    index=X_test.index,
)
scores = EraScoresDisplay.from_predictions(
    y_test, models, benchmark=data.benchmark, metrics=["corr", "bmc"]
)
summary = score_summary(scores.scores["corr"])
print(summary[["mean", "sharpe", "max_drawdown"]].round(3))

# %%
# Of one model each era has its bar.

EraScoresDisplay.from_predictions(y_test, models["ridge"])

# %%
# Exposures
# ---------
# Neutralization takes a part of all exposures.

FeatureExposureDisplay.from_predictions(None, models, X_test, n_features=12)

# %%
# Models beside each other
# ------------------------

CorrelationDisplay.from_predictions(None, models)

# %%
# Their values.

DistributionDisplay.from_predictions(y_test, models.iloc[:, :2])

# %%
# And their stocks: here a model that begins late, and lacks some stocks.

late = models[["network"]].assign(late=models["ridge"])
late.loc[data.eras[is_test] <= "0115", "late"] = None
late.iloc[::7, 1] = None
UniverseSizeDisplay.from_predictions(y_test, late)

plt.show()
