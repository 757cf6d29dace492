"""Names to builders. The registry is the directory: `zoo/models/vae.py` is the variant `vae`; there is no list to keep.

Listing reads files and runs none, so that it needs no framework; `create` imports the one module that it builds from.
"""

import ast
import fnmatch
import functools
import importlib
import inspect
import numbers
import typing
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import ZooError, suggest

_MODELS = Path(__file__).parent


@functools.cache
def _variants():
    """Variant -> (backbones, first line of its docstring), read from the source; no backbones for what is made from a model."""
    found = {}
    for path in sorted(_MODELS.glob("[!_]*.py")):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        backbones = next((node.value for node in tree.body if "BACKBONES" in _assigned(node)), None)
        if backbones is None:
            raise ZooError(f"zoo/models/{path.name} names no BACKBONES, expected a tuple such as ('mlp', 'conv').")
        found[path.stem] = (_literal(backbones, path), (ast.get_docstring(tree) or "").partition("\n")[0])
    return found


def _assigned(node):
    """The names that a statement gives a value of their own; those in a pattern, `a, b = ...`, share theirs and are left out."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _literal(node, path):
    try:
        found = ast.literal_eval(node)
    except ValueError:
        found = None
    if not isinstance(found, (tuple, list)) or not all(isinstance(name, str) for name in found):
        raise ZooError(
            f"zoo/models/{path.name} has BACKBONES = {ast.unparse(node)}, expected a tuple of names written out, such as "
            "('mlp', 'conv')."
        )
    return tuple(found)


def variants():
    """Mapping of every variant to the first line of its description, which names the paper."""
    return {name: about for name, (backbones, about) in _variants().items() if backbones}


def list_models(pattern="*"):
    """Names `<variant>_<backbone>` of every model that `create` can build and `pattern` (shell wildcards) matches, sorted."""
    names = [f"{variant}_{backbone}" for variant, (backbones, _) in _variants().items() for backbone in backbones]
    return sorted(fnmatch.filter(names, pattern))


def _module(variant):
    if variant not in _variants():
        known = sorted(_variants())
        near = suggest(variant, known)
        raise ZooError(f"there is no variant {variant!r}.{near} The variants are {', '.join(known)}.")
    return importlib.import_module(f"zoo.models.{variant}")


def create(variant, backbone=None, **options):
    """Build a variant on a backbone, compiled with Adam and its own reconstruction loss, with fresh weights.

    Args:
        variant: a name such as `"vae"`, or a whole model name such as `"vae_mlp"`.
        backbone: `"mlp"`, `"conv"` or `"resnet"`; by default the variant's first.
        **options: `input_shape` (height, width, channels) or (features,), `latent_dim`, the variant's own options
            (see `zoo.models.<variant>.build`) and the backbone's (see `zoo.backbones`).

    Returns:
        An `Autoencoder`; `model.config` is the JSON-able mapping that `build` turns into the same model.

    Raises:
        ZooError: on an unknown variant, backbone or option, with the nearest names; on values that make no model.
    """
    if backbone is None and variant in list_models():
        variant, _, backbone = variant.rpartition("_")
    module = _module(variant)
    backbones = _variants()[variant][0]
    if not backbones and backbone is None:
        # Made from another model, whose backbone it has.
        return module.build(**_checked_options(module, variant, None, options))
    backbone = backbone or backbones[0]
    if backbone not in backbones:
        raise ZooError(
            f"{variant!r} has no backbone {backbone!r}.{suggest(backbone, backbones)} It comes on {', '.join(backbones)}."
        )
    options = _checked_options(module, variant, backbone, options)
    try:
        return module.build(backbone=backbone, **options)
    except ZooError:
        raise
    except ValueError as fault:
        if not _is_of_keras(fault):
            raise
        given = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "its defaults"
        said = f"{fault}".strip().splitlines() or [type(fault).__name__]
        raise ZooError(
            f"{variant}_{backbone} cannot be made with {given}: {said[0].rstrip('.')}. What each option takes is in "
            f"zoo.models.{variant}.build and zoo.backbones.{backbone}."
        ) from fault


def build(config):
    """The model that a `config` mapping (of `model.config` or a manifest entry) describes.

    Raises:
        ZooError: for a config that is not plain data, see `check_plain`, or that makes no model.
    """
    check_plain(config)
    if not isinstance(config.get("variant"), str):
        raise ZooError("got a config that names no variant.")
    return create(**config)


def check_plain(config):
    """`ZooError` where a config holds anything but numbers, strings and lists of these.

    Mappings are a loss's settings or another model's config; any other would be an object for Keras to make.
    """
    if not isinstance(config, Mapping):
        raise ZooError(f"got {config!r:.80} for a config, expected a mapping.")
    for key, value in config.items():
        if key == "model":
            check_plain(value)
        elif key == "loss" and isinstance(value, Mapping):
            check_plain({f"{key}.{setting}": v for setting, v in value.items()})
        elif not _is_plain(value):
            raise ZooError(f"got {key}={value!r:.80} in a config, expected a number, a string or a list of these.")


def _is_plain(value):
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (str, numbers.Real))


def _is_of_keras(fault):
    """Whether Keras refused a value that it was given: `build`'s own errors of that kind are faults of the zoo."""
    trace = fault.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "keras"


