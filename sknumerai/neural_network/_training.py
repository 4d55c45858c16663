"""Training of a module with skorch.

Imported by ``BaseNeuralNet.fit`` alone, inside the method, so that pickles of fitted
estimators hold none of it: no skorch, no lock.
"""

# SPDX-License-Identifier: BSD-3-Clause

import dis
import functools
import inspect
import threading
import warnings

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PassthroughScoring

from sknumerai.exceptions import InterruptedFitWarning
from sknumerai.neural_network._alike import check_alike
from sknumerai.neural_network._batches import EraBatches, EraDataset, RowBatches
from sknumerai.neural_network._callbacks import (
    ProgressBar,
    Stop,
    StopTraining,
    Validation,
    copy_of_weights,
)
from sknumerai.neural_network._data_on_device import ahead, place
from sknumerai.neural_network._evaluation import evaluate
from sknumerai.neural_network._inference import resolve_device, tensor_view
from sknumerai.neural_network._module_calls import calls_of
from sknumerai.neural_network._processes import Level, processes_of

# torch's generators belong to the process, and searches fit in threads
_RANDOM_STATE_LOCK = threading.RLock()


class _Net(NeuralNet):
    """A skorch net that leaves the forward pass and the loss to the estimator."""

    interrupted = False

    def __init__(
        self, *args, estimator, phase, noise, processes, states=None, **kwargs
    ):
        self.estimator = estimator
        self.processes = processes
        self.states = states
        self.phase = phase
        self.noise = noise
        super().__init__(*args, **kwargs)

    @property
    def _default_callbacks(self):
        return [
            ("epoch_timer", EpochTimer()),
            ("train_loss", PassthroughScoring(name="train_loss", on_train=True)),
        ]

    def fit_loop(self, *args, **kwargs):
        # skorch ends quietly on every KeyboardInterrupt: tell the user's from others
        try:
            return super().fit_loop(*args, **kwargs)
        except StopTraining:
            raise
        except KeyboardInterrupt as error:
            self.interrupted = not _from_callback(error)
            raise

    def eras_to_score(self, part):
        """Say that callbacks have nothing to score; `train_module` replaces it."""
        raise ValueError(
            f"{type(self.estimator).__name__}.fit learns from features alone: there are "
            f"no targets to score the eras of {part!r} by."
        )

    def on_epoch_end(self, net, **kwargs):
        # the rate of this epoch: schedulers come after it
        super().on_epoch_end(net, **kwargs)
        self.history.record("lr", float(self.optimizer_.param_groups[0]["lr"]))

    def initialize_optimizer(self, *args, **kwargs):
        # the module is on its device by now
        self.calls = calls_of(self.module_, self.estimator, torch.device(self.device))
        apart = self.estimator._optimizers_apart(self.module_)
        left_out = {id(p) for o in apart for g in o.param_groups for p in g["params"]}
        named = [p for p in self.get_all_learnable_params() if id(p[1]) not in left_out]
        args, kwargs = self.get_params_for_optimizer("optimizer", named)
        self.optimizer_ = self.optimizer(*args, **kwargs)
        self.optimizers_ = [self.optimizer_, *apart]
        for optimizer, state in zip(self.optimizers_, self.states or []):
            optimizer.load_state_dict(state)
        return self

    def _zero_grad_optimizer(self, set_to_none=None):
        for optimizer in self.optimizers_:
            optimizer.zero_grad()

    def _step_optimizer(self, step_fn):
        if len(self.optimizers_) == 1:
            super()._step_optimizer(step_fn)
            return
        first, *apart = self.optimizers_
        step_fn()
        for optimizer in apart:
            optimizer.step()
        if not getattr(self.estimator, "joint_step", True):
            step_fn()  # the module has changed: another pass forward and back
        first.step()

    def get_iterator(self, dataset, training=False):
        loss = getattr(self.criterion_, "target_loss", self.criterion_)
        batches = super().get_iterator(dataset, training=training)
        return ahead(self.processes.share(batches, getattr(loss, "min_eras", 1)))

    def train_step_single(self, batch, **fit_params):
        self._set_training(True)
        if self.processes.n > 1:
            return self.processes.train_step(self, batch)
        terms, output = self.terms(batch)
        if not torch.isfinite(terms["loss"]):
            self.raise_of_loss(terms["loss"].item(), batch, output)
        terms["loss"].backward()
        return {"loss": terms["loss"], "y_pred": output}

    def raise_of_loss(self, loss, batch=None, output=None):
        """Raise for a loss that is not finite, of a batch of this process or not."""
        what = f"{type(self.estimator).__name__}.fit: the loss became {loss} in epoch "
        what += f"{len(self.history)}."
        predicted = None
        if output is not None:
            predicted = self.estimator._targets_of(output, self.phase)
        given = predicted is not None and bool(torch.isfinite(predicted).all())
        if given and np.isnan(loss) and bool(torch.isnan(batch.y).any()):
            raise ValueError(
                f"{what} Targets are NaN in some rows, and "
                f"{type(self.criterion_).__name__} does not leave them out. Use a loss "
                "that does, such as loss='mse', or pass targets that are known."
            )
        raise ValueError(
            f"{what} Lower lr (it is {self.estimator.lr:g}), and look at the scale of "
            "features and targets."
        )

    def terms(self, batch):
        """Return the terms of the loss of a batch, "loss" their total, and the output."""
        batch = type(batch)(
            *(
                None if t is None else t.to(self.device, non_blocking=True)
                for t in batch
            )
        )
        X = self.estimator._scale(batch.X)
        inputs = self.estimator._inputs(X, batch, self.phase, self.module_.training)
        if self.noise is not None and self.module_.training:
            centre = self.estimator._centre()
            inputs = self.noise(inputs - centre) + centre
        module = self.module_
        if self.calls is not None and module.training:
            module = self.calls
        output = self.estimator._forward_batch(module, inputs, batch, self.phase)
        terms = self.estimator._loss_terms(
            self.criterion_, output, X, batch, self.phase
        )
        return terms, output


