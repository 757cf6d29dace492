"""Categorical VAE by Gumbel-softmax (Jang et al. 2017, arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712).

E_q [-log p(x|z)] + Σ KL(q(z_i|x) || uniform), in nats an image, with Gumbel-softmax samples z of a temperature that falls
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
        codes: classes a variable.
        groups: variables an image, where the encoder ends in a vector.
        temperature: of the samples at the start.
        min_temperature: the lowest.
        anneal_rate: how fast it falls, a training step, exponentially.
        anneal_every: training steps between two values of it.
        straight_through: decode one-hot samples in training, with the gradient of the relaxed ones.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    bottleneck = GumbelCode(codes, groups, temperature, min_temperature, anneal_rate, anneal_every, straight_through)
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
