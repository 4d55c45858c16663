"""The context-aware ranker: self-attention over the stocks of an era."""

# SPDX-License-Identifier: BSD-3-Clause

import copy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.modules import ContextAwareEncoder
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import CONTEXT_AWARE_RANKER
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class ContextAwareRanker(PresetMixin, BaseNeuralNetRegressor):
    """Rank the stocks of an era in view of all others in it, by self-attention.

    A small encoder of the transformer without positions scores all stocks of an era
    together. It is trained on whole eras with an approximation of Spearman's
    correlation and an L1 penalty, and stops early on what the tournament pays. Use it
    where a stock's prospects depend on the rest of the market, and beside row-wise
    models in an ensemble. `fit` and `predict` need the era of each row. Read more in
    the :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    d_hidden : int, default=16
        Width of the network, a multiple of `n_heads`. The paper has 16 for about 700
        features and 8 for a group of features.

    d_ff : int or None, default=None
        Width of the hidden layer in the perceptron of a block. None is `d_hidden`.

    n_heads : int, default=4
        Number of attention heads.

    n_blocks : int, default=1
        Number of encoder blocks.

    dropout : float, default=0.1
        Share of numbers that is dropped in training, after the first layer and within
        the blocks.

    encoder_dropout : float or None, default=None
        The share within the blocks, where it is another than `dropout`.

    attention_dropout : float, default=0.0
        Share of attention weights that is dropped in training. It costs some four times
        the time of attention without it.

    norm_first : bool, default=True
        Whether attention and perceptron get normalized numbers. False normalizes after
        the addition, as in the paper's equations.

    final_norm : bool, default=True
        Whether numbers are normalized before the last layer; not so in the paper's
        equations.

    attention_scale : {'head', 'model'}, default='head'
        Whether products of queries and keys are divided by the root of the width of a
        head or of `d_hidden`, as the paper's equation 8 reads.

    output_range : tuple of (float, float) or None, default=(0.0, 1.0)
        Range that the scores of each era are stretched to before the loss. None leaves
        them as they are, for losses that look at the scale, such as 'mse'. For
        'ranknet', 'listnet' and 'listmle', to which the scale is what the network is
        sure of, scores are stretched in prediction alone.

    target_range : tuple of (float, float) or None, default=None
        Range that targets are mapped to for the loss; None is `output_range`, so that
        squared differences compare like with like. Targets in [0, 1] are taken as
        fractions of it, others by their least and largest.

    n_levels : int or None, default=None
        Number of levels, evenly spaced over the scaled features, that features are
        encoded by before the first layer, as in :class:`MLPRegressor`. 5 gives each of
        Numerai's codes a weight of its own. None leaves features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features to the scores is added to what the
        blocks give. It begins as zero. The blocks hand on no more than `d_hidden`
        numbers, normalized for each stock, from which a sum over many features has to
        be put together again.

    output_gain : float, default=1.0
        What the first weights of the last layer are multiplied by. Where features say
        little, a small one lets scores begin with what is learned, not with the random
        start.

    l1 : float, default=1e-4
        Weight of the sum of absolute weights (biases and gains of normalizations
        excepted) beside the loss. The paper tunes it from 1e-3 to 1e-2 for about 700
        features and from 1e-4 to 1e-3 for a group.

    l1_method : {'subgradient', 'proximal'}, default='subgradient'
        Whether the penalty is part of the loss, as in the source, or weights are
        shrunk after each step by `l1` times the learning rate, which makes weights
        exactly 0.

    l1_scope : {'all', 'input'}, default='all'
        Whether all weights are penalized or those of the first layer alone, which
        select features.

    loss : str or callable, default='spearman'
        Loss: a name, or the class or an instance of a torch loss, called as in
        :class:`MLPRegressor`. Row by row: 'mse', 'bce' and 'js'; over all rows of a
        batch: 'pooled_corr'; over eras: 'corr', 'spearman', 'numerai_corr',
        'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout', 'sharpe',
        'ranknet', 'listnet' and 'listmle'. 'spearman' is
        :class:`sknumerai.losses.ApproximateSpearmanLoss`, whose instances take the
        paper's variants: `penalty_weight`, `penalty_norm` and `padding_mode`.

    lr : float, default=3e-3
        Learning rate.

    max_epochs : int, default=20
        Passes over the training eras, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Eras of a batch. 'auto' is 2, as in the paper, and 16 for 'sharpe', which
        compares eras: the ratio of two is little but noise.

    batch_by : {'auto', 'rows', 'era'}, default='era'
        'era', which 'auto' is too: attention is taken over whole eras.

    shuffle : bool, default=False
        Whether to draw the eras in random order, not in that of time.

    grad_clip : float or None, default=None
        Largest norm of the gradient, of all weights together; None for any.

    max_list_length : int or None, default=None
        Of longer eras as many rows are drawn in each epoch, for training alone.

    optimizer : callable, default=torch.optim.Adam
        Class of the optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    weight_decay : float, default=0.0
        Weight decay, handed to `optimizer`.

    normalized_weight_decay : bool, default=False
        Whether a step takes the share ``weight_decay * sqrt(b / (B * T))`` of the
        weights, for batches of b of B rows and T = `max_epochs`. For optimizers with
        decoupled weight decay, such as :class:`torch.optim.AdamW`.

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

    monitor : {'auto', 'loss', 'corr', 'sharpe', 'payout', 'lpayout'} or callable, \
default='auto'
        What early stopping watches on the held-out eras. 'loss' is the training loss,
        penalty included; 'corr' is the mean and 'sharpe' the mean over standard
        deviation of the Numerai correlation of each era; 'lpayout' is CORR + 2 BMC and
        needs `benchmark` at `fit`; 'payout' is what the latest rule pays, without its
        clip, and needs `meta_model` at `fit`; a callable `(y_true, y_pred, groups=)`
        gives a score that is better when larger. 'auto' is 'lpayout' where `benchmark`
        is passed, else 'corr'.

    patience : int or None, default=5
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
        Whether `fit` goes on from the weights of the last call, as the paper does from
        quarter to quarter. The optimizer starts anew. Where eras are held out and no
        epoch is better on them than these weights were, they are kept.

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
    module_ : sknumerai.modules.ContextAwareEncoder
        The trained module, on the CPU.

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

    batch_by_ : {'era'}
        What a batch is.

    batch_size_ : int
        Eras of a batch.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sknumerai.modules.ContextAwareEncoder : The module that is trained.
    SupervisedAutoencoderRegressor : Predicts each stock by itself.

    Notes
    -----
    An era's predictions depend on which of its stocks are passed, not on their order
    nor on other eras. Without eras the rows are taken as one era, with a warning; more
    than 15,000 rows without eras are an error.

    The scores of an era run over the whole of `output_range`; predictions are these
    scores, mapped to `y` by least squares on the training eras, so that the network can
    be averaged with others.

    Memory of attention is proportional to the stocks of an era, its time to their
    square: an era of 5,000 takes about a third of a second of a core for a training step, 4
    heads and a block.

    What the paper leaves open, and what was chosen, is on the page of its source.
    `from_preset` gives the paper's settings for about 700 features ('sarfati') or for a
    group of features ('sarfati_group'; of tuned ones, which are not published, the
    middle of the range), the network and masking as the equations and prose are printed
    ('sarfati_equations'), and, as far as it is known, the author's earlier program for
    another competition ('sarfati_program').

    References
    ----------
    .. [1] Sarfati, A. (2024). Numerai Tournament.

    .. [2] Pobrotyn, P., Bartczak, T., Synowiec, M., Bialobrzeski, R. and Bojar, J.
           (2020). Context-Aware Learning to Rank with Self-Attention.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import ContextAwareRanker
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = ContextAwareRanker(max_epochs=3, random_state=0)
    >>> model.fit(bunch.data, bunch.target).predict(bunch.data).shape
    (400,)
    """

    _parameter_constraints: dict = {
        **BaseNeuralNetRegressor._parameter_constraints,
        "d_hidden": [Interval(Integral, 1, None, closed="left")],
        "d_ff": [Interval(Integral, 1, None, closed="left"), None],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "n_blocks": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "encoder_dropout": [Interval(Real, 0, 1, closed="left"), None],
        "attention_dropout": [Interval(Real, 0, 1, closed="left")],
        "norm_first": ["boolean"],
        "final_norm": ["boolean"],
        "attention_scale": [StrOptions({"head", "model"})],
        "output_range": [tuple, list, None],
        "target_range": [tuple, list, None],
        "n_levels": [Interval(Integral, 2, None, closed="left"), None],
        "linear_skip": ["boolean"],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l1_method": [StrOptions({"subgradient", "proximal"})],
        "l1_scope": [StrOptions({"all", "input"})],
        "shuffle": ["boolean"],
        "max_list_length": [Interval(Integral, 2, None, closed="left"), None],
    }
    _scaled_to = (0.0, 1.0)
    _attends = True
    _eras_per_batch = 2

    _presets = CONTEXT_AWARE_RANKER

    def __init__(
        self,
        d_hidden=16,
        *,
        d_ff=None,
        n_heads=4,
        n_blocks=1,
        dropout=0.1,
        encoder_dropout=None,
        attention_dropout=0.0,
        norm_first=True,
        final_norm=True,
        attention_scale="head",
        output_range=(0.0, 1.0),
        target_range=None,
        n_levels=None,
        linear_skip=False,
        output_gain=1.0,
        l1=1e-4,
        l1_method="subgradient",
        l1_scope="all",
        loss="spearman",
        lr=3e-3,
        max_epochs=20,
        batch_size="auto",
        batch_by="era",
        shuffle=False,
        grad_clip=None,
        max_list_length=None,
        optimizer=torch.optim.Adam,
        weight_decay=0.0,
        normalized_weight_decay=False,
        lr_patience=None,
        lr_factor=0.5,
        min_lr=1e-5,
        n_validation_eras="auto",
        embargo="auto",
        monitor="auto",
        patience=5,
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
        self.d_hidden = d_hidden
        self.d_ff = d_ff
        self.n_heads = n_heads
        self.n_blocks = n_blocks
        self.dropout = dropout
        self.encoder_dropout = encoder_dropout
        self.attention_dropout = attention_dropout
        self.norm_first = norm_first
        self.final_norm = final_norm
        self.attention_scale = attention_scale
        self.output_range = output_range
        self.target_range = target_range
        self.n_levels = n_levels
        self.linear_skip = linear_skip
        self.output_gain = output_gain
        self.l1 = l1
        self.l1_method = l1_method
        self.l1_scope = l1_scope
        self.shuffle = shuffle
        self.max_list_length = max_list_length

    def _module_spec(self, n_features, n_outputs):
        given = self.output_range
        return ContextAwareEncoder, {
            "in_features": n_features,
            "out_features": n_outputs,
            "d_hidden": self.d_hidden,
            "d_ff": self.d_ff,
            "n_heads": self.n_heads,
            "n_blocks": self.n_blocks,
            "dropout": self.dropout,
            "encoder_dropout": self.encoder_dropout,
            "attention_dropout": self.attention_dropout,
            "norm_first": self.norm_first,
            "final_norm": self.final_norm,
            "attention_scale": self.attention_scale,
            "output_range": None if given is None else tuple(given),
            "n_levels": self.n_levels,
            "linear_skip": self.linear_skip,
            "output_gain": self.output_gain,
        }

    @property
    def _shuffle(self):
        return self.shuffle

    @property
    def _scale_free(self):
        return self.output_range is not None

    @property
    def _default_monitor(self):
        return "lpayout" if getattr(self, "_has_benchmark", False) else "corr"

    def _penalized(self, module):
        """Return the weights that the L1 penalty shrinks."""
        if self.l1_scope == "input":
            skip = [] if module.skip is None else [module.skip.weight]
            return [module.input.weight, *skip]
        return [weight for weight in module.parameters() if weight.ndim >= 2]

    def _training_callbacks(self):
        from sknumerai.neural_network._callbacks import SoftThreshold

        callbacks = super()._training_callbacks()
        if self.l1 and self.l1_method == "proximal":
            callbacks.append(("l1", SoftThreshold(self.l1, self._penalized)))
        return callbacks

    def _forward_batch(self, module, X, batch, phase):
        penalty = X.new_zeros(())
        if self.l1 and self.l1_method == "subgradient":
            penalty = self.l1 * sum(w.abs().sum() for w in self._penalized(module))
        return module(X, batch.groups, stretch=not self._learns_scale()), penalty

    def _learns_scale(self):
        return getattr(self._make_loss(), "learns_scale", False)

    def _loss_terms(self, criterion, output, X, batch, phase):
        scores, penalty = output
        terms = super()._loss_terms(criterion, scores, X, batch, phase)
        return {
            "loss": terms["loss"] + penalty,
            "ranking_loss": terms["loss"],
            "l1_penalty": penalty,
        }

    def _targets_of(self, output, phase):
        return output[0]

    def _inference_forward(self, module):
        if next(module.parameters()).is_cuda:
            return module  # attention in float64 would make the matrix of all pairs
        # in float64 sums over an era do not show the order of its rows
        exact = copy.deepcopy(module).double()
        return lambda X: exact(X.double())

    def _output_in_unit_interval(self):
        return self.output_range is not None and tuple(self.output_range) == (0, 1)

    def _calibration_forward(self, module):
        return module

    def _target_map(self, y, weight):
        if self.output_range is None or self._learns_scale():
            return super()._target_map(y, weight)
        first, last = self.target_range or self.output_range
        if not first < last:
            raise ValueError(
                "target_range must be (low, high) with low < high, or None. Got "
                f"{self.target_range!r}."
            )
        known = np.isfinite(y) if weight is None else np.isfinite(y) & (weight > 0)
        low, high = np.min(y[known], initial=np.inf), np.max(y[known], initial=-np.inf)
        if low >= high or (low >= 0 and high <= 1):
            low, high = 0.0, 1.0  # where Numerai's targets are
        scale = (high - low) / (last - first)
        return low - first * scale, scale
