"""Codes that are feature maps, scaled as diffusion models expect them (Rombach et al. 2022, arXiv:2112.10752)."""

from keras import layers

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import Bottleneck


class LatentMap(Bottleneck):
    """The encoder's last feature maps h (N, H, W, C) as the code (h - shift) * scaling; adds no loss term.

    The features are the code, flattened.

    Args:
        scaling: factor by which the codes of the training images have a standard deviation of about 1.
        shift: mean of h over the training images, or 0.
    """

    def __init__(self, scaling=1.0, shift=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scaling, self.shift = scaling, shift

    def build(self, input_shape):
        self.code_shape = tuple(input_shape[1:])
        self.built = True

    def call(self, h):
        return self.code(h)

    def code(self, h):
        return (h - self.shift) * self.scaling


def unscaled(scaling, shift):
    """The first layer of a decoder, which inverts scaling and shift. Raises ZooError if `scaling` is not positive."""
    if not scaling > 0:
        raise ZooError(f"got scaling={scaling}, expected a positive number.")
    return layers.Rescaling(1 / scaling, shift)
