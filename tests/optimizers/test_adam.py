"""Adam in one pass: Keras's results, and where Keras's own update has to do."""

import keras
import numpy as np
import pytest

from zoo.finetuning.optimizer import DepthwiseAdamW
from zoo.optimizers.adam import Adam, AdamW

SHAPES = ((7, 5), (5,), ())


def trained(optimizer, dtype="float32", steps=5):
    """Weights after some steps of gradients drawn with one seed."""
    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=shape), dtype=dtype) for shape in SHAPES]
    for _ in range(steps):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=shape), dtype) for shape in SHAPES]
        optimizer.apply(gradients, weights)
    return [keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32")) for weight in weights]


@pytest.mark.parametrize(
    "ours, kerass, settings",
    [
        (Adam, keras.optimizers.Adam, dict(learning_rate=0.1)),
        (Adam, keras.optimizers.Adam, dict(learning_rate=0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3)),
        (Adam, keras.optimizers.Adam, dict(learning_rate=0.1, amsgrad=True)),
        (Adam, keras.optimizers.Adam, dict(learning_rate=0.1, use_ema=True, ema_momentum=0.8, global_clipnorm=0.5)),
        (AdamW, keras.optimizers.AdamW, dict(learning_rate=0.1, weight_decay=0.2)),
    ],
)
def test_weights_and_moments_are_those_of_keras(ours, kerass, settings):
    ours, kerass = ours(**settings), kerass(**settings)
    found, expected = trained(ours), trained(kerass)
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert len(ours.variables) == len(kerass.variables)
    for a, b in zip(ours.variables, kerass.variables):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_half_precision_is_updated_by_keras():
    found, expected = (trained(kind(0.1), dtype="bfloat16") for kind in (Adam, keras.optimizers.Adam))
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)


def test_gradients_of_few_rows_leave_the_others_as_keras_does():
    tf = pytest.importorskip("tensorflow")
    results = []
    for kind in (Adam, keras.optimizers.Adam):
        table = keras.Variable(np.ones((4, 2), "float32"))
        kind(0.1).apply([tf.IndexedSlices(tf.ones((1, 2)), [2], (4, 2))], [table])
        results.append(table.numpy())
    np.testing.assert_array_equal(*results)
    assert np.all(results[0][2] < 1)


def test_a_rate_of_its_own_for_every_weight():
    optimizer = DepthwiseAdamW({}, learning_rate=0.1, weight_decay=0.0)
    weights = [keras.Variable(np.zeros(3, "float32")) for _ in range(2)]
    optimizer._factors = {id(weights[0]): 0.25}
    optimizer.apply([np.ones(3, "float32")] * 2, weights)
    np.testing.assert_allclose(weights[0].numpy(), weights[1].numpy() / 4, rtol=1e-6)
    np.testing.assert_allclose(weights[1].numpy(), -0.1, rtol=1e-5)


def test_one_operation_a_weight_in_the_graph():
    tf = pytest.importorskip("tensorflow")
    weights = [keras.Variable(np.zeros(shape, "float32")) for shape in SHAPES]
    optimizer = Adam(1e-3)
    optimizer.build(weights)
    step = tf.function(lambda: optimizer.apply([tf.ones(shape) for shape in SHAPES], weights))
    kinds = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(SHAPES)
    assert "Sqrt" not in kinds
