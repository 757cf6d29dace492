"""One way to run a model over many inputs: in batches, compiled once, without a retrace on the last one."""

import contextvars
import dataclasses
import functools

import keras
import numpy as np

from zoo.utils.keras_internals import flatten_layers

_INFERRING = contextvars.ContextVar("inferring", default=False)


def apply_in_batches(model, function, x, batch_size):
    """`function(batch)`, built from the layers of `model`, over an array (N, ...); returns a float32 numpy array (N, ...).

    The last batch is padded, so that the compiled function sees one shape only.
    """
    return apply_to_batches(model, function, [x], batch_size)


def apply_to_batches(model, function, arrays, batch_size):
    """As `apply_in_batches`, over the rows of several arrays, one after the other."""
    run, out, size = _kept(model, function), [], 0
    for x in arrays:
        # Of a data set's batches, too, the last is padded.
        size = min(batch_size, max(size, len(x)))
        for start in range(0, len(x), size):
            batch = x[start : start + size]
            count = len(batch)
            if count < size:
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            out.append(np.asarray(keras.ops.convert_to_numpy(run(batch)), dtype=np.float32)[:count])
    return np.concatenate(out)


def _kept(model, function):
    """`function`, compiled by the backend and kept on the model for the next call."""
    # Its code, and not its name, is what tells one function from another; the rest, one graph of it from another.
    plain = getattr(function, "__func__", function)
    used = [getattr(function, "__self__", None), *(cell.cell_contents for cell in plain.__closure__ or ())]
    return kept(model, plain.__code__, lambda: compiled(model, function), used)


@dataclasses.dataclass
class _Kept:
    """What was made of a model, and of what: it holds for the very same objects only.

    A layer that is quantized has other variables and another policy, one with LoRA other variables.
    """

    made: object
    used: list
    policies: list

    def holds(self, used, policies):
        same = len(self.used) == len(used) and all(a is b for a, b in zip(self.used, used))
        return same and self.policies == policies


def kept(model, key, make, used=()):
    """What `make()` gave when it was last asked for under this key, kept on the model as long as its layers compute the same.

    Args:
        model: whose variables and policies it is made of.
        key: what it is called.
        make: function that makes it.
        used: other objects that it is made of.
    """
    cache = model.__dict__.setdefault("_zoo_compiled", {})
    used, policies = [*used, *model.variables], [layer.dtype_policy.name for layer in flatten_layers(model)]
    found = cache.get(key)
    if found is None or not found.holds(used, policies):
        found = cache[key] = _Kept(make(), used, policies)
    return found.made


def forget_compiled(model):
    """Drop what was compiled for `model`: for when what it computes has changed, and neither its weights nor its policies."""
    model.__dict__.pop("_zoo_compiled", None)
    model.predict_function = None


def inferring():
    """Whether TensorFlow is tracing for `compiled`: nobody differentiates or exports that, so kernels will do that cannot be."""
    return _INFERRING.get()


def _infer(function, inputs):
    token = _INFERRING.set(True)
    try:
        return function(inputs)
    finally:
        _INFERRING.reset(token)


def compiled(model, function):
    """`function(inputs)`, built from the layers of `model`, compiled by the backend; later training shows in it."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # A partial for each, as TensorFlow counts traces by code object: models of one class would look like one that retraces.
        return tf.function(functools.partial(_infer, function), reduce_retracing=True, autograph=False)
    if backend == "jax":
        import jax

        # jit would bake the variables' values in as constants: they go in as an argument, so that training shows.
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
