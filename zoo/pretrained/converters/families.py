"""Families of models of other libraries, and the choice of one by a config."""

import importlib
from pathlib import Path

from zoo.errors import ZooError

_NOT_FAMILIES = ("__init__", "families", "arrays", "shapes")


def modules():
    """All families, modules of this package.

    A family is a module with:

        CLASSES                     names of the classes in their configs
        config(theirs, input_shape) the zoo's config, for `zoo.models.registry.build`
        sources(path, config)       name of the array of the variable at an attribute path of the model with the zoo's config,
                                    or several names whose arrays are concatenated along their first axis
        canonical(name)             optional: the current name of an array that has another name in older files
        constants(model)            optional: mapping of names to arrays that are in the files but that the model computes; they
                                    are compared
        ignored(name)               optional: whether an array is not used by the model
        REPEATED                    optional: names of arrays that several variables are set from
        LAYOUT                      optional: description of the files of the family that have no config, for errors
        described(shapes)           optional, with `LAYOUT`: the config of files without one, from a mapping of the names of
                                    their arrays to shapes; None if the files are not of this family
    """
    paths = sorted(Path(__file__).parent.glob("*.py"))
    return [importlib.import_module(f"zoo.pretrained.converters.{path.stem}") for path in paths if path.stem not in _NOT_FAMILIES]


def families():
    """Mapping of every class of another library that the zoo reads to its family."""
    return {name: module for module in modules() for name in module.CLASSES}


def kind(theirs):
    """The class that a `config.json` of another library states, or None."""
    if not isinstance(theirs, dict):
        return None
    # In configs of diffusers, of transformers, and of timm.
    named = theirs.get("_class_name") or next(iter(theirs.get("architectures") or []), None) or theirs.get("architecture")
    return named if isinstance(named, str) else None


def family(theirs, where):
    """The module that converts models with the config `theirs`.

    Raises:
        ZooError: if their class is not supported; `where` names the model in the message.
    """
    known, named = families(), kind(theirs)
    if named not in known:
        raise ZooError(f"{where} contains a {named or 'model without a class name'}, expected one of {', '.join(sorted(known))}.")
    return known[named]


def recognized(shapes, where):
    """The family of files without a config, and the config, from a mapping of the names of their arrays to shapes.

    Raises:
        ZooError: if no family has such arrays.
    """
    layouts = [module for module in modules() if hasattr(module, "described")]
    for module in layouts:
        theirs = module.described(shapes)
        if theirs is not None:
            return module, theirs
    some = ", ".join(list(shapes)[:3])
    raise ZooError(
        f"{where} has no config.json, and its {len(shapes):,} arrays ({some}, ...) are of no known layout; known are "
        f"{', '.join(module.LAYOUT for module in layouts)}."
    )
