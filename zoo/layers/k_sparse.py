"""The k-sparse code: the k largest activations stay, the others go (Makhzani & Frey 2013, arXiv:1312.5663)."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.code import DenseCode, flatten


class KSparseCode(DenseCode):
    """A linear code of which only the `k` largest units stay in training, and round(`alpha` k) when encoding.

    The features are those survivors. Ties at the threshold all stay.

    Args:
        units: size of the code.
        k: units that stay in training.
        alpha: how many times as many stay when encoding; the paper finds features best at slightly more than one.
    """

    def __init__(self, units, k, alpha=1.0, **kwargs):
        if not 0 < k <= units:
            raise ZooError(f"got k={k}, expected between 1 and the {units} units of the code.")
        super().__init__(units, **kwargs)
        self.k = k
        self.k_encoding = min(units, max(1, round(alpha * k)))

    def call(self, h, training=None):
        return keep_largest(self.dense(flatten(h)), self.k if training else self.k_encoding)

    def code(self, h):
        return keep_largest(self.dense(flatten(h)), self.k_encoding)


def keep_largest(code, k):
    """(N, D) -> (N, D): the `k` largest values of every row, the others zero. The gradient flows through the kept ones."""
    threshold = ops.stop_gradient(ops.top_k(code, k)[0][..., -1:])
    return ops.where(code >= threshold, code, ops.zeros_like(code))
