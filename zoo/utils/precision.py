"""What models compute in: single precision, or bfloat16 with single-precision weights."""

import contextlib

PRECISIONS = ("float32", "mixed_bfloat16")


@contextlib.contextmanager
def computing_in(precision):
    """Models made inside compute in one of `PRECISIONS`; Keras's own policy is what it was, after."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
