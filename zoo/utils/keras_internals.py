"""All private attributes of Keras that the zoo uses, because of which pyproject.toml limits the version of Keras.

Keras has no public interface for the layers inside layers, nor for a layer's own variables.
"""

import contextlib
from collections.abc import Mapping

import keras

# Attributes in which Keras, PyTorch and TensorFlow list a layer's children a second time.
_DUPLICATES = ("_layers", "_modules", "_self_")


def flatten_layers(layer):
    """The layer and all layers inside it, in Keras's order."""
    return layer._flatten_layers()


def own_variables(layer):
    """The variables of a layer without those of the layers inside it: (created as trainable, others)."""
    return list(layer._trainable_variables), list(layer._non_trainable_variables)


@contextlib.contextmanager
def unlocked(*layers):
    """Let layers that are built already get further sublayers as attributes."""
    for layer in layers:
        layer._tracker.unlock()
    try:
        yield
    finally:
        for layer in layers:
            layer._tracker.lock()


def record_input_shape(model, shape):
    """Make exports of a subclassed model take inputs (N, *shape), also if it was built with inputs of another shape."""
    with unlocked(model):
        model._build_shapes_dict = {"input_shape": (None, *shape)}


def has_compiled_metrics(model):
    """Whether `compile` was given metrics."""
    return model._compile_metrics is not None


def variable_index(optimizer, variable):
    """The place of a variable among those that the optimizer was built for."""
    return optimizer._get_variable_index(variable)


def adam_slots(optimizer, variable):
    """Adam's moving averages for a variable: of its gradient, and of the squared gradient."""
    index = variable_index(optimizer, variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def walk(layer):
    """Pairs of attribute path, a tuple such as ("encoder", "backbone", "stages", "1"), and layer, `layer` itself first.

    Paths consist of a model's own attributes, because Keras's automatic names depend on what else was built in the process.
    Layers may be attributes, or be in lists, tuples and mappings that are attributes. A layer with several paths is given once.
    """
    seen = set()

    def visit(layer, path):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        yield path, layer
        for key, child in _children(layer):
            yield from visit(child, (*path, *key))

    return visit(layer, ())


def _children(layer):
    # These two list their layers in the order of the graph, and have further private attributes with the same layers.
    if isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and hasattr(layer, "operations")):
        yield from _layers_in(list(layer.layers), ("layers",))
        return
    # On PyTorch a layer is a Module, which stores layers that are attributes in a separate mapping.
    for name, value in sorted({**vars(layer), **getattr(layer, "_modules", {})}.items()):
        if not name.startswith(_DUPLICATES):
            yield from _layers_in(value, (name.lstrip("_"),))


def _layers_in(value, path):
    if isinstance(value, keras.layers.Layer):
        yield path, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _layers_in(item, (*path, str(i)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _layers_in(item, (*path, str(key)))
