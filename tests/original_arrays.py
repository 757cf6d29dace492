"""The arrays that the original of a model would have."""

import numpy as np


def arrays_of(model, family):
    """Mapping of the names in another library to arrays in its order of axes, of a model that a converter `family` reads."""
    from zoo.models.registry import innermost
    from zoo.pretrained.arrays import named_variables

    found = {name: np.array(value) for name, value in getattr(family, "constants", lambda model: {})(model).items()}
    patch = innermost(model.config).get("patch_size")
    for path, variable in named_variables(model).items():
        value, names = np.array(variable), family.sources(path, model.config)
        if path.endswith("kernel"):
            if path == "encoder/backbone/net/embed/kernel" and value.ndim == 2:
                value = value.reshape(patch, patch, 3, -1)
            if "conv_dw" in names:
                value = value.transpose(2, 3, 0, 1)
            else:
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
        if path.endswith("backbone/hidden") or path.endswith("net/first"):
            value = value.reshape(1, 1, -1)
        names = (names,) if isinstance(names, str) else names
        found.update(zip(names, np.split(value, len(names))))
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def filled(model):
    """The model with random weights."""
    from zoo.pretrained.arrays import named_variables

    rng = np.random.default_rng(0)
    for variable in named_variables(model).values():
        variable.assign(rng.normal(size=variable.shape, scale=0.3))
        if variable.name in ("mean", "variance", "deviation"):
            # Statistics, which the encoder and the decoder share.
            variable.assign(np.random.default_rng(len(variable.name)).uniform(0.5, 1.5, variable.shape))
    return model
