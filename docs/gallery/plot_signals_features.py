"""
Features of your own, from prices (Signals)
===========================================

Numerai Signals takes predictions for tickers, made from data of your own. The classical
features are technical indicators: this page makes prices of two hundred tickers, builds
fifteen features of them with pandas, as Gianluca Truda's Signals notebook does (relative
strength index by ticker, quintiles by date, lags and differences), and then goes the same
way as in Numerai Classic: eras in the index, walk-forward folds, scores by era.
"""

# %%
# Prices
# ------
# Daily returns have a market in common, and a little of last weeks' losses comes back:
# the reversal that the relative strength index looks for. It is stronger here than
# anywhere, so that a page can show it.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge

from sknumerai.metrics import (
    churn_score,
    neutral_corr_score,
    score_summary,
    spearman_score,
)
from sknumerai.model_selection import GroupTimeSeriesSplit, era_cross_val_predict
from sknumerai.preprocessing import EraQuantileScaler, GaussianRankScaler

N_TICKERS, N_DAYS, REVERSAL = 200, 1250, 0.15
rng = np.random.default_rng(0)
days = pd.bdate_range("2021-01-04", periods=N_DAYS, name="date")
tickers = pd.Index([f"T{i:03d} US" for i in range(N_TICKERS)], name="ticker")
market = 0.01 * rng.standard_t(5, size=N_DAYS)
beta = rng.uniform(0.5, 1.5, N_TICKERS)
own = 0.02 * rng.standard_t(5, size=(N_DAYS, N_TICKERS))
for day in range(10, N_DAYS):
    own[day] -= REVERSAL * own[day - 10 : day].mean(axis=0)
close = pd.DataFrame(
    100 * np.exp(np.cumsum(market[:, None] * beta + own, axis=0)), days, tickers
)

# %%
# Features
# --------
# Everything that looks back is made ticker by ticker on all days, before any day is
# left out. Only values up to the day itself are used: `shift` by a positive number.


def rsi(prices, n_days=10):
    """Compute the relative strength index, 0 to 100, of each ticker."""
    change = prices.diff()
    up = change.clip(lower=0).rolling(n_days).mean()
    down = -change.clip(upper=0).rolling(n_days).mean()
    return 100 * up / (up + down)


strength = rsi(close).dropna(how="all")
fridays = strength[strength.index.day_of_week == 4]
eras = fridays.index.strftime("%Y%m%d").astype(int)
weekly = fridays.set_axis(pd.Index(eras, name="era")).stack().rename("rsi").to_frame()

# quintiles by date, 0 to 4, as Numerai's own features are
quintile = EraQuantileScaler().fit_transform(weekly)["rsi"].astype(float)
by_ticker = quintile.groupby(level="ticker")
features = {f"rsi_lag_{k}": by_ticker.shift(k) for k in range(5)}
for k in range(5):
    change = features[f"rsi_lag_{k}"] - by_ticker.shift(k + 1)
    features[f"rsi_diff_{k}"] = change
    features[f"rsi_abs_diff_{k}"] = change.abs()
X = pd.DataFrame(features)
print(X.dropna().head(3).T.to_string())

# %%
# Target
# ------
# Returns of the next twenty days, from the day after the era's, less the market's, ranked
# by date. Its name tells the splitter how far it looks ahead. Real targets of Signals come
# from Numerai, with their eras; then this step is a join by era and ticker.

ahead = np.log(close.shift(-21) / close.shift(-1))
ahead = ahead.loc[fridays.index].set_axis(fridays.index.strftime("%Y%m%d").astype(int))
target = ahead.rename_axis("era").stack().rename("target_20")
rows = X.dropna().index.intersection(target.dropna().index)
X = X.loc[rows]
y = GaussianRankScaler().fit_transform(target.loc[rows].to_frame())["target_20"]

# %%
# Eras are numbered: an embargo counts weeks, not dates. The dates stay in a table beside.

weeks = pd.Series(range(1, rows.unique("era").size + 1), rows.unique("era"))
number = weeks[rows.get_level_values("era")].to_numpy()
index = pd.MultiIndex.from_arrays(
    [number, rows.get_level_values("ticker")], names=["era", "ticker"]
)
X, y = X.set_axis(index), y.set_axis(index)

# %%
# Models
# ------
# Walking forward, with an embargo of eight weeks. Boosted trees on a tenth of the rows
# each are the notebook's model.

cv = GroupTimeSeriesSplit(n_splits=4, test_size=26)
print(cv.describe(X, y).filter(regex="first|last|embargo").to_string())
trees = LGBMRegressor(
    n_estimators=100,
    learning_rate=0.05,
    num_leaves=8,
    subsample=0.1,
    subsample_freq=1,
    n_jobs=1,
    random_state=0,
    verbose=-1,
)
predictions = pd.DataFrame(
    {
        name: era_cross_val_predict(model, X, y, cv=cv, verbose=0)
        for name, model in {"trees": trees, "ridge": Ridge(100)}.items()
    }
).dropna()
predictions["minus RSI"] = -X.loc[predictions.index, "rsi_lag_0"]
tested = y.loc[predictions.index]
scores = spearman_score(tested, predictions, aggregate=None)
print(score_summary(scores)[["mean", "std", "sharpe"]].round(3).to_string())

# %%
# What Signals scores
# -------------------
# Predictions are neutralized to what Numerai knows already, here the betas, and should
# not change much from one week to the next: tickers stay, so churn is defined.

neutralizers = pd.DataFrame(
    {"beta": beta[tickers.get_indexer(predictions.index.get_level_values("ticker"))]},
    index=predictions.index,
)
neutral = neutral_corr_score(tested, predictions, neutralizers)
churn = churn_score(None, predictions)
print(pd.DataFrame({"neutral CORR": neutral, "churn": churn}).round(3).to_string())

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
scores.cumsum().plot(ax=left)
left.set(title="cumulative Spearman correlation", xlabel="week")
y.groupby(X["rsi_lag_0"]).mean().plot.bar(ax=right, rot=0)
right.set(xlabel="quintile of RSI", ylabel="mean target", title="all weeks")
plt.show()
