"""The modality of images, and of flat vectors of floats, by the rule of `zoo.modalities.image`."""

import numpy as np

from zoo.data import sources
from zoo.data.memory import images_of
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.modalities.image import check_images, image_file_shape
from zoo.modalities.modality import Modality


class Images(Modality):
    """Images, uint8 0..255 or floats 0..1, channels last, or vectors of finite floats; read from image files and arrays."""

    name = "image"
    unit = "image"
    has_splits = True

    @classmethod
    def from_spec(cls, spec):
        if set(spec) != {"name"}:
            raise ZooError(f"got the modality {spec!r:.80}, but images have no settings.")
        return IMAGES

    def spec(self):
        return {"name": self.name}

    def data_shape(self, input_shape):
        return tuple(input_shape)

    def options(self, given):
        return given

    def check(self, x, shape):
        return check_images(x, shape)

    def rule(self, shapes, target_shape=None, probabilities=False):
        from zoo.modalities.image_rule import ImageRule

        return ImageRule(shapes, target_shape, probabilities)

    def assert_valid(self, x):
        from zoo.modalities.tensors import assert_unit

        assert_unit(x)

    def to_input(self, x, dtype):
        from zoo.modalities.tensors import to_unit

        return to_unit(x, dtype)

    def stream(self, source, batch_size, shape, **reading):
        return sources.stream(source, batch_size, image_file_shape(shape), **reading)

    def check_source(self, source):
        sources.kind_of(source)

    def load(self, source, shape, **reading):
        return sources.load(source, image_shape=image_file_shape(shape), **reading)

    def in_memory(self, source):
        if isinstance(source, dict):
            return images_of(source)
        return np.asarray(source) if hasattr(source, "__array__") else None

    def of_batch(self, batch):
        return images_of(batch)

    def adapted(self, shape):
        return {"input_shape": list(shape)}

    def writer(self, path, shape):
        if image_file_shape(shape) is None:
            raise ZooError(f"the outputs of this model have shape {shape}, expected 1 or 3 channels to write image files.")
        return ImageFolder(path)


# It has no state, so that one serves all models.
IMAGES = Images()
