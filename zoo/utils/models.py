"""Checks of what kind of model a user hands in."""

from zoo.errors import ZooError


def check_autoencoder(model, name):
    """Raise a `ZooError` if `model`, which the user calls `name`, has no decoder, as classifiers have none."""
    if not hasattr(model, "decoder"):
        raise ZooError(f"{name} has no decoder and returns no images; expected an autoencoder. Its encoder can be used.")
