"""Root mean square normalization (Zhang & Sennrich 2019, arXiv:1910.07467), with a bias."""

from keras import layers, ops


class RMSNorm(layers.Layer):
    """γ x / sqrt(mean x² + ε) + β, (..., C) -> the same shape; the mean is over the last axis, in float32.

    Args:
        epsilon: ε.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        h = ops.cast(x, "float32")
        h = h * ops.rsqrt(ops.mean(ops.square(h), axis=-1, keepdims=True) + self.epsilon)
        gamma, beta = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (self.gamma, self.beta))
        return ops.cast(h * gamma + beta, self.compute_dtype)
