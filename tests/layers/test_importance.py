"""Importance-weighted bounds: against numpy, against each other, and their gradients in encoder and decoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp, softmax
from tiny import tiny

import zoo
from zoo import losses
from zoo.layers.math.importance import importance_bound, log_densities, resample

NAMES = ("iwae", "miwae", "ciwae", "piwae")
X = (np.random.default_rng(0).random((12, 4, 4, 1)) < 0.4).astype(np.float32)


def start():
    keras.utils.set_random_seed(1)
    model = zoo.create("vae", "mlp", input_shape=(4, 4, 1), latent_dim=3, hidden=(8,), activation="tanh")
    rng = np.random.default_rng(1)
    return [w + 0.3 * rng.standard_normal(w.shape) for w in model.get_weights()]


WEIGHTS = start()


def build(variant, **options):
    """A model with the weights that all here share, and a noise of its own that they share, too."""
    model = zoo.create(variant, "mlp", input_shape=(4, 4, 1), latent_dim=3, hidden=(8,), activation="tanh", **options)
    model.set_weights(WEIGHTS)
    rewind(model)
    return model


def rewind(model, seed=5):
    model.bottleneck.seed_generator.state.assign([seed, 0])


def slopes(model, x=X, loss=None):
    """The loss, and its gradients in the encoder's and in the decoder's weights, flattened."""
    rewind(model)
    with tf.GradientTape() as tape:
        value = (loss or (lambda: model.compute_loss(x)))()
    components = model.encoder.trainable_variables, model.decoder.trainable_variables
    found = tape.gradient(value, components)
    return float(value), *(np.concatenate([np.ravel(g) for g in part]) for part in found)


def same(a, b, rtol=1e-4):
    for one, other in zip(a, b):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-5 * max(1.0, np.abs(other).max()))


def log_weights(model, x=X):
    rewind(model)
    z, log_ratio = model.draw(x, model.groups * model.samples, False)
    return ops.convert_to_numpy(model.log_p(x, z, False) + log_ratio).astype(np.float64)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_bound_and_its_derivatives(groups):
    values = np.random.default_rng(0).normal(size=(5, 6)) * 4 - 400
    bound, shares = importance_bound(ops.convert_to_tensor(values, "float32"), groups)
    grouped = values.reshape(5, groups, -1)
    expected = np.mean(logsumexp(grouped, axis=2) - np.log(6 // groups), axis=1)
    np.testing.assert_allclose(bound, expected, rtol=1e-6)
    np.testing.assert_allclose(shares, softmax(grouped, axis=2).reshape(5, 6) / groups, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(np.sum(shares, axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "logistic_mixture"])
def test_many_codes_an_image_are_likely_as_each_alone(name):
    loss = losses.Gaussian(0.5) if name == "gaussian" else losses.get(name)
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 4 * 5 * loss.parameters(1))).astype("float32")
    x, z = rng.random((6, 4, 5, 1), dtype=np.float32), rng.normal(size=(6, 7, 3)).astype("float32")

    def decode(rows):
        return ops.reshape(ops.matmul(rows, kernel), (-1, 4, 5, loss.parameters(1)))

    found = log_densities(decode, loss, x, ops.convert_to_tensor(z))
    assert found.shape == (6, 7)
    for i in range(7):
        np.testing.assert_allclose(found[:, i], -loss.call(x, decode(z[:, i])), rtol=1e-4)


def test_codes_may_be_a_structure():
    z = {"a": np.ones((2, 3, 4), np.float32), "b": np.zeros((2, 3, 5, 2), np.float32)}

    def decode(z):
        return ops.pad(z["a"], [[0, 0], [0, 1]]) + z["b"][..., 0]

    found = log_densities(decode, losses.get("bernoulli"), np.ones((2, 5), np.float32), z)
    np.testing.assert_allclose(found, np.full((2, 3), -4 * np.log1p(np.exp(-1)) - np.log(2)), rtol=1e-6)


def test_resampling_counts_are_the_shares_rounded():
    shares = softmax(np.random.default_rng(0).normal(size=(1, 9)) * 2, axis=1).astype("float32")
    rows = np.repeat(shares, 4000, axis=0)
    chosen = ops.convert_to_numpy(resample(rows, 4, keras.random.SeedGenerator(0)))
    counts = np.stack([(chosen == i).sum(axis=1) for i in range(9)], axis=1)
    assert np.all(counts.sum(axis=1) == 4) and np.all(np.abs(counts - 4 * shares) < 1 + 1e-5)
    np.testing.assert_allclose(counts.mean(axis=0), 4 * shares[0], atol=0.04)


def test_one_draw_is_the_vae():
    """The same loss for the same noise, the same gradients, and the VAE's own loss on average."""
    vae, iwae = build("vae"), build("iwae", k=1)

    def one_draw():
        z, log_ratio = vae.bottleneck.importance_samples(vae.encoder.backbone(X), 1, vae.bottleneck.seed_generator)
        reconstruction = vae.reconstruction_loss.call(X, vae.decoder.backbone(z[:, 0]))
        return ops.mean(reconstruction - log_ratio[:, 0])

    same(slopes(iwae), slopes(vae, loss=one_draw))
    many = np.repeat(X, 2000, axis=0)
    loss, *gradients = slopes(iwae, many)
    expected, *expected_gradients = slopes(vae, many, lambda: vae.compute_loss(many, y_pred=vae(many, training=True)))
    assert loss == pytest.approx(expected, abs=0.05)
    for found, wanted in zip(gradients, expected_gradients):
        assert np.linalg.norm(found - wanted) < 0.05 * np.linalg.norm(wanted)


