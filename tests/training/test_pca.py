"""Principal components: the linear autoencoder finds them, a linear path starts there and stays there."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from tiny_recipe import tiny_recipe

import zoo
from zoo.evaluation.pca import pca_mse
from zoo.evaluation.reconstruction import unclipped_mse
from zoo.layers.math.pca import principal_components
from zoo.training import fit as training
from zoo.training.initialization.pca import linear_path, start_from_pca

PATH = dict(variant="ae", backbone="resnet", input_shape=(8, 8, 1), latent_dim=5, filters=(4,), blocks=1, linear_path=True)


def by_scikit_learn(images, count, of=None):
    x = images.reshape(len(images), -1) / 255
    fitted = PCA(count).fit(x)
    seen = x if of is None else of.reshape(len(of), -1) / 255
    return np.clip(fitted.inverse_transform(fitted.transform(seen)), 0, 1).reshape(-1, *images.shape[1:])


def recipe(**changes):
    return tiny_recipe(**{**dict(name="ae_resnet.digits", model=PATH, start="pca", ema=None, transforms=(), epochs=1), **changes})


def test_components_are_scikit_learns(digits):
    x = digits[0][:300].reshape(300, -1) / 255
    mean, components, deviations = principal_components(x, 6)
    theirs = PCA(6).fit(x)
    np.testing.assert_allclose(mean, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(components * theirs.components_, axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(deviations, np.sqrt(theirs.explained_variance_ * 299 / 300), rtol=1e-4)


def test_linear_finds_pcas_subspace(digits, tmp_path):
    images = digits[0][:1600]
    model = dict(variant="linear", input_shape=(8, 8, 1), latent_dim=3)
    plain = dict(optimizer="adam", weight_decay=0.0, ema=None, transforms=(), learning_rate=2e-2)
    linear = tiny_recipe(name="linear_mlp.digits", model=model, epochs=120, batch_size=100, **plain)
    trained, _ = training.fit(linear, images, tmp_path)
    components = PCA(3).fit(images.reshape(1600, -1) / 255).components_.T
    up = next(v for v in trained.decoder.trainable_variables if v.shape == (3, 64)).numpy().T
    assert np.degrees(subspace_angles(up, components)).max() < 2
    assert unclipped_mse(trained, images) == pytest.approx(pca_mse(images, images, 3, clip=False), rel=1e-3)


def test_a_linear_path_starts_at_pca_and_stays(digits, tmp_path):
    images = digits[0][:256]
    model = training.fresh_model(recipe())
    training.prepare(recipe(), model, 16)
    training.initialize(recipe(), model, images, tmp_path, training.fit)
    np.testing.assert_allclose(model.reconstruct(digits[0][256:300]), by_scikit_learn(images, 5, digits[0][256:300]), atol=1e-4)
    np.testing.assert_allclose(model.encode(images).std(axis=0), 1, rtol=1e-3)
    start = [w for layer in linear_path(model) for w in layer.get_weights()]

    trained, _ = training.fit(recipe(epochs=6), images, tmp_path)
    end = [w for layer in linear_path(trained) for w in layer.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(start, end, strict=True)), "the frozen path has moved"
    frozen = {id(v) for layer in linear_path(trained) for v in layer.variables}
    assert not frozen & {id(v) for v in trained.trainable_variables}
    bar = float(np.mean((images / 255 - by_scikit_learn(images, 5)) ** 2))
    assert np.mean((images / 255 - trained.reconstruct(images)) ** 2) < bar, "the networks beside the path have learned nothing"


def test_images_that_do_not_vary_in_some_directions_start_finite():
    """Fewer images than components, and pixels that are always black."""
    images = np.zeros((4, 8, 8, 1), "uint8")
    images[:, 2:6] = np.random.default_rng(0).integers(0, 256, (4, 4, 8, 1))
    model = zoo.create(**PATH)
    start_from_pca(model, images)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    np.testing.assert_allclose(model.reconstruct(images), images / 255, atol=1e-4)
    start_from_pca(model, images[:1])
    np.testing.assert_allclose(model.reconstruct(images[:1]), images[:1] / 255, atol=1e-4)


def test_what_has_no_start_at_pca_is_one_clear_error(digits, tmp_path):
    without = {**PATH, "linear_path": False}
    with pytest.raises(zoo.ZooError, match="no linear path to initialize; build it with linear_path=True"):
        training.fit(recipe(model=without), digits[0][:64], tmp_path)
    with pytest.raises(zoo.ZooError, match="a code of 65 numbers, expected at most 64"):
        training.fit(recipe(model={**PATH, "latent_dim": 65}), digits[0][:64], tmp_path)
