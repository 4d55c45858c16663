"""Perceptron with an output that is neutral to the features."""

# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sknumerai.losses import NeutralizedMLPLoss
from sknumerai.modules import NeutralizedMLP
from sknumerai.neural_network._losses import LOSSES, check_gradient
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import NEUTRALIZED_MLP
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class NeutralizedMLPRegressor(PresetMixin, BaseNeuralNetRegressor):
    """Perceptron that learns to predict what is left after neutralization.

    The network of mdo's thread on FNC and TB scores: its output is neutralized by the
    features of the era inside the network, so that it is trained for what remains, and
    for its highest and lowest rows. `predict` gives the neutralized output and so needs
    whole eras; rows without eras are one era, as a live round is. Read more in the
    :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    hidden_features : int or tuple of int, default=(100, 30)
        Widths of the hidden layers.

    activation : str, default='mish'
        Activation of the hidden layers, see :class:`sknumerai.modules.MLP`.

    dropout : float, default=0.5
        Share of the outputs of each hidden layer that is dropped in training.

    neutralizers : sequence of str or int, or None, default=None
        Names or positions of the features by which the output is neutralized, e.g.
        those of Numerai's set "fncv3_features". None is all. They must be fewer than
        the rows of an era, or nothing is left.

    fit_intercept : bool, default=False
        Whether the output is neutral to a constant too, as in today's FNC.

    n_levels : int or None, default=None
        Number of levels, evenly spaced over the scaled features, that the perceptron
        encodes features by, see :class:`MLPRegressor`. The output is neutralized by the
        features as they are.

    linear_skip : bool, default=False
        Whether a linear layer from the (encoded) features is added to the output. It
        begins as zero. Without levels nothing is left of it in the neutral output.

    output_gain : float, default=0.01
        What the first weights of the output layer are multiplied by, see
        :class:`MLPRegressor`; 1 is the source.

    loss : str or callable, default='neutralized'
        'neutralized' is :class:`sknumerai.losses.NeutralizedMLPLoss`, the sum of three
        correlations and two penalties; an instance of it stands for the four
        parameters below too. Any other loss is taken of the neutral output alone: a
        name, or the class or an instance of a torch loss. Row by row: 'mse', 'bce' and 'js'; over all rows of a
        batch: 'pooled_corr'; over eras: 'corr', 'spearman', 'numerai_corr',
        'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout', 'sharpe',
        'ranknet', 'listnet' and 'listmle'.

    top_bottom : int, default=500
        Rows at each end over which the first correlation is taken. For 'neutralized'.

    loss_weights : tuple of float, default=(1, 1, 1, 1e-3, 1e-4)
        Weights of the correlations of the ends of the neutral output, of all of it and
        of the raw output, and of the exposures of the ends of the neutral and of the
        raw output. For 'neutralized'.

    rank_transform : {'rank', 'gaussian'}, default='rank'
        What is correlated: ranks, or normal quantiles at the ranks. For 'neutralized'.

    temperature : float, default=3.0
        Softness of the ranks, see :class:`sknumerai.losses.SoftRankCorrelationLoss`.
        For 'neutralized'.

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Eras of a batch. 'auto' is 1, as in the source.

    batch_by : {'auto', 'era'}, default='auto'
        A batch is whole eras in any case.

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

    monitor : {'auto', 'loss', 'corr', 'sharpe'} or callable, default='auto'
        What early stopping watches on the held-out eras. 'loss' is the
        training loss; 'corr' is the mean and 'sharpe' the mean over standard deviation
        of the Numerai correlation of the neutral output in each era; a callable `(y_true, y_pred, groups=)`
        gives a score that is better when larger. 'auto' is 'corr'.

    patience : int or None, default=10
        Epochs without a new best before training stops. None never stops. The best
        weights are kept in any case.

    min_delta : float, default=0.0
        What a new best must be better by, in units of what `monitor` watches.

    feature_range : (low, high), 'auto' or None, default='auto'
        Values that are mapped to [-0.5, 0.5], or None to leave features as they are. 'auto' is
        (0, 4), Numerai's codes, for integers and None for floats. Floats from 0 to 1
        need (0, 1): without an intercept the zero point of the features matters.

    input_noise : float, module or None, default=None
        Disturbs the scaled features in training: the standard deviation of Gaussian
        noise, or a module such as :class:`sknumerai.modules.FeatureReversalNoise`. The
        output is neutralized by the features without it.

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
    module_ : sknumerai.modules.NeutralizedMLP
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
        Values that are mapped to [-0.5, 0.5].

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
    MLPRegressor : Without neutralization.
    sknumerai.metrics.fnc_score : The score of what features do not explain.

    Notes
    -----
    The neutral output has nothing linear of the features left, by construction: where
    the target is linear in them it scores nothing.

    Each pass over an era computes a Gram matrix of its features, see
    :class:`sknumerai.modules.NeutralizedMLP`: with 5,000 rows and 1,050 features that
    is three times the work of the layers. Choose `neutralizers` where there are
    thousands of features, of which an era may have more than rows.

    `from_preset` gives the author's loss, with ranks as hard as his at 5,000 rows
    ('mdo'). He does not say how long he trained.

    Beside the matrix, a batch holds the features of an era once in float32 and its
    neutralizers in float64, and two square matrices of them.

    References
    ----------
    .. [1] mdo (2022). Optimizing for FNC and TB scores. Numerai's forum.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import NeutralizedMLPRegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = NeutralizedMLPRegressor(max_epochs=3, random_state=0)
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
        "activation": [str, callable],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "neutralizers": ["array-like", None],
        "fit_intercept": ["boolean"],
        "n_levels": [Interval(Integral, 2, None, closed="left"), None],
        "linear_skip": ["boolean"],
        "output_gain": [Interval(Real, 0, None, closed="neither")],
        "loss": [StrOptions({"neutralized", *LOSSES}), callable],
        "top_bottom": [Interval(Integral, 1, None, closed="left")],
        "loss_weights": [tuple, list],
        "rank_transform": [StrOptions({"rank", "gaussian"})],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "batch_by": [StrOptions({"auto", "era"})],
    }

    _scaled_to = (-0.5, 0.5)
    _attends = True
    _scale_free = True

    _presets = NEUTRALIZED_MLP

    def __init__(
        self,
        hidden_features=(100, 30),
        *,
        activation="mish",
        dropout=0.5,
        neutralizers=None,
        fit_intercept=False,
        n_levels=None,
        linear_skip=False,
        output_gain=0.01,
        loss="neutralized",
        top_bottom=500,
        loss_weights=(1, 1, 1, 1e-3, 1e-4),
        rank_transform="rank",
        temperature=3.0,
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
        self.hidden_features = hidden_features
        self.activation = activation
        self.dropout = dropout
        self.neutralizers = neutralizers
        self.fit_intercept = fit_intercept
        self.n_levels = n_levels
        self.linear_skip = linear_skip
        self.output_gain = output_gain
        self.top_bottom = top_bottom
        self.loss_weights = loss_weights
        self.rank_transform = rank_transform
        self.temperature = temperature

    def predict_raw(self, X, groups=None):
        """Predict without neutralization.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Ignored: the raw output of a row depends on that row only.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions before their fit by the features is subtracted, with the same
            map to the units of `y` as those of `predict`.
        """
        outputs = self._to_units(
            self._apply(X, lambda module: module.raw, by_era=False)
        )
        return outputs[:, 0] if self._y_ndim == 1 else outputs.astype("float64")

    def _module_spec(self, n_features, n_outputs):
        widths = self.hidden_features
        widths = (widths,) if isinstance(widths, Integral) else tuple(widths)
        return NeutralizedMLP, {
            "in_features": n_features,
            "out_features": n_outputs,
            "hidden_features": widths,
            "activation": self.activation,
            "dropout": self.dropout,
            "neutralizers": self._neutralizer_columns(n_features),
            "fit_intercept": self.fit_intercept,
            "n_levels": self.n_levels,
            "linear_skip": self.linear_skip,
            "output_gain": self.output_gain,
        }

    def _neutralizer_columns(self, n_features):
        """Return the positions of the neutralizers, or None for all."""
        if self.neutralizers is None:
            return None
        known = {
            name: i for i, name in enumerate(getattr(self, "feature_names_in_", []))
        }
        columns, unknown = [], []
        for given in self.neutralizers:
            position = given if isinstance(given, Integral) else known.get(given)
            inside = position is not None and 0 <= position < n_features
            (columns if inside else unknown).append(position if inside else given)
        if unknown or not columns or len(set(columns)) < len(columns):
            what = f"not found: {unknown[:5]}" if unknown else "none, or some twice"
            raise ValueError(
                f"neutralizers must be different names of features of X, or positions "
                f"from 0 to {n_features - 1}; {what}. Names need a frame as X."
            )
        return tuple(int(c) for c in columns)

    def _has_own_loss(self):
        own = self.loss == "neutralized" or self.loss is NeutralizedMLPLoss
        return own or isinstance(self.loss, NeutralizedMLPLoss)

    def _make_loss(self):
        if not self._has_own_loss():
            return super()._make_loss()
        if isinstance(self.loss, NeutralizedMLPLoss):
            check_gradient(self.loss)
            return self.loss
        return NeutralizedMLPLoss(
            self.top_bottom,
            loss_weights=self.loss_weights,
            transform=self.rank_transform,
            temperature=self.temperature,
        )

    def _forward_batch(self, module, X, batch, phase):
        noisy = module.training and self.input_noise not in (None, 0)
        clean = self._scale(batch.X) if noisy else X
        n_eras = 1 if batch.groups is None else int(batch.groups[-1]) + 1
        if len(X) <= n_eras * module.n_neutralizers:
            warnings.warn(
                f"{type(self).__name__}.fit: an era of {len(X) // n_eras} rows is "
                f"neutralized by {module.n_neutralizers} features, which leaves "
                "nothing. Pass fewer neutralizers=.",
                UserWarning,
                stacklevel=2,
            )
        raw = module.raw(X)
        return raw, module.neutralize(raw, clean, batch.groups)

    def _loss_terms(self, criterion, output, X, batch, phase):
        if not self._has_own_loss():
            return super()._loss_terms(criterion, output[1], X, batch, phase)
        extra = batch.sample_weight, batch.groups
        terms = criterion.terms(output, batch.y, X, *extra)
        return {"loss": criterion.combine(terms), **terms}

    def _targets_of(self, output, phase):
        return output[1]

    def _inference_forward(self, module):
        # in float64 sums over an era do not show the order of its rows
        exact = copy.deepcopy(module).double()
        return lambda X: exact(X.double())[1]

    def _calibration_forward(self, module):
        return lambda X: module(X)[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # what is linear in the features is taken out of the predictions
        tags.regressor_tags.poor_score = True
        return tags
