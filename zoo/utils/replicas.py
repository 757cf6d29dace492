"""How many devices share a batch under a strategy of `tf.distribute`, which adds up the gradients that each gives."""

import keras


def replicas():
    """Their number; 1 elsewhere. JAX's devices need no such care: there, one program computes the loss of the whole batch.

    Keras divides a loss, and what layers charge, by it, and leaves to a model what that model sums up itself.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
