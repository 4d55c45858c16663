"""Supervised autoencoder with a multi-task perceptron."""

# SPDX-License-Identifier: BSD-3-Clause

import torch
from torch import nn

from sknumerai.modules._activation import make_activation
from sknumerai.modules._batch_norm import make_batch_norm
from sknumerai.modules._mlp import (
    MLP,
    check_dropouts,
    check_size,
    check_sizes,
    reset_parameters,
)
from sknumerai.modules._noise import GaussianNoise


class SupervisedAutoencoder(nn.Module):
    """Autoencoder that also predicts, and a perceptron on features and code.

    An encoder compresses the noisy features to a code, a decoder rebuilds the features
    from it, and a small head predicts the targets from what was rebuilt, which makes
    the code relevant and hands gradients a short way to it. A perceptron predicts the
    targets from the normalized features beside the code. All is trained together; the
    perceptron's are the predictions. With the defaults it is the network of the Jane
    Street competition's winner, in the size of its port to Numerai [1]_ [2]_.

    Parameters
    ----------
    in_features : int
        Number of features.

    out_features : int
        Number of targets.

    hidden_units : sequence of int, default=(96, 96, 896, 448, 448, 256)
        Width of the code, width of the head on the reconstruction, then the widths of
        the perceptron's hidden layers (possibly none).

    noise_std : float, default=0.035
        Standard deviation of the Gaussian noise on the normalized features before the
        encoder, in training. It is the first number in the source's list of dropouts.

    dropouts : float or sequence of float, default=(0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4)
        Dropout before the decoder, after the hidden layer of the head on the
        reconstruction, before the perceptron, and after each of its hidden layers:
        ``len(hidden_units) + 1`` numbers, or one for all. In the range [0, 1).

    activation : str or type, default='silu'
        As in `MLP`.

    batch_norm : bool or 'warm_up', default=True
        As in `MLP`. True is the source. With 'warm_up' the running statistics are right
        from the first batch and the same in the long run. It matters in trainings of
        less than a few hundred batches: without it a clean signal may be lost in
        evaluation, while in much noise the wrong statistics can act as shrinkage.

    ae_head_input : {'recon', 'code'}, default='recon'
        What the autoencoder's head reads: the reconstruction (the source), or the code.

    output_activation : {'sigmoid', 'identity'}, default='sigmoid'
        What follows the two heads. Use 'identity' for targets that leave [0, 1].

    output_gain : float, default=1.0
        What the first weights of both output layers are multiplied by, see `MLP`.

    Attributes
    ----------
    encoder_frozen : bool
        Whether `freeze_encoder` was called.

    Raises
    ------
    ValueError
        If a size is not a positive integer, there are fewer than two `hidden_units`,
        the number of dropouts does not fit, or an option is not among those named.

    See Also
    --------
    MLP : The perceptron alone.
    sknumerai.losses.SupervisedAutoencoderLoss : The loss for its three outputs.

    Notes
    -----
    Shape: input ``(batch_size, in_features)``; outputs ``(batch_size, in_features)``,
    ``(batch_size, out_features)``, ``(batch_size, out_features)``.

    The layers, with n features, L targets and h for `hidden_units`; BN is batch
    normalization with the constants of Keras::

        x0       = BN(x)
        code     = activation(BN(Linear[n -> h0](x0 + noise)))
        recon    = Linear[h0 -> n](Dropout(code))
        ae       = Linear[h1 -> L](Dropout(activation(BN(Linear[-> h1](recon)))))
        targets  = MLP[n + h0 -> h2, h3, ... -> L](Dropout(BN(concat[x0, code])))

    The reconstruction is linear and is compared with the features as they came in, not
    with x0. A loss on ``targets`` gives no gradient to the decoder and its head: they
    meet only in the encoder. With 1,050 features and 20 targets there are 2,065,258
    trainable parameters.

    The output of the two heads before the sigmoid is had with ``logits=True``: a
    cross-entropy of these is exact where a probability rounds to 0 or 1.

    References
    ----------
    .. [1] Zhang, Y. (2021). Jane Street: Supervised Autoencoder MLP. Winning solution
       of the Kaggle competition Jane Street Market Prediction.

    .. [2] jrai (2021). AutoEncoder and multitask MLP on new dataset (from Kaggle Jane
       Street). Numerai's forum.

    Examples
    --------
    >>> import torch
    >>> from sknumerai.modules import SupervisedAutoencoder
    >>> module = SupervisedAutoencoder(in_features=42, out_features=3).eval()
    >>> X = torch.rand(5, 42)
    >>> [tuple(out.shape) for out in module(X)]
    [(5, 42), (5, 3), (5, 3)]
    >>> module.encode(X).shape
    torch.Size([5, 96])
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        hidden_units=(96, 96, 896, 448, 448, 256),
        noise_std=0.035,
        dropouts=(0.035, 0.4, 0.1, 0.4, 0.3, 0.25, 0.4),
        activation="silu",
        batch_norm=True,
        ae_head_input="recon",
        output_activation="sigmoid",
        output_gain=1.0,
    ):
        super().__init__()
        in_features = check_size("in_features", in_features)
        hidden_units = check_sizes("hidden_units", hidden_units)
        if len(hidden_units) < 2:
            raise ValueError(
                "hidden_units must hold at least the width of the code and that of the "
                f"autoencoder's head. Got {hidden_units!r} instead."
            )
        if not isinstance(dropouts, (int, float)):
            dropouts = tuple(dropouts)
            if len(dropouts) == len(hidden_units) + 2:
                raise ValueError(
                    f"dropouts must be {len(hidden_units) + 1} numbers, got "
                    f"{len(dropouts)}. The first number of the source's list is no "
                    f"dropout: pass noise_std={dropouts[0]}, dropouts={dropouts[1:]}."
                )
        dropouts = check_dropouts("dropouts", dropouts, len(hidden_units) + 1)
        for name, value, allowed in [
            ("ae_head_input", ae_head_input, ("recon", "code")),
            ("output_activation", output_activation, ("sigmoid", "identity")),
        ]:
            if value not in allowed:
                raise ValueError(
                    f"{name} must be one of {allowed}. Got {value!r} instead."
                )
        n_code, n_head, *n_mlp = hidden_units
        options = {
            "activation": activation,
            "batch_norm": batch_norm,
            "output_gain": output_gain,
        }
        self.ae_head_input = ae_head_input
        self.output_activation = output_activation
        self.encoder_frozen = False
        self.input_norm = make_batch_norm(batch_norm, in_features)
        self.noise = GaussianNoise(noise_std)
        self.encoder = nn.Sequential(
            nn.Linear(in_features, n_code),
            make_batch_norm(batch_norm, n_code),
            make_activation(activation),
        )
        self.decoder = nn.Sequential(
            nn.Dropout(dropouts[0]), nn.Linear(n_code, in_features)
        )
        self.ae_head = MLP(
            in_features if ae_head_input == "recon" else n_code,
            out_features,
            hidden_features=(n_head,),
            dropout=dropouts[1:2],
            **options,
        )
        self.joint = nn.Sequential(
            make_batch_norm(batch_norm, in_features + n_code), nn.Dropout(dropouts[2])
        )
        self.mlp = MLP(
            in_features + n_code,
            out_features,
            hidden_features=n_mlp,
            dropout=dropouts[3:],
            **options,
        )
        self.reset_parameters()

    @property
    def in_features(self):
        """Number of features."""
        return self.encoder[0].in_features

    @property
    def out_features(self):
        """Number of targets."""
        return self.mlp.out_features

    @property
    def code_features(self):
        """Width of the code."""
        return self.encoder[0].out_features

    def reset_parameters(self):
        """Draw Glorot-uniform weights, zero the biases, forget running statistics."""
        reset_parameters(self)

    def forward(self, X, logits=False):
        """Compute all three outputs.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features, scaled to [0, 1] unless the loss on the reconstruction is weighted
            for another scale.

        logits : bool, default=False
            Whether the two heads are left without `output_activation`.

        Returns
        -------
        reconstruction : torch.Tensor of shape (batch_size, in_features)
            The features as rebuilt from the code. Linear, not bounded.

        ae_targets : torch.Tensor of shape (batch_size, out_features)
            Targets as the autoencoder's head predicts them. An aid in training.

        targets : torch.Tensor of shape (batch_size, out_features)
            Targets as the perceptron predicts them: the predictions.
        """
        x0, code = self._encode(X)
        recon = self.decoder(code)
        ae_targets = self.ae_head(recon if self.ae_head_input == "recon" else code)
        targets = self._targets(x0, code)
        return (
            recon,
            self._activate(ae_targets, logits),
            self._activate(targets, logits),
        )

    def forward_targets(self, X, logits=False):
        """Compute the predictions alone, without decoder and autoencoder's head.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        logits : bool, default=False
            Whether the head is left without `output_activation`.

        Returns
        -------
        torch.Tensor of shape (batch_size, out_features)
            The third output of `forward`.
        """
        return self._activate(self._targets(*self._encode(X)), logits)

    def encode(self, X):
        """Compute the code.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, hidden_units[0])
            The code.
        """
        return self._encode(X)[1]

    def reconstruction(self, X):
        """Compute the reconstruction alone, for training the autoencoder first.

        Parameters
        ----------
        X : torch.Tensor of shape (batch_size, in_features)
            Features.

        Returns
        -------
        torch.Tensor of shape (batch_size, in_features)
            The first output of `forward`.
        """
        return self.decoder(self.encode(X))

    def freeze_encoder(self, frozen=True):
        """Keep the encoder as it is from here on, or let it learn again.

        The parameters of the encoder and of the batch normalization of the features
        take no gradient, and both, with the noise between them, stay in evaluation mode
        when the module is put in training mode, so that running statistics are kept
        too. The rest of the module is trained as before.

        Parameters
        ----------
        frozen : bool, default=True
            False to undo it.

        Returns
        -------
        SupervisedAutoencoder
            The module itself.
        """
        self.encoder_frozen = bool(frozen)
        for part in self._encoder_parts():
            part.requires_grad_(not frozen)
        return self.train(self.training)

    def train(self, mode=True):
        """Set training or evaluation mode; a frozen encoder stays in evaluation mode.

        Parameters
        ----------
        mode : bool, default=True
            Whether to train.

        Returns
        -------
        SupervisedAutoencoder
            The module itself.
        """
        super().train(mode)
        if self.encoder_frozen:
            for part in self._encoder_parts():
                part.train(False)
        return self

    def extra_repr(self):
        """Say the options that no layer shows.

        Returns
        -------
        str
            For ``repr``.
        """
        return (
            f"ae_head_input={self.ae_head_input!r}, "
            f"output_activation={self.output_activation!r}"
        )

    def _encoder_parts(self):
        return self.input_norm, self.noise, self.encoder

    def _encode(self, X):
        x0 = self.input_norm(X)
        return x0, self.encoder(self.noise(x0))

    def _targets(self, x0, code):
        # x0 without the noise
        return self.mlp(self.joint(torch.cat([x0, code], dim=1)))

    def _activate(self, out, logits):
        if logits or self.output_activation == "identity":
            return out
        return torch.sigmoid(out)
