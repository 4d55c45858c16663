"""TabM regressor."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.modules import TabM
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import TABM
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class TabMRegressor(PresetMixin, BaseNeuralNetRegressor):
    """TabM: k perceptrons in one, for one or several targets.

    The network of Gorishniy, Kotelnikov and Babenko: submodels that share their weight
    matrices and differ by scalings, biases and output layers. Each learns for itself
    (the loss is the mean of theirs), `predict` gives the mean of their predictions, and
    early stopping watches that mean. It costs about k times the computation of one
    perceptron, and hardly more weights. Read more in the
    :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    hidden_features : int or tuple of int, default=(512, 512, 512)
        Widths of the hidden layers.

    k : int, default=32
        Number of submodels.

    variant : {'tabm', 'mini'}, default='tabm'
        'mini' shares all but the scalings of the features and the output layers.

    activation : str, default='relu'
        Activation of the hidden layers, see :class:`sknumerai.modules.MLP`.

    dropout : float, default=0.1
        Share of the outputs of each hidden layer that is dropped in training.

    n_levels : int or None, default=None
        Number of levels, evenly spaced over the scaled features, that features are
        encoded by before the first layer (piecewise linear encoding, [2]_). 5 gives
        each of Numerai's codes a weight of its own, so that the first layer can follow
        any curve. None leaves features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features is added to the output. It
        begins as zero.

    output_gain : float, default=0.01
        What the first weights of the output layer are multiplied by. A network that
        begins far from 0 has to unlearn its random start before it sees a signal that
        explains a thousandth of the targets; 1 is the usual start.

    loss : str or callable, default='mse'
        Name, or the class or an instance of a torch loss, called with predictions and
        targets (and with `sample_weight`, `groups`, `features` and `meta_model` where
        its `forward` takes them), see :doc:`the guide </user_guide/losses>`. Row by
        row: 'mse', 'bce' and 'js' (predictions are the sigmoid of the outputs); over
        all rows of a batch: 'pooled_corr'; over eras: 'corr', 'spearman',
        'numerai_corr', 'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout',
        'sharpe', 'ranknet', 'listnet' and 'listmle'.

    lr : float, default=2e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era, or 1/64 of the
        rows between 32 and 1,024.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'era' for
        the losses that are taken over an era, else 'rows'.

    optimizer : callable, default=torch.optim.AdamW
        Class of the optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    weight_decay : float, default=3e-4
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

    monitor : {'auto', 'loss', 'corr', 'sharpe', 'payout', 'lpayout'} or callable, \
default='auto'
        What early stopping watches on the held-out eras. 'loss' is the mean of the
        submodels' losses; of the mean prediction, 'corr' is the mean and 'sharpe' the mean over standard deviation
        of the Numerai correlation of each era;
        'lpayout' is CORR + 2 BMC and needs `benchmark` at `fit`; 'payout' is what the
        latest rule pays, without its clip, and needs `meta_model` at `fit`; a callable
        `(y_true, y_pred, groups=)` gives a score that is better when larger. 'auto' is 'corr'.

    patience : int or None, default=16
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
    module_ : sknumerai.modules.TabM
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
    MLPRegressor : One perceptron, k times as fast.
    SupervisedAutoencoderRegressor : Learns features beside the targets.

    Notes
    -----
    Architecture, learning rate, weight decay and patience are the authors' defaults for
    features without embeddings; their embeddings of numerical features are left out,
    since Numerai's have five values. `from_preset` gives their settings with batches of
    256 rows and gradients clipped to norm 1 ('paper'), or the same for the variant that
    shares the most ('mini').

    A training step takes 16 to 20 bytes for each row, submodel and hidden unit: 0.8 to
    1 GB for 1,024 rows and the default widths. A batch of whole eras
    (``batch_by='era'``) has several times the rows: with it use smaller widths or `k`.
    Prediction runs one submodel after the other in little memory.

    Targets are standardized inside, so that `lr` means the same for targets of any
    scale; after a loss that does not see the scale ('corr', say) predictions are
    mapped to `y` by least squares on the training rows.

    References
    ----------
    .. [1] Gorishniy, Y., Kotelnikov, A. and Babenko, A. (2025). TabM: Advancing Tabular
       Deep Learning with Parameter-Efficient Ensembling. ICLR.
    .. [2] Gorishniy, Y., Rubachev, I. and Babenko, A. (2022). On Embeddings for
       Numerical Features in Tabular Deep Learning. NeurIPS. Section 3.2.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import TabMRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = TabMRegressor((16, 16), k=4, max_epochs=3, random_state=0)
    >>> model.fit(bunch.data, bunch.target).predict(bunch.data).shape
    (400,)
    """

    _parameter_constraints: dict = {
        **BaseNeuralNetRegressor._parameter_constraints,
        "hidden_features": [
            Interval(Integral, 1, None, closed="left"),
            tuple,
            list,
        ],
        "k": [Interval(Integral, 1, None, closed="left")],
        "variant": [StrOptions({"tabm", "mini"})],
        "activation": [str, callable],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_levels": [Interval(Integral, 2, None, closed="left"), None],
        "linear_skip": ["boolean"],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
    }

    _max_batch_rows = 1024

    _presets = TABM

    def __init__(
        self,
        hidden_features=(512, 512, 512),
        *,
        k=32,
        variant="tabm",
        activation="relu",
        dropout=0.1,
        n_levels=None,
        linear_skip=False,
        output_gain=0.01,
        loss="mse",
        lr=2e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.AdamW,
        weight_decay=3e-4,
        normalized_weight_decay=False,
        grad_clip=None,
        lr_patience=None,
        lr_factor=0.5,
        min_lr=1e-5,
        n_validation_eras="auto",
        embargo="auto",
        monitor="auto",
        patience=16,
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
        self.hidden_features = hidden_features
        self.k = k
        self.variant = variant
        self.activation = activation
        self.dropout = dropout
        self.n_levels = n_levels
        self.linear_skip = linear_skip
        self.output_gain = output_gain

    def _module_spec(self, n_features, n_outputs):
        widths = self.hidden_features
        widths = (widths,) if isinstance(widths, Integral) else tuple(widths)
        return TabM, {
            "in_features": n_features,
            "out_features": n_outputs,
            "hidden_features": widths,
            "k": self.k,
            "variant": self.variant,
            "activation": self.activation,
            "dropout": self.dropout,
            "n_levels": self.n_levels,
            "linear_skip": self.linear_skip,
            "output_gain": self.output_gain,
        }

    def _loss_terms(self, criterion, output, X, batch, phase):
        from sknumerai.neural_network._training import call_loss

        extra = batch.sample_weight, batch.groups
        side = self._side_inputs(X, batch)
        n, k, n_outputs = output.shape
        if isinstance(self.loss, str):
            # these average over columns, so that one call does for all submodels
            output, y = output.reshape(n, k * n_outputs), batch.y.repeat(1, k)
            return {"loss": call_loss(criterion, output, y, *extra, **side)}
        losses = [
            call_loss(criterion, p, batch.y, *extra, **side) for p in output.unbind(1)
        ]
        return {"loss": torch.stack(losses).mean()}

    def _targets_of(self, output, phase):
        return output.mean(dim=1)

    def _inference_forward(self, module):
        return module.mean
