"""A convolution that halves the image and pads it as PyTorch does."""

from keras import layers, ops


class StridedConv2D(layers.Conv2D):
    """Images (N, H, W, C) to (N, ceil(H / 2), ceil(W / 2), filters): 3 x 3 at stride 2, one row or column of zeros on each side.

    Keras's own "same" padding gives even sizes zeros below and on the right alone, which reads other pixels.

    Args:
        filters: feature maps.
        use_bias: whether a bias is added.
    """

    def __init__(self, filters, use_bias=True, **kwargs):
        super().__init__(filters, 3, strides=2, padding="valid", use_bias=use_bias, data_format="channels_last", **kwargs)

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, -(-height // 2), -(-width // 2), self.filters

    def call(self, x):
        return super().call(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
