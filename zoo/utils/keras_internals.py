"""The private attributes of Keras that the zoo relies on, all of them here; pyproject.toml bounds Keras's version for their sake.

Keras has no public way to the layers inside layers, nor to the variables that are a layer's own.
"""

from collections.abc import Mapping

import keras

# Attributes in which Keras, PyTorch and TensorFlow keep books of a layer's children: second ways to the same layers.
_BOOKS = ("_layers", "_modules", "_self_")


def flatten_layers(layer):
    """The layer and every layer inside it, in Keras's order."""
    return layer._flatten_layers()


def own_variables(layer):
    """The variables of a layer without those of the layers inside it: those made to be trained, and the others."""
    return list(layer._trainable_variables), list(layer._non_trainable_variables)


def has_compiled_metrics(model):
    """Whether `compile` was given metrics."""
    return model._compile_metrics is not None


def adam_slots(optimizer, variable):
    """What Adam keeps for a variable: the moving averages of its gradient and of the gradient's square."""
    place = optimizer._get_variable_index(variable)
    return optimizer._momentums[place], optimizer._velocities[place]


def walk(layer):
    """Pairs of attribute path, a tuple such as ("encoder", "backbone", "stages", "1"), and layer, `layer` itself first.

    Paths are a model's own attributes: the automatic names of Keras depend on what else was built in the process. Layers may be
    attributes, or lie in lists, tuples and mappings that are. A layer that several paths lead to comes once.
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
    # These two keep layers in the order of the graph, and many times over in attributes of their own.
    if isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and hasattr(layer, "operations")):
        yield from _layers_in(list(layer.layers), ("layers",))
        return
    # On PyTorch a layer is a Module, which keeps the layers that are its attributes in a mapping of their own.
    for name, value in sorted({**vars(layer), **getattr(layer, "_modules", {})}.items()):
        if not name.startswith(_BOOKS):
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
