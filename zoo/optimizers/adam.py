"""Adam and AdamW that update each weight in a single pass."""

import keras
from keras import ops

from zoo.utils.keras_internals import adam_slots


class _SinglePass:
    """On TensorFlow, a weight is updated by one kernel; on other backends, and if the kernel does not support it, by Keras.

    Keras's own update consists of a dozen operations, each of which reads and writes an array of the weight's size: on a CPU,
    for an MLP, a quarter of the time of a training step. The formula is the same.
    """

    def update_step(self, gradient, variable, learning_rate):
        if not _has_kernel(self, gradient, variable):
            return super().update_step(gradient, variable, learning_rate)
        import tensorflow as tf

        momentum, velocity = adam_slots(self, variable)
        step = ops.cast(self.iterations + 1, "float32")
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(momentum),
            v=_handle(velocity),
            beta1_power=ops.power(self.beta_1, step),
            beta2_power=ops.power(self.beta_2, step),
            lr=ops.cast(learning_rate, "float32"),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


@keras.saving.register_keras_serializable(package="zoo")
class Adam(_SinglePass, keras.optimizers.Adam):
    """`keras.optimizers.Adam` (Kingma & Ba 2015, arXiv:1412.6980), its arguments and its results to rounding."""


@keras.saving.register_keras_serializable(package="zoo")
class AdamW(_SinglePass, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` (Loshchilov & Hutter 2019, arXiv:1711.05101), its arguments and its results to rounding."""


def _has_kernel(optimizer, gradient, variable):
    if keras.backend.backend() != "tensorflow" or optimizer.amsgrad:
        return False
    import tensorflow as tf

    # Sparse gradients (of embeddings) are not supported by the kernel, distributed variables have no single handle, and in half
    # precision the powers of β would be rounded to 1.
    dense = isinstance(gradient, tf.Tensor)
    return dense and variable.dtype == tf.float32 and gradient.dtype == tf.float32 and not tf.distribute.has_strategy()


def _handle(variable):
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
