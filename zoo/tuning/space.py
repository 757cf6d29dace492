"""Axes of a search: the settings of a recipe to vary, parsed from text or derived from the recipe."""

import dataclasses
import importlib
import inspect
import math
from dataclasses import dataclass

from zoo.errors import ZooError, suggest

_RECIPE_FIELDS = ("learning_rate", "batch_size", "weight_decay", "warmup_epochs", "epochs", "optimizer", "schedule")
# Names of the options that weight a variant's penalty.
_PENALTIES = ("beta", "weight", "lambda_", "gamma", "lambda_od", "commitment")
# Options of backbones that set their depth: lists of widths, or numbers.
_WIDTHS, _COUNTS = ("hidden", "filters"), ("blocks", "depth")
# Further options with one value per stage.
_BY_STAGE = ("blocks", "kinds", "scales")
DEPTH = "network_depth"
STRATEGIES = ("grid", "random", "bayesian")


@dataclass(frozen=True)
class Axis:
    """A setting and its range: one of `choices`, or a number from `low` to `high`, on a logarithmic scale if `log`."""

    name: str
    choices: tuple = ()
    low: float | None = None
    high: float | None = None
    log: bool = False


def parse(text):
    """The `Axis` of "latent_dim=8,16,32", "batch_norm=true,false" or "learning_rate=1e-4:1e-2".

    A range over a factor of at least ten is logarithmic.

    Raises:
        ZooError: if the text has another form, or its values differ in type or repeat.
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name or not values.strip():
        raise ZooError(f"got {text!r}, expected NAME=VALUE,VALUE,... or NAME=LEAST:MOST.")
    if ":" in values:
        ends = [_number(value) for value in values.split(":")]
        if len(ends) != 2 or not all(is_number(end) and math.isfinite(end) for end in ends) or ends[0] >= ends[1]:
            raise ZooError(f"got {text!r}, expected two numbers in increasing order: NAME=LEAST:MOST.")
        return Axis(name, low=ends[0], high=ends[1], log=ends[0] > 0 and ends[1] >= 10 * ends[0])
    choices = tuple(_number(value) for value in values.split(","))
    if all(is_number(choice) for choice in choices) and any(isinstance(choice, float) for choice in choices):
        choices = tuple(float(choice) for choice in choices)  # "0,0.5,1" are all floats
    if len({is_number(choice) for choice in choices}) > 1 or len({isinstance(choice, bool) for choice in choices}) > 1:
        raise ZooError(f"got {text!r}, expected values of one type: numbers, texts, or true and false.")
    if len(set(choices)) < len(choices):
        raise ZooError(f"got {text!r}, expected each value once.")
    return Axis(name, choices)


def is_number(value):
    """Whether a value is a number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text):
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def default_axes(recipe):
    """The default axes: learning rate, size of the code, depth of the networks, and weight of the penalty."""
    model, rate = recipe.model, recipe.learning_rate
    axes = [Axis("learning_rate", low=rate / 10, high=rate * 10, log=True)]
    if isinstance(model.get("latent_dim"), int):
        factors = (0.25, 0.5, 1, 2, 4)
        axes.append(Axis("latent_dim", tuple(sorted({max(1, round(model["latent_dim"] * f)) for f in factors}))))
    depth = _depth(model)
    if depth:
        axes.append(Axis(DEPTH, tuple(range(max(1, depth - 1), depth + 2))))
    weight = _penalty(model)
    if weight:
        name, value = weight
        axes.append(Axis(name, low=value / 10, high=value * 10, log=True))
    return axes


def _build_of(model):
    return inspect.signature(importlib.import_module(f"zoo.models.{model['variant']}").build).parameters


def _penalty(model):
    parameters = _build_of(model)
    for name in _PENALTIES:
        if name in parameters:
            value = model.get(name, parameters[name].default)
            if isinstance(value, (int, float)) and value > 0:
                return name, float(value)
    return None


def _depth_option(model):
    """The option that sets the depth of the backbone, a number of layers or a list of widths; None if the recipe sets none.

    None as well if other options have one value per stage: there is no obvious way to extend them.
    """
    own = {name: value for name, value in model.items() if name not in _build_of(model)}
    counted = next((name for name in _COUNTS if isinstance(own.get(name), int)), None)
    if counted or any(_is_list(own.get(name)) for name in _BY_STAGE):
        return counted
    return next((name for name in _WIDTHS if own.get(name) and _is_list(own[name])), None)


def _is_list(value):
    return isinstance(value, (list, tuple))


def _depth(model):
    option = _depth_option(model)
    return model[option] if option in _COUNTS else len(model[option]) if option else None


def changed(recipe, values):
    """`recipe` with the values {name: value} of one trial.

    Raises:
        ZooError: if the recipe does not set a depth and one is given.
    """
    fields = {name: value for name, value in values.items() if name in _RECIPE_FIELDS}
    model = {**recipe.model, **{name: value for name, value in values.items() if name not in (*fields, DEPTH)}}
    if DEPTH in values:
        model |= _deeper(recipe.model, values[DEPTH])
    return dataclasses.replace(recipe, model=model, **fields)


def _deeper(model, depth):
    option = _depth_option(model)
    if option is None:
        raise ZooError(f"got {DEPTH}={depth}, but the recipe sets no depth: none of {', '.join((*_COUNTS, *_WIDTHS))} alone.")
    if option in _COUNTS:
        return {option: depth}
    widths = list(model[option])
    # A stage more has twice the maps of the last; a hidden layer more is as wide.
    while len(widths) < depth:
        widths.append(widths[-1] * (2 if option == "filters" else 1))
    short = {option: tuple(widths[:depth])}
    if model.get("strides"):
        short["strides"] = tuple((list(model["strides"]) + [2] * depth)[:depth])
    return short


def check(recipe, axes):
    """Raises ZooError if an axis is not a setting of the recipe, before the first trial is trained."""
    from zoo import backbones

    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise ZooError(f"got {', '.join(names)} to vary, expected each setting once.")
    backbone = recipe.model.get("backbone") or _build_of(recipe.model)["backbone"].default
    own = [name for name in _build_of(recipe.model) if name not in ("backbone", "input_shape", "backbone_options")]
    known = [*_RECIPE_FIELDS, DEPTH, *own, *backbones.options(backbone)]
    for name in names:
        if name not in known:
            raise ZooError(
                f"the recipe {recipe.name} has no setting {name!r}.{suggest(name, known)} There are {', '.join(known)}."
            )
    if DEPTH in names:
        _deeper(recipe.model, 1)
