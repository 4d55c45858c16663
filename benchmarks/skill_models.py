"""Models of the tables of skill: settings that networks were tuned to, and three sizes.

`bench_skill.py` uses size "small" on synthetic tournaments, where the settings were
found (docs/user_guide/skill.md); `real_data.py` uses the same ones on Numerai's files.
"""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from lightgbm import LGBMRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skorch.callbacks import LRScheduler

from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    ConvSELURegressor,
    DenoisingAutoencoder,
    MLPRegressor,
    NeutralizedMLPRegressor,
    SupervisedAutoencoderRegressor,
    TabMRegressor,
)

# Trees with the parameters of Numerai's examples (small) and benchmark models (full).
# "small" was frozen on 2026-11-21, see bench_skill.py.
TREES = {
    "demo": {
        "n_estimators": 200,
        "learning_rate": 0.05,
        "max_depth": 5,
        "num_leaves": 15,
        "colsample_bytree": 0.1,
    },
    "small": {
        "n_estimators": 2000,
        "learning_rate": 0.01,
        "max_depth": 5,
        "num_leaves": 15,
        "colsample_bytree": 0.1,
    },
    "full": {
        "n_estimators": 20000,
        "learning_rate": 0.001,
        "max_depth": 6,
        "num_leaves": 64,
        "colsample_bytree": 0.1,
    },
}


class Fit:
    """A model of the table: how to make it, and what it is given beside the rows.

    Parameters
    ----------
    make : callable
        From a seed to an estimator.

    levels : bool, default=False
        Whether it is given five columns of 0 and 1 for each feature, one for each code.

    dtype : dtype, default=np.int8
        Of the features.

    multi : bool, default=False
        Whether it learns the auxiliary targets too, where there are any.

    mixed : bool, default=False
        Whether rows are dealt to eras at random, so that no era shows anything.
    """

    def __init__(self, make, *, levels=False, dtype=np.int8, multi=False, mixed=False):
        self.make = make
        self.levels = levels
        self.dtype = dtype
        self.multi = multi
        self.mixed = mixed

    def fit_predict(self, seed, data, target, train, test):
        """Fit on the training rows; return predictions of the test rows."""
        X, X_test = data.iloc[train], data.iloc[test]
        if self.levels:
            encoder = OneHotEncoder(sparse_output=False, dtype=np.int8)
            encoder.set_output(transform="pandas")
            X, X_test = encoder.fit_transform(X), encoder.transform(X_test)
        extra, at_predict = {}, {}
        if self.multi and target.shape[1] > 1:
            extra["aux_targets"] = target.iloc[train, 1:]
        if self.mixed:
            rng = np.random.default_rng(seed)
            for rows, where in ((X, extra), (X_test, at_predict)):
                eras = rows.index.get_level_values("era").to_numpy()
                where["groups"] = rng.permutation(eras)
        model = self.make(seed).fit(
            X.astype(self.dtype), target.iloc[train, 0], **extra
        )
        return model.predict(X_test.astype(self.dtype), **at_predict)


def network(cls, max_epochs, *, levels=False, multi=False, mixed=False, **params):
    """Tell how a network is trained here: on all eras, a rate that falls to 0.

    Held-out eras of this size have a CORR that is known to .007 or so; stopping at the
    best of it stops at random (see the user guide).
    """

    def make(seed):
        decay = LRScheduler("CosineAnnealingLR", T_max=max_epochs)
        return cls(
            max_epochs=max_epochs,
            n_validation_eras=0,
            callbacks=[("decay", decay)],
            random_state=seed,
            **({"feature_range": (0, 1)} if levels else {}),
            **params,
        )

    return Fit(make, levels=levels, multi=multi, mixed=mixed)


def denoised(max_epochs, *, levels=True, device="cpu"):
    """Tell how a perceptron is trained on the code of a denoising autoencoder."""

    def make(seed):
        # wider than the 32 numbers of 2018, which cannot hold 42 features
        code = DenoisingAutoencoder(
            (256, 128),
            n_noise_rounds=2,
            max_epochs=min(2, max_epochs),
            feature_range=(0, 1) if levels else "auto",
            device=device,
            random_state=seed,
        )
        regressor = network(
            MLPRegressor,
            max_epochs,
            dropout=0.3,
            linear_skip=True,
            lr=1e-3,
            device=device,
        )
        return make_pipeline(code, regressor.make(seed))

    return Fit(make, levels=levels)


