"""The weights of a classifier by depth, and which of them its logits depend on."""

import keras
import numpy as np


def groups(model):
    """The weights of a `Classifier`, from the image to the head: lists of variables, one a named depth, the last the head's.

    What has no depth of its own, such as a code's layers, belongs to the last before the head; what no image passes on its way
    to the head is in none.
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

    Told by the gradient of TensorFlow, the backend that distinguishes none from zero and warns of it; on others none is found.
    """
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    variables = list(model.trainable_variables)
    before = [np.array(v) for v in model.non_trainable_variables]
    with tf.GradientTape() as tape:
        # In training, for only then do gradients pass a quantized code.
        logits = model(np.zeros((2, *model.data_shape), np.uint8), training=True)
    gradients = tape.gradient(logits, [v.value for v in variables])
    for variable, value in zip(model.non_trainable_variables, before):
        variable.assign(value)
    return [v for v, gradient in zip(variables, gradients) if gradient is None]
