"""Run with KERAS_BACKEND=jax or torch: puts models through their paces and prints what was found as one line of JSON.

Arguments: names of models. For each: what `tests/test_other_backends.py` asserts.
"""

import copy
import json
import sys
import tempfile
import traceback
from pathlib import Path

import keras
import numpy as np
from keras import ops
from tiny import tiny

import zoo
from zoo.anomaly import PatchDetector
from zoo.evaluation.likelihood import elbo, log_likelihood
from zoo.layers.bottlenecks.contraction import squared_jacobian_norm
from zoo.layers.corruptions.holes import complementary_holes
from zoo.models import registry

# What is worth seeing at work elsewhere, and is off in `tiny`; by model or variant.
_OPTIONS = {"beta_vae": {"warmup_steps": 10}, "mae_vit": {"dropout": 0.5, "drop_path": 0.5}, "ae": {"dropout": 0.5}}


def _seed(layer):
    return ops.convert_to_numpy(layer.seed_generator.state.value)


def encoded(model, images):
    return ops.convert_to_numpy(model.encoder(ops.convert_to_tensor(images)))


def examine(name, images):
    keras.utils.set_random_seed(0)
    model = tiny(name, **_OPTIONS.get(name, _OPTIONS.get(name.rpartition("_")[0], {})))
    # Keras's own dropout draws without its seed on PyTorch.
    names = ("Dropout", "DropPath") if keras.backend.backend() == "jax" else ("DropPath",)
    dropping = {layer: _seed(layer) for layer in model._flatten_layers() if type(layer).__name__ in names}
    # Batches of one size: each size is compiled anew.
    history = model.fit(images, batch_size=20, verbose=0).history
    features = model.encode(images, batch_size=16)
    # Copies are not compiled: each would be, anew, for one batch.
    exact = encoded(model, images)
    reconstructions = model.reconstruct(images)
    again = registry.build(json.loads(json.dumps(model.config)))
    again.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        zoo.save(model, Path(folder) / "saved")
        loaded = zoo.load(Path(folder) / "saved")
        model.save(Path(folder) / "m.keras")
        keras_file = keras.saving.load_model(Path(folder) / "m.keras")
    copied = copy.deepcopy(model.encoder).predict(images, batch_size=16, verbose=0).reshape(features.shape)
    return {
        "history": {key: value[0] for key, value in history.items()},
        "terms": [term for layer in model.loss_layers() for term in layer.loss_names],
        "features": list(features.shape),
        "finite": bool(np.isfinite(features).all() and np.isfinite(reconstructions).all()),
        "floats_differ": float(np.abs(model.encode(images / 255) - features).max()),
        "repeat_differs": float(np.abs(model.encode(images, batch_size=16) - features).max()),
        "reconstructions": list(reconstructions.shape),
        "range": [float(reconstructions.min()), float(reconstructions.max())],
        "decoded": list(model.decode(np.zeros((3, *model.bottleneck.code_shape))).shape),
        "same_config": again.config == model.config,
        "loaded_differs": float(np.abs(encoded(loaded, images) - exact).max()),
        "dropping": [bool(np.any(_seed(layer) != before)) for layer, before in dropping.items()],
        "keras_file_differs": float(np.abs(encoded(keras_file, images) - exact).max()),
        "copy_differs": float(np.abs(copied - features).max()),
        "rebuilt_differs": float(np.abs(encoded(again, images) - exact).max()),
    }


def jacobian():
    """A two-layer encoder's estimated squared Jacobian norm, its standard error, and the norm by finite differences."""
    keras.utils.set_random_seed(0)
    encoder = tiny("contractive_mlp", input_shape=(5,), hidden=(7,), activation="tanh").encoder
    row = np.random.default_rng(0).normal(size=5).astype(np.float32)
    _, norm = squared_jacobian_norm(encoder, ops.convert_to_tensor(np.tile(row, (4000, 1))), keras.random.SeedGenerator(7))
    norm = ops.convert_to_numpy(norm)
    step, expected = 1e-3, 0.0
    for e in np.eye(5, dtype=np.float32) * step:
        difference = ops.convert_to_numpy(encoder((row + e)[None])) - ops.convert_to_numpy(encoder((row - e)[None]))
        expected += float(((difference / (2 * step)) ** 2).sum())
    return {"mean": float(norm.mean()), "error": float(norm.std() / np.sqrt(len(norm))), "expected": expected}


def likelihood():
    """Of a VAE: the loss, the evidence lower bound and the likelihood by many samples, each the mean over some images."""
    keras.utils.set_random_seed(0)
    model = tiny("vae_mlp")
    images = np.random.default_rng(0).integers(0, 2, (12, 8, 8, 1)).astype("float32")
    return {
        "loss": model.evaluate(images, verbose=0, return_dict=True)["loss"],
        "bound": float(elbo(model, images, k=50).mean()),
        "likelihood": float(log_likelihood(model, images, k=50).mean()),
    }


def anomaly_maps():
    """Differences of maps from the squared errors of reconstructions, of a model for inpainting and of normal patches from
    themselves."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).uniform(0.1, 1, (6, 8, 8, 3)).astype("float32")
    model, painter = tiny("ae_conv", (8, 8, 3)), tiny("inpainting_conv", (8, 8, 3))
    hidden = complementary_holes((8, 8))[0]
    filled = painter.reconstruct(np.where(hidden[..., None], np.float32(0), images))
    pairs = ((model, model.reconstruct(images), np.ones_like(hidden)), (painter, filled, hidden))
    differences = [
        float(np.abs(whole.anomaly_map(images, sigma=0) - np.square(images - made).mean(axis=-1))[:, mask].max())
        for whole, made, mask in pairs
    ]
    found, scores = PatchDetector(model, coreset=1, sigma=0).fit(images).maps_and_scores(images)
    return {"differences": differences, "itself": float(found.max()), "scores": scores.tolist()}


_OTHERS = {"jacobian": jacobian, "likelihood": likelihood, "anomaly_maps": anomaly_maps}


def main(names):
    assert keras.backend.backend() != "tensorflow"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    found = {}
    for key, function in {**{name: lambda name=name: examine(name, images) for name in names}, **_OTHERS}.items():
        try:
            found[key] = function()
        except Exception:
            found[key] = {"failed": traceback.format_exc()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