def test_the_bound_rises_with_k():
    many = np.repeat(X, 100, axis=0)
    found = [-float(build("iwae", k=k).compute_loss(many)) for k in (1, 5, 50)]
    assert found[0] + 0.05 < found[1] and found[1] + 0.02 < found[2]


def test_one_group_is_iwae():
    same(slopes(build("miwae", m=1, k=6)), slopes(build("iwae", k=6)))


def test_groups_are_averaged():
    model = build("miwae", m=3, k=2)
    grouped = log_weights(model).reshape(12, 3, 2)
    expected = -np.mean([logsumexp(grouped[:, j], axis=1) - np.log(2) for j in range(3)])
    assert slopes(model)[0] == pytest.approx(expected, rel=1e-5)
    assert abs(slopes(build("iwae", k=6))[0] - expected) > 1e-3


def test_the_ends_of_the_combination():
    # Groups of one draw each are the VAE's bound, by all of them.
    same(slopes(build("ciwae", k=6, beta=1.0)), slopes(build("miwae", m=6, k=1)))
    same(slopes(build("ciwae", k=6, beta=0.0)), slopes(build("iwae", k=6)))
    ends = [slopes(build("ciwae", k=6, beta=beta)) for beta in (0.0, 1.0)]
    same(slopes(build("ciwae", k=6, beta=0.25)), [0.75 * a + 0.25 * b for a, b in zip(*ends)])


def test_each_part_learns_from_its_own_bound():
    loss, encoder, decoder = slopes(build("piwae", m=3, k=4))
    many, few = slopes(build("iwae", k=12)), slopes(build("miwae", m=3, k=4))
    same((loss, decoder), (many[0], many[2]))
    same((encoder,), (few[1],))
    assert np.linalg.norm(encoder - many[1]) > 1e-2 * np.linalg.norm(encoder)
    assert np.linalg.norm(decoder - few[2]) > 1e-2 * np.linalg.norm(decoder)


def test_a_gradient_of_few_draws_is_right_on_average():
    many = np.repeat(X, 400, axis=0)
    few, full = slopes(build("iwae", k=20, gradient_samples=2), many), slopes(build("iwae", k=20), many)
    assert few[0] == pytest.approx(full[0], rel=1e-5)
    for found, wanted in zip(few[1:], full[1:]):
        assert 0 < np.linalg.norm(found - wanted) < 0.1 * np.linalg.norm(wanted)


@pytest.mark.parametrize("variant", NAMES)
def test_history_splits_the_bound_by_its_derivatives(variant):
    options = {"iwae": {"k": 6}, "ciwae": {"k": 6, "beta": 0.3}}.get(variant, {"m": 2, "k": 3})
    model = build(variant, **options)
    values = log_weights(model)
    if variant in ("iwae", "piwae"):
        shares = softmax(values, axis=1)
    elif variant == "ciwae":
        shares = 0.3 / 6 + 0.7 * softmax(values, axis=1)
    else:
        shares = softmax(values.reshape(12, 2, 3), axis=2).reshape(12, 6) / 2
    rewind(model)
    z, _ = model.draw(X, 6, False)
    expected = -np.mean(np.sum(shares * model.log_p(X, z, False), axis=1))
    loss = slopes(model)[0]
    trackers = {metric.name: float(metric.result()) for metric in model.metrics}
    assert trackers["reconstruction"] == pytest.approx(expected, rel=1e-4)
    assert trackers["reconstruction"] + trackers["kl"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("variant", NAMES)
def test_learns_digits(variant, digits):
    x = digits[0][:800] / np.float32(255)
    keras.utils.set_random_seed(0)
    options = {"k": 5} if variant in ("iwae", "ciwae") else {"m": 2, "k": 3}
    model = tiny(f"{variant}_mlp", hidden=(32,), latent_dim=8, **options)
    model.compile(keras.optimizers.Adam(1e-2), metrics=["mae"])
    held = x[:50]
    fitted = model.fit(
        x, sample_weight=np.ones(len(x)), batch_size=100, epochs=3, verbose=0, validation_data=(held, held)
    ).history
    assert fitted["val_loss"][-1] < fitted["val_loss"][0] - 2 and fitted["mae"][-1] < fitted["mae"][0]
    assert np.isfinite(model.sample(5)).all()
    assert model.predict(x[:7], verbose=0).shape == (7, 8, 8, 1)


def test_sample_weights_multiply_the_bound():
    model = build("iwae", k=3)
    weight = np.arange(12, dtype=np.float32)
    rewind(model)
    found = float(model.compute_loss(X, sample_weight=weight))
    bounds = logsumexp(log_weights(model), axis=1) - np.log(3)
    assert found == pytest.approx(-np.mean(weight * bounds), rel=1e-4)


def test_penalties_of_the_weights_are_added():
    model = build("iwae", k=3, weight_decay=0.1)
    plain = slopes(build("iwae", k=3))[0]
    kernels = [layer.kernel for layer in model._flatten_layers() if getattr(layer, "kernel_regularizer", None)]
    penalty = sum(0.1 * np.sum(np.square(kernel)) for kernel in kernels)
    assert penalty > 0.1 and slopes(model)[0] == pytest.approx(plain + penalty, rel=1e-5)


@pytest.mark.parametrize(
    "variant, options, message",
    [
        ("iwae", {"k": 0}, "k=0"),
        ("miwae", {"m": 1.5}, "m=1.5"),
        ("ciwae", {"beta": 2}, "from 0 \\(IWAE\\) to 1"),
        ("iwae", {"loss": "mse"}, "is a mean over pixels"),
        ("iwae", {"gradient_samples": 0}, "gradient_samples=0"),
    ],
)
def test_options_that_make_no_sense_are_refused(variant, options, message):
    with pytest.raises(zoo.ZooError, match=message):
        tiny(f"{variant}_mlp", **options)