def make_dataset(X, y, sample_weight, eras, meta_model=None):
    """Wrap arrays as tensors; the matrix is copied only if it is not row-major."""
    order = eras.order()
    rows = None if order is None else torch.from_numpy(order)
    weight = None
    if sample_weight is not None:
        weight = torch.from_numpy(np.array(sample_weight, dtype=np.float32))
    return EraDataset(
        tensor_view(np.ascontiguousarray(X)),
        torch.from_numpy(np.ascontiguousarray(y, dtype=np.float32)),
        weight,
        rows,
        eras.starts,
        None if meta_model is None else torch.from_numpy(meta_model),
    )


def train_module(
    estimator, module, train, valid, *, seed, score, eras_to_score=None, warm=False
):
    """Train a module in the estimator's phases.

    Parameters
    ----------
    estimator : BaseNeuralNet
        Gives the hyper-parameters, the forward pass, the loss and the phases.

    module : callable
        Called without arguments, after seeding: returns the module to train.

    train : EraDataset
        Training rows.

    valid : EraDataset or None
        Held-out rows.

    seed : int
        Decides all that is random.

    score : callable or None
        From a function that maps a data set to outputs to a dict of scores.

    eras_to_score : callable or None, default=None
        From 'train' or 'valid' to targets, era numbers and data set, for callbacks.

    warm : bool, default=False
        Whether the module's weights are kept if no epoch is better.

    Returns
    -------
    module : torch.nn.Module
        On the CPU, in evaluation mode.

    history : list of dict
        One entry per epoch.

    best_epoch : int or None
        Epoch of the kept weights, counted from 1 over all phases; 0 for those that
        came in, None where nothing was held out.
    """
    processes, device = processes_of(estimator, resolve_device(estimator.device))
    seed = processes.agree(seed)
    check_alike(processes, estimator, train, valid, warm)
    cuda = [device] if device.type == "cuda" else []
    history, best_epoch, states = [], None, None
    with _RANDOM_STATE_LOCK, torch.random.fork_rng(devices=cuda):
        # torch.manual_seed would seed every CUDA device too
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        module = module()
        if processes.n > 1:
            processes.begin(module, seed)
        train, valid = place([train, valid], device, estimator.data_on_device)
        start = copy_of_weights(module) if warm else None
        phases = estimator._phases()
        for phase in phases:
            estimator._prepare_phase(module, phase)
            net = _make_net(
                estimator, module, phase, train, device, generator, processes
            )
            net.states, net.earlier = states, history
            if eras_to_score is not None:
                net.eras_to_score = eras_to_score
            validation = None
            if valid is not None and score is not None:
                validation = _add_validation(net, estimator, phase, valid, score)
                validation.start = start if phase is phases[-1] else None
            net.callbacks += estimator._phase_callbacks(phase)
            # the user's callbacks come last: they see the scores of the epoch
            net.callbacks += list(estimator.callbacks or [])
            if estimator.verbose and processes.is_main:
                # and the bar shows what they record
                net.callbacks.append(("progress_bar", _progress_bar(estimator, phase)))
            if validation is not None:
                net.callbacks.append(Stop(validation))
            if processes.n > 1:
                net.callbacks.insert(0, ("level", Level(processes)))
            interrupted = _run(net, estimator._phase_data(train, phase))
            if estimator._keep_optimizer:
                states = [optimizer.state_dict() for optimizer in net.optimizers_]
            if validation is not None and validation.best_epoch_ is not None:
                validation.restore(net.module_)
                best_epoch = validation.best_epoch_ and (
                    len(history) + validation.best_epoch_
                )
            completed = _completed(net.history)
            _check_training(estimator, completed, interrupted)
            for row in completed:
                entry = {"epoch": len(history) + 1, "phase": phase.name}
                history.append(entry | _plain(row))
            if interrupted:
                break
    return module.cpu().eval(), history, best_epoch


