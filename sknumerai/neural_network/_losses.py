"""The losses of the networks, by name: the one table."""

# SPDX-License-Identifier: BSD-3-Clause

import inspect
from functools import partial

import torch

from sknumerai.losses import (
    ApproximateSpearmanLoss,
    CorrelationLoss,
    ExposurePenalty,
    JensenShannonLoss,
    ListMLELoss,
    ListNetLoss,
    MaskedBCELoss,
    MaskedMSELoss,
    MMCLoss,
    NeutralCorrelationLoss,
    NeutralizedMLPLoss,
    NumeraiCorrLoss,
    PayoutLoss,
    PooledCorrelationLoss,
    RankNetLoss,
    SharpeLoss,
    SoftRankCorrelationLoss,
    SupervisedAutoencoderLoss,
    TopBottomCorrelationLoss,
)


def _corr_and_exposure():
    # the penalty alone would teach nothing
    return ExposurePenalty(NumeraiCorrLoss())


LOSSES = {
    "mse": MaskedMSELoss,
    "bce": partial(MaskedBCELoss, from_logits=True),
    "js": JensenShannonLoss,
    "corr": CorrelationLoss,
    "pooled_corr": PooledCorrelationLoss,
    "spearman": ApproximateSpearmanLoss,
    "numerai_corr": NumeraiCorrLoss,
    "soft_rank": SoftRankCorrelationLoss,
    "top_bottom": TopBottomCorrelationLoss,
    "fnc": NeutralCorrelationLoss,
    "exposure": _corr_and_exposure,
    "mmc": MMCLoss,
    "payout": PayoutLoss,
    "sharpe": SharpeLoss,
    "ranknet": RankNetLoss,
    "listnet": ListNetLoss,
    "listmle": ListMLELoss,
}
# Losses of several outputs, and the only networks that have these
OF_ONE_NETWORK = {
    NeutralizedMLPLoss: "NeutralizedMLPRegressor",
    SupervisedAutoencoderLoss: "SupervisedAutoencoderRegressor",
}
# Losses that do not fix the scale of the output; others say so with `scale_free`
_SCALE_FREE = (CorrelationLoss, ApproximateSpearmanLoss)


def make_loss(loss, network):
    """Return a loss of predictions and targets from its name, its class or itself.

    Parameters
    ----------
    loss : str, class or module
        What the estimator's parameter is.

    network : str
        Name of the estimator, for messages.

    Returns
    -------
    torch.nn.Module
        The loss; an instance is handed back as it is.

    Raises
    ------
    TypeError
        If it is no torch module, or a loss for another network.

    ValueError
        If it has no gradient.
    """
    if isinstance(loss, str):
        return LOSSES[loss]()
    if loss is MaskedBCELoss:
        return LOSSES["bce"]()
    made = loss() if inspect.isclass(loss) else loss
    if not isinstance(made, torch.nn.Module):
        raise TypeError(
            f"loss must be one of {sorted(LOSSES)}, or the class or an instance of a "
            f"torch.nn.Module. Got {loss!r}."
        )
    for cls, owner in OF_ONE_NETWORK.items():
        if isinstance(made, cls):
            raise TypeError(
                f"loss={cls.__name__} compares several outputs of {owner} and cannot "
                f"train {network}. Use one of {sorted(LOSSES)}, or a loss of "
                "predictions and targets."
            )
    check_gradient(made)
    return made


def check_gradient(loss):
    """Raise if a loss ranks in a way that has no gradient."""
    if any(getattr(part, "temperature", None) == 0 for part in loss.modules()):
        raise ValueError(
            f"loss={loss!r} has hard ranks (temperature=0), which have no gradient to "
            "train with. Use a temperature above 0; 3.0 is the default."
        )


def check_protocol(loss):
    """Raise if a loss takes neither weights nor eras, as parts of a sum must."""
    accepted = inspect.signature(loss.forward).parameters
    if not {"sample_weight", "groups"} <= set(accepted):
        raise TypeError(
            f"loss must be one of {sorted(LOSSES)}, or a loss module whose forward "
            "takes (y_pred, y_true, sample_weight=None, groups=None), see "
            f"sknumerai.losses. Got {loss!r}."
        )


def is_scale_free(loss):
    """Whether a loss leaves the scale of the output open."""
    return getattr(loss, "scale_free", isinstance(loss, _SCALE_FREE))


def is_era_wise(loss):
    """Whether a loss is taken over whole eras."""
    return getattr(loss, "era_wise", isinstance(loss, _SCALE_FREE))


def of_probabilities(loss):
    """Whether a loss compares probabilities, so that targets must be in [0, 1]."""
    return isinstance(loss, MaskedBCELoss | JensenShannonLoss)


def takes_logits(loss):
    """Whether the outputs are logits to a loss."""
    return isinstance(loss, JensenShannonLoss) or getattr(loss, "from_logits", False)


def check_classifier_loss(loss, network):
    """Raise if a loss of this package cannot train a network that classifies."""
    if of_probabilities(loss) and takes_logits(loss):
        return
    if type(loss).__module__.startswith("sknumerai.losses."):
        raise TypeError(
            f"{network} predicts classes: loss must be 'log_loss', or a torch.nn.Module "
            f"that takes logits and classes. {type(loss).__name__} is a loss for "
            "regression: use a regressor with it."
        )
