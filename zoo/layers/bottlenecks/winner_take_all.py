"""Winner-take-all codes (Makhzani & Frey 2015, "Winner-take-all autoencoders", arXiv:1409.2752)."""

from keras import ops

from zoo.errors import ZooError, suggest
from zoo.layers.bottlenecks.code import Bottleneck, DenseCode, flatten
from zoo.utils.numbers import check_whole, is_number

_POOLINGS = {"max": ops.max_pool, "average": ops.average_pool}


class LifetimeWinnerTakeAll(DenseCode):
    """FC-WTA: in training, each unit keeps its activation for the fraction `rate` of the batch with the largest activations.

    Encoding keeps all (rectified) activations.

    Args:
        units: size of the code.
        rate: fraction of the batch, in (0, 1].
    """

    def __init__(self, units, rate, **kwargs):
        _check_rate(rate)
        super().__init__(units, "relu", **kwargs)
        self.rate = rate

    def call(self, h, training=None):
        code = self.code(h)
        return lifetime_winners(code, self.rate) if training else code


class SpatialWinnerTakeAll(Bottleneck):
    """CONV-WTA: only the largest activation of each feature map is kept; the input maps (N, H, W, C) are rectified here.

    With `rate` < 1, the winner of a map is kept in training only for the fraction `rate` of the batch where it is largest
    (lifetime sparsity). The features are all rectified activations, pooled over windows of `pool` x `pool` positions with the
    given `stride` (default: `pool`, without overlap), by the maximum, as in the paper, or the average.
    """

    def __init__(self, pool, rate=1.0, stride=None, pooling="max", **kwargs):
        _check_rate(rate)
        check_whole(1, pool=pool, pool_stride=pool if stride is None else stride)
        super().__init__(**kwargs)
        self.pool = pool
        self.stride = stride or pool
        self.rate = rate
        if pooling not in _POOLINGS:
            raise ZooError(f"got pooling={pooling!r}, expected one of {', '.join(_POOLINGS)}.{suggest(str(pooling), _POOLINGS)}")
        self.pooling = pooling

    def build(self, input_shape):
        self.code_shape = tuple(input_shape[1:])
        self.built = True

    def call(self, h, training=None):
        return spatial_winners(ops.relu(h), self.rate if training else 1.0)

    def code(self, h):
        return spatial_winners(ops.relu(h))

    def features(self, h):
        return flatten(
            _POOLINGS[self.pooling](ops.relu(h), self.pool, strides=self.stride, padding="same", data_format="channels_last")
        )


def _check_rate(rate):
    if not (is_number(rate) and 0 < rate <= 1):
        raise ZooError(f"got rate={rate!r}, expected a fraction of the batch, in (0, 1].")


def lifetime_winners(code, rate):
    """(N, D) -> (N, D): each column keeps its round(rate N) largest values, at least one."""
    threshold = _winning_threshold(code, rate)
    return ops.where(code >= threshold, code, ops.zeros_like(code))


def _winning_threshold(values, rate):
    """The round(rate N)-th largest value along the batch axis, which becomes an axis of size one."""
    n = values.shape[0]
    ordered = ops.flip(ops.sort(ops.stop_gradient(values), axis=0), axis=0)
    if n is not None:
        return ordered[max(1, round(rate * n)) - 1][None]
    index = ops.maximum(ops.cast(ops.round(rate * ops.cast(ops.shape(values)[0], "float32")), "int32"), 1) - 1
    return ops.expand_dims(ops.take(ordered, index, axis=0), 0)


def spatial_winners(code, rate=1.0):
    """(N, H, W, C) -> the same: every map keeps its largest value only, and with `rate` < 1 only on the images of the batch
    where that one is among the round(rate N) largest of its map."""
    winners = ops.stop_gradient(ops.max(code, axis=(1, 2), keepdims=True))
    kept = code >= winners
    if rate < 1:
        kept = ops.logical_and(kept, winners >= _winning_threshold(winners, rate))
    return ops.where(kept, code, ops.zeros_like(code))
