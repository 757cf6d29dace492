"""What an engine runs: an encoder at one depth, known by name before it is built."""

import hashlib
import json

from zoo.errors import ZooError
from zoo.pretrained.resolve import resolve
from zoo.utils.precision import computing_in
from zoo.utils.quiet import keras_settings, load_quietly


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

    @property
    def in_memory(self):
        """Whether it is a model that was handed over, known by its arrays alone."""
        return self.model is not None

    def digest(self):
        """Hexadecimal digest of all of the model that the features depend on: weights, config, precision and depth."""
        if not self.in_memory:
            weights = self._checkpoint.sha256()
        else:
            from zoo.pretrained.arrays import serialized

            weights = hashlib.sha256(serialized(self.model)).hexdigest()
        # A name or folder is built anew, in the precision that is asked for.
        precision = self.model.dtype_policy.name if self.in_memory else None
        facts = json.dumps([weights, self.config, self.layer, self.pool, precision], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()

    def encoder(self, dtype="float32"):
        """The `keras.Model` from images to features (N, D), built to compute in `dtype`."""
        return self.built(dtype).encoder.at(self.layer, self.pool)

    def check(self, model):
        """Compare the features of `model`, which is that of this subject, with the reference features of its weight set.

        Returns:
            The largest difference; None where no reference features are known: they belong to weight sets.

        Raises:
            ZooError: when they differ by more than the set's tolerance.
        """
        known = None if self.in_memory else self._checkpoint.weight_set()
        if known is None or "reference_features" not in known[1]:
            return None
        entry = known[1]
        import numpy as np

        from zoo.pretrained.verification import reference_input

        expected = np.asarray(entry["reference_features"]["features"])
        got = np.asarray(model.encoder.at(None, None)(reference_input(entry)))[:, : expected.shape[-1]]
        difference = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
        # Asked this way round, NaN fails.
        if not difference <= entry["reference_features"]["tolerance"]:
            raise ZooError(
                f"{self.name} gives other features here than its card states (by {difference:.2g}, expected at most "
                f"{entry['reference_features']['tolerance']:.2g}); Keras's settings are {keras_settings()}."
            )
        return difference

    def built(self, dtype="float32"):
        """The whole model, built to compute in `dtype`."""
        if self.in_memory:
            if dtype != "float32":
                raise ZooError(
                    f"got dtype={dtype!r} for a model in memory, which computes as it was built; give its name or folder."
                )
            return self.model
        load_quietly()
        from zoo.pretrained.loading import load_checkpoint

        with computing_in("float32" if dtype == "float32" else f"mixed_{dtype}"):
            return load_checkpoint(self._checkpoint)


def _is_path(value):
    return isinstance(value, str) or hasattr(value, "__fspath__")
