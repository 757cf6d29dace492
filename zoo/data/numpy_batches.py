"""Training batches without TensorFlow. Like those of `zoo.data.pipeline`, but in another random order."""

import numpy as np

from zoo.errors import ZooError


def numpy_batches(images, batch_size, seed, first_step, steps, transforms, labels, pool, from_pool):
    """An iterator over `steps` batches for `fit`, beginning with batch number `first_step`.

    Args:
        images, batch_size, seed, first_step, steps, transforms, labels: see `zoo.data.pipeline.training_batches`.
        pool: indices of the images with a label.
        from_pool: number of images of each batch that are drawn from `pool`.

    Raises:
        ZooError: if a transform requires TensorFlow.
    """
    for name in transforms:
        if name not in TRANSFORMS:
            raise ZooError(f"the transform {name!r} requires TensorFlow; install it, or use one of {', '.join(TRANSFORMS)}.")
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
    """Batches of `size` indices from an endless sequence of random permutations of range(count)."""

    def __init__(self, count, size, seed, stream):
        self.count, self.size, self.key = count, size, (seed, stream)
        self.epoch, self.order = None, None

    def batch(self, step):
        """The indices of batch `step`, (size,)."""
        place, left, found = step * self.size, self.size, []
        while left:
            epoch, within = divmod(place, self.count)
            if epoch != self.epoch:
                self.epoch, self.order = epoch, np.random.default_rng([*self.key, epoch]).permutation(self.count)
            found.append(self.order[within : within + left])
            place, left = place + len(found[-1]), left - len(found[-1])
        return np.concatenate(found)


def _binarize(x, rng):
    """Sample every pixel from a Bernoulli distribution with its value as probability."""
    unit = x / np.float32(255) if x.dtype == np.uint8 else x
    return (rng.random(x.shape, dtype=np.float32) < unit).astype(np.float32)


def _flip(x, rng):
    """Mirror each image left to right with probability 1/2."""
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)


def _crop(x, rng):
    """Shift each image by up to an eighth of its height and width; the border is filled by reflection."""
    height, width = x.shape[1:3]
    high, wide = height // 8, width // 8
    x = np.pad(x, ((0, 0), (high, high), (wide, wide), (0, 0)), mode="reflect")
    rows = rng.integers(0, 2 * high + 1, (len(x), 1)) + np.arange(height)
    columns = rng.integers(0, 2 * wide + 1, (len(x), 1)) + np.arange(width)
    return x[np.arange(len(x))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _dihedral(x, rng):
    """One of the eight rotations and reflections of each square image."""
    chosen = rng.random((3, len(x), 1, 1, 1)) < 0.5
    x = np.where(chosen[0], x[:, :, ::-1], x)
    x = np.where(chosen[1], x[:, ::-1], x)
    return np.where(chosen[2], x.transpose(0, 2, 1, 3), x)


TRANSFORMS = {"binarize": _binarize, "flip": _flip, "crop": _crop, "dihedral": _dihedral}
