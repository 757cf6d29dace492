"""Batches without TensorFlow, for machines that have JAX alone: as those of `zoo.data.pipeline`, in an order of their own."""

import numpy as np

from zoo.errors import ZooError


def numpy_batches(images, batch_size, seed, first_step, steps, transforms, labels, pool, from_pool):
    """An iterator over `steps` batches as `fit` takes them, from batch number `first_step` on.

    Args:
        images, batch_size, seed, first_step, steps, transforms, labels: see `zoo.data.pipeline.training_batches`.
        pool: numbers of the images with a label.
        from_pool: how many of each batch are drawn from those.

    Raises:
        ZooError: on a transform that needs TensorFlow.
    """
    for name in transforms:
        if name not in TRANSFORMS:
            raise ZooError(f"the transform {name!r} needs TensorFlow; install it, or take one of {', '.join(TRANSFORMS)}.")
    return _batches(images, batch_size, seed, range(first_step, first_step + steps), transforms, labels, pool, from_pool)


def _batches(images, batch_size, seed, steps, transforms, labels, pool, from_pool):
    everything = _Permutations(len(images), batch_size - from_pool, seed, 1)
    known = _Permutations(len(pool), from_pool, seed, 2)
    for step in steps:
        index = everything.batch(step)
        if from_pool:
            index = np.concatenate([pool[known.batch(step)], index])
        x = images[index]
        for place, name in enumerate(transforms):
            x = TRANSFORMS[name](x, np.random.default_rng([seed, place, step]))
        yield (x,) if labels is None else ({"images": x, "labels": np.asarray(labels, np.int32)[index]},)


class _Permutations:
    """An endless row of permutations of the numbers below `count`, each its own, `size` numbers of it a batch."""

    def __init__(self, count, size, seed, stream):
        self.count, self.size, self.key = count, size, (seed, stream)
        self.epoch, self.order = None, None

    def batch(self, step):
        """The numbers of batch `step`, (size,)."""
        place, left, found = step * self.size, self.size, []
        while left:
            epoch, within = divmod(place, self.count)
            if epoch != self.epoch:
                self.epoch, self.order = epoch, np.random.default_rng([*self.key, epoch]).permutation(self.count)
            found.append(self.order[within : within + left])
            place, left = place + len(found[-1]), left - len(found[-1])
        return np.concatenate(found)


def _binarize(x, rng):
    """Draw every pixel from a Bernoulli of its value."""
    unit = x / np.float32(255) if x.dtype == np.uint8 else x
    return (rng.random(x.shape, dtype=np.float32) < unit).astype(np.float32)


def _flip(x, rng):
    """Mirror each image left to right with a chance of one half."""
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)


def _crop(x, rng):
    """Each image moved by up to an eighth of either side; what comes in is mirrored."""
    height, width = x.shape[1:3]
    high, wide = height // 8, width // 8
    x = np.pad(x, ((0, 0), (high, high), (wide, wide), (0, 0)), mode="reflect")
    rows = rng.integers(0, 2 * high + 1, (len(x), 1)) + np.arange(height)
    columns = rng.integers(0, 2 * wide + 1, (len(x), 1)) + np.arange(width)
    return x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]


TRANSFORMS = {"binarize": _binarize, "flip": _flip, "crop": _crop}
