"""Super-resolution: predicts the detail that bicubic interpolation lacks (Lim et al. 2017, EDSR, arXiv:1707.02921).

min E loss(x, ↑x̃ + g(x̃)), x̃ = ↓x
"""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.corruptions.resample import Shrink, Shuffle, enlarge
from zoo.models.base.assemble import configuration
from zoo.models.base.restoring import RestoringAutoencoder, restoring
from zoo.utils.bicubic import check_edges

BACKBONES = ("resnet", "conv", "unet")
_SCALES = (2, 3, 4)
_UPSAMPLERS = ("subpixel", "resize")


class SuperResolution(RestoringAutoencoder):
    """`reconstruct` takes images (N, H / scale, W / scale, C); other methods also take (N, H, W, C) and reduce them."""

    restores_luma = True

    @property
    def degraded_shape(self):
        return small_shape(self.data_shape, self.config["scale"])

    def example(self, x):
        small = self.encoder.backbone.before(x)
        shown = ops.image.resize(small, self.data_shape[:2], interpolation="nearest", data_format="channels_last")
        return shown, self._reconstruct(small)


def build(
    backbone="resnet",
    input_shape=(32, 32, 3),
    scale=2,
    upsampler="subpixel",
    edges="cut",
    features=None,
    loss="mae",
    **backbone_options,
):
    """`reconstruct` enlarges images. `fit(images)` trains on large images, which the model reduces itself.

    Args:
        backbone: "resnet", "conv" or "unet"; must keep the resolution, which it does by default.
        input_shape: (height, width, channels) of the large images.
        scale: 2, 3 or 4; divides height and width.
        upsampler: "subpixel", a pixel shuffle (Shi et al. 2016, arXiv:1609.05158), or "resize", nearest-neighbor enlargement
            and a convolution, which avoids checkerboard artifacts (Odena, Dumoulin & Olah 2016).
        edges: how bicubic resizing continues images beyond their edges: "mirror", as MATLAB's `imresize`, with which published
            benchmarks are made, or "cut", see `zoo.utils.bicubic`.
        features: the depth of the backbone that the features are taken from; None means the code.
        loss: "mse", "mae", "huber" or "ms_ssim".
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if scale not in _SCALES or any(side % scale for side in input_shape[:2]):
        raise ZooError(
            f"got scale={scale} for images of {tuple(input_shape[:2])}, expected one of {', '.join(map(str, _SCALES))} that "
            "divides height and width."
        )
    check_edges(edges)
    if upsampler not in _UPSAMPLERS:
        raise ZooError(f"got upsampler={upsampler!r}, expected one of {', '.join(_UPSAMPLERS)}.")
    small = small_shape(input_shape, scale)

    def decoder(code_shape, outputs):
        if tuple(code_shape[:2]) != small[:2]:
            raise ZooError(
                f"the backbone reduces images of size {small[:2]} to maps of size {tuple(code_shape[:2])}, expected a backbone "
                "that keeps the resolution; give strides of 1."
            )
        stages = []
        for step in (2, 2) if scale == 4 else (scale,):
            stages += _upsampling(upsampler, step, code_shape[-1])
        return Backbone([*stages, layers.Conv2D(outputs, 3, padding="same", data_format="channels_last")])

    return restoring(
        backbone,
        input_shape,
        loss,
        {**_keeping_resolution(backbone, backbone_options), **backbone_options},
        config,
        lambda outputs, image: outputs + enlarge(image, scale, edges),
        image_shape=small,
        before=Shrink(scale, small, edges),
        decoder=decoder,
        features=features,
        model=SuperResolution,
    )


def small_shape(shape, scale):
    """(height, width, channels) of an image of `shape` after reduction by `scale`."""
    height, width, channels = shape
    return height // scale, width // scale, channels


def _keeping_resolution(backbone, options):
    if backbone == "conv":
        return {"strides": (1,) * len(options.get("filters", (0, 0, 0)))}
    return {"filters": (64,), "blocks": 8, "first_stride": 1} if backbone == "resnet" else {}


def _upsampling(kind, step, maps):
    if kind == "subpixel":
        return [
            layers.Conv2D(maps * step**2, 3, padding="same", data_format="channels_last"),
            Shuffle(step),
            layers.Activation("relu"),
        ]
    return [
        layers.UpSampling2D(step, data_format="channels_last"),
        layers.Conv2D(maps, 3, padding="same", activation="relu", data_format="channels_last"),
    ]
