"""Loss for the three outputs of a supervised autoencoder."""

# SPDX-License-Identifier: BSD-3-Clause

from torch import nn

from sknumerai.losses._approximate_spearman import ApproximateSpearmanLoss
from sknumerai.losses._correlation import CorrelationLoss
from sknumerai.losses._era_score import accepted
from sknumerai.losses._jensen_shannon import JensenShannonLoss
from sknumerai.losses._masked_bce import MaskedBCELoss
from sknumerai.losses._masked_mse import MaskedMSELoss
from sknumerai.losses._terms import check_loss_weights, weighted_sum

TERMS = ("reconstruction_loss", "ae_targets_loss", "targets_loss")
TARGET_LOSSES = {
    "mse": MaskedMSELoss,
    "bce": MaskedBCELoss,
    "corr": CorrelationLoss,
    "spearman": ApproximateSpearmanLoss,
}
RECON_LOSSES = {
    "mse": MaskedMSELoss,
    "bce": MaskedBCELoss,
    "js": JensenShannonLoss,
}


class SupervisedAutoencoderLoss(nn.Module):
    """Weighted sum of a reconstruction loss and the losses of two heads.

    The reconstruction is compared with the features, both heads with the same targets.

    Parameters
    ----------
    target_loss : {'mse', 'bce', 'corr', 'spearman'} or torch.nn.Module, default='mse'
        Loss of both heads: `MaskedMSELoss`, `MaskedBCELoss`, `CorrelationLoss`,
        `ApproximateSpearmanLoss`, or a module with the protocol of
        :mod:`sknumerai.losses`.

    recon_loss : {'mse', 'bce', 'js'}, default='mse'
        Loss of the reconstruction: `MaskedMSELoss` of the linear reconstruction, or
        `MaskedBCELoss` or `JensenShannonLoss` of its sigmoid, for features in [0, 1].

    loss_weights : sequence of float, default=(1, 1, 1)
        Weights of the reconstruction, of the autoencoder's head and of the predictions.
        A term of weight 0 gives no gradient.

    label_smoothing : float, default=0
        Smoothing of the targets, for ``target_loss='bce'`` only.

    from_logits : bool, default=False
        Whether the outputs of the heads are logits, for ``target_loss='bce'`` only.

    Raises
    ------
    ValueError
        If an option is not among those named, `loss_weights` are not three numbers of
        0 or more, or an option for ``target_loss='bce'`` is set with another.

    See Also
    --------
    sknumerai.modules.SupervisedAutoencoder : The module.

    Notes
    -----
    Each term is a mean over its cells. One vector of sample weights multiplies all
    three, as in Keras; each is then divided by the sum of the weights. Missing targets
    are masked, and their rows still train the autoencoder; so are missing features.

    In the source the three weights are 1 and the features in [0, 1]. Integer features
    0..4 have a variance of 2, Numerai's targets one of 0.05, so that the reconstruction
    would be all that counts: scale the features, or the weights.

    With ``recon_loss`` 'bce' or 'js' the module's first output is the logit of the
    reconstruction; take ``torch.sigmoid`` of it to see features.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.losses import SupervisedAutoencoderLoss
    >>> X, y = torch.zeros(4, 2), torch.full((4, 1), 0.5)
    >>> outputs = torch.ones(4, 2), torch.zeros(4, 1), torch.full((4, 1), 0.5)
    >>> loss = SupervisedAutoencoderLoss()
    >>> loss(outputs, y, X)
    tensor(1.2500)
    >>> {name: float(term) for name, term in loss.terms(outputs, y, X).items()}
    {'reconstruction_loss': 1.0, 'ae_targets_loss': 0.25, 'targets_loss': 0.0}
    """

    def __init__(
        self,
        target_loss="mse",
        recon_loss="mse",
        *,
        loss_weights=(1, 1, 1),
        label_smoothing=0,
        from_logits=False,
    ):
        super().__init__()
        if (label_smoothing or from_logits) and target_loss != "bce":
            raise ValueError(
                "label_smoothing and from_logits are for target_loss='bce'. Got "
                f"{label_smoothing=} and {from_logits=} with {target_loss=}."
            )
        if target_loss == "bce":
            self.target_loss = MaskedBCELoss(
                from_logits=from_logits, label_smoothing=label_smoothing
            )
        elif isinstance(target_loss, nn.Module):
            self.target_loss = target_loss
        elif isinstance(target_loss, str) and target_loss in TARGET_LOSSES:
            self.target_loss = TARGET_LOSSES[target_loss]()
        else:
            raise ValueError(
                f"target_loss must be one of {list(TARGET_LOSSES)} or a "
                f"torch.nn.Module instance. Got {target_loss!r} instead."
            )
        if recon_loss == "bce":
            self.recon_loss = MaskedBCELoss(from_logits=True)
        elif isinstance(recon_loss, str) and recon_loss in RECON_LOSSES:
            self.recon_loss = RECON_LOSSES[recon_loss]()
        else:
            raise ValueError(
                f"recon_loss must be one of {list(RECON_LOSSES)}. Got {recon_loss!r} "
                "instead."
            )
        self.loss_weights = check_loss_weights(loss_weights, TERMS)

    def forward(
        self, outputs, y_true, X, sample_weight=None, groups=None, meta_model=None
    ):
        """Compute the weighted sum.

        Parameters
        ----------
        outputs : tuple of three torch.Tensor
            ``(reconstruction, ae_targets, targets)`` of shapes (n, n_features), (n, k)
            and (n, k).

        y_true : torch.Tensor of shape (n,) or (n, k)
            Targets, NaN where missing.

        X : torch.Tensor of shape (n, n_features)
            Features as the module got them.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            Weights of the rows, for all three terms.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            Era codes; None means that the batch is one era.

        meta_model : torch.Tensor of shape (n,) or (n, m), default=None
            For a `target_loss` that takes it. One that takes features gets `X`.

        Returns
        -------
        torch.Tensor of shape ()
            The loss.
        """
        extra = sample_weight, groups, meta_model
        return self.combine(self.terms(outputs, y_true, X, *extra))

    def terms(
        self, outputs, y_true, X, sample_weight=None, groups=None, meta_model=None
    ):
        """Compute the three terms without their weights.

        Parameters
        ----------
        outputs : tuple of three torch.Tensor
            As in `forward`.

        y_true : torch.Tensor of shape (n,) or (n, k)
            As in `forward`.

        X : torch.Tensor of shape (n, n_features)
            As in `forward`.

        sample_weight : torch.Tensor of shape (n,) or None, default=None
            As in `forward`.

        groups : torch.Tensor of shape (n,) of int64, or None, default=None
            As in `forward`.

        meta_model : torch.Tensor of shape (n,) or (n, m), default=None
            As in `forward`.

        Returns
        -------
        dict of torch.Tensor of shape ()
            'reconstruction_loss', 'ae_targets_loss' and 'targets_loss', in this order;
            the last is what early stopping watches in the source.
        """
        recon, ae_targets, targets = outputs
        weights = sample_weight, groups
        side = accepted(self.target_loss, features=X, meta_model=meta_model)
        values = (
            self.recon_loss(recon, X, *weights),
            self.target_loss(ae_targets, y_true, *weights, **side),
            self.target_loss(targets, y_true, *weights, **side),
        )
        return dict(zip(TERMS, values))

    def combine(self, terms):
        """Add up terms that `terms` has computed, with their weights.

        Parameters
        ----------
        terms : dict of torch.Tensor
            What `terms` returned.

        Returns
        -------
        torch.Tensor of shape ()
            The loss; the same as that of `forward`.
        """
        return weighted_sum(terms, dict(zip(TERMS, self.loss_weights)))

    def extra_repr(self):
        """Say the weights.

        Returns
        -------
        str
            For ``repr``.
        """
        return f"loss_weights={self.loss_weights}"
