"""The encoder that an engine runs, up to one of its depths; it is known by name before it is built."""

import hashlib
import json
import math

from zoo.errors import ZooError
from zoo.modalities.modality import modality_of
from zoo.models.registry import innermost
from zoo.pretrained.resolve import resolve
from zoo.utils.precision import computing_in
from zoo.utils.quiet import load_quietly

# Values of an image of 64 x 64 in color, up to which 128 images are computed together.
_VALUES, _IMAGES = 64 * 64 * 3, 128


class Subject:
    """An encoder up to one of its depths.

    Args:
        name_or_model: name of a weight set or public model, folder or address of a saved model, or a model in memory.
        layer, pool: depth and pooling, see `zoo.load_encoder`; None is the code.

    Raises:
        ZooError: if there is no such model.
    """

    def __init__(self, name_or_model, layer=None, pool=None):
        self.layer, self.pool = layer, pool
        self.model = None if _is_path(name_or_model) else name_or_model
        if self.model is None:
            self._checkpoint = resolve(name_or_model)
        elif not hasattr(self.model, "encoder") or not hasattr(self.model, "config"):
            raise ZooError(f"got {name_or_model!r}, expected the name of a weight set, the folder of a model, or a model.")
        source = self._checkpoint if self.model is None else self.model
        self.name, self.config, self.data_shape = source.name, source.config, source.data_shape
        # Of the config, so that data is checked before a model is built.
        self.modality = modality_of(innermost(self.config))

    @property
    def images_together(self):
        """Number of images that a thread computes at once: 128, and fewer large ones, to save memory; a power of 2."""
        fit = _IMAGES * _VALUES / math.prod(self.data_shape)
        return 2 ** int(min(math.log2(_IMAGES), max(0, math.log2(fit))))

    @property
    def in_memory(self):
        """Whether the encoder is of a model in memory, which has no name or folder."""
        return self.model is not None

    def digest(self):
        """Hexadecimal digest of everything that the features depend on: weights, config, precision and depth."""
        if not self.in_memory:
            weights = self._checkpoint.sha256()
        else:
            from zoo.pretrained.arrays import serialized

            weights = hashlib.sha256(serialized(self.model)).hexdigest()
        # A model from a name or folder is built in the requested precision.
        precision = self.model.dtype_policy.name if self.in_memory else None
        facts = json.dumps([weights, self.config, self.layer, self.pool, precision], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()

    def encoder(self, dtype="float32"):
        """The `keras.Model` from images to features (N, D), built to compute in `dtype`."""
        return self.built(dtype).encoder.at(self.layer, self.pool)

    def check(self, model):
        """Compare the features of `model`, the built model of this subject, with the reference features of its weight set.

        Returns:
            The largest difference; None if there are no reference features, because the model is not a weight set.

        Raises:
            ZooError: if the difference is larger than the tolerance of the set.
        """
        known = None if self.in_memory else self._checkpoint.weight_set()
        if known is None or "reference_features" not in known[1]:
            return None
        from zoo.pretrained.verification import reference_difference

        return reference_difference(self.name, known[1], model.encoder.at(None, None))

    def built(self, dtype="float32"):
        """The whole model, built to compute in `dtype`."""
        if self.in_memory:
            if dtype != "float32":
                raise ZooError(f"got dtype={dtype!r} for a model in memory, whose precision is fixed; give its name or folder.")
            return self.model
        load_quietly()
        from zoo.pretrained.loading import load_checkpoint

        with computing_in("float32" if dtype == "float32" else f"mixed_{dtype}"):
            return load_checkpoint(self._checkpoint)


def _is_path(value):
    return isinstance(value, str) or hasattr(value, "__fspath__")
