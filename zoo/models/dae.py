"""Denoising autoencoder: reconstructs the clean input from a corrupted one (Vincent et al. 2008, ICML; 2010, JMLR 11).

min E loss(x, g(f(x̃))), x̃ ~ q(x̃|x)
"""

from zoo.layers.bottlenecks.code import DenseCode, MapCode
from zoo.layers.corruptions.corruption import corruption
from zoo.models.base.assemble import assemble, configuration, shallow
from zoo.models.base.contrast import ContrastAutoencoder, contrast_pair

BACKBONES = ("mlp", "conv", "resnet", "unet", "tcn", "gru", "lstm")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=1000,
    noise="masking",
    level: float | tuple = 0.3,
    code_activation="sigmoid",
    features=None,
    loss="mse",
    **backbone_options,
):
    """A code of `latent_dim` units, trained to remove noise.

    Args:
        backbone: "mlp", "conv", "resnet"; "unet", whose code is its feature maps, regardless of `latent_dim`; or, over time,
            "tcn", "gru" or "lstm".
        input_shape: (height, width, channels), or (features,) for "mlp", or (length, channels) of a series.
        latent_dim: units of the code; with None the code is the encoder's feature maps (fully convolutional).
        noise: "gaussian", "masking" or "salt_and_pepper".
        level: standard deviation of the Gaussian noise in 0..1 units, or fraction of the pixels for the others; or a range
            (least, most) to sample the level of each image from.
        code_activation: activation function of a code of units.
        features: the depth of the backbone that the features are taken from; None means the code.
        loss: name of the reconstruction loss, see `zoo.losses`; with "contrast_mse", for photographs, the encoder
            also takes the local contrast, because the reconstruction does not include brightness.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = MapCode() if latent_dim is None or backbone == "unet" else DenseCode(latent_dim, code_activation)
    options = shallow(backbone, backbone_options)
    pair = contrast_pair(backbone, input_shape, loss, options)
    corrupting = corruption(noise, level)
    components = dict(corruption=corrupting, features=features, pair=pair, model=ContrastAutoencoder)
    return assemble(backbone, input_shape, code, loss, options, config, **components)
