"""Trains models on one device and on two, on the backend of the environment; prints the losses of either as JSON.

Run by test_several_devices.py in a process of its own: how many devices there are is settled when a backend starts.
"""

import json
import os

import keras
import numpy as np
from tiny import tiny

# What needs no chance gives the same numbers; the others, which sum up their loss themselves, nearly the same.
EXACT = {"ae_conv": {}, "sparse_mlp": {"penalty": "l1"}}
DRAWN = {"iwae_mlp": {"weight_decay": 0.1, "k": 20}, "mae_vit": {"weight_decay": 0.1, "depth": 1}}
RATES = {"ae_conv": 0.1, "sparse_mlp": 0.1, "iwae_mlp": 1e-3, "mae_vit": 0.1}
NAMES = EXACT if os.environ.get("KERAS_BACKEND") == "jax" else {**EXACT, **DRAWN}
IMAGES = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)


def losses(name):
    """The losses of two epochs, and the features of the model that they left."""
    keras.utils.set_random_seed(0)
    model = tiny(name, **NAMES[name])
    # Unlike Adam, it tells a gradient from twice the same.
    model.compile(keras.optimizers.SGD(RATES[name]))
    history = model.fit(IMAGES, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    return {"history": history, "features": np.asarray(model.encoder(IMAGES)).tolist()}


def on_tensorflow():
    import tensorflow as tf

    [processor] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    one = {name: losses(name) for name in NAMES}
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        two = {name: losses(name) for name in NAMES}
    return one, two, strategy.num_replicas_in_sync


def on_jax():
    import jax

    one = {name: losses(name) for name in NAMES}
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    two = {name: losses(name) for name in NAMES}
    return one, two, len(jax.devices())


if __name__ == "__main__":
    one, two, devices = {"tensorflow": on_tensorflow, "jax": on_jax}[os.environ["KERAS_BACKEND"]]()
    print(json.dumps({"one": one, "two": two, "devices": devices}))
