"""How far the zoo's copies of other libraries' models are from what `references.py` wrote, on the backend in KERAS_BACKEND.

    python parity.py FOLDER NAME...

prints a JSON mapping of name to the mapping of what was compared to the largest difference, as a share of the largest value.
"""

import json
import sys
from pathlib import Path

import numpy as np


def differences(folder, name, images=True):
    """Mapping of what was compared, over all sizes, to the largest difference as a share of the reference's largest value.

    With `images`, what a user sees is compared with it as well, within 1e-4.
    """
    from zoo.convert import convert_model

    stored = np.load(Path(folder) / f"{name}.npz")
    worst = {}
    for size in sorted({key.partition("/")[0] for key in stored}):
        reference = {key.partition("/")[2]: stored[key] for key in stored if key.startswith(f"{size}/")}
        x = reference.pop("x")
        model = convert_model(Path(folder) / name, input_shape=x.shape[1:])
        compare = _masked if model.config["variant"] == "mae" else _diffusion
        for what, ours in compare(model, x, reference, images).items():
            theirs = reference.pop(what)
            assert ours.shape == theirs.shape, f"{name} {what}: {ours.shape}, expected {theirs.shape}"
            share = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            worst[what] = max(worst.get(what, 0.0), share)
        assert not reference, f"{name}: {', '.join(reference)} compared with nothing"
    return worst


def _array(tensor):
    from keras import ops

    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def _cast(model, x):
    from keras import ops

    return ops.cast(x, model.compute_dtype)


def _depths(model, x, reference):
    backbone = model.encoder.backbone
    x = _cast(model, x)
    return {name: _array(backbone.until(x, name)) for name in backbone.stage_names if name in reference}


def _diffusion(model, x, reference, images):
    found = _depths(model, x, reference)
    h = model.encoder.backbone(_cast(model, x))
    if model.config["variant"] == "autoencoder_kl":
        found["mean"], found["log_variance"] = model.posterior(x)
    elif model.config["variant"] == "vq_gan":
        found["vectors"] = _array(model.bottleneck.vectors(h))
    else:
        found["latent"] = _array(h)
    found["reconstruction"] = _array(model.decoder.backbone(model.code(x)))
    if images:
        np.testing.assert_allclose(model.reconstruct(x), np.clip(found["reconstruction"], 0, 1), atol=1e-4)
    return found


def _masked(model, x, reference, images):
    from zoo.layers.masking import hidden_error

    found = _depths(model, x, reference)
    found["tokens"] = _array(model.encoder.backbone.net(model.encoder.backbone.image(_cast(model, x))))
    if "noise" in reference:
        noise = reference.pop("noise")
        seen = int(noise.shape[1] * (1 - model.config["mask_ratio"]))
        chosen = np.eye(noise.shape[1], dtype="float32")[np.argsort(noise, axis=1)[:, :seen]]
        patches = model.encoder.backbone.patches(_cast(model, x))
        found["logits"] = _array(model.found(patches, _cast(model, chosen)))
        values = _array(patches)
        target = (values - values.mean(-1, keepdims=True)) / np.sqrt(values.var(-1, ddof=1, keepdims=True) + 1e-6)
        found["loss"] = _array(hidden_error(found["logits"], target, chosen.sum(axis=1)))
    return found


if __name__ == "__main__":
    print(json.dumps({name: differences(sys.argv[1], name) for name in sys.argv[2:]}))
