"""A convolution that halves the image and pads it as PyTorch does."""

from keras import layers, ops


class StridedConv2D(layers.Conv2D):
    """Images (N, H, W, C) to (N, ceil(H / 2), ceil(W / 2), filters): 3 x 3 at stride 2, padded by one zero on each side.

    Keras's "same" padding pads even sizes only at the bottom and the right, which gives different results.

    Args:
        filters: number of feature maps.
        use_bias: whether a bias is added.
    """

    def __init__(self, filters, use_bias=True, **kwargs):
        super().__init__(filters, 3, strides=2, padding="valid", use_bias=use_bias, data_format="channels_last", **kwargs)

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, -(-height // 2), -(-width // 2), self.filters

    def call(self, x):
        return super().call(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
