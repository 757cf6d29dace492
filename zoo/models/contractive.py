"""Contractive autoencoder: penalizes the sensitivity of the features to the input (Rifai et al. 2011, ICML).

loss(x, x̂) + λ E ||∂f(x)/∂x||²_F
"""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.contraction import ContractiveCode, ContractiveSigmoidCode, squared_jacobian_norm
from zoo.models.base.assemble import assemble, configuration, shallow
from zoo.models.base.autoencoder import Autoencoder

BACKBONES = ("mlp", "conv", "resnet")


class StochasticContractiveAutoencoder(Autoencoder):
    """Adds an unbiased estimate of the penalty to the loss, for an encoder of any depth, by gradients inside the forward pass."""

    def call(self, x, training=None):
        x = self.modality.to_input(x, self.compute_dtype)
        code, norm = squared_jacobian_norm(lambda x: self._encode(x, training), x, self.bottleneck.seed_generator)
        self.bottleneck.add_term("contraction", self.bottleneck.weight * norm)
        return self.decoder.backbone(code, training=training)

    def _encode(self, x, training):
        return self.bottleneck.code(self.encoder.backbone(x, training=training))


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=1000,
    weight=0.1,
    penalty="exact",
    loss="bernoulli",
    **backbone_options,
):
    """A sigmoid code of `latent_dim` units with a penalty on its derivative.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        weight: λ, in units of the reconstruction loss.
        penalty: "exact", in closed form, for "mlp" without hidden layers; "stochastic", an unbiased estimate, for any encoder.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.

    Raises:
        ZooError: if the exact penalty is requested for an encoder with hidden layers, or if `batch_norm` is True.
    """
    config = configuration(build, locals())
    options = shallow(backbone, backbone_options)
    if options.get("batch_norm"):
        raise ZooError("the contractive penalty requires an encoder without batch normalization, got batch_norm=True; omit it.")
    if penalty not in ("exact", "stochastic"):
        raise ZooError(f"got penalty={penalty!r}, expected 'exact' or 'stochastic'.")
    if penalty == "stochastic":
        code, model = ContractiveCode(latent_dim, weight), StochasticContractiveAutoencoder
    elif backbone == "mlp" and not tuple(options["hidden"]):
        code, model = ContractiveSigmoidCode(latent_dim, weight), Autoencoder
    else:
        raise ZooError(
            "the exact contractive penalty is defined for one layer only; use penalty='stochastic' for a deeper encoder."
        )
    return assemble(backbone, input_shape, code, loss, options, config, model=model)
