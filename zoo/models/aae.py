"""Adversarial autoencoder: a discriminator matches the codes' distribution to a prior (Makhzani et al. 2016, arXiv:1511.05644).

loss(x, x̂) - w E log D(z); the discriminator minimizes -E_p(z) log D(z) - E_q(z) log (1 - D(z))
"""

from zoo.layers.adversarial.adversarial_code import AdversarialCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=8,
    weight=20.0,
    discriminator=(1000, 1000),
    discriminator_rate=1.0,
    loss="bernoulli",
    **backbone_options,
):
    """A deterministic code of `latent_dim` units, distributed as a standard normal, which `sample` samples from.

    The paper alternates between reconstruction and the adversarial loss, each with its own optimizer. Here each step has both,
    and `weight` sets the weight of the adversarial loss relative to the reconstruction loss.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        weight: w, in units of the reconstruction loss.
        discriminator: units of the discriminator's hidden layers.
        discriminator_rate: factor on the learning rate of the discriminator, which is trained by the same optimizer as the rest.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = AdversarialCode(latent_dim, weight, tuple(discriminator), discriminator_rate)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
