"""What each of two processes does in `test_processes`; also fits alone to compare.

python -m tests.neural_network.two_processes OUT
"""

import pickle
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sknumerai.neural_network import (
    ContextAwareRanker,
    ConvAutoencoderRegressor,
    EraScoring,
    MLPRegressor,
    SupervisedAutoencoderRegressor,
)
from tests.neural_network import tiny
from tests.neural_network.tiny import META, X, Y

SGD = partial(torch.optim.SGD, momentum=0.9)
# each trains with batches of one process; `alone` of twice that size
NETWORKS = {
    "rows": (
        MLPRegressor,
        {
            "batch_size": 30,  # of 360 rows less 1: the last batch is divided 29 : 30
            "optimizer": SGD,
            "max_epochs": 3,
            "lr": 0.05,
            "grad_clip": 0.5,
            "n_validation_eras": 2,
            "embargo": 0,
            "callbacks": [EraScoring()],
        },
    ),
    # of 11 eras, so that one process has no part in the last batch
    "eras": (
        ContextAwareRanker,
        {
            "batch_size": 1,
            "max_epochs": 3,
            "n_validation_eras": 1,
            "embargo": 0,
            # Adam would step along gradients that are 0 but for rounding: biases of keys
            "optimizer": SGD,
            "lr": 0.1,
        },
    ),
    # weights that have no gradient in the first stage
    "stages": (
        SupervisedAutoencoderRegressor,
        {"batch_size": 40, "pretrain_epochs": 1, "max_epochs": 2, "weight_decay": 0.1},
    ),
    "decay": (
        MLPRegressor,
        {
            "batch_size": 40,
            "optimizer": torch.optim.AdamW,
            "weight_decay": 0.1,
            "normalized_weight_decay": True,
        },
    ),
}


def fit(name, n_processes=1, **params):
    """Fit one of the networks with the batches of so many processes."""
    Network, given = NETWORKS[name]
    how = given | {"batch_size": given["batch_size"] * n_processes} | params
    model = tiny.tiny(Network, **how)
    side = {"benchmark": META} if Network is ContextAwareRanker else {}
    return model.fit(X[1:], Y[1:], **side)


def result(model):
    weights = {k: v.numpy() for k, v in model.module_.state_dict().items()}
    history = [{k: v for k, v in row.items() if k != "dur"} for row in model.history_]
    return weights, history, model.best_epoch_, model.predict(X)


# what the second of two processes is given otherwise
OTHERWISE = {
    "half": lambda index: ({}, slice(None, 240) if index else slice(240, None)),
    "fewer": lambda index: ({}, slice(None, 120) if index else slice(120, None)),
    "narrow": lambda index: ({}, (slice(None), slice(None, 4 if index else None))),
    "another order": lambda index: ({}, slice(None, None, -1 if index else 1)),
    "max_epochs": lambda index: ({"max_epochs": 3 if index else 2}, slice(None)),
    "held out": lambda index: (
        {"n_validation_eras": 2 if index else 0, "embargo": 0},
        slice(None),
    ),
}


def refused(index):
    """Return what each process says to rows or parameters that are not the same."""
    said = {}
    for name, give in OTHERWISE.items():
        params, where = give(index)
        rows, columns = where if isinstance(where, tuple) else (where, slice(None))
        model = tiny.tiny(MLPRegressor, distributed=True, batch_size=30)
        try:
            model.set_params(**params).fit(X.iloc[rows, columns], Y.iloc[rows])
        except ValueError as error:
            said[name] = str(error)
    return said


def main(out):
    """Fit together; write what came out."""
    found = {name: result(fit(name, distributed=True)) for name in NETWORKS}
    # dropout, batch normalization, missing targets, weights; seeds that differ
    aux = np.where(np.random.default_rng(0).random((len(X), 2)) < 0.3, np.nan, 0.5)
    model = SupervisedAutoencoderRegressor(
        (4, 4, 8),
        dropouts=0.1,
        distributed=True,
        max_epochs=2,
        batch_size=64,
        n_validation_eras=2,
        embargo=0,
        lr_patience=1,
        verbose=1,
    )
    weight = np.linspace(0, 1, len(X))
    model.fit(X, Y, aux_targets=aux, sample_weight=weight)
    found["all else"] = result(model)
    two = tiny.tiny(ConvAutoencoderRegressor, pretrain_epochs=1, joint_step=False)
    found["two optimizers"] = result(two.set_params(distributed=True).fit(X, Y))
    try:
        unknown = np.where(np.arange(len(X)) == 0, np.nan, 0.5)  # a row of one process
        model = tiny.tiny(MLPRegressor, loss=torch.nn.MSELoss, distributed=True)
        model.set_params(batch_by="era", batch_size=6).fit(X, Y, aux_targets=unknown)
    except ValueError as error:
        found["error"] = str(error)
    import accelerate

    state = accelerate.PartialState()
    found["refused"] = refused(state.process_index)
    path = Path(out) / f"{state.process_index}.pickle"
    path.write_bytes(pickle.dumps(found))
    state.wait_for_everyone()
    state.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
