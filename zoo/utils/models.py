"""Checks of the type of a user's model."""

from zoo.errors import ZooError


def check_autoencoder(model, name):
    """Raise a `ZooError` if `model`, called `name` by the user, is a classifier, which has no decoder."""
    if not hasattr(model, "decoder"):
        raise ZooError(f"{name} is a classifier, which has no decoder; expected an autoencoder. Its encoder can be used.")
