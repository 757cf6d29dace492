"""Categorical VAE by Gumbel-softmax (Jang et al. 2017, arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712).

E_q [-log p(x|z)] + Σ KL(q(z_i|x) || uniform), in nats per image, with Gumbel-softmax samples z at a decreasing temperature
"""

from zoo.layers.bottlenecks.gumbel import GumbelCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.grid import grid_decoder

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    codes=10,
    groups=30,
    temperature=1.0,
    min_temperature=0.5,
    anneal_rate=3e-5,
    anneal_every=1000,
    straight_through=False,
    loss="bernoulli",
    **backbone_options,
):
    """A grid of categorical variables on "conv" and "resnet", as large as the last feature maps; `groups` of them on "mlp".

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        codes: number of classes per variable.
        groups: number of variables per image, if the encoder's output is a vector.
        temperature: initial temperature of the samples.
        min_temperature: lowest temperature.
        anneal_rate: rate of the exponential decrease of the temperature, per training step.
        anneal_every: training steps between updates of the temperature.
        straight_through: decode one-hot samples in training, with the gradient of the relaxed samples.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    bottleneck = GumbelCode(codes, groups, temperature, min_temperature, anneal_rate, anneal_every, straight_through)
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
