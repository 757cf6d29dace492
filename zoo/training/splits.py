"""The training and test data of a recipe."""

from zoo.data import sources
from zoo.data.patches import patches
from zoo.errors import ZooError
from zoo.modalities.image import image_file_shape

# Test patches per photograph, enough for the pictures of a card.
_TEST_PATCHES = 4


def load_splits(recipe, data_dir=None):
    """Mapping of "train" and "test" to the `zoo.data.sources.Data` of a recipe, and whether the test images were drawn at random
    from a source with a single split.

    Raises:
        ZooError: as `zoo.data.sources.load_splits`, and for patches of inputs that are not images with 1 or 3 channels.
    """
    shape = image_file_shape(recipe.model.get("input_shape", ()))
    if not recipe.patches:
        return sources.load_splits(recipe.dataset, data_dir, shape)
    if shape is None:
        raise ZooError(f"got patches={recipe.patches}, expected a model of images with 1 or 3 channels.")
    if not recipe.test:
        raise ZooError(f"got patches={recipe.patches} without test, expected a folder of photographs to test on.")
    train = patches(recipe.dataset, shape, recipe.patches, recipe.seed, data_dir)
    return {"train": train, "test": patches(recipe.test, shape, _TEST_PATCHES, recipe.seed, data_dir)}, False
