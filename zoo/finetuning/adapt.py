"""Transfer of weights to a model of another shape: arrays that fit are copied, the others are initialized and listed."""

import numpy as np
from keras import ops

from zoo.models import registry
from zoo.pretrained.arrays import named_variables


def adapt(model, **changes):
    """A model of the same variant with other options, and the paths of the arrays that were initialized.

    An array is copied if the new model has one of the same path and shape; all others keep their initial values. Convolutions do
    not depend on the image size and are copied, except the first one if the number of channels changes; dense layers that read
    or write whole images or feature maps are initialized.

    Args:
        model: an `Autoencoder` or a `FeatureModel`.
        **changes: changed options of its configuration, such as `input_shape`, `dropout` or `drop_path`.

    Returns:
        The new model, and a list of paths, such as "encoder/backbone/stages/0/kernel".

    Raises:
        ZooError: if the variant does not have an option.
    """
    made = registry.build(registry.changed(model.config, **changes))
    known = named_variables(model)
    initialized = []
    for path, variable in named_variables(made).items():
        if path in known and tuple(known[path].shape) == tuple(variable.shape):
            variable.assign(np.asarray(ops.convert_to_numpy(known[path])))
        else:
            initialized.append(path)
    return made, sorted(initialized)
