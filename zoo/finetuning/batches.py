"""Batches of labelled images, with optional mixup and CutMix."""

import numpy as np

from zoo.data.pipeline import as_unit, training_batches
from zoo.modalities.image import unit_array
from zoo.utils.quiet import installed


def labelled_batches(images, rows, batch_size, seed, first_step, steps, transforms=(), mixup=0.0, cutmix=0.0):
    """`steps` pairs (images (batch_size, ...), class rows (batch_size, classes)), from `first_step` on: a `tf.data.Dataset`, or
    without TensorFlow an iterator with other random numbers.

    Args:
        images: array (N, ...).
        rows: probabilities of the classes (N, classes), float32.
        batch_size, seed, transforms: see `zoo.data.pipeline.training_batches`.
        first_step: number of the first batch.
        steps: number of batches.
        mixup: α; images and rows are averaged with those of another image of the batch, with weights from Beta(α, α) (Zhang et
            al. 2018, arXiv:1710.09412); 0 turns it off.
        cutmix: α; a box of the image is replaced by that of another image (Yun et al. 2019, arXiv:1905.04899); 0 turns it off.
            With both, each batch is mixed in one of the two ways at random.
    """
    plain = training_batches(images, batch_size, seed, first_step, steps, transforms, np.arange(len(images)))
    if not installed("tensorflow"):
        return _numpy_pairs(plain, rows, seed, first_step, mixup, cutmix)
    import tensorflow as tf

    table = tf.constant(rows)

    def pair(step, batch):
        x, y = batch["images"], tf.gather(table, batch["labels"])
        if not (mixup or cutmix):
            return x, y
        key = tf.stack([tf.cast(seed + 1000, tf.int64), step])
        x = as_unit(x)
        other, share = tf.reverse(x, [0]), _beta(mixup or cutmix, key)
        cut = tf.constant(bool(cutmix)) if not (mixup and cutmix) else tf.random.stateless_uniform((), key + 1) < 0.5
        boxed, left = _cut(x, other, _beta(cutmix or mixup, key), key)
        x = tf.where(cut, boxed, share * x + (1 - share) * other)
        share = tf.where(cut, left, share)
        return x, share * y + (1 - share) * tf.reverse(y, [0])

    return tf.data.Dataset.zip(tf.data.Dataset.range(first_step, first_step + steps), plain).map(pair, num_parallel_calls=2)


def _numpy_pairs(plain, rows, seed, first_step, mixup, cutmix):
    for step, (batch,) in enumerate(plain, first_step):
        x, y = batch["images"], rows[batch["labels"]]
        if mixup or cutmix:
            rng = np.random.default_rng([seed, 1000, step])
            x = unit_array(x)
            cut = bool(cutmix) and (not mixup or rng.random() < 0.5)
            share = rng.beta(cutmix, cutmix) if cut else rng.beta(mixup, mixup)
            if cut:
                box = _numpy_box(x.shape[1:3], share, rng)
                x, share = np.where(box[None, :, :, None], x[::-1], x), 1 - box.mean()
            else:
                x = np.float32(share) * x + np.float32(1 - share) * x[::-1]
            y = np.float32(share) * y + np.float32(1 - share) * y[::-1]
        yield x, y


def _numpy_box(shape, share, rng):
    """A random box with 1 - share of the area, clipped at the edges: (H, W) bool."""
    inside = []
    for size in shape:
        middle, half = rng.random() * size, np.sqrt(1 - share) * size / 2
        place = np.arange(size)
        inside.append((place >= max(round(middle - half), 0)) & (place < round(middle + half)))
    return inside[0][:, None] & inside[1][None]


def _beta(alpha, key):
    """One sample of Beta(α, α)."""
    import tensorflow as tf

    a, b = (tf.random.stateless_gamma((), key + place, alpha) for place in (2, 3))
    return a / tf.maximum(a + b, 1e-12)


def _cut(x, other, share, key):
    """`x` with a random box of `other`, of 1 - share of the area and clipped at the edges, and the fraction of `x` left."""
    import tensorflow as tf

    height, width = x.shape[1:3]
    middle = tf.random.stateless_uniform((2,), key + 4) * tf.constant([height, width], tf.float32)
    half = tf.sqrt(1 - share) * tf.constant([height, width], tf.float32) / 2
    low, high = tf.maximum(tf.round(middle - half), 0.0), tf.round(middle + half)
    inside = [
        tf.logical_and(tf.range(size, dtype=tf.float32) >= low[i], tf.range(size, dtype=tf.float32) < high[i])
        for i, size in enumerate((height, width))
    ]
    box = tf.logical_and(inside[0][:, None], inside[1][None])[None, :, :, None]
    return tf.where(box, other, x), 1 - tf.reduce_mean(tf.cast(box, tf.float32))
