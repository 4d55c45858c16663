"""Regressor around a module of the user's."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect

import torch

from sknumerai.neural_network._regressor import BaseNeuralNetRegressor


class NeuralNetRegressor(BaseNeuralNetRegressor):
    """Regressor that trains a torch module of your own.

    The module takes a float tensor of shape (n_rows, n_features) and returns one of
    shape (n_rows, n_outputs), or (n_rows,) for one output. Training, early stopping on
    eras, auxiliary targets and pickling are those of every network of the package. Read
    more in the :doc:`User Guide </user_guide/neural_network>`.

    Parameters
    ----------
    module : callable
        A subclass of :class:`torch.nn.Module` (the class, not an instance: each `fit`
        starts from new weights). `in_features` and `out_features` are passed to it if
        its constructor has parameters of those names.

    module_params : dict or None, default=None
        Further keyword arguments of `module`. They are also parameters of the
        estimator, as `module__<name>`, so that searches can set them one by one.

    loss : str or callable, default='mse'
        Name, or the class or an instance of a torch loss, called with predictions and
        targets (and with `sample_weight`, `groups`, `features` and `meta_model` where
        its `forward` takes them), see :doc:`the guide </user_guide/losses>`. Row by
        row: 'mse', 'bce' and 'js' (predictions are the sigmoid of the outputs); over
        all rows of a batch: 'pooled_corr'; over eras: 'corr', 'spearman',
        'numerai_corr', 'soft_rank', 'top_bottom', 'fnc', 'exposure', 'mmc', 'payout',
        'sharpe', 'ranknet', 'listnet' and 'listmle'.

    lr : float, default=1e-3
        Learning rate.

    max_epochs : int, default=100
        Passes over the training rows, if early stopping does not end them.

    batch_size : int or 'auto', default='auto'
        Rows or eras of a batch, as `batch_by` says. 'auto' is one era (16 for
        'sharpe'), or 1/64 of the rows between 32 and 4,096.

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

    monitor : {'auto', 'loss', 'corr', 'sharpe', 'payout', 'lpayout'} or callable, \
default='auto'
        What early stopping watches on the held-out eras. 'loss' is the
        training loss; 'corr' is the mean and 'sharpe' the mean over standard deviation
        of the Numerai correlation of each era;
        'lpayout' is CORR + 2 BMC and needs `benchmark` at `fit`; 'payout' is what the
        latest rule pays, without its clip, and needs `meta_model` at `fit`; a callable
        `(y_true, y_pred, groups=)` gives a score that is better when larger. 'auto' is 'corr'.

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
    module_ : torch.nn.Module
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
    MLPRegressor : When a plain network will do.

    Notes
    -----
    For a pickle that loads where your module cannot be imported, pass the fitted
    estimator to :func:`sknumerai.submission.export_model`.

    Examples
    --------
    >>> from torch import nn
    >>> from sknumerai.datasets import make_numerai
    >>> from sknumerai.neural_network import NeuralNetRegressor
    >>> class Linear(nn.Linear):
    ...     pass
    >>> bunch = make_numerai(n_eras=8, n_samples_per_era=50, random_state=0)
    >>> model = NeuralNetRegressor(
    ...     Linear, module_params={"bias": False}, max_epochs=3, random_state=0
    ... )
    >>> model.set_params(module__bias=True).fit(bunch.data, bunch.target).module_
    Linear(in_features=20, out_features=1, bias=True)
    """

    _parameter_constraints: dict = {
        **BaseNeuralNetRegressor._parameter_constraints,
        "module": [callable],
        "module_params": [dict, None],
    }

    def __init__(
        self,
        module,
        *,
        module_params=None,
        loss="mse",
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
        self.module = module
        self.module_params = module_params

    def get_params(self, deep=True):
        """Get the parameters, those of the module as `module__<name>`.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the parameters of the module.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.module_params, dict):
            nested = self.module_params.items()
            params.update({f"module__{name}": value for name, value in nested})
        return params

    def set_params(self, **params):
        """Set parameters, those of the module as `module__<name>`.

        Parameters
        ----------
        **params : dict
            Names and values. Any `module__<name>` is accepted.

        Returns
        -------
        self : object
            This estimator.
        """
        prefix = "module__"
        nested = {k: v for k, v in params.items() if k.startswith(prefix)}
        super().set_params(**{k: v for k, v in params.items() if k not in nested})
        if nested:
            # a new dict: the one that was passed may be shared with a clone
            changed = {k.removeprefix(prefix): v for k, v in nested.items()}
            self.module_params = {**(self.module_params or {}), **changed}
        return self

    def _module_spec(self, n_features, n_outputs):
        if isinstance(self.module, torch.nn.Module):
            raise TypeError(
                "NeuralNetRegressor needs the class of a module, so that each fit can "
                f"start from new weights. Got an instance of "
                f"{type(self.module).__name__}: pass module="
                f"{type(self.module).__name__} and its arguments as module_params."
            )
        kwargs = dict(self.module_params or {})
        accepted = inspect.signature(self.module).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        for name, value in (("in_features", n_features), ("out_features", n_outputs)):
            if takes_any or name in accepted:
                kwargs.setdefault(name, value)
        return self.module, kwargs
