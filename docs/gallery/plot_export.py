"""
From a fitted model to the file that Numerai runs
=================================================

Numerai runs an uploaded pickle every day, on machines that do not have this package. This
page fits a blend, writes the file, calls it as Numerai does with a live round, and looks
at what is submitted, plain and neutralized by half.
"""

# %%
# A blend
# -------
# The last era plays the live round: its label becomes "X", its target is not used.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge

from sknumerai.datasets import make_numerai
from sknumerai.ensemble import RankAveragingRegressor
from sknumerai.metrics import feature_exposures
from sknumerai.neural_network import MLPRegressor
from sknumerai.submission import check_submission, export_model

data = make_numerai(
    80, n_samples_per_era=300, targets="target_ender_20", random_state=0
)
X, y = data.data.loc[:"0071"], data.target.loc[:"0071"]
model = RankAveragingRegressor(
    [
        ("net", MLPRegressor((32,), max_epochs=5, random_state=0)),
        ("trees", LGBMRegressor(n_estimators=50, n_jobs=1, verbose=-1)),
        ("ridge", Ridge()),
    ]
).fit(X, y)
live = data.data.loc["0080"].assign(era="X")
print(live.iloc[:3, [0, 1, -1]])

# %%
# The file
# --------
# Before it gets its name it is loaded in a fresh process in which sknumerai cannot be
# imported, and its predictions are compared with the model's. That takes some seconds, and
# is left out for the second file to keep this page short.

folder = tempfile.TemporaryDirectory()
plain = export_model(model, Path(folder.name) / "predict.pkl")
half = {"proportion": 0.5}
neutral = export_model(
    model, Path(folder.name) / "neutral.pkl", neutralize=half, verify=False
)
print({path.name: f"{path.stat().st_size / 1e6:.1f} MB" for path in (plain, neutral)})

# %%
# As Numerai calls it
# -------------------
# With today's features and, if it wants them, the benchmark models' predictions. What
# comes back is ranked, strictly between 0 and 1, with the live round's ids.

submissions = pd.DataFrame(
    {path.stem: pd.read_pickle(path)(live)["prediction"] for path in (plain, neutral)}
)
print(check_submission(submissions["predict"].rename("prediction"), live).head(3))
print(submissions.corr().round(3))

# %%
# What neutralization changes
# ---------------------------
# Half of what features explain of the prediction is taken away, in the file itself.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
left.scatter(submissions["predict"], submissions["neutral"], s=8)
left.set(xlabel="predict.pkl", ylabel="neutral.pkl", title="predictions of the stocks")
exposures = feature_exposures(None, submissions, live[model.feature_names_in_])
exposures.columns = range(exposures.shape[1])
exposures.T.plot.bar(ax=right, title="exposure to each feature")
folder.cleanup()
plt.show()
