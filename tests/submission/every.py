"""An exported file of every estimator of the package, and what it should say."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sknumerai.datasets import make_numerai
from sknumerai.neural_network import MLPRegressor, SupervisedAutoencoderRegressor
from sknumerai.submission import export_model
from tests.common import tested_estimators

N_LIVE = 60
# a script for a process without sknumerai: raw predictions and ranks of each file
CHECK = """
import sys, warnings
import numpy as np, pandas as pd
warnings.simplefilter("ignore")
live, one_era = pd.read_pickle("live.pkl"), pd.read_pickle("one_era.pkl")
names = open("names.txt").read().split()
for name in names:
    expected = np.load(f"{name}.npz")
    predict = pd.read_pickle(f"{name}.pkl")
    raw = predict.predict_raw(one_era)
    off = np.abs(raw - expected["raw"]).max()
    assert off <= 1e-6, (name, off)
    got = predict(live, pd.DataFrame(index=live.index))["prediction"].to_numpy()
    # where two predictions are equal but for rounding their ranks may be swapped
    near = np.isclose(np.diff(np.sort(expected["raw"])), 0, atol=2e-6).any()
    worst = np.abs(got - expected["ranks"]).max()
    assert worst == 0 or (near and worst <= 2 / len(live)), (name, worst)
assert not {"sknumerai", "skorch", "optuna"} & set(sys.modules)
print(len(names), "alike")
"""


def models():
    """Yield (name, unfitted model) of every estimator and of a pipeline of a vote."""
    for model in tested_estimators():
        name = type(model).__name__
        params = model.get_params(deep=False)
        few = {"max_epochs": 2, "random_state": 0}
        model.set_params(**{k: v for k, v in few.items() if k in params})
        if not hasattr(model, "predict"):
            model = make_pipeline(model, Ridge())
        yield name, model
    few["batch_size"] = 64
    net = MLPRegressor((8,), **few)
    sae = SupervisedAutoencoderRegressor((6, 6, 6, 6, 6, 6), **few)
    members = [("net", net), ("sae", sae), ("ridge", Ridge())]
    steps = [("scale", StandardScaler()), ("vote", VotingRegressor(members))]
    yield "PipelineOfVote", Pipeline(steps).set_output(transform="pandas")


def write_every(folder):
    """Export all into a folder, with a live frame and the expected predictions."""
    data = make_numerai(
        n_eras=41, n_features=6, n_samples_per_era=N_LIVE, random_state=0
    )
    last = data.data.index.get_level_values("era")[-1]
    train = data.data.index.get_level_values("era") != last
    live = data.data[~train].reset_index("era").assign(era="X", feature_new=3)
    one_era = live.set_index("era", append=True).swaplevel()[data.feature_names]
    live.to_pickle(folder / "live.pkl")
    one_era.to_pickle(folder / "one_era.pkl")
    names = []
    for name, model in models():
        X, y = data.data[train], data.target[train]
        y = (y > 0.5).astype(int) if is_classifier(model) else y
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
            if is_classifier(model):
                raw = model.predict_proba(one_era) @ model.classes_
            else:
                raw = np.ravel(model.predict(one_era))
            export_model(model, folder / f"{name}.pkl", verify=False)
        ranks = (pd.Series(raw).rank().to_numpy() - 0.5) / N_LIVE
        np.savez(folder / f"{name}.npz", raw=raw, ranks=ranks)
        names.append(name)
    (folder / "names.txt").write_text("\n".join(names))
    return names
