"""Checks of the type of a user's model."""

from zoo.errors import ZooError


def check_autoencoder(model, name):
    """Raise a `ZooError` if `model`, called `name` by the user, has no decoder, as classifiers have none."""
    if not hasattr(model, "decoder"):
        raise ZooError(f"{name} has no decoder and returns no images; expected an autoencoder. Its encoder can be used.")
