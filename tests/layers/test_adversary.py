"""The adversary: whose gradient goes where, its own learning rate, and what its discriminators know at their best."""

from pathlib import Path

import adversary_gradients
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from other_backends import on_jax
from tiny import tiny

import zoo
from zoo.layers.adversarial.adversarial_code import AdversarialCode
from zoo.layers.adversarial.adversary import Adversary, dense_discriminator, discriminator_loss, generator_loss
from zoo.layers.bottlenecks.factor import FactorCode, permute_variables

TESTS = Path(__file__).parents[1]


def assert_routed(found):
    for group, slopes in found.items():
        assert slopes["slope"] == pytest.approx(slopes["meant"], rel=0.02, abs=2e-3), group
    # A test that leaks would pass says nothing: the other side's terms do depend on these weights.
    assert any(abs(slopes["all"] - slopes["meant"]) > 0.1 * abs(slopes["meant"]) for slopes in found.values())


@pytest.mark.parametrize("name", adversary_gradients.MEANT)
def test_every_gradient_goes_where_it_is_meant_to(name):
    assert_routed(adversary_gradients.findings(name))


@pytest.mark.slow
def test_every_gradient_goes_where_it_is_meant_to_on_jax():
    for found in on_jax(TESTS / "adversary_gradients.py").values():
        assert_routed(found)


def adversary(rate):
    keras.utils.set_random_seed(0)
    made = Adversary(dense_discriminator((8,)), rate)
    made.build((None, 3))
    return made


@pytest.mark.parametrize("rate", [0.1, 5.0])
def test_the_rate_changes_the_steps_and_not_the_start(rate):
    x = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    weights = {}
    for each in (1.0, rate):
        judge = adversary(each)
        with tf.GradientTape() as tape:
            loss = discriminator_loss(judge.for_discriminator(x), judge.for_discriminator(-x))
        kernel = id(judge.network.variables[0])
        before = ops.convert_to_numpy(judge._weights()[kernel])
        optimizer = keras.optimizers.Adam(1e-3, epsilon=1e-12)
        optimizer.apply(tape.gradient(loss, [v.value for v in judge.trainable_variables]), judge.trainable_variables)
        weights[each] = before, ops.convert_to_numpy(judge._weights()[kernel]) - before
    np.testing.assert_allclose(weights[rate][0], weights[1.0][0], rtol=1e-5)
    np.testing.assert_allclose(weights[rate][1], rate * weights[1.0][1], rtol=0.02, atol=1e-6 * rate)


def test_a_frozen_judge_judges_as_before():
    judge, x = adversary(0.1), np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    before = [ops.convert_to_numpy(side(x)) for side in (judge.for_discriminator, judge.for_generator)]
    judge.trainable = False
    for side, expected in zip((judge.for_discriminator, judge.for_generator), before):
        np.testing.assert_array_equal(side(x), expected)
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        loss = generator_loss(judge.for_generator(inputs))
    assert np.abs(tape.gradient(loss, inputs)).max() > 1e-4


def test_both_sides_are_the_two_and_read_the_weights_once():
    judge, x = adversary(1.0), np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    for found, expected in zip(judge.for_both(x), (judge.for_discriminator(x), judge.for_generator(x))):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    graph = tf.function(judge.for_both).get_concrete_function(tf.TensorSpec((16, 3))).graph
    reads = [operation for operation in graph.get_operations() if operation.type == "ReadVariableOp"]
    assert len(reads) == len(judge.network.trainable_variables)


def test_losses_at_chance():
    undecided = np.zeros((4, 1), np.float32)
    assert float(discriminator_loss(undecided, undecided)) == pytest.approx(np.log(4))
    assert float(generator_loss(undecided)) == pytest.approx(np.log(2))


def test_a_bad_discriminator_is_named():
    with pytest.raises(zoo.ZooError, match="number of units of each hidden layer"):
        zoo.create("aae", input_shape=(8, 8, 1), discriminator=(16, 0))
    with pytest.raises(zoo.ZooError, match="positive factor"):
        zoo.create("aae", input_shape=(8, 8, 1), discriminator_rate=0.0)


# -- total correlation

CORRELATION = 0.8


def factor_code(gamma=1.0):
    """Codes that are their inputs' mixture, correlated Gaussians all but without noise."""
    keras.utils.set_random_seed(0)
    layer = FactorCode(2, gamma, (32, 32))
    layer.build((None, 2))
    layer.mean.kernel.assign([[1.0, CORRELATION], [0.0, np.sqrt(1 - CORRELATION**2)]])
    layer.log_variance.kernel.assign(np.zeros((2, 2)))
    layer.log_variance.bias.assign([-14.0, -14.0])
    return layer


def test_at_chance_the_total_correlation_is_zero():
    layer = factor_code(gamma=7.0)
    for variable in layer.adversary.network.stages[-1].trainable_variables:
        variable.assign(ops.zeros_like(variable))
    layer(np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32), training=True)
    _, tc, discriminator = (float(loss) for loss in layer.losses)
    assert tc == 0 and discriminator == pytest.approx(np.log(4))


