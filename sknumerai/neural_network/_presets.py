"""Settings of the sources, for `from_preset`."""

# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import torch

from sknumerai.losses import ApproximateSpearmanLoss

# The settings of the sources. Keras' Adam has eps=1e-7.
_KERAS_ADAM = partial(torch.optim.Adam, eps=1e-7)
SUPERVISED_AUTOENCODER = {
    "numerai": {
        "hidden_units": (96, 96, 896, 448, 448, 256),
        "noise_std": 0.035,
        "dropouts": (0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4),
        "batch_norm": True,
        "output_gain": 1.0,
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
        "output_gain": 1.0,
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
    "output_gain": 1.0,
    "lr": 2e-3,
    "optimizer": torch.optim.AdamW,
    "weight_decay": 3e-4,
    "grad_clip": 1.0,
    "batch_size": 256,
    "batch_by": "rows",
    "patience": 16,
}
TABM = {
    "paper": {**_TABM, "variant": "tabm"},
    "mini": {**_TABM, "variant": "mini"},
}

# "Deep Learning Approach for Predicting Stock Market via Numerai", 2018: features in
# [0, 1]; T in the weight decay is the epochs of one round.
DENOISING_AUTOENCODER = {
    "article": {
        "hidden_units": (128, 64, 32),
        "activation": "relu",
        "noise_std": 1e-5,
        "n_noise_rounds": 5,
        "clean_round": True,
        "noise_per": "round",
        "shuffle_clean_round": False,
        "recon_loss": "mse",
        "lr": 1e-3,
        "max_epochs": 100,
        "batch_size": 16384,
        "batch_by": "rows",
        "optimizer": torch.optim.AdamW,
        "weight_decay": 0.005,
        "normalized_weight_decay": True,
        "n_validation_eras": 0,
        "feature_range": (0, 1),
    },
}
CONV_SELU = {
    "article": {
        "conv_axis": "time",
        "n_steps": 1,
        "conv_channels": (128, 256),
        "kernel_sizes": (3, 5),
        "pool_size": 2,
        "dense_features": (256, 128, 64),
        "alpha_dropout": 0.1,
        "output_gain": 1.0,
        "lr": 1e-3,
        "max_epochs": 100,
        "batch_size": 1024,
        "batch_by": "rows",
        "optimizer": torch.optim.AdamW,
        "weight_decay": 0.005,
        "normalized_weight_decay": True,
        "lr_patience": 5,
        "lr_factor": 0.5,
        "min_lr": 1e-5,
        "n_validation_eras": 0,
        "feature_range": None,
        "prediction_limits": (0.3, 0.7),
    },
}
# Gianluca Truda's notebooks. How the deployed network was trained is not published.
CONV_AUTOENCODER = {
    "stable": {
        "n_channels": 4,
        "head_features": (256, 64),
        "output_gain": 1.0,
        "loss": "pooled_corr",
        "recon_loss": "bce",
        "batch_by": "rows",
    },
    "development": {
        "n_channels": 4,
        "head_features": (32, 8),
        "output_gain": 1.0,
        "joint_step": False,
        "loss": "pooled_corr",
        "recon_loss": "bce",
        "lr": 1e-2,
        "ae_lr": 3e-4,
        "max_epochs": 200,
        "batch_size": 2**15,
        "batch_by": "rows",
        "pretrain_epochs": 0,
        "patience": None,
        "monitor": "loss",
    },
}

# What the search over hyper-parameters found is not published: the middle of the ranges,
# on a logarithmic scale for rates and penalties.
_SARFATI = {
    "d_hidden": 16,
    "d_ff": 16,
    "n_heads": 4,
    "n_blocks": 1,
    "dropout": 0.2,
    "l1": 3e-3,
    "loss": "spearman",
    "lr": 1e-3,
    "max_epochs": 20,
    "patience": 5,
    "batch_size": 2,
    "shuffle": False,
    "n_validation_eras": 13,
    "embargo": 4,
    "random_state": 42,
}
CONTEXT_AWARE_RANKER = {
    "sarfati": _SARFATI,
    "sarfati_group": {**_SARFATI, "d_hidden": 8, "d_ff": 8, "l1": 3e-4},
    "sarfati_equations": {
        **_SARFATI,
        "norm_first": False,
        "final_norm": False,
        "attention_scale": "model",
        "output_range": (-1.0, 1.0),
        "target_range": (0.0, 1.0),
        "loss": ApproximateSpearmanLoss(padding_mode="zero"),
    },
    # Scores and targets in [-1, 1]. Other than in the program: lists are not filled up
    # to max_list_length with -2, which counted in its loss; features are mapped to
    # [0, 1], not standardized, cut off at 3 and mapped to [-1, 1]; the plateau asks for
    # 1e-4 less, not for a ten-thousandth less (torch's patience of 3 is Keras's of 4).
    "sarfati_program": {
        **_SARFATI,
        "d_hidden": 128,
        "d_ff": 128,
        "n_blocks": 4,
        "dropout": 0.2478,
        "encoder_dropout": 0.1,
        "attention_dropout": 0.1,
        "output_range": (-1.0, 1.0),
        "l1": 1.345e-3,
        "loss": ApproximateSpearmanLoss(penalty_norm="batch"),
        "lr": 1.63e-3,
        "max_epochs": 10,
        "patience": 3,
        "min_delta": 2e-3,
        "grad_clip": 1.0,
        "lr_patience": 4,
        "lr_factor": 0.1,
        "min_lr": 0.0,
        "max_list_length": 3951,
        "embargo": 1,
        "monitor": "corr",
    },
}

# Ranks soft to 1e-4 are a temperature of 0.5 at 5,000 rows.
NEUTRALIZED_MLP = {
    "mdo": {
        "hidden_features": (100, 30),
        "activation": "mish",
        "dropout": 0.5,
        "output_gain": 1.0,
        "loss": "neutralized",
        "top_bottom": 500,
        "loss_weights": (1, 1, 1, 1e-3, 1e-4),
        "rank_transform": "rank",
        "temperature": 0.5,
        "batch_size": 1,
    },
}
