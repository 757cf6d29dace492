"""The code of every patch of an image, beside the mean and the contrast that its features leave out."""

from zoo.layers.bottlenecks.code import MapCode


class PatchCode(MapCode):
    """Maps (N, H, W, C + 2) as the code; the features are the means of the first C over a grid of regions.

    Args:
        grid: regions a side.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.maps = input_shape[-1] - 2
