"""The weights of a classifier by depth."""


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
