"""How far the zoo's models of `compact_references` are from the originals.

    python compact_converted.py POLICY FOLDER NAME...

prints, as JSON, name -> layer -> the largest difference over all images, in units of the largest number of the original's.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from zoo.convert import convert_model


def differences(folder, name):
    """Mapping of the original's layers, "code", "decoded" and "reconstructed" to the largest difference."""
    arrays = np.load(Path(folder) / f"{name}.npz")
    worst = {}
    for i in range(sum(key.endswith("/x") for key in arrays)):
        wanted = {key.partition("/")[2]: arrays[key] for key in arrays if key.startswith(f"{i}/")}
        x = wanted.pop("x")
        model = convert_model(Path(folder) / name, input_shape=x.shape[1:])
        wanted["reconstructed"] = np.clip(wanted["decoded"], 0, 1)
        got = {**outputs(model, x), "reconstructed": model.reconstruct(x)}
        assert got.keys() == wanted.keys()
        for key, value in wanted.items():
            value_got = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(got[key], "float32")))
            assert value_got.shape == value.shape, key
            worst[key] = max(worst.get(key, 0.0), float(np.abs(value_got - value).max() / np.abs(value).max()))
    return worst


def outputs(model, x):
    """What every layer of a converted model makes of images, by the original's names."""
    encoder, (unscaled, decoder) = model.encoder.backbone, model.decoder.backbone.stages
    if hasattr(encoder, "blocks"):
        named = {id(block): f"encoder.down_blocks.{i}" for i, block in enumerate(encoder.blocks)}
        named |= {id(block): f"decoder.up_blocks.{i}" for i, block in enumerate(decoder.blocks)}
    else:
        named = {id(stage): f"encoder.layers.{i}" for i, stage in enumerate(encoder.stages)}
        named |= {id(stage): f"decoder.layers.{i}" for i, stage in enumerate(decoder.stages[1:])}
    found, h = {}, keras.ops.convert_to_tensor(x)
    for chain in (encoder, decoder):
        for stage in chain.stages:
            h = stage(h)
            if id(stage) in named:
                found[named[id(stage)]] = h
        if chain is encoder:
            found["code"] = h = model.bottleneck.code(h)
            h = unscaled(h)
    return {**found, "decoded": h}


if __name__ == "__main__":
    keras.config.set_dtype_policy(sys.argv[1])
    print(json.dumps({name: differences(sys.argv[2], name) for name in sys.argv[3:]}))
