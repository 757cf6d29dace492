"""Families of models of other libraries, and the choice of one by a config."""

import importlib
from pathlib import Path

from zoo.errors import ZooError

_NOT_FAMILIES = ("__init__", "families", "arrays")


def families():
    """Mapping of the supported classes of other libraries to the name of the module in this package that converts them.

    A family is a module with:

        CLASSES                     names of the classes in their configs
        config(theirs, input_shape) the zoo's config, for `zoo.models.registry.build`
        sources(path)               name of the array of the variable at an attribute path, or several names whose arrays are
                                    concatenated along their first axis
        canonical(name)             optional: the current name of an array that has another name in older files
        constants(model)            optional: mapping of names to arrays that are in the files but that the model computes; they
                                    are compared
        ignored(name)               optional: whether an array is not used by the model
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in _NOT_FAMILIES:
            module = importlib.import_module(f"zoo.pretrained.converters.{path.stem}")
            found.update({name: path.stem for name in module.CLASSES})
    return found


def kind(theirs):
    """The class that a `config.json` of another library states, or None."""
    if not isinstance(theirs, dict):
        return None
    named = theirs.get("_class_name") or next(iter(theirs.get("architectures") or []), None)
    return named if isinstance(named, str) else None


def family(theirs, where):
    """The module that converts models with the config `theirs`.

    Raises:
        ZooError: if their class is not supported; `where` names the model in the message.
    """
    known, named = families(), kind(theirs)
    if named not in known:
        raise ZooError(f"{where} contains a {named or 'model without a class name'}, expected {' or '.join(sorted(known))}.")
    return importlib.import_module(f"zoo.pretrained.converters.{known[named]}")
