"""Supervised autoencoder regressor."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.losses import MaskedBCELoss, SupervisedAutoencoderLoss
from sknumerai.modules import SupervisedAutoencoder
from sknumerai.neural_network._aggregation import aggregate_targets
from sknumerai.neural_network._base import Phase
from sknumerai.neural_network._bounded import BoundedOutputMixin
from sknumerai.neural_network._code_transformer import CodeTransformerMixin
from sknumerai.neural_network._losses import check_protocol, make_loss
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import SUPERVISED_AUTOENCODER
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class SupervisedAutoencoderRegressor(
    PresetMixin, CodeTransformerMixin, BoundedOutputMixin, BaseNeuralNetRegressor
):
    """Supervised autoencoder with a multi-task perceptron.

    One network rebuilds the features through a noisy bottleneck, predicts all targets
    from what was rebuilt, and predicts them again with a perceptron that sees the
    features beside the code. It is the network that won the Jane Street competition
    [1]_, ported to regression on Numerai's targets [2]_. As a transformer it gives the
    code. Read more in :doc:`its page </sources/supervised_autoencoder>`.

    Parameters
    ----------
    hidden_units : tuple of int, default=(96, 96, 896, 448, 448, 256)
        Width of the code, of the head on the reconstruction, and of the layers of the
        perceptron.

    noise_std : float, default=0.035
        Standard deviation of the Gaussian noise on the normalized features before the
        encoder, in training.

    dropouts : float or tuple of float, default=(0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4)
        Dropout before the decoder, in the head on the reconstruction, before the
        perceptron, and after each of its hidden layers; or one for all.

    activation : str, default='silu'
        Activation of the hidden layers, see :class:`sknumerai.modules.MLP`.

    batch_norm : bool or 'warm_up', default='warm_up'
        Batch normalization with the constants of Keras; with 'warm_up' its running
        statistics are right from the first epoch on.

    ae_head_input : {'recon', 'code'}, default='recon'
        What the autoencoder's head reads.

    output_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the two heads. With 'sigmoid', targets that leave [0, 1] are
        mapped to it inside; with 'identity' they are standardized.

    output_gain : float, default=0.01
        What the first weights of both output layers are multiplied by. A network that
        begins far from the mean of the targets has to unlearn its random start before
        it sees a signal that explains a thousandth of them; 1 is the usual start.

    loss : str or callable, default='mse'
        Loss of both heads: a name, or the class or an instance of a loss with the
        protocol of :mod:`sknumerai.losses`. Row by row: 'mse', 'bce' and 'js'; over all rows of a
        batch: 'pooled_corr'; over eras: 'corr', 'spearman', 'numerai_corr',
        'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout', 'sharpe',
        'ranknet', 'listnet' and 'listmle'. To 'bce' (the winner's) and 'js'
        outputs are logits. An instance of
        :class:`sknumerai.losses.SupervisedAutoencoderLoss` is taken as it is: it stands
        for `recon_loss`, `loss_weights` and `label_smoothing` too.

    recon_loss : {'mse', 'bce', 'js'}, default='mse'
        Loss of the reconstruction; 'bce' and 'js' need features in [0, 1], where
        integers are mapped by `feature_range`.

    loss_weights : tuple of float, default=(1, 1, 1)
        Weights of the reconstruction, the head on it, and the predictions.

    label_smoothing : float, default=0.0
        Smoothing of the targets, for `loss='bce'`.

    pretrain_epochs : int, default=0
        Epochs in which the autoencoder alone learns to rebuild, before all is trained.

    freeze_encoder : bool, default=False
        Whether the encoder stays as it is after `pretrain_epochs` and the perceptron
        alone is trained.

    target_aggregation : {'mean', 'median', 'rank_mean', 'main'}, default='mean'
        How `predict` makes one prediction of the heads for `y` and `aux_targets`:
        their mean (the article), median, mean of their ranks within the era, or the
        main target alone.

    target_weights : array-like of shape (n_targets,) or None, default=None
        Weights of the targets in 'mean' and 'rank_mean', the main target's first.

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era, or 1/64 of the
        rows between 32 and 4,096.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'era' for
        the losses that are taken over an era, else 'rows'.

    optimizer : callable, default=torch.optim.Adam
        Class of the optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    weight_decay : float, default=0.0
        Weight decay, handed to `optimizer`.

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
        What early stopping watches on the held-out eras. 'targets_loss' is the
        loss of the predictions alone, without the autoencoder's terms; 'loss' is the
        total; 'corr' is the mean and 'sharpe' the mean over standard deviation of the
        Numerai correlation of each era; 'lpayout' is CORR + 2 BMC and needs `benchmark`
        at `fit`; 'payout' is what the latest rule pays, without its clip, and needs
        `meta_model` at `fit`; a callable `(y_true, y_pred, groups=)` gives a score that
        is better when larger. 'auto' is 'targets_loss', as in the source.

    patience : int or None, default=10
        Epochs without a new best before training stops. None never stops. The best
        weights are kept in any case.

    min_delta : float, default=0.0
        What a new best must be better by, in units of what `monitor` watches.

    feature_range : (low, high), 'auto' or None, default='auto'
        Values that are mapped to [0, 1], or None to leave features as they are. 'auto' is
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
    module_ : sknumerai.modules.SupervisedAutoencoder
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
        Values that are mapped to [0, 1].

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
    sknumerai.modules.SupervisedAutoencoder : The module.
    sknumerai.losses.SupervisedAutoencoderLoss : The loss.
    MLPRegressor : The perceptron alone.

    Notes
    -----
    The defaults depart from the article where it is a sketch: it trains one epoch in
    batches of 32 without validation. `from_preset` gives the settings of the article
    ('numerai') and of the winner ('jane_street': cross-entropy, the dropouts that
    Hyperopt found).

    With batches of eras (`batch_by='era'`) batch normalization normalizes by the era's
    own statistics in training and by running statistics in prediction.

    References
    ----------
    .. [1] Zhang, Y. (2021). Jane Street: Supervised Autoencoder MLP. Winning solution
       of the Kaggle competition Jane Street Market Prediction.

    .. [2] jrai (2021). AutoEncoder and multitask MLP on new dataset (from Kaggle Jane
       Street). Numerai's forum.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import SupervisedAutoencoderRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = SupervisedAutoencoderRegressor(
    ...     hidden_units=(8, 8, 32, 16), dropouts=0.1, max_epochs=3, random_state=0
    ... )
    >>> model.fit(bunch.data, bunch.target).predict(bunch.data).shape
    (400,)
    >>> model.transform(bunch.data).shape
    (400, 8)
    """

    _parameter_constraints: dict = {
        **BaseNeuralNetRegressor._parameter_constraints,
        "hidden_units": [tuple, list],
        "noise_std": [Interval(Real, 0, None, closed="left")],
        "dropouts": [Interval(Real, 0, 1, closed="left"), tuple, list],
        "activation": [str, callable],
        "batch_norm": ["boolean", StrOptions({"warm_up"})],
        "ae_head_input": [StrOptions({"recon", "code"})],
        "output_activation": [StrOptions({"sigmoid", "identity"})],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
        "recon_loss": [StrOptions({"mse", "bce", "js"})],
        "loss_weights": [tuple, list],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "freeze_encoder": ["boolean"],
        "target_aggregation": [StrOptions({"mean", "median", "rank_mean", "main"})],
        "target_weights": ["array-like", None],
        "monitor": [
            StrOptions(
                {"auto", "targets_loss", "loss", "corr", "sharpe", "payout", "lpayout"}
            ),
            callable,
        ],
    }

    _scaled_to = (0.0, 1.0)
    _default_monitor = "targets_loss"

    _presets = SUPERVISED_AUTOENCODER

    def __init__(
        self,
        hidden_units=(96, 96, 896, 448, 448, 256),
        *,
        noise_std=0.035,
        dropouts=(0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4),
        activation="silu",
        batch_norm="warm_up",
        ae_head_input="recon",
        output_activation="sigmoid",
        output_gain=0.01,
        loss="mse",
        recon_loss="mse",
        loss_weights=(1, 1, 1),
        label_smoothing=0.0,
        pretrain_epochs=0,
        freeze_encoder=False,
        target_aggregation="mean",
        target_weights=None,
        lr=1e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.Adam,
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
        self.hidden_units = hidden_units
        self.noise_std = noise_std
        self.dropouts = dropouts
        self.activation = activation
        self.batch_norm = batch_norm
        self.ae_head_input = ae_head_input
        self.output_activation = output_activation
        self.output_gain = output_gain
        self.recon_loss = recon_loss
        self.loss_weights = loss_weights
        self.label_smoothing = label_smoothing
        self.pretrain_epochs = pretrain_epochs
        self.freeze_encoder = freeze_encoder
        self.target_aggregation = target_aggregation
        self.target_weights = target_weights

    def _module_spec(self, n_features, n_outputs):
        return SupervisedAutoencoder, {
            "in_features": n_features,
            "out_features": n_outputs,
            "hidden_units": tuple(self.hidden_units),
            "noise_std": self.noise_std,
            "dropouts": self.dropouts,
            "activation": self.activation,
            "batch_norm": self.batch_norm,
            "ae_head_input": self.ae_head_input,
            "output_activation": self.output_activation,
            "output_gain": self.output_gain,
        }

    def _phases(self):
        phases = super()._phases()
        if self.pretrain_epochs:
            first = Phase("pretrain", self.pretrain_epochs, "reconstruction_loss")
            phases.insert(0, first)
        elif self.freeze_encoder and not (self.warm_start and hasattr(self, "module_")):
            raise ValueError(
                "freeze_encoder=True needs an encoder that has learned something: set "
                "pretrain_epochs, or warm_start=True after a fit without freezing."
            )
        return phases

    def _prepare_phase(self, module, phase):
        module.freeze_encoder(self.freeze_encoder and phase.name == "fit")

    def _make_loss(self):
        given = "mse" if self.loss is SupervisedAutoencoderLoss else self.loss
        if isinstance(given, SupervisedAutoencoderLoss):
            make_loss(given.target_loss, type(self).__name__)  # checks it
            return given
        bce = given == "bce" or given is MaskedBCELoss
        loss = "bce" if bce else make_loss(given, type(self).__name__)
        if not bce:
            check_protocol(loss)
        return SupervisedAutoencoderLoss(
            loss,
            self.recon_loss,
            loss_weights=self.loss_weights,
            label_smoothing=self.label_smoothing,
            from_logits=bce,
        )

    def _forward(self, module, X, phase):
        if phase.name == "pretrain":
            return module.reconstruction(X)
        if self.freeze_encoder:
            return module.forward_targets(X, logits=self._loss_takes_logits)
        return module(X, logits=self._loss_takes_logits)

    def _loss_terms(self, criterion, output, X, batch, phase):
        extra = batch.sample_weight, batch.groups
        if phase.name == "pretrain":
            loss = criterion.recon_loss(output, X, *extra)
            return {"loss": loss, "reconstruction_loss": loss}
        if self.freeze_encoder:
            from sknumerai.neural_network._training import call_loss

            side = self._side_inputs(X, batch)
            loss = call_loss(criterion.target_loss, output, batch.y, *extra, **side)
            return {"loss": loss, "targets_loss": loss}
        terms = criterion.terms(output, batch.y, X, *extra, batch.meta_model)
        return {"loss": criterion.combine(terms), **terms}

    def _targets_of(self, output, phase):
        if phase.name == "pretrain":
            return None
        targets = output if self.freeze_encoder else output[-1]
        if self._loss_takes_logits and self._output_in_unit_interval():
            return torch.sigmoid(targets)
        return targets

    def _inference_forward(self, module):
        return module.forward_targets

    def _aggregate(self, outputs, eras):
        if outputs.shape[1] == 1 or self.target_aggregation == "main":
            return outputs[:, 0]
        # targets in units that are alike for all, the main target's in the end
        offset, scale = np.float32(self._target_offset), np.float32(self._target_scale)
        combined = aggregate_targets(
            (outputs - offset) / scale,
            eras,
            how=self.target_aggregation,
            weights=self.target_weights,
        )
        return combined * scale[0] + offset[0]
