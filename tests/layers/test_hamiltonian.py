"""Hamiltonian paths, plain and Riemannian: the integrators, the bounds, the metric."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.layers.bottlenecks.hamiltonian import HamiltonianCode, leapfrog
from zoo.layers.bottlenecks.riemannian import Metric, RiemannianCode, generalized_leapfrog, half_log_det, lower_triangular
from zoo.pretrained.arrays import named_variables

rng = np.random.default_rng(0)


def quartic(z):
    """A force that is not linear, of U(z) = Σ z⁴/4 + (Σ z)²/2."""
    return None, z**3 + ops.sum(z, axis=-1, keepdims=True)


def integrate(z, momentum, step, count=5, integrator=leapfrog, **options):
    _, slope = quartic(z)
    for _ in range(count):
        z, momentum, _, slope = integrator(z, momentum, step, quartic, slope, **options)
    return ops.convert_to_numpy(z), ops.convert_to_numpy(momentum)


def test_leapfrog_is_reversible():
    z, momentum, step = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), np.array([0.05, 0.1, 0.2])
    end, final = integrate(z, momentum, step)
    assert np.abs(end - z).max() > 0.1
    back, initial = integrate(end, -final, step)
    np.testing.assert_allclose(back, z, atol=1e-6)
    np.testing.assert_allclose(initial, -momentum, atol=1e-6)


def jacobian(function, point, step=1e-5):
    shifts = np.eye(len(point)) * step
    return np.stack([(function(point + e) - function(point - e)) / (2 * step) for e in shifts], axis=1)


def path(step, **options):
    """The map (z, ρ) -> (z', ρ') of one row, as vectors."""

    def run(point):
        z, momentum = integrate(point[None, : len(point) // 2], point[None, len(point) // 2 :], step, **options)
        return np.concatenate([z[0], momentum[0]])

    return run


def test_leapfrog_preserves_volume_whatever_the_step_sizes():
    matrix = jacobian(path(np.array([0.05, 0.3])), rng.normal(size=4))
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-5)
    assert np.abs(matrix - np.eye(4)).max() > 0.1


def metric(units=2, regularization=0.5, n=4):
    factors = rng.normal(size=(n, units, units)) * 0.5
    return Metric(rng.normal(size=(n, units)), factors @ factors.transpose(0, 2, 1), 1.5, regularization)


def test_generalized_leapfrog_is_reversible_and_preserves_volume():
    """Up to what three iterations leave of the fixed points."""
    curved = metric()
    z, momentum, step = rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), np.array([0.02, 0.04])
    options = {"integrator": generalized_leapfrog, "metric": curved}
    end, final = integrate(z, momentum, step, **options)
    back, initial = integrate(end, -final, step, **options)
    np.testing.assert_allclose(back, z, atol=1e-4)
    np.testing.assert_allclose(initial, -momentum, atol=1e-4)
    determinant = np.linalg.det(jacobian(path(step, **options), rng.normal(size=4)))
    assert determinant == pytest.approx(1, abs=1e-3)


def test_generalized_leapfrog_conserves_energy():
    curved = metric()

    def energy(z, momentum):
        inverse = ops.convert_to_numpy(curved.inverse(z))
        quadratic = np.einsum("na,nab,nb->n", momentum, inverse, momentum)
        return (z**4).sum(1) / 4 + z.sum(1) ** 2 / 2 + 0.5 * quadratic - 0.5 * np.linalg.slogdet(inverse)[1]

    z, momentum = 0.5 * rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    errors = []
    for step, count in ((0.04, 10), (0.02, 20)):
        end = integrate(z, momentum, np.full(2, step), count, generalized_leapfrog, metric=curved)
        errors.append(np.abs(energy(*end) - energy(z, momentum)).max())
    assert errors[1] < 0.02
    assert 0.2 < errors[1] / errors[0] < 0.3, "second order: half the step, a quarter of the error"


def test_a_constant_metric_gives_plain_leapfrog():
    flat = Metric(np.zeros((3, 2)), np.zeros((3, 2, 2)), 1.5, 1.0)
    z, momentum, step = rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), np.array([0.05, 0.1])
    expected = integrate(z, momentum, step)
    found = integrate(z, momentum, step, integrator=generalized_leapfrog, metric=flat)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_metric_is_positive_definite_and_its_slope_and_determinant_those_of_numpy():
    curved, z = metric(units=3), rng.normal(size=(6, 3))
    matrices = ops.convert_to_numpy(curved.matrices).reshape(-1, 3, 3)

    def inverse(z):
        return np.einsum("i,iab->ab", np.exp(-((z - curved.centroids) ** 2).sum(1) / 1.5**2), matrices) + 0.5 * np.eye(3)

    expected = np.stack([inverse(row) for row in z])
    found = ops.convert_to_numpy(curved.inverse(z))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.linalg.eigvalsh(found).min() >= 0.5
    np.testing.assert_allclose(half_log_det(ops.cholesky(found)), 0.5 * np.linalg.slogdet(expected)[1], rtol=1e-6)
    form = rng.normal(size=(6, 3, 3))
    slopes = [jacobian(lambda p, f=f: np.array([0.5 * (f * inverse(p)).sum()]), row)[0] for row, f in zip(z, form)]
    np.testing.assert_allclose(curved.slope(z, form), slopes, rtol=1e-4, atol=1e-6)


def test_factors_are_lower_triangular_with_a_positive_diagonal():
    values = rng.normal(size=(5, 6)).astype(np.float32)
    factors = ops.convert_to_numpy(lower_triangular(values, 3))
    np.testing.assert_array_equal(factors, np.tril(factors))
    np.testing.assert_allclose(np.einsum("naa->na", factors), np.exp(values[:, :3]), rtol=1e-5)
    assert len(np.unique(factors[factors != 0])) == 5 * 6


# -- the bounds

X, DECODER = np.array([1.0, -0.5, 0.8], np.float32), rng.normal(size=(2, 3)).astype(np.float32)


def linear_force(z):
    """Of p(x|z) = N(z W, I) and the standard normal prior at one x, of which the evidence is known."""
    outputs = ops.matmul(z, DECODER)
    return outputs, ops.matmul(outputs - X, DECODER.T) + z


def fixed(kind, n_lf, *more, eps_lf=0.1):
    keras.utils.set_random_seed(1)
    layer = kind(2, n_lf, eps_lf, 0.4, *more)
    layer.build((None, 2))
    for dense, bias in ((layer.mean, [0.2, -0.1]), (layer.log_variance, [-0.5, -0.2])):
        dense.kernel.assign(np.zeros((2, 2)))
        dense.bias.assign(bias)
    return layer


def curve(layer):
    n = layer.n_centroids
    factors = rng.normal(size=(n, 2, 2)).astype(np.float32)
    layer.centroids.assign(rng.normal(size=(n, 2)))
    layer.matrices.assign(factors @ factors.transpose(0, 2, 1))
    return layer


@pytest.mark.parametrize(
    "make",
    [lambda: fixed(HamiltonianCode, 3), lambda: curve(fixed(RiemannianCode, 3, 1.5, 0.3, 5, eps_lf=0.03))],
    ids=["plain", "riemannian"],
)
def test_the_weights_of_the_paths_average_to_the_evidence(make):
    """E exp(bound of one draw) = p(x): true only if every Jacobian and density is accounted for."""
    layer, seen = make(), []
    layer.add_bound = lambda *parts: seen.extend(ops.convert_to_numpy(part) for part in parts)
    n = 20_000
    outputs = ops.convert_to_numpy(layer.evolve(np.ones((n, 2), np.float32), linear_force))
    mean, log_variance, start, z, momentum = seen
    assert np.abs(z - start).max() > 0.05
    log_q = -0.5 * ((start - mean) ** 2 / np.exp(log_variance) + log_variance).sum(axis=1)
    log_weights = -0.5 * ((outputs - X) ** 2).sum(axis=1) - 0.5 * (z**2).sum(axis=1) - log_q - momentum.sum(axis=1)
    covariance = np.eye(3) + DECODER.T @ DECODER
    evidence = -0.5 * (X @ np.linalg.solve(covariance, X) + np.linalg.slogdet(covariance)[1])
    weights = np.exp(log_weights - evidence)
    error = weights.std() / np.sqrt(n)
    assert error < 0.02 and abs(weights.mean() - 1) < 5 * error + 1e-3


def test_without_steps_the_bound_is_that_of_the_vae(images):
    model, vae = tiny("hvae_mlp", n_lf=0), tiny("vae_mlp")
    values = named_variables(model)
    for key, variable in named_variables(vae).items():
        variable.assign(values[key])
    vae.bottleneck.seed_generator.state.assign(model.bottleneck.seed_generator.state)
    found, expected = (m.evaluate(images, batch_size=40, verbose=0, return_dict=True) for m in (model, vae))
    assert found.pop("momentum") == 0
    assert found == pytest.approx(expected, rel=1e-5)


def test_force_is_the_gradient_of_the_joint_density(images):
    model = tiny("hvae_mlp")
    x = tf.constant(images[:3] / 255, tf.float32)
    z = tf.constant(rng.normal(size=(3, 4)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        outputs = model.decoder.backbone(z)
        energy = model.reconstruction_loss.call(x, outputs) + 0.5 * tf.reduce_sum(z**2, axis=1)
    found_outputs, slope = model.force(x)(z)
    np.testing.assert_allclose(found_outputs, outputs, rtol=1e-5)
    np.testing.assert_allclose(slope, tape.gradient(energy, z), rtol=1e-4, atol=1e-5)


def test_steps_and_tempering_start_where_told_and_are_learned(images):
    model = tiny("hvae_mlp", eps_lf=0.1, beta_zero=0.4)
    np.testing.assert_allclose(model.bottleneck.step_size(), 0.1, rtol=1e-5)
    temper = [float(t) for t in model.bottleneck.inverse_temperatures()]
    assert temper[0] ** 2 == pytest.approx(0.4, rel=1e-5) and temper[-1] == 1 and sorted(temper) == temper
    model.fit(images, verbose=0)
    assert np.all(np.abs(model.bottleneck.step_size() - 0.1) > 1e-5)
    assert float(model.bottleneck.inverse_temperatures()[0]) != temper[0]


def test_the_ring_keeps_the_images_seen_last(images):
    model = tiny("rhvae_mlp", n_centroids=48)
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(images, batch_size=16, shuffle=False, verbose=0)
    means, kept = model.encode(images), ops.convert_to_numpy(model.bottleneck.centroids)
    np.testing.assert_allclose(kept[:40], means, atol=1e-5)
    assert not kept[40:].any() and float(model.bottleneck.position) == 40
    model.fit(images[:16], batch_size=16, shuffle=False, verbose=0)
    kept = ops.convert_to_numpy(model.bottleneck.centroids)
    np.testing.assert_allclose(kept, np.concatenate([means[8:16], means[8:40], means[:8]]), atol=1e-5)
    eigenvalues = np.linalg.eigvalsh(model.bottleneck.matrices)
    assert eigenvalues.min() > 0


def test_the_metric_is_saved(images, tmp_path):
    model = tiny("rhvae_mlp", n_centroids=20)
    model.fit(images, batch_size=16, verbose=0)
    zoo.save(model, tmp_path / "model")
    again = zoo.load(tmp_path / "model")
    z = rng.normal(size=(4, 4)).astype(np.float32)
    found = again.bottleneck.metric().inverse(z)
    np.testing.assert_array_equal(found, model.bottleneck.metric().inverse(z))
    assert np.abs(found - 0.01 * np.eye(4)).max() > 0.01


def test_options_out_of_range():
    for options in ({"n_lf": -1}, {"eps_lf": 0}, {"eps_lf": 0.6}, {"beta_zero": 1.5}):
        with pytest.raises(ZooError, match="expected n_lf >= 0"):
            tiny("hvae_mlp", **options)
    with pytest.raises(ZooError, match="expected positive"):
        tiny("rhvae_mlp", temperature=0)
    with pytest.raises(ZooError, match="omit it"):
        tiny("hvae_conv", batch_norm=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hvae_mlp", "rhvae_mlp"])
def test_training_on_digits(digits, name):
    keras.utils.set_random_seed(0)
    model = tiny(name, hidden=(64,))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(digits[0], epochs=5, batch_size=64, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert np.isfinite(model.sample(5)).all()
