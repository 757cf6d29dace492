"""A dictionary of patches: atoms that lie where patches do, responses of one scale, kept while the rest is trained."""

import numpy as np
import pytest
from tiny import tiny
from tiny_recipe import tiny_recipe

import zoo
from zoo.errors import ZooError
from zoo.layers.blocks.dictionary import PatchDictionary
from zoo.training import fit as training
from zoo.training.initialization.patches import dictionary, spherical_k_means, start_from_patches

MODEL = dict(variant="patch_dictionary", input_shape=(8, 8, 1), atoms=6, size=4)


def recipe(**changes):
    return tiny_recipe(
        **{**dict(name="patch_dictionary_conv.digits", model=MODEL, start="patches", ema=None, epochs=1), **changes}
    )


def responses(model, images):
    """Responses (N, H, W, atoms) without the threshold."""
    layer = dictionary(model)
    threshold, layer.threshold = layer.threshold, 0.0
    code = np.array(layer(images.astype(np.float32) / 255))
    layer.threshold = threshold
    return code[..., : layer.atoms] - code[..., layer.atoms : 2 * layer.atoms]


def test_k_means_finds_the_directions_in_either_sense():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(9, 5)))[0].T
    which, scale = rng.integers(0, 5, 500), rng.normal(size=(500, 1)) * 3
    x = directions[which] * scale + 0.02 * rng.normal(size=(500, 9))
    atoms = spherical_k_means(x, 8, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-5)
    assert np.abs(atoms @ directions.T).max(axis=0) == pytest.approx(np.ones(5), abs=0.01)


def test_an_atom_that_nothing_is_near_begins_anew():
    # Two rows alike: of two atoms that begin there one wins none.
    x = np.array([[1.0, 0], [1, 0], [0, 1]])
    atoms = spherical_k_means(x, 3, np.random.default_rng(0))
    assert np.isfinite(atoms).all() and np.abs(atoms @ x.T).max(axis=0) == pytest.approx(np.ones(3))


def test_responses_have_one_scale(digits):
    images = digits[0]
    model = zoo.create(**MODEL)
    start_from_patches(model, images)
    found = responses(model, images).reshape(-1, 6)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=0.1)
    again = zoo.create(**MODEL)
    start_from_patches(again, images)
    np.testing.assert_array_equal(responses(again, images[:3]), responses(model, images[:3]))


@pytest.mark.slow
def test_they_are_kept_while_the_rest_learns(digits, tmp_path):
    images = digits[0][:256]
    model = training.fresh_model(recipe())
    training.prepare(recipe(), model, 16)
    before = [w.copy() for w in dictionary(model).get_weights()]
    training.initialize(recipe(), model, images, tmp_path, training.fit)
    start = dictionary(model).get_weights()
    assert all(np.any(a != b) for a, b in zip(before, start))
    trained, _ = training.fit(recipe(epochs=2), images, tmp_path)
    for a, b in zip(dictionary(trained).get_weights(), start):
        np.testing.assert_array_equal(a, b)
    assert np.any(trained.reconstruct(images[:4]) != model.reconstruct(images[:4]))


def test_what_cannot_have_a_dictionary_is_one_clear_error(digits):
    with pytest.raises(ZooError, match="ae_conv has no dictionary to initialize; start='patches' is for patch_dictionary"):
        start_from_patches(tiny("ae_conv"), digits[0])
    with pytest.raises(ZooError, match="got 600 atoms, expected at most 400, the number of patches in 20 images"):
        start_from_patches(zoo.create(**{**MODEL, "atoms": 600}), digits[0][:20])
    with pytest.raises(ZooError, match="got a dictionary of 0 atoms, expected at least 1"):
        PatchDictionary(0)
