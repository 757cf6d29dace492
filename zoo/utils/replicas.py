"""The number of devices that share a batch under a strategy of `tf.distribute`, which sums their gradients."""

import keras


def replicas():
    """Number of replicas; 1 without a strategy, and on JAX, where one program computes the loss of the whole batch.

    Keras divides its own losses and those that layers add by this number; a model must do so for losses that it sums itself.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
