"""Shortcuts between feature maps of different numbers, without weights (Chen et al. 2024, arXiv:2410.10733)."""

from keras import layers, ops

from zoo.errors import ZooError


def as_many(x, maps):
    """Maps (N, H, W, C) to (N, H, W, maps): adjacent maps averaged, or each map repeated."""
    *_, height, width, count = x.shape
    if maps >= count:
        return ops.repeat(x, maps // count, axis=-1) if maps > count else x
    return ops.mean(ops.reshape(x, (-1, height, width, maps, count // maps)), axis=-1)


def check_maps(count, maps):
    """Raises ZooError unless `as_many` can make `maps` of `count` maps."""
    if max(count, maps) % min(count, maps):
        raise ZooError(f"got a shortcut from {count} maps to {maps}, expected one number to be a multiple of the other.")


class Shortcut(layers.Layer):
    """The outputs (N, H, W, maps) of some layers plus their input, see `as_many`.

    Args:
        steps: layers.
        maps: number of maps of the output.
    """

    def __init__(self, steps, maps, **kwargs):
        super().__init__(**kwargs)
        self.steps, self.maps = list(steps), maps

    def build(self, input_shape):
        check_maps(input_shape[-1], self.maps)
        for step in self.steps:
            if not step.built:
                step.build(input_shape)
            input_shape = step.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.maps)

    def call(self, x):
        h = x
        for step in self.steps:
            h = step(h)
        return h + as_many(x, self.maps)
