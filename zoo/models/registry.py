"""The registry of models by name. It is the folder itself: `zoo/models/vae.py` is the variant `vae`; there is no list.

Listing parses the files without running them, so that it needs no framework; `create` imports only the module it builds from.
"""

import ast
import contextlib
import fnmatch
import functools
import importlib
import inspect
import numbers
import typing
from collections.abc import Mapping
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.modalities.modality import get, modality_of

_MODELS = Path(__file__).parent


@functools.cache
def _variants():
    """Variant -> (backbones, first line of its docstring), read from the source; no backbones if it is built from a model."""
    found = {}
    for path in sorted(_MODELS.glob("[!_]*.py")):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        backbones = next((node.value for node in tree.body if "BACKBONES" in _assigned(node)), None)
        if backbones is None:
            raise ZooError(f"zoo/models/{path.name} does not define BACKBONES, expected a tuple such as ('mlp', 'conv').")
        found[path.stem] = (_literal(backbones, path), (ast.get_docstring(tree) or "").partition("\n")[0])
    return found


def _assigned(node):
    """The names that a statement assigns, without those in patterns such as `a, b = ...`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _literal(node, path):
    try:
        found = ast.literal_eval(node)
    except ValueError:
        found = None
    if not isinstance(found, (tuple, list)) or not all(isinstance(name, str) for name in found):
        raise ZooError(
            f"zoo/models/{path.name} has BACKBONES = {ast.unparse(node)}, expected a tuple of literal names, such as "
            "('mlp', 'conv')."
        )
    return tuple(found)


def variants():
    """Mapping of each variant to the first line of its description, which names the paper."""
    return {name: about for name, (backbones, about) in _variants().items() if backbones}


@functools.cache
def defaults(variant):
    """Mapping of the options of a variant's `build` to their defaults, as they are in a config; read from the source, without
    those that are expressions."""
    tree = ast.parse((_MODELS / f"{variant}.py").read_text(encoding="utf-8"))
    build = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "build")
    named = build.args.args[len(build.args.args) - len(build.args.defaults) :]
    found = {}
    for option, value in zip(named, build.args.defaults):
        with contextlib.suppress(ValueError):
            value = ast.literal_eval(value)
            found[option.arg] = list(value) if isinstance(value, tuple) else value
    return found


def list_models(pattern="*"):
    """Names `<variant>_<backbone>`, sorted, of all models that `create` can build and that match `pattern` (shell wildcards)."""
    names = [f"{variant}_{backbone}" for variant, (backbones, _) in _variants().items() for backbone in backbones]
    return sorted(fnmatch.filter(names, pattern))


def _module(variant):
    if variant not in _variants():
        known = sorted(_variants())
        near = suggest(variant, known)
        raise ZooError(f"there is no variant {variant!r}.{near} The variants are {', '.join(known)}.")
    return importlib.import_module(f"zoo.models.{variant}")


def create(variant, backbone=None, modality=None, **options):
    """Build a variant on a backbone, with initial weights, compiled with Adam and its reconstruction loss.

    Args:
        variant: a name such as `"vae"`, or a whole model name such as `"vae_mlp"`.
        backbone: `"mlp"`, `"conv"` or `"resnet"`; by default the variant's first.
        modality: what the raw data is, if not images or vectors: a fitted `Modality`, such as `zoo.modalities.table.table.fit`
            gives, which also decides `input_shape`; or its `spec`, without fitted arrays.
        **options: `input_shape` (height, width, channels) or (features,), `latent_dim`, the variant's own options
            (see `zoo.models.<variant>.build`) and the backbone's (see `zoo.backbones`).

    Returns:
        An `Autoencoder`; `model.config` is the JSON-serializable mapping from which `build` rebuilds the model.

    Raises:
        ZooError: if the variant, the backbone or an option is unknown (the message names the nearest ones), or if the values of
            the options are not valid.
    """
    if backbone is None and variant in list_models():
        variant, _, backbone = variant.rpartition("_")
    if modality is None:
        return _create(variant, backbone, options)
    modality = get(modality)
    decided = modality.options(options)
    if "loss" not in options and "loss" not in inspect.signature(_module(variant).build).parameters:
        decided.pop("loss", None)  # of a variant whose objective is no option
    model = _create(variant, backbone, decided)
    modality.connect(model)
    from zoo.utils.keras_internals import record_input_shape

    for part in (model, model.encoder):
        # They were built with the inputs of the networks, but take raw data.
        record_input_shape(part, model.encoder.data_shape)
    return model


def _create(variant, backbone, options):
    module = _module(variant)
    backbones = _variants()[variant][0]
    if not backbones and backbone is None:
        # Built from another model, whose backbone it uses.
        return module.build(**_checked_options(module, variant, None, options))
    backbone = backbone or backbones[0]
    if backbone not in backbones:
        raise ZooError(
            f"{variant!r} does not support the backbone {backbone!r}.{suggest(backbone, backbones)} Supported backbones: "
            f"{', '.join(backbones)}."
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
            f"{variant}_{backbone} cannot be built with {given}: {said[0].rstrip('.')}. The options are documented in "
            f"zoo.models.{variant}.build and zoo.backbones.{backbone}."
        ) from fault


def build(config):
    """The model that a `config` mapping (of `model.config` or a manifest entry) describes.

    Raises:
        ZooError: if the config is not plain data, see `check_plain`, or does not describe a valid model.
    """
    check_plain(config)
    if not isinstance(config.get("variant"), str):
        raise ZooError("got a config without a variant.")
    return create(**config)


def innermost(config):
    """The config of the autoencoder in the config of a model, which may be built from another model, as a classifier is."""
    return innermost(config["model"]) if "model" in config else config


def changed(config, **options):
    """A config with other options of its autoencoder, see `innermost`."""
    return {**config, "model": changed(config["model"], **options)} if "model" in config else {**config, **options}


def data_shape(config):
    """Shape of one example of the raw data of the model that a config describes, without the batch axis."""
    config = innermost(config)
    return modality_of(config).data_shape(config["input_shape"])


def check_plain(config):
    """Raise ZooError unless a config contains only numbers, strings and lists of these.

    Mappings are the settings of a loss or a modality, or another model's config; any other mapping could make Keras create an
    object.
    """
    if not isinstance(config, Mapping):
        raise ZooError(f"got the config {config!r:.80}, expected a mapping.")
    for key, value in config.items():
        if key == "model":
            check_plain(value)
        elif key.partition(".")[0] in ("loss", "modality") and isinstance(value, Mapping):
            check_plain({f"{key}.{setting}": v for setting, v in value.items()})
        elif not _is_plain(value):
            raise ZooError(f"got {key}={value!r:.80} in a config, expected a number, a string or a list of these.")


def _is_plain(value):
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (str, numbers.Real))


def _is_of_keras(fault):
    """Whether the error was raised by Keras because of a value; such errors raised by `build` itself are bugs of the zoo."""
    trace = fault.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "keras"


def _checked_options(module, variant, backbone, options):
    """`options` with Python numbers instead of NumPy's. Raises ZooError if one is unknown or of a wrong type."""
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
        raise ZooError(f"{called} requires the option {lacking[0]!r}.")
    options = {name: plain(value) for name, value in options.items()}
    usual = {**(backbones.parameters(backbone) if backbone else {}), **{p.name: p for p in taken}}
    for name, value in options.items():
        expected = _expected(usual[name], value)
        if expected:
            default = usual[name].default
            # An empty or a long tuple explains nothing.
            example = f", such as {default!r}" if default and len(repr(default)) < 40 else ""
            documented = f"zoo.models.{variant}.build" + (f" and zoo.backbones.{backbone}" if backbone else "")
            raise ZooError(
                f"{called} cannot be built with {name}={value!r}: expected {expected}{example}."
                f" The options are documented in {documented}."
            )
    if "input_shape" in options:
        backbones.check_shape(backbone, options["input_shape"])
    return options


_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a name"}


def _expected(parameter, value):
    """Description of the type that an option accepts if `value` is not of this type, otherwise None.

    The types are those of the annotation, or else that of the default. The builder checks which values are valid; it also checks
    None and objects, such as a loss.
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
        # 1e5 is also accepted as a whole number of steps.
        return (float in kinds and is_number(value)) or (int in kinds and (is_whole(value) or value.is_integer()))
    return str in kinds
