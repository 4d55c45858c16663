"""Convolutional self-normalizing classifier."""

# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import torch

from sknumerai.neural_network._classifier import BaseNeuralNetClassifier
from sknumerai.neural_network._conv_selu import BaseConvSELU


class ConvSELUClassifier(BaseConvSELU, BaseNeuralNetClassifier):
    """Convolutions and a self-normalizing perceptron, for classes.

    The second network of an article of 2018 [1]_, when Numerai's targets were 0 and 1
    and predictions probabilities: convolutions with average pooling over the code of
    :class:`DenoisingAutoencoder` (or over the features), then dense layers with SELU,
    `lecun_normal` weights and alpha dropout. Read more in
    :doc:`its page </sources/denoising_autoencoder>`.

    Parameters
    ----------
    conv_axis : {'features', 'time'}, default='features'
        What the convolutions run over: the columns as a sequence with one channel, or
        `n_steps` steps of time with the other columns as channels, as the article is
        written (with one step).

    n_steps : int, default=1
        Steps of time in a row, for `conv_axis='time'`: columns are step after step.

    conv_channels : tuple of int, default=(128, 256)
        Channels of the convolutions.

    kernel_sizes : tuple of int, default=(3, 5)
        Widths of the convolutions.

    pool_size : int, default=2
        How many positions the pooling after each convolution averages.

    dense_features : tuple of int, default=(256, 128, 64)
        Widths of the dense layers.

    alpha_dropout : float, default=0.1
        Share of the outputs of each dense layer that alpha dropout drops in training.

    output_gain : float, default=0.01
        What the first weights of the output layer are multiplied by. A network that
        begins far from 0 has to unlearn its random start before it sees a signal that
        explains a thousandth of the targets; 1 is the source's.

    prediction_limits : (low, high) or None, default=None
        For two classes, limits that the probability of the second one is cut at, e.g.
        the (0.3, 0.7) that Numerai accepted in 2018.

    loss : {'log_loss'} or callable, default='log_loss'
        Loss, or the class or an instance of a torch loss, called with logits and with
        zeros and ones: one column for two classes, else one for each class.

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era, or 1/64 of the
        rows between 32 and 4,096, and less where the convolutions of so many rows would
        take more than 256 MB.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'era' for a
        loss of your own that is taken over an era (`era_wise`), else 'rows'.

    optimizer : callable, default=torch.optim.AdamW
        Class of the optimizer, called with parameters and `lr`. For further settings
        use :func:`functools.partial`.

    weight_decay : float, default=0.005
        Weight decay, normalized or handed to `optimizer` as it is.

    normalized_weight_decay : bool, default=True
        Whether a step takes the share ``weight_decay * sqrt(b / (B * T))`` of the
        weights, for batches of b of B rows and T epochs, and less as the learning rate
        is lowered [2]_. For optimizers with decoupled weight decay.

    decay_epochs : int or None, default=None
        T in the normalized weight decay; None is `max_epochs`.

    lr_patience : int or None, default=5
        Epochs without a new best loss (held-out, or of training where nothing is held
        out) before the learning rate is lowered. None keeps it.

    lr_factor : float, default=0.5
        What the learning rate is multiplied by then.

    min_lr : float, default=1e-5
        The learning rate is not lowered further than this.

    grad_clip : float or None, default=None
        Largest norm of the gradient, of all weights together; None for any.

    n_validation_eras : int or 'auto', default='auto'
        How many of the last eras are held out for early stopping; 0 for none. 'auto'
        is the last tenth where 20 or more eras are found and at least half of the eras
        remain for training, else none.

    embargo : int or 'auto', default='auto'
        Eras, by number, that are left out between training and held-out eras. 'auto'
        reads the longest horizon from the names of the targets (8 for 20 days, 16 for
        60 days) and is 8 where they say nothing.

    monitor : {'auto', 'loss', 'corr', 'sharpe'} or callable, default='auto'
        What early stopping watches on the held-out eras. 'loss' is the training loss.
        For two classes also: 'corr' is the mean and 'sharpe' the mean over standard
        deviation of the Numerai correlation of each era; a callable
        `(y_true, y_pred, groups=)` of zeros and ones and logits gives a score that is
        better when larger. 'auto' is 'loss'.

    patience : int or None, default=10
        Epochs without a new best before training stops. None never stops. The best
        weights are kept in any case.

    min_delta : float, default=0.0
        What a new best must be better by, in units of what `monitor` watches.

    feature_range : (low, high), 'auto' or None, default='auto'
        Values that are mapped to [-1, 1], or None to leave features as they are. 'auto'
        is (0, 4), Numerai's codes, for integers and None for floats.

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
    module_ : sknumerai.modules.ConvSELUNet
        The trained module, on the CPU.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

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
    ConvSELURegressor : The same for targets of more values.
    DenoisingAutoencoder : Compresses the features before it, in the article.

    Notes
    -----
    With `batch_by='rows'` the memory of training is that of one batch: up to
    ``max(conv_channels) * n_features`` numbers for a row, several times. Prediction goes
    through the rows in pieces of 64 MB.

    The weights of the best epoch are kept where eras are held out; the article keeps
    the last. `from_preset` gives the settings of the article ('article'): convolutions
    over one step of time, batches of 1,024, 100 epochs of all rows.

    References
    ----------
    .. [1] Deep Learning Approach for Predicting Stock Market via Numerai (2018).
       Article on fibers.io.

    .. [2] Loshchilov, I. and Hutter, F. (2019). Decoupled Weight Decay Regularization.
       ICLR. :arxiv:`1711.05101`, appendix B.1.

    Examples
    --------
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import ConvSELUClassifier
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = ConvSELUClassifier(
    ...     conv_channels=(8, 16), dense_features=(16, 8), max_epochs=2, random_state=0
    ... )
    >>> model.fit(bunch.data, bunch.target > 0.5).predict_proba(bunch.data).shape
    (400, 2)
    """

    _parameter_constraints: dict = {
        **BaseConvSELU._parameter_constraints,
        **BaseNeuralNetClassifier._parameter_constraints,
    }

    def __init__(
        self,
        conv_axis="features",
        *,
        n_steps=1,
        conv_channels=(128, 256),
        kernel_sizes=(3, 5),
        pool_size=2,
        dense_features=(256, 128, 64),
        alpha_dropout=0.1,
        output_gain=0.01,
        prediction_limits=None,
        loss="log_loss",
        lr=1e-3,
        max_epochs=100,
        batch_size="auto",
        batch_by="auto",
        optimizer=torch.optim.AdamW,
        weight_decay=0.005,
        normalized_weight_decay=True,
        decay_epochs=None,
        lr_patience=5,
        lr_factor=0.5,
        min_lr=1e-5,
        grad_clip=None,
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
            conv_axis,
            n_steps=n_steps,
            conv_channels=conv_channels,
            kernel_sizes=kernel_sizes,
            pool_size=pool_size,
            dense_features=dense_features,
            alpha_dropout=alpha_dropout,
            output_gain=output_gain,
            prediction_limits=prediction_limits,
            loss=loss,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            batch_by=batch_by,
            optimizer=optimizer,
            weight_decay=weight_decay,
            normalized_weight_decay=normalized_weight_decay,
            decay_epochs=decay_epochs,
            lr_patience=lr_patience,
            lr_factor=lr_factor,
            min_lr=min_lr,
            grad_clip=grad_clip,
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

    def predict_proba(self, X, groups=None):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row: checked, but the probabilities of a row depend on that row
            only.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, float32; for two classes within
            `prediction_limits`.
        """
        probabilities = super().predict_proba(X, groups)
        if self.prediction_limits is None or probabilities.shape[1] > 2:
            return probabilities
        second = self._limited(probabilities[:, 1])
        return np.column_stack([1 - second, second])
