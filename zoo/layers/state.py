"""Non-trainable state of layers, such as step counts and moving averages, and schedules that use it."""

from keras import ops


def add_state(layer, name, shape=(), initializer="zeros"):
    """A non-trainable weight of `layer`, float32 under any dtype policy; saved and restored with the other weights.

    Created without autocast: if cast to bfloat16 when read, a count would stop at 256, and a moving average even earlier.
    """
    return layer.add_weight(name=name, shape=shape, initializer=initializer, trainable=False, dtype="float32", autocast=False)


def warmup(layer, training):
    """The weight of a term at this step: it rises linearly from 0 to 1 over `layer.warmup_steps`, counted in `layer.step`.

    In validation, and for a layer without warm-up, the weight is 1, so that the loss is the bound itself.
    """
    if not (layer.warmup_steps and training):
        return 1.0
    layer.step.assign_add(1.0)
    return ops.minimum(ops.convert_to_tensor(layer.step) / layer.warmup_steps, 1.0)