def _check_training(estimator, completed, interrupted):
    name = f"{type(estimator).__name__}.fit"
    if not completed and interrupted:
        raise KeyboardInterrupt(f"{name} was interrupted before an epoch was complete.")
    if not completed:
        rows = "batches of rows (batch_by='rows')"
        if estimator._attends:
            rows = "eras of more rows"
        raise ValueError(
            f"{name}: no batch could be trained on: batch normalization needs batches "
            f"of 2 rows at the least. Use {rows} or a larger batch_size."
        )


def _completed(history):
    """Return the epochs that were not interrupted."""
    return [row for row in history if "train_loss" in row]


def _plain(row):
    """Return an epoch of skorch's history without its batches, in Python's types."""
    left_out = ("epoch", "batches", "train_batch_count", "train_loss_best")
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in row.items()
        if name not in left_out
    }


def _make_net(estimator, module, phase, train, device, generator, processes):
    by_era = estimator.batch_by_ == "era"
    noise = estimator._make_noise(phase)
    if isinstance(noise, torch.nn.Module):
        noise = noise.to(device)  # the user's may have buffers
    # a batch of all processes is to the data as one of them is to its part of the data
    sizes = len(train) / processes.n, train.n_eras / processes.n
    params = estimator._optimizer_params(*sizes, phase)
    optimizer_params = {f"optimizer__{name}": value for name, value in params.items()}
    return _Net(
        module,
        criterion=estimator._make_loss(),
        optimizer=estimator.optimizer,
        **optimizer_params,
        lr=estimator.lr,
        max_epochs=phase.max_epochs,
        batch_size=estimator.batch_size_ * processes.n,
        iterator_train=EraBatches if by_era else RowBatches,
        iterator_train__shuffle=estimator._shuffled(phase),
        iterator_train__min_rows=min_batch_rows(module),
        iterator_train__generator=generator,
        iterator_train__max_era_rows=getattr(estimator, "max_list_length", None),
        train_split=None,
        callbacks=estimator._training_callbacks(),
        device=str(device),
        verbose=0,
        estimator=estimator,
        phase=phase,
        noise=noise,
        processes=processes,
    )


def _progress_bar(estimator, phase):
    name = type(estimator).__name__
    if phase.name != "fit":
        name = f"{name} ({phase.name})"
    return ProgressBar(name, phase.max_epochs)


def min_batch_rows(module):
    """Batch normalization cannot be trained on one row."""
    has_norm = any(
        isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in module.modules()
    )
    return 2 if has_norm else 1


def _add_validation(net, estimator, phase, valid, score):
    seen = estimator._phase_data(valid, phase)

    def score_net(net):
        return net.processes.agree(score(lambda _: evaluate(net, seen), phase))

    validation = Validation(
        score_net,
        monitor=f"valid_{phase.monitor}",
        lower_is_better=phase.monitor.endswith("loss"),
        patience=estimator.patience,
        min_delta=estimator.min_delta,
    )
    net.callbacks = [("validation", validation), *net.callbacks]
    return validation


def _run(net, train):
    """Train; say whether the user interrupted."""
    net.fit(train, None)
    if net.interrupted and net.processes.n > 1:
        raise KeyboardInterrupt("The other processes cannot go on without this one.")
    if net.interrupted and _completed(net.history):
        warnings.warn(
            f"{type(net.estimator).__name__}.fit was interrupted after "
            f"{len(_completed(net.history))} epochs; the best weights so far are kept.",
            InterruptedFitWarning,
            stacklevel=5,
        )
    return net.interrupted


def _from_callback(error):
    """Whether a skorch callback (its EarlyStopping) raised it, not the user."""
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    # a signal arrives at any instruction, a callback stops by `raise`
    raised = code.co_code[traceback.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raised and code.co_name in ("on_epoch_end", "on_batch_end")


def takes(criterion, name):
    """Whether a loss has a parameter of that name."""
    return name in _parameters_of_forward(type(criterion))


def call_loss(criterion, y_pred, y_true, sample_weight=None, groups=None, **side):
    """Call a loss with the weights, the eras and the further inputs that it takes.

    Raises
    ------
    TypeError
        If there are sample weights and the loss takes none.
    """
    accepted = _parameters_of_forward(type(criterion))
    extra = {}
    if groups is not None and "groups" in accepted:
        extra["groups"] = groups
    if sample_weight is not None:
        if "sample_weight" not in accepted:
            raise TypeError(
                f"sample_weight was passed but the loss {type(criterion).__name__} "
                "takes none. Use a loss whose forward has a parameter sample_weight, "
                "e.g. loss='mse'."
            )
        extra["sample_weight"] = sample_weight
    for name, values in side.items():
        if name in accepted and values is not None:
            extra[name] = values
    return criterion(y_pred, y_true, **extra)


@functools.lru_cache(maxsize=32)
def _parameters_of_forward(cls):
    # asked for every batch, and inspection takes as long as a small layer
    return frozenset(inspect.signature(cls.forward).parameters)
