"""A model of another library as one of the zoo's."""

from pathlib import Path

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained.converters import layout as layouts
from zoo.pretrained.converters.families import family
from zoo.pretrained.converters.public import address, public


class Original:
    """What `zoo.pretrained.resolve.Stored` is for weights of the zoo: a model that is not built yet, in another library's files.

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

    def resized(self, input_shape):
        """The same for images of another shape."""
        return Original(self.layout, self.name, input_shape)

    def file(self):
        """There is none in the zoo's own format.

        Raises:
            ZooError: always.
        """
        raise ZooError(f"{self.name} lies in the files of another library; write it in the zoo's by: zoo convert SOURCE FOLDER.")

    def sha256(self):
        """Hash of all weights."""
        return layouts.digest(self.layout)

    def model(self):
        """The model with its weights.

        Raises:
            ZooError: when an array is missing, left over or mis-shaped.
        """
        # Here, not above: what only asks for the config needs no framework.
        from zoo.pretrained.converters.arrays import Arrays, assign
        from zoo.pretrained.loading import named_variables

        model = registry.build(self.config)
        variables = named_variables(model)
        canonical = getattr(self.family, "canonical", str)
        ignored = getattr(self.family, "ignored", lambda name: False)
        constants = getattr(self.family, "constants", lambda model: {})(model)
        assign(variables, Arrays(self.layout.files, canonical, ignored, self.layout.where), self.family.sources, constants)
        return model


def original(source, input_shape=None, subfolder="", name=None):
    """The `Original` in a folder, or in a repository `hf://user/repo[@revision]` and a folder there."""
    text = str(source)
    if text.startswith("hf://"):
        name = name or subfolder or text.rpartition("/")[2].partition("@")[0]
        return Original(layouts.remote(text, subfolder), name, input_shape)
    return Original(layouts.local(source), name or Path(source).resolve().name, input_shape)


def convert_model(source, input_shape=None):
    """The zoo's model, with its weights, of another library's.

    Args:
        source: a folder or an `hf://user/repo[@revision]` in the layout of transformers or diffusers, or a public name.
        input_shape: (height, width, channels) of the images; None is what its config says, or 256 x 256.

    Raises:
        ZooError: on a class or an option that the zoo does not read, and when arrays are missing, left over or mis-shaped.
    """
    if str(source) in public():
        entry = public()[str(source)]
        found = original(address(entry), input_shape or entry["input_shape"], entry["subfolder"], str(source))
    else:
        found = original(source, input_shape)
    return found.model()
