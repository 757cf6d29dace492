"""The modality of images, and of flat vectors of floats, by the rule of `zoo.modalities.image`."""

from zoo.data import sources
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.modalities.image import check_images, image_file_shape
from zoo.modalities.modality import Modality


class Images(Modality):
    """Images, uint8 0..255 or floats 0..1, channels last, or vectors of finite floats; read from image files and arrays."""

    name = "image"
    unit = "image"

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

    def writer(self, path):
        return ImageFolder(path)


# It has no state, so that one serves all models.
IMAGES = Images()
