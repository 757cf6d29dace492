"""The start of a training: the initial model, the initialization of the recipe, and the untrained model as a baseline."""

import keras

from zoo.data.splitting import split
from zoo.errors import ZooError
from zoo.models import registry
from zoo.training.initialization.layerwise import pretrain
from zoo.training.initialization.patches import start_from_patches
from zoo.training.initialization.pca import start_from_pca
from zoo.utils.precision import computing_in


def held_out(recipe, count):
    """Indices of the images to train on, and of those that the recipe holds out."""
    if not recipe.validation:
        return slice(None), slice(0)
    if not 0 < recipe.validation < count:
        raise ZooError(f"got validation={recipe.validation} of {count} images, expected fewer than the number of images.")
    return split(count, None, recipe.validation / count, recipe.seed)


def fresh_model(recipe):
    """A new model of `recipe`. The seed is set here, because initial weights depend on all random numbers drawn before."""
    with computing_in(recipe.precision):
        keras.utils.set_random_seed(recipe.seed)
        return registry.create(**recipe.model)


def initialize(recipe, model, images, folder, fit):
    """Apply the initialization of the recipe to the weights; `fit` is the training loop for greedy pretraining."""
    if recipe.start == "pca":
        start_from_pca(model, images)
    elif recipe.start == "patches":
        start_from_patches(model, images, recipe.seed)
    elif recipe.start == "layerwise":
        pretrain(model, images, recipe, folder, fit)


def untrained(recipe):
    """Function from training images (N, ...) to the model of `recipe` before its first training step, in single precision.

    It has the same seed as the trained model, and a data-dependent initialization (PCA, k-means) is applied. Initializations that
    are the training itself are omitted: greedy pretraining, and k-means of recipes with 0 epochs.
    """

    def build(images):
        model = fresh_model(recipe)
        if recipe.start != "layerwise" and recipe.epochs:
            train, _ = held_out(recipe, len(images))
            initialize(recipe, model, images[train], None, None)
        single = registry.build(model.config)
        single.set_weights(model.get_weights())
        return single

    return build
