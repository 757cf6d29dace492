"""Models of other libraries, in their own layout on disk: `config.json` beside `*.safetensors`. No PyTorch needed.

Every family is a module here that says how its config reads in the zoo and what its arrays are called; `convert_model` does
the rest, and `zoo.load` calls it for folders and addresses that hold such a layout.
"""

from zoo.pretrained.converters.original import Original, convert_model, original

__all__ = ["Original", "convert_model", "original"]
