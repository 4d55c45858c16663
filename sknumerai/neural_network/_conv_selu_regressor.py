"""Convolutional self-normalizing regressor."""

# SPDX-License-Identifier: BSD-3-Clause

from sknumerai.neural_network._conv_selu import BaseConvSELU
from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class ConvSELURegressor(BaseConvSELU, BaseNeuralNetRegressor):
    """Convolutions and a self-normalizing perceptron for one or several targets.

    The network of :class:`ConvSELUClassifier`, from an article of 2018 [1]_, for
    targets of more than two values: a linear output and the losses of regression. Read
    more in :doc:`its page </sources/denoising_autoencoder>`.

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
        Limits that predictions are cut at, e.g. the (0.3, 0.7) that Numerai accepted in
        2018. Only ranks count today.

    loss : str or callable, default='mse'
        Loss: a name, or the class or an instance of a torch loss, called as in
        :class:`MLPRegressor`. Row by row: 'mse', 'bce' and 'js'; over all rows of a
        batch: 'pooled_corr'; over eras: 'corr', 'spearman', 'numerai_corr',
        'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout', 'sharpe',
        'ranknet', 'listnet' and 'listmle'.

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era (16 for
        'sharpe'), or 1/64 of the rows between 32 and 4,096, and less where the
        convolutions of so many rows would take more than 256 MB.

    batch_by : {'auto', 'rows', 'era'}, default='auto'
        Whether a batch is rows drawn from all eras or whole eras. 'auto' is 'era' for
        the losses that are taken over an era, else 'rows'.

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

    monitor : {'auto', 'loss', 'corr', 'sharpe', 'payout', 'lpayout'} or callable, \
default='auto'
        What early stopping watches on the held-out eras. 'loss' is the training loss;
        'corr' is the mean and 'sharpe' the mean over standard deviation of the Numerai
        correlation of each era; 'lpayout' is CORR + 2 BMC and needs `benchmark` at
        `fit`; 'payout' is what the latest rule pays, without its clip, and needs
        `meta_model` at `fit`; a callable `(y_true, y_pred, groups=)` gives a score that
        is better when larger. 'auto' is 'corr'.

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
    ConvSELUClassifier : The network of the article.
    DenoisingAutoencoder : Compresses the features before it, in the article.

    Notes
    -----
    Targets are standardized inside, as in :class:`MLPRegressor`.

    With `batch_by='rows'` the memory of training is that of one batch: up to
    ``max(conv_channels) * n_features`` numbers for a row, several times. Prediction
    goes through the rows in pieces of 64 MB.

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
    >>> from sknumerai.neural_network import ConvSELURegressor
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = ConvSELURegressor(
    ...     conv_channels=(8, 16), dense_features=(16, 8), max_epochs=2, random_state=0
    ... )
    >>> model.fit(bunch.data, bunch.target).predict(bunch.data).shape
    (400,)
    """

    def predict(self, X, groups=None):
        """Predict the main target, or all columns of a two-dimensional `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        groups : array-like of shape (n_samples,), default=None
            Era of each row, live rows ("X") included. By default the index level `era`
            of `X`; where there is none, the rows are one era.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the units of `y`, within `prediction_limits`: float32 after
            a one-dimensional `y`, otherwise float64.
        """
        return self._limited(super().predict(X, groups))
