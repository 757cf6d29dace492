"""Residual U-Net, with skip connections at each resolution."""

import keras
from keras import layers, ops

from zoo.backbones.resize import Crop, halved
from zoo.backbones.resnet import ResidualBlock
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair, regularizer


def unet(
    input_shape,
    filters=(48, 96, 192),
    blocks=2,
    activation="silu",
    first_stride=1,
    dropout=0.0,
    weight_decay=0.0,
):
    """A U-Net (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597) of residual blocks, for networks from images to images.

    The whole U-Net is the encoder, because skip connections cannot pass a bottleneck: the code is the feature maps at its end, at
    the first resolution, and the decoder is one convolution. The depths for features are `down1` to the deepest, then `up` back
    to `up1`; those of a denoiser are best in the middle (Xiang et al. 2023, "Denoising diffusion autoencoders are unified
    self-supervised learners", arXiv:2303.09769). The features are the activated maps of a stage and of their negatives.

    Args:
        input_shape: (height, width, channels), any size; for odd sizes, the output is cropped.
        filters: number of feature maps of each resolution, each half of the one before.
        blocks: residual blocks per resolution, in each direction.
        activation: activation function of the blocks.
        first_stride: 1, 2 or 4; 2 processes blocks of 2 x 2 pixels, in a quarter of the time (Zhang et al. 2018, FFDNet,
            arXiv:1710.04026).
        dropout: fraction of whole feature maps dropped in training, in each block.
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    if first_stride not in (1, 2, 4):
        raise ZooError(f"got first_stride={first_stride}, expected 1, 2 or 4.")
    if len(filters) < 2:
        raise ZooError(f"got filters={tuple(filters)}, expected the number of feature maps of at least two resolutions.")
    size = tuple(-(-n // first_stride) for n in input_shape[:2])
    encoder = UNet(size, tuple(filters), blocks, activation, first_stride, dropout, weight_decay)
    decay = regularizer(weight_decay)

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(
                f"the code of a U-Net is its feature maps, got a code of shape {tuple(code_shape)}; set latent_dim=None."
            )
        if first_stride == 1:
            return Backbone([layers.Conv2D(outputs, 3, padding="same", kernel_regularizer=decay, data_format="channels_last")])
        last = layers.Conv2DTranspose(
            outputs, 2 * first_stride, strides=first_stride, padding="same", kernel_regularizer=decay, data_format="channels_last"
        )
        return Backbone([last, Crop(input_shape[:2])])

    return Pair(encoder, decoder)


class UNet(layers.Layer):
    """(N, H, W, C) -> (N, *size, filters[0]), where `size` is height and width after the first stride."""

    def __init__(self, size, filters, blocks, activation, first_stride, dropout, weight_decay, **kwargs):
        super().__init__(**kwargs)
        decay = regularizer(weight_decay)

        def stage(count):
            return Backbone([ResidualBlock(count, activation, dropout, weight_decay) for _ in range(blocks)])

        def into(count, stride):
            return layers.Conv2D(
                count, max(3, stride), strides=stride, padding="same", kernel_regularizer=decay, data_format="channels_last"
            )

        sizes = [size]
        for _ in filters[1:]:
            sizes.append(halved(sizes[-1]))
        self.enter = [into(filters[0], first_stride), *(into(count, 2) for count in filters[1:])]
        self.down = [stage(count) for count in filters]
        self.rise = [
            layers.Conv2DTranspose(count, 4, strides=2, padding="same", kernel_regularizer=decay, data_format="channels_last")
            for count in filters[:-1]
        ]
        self.crop = [Crop(size) for size in sizes[:-1]]
        self.up = [stage(count) for count in filters[:-1]]
        self.activation = keras.activations.get(activation)

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        down = [f"down{i + 1}" for i in range(len(self.down))]
        return down + [f"up{i + 1}" for i in reversed(range(len(self.up)))]

    def build(self, input_shape):
        self.maps_shape = self._run(keras.KerasTensor(input_shape), "up1").shape[1:]
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.maps_shape

    def until(self, x, name):
        """The maps of the stage called `name` and their negatives, activated: twice as many maps as the stage has.

        Averages over a region of maps with both signs carry little information; with the signs separated, a classifier can use
        both (Coates & Ng 2011, "The importance of encoding versus training with sparse coding and vector quantization", ICML).
        """
        x = self._run(x, name)
        return self.activation(ops.concatenate([x, -x], axis=-1))

    def _run(self, x, name):
        skips = []
        for i, (enter, stage) in enumerate(zip(self.enter, self.down)):
            x = stage(enter(x))
            skips.append(x)
            if name == f"down{i + 1}":
                return x
        for i in reversed(range(len(self.up))):
            # Added, not concatenated: as good (Hoogeboom et al. 2023, "simple diffusion", arXiv:2301.11093) in half the time.
            x = self.up[i](self.crop[i](self.rise[i](x)) + skips[i])
            if name == f"up{i + 1}":
                return x

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        down = {f"down{i + 1}": [self.enter[i], self.down[i]] for i in range(len(self.down))}
        return down | {f"up{i + 1}": [self.rise[i], self.up[i]] for i in reversed(range(len(self.up)))}

    def call(self, x):
        return self.activation(self._run(x, "up1"))
