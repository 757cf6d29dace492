"""One way to run a model over many inputs: in batches, compiled once, without a retrace on the last one."""

import contextvars
import functools

import keras
import numpy as np

_INFERRING = contextvars.ContextVar("inferring", default=False)


def apply_in_batches(model, function, x, batch_size):
    """`function(batch)`, built from the layers of `model`, over an array (N, ...); returns a float32 numpy array (N, ...).

    The last batch is padded, so that the compiled function sees one shape only.
    """
    batch_size = min(batch_size, len(x))
    run = _kept(model, function)
    out = []
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        count = len(batch)
        if count < batch_size:
            batch = np.concatenate([batch, np.repeat(batch[-1:], batch_size - count, axis=0)])
        out.append(np.asarray(keras.ops.convert_to_numpy(run(batch)), dtype=np.float32)[:count])
    return np.concatenate(out)


def _kept(model, function):
    """`function`, compiled by the backend and kept on the model for the next call."""
    return kept(model, function.__name__, lambda: compiled(model, function))


def kept(model, key, make):
    """What `make()` gave when it was first asked for under this key, kept on the model until `forget_compiled`."""
    cache = model.__dict__.setdefault("_zoo_compiled", {})
    if key not in cache:
        cache[key] = make()
    return cache[key]


def forget_compiled(model):
    """Drop what was compiled for `model`: for when its graph, not only its weights, has changed."""
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
