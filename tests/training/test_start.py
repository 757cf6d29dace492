"""The model before its first step: after what the data decides, without what the training taught."""

import numpy as np
from tiny_recipe import tiny_recipe

from zoo.training.initialization.start import fresh_model, held_out, initialize, untrained
from zoo.training.recipe import recorded

PATCHES = dict(variant="patch_dictionary", input_shape=(8, 8, 1), atoms=6, size=3)
STACKED = dict(variant="stacked", input_shape=(8, 8, 1), hidden=(16,), latent_dim=4)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights()))


def test_it_is_the_fresh_model_after_a_start_of_the_data(digits, tmp_path):
    images = digits[0][:200]
    recipe = tiny_recipe(name="patch_dictionary_conv.digits", model=PATCHES, start="patches", validation=40)
    started = fresh_model(recipe)
    assert not same(untrained(recipe)(images), started)
    assert same(untrained(recipe)(images), untrained(recipe)(images))
    initialize(recipe, started, images[held_out(recipe, len(images))[0]], tmp_path, None)
    assert same(untrained(recipe)(images), started)


def test_what_a_start_learns_by_the_objective_is_left_out(digits):
    images = digits[0][:200]
    for name, changes in (
        ("stacked_mlp.digits", dict(model=STACKED, start="layerwise", start_epochs=1)),
        ("patch_dictionary_conv.digits", dict(model=PATCHES, start="patches", epochs=0)),
    ):
        recipe = tiny_recipe(name=name, **changes)
        assert same(untrained(recipe)(images), fresh_model(recipe))


def test_a_manifest_entry_gives_its_recipe_back():
    recipe = tiny_recipe(metrics=())
    entry = {"recipe": {"path": "a.py", "sha256": "0", **recipe.decides()}}
    assert recorded(entry).sha256() == recipe.sha256()
    assert recorded({}) is None and recorded({"recipe": {"path": "a.py"}}) is None
