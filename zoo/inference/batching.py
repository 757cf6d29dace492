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


@dataclasses.dataclass
class _Kept:
    """A compiled function, and what its graph was made of: it holds for the very same objects only.

    A layer that is quantized has other variables and another policy, one with LoRA other variables.
    """

    run: object
    owner: object
    cells: list
    variables: list
    policies: list

    def holds(self, owner, cells, variables, policies):
        same = _same(self.cells, cells) and _same(self.variables, variables)
        return self.owner is owner and same and self.policies == policies


def _same(first, second):
    return len(first) == len(second) and all(a is b for a, b in zip(first, second))


def _kept(model, function):
    """`function`, compiled by the backend and kept on the model for the next call."""
    cache = model.__dict__.setdefault("_zoo_compiled", {})
    # Its code, and not its name, is what tells one function from another; the rest, one graph of it from another.
    plain = getattr(function, "__func__", function)
    parts = {
        "owner": getattr(function, "__self__", None),
        "cells": [cell.cell_contents for cell in plain.__closure__ or ()],
        "variables": list(model.variables),
        "policies": [layer.dtype_policy.name for layer in flatten_layers(model)],
    }
    kept = cache.get(plain.__code__)
    if kept is None or not kept.holds(**parts):
        kept = cache[plain.__code__] = _Kept(compiled(model, function), **parts)
    return kept.run


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
