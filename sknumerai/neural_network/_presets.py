"""Settings of the sources, for `from_preset`."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import torch

# The settings of the sources. Keras' Adam has eps=1e-7.
_KERAS_ADAM = partial(torch.optim.Adam, eps=1e-7)
SUPERVISED_AUTOENCODER = {
    "numerai": {
        "hidden_units": (96, 96, 896, 448, 448, 256),
        "noise_std": 0.035,
        "dropouts": (0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4),
        "batch_norm": True,
        "loss": "mse",
        "lr": 1e-4,
        "max_epochs": 1,
        "batch_size": 32,
        "batch_by": "rows",
        "optimizer": _KERAS_ADAM,
        "n_validation_eras": 0,
    },
    "jane_street": {
        "hidden_units": (96, 96, 896, 448, 448, 256),
        "noise_std": 0.03527936,
        "dropouts": (
            0.03842497,
            0.42409238,
            0.10431484,
            0.49230390,
            0.32024445,
            0.27168561,
            0.43792339,
        ),
        "batch_norm": True,
        "loss": "bce",
        "lr": 1e-3,
        "max_epochs": 100,
        "patience": 10,
        "min_delta": 1e-4,
        "batch_size": 4096,
        "batch_by": "rows",
        "optimizer": _KERAS_ADAM,
        "monitor": "corr",
    },
}

# The authors' defaults without embeddings, in the settings of their example.
_TABM = {
    "hidden_features": (512, 512, 512),
    "k": 32,
    "dropout": 0.1,
    "lr": 2e-3,
    "optimizer": torch.optim.AdamW,
    "weight_decay": 3e-4,
    "batch_size": 256,
    "batch_by": "rows",
    "patience": 16,
}
TABM = {
    "paper": {**_TABM, "variant": "tabm"},
    "mini": {**_TABM, "variant": "mini"},
}