# What a row-wise network is given to draw curves of single features
CURVES = {"n_levels": 5, "linear_skip": True}
SAE = {"hidden_units": (32, 32, 128, 64), "dropouts": 0.05, "lr": 1e-3}
CONV = {
    "conv_channels": (8,),
    "kernel_sizes": (5,),
    "pool_size": 1,
    "dense_features": (16,),
    "alpha_dropout": 0.0,
    "loss": "corr",
    "lr": 1e-3,
}
GTRUDA = {"n_channels": 2, "head_dropout": 0.3, "lr": 1e-3}
RANKER = {
    "d_hidden": 32,
    "dropout": 0.0,
    "loss": "corr",
    "l1": 0.0,
    "output_range": None,
    "linear_skip": True,
    "output_gain": 0.01,
    "lr": 2e-3,
    "batch_size": 1,
    "shuffle": True,
    "max_list_length": 500,
}
TABM = {"hidden_features": (64, 64), "k": 8, "lr": 1e-3}
# What another size than "small" changes. Widths of "full" were not tuned: no
# synthetic tournament of that size was tried.
WIDTHS = {
    "demo": {},
    "small": {},
    "full": {
        "mlp": {"hidden_features": (512, 256)},
        "sae": {"hidden_units": (96, 96, 448, 224)},
        "ranker": {"d_hidden": 64, "max_list_length": 2000},
        "tabm": {"hidden_features": (256, 256), "k": 16},
    },
}


def models(size="small", *, levels=True, neutralizers=None, device="cpu"):
    """Return the models by name.

    Parameters
    ----------
    size : {"demo", "small", "full"}, default="small"
        "demo" has fewer trees and one epoch, two for the ranker; "full" wider
        networks and ten times the trees.

    levels : bool, default=True
        Whether networks that have no `n_levels` are given the codes as five columns
        each. Thousands of features are too many for that.

    neutralizers : list of str or None, default=None
        Features by which `NeutralizedMLPRegressor` neutralizes; None for all.

    device : str, default="cpu"
        Of the networks.

    Returns
    -------
    models : dict of str to Fit
        What to fit.
    """
    wide = WIDTHS[size]

    def net(cls, max_epochs, kind=None, *, levels=False, multi=False, **params):
        if size == "demo":
            max_epochs = 2 if cls is ContextAwareRanker else 1
        params = {**params, **wide.get(kind, {}), "device": device}
        return network(cls, max_epochs, levels=levels, multi=multi, **params)

    trees = {**TREES[size], "n_jobs": 1, "verbose": -1}
    sae = SupervisedAutoencoderRegressor
    on_levels = {**RANKER, "n_levels": 5, "lr": 5e-4}
    return {
        "ridge": Fit(lambda seed: Ridge(), dtype=np.float32),
        "ridge on levels": Fit(lambda seed: Ridge(5e3), levels=True, dtype=np.float32),
        "lightgbm": Fit(lambda seed: LGBMRegressor(random_state=seed, **trees)),
        "mlp": net(MLPRegressor, 4, "mlp", dropout=0.3, lr=1e-3, **CURVES),
        "sae": net(sae, 4, "sae", levels=levels, **SAE),
        "sae multi": net(sae, 4, "sae", levels=levels, multi=True, **SAE),
        "ranker": net(ContextAwareRanker, 12, "ranker", **RANKER),
        "ranker on levels": net(ContextAwareRanker, 8, "ranker", **on_levels),
        "conv selu": net(ConvSELURegressor, 3, levels=levels, **CONV),
        "denoised mlp": denoised(
            1 if size == "demo" else 4, levels=levels, device=device
        ),
        "gtruda": net(ConvAutoencoderRegressor, 3, levels=levels, **GTRUDA),
        "tabm": net(TabMRegressor, 4, "tabm", **TABM, **CURVES),
        "neutralized mlp": net(
            NeutralizedMLPRegressor,
            4,
            loss="corr",
            dropout=0.1,
            lr=1e-3,
            neutralizers=neutralizers,
            **CURVES,
        ),
    }
