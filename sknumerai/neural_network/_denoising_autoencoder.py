"""Denoising autoencoder as a transformer."""

# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from sknumerai.modules import DenseAutoencoder
from sknumerai.neural_network._base import BaseNeuralNet, Phase
from sknumerai.neural_network._inference import forward_rows
from sknumerai.neural_network._preset_mixin import PresetMixin
from sknumerai.neural_network._presets import DENOISING_AUTOENCODER
from sknumerai.neural_network._transformer import BaseNeuralNetTransformer
from sknumerai.utils import with_index_of


class DenoisingAutoencoder(PresetMixin, BaseNeuralNetTransformer):
    """Compress features to a code that rebuilds them, also from noisy ones.

    A dense autoencoder learns in rounds: several with noise on its input, each against the
    features without, then one without noise. The code of its middle layer is the result. It
    is the first network of an article of 2018 [1]_, which compressed Numerai's 50 features
    of that time to 32 numbers, and takes any number of features. Read more in
    :doc:`its page </sources/denoising_autoencoder>`.

    Parameters
    ----------
    hidden_units : tuple of int, default=(128, 64, 32)
        Widths of the encoder's layers, the last the code's; the decoder mirrors them.

    activation : str, default='relu'
        Activation of the layers, the code included, see :class:`sknumerai.modules.MLP`.
        With 'relu' parts of the code may be 0 for all rows.

    noise_std : float, default=0.05
        Standard deviation of the Gaussian noise on the scaled features. The article's
        1e-5 is hardly any noise.

    n_noise_rounds : int, default=5
        Rounds with noise.

    clean_round : bool, default=True
        Whether a round without noise follows.

    noise_per : {'batch', 'round'}, default='batch'
        How often noise is drawn: for each batch, or once for each round and all rows, as in
        the article, held-out rows included. A round's noise is kept in float32, in memory.

    shuffle_clean_round : bool, default=True
        Whether batches are drawn at random in the clean round too; not so in the article.

    recon_loss : {'mse', 'bce', 'js'}, default='mse'
        Loss of the reconstruction: squared error, cross-entropy or Jensen-Shannon
        divergence. The last two need features in [0, 1].

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=20
        Passes over the training rows in each round.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is 1/64 of the rows between 32
        and 4,096, or one era.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'rows'.

    optimizer : callable, default=torch.optim.AdamW
        Class of the optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    weight_decay : float, default=0.005
        Weight decay, normalized or handed to `optimizer` as it is.

    normalized_weight_decay : bool, default=True
        Whether a step takes the share ``weight_decay * sqrt(b / (B * T))`` of the weights,
        for batches of b of B rows and T epochs, and less as the learning rate is lowered
        [2]_. For optimizers with decoupled weight decay.

    decay_epochs : int or None, default=None
        T in the normalized weight decay; None is `max_epochs`.

    grad_clip : float or None, default=None
        Largest norm of the gradient, of all weights together; None for any.

    lr_patience : int or None, default=None
        Epochs without a lower loss of the held-out eras, or of the training rows where
        none are held out, before the learning rate is lowered. None never lowers it.

    lr_factor : float, default=0.5
        What the learning rate is multiplied by then.

    min_lr : float, default=1e-5
        The learning rate is not lowered further than this.

    n_validation_eras : int or 'auto', default=0
        How many of the last eras are held out for early stopping of each round; 0 for
        none. 'auto' is the last tenth where 20 or more eras are found and at least half of
        the eras remain for training, else none.

    embargo : int or 'auto', default='auto'
        Eras, by number, that are left out between training and held-out eras. 'auto' is 8,
        or what the name of `y` says if that is passed.

    patience : int or None, default=10
        Epochs of a round without a new best reconstruction of the held-out eras before the
        round ends. None never ends it. The best weights are kept in any case.

    min_delta : float, default=0.0
        What a new best must be better by.

    feature_range : (low, high), 'auto' or None, default='auto'
        Values that are mapped to [0, 1], or None to leave features as they are. 'auto' is
        (0, 4), Numerai's codes, for integers and None for floats. Where it is not None,
        the reconstruction ends in a sigmoid.

    input_noise : float, module or None, default=None
        Disturbs the scaled features of the rounds with noise further, after
        `noise_std`: a standard deviation, or a module such as
        :class:`sknumerai.modules.FeatureReversalNoise`, which gets them centred at 0.

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
    module_ : sknumerai.modules.DenseAutoencoder
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
    ConvSELUClassifier : Classifies the code, in the article.
    ConvAutoencoderRegressor : A convolutional autoencoder with a head.

    Notes
    -----
    All rounds go on with one optimizer. `from_preset` gives the settings of the article
    ('article'), for features in [0, 1]: 100 epochs in each of six rounds, batches of
    16,384, noise of 1e-5.

    The features must not be later than what the code is used for, as with any fitted step;
    targets are not seen at all.

    References
    ----------
    .. [1] Deep Learning Approach for Predicting Stock Market via Numerai (2018). Article
       on fibers.io.

    .. [2] Loshchilov, I. and Hutter, F. (2019). Decoupled Weight Decay Regularization.
       ICLR. :arxiv:`1711.05101`, appendix B.1.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import DenoisingAutoencoder
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = DenoisingAutoencoder((16, 4), max_epochs=2, random_state=0)
    >>> code = model.fit_transform(bunch.data)
    >>> code.shape, model.inverse_transform(code).shape
    ((400, 4), (400, 20))
    """

    _parameter_constraints: dict = {
        **{
            name: constraint
            for name, constraint in BaseNeuralNet._parameter_constraints.items()
            if name not in ("loss", "monitor")
        },
        "hidden_units": [tuple, list],
        "activation": [str, callable],
        "noise_std": [Interval(Real, 0, None, closed="left")],
        "n_noise_rounds": [Interval(Integral, 0, None, closed="left")],
        "clean_round": ["boolean"],
        "noise_per": [StrOptions({"batch", "round"})],
        "shuffle_clean_round": ["boolean"],
        "recon_loss": [StrOptions({"mse", "bce", "js"})],
        "decay_epochs": [Interval(Integral, 1, None, closed="left"), None],
    }

    _scaled_to = (0.0, 1.0)
    _default_monitor = "loss"
    _keep_optimizer = True

    _presets = DENOISING_AUTOENCODER

    def __init__(
        self,
        hidden_units=(128, 64, 32),
        *,
        activation="relu",
        noise_std=0.05,
        n_noise_rounds=5,
        clean_round=True,
        noise_per="batch",
        shuffle_clean_round=True,
        recon_loss="mse",
        lr=1e-3,
        max_epochs=20,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.AdamW,
        weight_decay=0.005,
        normalized_weight_decay=True,
        decay_epochs=None,
        grad_clip=None,
        lr_patience=None,
        lr_factor=0.5,
        min_lr=1e-5,
        n_validation_eras=0,
        embargo="auto",
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
        self.activation = activation
        self.noise_std = noise_std
        self.n_noise_rounds = n_noise_rounds
        self.clean_round = clean_round
        self.noise_per = noise_per
        self.shuffle_clean_round = shuffle_clean_round
        self.recon_loss = recon_loss
        self.decay_epochs = decay_epochs

    def inverse_transform(self, X):
        """Rebuild features from the code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_code_features)
            The code.

        Returns
        -------
        X_original : ndarray or DataFrame of shape (n_samples, n_features)
            The reconstruction in the units of the features, float32; a frame with the
            index of `X` if `X` is one.
        """
        check_is_fitted(self, "module_")
        code = check_array(X, dtype="numeric", input_name="X")
        if code.shape[1] != self._n_features_out:
            raise ValueError(
                f"{type(self).__name__}.inverse_transform takes the code, "
                f"{self._n_features_out} columns. X has {code.shape[1]}."
            )
        # on the CPU, where the fitted module is
        features = forward_rows(
            self.module_.decode,
            code,
            scale=lambda part: part.to(torch.float32),
            device=torch.device("cpu"),
        )
        if self.feature_range_ is not None:
            low, high = (np.float32(value) for value in self.feature_range_)
            features *= high - low
            features += low
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{i}" for i in range(features.shape[1])]
        return with_index_of(X, features, names)

    def _module_spec(self, n_features, n_outputs):
        bounded = self.feature_range_ is not None or self.recon_loss != "mse"
        return DenseAutoencoder, {
            "in_features": n_features,
            "hidden_units": tuple(self.hidden_units),
            "activation": self.activation,
            "output_activation": "sigmoid" if bounded else "identity",
        }

    def _monitor_name(self):
        return "loss"

    def _phases(self):
        names = [f"noise {i + 1}" for i in range(self.n_noise_rounds)]
        if self.clean_round:
            names.append("clean")
        if not names:
            raise ValueError(
                f"{type(self).__name__}.fit: n_noise_rounds=0 and clean_round=False "
                "leave nothing to train. Set one of them."
            )
        return [Phase(name, self.max_epochs, "loss") for name in names]

    def _shuffled(self, phase):
        return phase.name != "clean" or self.shuffle_clean_round

    def _phase_data(self, dataset, phase):
        if phase.name == "clean" or self.noise_per != "round":
            return dataset
        # a batch's targets are the noise on its rows, in the order of the store
        noise = self.noise_std * torch.randn(dataset.X.shape)
        return type(dataset)(
            dataset.X, noise, dataset.sample_weight, dataset.rows, dataset.starts
        )

    def _make_loss(self):
        from sknumerai.losses import SupervisedAutoencoderLoss

        return SupervisedAutoencoderLoss(recon_loss=self.recon_loss).recon_loss

    def _inputs(self, X, batch, phase, training):
        if phase.name == "clean":
            return X
        if self.noise_per == "round":
            return X + batch.y
        return X + self.noise_std * torch.randn_like(X) if training else X

    def _forward(self, module, X, phase):
        return module(X, logits=self.recon_loss != "mse")

    def _loss_terms(self, criterion, output, X, batch, phase):
        loss = criterion(output, X, batch.sample_weight, batch.groups)
        return {"loss": loss}

    def _targets_of(self, output, phase):
        return None

    def _make_noise(self, phase=None):
        if phase is not None and phase.name == "clean":
            return None
        return super()._make_noise(phase)
