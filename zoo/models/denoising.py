"""Denoiser: a network predicts noise of any level in a range and subtracts it (Zhang et al. 2017, DnCNN, arXiv:1608.03981).

min E loss(x, x̃ + g(x̃)), x̃ ~ q(x̃|x, σ), σ ~ U(least, most)
"""

from zoo.layers.corruptions.corruption import corruption
from zoo.models.base.assemble import configuration
from zoo.models.base.restoring import add, restoring

BACKBONES = ("unet", "conv", "resnet", "dncnn")


def build(
    backbone="unet",
    input_shape=(32, 32, 3),
    noise="gaussian",
    level: float | tuple = (0.0, 0.2),
    clip=True,
    features=None,
    loss="mse",
    **backbone_options,
):
    """`reconstruct` removes the noise of images; blind denoising, the network is not given the noise level.

    Args:
        backbone: "unet", "conv", "resnet" or "dncnn".
        input_shape: (height, width, channels).
        noise: "gaussian", "masking" or "salt_and_pepper".
        level: standard deviation of the Gaussian noise in 0..1 units, or fraction of the pixels for the others; or a range
            (least, most) to sample the level of each image from.
        clip: whether Gaussian noise is clipped to 0..1, as in image files; benchmarks of denoising do not clip.
        features: the depth of the backbone that the features are taken from; None means the code.
        loss: "mse", "mae", "huber" or "ms_ssim".
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    corrupting = corruption(noise, level, **({"clip": clip} if noise == "gaussian" else {}))
    return restoring(backbone, input_shape, loss, backbone_options, config, add, corruption=corrupting, features=features)
