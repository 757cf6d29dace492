"""What a layer remembers besides its weights: counts of steps, moving averages, and the schedules that count."""

from keras import ops


def add_state(layer, name, shape=(), initializer="zeros"):
    """A weight of `layer` that no gradient changes, float32 whatever the policy; saved and resumed with the others.

    Without autocast: cast to bfloat16 on reading, a count would stand still at 256, and a moving average long before.
    """
    return layer.add_weight(name=name, shape=shape, initializer=initializer, trainable=False, dtype="float32", autocast=False)


def warmup(layer, training):
    """The weight of a price at this step: it rises linearly from 0 to 1 over `layer.warmup_steps`, counted in `layer.step`.

    Validation, and a layer without a warm-up, prices in full: the loss is then the bound itself.
    """
    if not (layer.warmup_steps and training):
        return 1.0
    layer.step.assign_add(1.0)
    return ops.minimum(ops.convert_to_tensor(layer.step) / layer.warmup_steps, 1.0)
