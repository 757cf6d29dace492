"""Which family reads a config of another library."""

import importlib
from pathlib import Path

from zoo.errors import ZooError

_NOT_FAMILIES = ("__init__", "families", "convert", "arrays")


def families():
    """Mapping of every class of another library that the zoo reads to the name of the module here that does.

    A family is a module with:

        CLASSES                     names of the classes, as their configs state them
        config(theirs, input_shape) the zoo's config, for `zoo.models.registry.build`
        sources(path)               name of the array of the variable at an attribute path, or several names whose arrays are
                                    concatenated along their first axis
        canonical(name)             optional: the present name of an array that older files call otherwise
        constants(model)            optional: mapping of names to arrays that the files hold and the model computes; they are
                                    compared
        ignored(name)               optional: whether an array is none of the model's
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
    """The module that reads such a config.

    Raises:
        ZooError: when there is none.
    """
    known, named = families(), kind(theirs)
    if named not in known:
        raise ZooError(f"{where} holds a {named or 'model of no stated class'}, expected one of {', '.join(sorted(known))}.")
    return importlib.import_module(f"zoo.pretrained.converters.{known[named]}")
