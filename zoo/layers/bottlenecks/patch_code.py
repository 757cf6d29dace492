"""The code of each patch of an image, with its mean and contrast, which are not part of the features."""

from zoo.layers.bottlenecks.code import MapCode


class PatchCode(MapCode):
    """Maps (N, H, W, C + 2) as the code; the features are the means of the first C over a grid of regions.

    Args:
        grid: number of regions per side.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.maps = input_shape[-1] - 2
