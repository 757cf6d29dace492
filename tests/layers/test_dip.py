"""The penalty on the codes' covariance."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.layers.bottlenecks.dip import InferredPriorCode, batch_covariance, distance_from_identity
from zoo.layers.bottlenecks.gaussian import GaussianCode

RNG = np.random.default_rng(0)


def whitened(count, dimensions):
    """Rows whose covariance is the identity to the last digit."""
    x = RNG.normal(size=(count, dimensions))
    x -= x.mean(axis=0)
    return np.linalg.qr(x)[0] * np.sqrt(count)


def layer_with(kind, log_variance, dimensions=3, **weights):
    """A layer whose means are its inputs."""
    layer = InferredPriorCode(dimensions, kind, **{"lambda_od": 1.0, "lambda_d": 1.0, **weights})
    layer.build((None, dimensions))
    layer.mean.kernel.assign(np.eye(dimensions))
    layer.log_variance.kernel.assign(np.zeros((dimensions, dimensions)))
    layer.log_variance.bias.assign(np.full(dimensions, log_variance))
    return layer


def penalties(layer, h):
    layer(h.astype(np.float32), training=True)
    return [float(value) for value in layer.losses]


def test_covariance_is_that_of_the_rows():
    x = RNG.normal(size=(9, 4)).astype(np.float32) + 3
    np.testing.assert_allclose(ops.convert_to_numpy(batch_covariance(x)), np.cov(x.T, ddof=0), rtol=1e-4, atol=1e-5)


def test_distance_from_identity():
    c = np.array([[1.0, 0.2, 0.0], [0.2, 3.0, -0.5], [0.0, -0.5, 0.5]], np.float32)
    off_diagonal, diagonal = distance_from_identity(ops.convert_to_tensor(c))
    assert float(off_diagonal) == pytest.approx(2 * 0.2**2 + 2 * 0.5**2, rel=1e-5)
    assert float(diagonal) == pytest.approx(4 + 0.25, rel=1e-5)


def test_nothing_is_paid_for_the_identity():
    # Of the means alone, or of the means and half as much noise as in all.
    for kind, scale, log_variance in (("I", 1.0, 0.7), ("II", np.sqrt(0.5), np.log(0.5))):
        layer = layer_with(kind, log_variance)
        assert penalties(layer, scale * whitened(50, 3) + 5)[1:] == pytest.approx([0, 0], abs=1e-6)


def test_the_second_kind_counts_the_noise():
    h = whitened(50, 3)
    assert penalties(layer_with("I", np.log(2.0)), h)[1:] == pytest.approx([0, 0], abs=1e-6)
    assert penalties(layer_with("II", np.log(2.0)), h)[1:] == pytest.approx([0, 3 * 2.0**2], abs=1e-4)


def test_each_weight_is_of_its_term():
    h = RNG.normal(size=(20, 3)) @ np.array([[2.0, 1, 0], [0, 1, 0], [0, 0, 1]])
    kl, off_diagonal, diagonal = penalties(layer_with("I", -1.0), h)
    assert penalties(layer_with("I", -1.0, lambda_od=3.0, lambda_d=7.0), h) == pytest.approx([kl, 3 * off_diagonal, 7 * diagonal])
    plain = GaussianCode(3)
    plain.build((None, 3))
    plain.set_weights(layer_with("I", -1.0).get_weights()[: len(plain.get_weights())])
    assert penalties(plain, h)[0] == pytest.approx(kl)


def test_other_kinds_are_refused():
    with pytest.raises(zoo.ZooError, match="kind='III', expected 'I' or 'II'"):
        tiny("dip_vae_mlp", kind="III")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["I", "II"])
def test_training_on_digits_makes_the_covariance_the_identity(kind, digits):
    keras.utils.set_random_seed(0)
    images = digits[0]
    model = tiny("dip_vae_mlp", hidden=(64,), kind=kind, lambda_od=30.0, lambda_d=30.0)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(images, batch_size=128, epochs=20, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    mean, log_variance = model.bottleneck.posterior(model.encoder.backbone(images / np.float32(255)))
    covariance = np.cov(ops.convert_to_numpy(mean).T)
    if kind == "II":
        covariance += np.diag(np.exp(ops.convert_to_numpy(log_variance)).mean(axis=0))
    np.testing.assert_allclose(covariance, np.eye(4), atol=0.25)
    assert np.isfinite(model.sample(8)).all()
