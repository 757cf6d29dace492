"""The divergence at a rising capacity."""

import keras
import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.layers.bottlenecks.capacity import CapacityCode
from zoo.layers.bottlenecks.gaussian import divergence

MEAN, LOG_VARIANCE = np.array([0.7, -1.2], np.float32), np.array([-1.0, 0.4], np.float32)
KL = float(np.sum(divergence(MEAN, LOG_VARIANCE)))


def fixed(**options):
    layer = CapacityCode(2, **{"gamma": 1.0, "c_max": 8.0, "c_steps": 4, **options})
    layer.build((None, 2))
    layer.mean.kernel.assign(np.zeros((2, 2)))
    layer.log_variance.kernel.assign(np.zeros((2, 2)))
    layer.mean.bias.assign(MEAN)
    layer.log_variance.bias.assign(LOG_VARIANCE)
    return layer


def penalty(layer, training=True):
    layer(np.ones((5, 2), np.float32), training=training)
    return float(layer.losses[0])


def test_the_capacity_rises_a_training_step_at_a_time_and_stays():
    layer = fixed(gamma=3.0)
    assert penalty(layer, training=False) == pytest.approx(3 * KL, rel=1e-5), "no step, no capacity"
    for capacity in (2, 4, 6, 8, 8, 8):
        assert penalty(layer) == pytest.approx(3 * abs(KL - capacity), rel=1e-5)
        assert penalty(layer, training=False) == pytest.approx(3 * abs(KL - capacity), rel=1e-5), "validation does not raise it"


def test_both_sides_of_the_capacity_cost():
    assert penalty(fixed(c_max=KL + 1, c_steps=1)) == pytest.approx(1, rel=1e-4)
    assert penalty(fixed(c_max=KL - 1, c_steps=1)) == pytest.approx(1, rel=1e-4)
    assert penalty(fixed(c_max=KL, c_steps=1)) == pytest.approx(0, abs=1e-5)


def test_the_step_is_among_the_weights():
    layer = fixed()
    penalty(layer)
    penalty(layer)
    other = fixed()
    other.set_weights(layer.get_weights())
    assert penalty(other) == pytest.approx(abs(KL - 6), rel=1e-5)


@pytest.mark.parametrize("options, message", [(dict(c_steps=0), "c_steps=0"), (dict(c_max=-1.0), "c_max=-1.0")])
def test_options_that_cannot_be(options, message):
    with pytest.raises(zoo.ZooError, match=message):
        tiny("annealed_vae_mlp", **options)


@pytest.mark.slow
def test_training_on_digits_spends_the_capacity(digits):
    keras.utils.set_random_seed(0)
    images = digits[0]
    model = tiny("annealed_vae_mlp", hidden=(64,), gamma=100.0, c_max=6.0, c_steps=150)
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(images, batch_size=128, epochs=25, verbose=0).history
    assert history["reconstruction"][-1] < 0.9 * history["reconstruction"][0]
    kl = float(np.mean(np.sum(divergence(*model.bottleneck.posterior(model.encoder.backbone(images / np.float32(255)))), axis=1)))
    assert kl == pytest.approx(6, abs=0.5)
    assert np.isfinite(model.sample(8)).all()
