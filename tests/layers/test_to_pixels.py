"""The last convolution of a decoder: another way to the numbers of Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import tiny

from zoo.layers.blocks.to_pixels import ToPixels

KINDS = (ToPixels, keras.layers.Conv2DTranspose)


def pair(dtype="float32", **options):
    """Ours and Keras's, with the same weights."""
    keras.utils.set_random_seed(0)
    made = [kind(**{"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", **options}, dtype=dtype) for kind in KINDS]
    for layer in made:
        layer.build((None, None, None, 5))
    if made[0].use_bias:
        made[0].bias.assign(np.arange(made[0].filters) + 1.0)
    made[1].set_weights(made[0].get_weights())
    return made


def kinds_in(layer, x, training):
    graph = tf.function(lambda x: layer(x, training=training)).get_concrete_function(tf.TensorSpec(x.shape)).graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("filters", [1, 3])
def test_values_and_all_slopes_are_those_of_a_transposed_convolution(size, filters):
    ours, kerass = pair(filters=filters)
    x = tf.random.stateless_normal((2, *size, 5), (0, 1))
    assert "DepthToSpace" in kinds_in(ours, x, True)
    found = []
    for layer, told in ((ours, {"training": True}), (kerass, {})):
        variables = [v.value for v in layer.trainable_variables]
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x, **told)
                loss = tf.reduce_sum(y**3)
            slopes = inner.gradient(loss, [x, *variables])
            # What a penalty on slopes trains by.
            penalty = sum(tf.reduce_sum(slope**2) for slope in slopes)
        found.append([y, *slopes, *outer.gradient(penalty, [x, *variables])])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * float(tf.reduce_max(tf.abs(b))))


def test_half_precision():
    ours, kerass = pair("mixed_bfloat16")
    x = tf.random.stateless_normal((2, 4, 4, 5), (0, 1))
    y = ours(x, training=True)
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), tf.cast(kerass(x), tf.float32), rtol=0.02, atol=0.05)


@pytest.mark.parametrize("options", [{"kernel_size": 5}, {"strides": 1}, {"filters": 30}, {"use_bias": False}], ids=str)
def test_what_it_is_not_made_for_is_kerass(options):
    ours, kerass = pair(**options)
    x = tf.random.stateless_normal((2, 4, 4, 5), (0, 1))
    assert "DepthToSpace" not in kinds_in(ours, x, True)
    np.testing.assert_array_equal(ours(x, training=True), kerass(x))


def test_a_model_trains_by_it_and_is_read_and_exported_without():
    model = tiny("ae_conv")
    x = tf.zeros((2, *model.data_shape))
    assert "DepthToSpace" in kinds_in(model, x, True)
    assert "DepthToSpace" not in kinds_in(model, x, False)
