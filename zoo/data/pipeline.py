"""Training batches of images in memory. Batch k depends on the seed and k only, so that an interrupted run can be resumed
from any step with the same result."""

import math

import numpy as np

from zoo.data.numpy_batches import numpy_batches
from zoo.errors import ZooError, suggest
from zoo.utils.quiet import installed


def training_batches(images, batch_size, seed, first_step, steps, transforms=(), labels=None, labelled_share=0.0):
    """A `tf.data.Dataset` of `steps` batches (batch_size, ...), beginning with `first_step`; without TensorFlow, an iterator.

    Every epoch is a new permutation. A batch may span the end of one epoch and the start of the next, so that all batches have
    the same shape.

    Args:
        images: array (N, ...), N >= batch_size.
        batch_size: number of images per batch.
        seed: random seed of the order and the transforms.
        first_step: number of the first batch.
        steps: number of batches.
        transforms: names of random transforms, see `TRANSFORMS`, applied in order.
        labels: integers (N,), -1 where unknown; batches are then mappings {"images": (batch_size, ...), "labels": (batch_size,)}.
        labelled_share: fraction of every batch, rounded to whole images, that is drawn from the images with a known label, in
            separate permutations. These images come first; the others are drawn from all images.

    Raises:
        ZooError: if there are fewer images than a batch has, a transform is unknown, does not suit the images or is not
            available without TensorFlow, or `labelled_share` is given and no image has a label.
    """
    if len(images) < batch_size:
        raise ZooError(f"got {len(images)} images, expected at least one batch of {batch_size}; lower the batch size.")
    for name in transforms:
        if name not in TRANSFORMS:
            raise ZooError(f"got transform {name!r}, expected one of {', '.join(TRANSFORMS)}.{suggest(name, TRANSFORMS)}")
    if "dihedral" in transforms and images.shape[1] != images.shape[2]:
        raise ZooError(f"the transform 'dihedral' rotates square images, got images of shape {images.shape[1:]}; use 'flip'.")
    pool = np.flatnonzero(np.asarray(labels) >= 0) if labels is not None else ()
    from_pool = round(labelled_share * batch_size)
    if from_pool and not len(pool):
        raise ZooError(f"got labelled_share={labelled_share} and no labelled images, expected at least one image with a label.")
    if not installed("tensorflow"):
        return numpy_batches(images, batch_size, seed, first_step, steps, transforms, labels, pool, from_pool)
    import tensorflow as tf

    functions = [TRANSFORMS[name] for name in transforms]
    with tf.device("CPU:0"):
        source = tf.constant(images)
        known = None if labels is None else tf.constant(labels, tf.int32)

    def shuffled(step, count, size, stream):
        """The indices below `count` of batch `step`: `size` per batch, from an endless sequence of permutations."""
        place = step * size + tf.range(size, dtype=tf.int64)
        epoch, within = place // count, place % count
        keys = tf.stack([tf.fill([size], tf.cast(seed, tf.int64)), epoch, stream * tf.ones_like(epoch)], axis=1)
        # The public wrapper takes one seed for all indices; here the seed depends on the epoch of each image.
        return tf.raw_ops.RandomIndexShuffle(index=within, seed=keys, max_index=tf.cast(count - 1, tf.int64), rounds=4)

    def batch(step):
        index = shuffled(step, len(images), batch_size - from_pool, 1)
        if from_pool:
            index = tf.concat([tf.gather(pool, shuffled(step, len(pool), from_pool, 2)), index], axis=0)
        x = tf.gather(source, index)
        for i, function in enumerate(functions):
            x = function(x, tf.stack([tf.cast(seed + i, tf.int64), step]))
        x = tf.ensure_shape(x, (batch_size, *images.shape[1:]))
        return x if known is None else {"images": x, "labels": tf.ensure_shape(tf.gather(known, index), (batch_size,))}

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    dataset = tf.data.Dataset.range(first_step, first_step + steps).map(batch, num_parallel_calls=2)
    return dataset.prefetch(8).with_options(options)


def fixed_batches(images, batch_size, labels=None):
    """A `tf.data.Dataset` of the complete batches of `images`, and of `labels` if given, in order: for validation.

    Without TensorFlow, a tuple with the arrays, which `fit` accepts as validation data.
    """
    batch_size = min(batch_size, len(images))
    usable = len(images) // batch_size * batch_size
    data = images[:usable] if labels is None else {"images": images[:usable], "labels": np.int32(labels[:usable])}
    if not installed("tensorflow"):
        return (data,)
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size, drop_remainder=True).cache()