def _checked_options(module, variant, backbone, options):
    """`options` with Python's own numbers in place of NumPy's; `ZooError` on one that is unknown or of another kind."""
    from zoo import backbones
    from zoo.utils.numbers import plain

    taken = inspect.signature(module.build).parameters.values()
    called = f"{variant}_{backbone}" if backbone else variant
    own = [p.name for p in taken if p.kind is not p.VAR_KEYWORD and p.name != "backbone"]
    known = own + (backbones.options(backbone) if any(p.kind is p.VAR_KEYWORD for p in taken) else [])
    for name in options:
        if name not in known:
            near = suggest(name, known)
            raise ZooError(f"{called} has no option {name!r}.{near} Its options are {', '.join(known)}.")
    lacking = [p.name for p in taken if p.default is p.empty and p.kind is not p.VAR_KEYWORD and p.name not in options]
    if lacking:
        raise ZooError(f"{called} lacks its option {lacking[0]!r}.")
    options = {name: plain(value) for name, value in options.items()}
    usual = {**(backbones.parameters(backbone) if backbone else {}), **{p.name: p for p in taken}}
    for name, value in options.items():
        expected = _expected(usual[name], value)
        if expected:
            example = usual[name].default
            raise ZooError(
                f"{variant}_{backbone} cannot be made with {name}={value!r}: expected {expected}, such as {example!r}."
                f" What each option takes is in zoo.models.{variant}.build and zoo.backbones.{backbone}."
            )
    if "input_shape" in options:
        backbones.check_shape(backbone, options["input_shape"])
    return options


_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a name"}


def _expected(parameter, value):
    """What an option takes, in words, where `value` is nothing of that kind; None where it is.

    The kinds are those of the annotation, or else that of the default. Which values of a kind make a model is for the builder to
    say; None and objects, such as a loss, are left to it, too.
    """
    usual = parameter.default
    if value is None or usual is None or usual is parameter.empty:
        return None
    kinds = typing.get_args(parameter.annotation) or (type(usual),)
    flat = tuple(usual) if isinstance(usual, tuple) else (usual,)
    inner = {type(one) for one in flat if type(one) in _KINDS} | (set(kinds) & set(_KINDS))
    if isinstance(value, (tuple, list)):
        fits = tuple in kinds and (not inner or all(_is(one, inner) for one in value if not isinstance(one, (tuple, list))))
    else:
        fits = _is(value, set(kinds))
    words = [_KINDS[kind] for kind in kinds if kind in _KINDS]
    return None if fits else " or ".join([*words, "a tuple"] if tuple in kinds else words)


def _is(value, kinds):
    from zoo.utils.numbers import is_number, is_whole

    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, (int, float)):
        # 1e5 is a whole number of steps, too.
        return (float in kinds and is_number(value)) or (int in kinds and (is_whole(value) or value.is_integer()))
    return str in kinds
