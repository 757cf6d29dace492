"""How a training starts: the fresh model, the start that its recipe names, and the model as it was before its first step."""

import keras

from zoo.data.splitting import split
from zoo.errors import ZooError
from zoo.models import registry
from zoo.training.initialization.layerwise import pretrain
from zoo.training.initialization.patches import start_from_patches
from zoo.training.initialization.pca import start_from_pca
from zoo.utils.precision import computing_in


def held_out(recipe, count):
    """What indexes the images to train on, and those that the recipe holds out."""
    if not recipe.validation:
        return slice(None), slice(0)
    if not 0 < recipe.validation < count:
        raise ZooError(f"got validation={recipe.validation} of {count} images, expected fewer than there are.")
    return split(count, None, recipe.validation / count, recipe.seed)


def fresh_model(recipe):
    """A fresh model of `recipe`: the seed is set right before, because initial weights depend on the order of all draws."""
    with computing_in(recipe.precision):
        keras.utils.set_random_seed(recipe.seed)
        return registry.create(**recipe.model)


def begin(recipe, model, images, folder, fit):
    """Give the weights the start that the recipe names; `fit` is the training loop that greedy pretraining runs."""
    if recipe.start == "pca":
        start_from_pca(model, images)
    elif recipe.start == "patches":
        start_from_patches(model, images, recipe.seed)
    elif recipe.start == "layerwise":
        pretrain(model, images, recipe, folder, fit)


def untrained(recipe):
    """Function from training images (N, ...) to the model of `recipe` as it was before its first step, in single precision.

    Made by the same seed as the trained one, after a start that the data decides (PCA, k-means). What a start learns by the
    variant's own objective is training, and left out: greedy pretraining, and k-means where a recipe has no epochs behind it.
    """

    def build(images):
        model = fresh_model(recipe)
        if recipe.start != "layerwise" and recipe.epochs:
            train, _ = held_out(recipe, len(images))
            begin(recipe, model, images[train], None, None)
        single = registry.build(model.config)
        single.set_weights(model.get_weights())
        return single

    return build
