"""Stacked autoencoder: pretrained layer by layer, then fine-tuned as a whole (Hinton & Salakhutdinov 2006; Vincent et al. 2010).

The network is the deep undercomplete autoencoder 784-1000-500-250-30 of the 2006 paper; the stacking is the layer-wise
initialization of its weights, see `zoo.training.initialization.layerwise` (in a recipe: start="layerwise").
"""

from zoo.layers.bottlenecks.code import DenseCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp",)


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=30,
    hidden=(1000, 500, 250),
    code_activation=None,
    loss="mse",
    **backbone_options,
):
    """An encoder of several dense layers and a mirrored decoder.

    Args:
        backbone: "mlp".
        input_shape: (height, width, channels) or (features,).
        latent_dim: size of the code.
        hidden: units of the layers before the code.
        code_activation: activation function of the code; None means linear.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = DenseCode(latent_dim, code_activation)
    return assemble(backbone, input_shape, code, loss, {"hidden": tuple(hidden), **backbone_options}, config)
