"""Precision of models: float32, or bfloat16 with float32 weights."""

import contextlib

PRECISIONS = ("float32", "mixed_bfloat16")


@contextlib.contextmanager
def computing_in(precision):
    """Models created in the block compute in one of `PRECISIONS`; the policy of Keras is restored afterwards."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
