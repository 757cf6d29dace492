"""A model's weights in a model of another shape: what fits is kept, what does not begins anew, and is named."""

import numpy as np
from keras import ops

from zoo.models import registry
from zoo.pretrained.arrays import named_variables


def adapt(model, **changes):
    """A model of the same variant with other options, and the paths of the arrays that begin anew.

    The rule: an array is kept where the new model has one of the same path and shape; all others begin as they would in a fresh
    model. Convolutions know no image size and are kept, but for the first where the number of channels changes; dense layers
    that read or write whole images or maps of them are not.

    Args:
        model: an `Autoencoder`.
        **changes: of its configuration, such as `input_shape`, `dropout` or `drop_path`; without any, a copy.

    Returns:
        The new model, and a list of paths, such as "encoder/backbone/stages/0/kernel".

    Raises:
        ZooError: on an option that the variant does not have.
    """
    made = registry.build({**model.config, **changes})
    known = named_variables(model)
    anew = []
    for path, variable in named_variables(made).items():
        if path in known and tuple(known[path].shape) == tuple(variable.shape):
            variable.assign(np.asarray(ops.convert_to_numpy(known[path])))
        else:
            anew.append(path)
    return made, sorted(anew)
