"""Reconstruction losses: the formula, the range, and what keeps training finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo import losses
from zoo.errors import ZooError
from zoo.layers.math.fast import softplus

rng = np.random.default_rng(0)
X = rng.random((3, 6, 5, 2), dtype=np.float32)
OUT = rng.normal(size=X.shape).astype(np.float32)


def value(loss, x, outputs):
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(x), ops.convert_to_tensor(outputs)))


def value_and_gradient(loss, x, outputs):
    outputs = tf.convert_to_tensor(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        result = loss.call(tf.convert_to_tensor(x), outputs)
    return result.numpy(), tape.gradient(result, outputs).numpy()


def sigmoid(a):
    return 1 / (1 + np.exp(-np.asarray(a, dtype=np.float64)))


def log_bernoulli(x, logits):
    p = sigmoid(logits)
    return x * np.log(p) + (1 - x) * np.log(1 - p)


FORMULAS = {
    "mse": lambda x, o: ((x - o) ** 2).mean(axis=(1, 2, 3)),
    "mae": lambda x, o: np.abs(x - o).mean(axis=(1, 2, 3)),
    "bce": lambda x, o: -log_bernoulli(x, o).mean(axis=(1, 2, 3)),
    "bernoulli": lambda x, o: -log_bernoulli(x, o).sum(axis=(1, 2, 3)),
    "huber": lambda x, o: np.where(np.abs(x - o) < 0.1, (x - o) ** 2 / 2, 0.1 * np.abs(x - o) - 0.005).mean(axis=(1, 2, 3)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    np.testing.assert_allclose(value(losses.get(name), X, OUT), FORMULAS[name](X, OUT), rtol=1e-5)


@pytest.mark.parametrize("name", ["mse", "mae", "bce", "huber", "bernoulli", "gaussian"])
def test_flat_vectors_are_compared_too(name):
    flat = value(losses.get(name), X.reshape(3, -1), OUT.reshape(3, -1))
    np.testing.assert_allclose(flat, value(losses.get(name), X, OUT), rtol=1e-6)


def test_huber_is_keras_huber():
    ours = value(losses.Huber(delta=0.3), X, OUT).mean()
    assert ours == pytest.approx(float(keras.losses.Huber(delta=0.3)(X, OUT)), rel=1e-5)


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_gaussian_is_the_normal_log_density(sigma):
    near = X + 0.1 * OUT
    density = np.exp(-((X - near.astype(np.float64)) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(value(losses.Gaussian(sigma), X, near), -np.log(density).sum(axis=(1, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.05, None])
def test_gaussian_draws_deviate_by_sigma(sigma):
    """Without a sigma there is no density to draw from: the means stay."""
    loss = losses.Gaussian(sigma)
    uniform = np.random.default_rng(1).uniform(1e-6, 1 - 1e-6, (1, 200, 200, loss.draw_size(1))).astype(np.float32)
    drawn = ops.convert_to_numpy(loss.draw(np.full((1, 200, 200, 1), 0.4, np.float32), uniform))
    assert drawn.mean() == pytest.approx(0.4, abs=0.001)
    assert drawn.std() == pytest.approx(sigma or 0, rel=0.02, abs=1e-6)


def test_calibrated_gaussian_is_the_best_single_sigma():
    near = X + 0.2 * OUT
    calibrated = value(losses.Gaussian(), X, near).mean()
    others = [value(losses.Gaussian(s), X, near).mean() for s in np.geomspace(0.05, 1, 60)]
    assert calibrated <= min(others) + 1e-3
    assert calibrated == pytest.approx(min(others), rel=1e-2)


@pytest.mark.parametrize("name", ["bce", "bernoulli"])
@pytest.mark.parametrize("logit", [-80.0, 80.0])
@pytest.mark.parametrize("pixel", [0.0, 1.0, 0.3])
def test_cross_entropy_is_exact_and_finite_at_extreme_logits(name, logit, pixel):
    x, outputs = np.full((1, 1, 1, 1), pixel, np.float32), np.full((1, 1, 1, 1), logit, np.float32)
    loss, gradient = value_and_gradient(losses.get(name), x, outputs)
    wrong = 1 - pixel if logit > 0 else pixel
    assert loss[0] == pytest.approx(80 * wrong, abs=1e-5)
    assert gradient.item() == pytest.approx(float(sigmoid(logit)) - pixel, abs=1e-6)


class TestLogisticMixture:
    LEVELS = np.arange(256, dtype=np.float32) / 255

    @pytest.mark.parametrize("log_scale", [-20.0, -7.0, -4.0, -1.0, 3.0])
    def test_sums_to_one_over_all_levels(self, log_scale):
        loss = losses.DiscretizedLogisticMixture(mixtures=3)
        outputs = np.concatenate([rng.normal(size=3), [-1.3, 0.1, 0.9], np.full(3, log_scale)]).astype(np.float32)
        nll = value(loss, self.LEVELS.reshape(256, 1, 1, 1), np.tile(outputs, (256, 1, 1, 1)))
        assert np.exp(-nll.astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)

    def test_colour_matches_the_formula_of_pixelcnn_plus_plus_on_deviations(self):
        k, n = 4, 5
        x = rng.integers(0, 256, (n, 3, 2, 3))
        x[0, 0, 0], x[1, 0, 0], x[2, 1, 1] = 0, 255, (0, 128, 255)
        outputs = rng.normal(scale=0.7, size=(n, 3, 2, 10 * k))
        expected = np.zeros(n)
        for i, row, column in np.ndindex(n, 3, 2):
            o, level = outputs[i, row, column], x[i, row, column]
            value_ = level / 127.5 - 1
            weights = np.exp(o[:k]) / np.exp(o[:k]).sum()
            means, scales = o[k : 4 * k].reshape(k, 3), np.exp(o[4 * k : 7 * k].reshape(k, 3))
            coefficient = np.tanh(o[7 * k :].reshape(k, 3))
            total = 0
            for j in range(k):
                mean = [
                    means[j, 0],
                    means[j, 1] + coefficient[j, 0] * (value_[0] - means[j, 0]),
                    means[j, 2] + coefficient[j, 1:] @ (value_[:2] - means[j, :2]),
                ]
                mass = 1.0
                for c in range(3):
                    above = 1 if level[c] == 255 else sigmoid((value_[c] + 1 / 255 - mean[c]) / scales[j, c])
                    below = 0 if level[c] == 0 else sigmoid((value_[c] - 1 / 255 - mean[c]) / scales[j, c])
                    mass *= above - below
                total += weights[j] * mass
            expected[i] -= np.log(total)
        got = value(losses.DiscretizedLogisticMixture(k), (x / 255).astype(np.float32), outputs.astype(np.float32))
        np.testing.assert_allclose(got, expected, rtol=1e-4)

    def test_draws_of_one_channel_come_as_often_as_they_are_likely(self):
        loss, count = losses.DiscretizedLogisticMixture(mixtures=2), 200_000
        outputs = np.array([0.5, -0.2, -0.9, 0.6, -2.0, -3.5], np.float32)
        expected = np.exp(-value(loss, self.LEVELS.reshape(256, 1, 1, 1), np.tile(outputs, (256, 1, 1, 1))))
        uniform = np.random.default_rng(1).uniform(1e-6, 1 - 1e-6, (1, count, 1, 2)).astype(np.float32)
        drawn = np.asarray(ops.convert_to_numpy(loss.draw(np.tile(outputs, (1, count, 1, 1)), uniform)))
        levels = np.round(drawn.ravel() * 255)
        np.testing.assert_allclose(drawn.ravel(), levels / 255, atol=1e-6)
        found = np.bincount(levels.astype(int), minlength=256) / count
        assert expected[0] > 0.05
        assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / count) + 1e-5)

    def test_draws_of_colours_follow_the_density(self):
        """The mean of q / p over draws from p is one, whatever the density q beside it."""
        loss, count = losses.DiscretizedLogisticMixture(mixtures=3), 100_000
        other = np.random.default_rng(2)
        outputs = np.concatenate([other.normal(size=3), other.normal(size=9) / 3, np.full(9, -2.0), other.normal(size=9)])
        tiled = np.tile(outputs.astype(np.float32), (count, 1, 1, 1))
        uniform = other.uniform(1e-6, 1 - 1e-6, (count, 1, 1, 4)).astype(np.float32)
        drawn = np.asarray(ops.convert_to_numpy(loss.draw(tiled, uniform)))
        for moved in range(len(outputs)):
            beside = tiled + 0.1 * (np.arange(len(outputs)) == moved).astype(np.float32)
            ratio = np.exp(value(loss, drawn, tiled).astype(np.float64) - value(loss, drawn, beside))
            assert ratio.std() > 1e-4
            assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(count)

    @pytest.mark.parametrize("pixel", [0.0, 1.0, 0.5])
    @pytest.mark.parametrize("log_scale", [-100.0, -7.0, 0.0, 20.0, 100.0])
    @pytest.mark.parametrize("mean", [-50.0, 0.0, 50.0])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_finite_however_wrong_the_decoder(self, pixel, log_scale, mean, channels):
        loss = losses.DiscretizedLogisticMixture(mixtures=2)
        coefficients = np.full(6 * (channels == 3), 9.0)
        parts = [np.zeros(2), np.full(2 * channels, mean), np.full(2 * channels, log_scale), coefficients]
        outputs = np.concatenate(parts).astype(np.float32).reshape(1, 1, 1, -1)
        assert outputs.shape[-1] == loss.parameters(channels)
        nll, gradient = value_and_gradient(loss, np.full((1, 1, 1, channels), pixel, np.float32), outputs)
        assert np.isfinite(nll).all()
        assert np.isfinite(gradient).all()

    def test_image_of_one_component_is_its_mean(self):
        loss = losses.DiscretizedLogisticMixture(mixtures=1)
        outputs = np.array([0.0, -0.4, -2.0], np.float32).reshape(1, 1, 1, 3)
        assert float(loss.to_image(ops.convert_to_tensor(outputs))[0, 0, 0, 0]) == pytest.approx(0.3)

    def test_refuses_other_channel_counts(self):
        with pytest.raises(ZooError, match="1 or 3 channels, got 2"):
            losses.get("logistic_mixture").parameters(2)


class TestMSSSIM:
    def test_one_scale_matches_scikit_image(self):
        from skimage.metrics import structural_similarity

        x = rng.random((16, 20), dtype=np.float32)
        y = np.clip(x + 0.1 * rng.normal(size=x.shape), 0, 1).astype(np.float32)
        expected = structural_similarity(
            x.astype(np.float64), y.astype(np.float64), data_range=1, gaussian_weights=True, use_sample_covariance=False
        )
        assert value(losses.get("ms_ssim"), x[None, ..., None], y[None, ..., None])[0] == pytest.approx(1 - expected, abs=1e-5)

    def test_five_scales_match_tensorflow(self):
        x = tf.image.resize(rng.random((2, 22, 22, 1), dtype=np.float32), (176, 176)).numpy()
        y = np.clip(x + 0.1 * rng.normal(size=x.shape), 0, 1).astype(np.float32)
        expected = tf.image.ssim_multiscale(x, y, max_val=1.0).numpy()
        np.testing.assert_allclose(value(losses.get("ms_ssim"), x, y), 1 - expected, atol=1e-4)

    @pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (9, 7, 3), (28, 28, 1), (176, 176, 1)])
    def test_zero_for_identical_images_and_at_most_one(self, shape):
        # None near a middle grey, whose negative is near itself.
        x = np.random.default_rng(1).choice([0.1, 0.3, 0.8], (2, *shape)).astype(np.float32)
        loss = losses.get("ms_ssim")
        np.testing.assert_allclose(value(loss, x, x), 0, atol=1e-5)
        distance = value(loss, x, 1 - x)
        assert np.all(distance > 0.05)
        assert np.all(distance <= 1 + 1e-6)

    @pytest.mark.parametrize("size", [8, 176])
    @pytest.mark.parametrize("levels", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.5, -3.0)])
    def test_gradient_finite_for_constant_images(self, size, levels):
        x, y = (np.full((1, size, size, 1), level, np.float32) for level in levels)
        loss, gradient = value_and_gradient(losses.get("ms_ssim"), x, y)
        assert np.isfinite(loss).all()
        assert np.isfinite(gradient).all()

    def test_refuses_vectors(self):
        with pytest.raises(ZooError, match="compares images"):
            value(losses.get("ms_ssim"), X.reshape(3, -1), OUT.reshape(3, -1))


NAMES = ["mse", "mae", "bce", "huber", "ms_ssim", "bernoulli", "gaussian", "logistic_mixture"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_within_0_and_1(name, channels):
    loss = losses.get(name)
    outputs = (5 * rng.normal(size=(2, 4, 4, loss.parameters(channels)))).astype(np.float32)
    image = ops.convert_to_numpy(loss.to_image(ops.convert_to_tensor(outputs)))
    assert image.shape == (2, 4, 4, channels)
    assert 0 <= image.min() < image.max() <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shift_moves_the_location_by_the_image(name, channels):
    loss = losses.get(name)
    image = rng.uniform(0.2, 0.8, (2, 4, 4, channels)).astype(np.float32)
    nothing = np.zeros((2, 4, 4, loss.parameters(channels)), np.float32)
    shifted = ops.convert_to_numpy(loss.to_image(loss.shift(ops.convert_to_tensor(nothing), ops.convert_to_tensor(image))))
    expected = {"bce": sigmoid(image), "bernoulli": sigmoid(image)}.get(name, image)
    np.testing.assert_allclose(shifted, expected, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_one_value_an_image_and_their_mean_in_fit(name):
    loss = losses.get(name)
    x = rng.random((3, 12, 12, 1), dtype=np.float32)
    outputs = rng.normal(size=(3, 12, 12, loss.parameters(1))).astype(np.float32)
    each = value(loss, x, outputs)
    assert each.shape == (3,)
    assert float(loss(x, outputs)) == pytest.approx(each.mean(), rel=1e-5)


def test_likelihoods_are_marked():
    assert {name for name in NAMES if losses.get(name).is_likelihood} == {"bernoulli", "gaussian", "logistic_mixture"}


def test_unknown_loss_names_the_nearest():
    with pytest.raises(ZooError, match="Did you mean 'huber'"):
        losses.get("hubert")
    with pytest.raises(ZooError, match="expected one of mse, mae"):
        losses.get(3)


def test_a_loss_comes_back_as_it_is():
    loss = losses.Huber(delta=0.5)
    assert losses.get(loss) is loss


def test_softplus_and_its_slopes_are_exact_at_any_size():
    x = np.concatenate([np.linspace(-30, 30, 241), [-1e4, 1e4]]).astype("float32")
    exact, slope = np.logaddexp(0, x.astype("float64")), 0.5 * (1 + np.tanh(x.astype("float64") / 2))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(softplus(keras.ops.convert_to_tensor(x))), exact, rtol=1e-6, atol=3e-7)
    first = tf.Variable(x)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = softplus(first)
        gradient = inner.gradient(value, first)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=3e-7)
    # Models that take gradients in their forward pass are trained by the second.
    np.testing.assert_allclose(outer.gradient(gradient, first), slope * (1 - slope), atol=3e-7)
