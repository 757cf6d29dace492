"""What an engine runs: an encoder at one depth, known by name before it is built."""

import hashlib
import json

from zoo.errors import ZooError
from zoo.pretrained.resolve import resolve
from zoo.utils.precision import computing_in


class Subject:
    """An encoder cut at one depth, of a weight set's name, of a folder that `zoo.save` wrote, or of a model in memory.

    Args:
        name_or_model: which.
        layer, pool: the depth to read, see `zoo.load_encoder`; None is the code.
    """

    def __init__(self, name_or_model, layer=None, pool=None):
        self.layer, self.pool = layer, pool
        self.model = None if _is_path(name_or_model) else name_or_model
        if self.model is None:
            self._checkpoint = resolve(name_or_model)
            found = self._checkpoint
            self.name, self.config, self.data_shape = found.name, found.config, found.data_shape
        else:
            if not hasattr(self.model, "encoder") or not hasattr(self.model, "config"):
                raise ZooError(f"got {name_or_model!r}, expected the name of a weight set, the folder of a model, or a model.")
            self.name, self.config, self.data_shape = self.model.name, self.model.config, self.model.data_shape

    def digest(self):
        """Hexadecimal digest of all that the features depend on: weights, config and depth."""
        if self.model is None:
            weights = self._checkpoint.sha256()
        else:
            from zoo.pretrained.arrays import serialized

            weights = hashlib.sha256(serialized(self.model)).hexdigest()
        facts = json.dumps([weights, self.config, self.layer, self.pool], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()

    def encoder(self, dtype="float32"):
        """The `keras.Model` from images to features (N, D), built to compute in `dtype`."""
        if self.model is not None:
            if dtype != "float32":
                raise ZooError(
                    f"got dtype={dtype!r} for a model in memory, which computes as it was built; give its name or folder."
                )
            return self.model.encoder.at(self.layer, self.pool)
        from zoo.utils.quiet import load_quietly

        load_quietly()
        from zoo.pretrained.loading import load_checkpoint

        with computing_in("float32" if dtype == "float32" else f"mixed_{dtype}"):
            return load_checkpoint(self._checkpoint).encoder.at(self.layer, self.pool)


def _is_path(value):
    return isinstance(value, str) or hasattr(value, "__fspath__")
