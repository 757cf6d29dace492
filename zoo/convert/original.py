"""A model of another library as one of the zoo's."""

from functools import partial
from pathlib import Path

from zoo import registry
from zoo.convert import layout as layouts
from zoo.convert.families import family


class Original:
    """What `zoo.stored.Stored` is for weights of the zoo: a model that is not built yet, in another library's files.

    Args:
        layout: a `Layout`.
        name: of the model.
        input_shape: of an image, or None for what its config says.
    """

    def __init__(self, layout, name, input_shape=None):
        self.layout, self.name = layout, name
        self.family = family(layout.config, layout.where)
        self.config = self.family.config(layout.config, input_shape and tuple(input_shape))

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return tuple(self.config["input_shape"])

    def sha256(self):
        """Hash of all weights."""
        return layouts.digest(self.layout)

    def model(self):
        """The model with its weights.

        Raises:
            ZooError: when an array is missing, left over or mis-shaped.
        """
        # Here, not above: what only asks for the config needs no framework.
        from zoo.convert.arrays import Arrays, assign
        from zoo.weights import named_variables

        model = registry.build(self.config)
        variables = named_variables(model)
        canonical = partial(getattr(self.family, "canonical", str))
        ignored = getattr(self.family, "ignored", lambda name: False)
        constants = getattr(self.family, "constants", lambda model: {})(model)
        with Arrays(self.layout.files, canonical, ignored, self.layout.where) as arrays:
            assign(variables, arrays, self.family.sources, constants)
        return model


def original(source, input_shape=None, subfolder=""):
    """The `Original` in a folder, or in a repository `hf://user/repo[@revision]`."""
    text = str(source)
    if text.startswith("hf://"):
        name = subfolder or text.rpartition("/")[2].partition("@")[0]
        return Original(layouts.remote(text, subfolder), name, input_shape)
    return Original(layouts.local(source), Path(source).resolve().name, input_shape)


def convert_model(source, input_shape=None):
    """The zoo's model, with its weights, of a folder or `hf://` address in the layout of transformers or diffusers.

    Args:
        source: which.
        input_shape: (height, width, channels) of the images; None is what its config says, or 256 x 256.

    Raises:
        ZooError: on a class or an option that the zoo does not read, and when arrays are missing, left over or mis-shaped.
    """
    return original(source, input_shape).model()
