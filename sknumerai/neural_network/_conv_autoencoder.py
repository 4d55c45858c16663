"""Convolutional autoencoder with a head that predicts."""

# SPDX-License-Identifier: BSD-3-Clause

import copy
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.losses import SupervisedAutoencoderLoss
from sknumerai.modules import ConvAutoencoder
from sknumerai.neural_network._base import Phase
from sknumerai.neural_network._bounded import BoundedOutputMixin
from sknumerai.neural_network._code_transformer import CodeTransformerMixin
from sknumerai.neural_network._losses import check_protocol, make_loss
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import CONV_AUTOENCODER
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class ConvAutoencoderRegressor(
    PresetMixin, CodeTransformerMixin, BoundedOutputMixin, BaseNeuralNetRegressor
):
    """Convolutional autoencoder, with a perceptron on its code and the features.

    Convolutions over the features learn to rebuild them; a perceptron predicts the targets
    from their code beside the features, and does not train them. It is GTRUDA, a network of
    Gianluca Truda for Numerai [1]_: high in Sharpe ratio and low in feature exposure, by his
    account, but uneven from week to week. As a transformer it gives the code. Read more in
    :doc:`its page </sources/gtruda>`.

    Parameters
    ----------
    n_channels : int, default=4
        Channels of the first convolution; each of the next four has twice as many.

    head_features : tuple of int, default=(256, 64)
        Widths of the perceptron's hidden layers.

    head_dropout : float, default=0.0
        Share of their outputs that is dropped in training.

    detach_code : bool, default=True
        Whether the code is handed to the perceptron without gradient, so that the encoder
        learns from the reconstruction alone.

    output_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the perceptron. With 'sigmoid', targets that leave [0, 1] are mapped
        to it inside; with 'identity' they are standardized.

    output_gain : float, default=0.01
        What the first weights of the perceptron's output layer are multiplied by. A
        network that begins far from 0 has to unlearn its random start before it sees a
        signal that explains a thousandth of the targets; 1 is the source's.

    loss : str or callable, default='corr'
        Loss of the predictions: a name, or the class or an instance of a loss with the
        protocol of :mod:`sknumerai.losses`. Row by row: 'mse', 'bce' and 'js'; over all rows of a
        batch: 'pooled_corr'; over eras: 'corr', 'spearman', 'numerai_corr',
        'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout', 'sharpe',
        'ranknet', 'listnet' and 'listmle'. 'pooled_corr' is the
        source's.

    recon_loss : {'auto', 'bce', 'mse', 'js'}, default='auto'
        Loss of the reconstruction: cross-entropy (the source), squared error or
        Jensen-Shannon divergence. 'bce' and 'js' need features in [0, 1]. 'auto' is 'bce'
        where `feature_range` maps the features to it, else 'mse'.

    pretrain_epochs : int, default=0
        Epochs in which the autoencoder alone learns, before both do.

    joint_step : bool, default=True
        Whether both learn from one pass over a batch. False: the autoencoder takes its
        step first and the perceptron sees the new code (the source's later notebook),
        which takes twice as long.

    lr : float, default=1e-3
        Learning rate of the perceptron.

    ae_lr : float, default=1e-3
        Learning rate of the autoencoder.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era, or 1/64 of the
        rows between 32 and 4,096.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'era' for
        the losses that are taken over an era, else 'rows'.

    optimizer : callable, default=torch.optim.Adam
        Class of the perceptron's optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    ae_optimizer : callable or None, default=None
        Class of the autoencoder's optimizer; None takes that of the perceptron.

    weight_decay : float, default=0.0
        Weight decay, handed to `optimizer`, not to the autoencoder's.

    normalized_weight_decay : bool, default=False
        Whether a step takes the share ``weight_decay * sqrt(b / (B * T))`` of the
        weights, for batches of b of B rows and T = `max_epochs`. For optimizers with
        decoupled weight decay, such as :class:`torch.optim.AdamW`.

    grad_clip : float or None, default=None
        Largest norm of the gradient, of all weights together; None for any.

    lr_patience : int or None, default=None
        Epochs without a lower loss of the held-out eras, or of the training rows where
        none are held out, before the learning rate is lowered. None never lowers it.

    lr_factor : float, default=0.5
        What the learning rate is multiplied by then.

    min_lr : float, default=1e-5
        The learning rate is not lowered further than this.

    n_validation_eras : int or 'auto', default='auto'
        How many of the last eras are held out for early stopping; 0 for none. 'auto'
        is the last tenth where 20 or more eras are found and at least half of the eras
        remain for training, else none.

    embargo : int or 'auto', default='auto'
        Eras, by number, that are left out between training and held-out eras. 'auto'
        reads the longest horizon from the names of the targets (8 for 20 days, 16 for
        60 days) and is 8 where they say nothing.

    monitor : {'auto', 'targets_loss', 'loss', 'corr', 'sharpe', 'payout', 'lpayout'} \
or callable, default='auto'
        What early stopping watches on the held-out eras. 'targets_loss' is the loss of the
        predictions, 'loss' that and the reconstruction's; 'corr' is the mean and 'sharpe'
        the mean over standard deviation of the Numerai correlation of each era; 'lpayout'
        is CORR + 2 BMC and needs `benchmark` at `fit`; 'payout' is what the latest rule
        pays, without its clip, and needs `meta_model` at `fit`; a callable
        `(y_true, y_pred, groups=)` gives a score that is better when larger. 'auto' is
        'corr'.

    patience : int or None, default=10
        Epochs without a new best before training stops. None never stops. The best
        weights are kept in any case.

    min_delta : float, default=0.0
        What a new best must be better by, in units of what `monitor` watches.

    feature_range : (low, high), 'auto' or None, default='auto'
        Values that are mapped to [-1, 1], or None to leave features as they are. 'auto' is
        (0, 4), Numerai's codes, for integers and None for floats.

    input_noise : float, module or None, default=None
        Disturbs the scaled features in training: the standard deviation of Gaussian
        noise, or a module such as :class:`sknumerai.modules.FeatureReversalNoise`,
        which gets them centred at 0.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last call. The optimizer starts
        anew. Where eras are held out and no epoch is better on them than these weights
        were, they are kept.

    callbacks : list or None, default=None
        Further skorch callbacks. They are not kept in pickles of a fitted network.

    device : str, default='cpu'
        Where to train and predict, e.g. 'cuda'. A fitted network predicts on the CPU
        where CUDA is absent.

    compile : bool or str, default=False
        Whether the network is compiled for training, or the mode of
        :func:`torch.compile`: 'default', 'reduce-overhead' (CUDA graphs),
        'max-autotune' or 'max-autotune-no-cudagraphs'. What is kept is not compiled.

    precision : {'float32', 'bfloat16'}, default='float32'
        What the network computes in while it is trained. With 'bfloat16' matrix products
        are (torch's autocast); weights, losses, scores and predictions are float32.

    data_on_device : bool or 'auto', default='auto'
        Whether features are on the GPU as a whole in training, in their own dtype.
        'auto' is where they take 60 % of its free memory at the most. Otherwise batches
        are sent through pinned memory. Without effect on the CPU.

    distributed : bool, default=False
        Whether to train together with the other processes that `accelerate launch` or
        `torchrun` started: gradients are averaged, `batch_size` is that of each process.
        Needs accelerate (the extra `distributed`).

    random_state : int, RandomState instance or None, default=None
        Decides initial weights, the order of batches, dropout and noise. torch's own
        generators are left as they were.

    verbose : int, default=0
        Whether to show a progress bar over epochs.

    Attributes
    ----------
    module_ : sknumerai.modules.ConvAutoencoder
        The trained module, decoder included, on the CPU.

    history_ : list of dict
        Losses, scores and seconds of each epoch.

    n_iter_ : int
        Number of epochs run.

    best_epoch_ : int or None
        Epoch whose weights were kept, counted from 1; 0 for those of the last call to
        `fit`. None where no eras were held out and the last weights are kept.

    eras_seen_ : ndarray or None
        Era numbers of the rows given to `fit`, held-out ones included; with
        `warm_start` those of the fits before too.

    n_outputs_ : int
        Number of targets learned.

    feature_range_ : tuple of float or None
        Values that are mapped to [-1, 1].

    batch_by_ : {'rows', 'era'}
        What a batch is.

    batch_size_ : int
        Rows or eras of a batch.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sknumerai.modules.ConvAutoencoder : The module.
    SupervisedAutoencoderRegressor : The encoder learns from the targets too.
    DenoisingAutoencoder : A dense autoencoder, without targets.

    Notes
    -----
    The perceptron and the autoencoder have an optimizer each. Both take a step for each
    batch, from one pass unless `joint_step` is False: the perceptron sees the code from
    before the autoencoder's step.

    `from_preset` gives the settings of the deployed model ('stable') and of the later
    notebook ('development': a smaller head, other learning rates, 200 epochs). Both take
    the correlation over all rows of a batch. How the deployed one was trained is not
    published.

    The order of the columns counts: a convolution sees neighbours.

    References
    ----------
    .. [1] Truda, G. (2023). numerai: GTRUDA, in the notebooks of his models for the
       Numerai tournament, 2021-2023. Public repository gianlucatruda/numerai.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import ConvAutoencoderRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = ConvAutoencoderRegressor(max_epochs=2, random_state=0)
    >>> model.fit(bunch.data, bunch.target).predict(bunch.data).shape
    (400,)
    >>> model.transform(bunch.data).shape
    (400, 64)
    """

    _parameter_constraints: dict = {
        **BaseNeuralNetRegressor._parameter_constraints,
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "head_features": [tuple, list],
        "head_dropout": [Interval(Real, 0, 1, closed="left")],
        "detach_code": ["boolean"],
        "output_activation": [StrOptions({"sigmoid", "identity"})],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
        "recon_loss": [StrOptions({"auto", "bce", "mse", "js"})],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "joint_step": ["boolean"],
        "ae_lr": [Interval(Real, 0, None, closed="neither")],
        "ae_optimizer": [callable, None],
        "monitor": [
            StrOptions(
                {"auto", "targets_loss", "loss", "corr", "sharpe", "payout", "lpayout"}
            ),
            callable,
        ],
    }

    _scaled_to = (0.0, 1.0)
    _keep_optimizer = True

    _presets = CONV_AUTOENCODER

    def __init__(
        self,
        n_channels=4,
        *,
        head_features=(256, 64),
        head_dropout=0.0,
        detach_code=True,
        output_activation="sigmoid",
        output_gain=0.01,
        loss="corr",
        recon_loss="auto",
        pretrain_epochs=0,
        joint_step=True,
        lr=1e-3,
        ae_lr=1e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.Adam,
        ae_optimizer=None,
        weight_decay=0.0,
        normalized_weight_decay=False,
        grad_clip=None,
        lr_patience=None,
        lr_factor=0.5,
        min_lr=1e-5,
        n_validation_eras="auto",
        embargo="auto",
        monitor="auto",
        patience=10,
        min_delta=0.0,
        feature_range="auto",
        input_noise=None,
        warm_start=False,
        callbacks=None,
        device="cpu",
        compile=False,
        precision="float32",
        data_on_device="auto",
        distributed=False,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            loss=loss,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            batch_by=batch_by,
            optimizer=optimizer,
            weight_decay=weight_decay,
            normalized_weight_decay=normalized_weight_decay,
            grad_clip=grad_clip,
            lr_patience=lr_patience,
            lr_factor=lr_factor,
            min_lr=min_lr,
            n_validation_eras=n_validation_eras,
            embargo=embargo,
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            feature_range=feature_range,
            input_noise=input_noise,
            warm_start=warm_start,
            callbacks=callbacks,
            device=device,
            compile=compile,
            precision=precision,
            data_on_device=data_on_device,
            distributed=distributed,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_channels = n_channels
        self.head_features = head_features
        self.head_dropout = head_dropout
        self.detach_code = detach_code
        self.output_activation = output_activation
        self.output_gain = output_gain
        self.recon_loss = recon_loss
        self.pretrain_epochs = pretrain_epochs
        self.joint_step = joint_step
        self.ae_lr = ae_lr
        self.ae_optimizer = ae_optimizer

    def _encoder(self, module):
        exact = _in_float64(module)
        return lambda X: exact.encode(X.double()).float()

    def _recon_loss(self):
        if self.recon_loss != "auto":
            return self.recon_loss
        return "mse" if self.feature_range_ is None else "bce"

    def _module_spec(self, n_features, n_outputs):
        bounded = self.feature_range_ is not None or self._recon_loss() != "mse"
        return ConvAutoencoder, {
            "in_features": n_features,
            "out_features": n_outputs,
            "n_channels": self.n_channels,
            "head_features": tuple(self.head_features),
            "head_dropout": self.head_dropout,
            "detach_code": self.detach_code,
            "recon_activation": "sigmoid" if bounded else "identity",
            "output_activation": self.output_activation,
            "output_gain": self.output_gain,
        }

    def _phases(self):
        phases = super()._phases()
        if self.pretrain_epochs:
            first = Phase("pretrain", self.pretrain_epochs, "reconstruction_loss")
            phases.insert(0, first)
        return phases

    def _optimizers_apart(self, module):
        optimizer = self.ae_optimizer or self.optimizer
        parts = (*module.encoder.parameters(), *module.decoder.parameters())
        return [optimizer(parts, lr=self.ae_lr)]

    def _make_loss(self):
        loss = make_loss(self.loss, type(self).__name__)
        check_protocol(loss)
        # the terms of the predictions and of the reconstruction
        recon_loss = self._recon_loss() if hasattr(self, "feature_range_") else "mse"
        return SupervisedAutoencoderLoss(loss, recon_loss)

    def _forward(self, module, X, phase):
        logits = self._recon_loss() != "mse"
        if phase.name == "pretrain":
            return module.reconstruction(X, logits)
        return module(X, logits)

    def _loss_terms(self, criterion, output, X, batch, phase):
        from sknumerai.neural_network._training import call_loss

        extra = batch.sample_weight, batch.groups
        if phase.name == "pretrain":
            loss = criterion.recon_loss(output, X, *extra)
            return {"loss": loss, "reconstruction_loss": loss}
        recon = criterion.recon_loss(output[0], X, *extra)
        targets = output[1]
        if self._loss_takes_logits and self._output_in_unit_interval():
            targets = torch.logit(targets, eps=1e-6)
        side = self._side_inputs(X, batch)
        targets = call_loss(criterion.target_loss, targets, batch.y, *extra, **side)
        return {
            "loss": recon + targets,
            "reconstruction_loss": recon,
            "targets_loss": targets,
        }

    def _targets_of(self, output, phase):
        return None if phase.name == "pretrain" else output[1]

    def _inference_forward(self, module):
        exact = _in_float64(module)
        return lambda X: exact.forward_targets(X.double()).float()

    def _calibration_forward(self, module):
        return module.forward_targets


def _in_float64(module):
    """A copy of the module: float32 convolutions round by the rows beside."""
    return copy.deepcopy(module).double()
