"""The weights of a classifier by depth, and those without effect on its logits."""

import keras
import numpy as np


def groups(model):
    """The weights of a `Classifier`, from the input to the head: one list of variables per named depth, the last for the head.

    Layers without a depth, such as those of the code, belong to the last list before the head; layers that the logits do not use
    are in no list.
    """
    encoder = model.encoder
    whole = getattr(encoder, "encoder", encoder)
    layer = getattr(encoder, "layer", None) or whole.features or "code"
    found = []
    for name, parts in whole.backbone.depths().items():
        found.append([v for part in parts for v in part.trainable_variables])
        if name == layer:
            break
    else:
        known = {id(v) for group in found for v in group}
        found.append([v for v in whole.trainable_variables if id(v) not in known])
    return [group for group in found if group] + [list(model.head.trainable_variables)]


def without_effect(model):
    """The trainable variables of a `Classifier` on which its logits do not depend, such as the head of a variance.

    Found from gradients by TensorFlow, the only backend that distinguishes a missing gradient from zero and warns of it; with
    other backends, the list is empty.
    """
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    variables = list(model.trainable_variables)
    before = [np.array(v) for v in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        # In training mode, because gradients pass through a quantized code only then.
        logits = model(np.zeros((2, *model.data_shape), np.uint8), training=True)
    gradients = tape.gradient(logits, [v.value for v in variables])
    for variable, value in zip(model.non_trainable_variables, before):
        variable.assign(value)
    return [v for v, gradient in zip(variables, gradients) if gradient is None]
