"""Winner-take-all autoencoder: codes made sparse over the batch or over the image (Makhzani & Frey 2015, arXiv:1409.2752).

On "mlp": each hidden unit keeps its activation for the fraction `rate` of the batch with the largest activations (lifetime
sparsity). On "conv": each feature map keeps only its largest activation (spatial sparsity), with `rate` < 1 only for the images
where it is largest; the decoder is a single linear deconvolution.
"""

from keras import layers

from zoo.backbones.resize import Crop
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.bottlenecks.winner_take_all import LifetimeWinnerTakeAll, SpatialWinnerTakeAll
from zoo.models.base.assemble import assemble, configuration, shallow
from zoo.models.base.contrast import ContrastAutoencoder, contrast_pair

BACKBONES = ("mlp", "conv")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=1000,
    rate=0.05,
    pool=5,
    pool_stride=2,
    pooling="max",
    atom=11,
    loss="mse",
    **backbone_options,
):
    """A code of which only the winners are decoded.

    Args:
        backbone: "mlp" or "conv".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code on "mlp"; on "conv" the code is the last stage's feature maps.
        rate: fraction of the batch for which a unit or a map is a winner, in (0, 1].
        pool: side of the windows over which a map's activations are pooled to features, in pixels of the map, on "conv".
        pool_stride: distance between windows, in pixels of the map.
        pooling: "max", as in the paper, or "average", which is better for linear classifiers on large maps.
        atom: side of the patch that a winner is decoded to, in pixels, on "conv".
        loss: name of the reconstruction loss, see `zoo.losses`; with "contrast_mse", for photographs on "conv", the encoder
            also takes the local contrast: the atoms are then edges instead of blobs.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if backbone == "mlp":
        code = LifetimeWinnerTakeAll(latent_dim, rate)
        return assemble(backbone, input_shape, code, loss, shallow(backbone, backbone_options), config)
    code = SpatialWinnerTakeAll(pool, rate, pool_stride, pooling)
    pair = contrast_pair(backbone, input_shape, loss, backbone_options)
    decoder = _atoms(tuple(input_shape), atom)
    components = dict(decoder=decoder, pair=pair, model=ContrastAutoencoder)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, **components)


def _atoms(input_shape, side):
    """A function that builds a decoder of one linear deconvolution: each winner is decoded to its map's atom."""

    def decoder(code_shape, outputs):
        stride = 1
        while any(stride * inner < outer for inner, outer in zip(code_shape[:2], input_shape)):
            stride *= 2
        return Backbone(
            [
                layers.Conv2DTranspose(outputs, side, strides=stride, padding="same", data_format="channels_last"),
                Crop(input_shape[:2]),
            ]
        )

    return decoder