def as_unit(x):
    """Images as a float32 tensor in 0..1: uint8 is divided by 255."""
    import tensorflow as tf

    return tf.cast(x, tf.float32) / 255 if x.dtype == tf.uint8 else tf.cast(x, tf.float32)


def _binarize(x, seed):
    """Sample every pixel from a Bernoulli distribution with its value as probability: dynamic binarization."""
    import tensorflow as tf

    return tf.cast(tf.random.stateless_uniform(tf.shape(x), seed) < as_unit(x), tf.float32)


def _flip(x, seed):
    """Mirror each image left to right with probability 1/2."""
    import tensorflow as tf

    chosen = tf.random.stateless_uniform((tf.shape(x)[0], 1, 1, 1), seed) < 0.5
    return tf.where(chosen, x[:, :, ::-1], x)


def _affine(x, seed):
    """With probability 1/2, rotate an image by up to 10 degrees, shear and scale it by up to a tenth; the border is black."""
    import tensorflow as tf

    count, (height, width) = tf.shape(x)[0], x.shape[1:3]
    unit = tf.random.stateless_uniform((5, count), seed, -1.0, 1.0)
    angle, shear, wide, high = unit[0] * (math.pi / 18), unit[1] / 10, 1 + unit[2] / 10, 1 + unit[3] / 10
    # Rows of the matrix that maps positions of the new image to the old one: rotation, then shear, then scaling.
    a, b = wide * (tf.cos(angle) + shear * tf.sin(angle)), wide * (shear * tf.cos(angle) - tf.sin(angle))
    c, d = high * tf.sin(angle), high * tf.cos(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    right, down = middle_x - a * middle_x - b * middle_y, middle_y - c * middle_x - d * middle_y
    zero = tf.zeros_like(a)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=as_unit(x),
        transforms=tf.stack([a, b, right, c, d, down, zero, zero], axis=1),
        output_shape=(height, width),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return tf.where(unit[4][:, None, None, None] < 0, moved, as_unit(x))


def _crop(x, seed):
    """Shift each image by up to an eighth of its height and width; the border is filled by reflection."""
    import tensorflow as tf

    count, (height, width) = tf.shape(x)[0], x.shape[1:3]
    margin = (height // 8, width // 8)
    x = tf.pad(x, ((0, 0), (margin[0],) * 2, (margin[1],) * 2, (0, 0)), mode="REFLECT")
    for axis, size in ((1, height), (2, width)):
        key = seed + tf.constant([0, axis], seed.dtype) * 2**40
        start = tf.random.stateless_uniform((count, 1), key, 0, 2 * margin[axis - 1] + 1, tf.int32)
        x = tf.gather(x, start + tf.range(size), axis=axis, batch_dims=1)
    return x


def _dihedral(x, seed):
    """One of the eight rotations and reflections of each square image."""
    import tensorflow as tf

    chosen = tf.random.stateless_uniform((3, tf.shape(x)[0], 1, 1, 1), seed) < 0.5
    x = tf.where(chosen[0], x[:, :, ::-1], x)
    x = tf.where(chosen[1], x[:, ::-1], x)
    return tf.where(chosen[2], tf.transpose(x, (0, 2, 1, 3)), x)


TRANSFORMS = {"binarize": _binarize, "flip": _flip, "affine": _affine, "crop": _crop, "dihedral": _dihedral}


def known_labels(labels, count, seed):
    """`labels` with `count` of them kept, evenly over the classes, and the others replaced by -1, unknown. Returns int32 (N,).

    Args:
        labels: integers (N,), at least 0.
        count: number of labels to keep, or "all".
        seed: random seed of the choice.

    Raises:
        ZooError: if a class has too few images.
    """
    labels = np.asarray(labels, np.int32)
    if count == "all":
        return labels
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    classes = np.unique(labels)
    known = np.full_like(labels, -1)
    for place, name in enumerate(classes):
        wanted = count // len(classes) + (place < count % len(classes))
        chosen = order[labels[order] == name][:wanted]
        if len(chosen) < wanted:
            raise ZooError(f"got labelled={count}, which requires {wanted} images of class {name}, but there are {len(chosen)}.")
        known[chosen] = name
    return known