def test_beta_weighs_the_divergence_alone():
    h, found = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32), []
    for beta in (1.0, 3.0):
        keras.utils.set_random_seed(0)
        model = tiny("factor_vae_mlp", input_shape=(5,), latent_dim=2, beta=beta)
        assert model.config["beta"] == beta
        model.bottleneck(model.encoder.backbone(h), training=True)
        found.append([float(loss) for loss in model.bottleneck.losses])
    (kl, *others), (weighed, *same) = found
    assert kl > 0 and weighed == pytest.approx(3 * kl, rel=1e-5)
    assert others == pytest.approx(same, rel=1e-5)


def test_at_its_best_the_discriminator_is_the_log_ratio():
    layer, rng = factor_code(), np.random.default_rng(0)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, 1500))
    weights = layer.adversary.trainable_variables
    optimizer.build(weights)

    @tf.function
    def step(h):
        with tf.GradientTape() as tape:
            layer(h, training=True)
            loss = layer.losses[2]
        optimizer.apply(tape.gradient(loss, [v.value for v in weights]), weights)

    for _ in range(1500):
        step(rng.normal(size=(512, 2)).astype(np.float32))
    h = rng.normal(size=(20_000, 2)).astype(np.float32)
    layer(h)
    expected = -0.5 * np.log(1 - CORRELATION**2)
    assert float(layer.losses[1]) == pytest.approx(expected, rel=0.1)
    z = h @ ops.convert_to_numpy(layer.mean.kernel)
    squares, product = (z**2).sum(axis=1), z.prod(axis=1)
    ratio = expected + 0.5 * squares - 0.5 * (squares - 2 * CORRELATION * product) / (1 - CORRELATION**2)
    logits = ops.convert_to_numpy(layer.adversary.for_discriminator(z))[:, 0]
    assert np.abs(logits - ratio).mean() < 0.15 < 0.5 * np.abs(ratio - ratio.mean()).mean()


def test_permuting_keeps_every_variable_and_ends_their_dependence():
    column = np.arange(500, dtype=np.float32)
    z = np.stack([column, column, column], axis=1)
    permuted = ops.convert_to_numpy(permute_variables(z, keras.random.SeedGenerator(0)))
    np.testing.assert_array_equal(np.sort(permuted, axis=0), z)
    assert np.abs(np.corrcoef(permuted.T) - np.eye(3)).max() < 0.2


# -- models

OPTIONS = {
    "factor_vae_mlp": {"gamma": 2.0},
    "aae_mlp": {"weight": 5.0},
    "vae_gan_mlp": {"weight": 1.0},
    "msssim_vae_conv": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_training_on_digits_brings_reconstructions_nearer(name, digits):
    images = digits[0][:640]
    keras.utils.set_random_seed(0)
    small = {"filters": (8, 16)} if name.endswith("conv") else {"hidden": (64,)}
    model = tiny(name, latent_dim=8, **small, **OPTIONS[name])
    model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=10)

    def error():
        if name.startswith("msssim"):
            # Structure alone is compared on a window as large as the image, and grey levels are free.
            return float(model.anomaly_score(images).mean())
        return float(np.mean((model.reconstruct(images) - images / 255) ** 2))

    before = error()
    history = model.fit(images, batch_size=64, epochs=15, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert error() < 0.6 * before
    samples = model.sample(10, seed=0)
    assert samples.shape == (10, 8, 8, 1) and np.isfinite(samples).all() and 0 <= samples.min() < samples.max() <= 1


def test_the_adversary_moves_codes_to_the_prior():
    """Codes that start far from the prior move to its mean."""
    keras.utils.set_random_seed(0)
    model = tiny("aae_mlp", input_shape=(4,), latent_dim=2, hidden=(), weight=1.0, discriminator=(64,), loss="mse")
    assert type(model.bottleneck) is AdversarialCode
    x = np.random.default_rng(0).normal(size=(2048, 4)).astype(np.float32)
    model.bottleneck.dense.kernel.assign(model.bottleneck.dense.kernel * 4)
    model.bottleneck.dense.bias.assign([3.0, -3.0])
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 480)), steps_per_execution=16)
    before = np.abs(model.encode(x).mean(axis=0)).min()
    model.fit(x, batch_size=128, epochs=30, verbose=0)
    z = model.encode(x)
    assert np.abs(z.mean(axis=0)).max() < 0.5 * before


def test_vae_gan_compares_by_features_and_says_so():
    with pytest.raises(zoo.ZooError, match="cannot be changed"):
        tiny("vae_gan_mlp").compile("adam", "mse")


def test_vae_gan_features_have_unit_power(images):
    model = tiny("vae_gan_mlp")
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(images, batch_size=len(images), epochs=2, verbose=0)
    features = ops.convert_to_numpy(model.bottleneck.features_of(images.astype("float32") / 255))
    assert np.square(features).mean() == pytest.approx(1, rel=1e-3)


def test_the_term_of_vae_gan_is_its_reconstruction_loss(images):
    model, x = tiny("vae_gan_mlp"), images.astype("float32") / 255
    outputs = model(x, training=False)
    loss = ops.convert_to_numpy(model.reconstruction_loss.call(x, outputs))
    assert loss.min() > 0 and float(model.losses[-1]) == pytest.approx(loss.mean(), rel=1e-5)
