"""EfficientViT's block: linear attention, then a gated convolution (Cai et al. 2023, arXiv:2205.14756)."""

from keras import layers, ops

from zoo.layers.blocks.rms_norm import RMSNorm


class EfficientViTBlock(layers.Layer):
    """(N, H, W, C) -> the same shape: x + attention(x), then x + gated convolution(x), each branch ending in a normalization.

    Args:
        head_dim: size of a head.
        scales: odd widths of the windows over which queries, keys and values are aggregated, in addition to the single pixel.
        norm: the normalization layer after the attention.
    """

    def __init__(self, head_dim, scales, norm, **kwargs):
        super().__init__(**kwargs)
        self.attn = LinearAttention(head_dim, scales, norm)
        self.conv_out = GatedConv()

    def build(self, input_shape):
        self.attn.build(input_shape)
        self.conv_out.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        x = x + self.attn(x)
        return x + self.conv_out(x)


class LinearAttention(layers.Layer):
    """norm(W o), (N, H, W, C) -> the same shape, with o_i = Σ_j (q_i · k_j) v_j / Σ_j q_i · k_j q and k rectified, per head.

    Both sums over j are computed once for all i, in float32, because they overflow or lose digits in half precision.

    Args:
        head_dim: size of a head; C maps give C // head_dim heads at every scale.
        scales: widths of the windows, see `EfficientViTBlock`.
        norm: the normalization layer at the end.
    """

    _EPSILON = 1e-15

    def __init__(self, head_dim, scales, norm, **kwargs):
        super().__init__(**kwargs)
        self.head_dim = head_dim
        self.scales = [Aggregation(head_dim, width) for width in scales]
        self.norm_out = norm

    def build(self, input_shape):
        maps = input_shape[-1]
        inner = maps // self.head_dim * self.head_dim
        self.qkv = layers.Dense(3 * inner, use_bias=False)
        self.qkv.build(input_shape)
        for scale in self.scales:
            scale.build((*input_shape[:-1], 3 * inner))
        self.to_out = layers.Dense(maps, use_bias=False)
        self.to_out.build((*input_shape[:-1], inner * (1 + len(self.scales))))
        self.norm_out.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        height, width = x.shape[1:3]
        maps = self.qkv(x)
        maps = ops.concatenate([maps, *(scale(maps) for scale in self.scales)], axis=-1)
        heads = maps.shape[-1] // (3 * self.head_dim)
        # A head is 3 head_dim consecutive maps, across the parts of the projection, as in the published networks.
        maps = ops.reshape(ops.cast(maps, "float32"), (-1, height * width, heads, 3, self.head_dim))
        q, k, v = ops.unstack(ops.transpose(maps, (3, 0, 2, 1, 4)), 3)
        q, k = ops.relu(q), ops.relu(k)
        mixed = ops.matmul(q, ops.matmul(ops.transpose(k, (0, 1, 3, 2)), v))
        total = ops.sum(q * ops.sum(k, axis=2, keepdims=True), axis=-1, keepdims=True)
        mixed = ops.transpose(mixed / (total + self._EPSILON), (0, 2, 1, 3))
        mixed = ops.reshape(ops.cast(mixed, x.dtype), (-1, height, width, heads * self.head_dim))
        return self.norm_out(self.to_out(mixed))


class Aggregation(layers.Layer):
    """Aggregates queries, keys and values (N, H, W, C) over a window, same shape: depthwise, then mixed within each head.

    Args:
        head_dim: number of maps that are mixed with each other.
        width: width of the window, in pixels.
    """

    def __init__(self, head_dim, width, **kwargs):
        super().__init__(**kwargs)
        self.proj_in = layers.DepthwiseConv2D(width, padding="same", use_bias=False, data_format="channels_last")
        self.proj_out = GroupedPointwise(head_dim)

    def build(self, input_shape):
        self.proj_in.build(input_shape)
        self.proj_out.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        return self.proj_out(self.proj_in(x))


class GroupedPointwise(layers.Layer):
    """A grouped 1 x 1 convolution (N, H, W, C) -> the same shape that mixes each `size` consecutive maps.

    Computed as one matrix product per group: TensorFlow without oneDNN has no gradient of grouped convolutions on CPUs.

    Args:
        size: number of maps in a group.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        # The shape in which Keras stores the kernel of a grouped convolution.
        self.kernel = self.add_weight(name="kernel", shape=(1, 1, self.size, input_shape[-1]), initializer="glorot_uniform")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        height, width, maps = x.shape[1:]
        groups = maps // self.size
        kernel = ops.reshape(ops.convert_to_tensor(self.kernel), (self.size, groups, self.size))
        x = ops.einsum("npgi,igo->npgo", ops.reshape(x, (-1, height * width, groups, self.size)), kernel)
        return ops.reshape(x, (-1, height, width, maps))


class GatedConv(layers.Layer):
    """norm(W (a * silu(b))), (N, H, W, C) -> the same shape; a and b, 4 C maps each, are depthwise convolutions of silu(V x).

    Sana's "Mix-FFN" (Xie et al. 2024, arXiv:2410.10629).
    """

    def build(self, input_shape):
        maps = input_shape[-1]
        wide = (*input_shape[:-1], 8 * maps)
        self.conv_inverted = layers.Conv2D(8 * maps, 1, data_format="channels_last")
        self.conv_depth = layers.DepthwiseConv2D(3, padding="same", data_format="channels_last")
        self.conv_point = layers.Conv2D(maps, 1, use_bias=False, data_format="channels_last")
        self.norm = RMSNorm()
        self.conv_inverted.build(input_shape)
        self.conv_depth.build(wide)
        self.conv_point.build((*input_shape[:-1], 4 * maps))
        self.norm.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        a, b = ops.split(self.conv_depth(ops.silu(self.conv_inverted(x))), 2, axis=-1)
        return self.norm(self.conv_point(a * ops.silu(b)))
