"""Maximum mean discrepancy: its estimators against their definition, and the codes that add it to the loss."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.layers.bottlenecks.mmd import (
    InfoCode,
    WassersteinCode,
    biased_mmd,
    gaussian_kernel,
    inverse_multiquadratic_kernel,
    squared_distances,
    unbiased_mmd,
)

KERNELS = [gaussian_kernel, inverse_multiquadratic_kernel]


def normal(seed, shape=(50, 3), mean=0.0):
    return (np.random.default_rng(seed).normal(size=shape) + mean).astype(np.float32)


def by_hand(x, y, kernel, itself):
    """The sums over pairs, one at a time."""

    def mean(a, b, same):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not same or itself or i != j]
        return np.mean([kernel(np.sum((a[i] - b[j]).astype("float64") ** 2), a.shape[1]) for i, j in pairs])

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


NUMPY = {
    gaussian_kernel: lambda d, n: np.exp(-d / (2 * n)),
    inverse_multiquadratic_kernel: lambda d, n: sum(2 * n * s / (2 * n * s + d) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_estimates_are_their_sums(kernel):
    x, y = normal(0, (6, 2)), normal(1, (4, 2), mean=0.5)
    assert float(biased_mmd(x, y, kernel)) == pytest.approx(by_hand(x, y, NUMPY[kernel], True), rel=1e-4)
    assert float(unbiased_mmd(x, y, kernel)) == pytest.approx(by_hand(x, y, NUMPY[kernel], False), rel=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_samples_are_no_distance_apart_and_others_are(kernel):
    x = normal(0)
    assert float(biased_mmd(x, x, kernel)) == pytest.approx(0, abs=1e-6)
    assert float(biased_mmd(x, x[::-1].copy(), kernel)) == pytest.approx(0, abs=1e-6)
    distances = [float(biased_mmd(x, normal(1, mean=mean), kernel)) for mean in (0, 1, 2)]
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_unbiased_estimate_is_right_on_average(kernel):
    draws = [(normal(2 * i, (20, 2)), normal(2 * i + 1, (20, 2))) for i in range(100)]
    unbiased = np.array([float(unbiased_mmd(x, y, kernel)) for x, y in draws])
    error = unbiased.std() / np.sqrt(len(unbiased))
    assert abs(unbiased.mean()) < 4 * error and unbiased.min() < 0
    biased = np.array([float(biased_mmd(x, y, kernel)) for x, y in draws[:20]])
    assert biased.min() > 0 and biased.mean() > 10 * error
    apart = [float(unbiased_mmd(x, y + 1, kernel)) for x, y in draws[:10]]
    assert min(apart) > 0


def test_distances_are_never_negative():
    x = normal(0, (30, 5)) * 1e-3 + 100
    distances = ops.convert_to_numpy(squared_distances(x, x))
    assert distances.min() >= 0
    y = normal(1, (4, 5))
    wanted = ((x[:, None] - y[None]) ** 2).sum(-1)
    np.testing.assert_allclose(ops.convert_to_numpy(squared_distances(x, y)), wanted, rtol=1e-4)


def test_a_single_row_has_no_pairs():
    assert np.isfinite(float(unbiased_mmd(normal(0, (1, 3)), normal(1, (1, 3)), gaussian_kernel)))


def test_a_wasserstein_code_is_deterministic_and_its_penalty_is_its_distance_from_the_prior():
    keras.utils.set_random_seed(0)
    layer = WassersteinCode(2, weight=3.0)
    layer.build((None, 2))
    layer.dense.kernel.assign(np.eye(2))
    penalties = []
    for spread in (1.0, 4.0, 0.1):
        h = normal(0, (1000, 2)) * spread
        np.testing.assert_array_equal(layer(h, training=True), h)
        penalties.append(float(layer.losses[0]))
    assert abs(penalties[0]) < 0.05 and penalties[1] > 0.5 and penalties[2] > 0.5
    z = layer.sample_prior(5000, 1)
    assert z.shape == (5000, 2) and abs(z.mean()) < 0.05 and abs(z.std() - 1) < 0.05


def test_info_weights():
    keras.utils.set_random_seed(0)
    h = normal(0, (200, 3))
    kl, mmd = {}, {}
    for alpha, lambda_ in ((0.0, 1.0), (0.0, 11.0), (0.5, 10.5), (1.0, 10.0)):
        keras.utils.set_random_seed(0)
        layer = InfoCode(2, alpha, lambda_)
        layer(h, training=True)
        kl[alpha, lambda_], mmd[alpha, lambda_] = (float(value) for value in layer.losses)
    full = kl[0.0, 1.0]
    assert full > 0 and kl[0.0, 11.0] == pytest.approx(full)
    assert kl[0.5, 10.5] == pytest.approx(full / 2) and kl[1.0, 10.0] == 0
    assert mmd[0.0, 1.0] == 0 and mmd[0.0, 11.0] > 0
    assert mmd[0.0, 11.0] == pytest.approx(mmd[0.5, 10.5], rel=1e-5) == pytest.approx(mmd[1.0, 10.0], rel=1e-5)


@pytest.mark.parametrize("options", [dict(alpha=1.5), dict(alpha=0.5, lambda_=0.2)])
def test_weights_without_a_least_loss_are_refused(options):
    with pytest.raises(zoo.ZooError, match="expected alpha <= 1 and lambda_ >= 1 - alpha"):
        tiny("info_vae_mlp", **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wae_mmd_mlp", "info_vae_mlp"])
def test_training_on_digits(name, digits):
    keras.utils.set_random_seed(0)
    images = digits[0]
    model = tiny(name, hidden=(64,))
    before = float(np.mean((model.reconstruct(images) - images / 255) ** 2))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(images, batch_size=128, epochs=25, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert np.mean((model.reconstruct(images) - images / 255) ** 2) < 0.6 * before
    samples = model.sample(20, seed=1)
    assert np.isfinite(samples).all() and samples.std(axis=0).max() > 0.05
    if name == "wae_mmd_mlp":
        codes = model.encode(images)
        assert np.abs(codes.mean(axis=0)).max() < 0.4 and 0.5 < codes.std(axis=0).min() < codes.std(axis=0).max() < 1.6
