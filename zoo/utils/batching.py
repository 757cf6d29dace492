"""Application of a model to many inputs: in batches of one size, by a function that is compiled once."""

import contextvars
import dataclasses
import functools

import keras
import numpy as np

from zoo.utils.keras_internals import flatten_layers

_INFERRING = contextvars.ContextVar("inferring", default=False)


def apply_in_batches(model, function, x, batch_size):
    """Apply `function(batch)`, made of the layers of `model`, to an array (N, ...); returns a float32 NumPy array (N, ...).

    The last batch is padded, so that the function is compiled for one shape only.
    """
    return apply_to_batches(model, function, [x], batch_size)


def apply_to_batches(model, function, arrays, batch_size):
    """As `apply_in_batches`, for several arrays, one after the other."""
    run, out, size = _compiled_once(model, function), [], 0
    for x in arrays:
        # The last batch of a data set is padded to the size of the batches before it.
        size = min(batch_size, max(size, len(x)))
        for start in range(0, len(x), size):
            batch = x[start : start + size]
            count = len(batch)
            if count < size:
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            out.append(np.asarray(keras.ops.convert_to_numpy(run(batch)), dtype=np.float32)[:count])
    return np.concatenate(out)


def _compiled_once(model, function):
    """`function`, compiled by the backend and cached on the model."""
    # Functions are identified by their code, not their name, and by the objects that they refer to.
    plain = getattr(function, "__func__", function)
    used = [getattr(function, "__self__", None), *(cell.cell_contents for cell in plain.__closure__ or ())]
    return cached(model, plain.__code__, lambda: compiled(model, function), used)


@dataclasses.dataclass
class _Entry:
    """A cached value, and the objects that it was made from; it is valid only as long as these are the same.

    Quantization gives a layer other variables and another dtype policy, LoRA gives it other variables.
    """

    value: object
    used: list
    policies: list

    def is_valid(self, used, policies):
        same = len(self.used) == len(used) and all(a is b for a, b in zip(self.used, used))
        return same and self.policies == policies


def cached(model, key, make, used=()):
    """`make()`, cached on `model` under `key` until the variables or the dtype policies of the model change.

    Args:
        model: a Keras model, whose variables and policies `make` uses.
        key: hashable key.
        make: function without arguments.
        used: further objects that `make` uses; the value is made again if they are not the same.
    """
    cache = model.__dict__.setdefault("_zoo_compiled", {})
    used, policies = [*used, *model.variables], [layer.dtype_policy.name for layer in flatten_layers(model)]
    entry = cache.get(key)
    if entry is None or not entry.is_valid(used, policies):
        entry = cache[key] = _Entry(make(), used, policies)
    return entry.value


def forget_compiled(model):
    """Clear the cache of `model`; needed if its function changes without a change of variables or dtype policies."""
    model.__dict__.pop("_zoo_compiled", None)
    model.predict_function = None


def inferring():
    """Whether TensorFlow is tracing a function of `compiled`, in which operations without gradient or export may be used."""
    return _INFERRING.get()


def _infer(function, inputs):
    token = _INFERRING.set(True)
    try:
        return function(inputs)
    finally:
        _INFERRING.reset(token)


def compiled(model, function):
    """`function(inputs)`, made of the layers of `model`, compiled by the backend; it uses the current values of the variables."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # A new partial each time: TensorFlow counts traces per code object and would warn about retracing for several models.
        return tf.function(functools.partial(_infer, function), reduce_retracing=True, autograph=False)
    if backend == "jax":
        import jax

        # As arguments, because jit would include the values of the variables as constants.
        @jax.jit
        def run(values, batch):
            with keras.StatelessScope(state_mapping=zip(model.variables, values)):
                return function(batch)

        return lambda batch: run([v.value for v in model.variables], batch)
    import torch

    def run_torch(batch):
        with torch.no_grad():
            return function(keras.tree.map_structure(keras.ops.convert_to_tensor, batch))

    return run_torch
