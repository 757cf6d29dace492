"""What raw data is: the interface of a modality, and the modality of a model by the name in its config.

A modality alone knows what a user hands in, how that is checked, how it becomes the floats that the networks read, how the
decoder's outputs become raw data again, and how a file of it is read and written. Models, training and the commands ask it, and
know of no kind of data themselves. Loads no framework.
"""

import importlib
from collections.abc import Mapping

from zoo.errors import ZooError, suggest

# Name -> "module:class". A config without a modality is one of images, or of flat vectors of floats.
_HOMES = {
    "image": "zoo.modalities.images:Images",
    "table": "zoo.modalities.table.table:Table",
    "series": "zoo.modalities.series.series:Series",
}
DEFAULT = "image"


class Modality:
    """Base of the modalities.

    Three forms of data occur: what a user hands in (a data frame, photographs, sentences); the *raw array* (N, *data_shape) that
    `check` makes of it on the host, which models, exports and their graphs take; and the *inputs* (N, *input_shape), floats, that
    `to_input` makes of the raw array inside the graph, which backbones and losses take.

    A modality is built from its `spec`, plain data in the model's config. Fitted arrays, such as means and deviations, are the
    variables of its `layer`, which is part of the encoder: they are saved in the model's safetensors file and exported with it.
    """

    name = None
    # The word for one example, in messages and progress bars.
    unit = "row"
    # Whether anomaly scores are those of the rows of a source, in order, and not of examples.
    by_step = False
    # Whether sources may be folders with classes or splits, or data sets with labels, see `zoo.finetuning.data.read`.
    has_splits = False
    # A Keras layer with the fitted arrays, built by `connect`; None for a modality without.
    layer = None

    @classmethod
    def from_spec(cls, spec):
        """The modality that a `spec` describes. Raises ZooError if the spec is not valid."""
        raise NotImplementedError

    def spec(self):
        """The JSON-serializable mapping from which `from_spec` rebuilds this modality, with its `name`."""
        raise NotImplementedError

    def data_shape(self, input_shape):
        """Shape of one example of the raw array, for networks with inputs of shape `input_shape`; neither has a batch axis."""
        raise NotImplementedError

    def options(self, given):
        """The options of `zoo.create` for a model of this modality: `given`, a mapping, with `input_shape` and, if the user gave
        none, `loss`. Raises ZooError if an option does not suit the modality."""
        raise NotImplementedError

    def connect(self, model):
        """Make the parts of a newly built `Autoencoder` read this modality; called once, before weights are loaded."""

    def check(self, x, shape):
        """The raw array (N, *shape) of what a user hands in. Raises ZooError if it is something else."""
        raise NotImplementedError

    def rule(self, shapes, target_shape=None, probabilities=False):
        """The rule by which Keras's own methods check their data, see `zoo.models.base.inputs`."""
        raise NotImplementedError

    def assert_valid(self, x):
        """In a graph, raise an error if values of the raw array `x`, a tensor, are invalid."""

    def to_input(self, x, dtype):
        """In a graph, the inputs of the networks, floats of `dtype`, from the raw array `x`, a tensor."""
        raise NotImplementedError

    def to_raw(self, outputs):
        """In a graph, the raw array of the decoder's outputs, after `ReconstructionLoss.to_image`."""
        return outputs

    def reversed(self, raw, x):
        """In a graph, what `to_raw` gave, with the properties of the raw array `x`, a tensor, that are no part of the code."""
        return raw

    def returned(self, raw, like):
        """The raw array (N, *data_shape), NumPy, of a reconstruction in the form that the user handed in as `like`; None means
        the form in which files are written."""
        return raw

    def fill(self, raw, given):
        """What the user handed in, `given`, with missing values taken from the raw array of its reconstruction."""
        raise ZooError(f"only the gaps of a table can be filled, got a model of {self.unit}s.")

    def adapted(self, shape):
        """The options that change in a model that is trained further on raw arrays of `shape`; none if shapes are fixed."""
        return {}

    def in_memory(self, source):
        """The raw data of a source in memory, for `check`; None if it is an iterable of batches."""
        raise NotImplementedError

    def of_batch(self, batch):
        """The raw data of a batch of a user's data set, which may also contain labels."""
        raise NotImplementedError

    def check_source(self, source):
        """Raise ZooError unless `stream` accepts the name of a source, without loading a framework."""
        raise NotImplementedError

    def stream(self, source, batch_size, shape, **reading):
        """Batches (ids, what `check` takes) of a file, folder or data set of any size, in order, with constant memory.

        `.total` is the number of examples or None, `.skipped` and `.notes` are as in `zoo.data.sources.stream`. Raises ZooError
        if the source cannot be read, or a setting of `reading` does not apply to the modality.
        """
        raise NotImplementedError

    def load_labelled(self, source, column):
        """As `load`, with the values of a column as labels, for a modality whose sources have columns. Raises ZooError if there
        is no such column, or it has a single value or missing ones."""
        raise ZooError(f"got the column {column!r} for classes, but sources of {self.unit}s have no columns.")

    def load(self, source, shape, **reading):
        """All of a source in memory, as a `zoo.data.sources.Data`; arguments and errors are those of `stream`."""
        raise NotImplementedError

    def writer(self, path, shape):
        """A context manager with `write(batch, ids)`, of examples of `shape`, and `count`. Raises ZooError if they cannot be
        written to `path`."""
        raise NotImplementedError


def modality_of(config):
    """The `Modality` of a model's config, without fitted arrays."""
    return get(config.get("modality"))


def get(spec):
    """The `Modality` of a spec, see `Modality.spec`; a `Modality` is returned unchanged, None means images and vectors.

    Raises:
        ZooError: if there is no such modality, or the spec is not valid.
    """
    if isinstance(spec, Modality):
        return spec
    spec = {"name": DEFAULT} if spec is None else spec
    name = spec.get("name") if isinstance(spec, Mapping) else None
    if name not in _HOMES:
        raise ZooError(
            f"got the modality {name or spec!r:.80}, expected a mapping whose name is one of {', '.join(_HOMES)}, or a fitted "
            f"modality.{suggest(str(name or spec), _HOMES)}"
        )
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute).from_spec(spec)
