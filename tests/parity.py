"""How far the zoo's copies of other libraries' models are from what `references.py` wrote, on the backend in KERAS_BACKEND.

    python parity.py FOLDER NAME...

prints a JSON mapping of name to the mapping of what was compared to the largest difference, as a share of the largest value.
"""

import json
import sys
from pathlib import Path

import numpy as np
from keras import ops


def differences(folder, name):
    """Mapping of what was compared, over all sizes, to the largest difference as a share of the reference's largest value."""
    from zoo.pretrained.loading import load

    stored = np.load(Path(folder) / f"{name}.npz")
    worst = {}
    for size in sorted({key.partition("/")[0] for key in stored}):
        reference = {key.partition("/")[2]: stored[key] for key in stored if key.startswith(f"{size}/")}
        x = reference.pop("x")
        model = load(Path(folder) / name, input_shape=x.shape[1:])
        if "reconstruction" in reference:
            # What a user sees.
            reference["image"] = np.clip(reference["reconstruction"], 0, 1)
        for what, ours in _COMPARE[model.config["variant"]](model, x, reference).items():
            ours, theirs = _array(ours), reference.pop(what)
            assert ours.shape == theirs.shape, f"{name} {what}: {ours.shape}, expected {theirs.shape}"
            share = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            worst[what] = max(worst.get(what, 0.0), share)
        assert not reference, f"{name}: {', '.join(reference)} compared with nothing"
    return worst


def _masked(model, x, reference):
    from zoo.layers.corruptions.masking import masked_error

    found = _depths(model, x, reference)
    if "features" in reference:
        return {**found, "features": model.encode(x)}
    found["tokens"] = model.encoder.backbone.net(model.encoder.backbone.image(_cast(model, x)))
    if "noise" in reference:
        noise = reference.pop("noise")
        seen = int(noise.shape[1] * (1 - model.config["mask_ratio"]))
        chosen = np.eye(noise.shape[1], dtype="float32")[np.argsort(noise, axis=1)[:, :seen]]
        patches = model.encoder.backbone.patches(_cast(model, x))
        found["logits"] = _array(model.found(patches, _cast(model, chosen)))
        target = values = _array(patches)
        if model.config["normalized_targets"]:
            target = (values - values.mean(-1, keepdims=True)) / np.sqrt(values.var(-1, ddof=1, keepdims=True) + 1e-6)
        found["loss"] = _array(masked_error(found["logits"], target, chosen.sum(axis=1))).mean()
    return found


def _replaced(model, x, reference):
    from zoo.layers.blocks.tokens import unpatchify
    from zoo.layers.corruptions.masking import masked_error

    encoder = model.encoder.backbone
    found = {**_depths(model, x, reference), "tokens": encoder(_cast(model, x))}
    if "noise" in reference:
        noise, patches = reference.pop("noise"), encoder.patches(_cast(model, x))
        seen = int(noise.shape[1] * (1 - model.config["mask_ratio"]))
        chosen = np.eye(noise.shape[1], dtype="float32")[np.argsort(noise, axis=1)[:, :seen]]
        logits = model.found(patches, _cast(model, chosen))
        found["logits"] = unpatchify(logits, x.shape[1:], encoder.patch_size)
        found["loss"] = _array(masked_error(logits, patches, chosen.sum(axis=1), ops.abs)).mean()
    return found


def _latent(model, x, reference):
    found = _depths(model, x, reference)
    if "vectors" in reference:
        found["vectors"] = model.bottleneck.vectors(model.encoder.backbone(_cast(model, x)))
    else:
        found["mean"], found["log_variance"] = model.posterior(x)
    if "code" in reference:
        found["code"] = model.encode(x).reshape(reference["code"].shape)
    found["reconstruction"] = model.decoder.backbone(model.code(x))
    return {**found, "image": model.reconstruct(x)}


def _represented(model, x, reference):
    code = model.code(x)
    found = {**_depths(model, x, reference), "code": code, "reconstruction": model.decoder.backbone(code)}
    return {**found, "image": model.reconstruct(x)}


def _depths(model, x, reference):
    backbone = model.encoder.backbone
    x = _cast(model, x)
    return {name: backbone.until(x, name) for name in backbone.stage_names if name in reference}


def _compact(model, x, reference):
    encoder, (unscaled, decoder) = model.encoder.backbone, model.decoder.backbone.stages
    if hasattr(encoder, "blocks"):
        named = {id(block): f"encoder.down_blocks.{i}" for i, block in enumerate(encoder.blocks)}
        named |= {id(block): f"decoder.up_blocks.{i}" for i, block in enumerate(decoder.blocks)}
    else:
        named = {id(stage): f"encoder.layers.{i}" for i, stage in enumerate(encoder.stages)}
        named |= {id(stage): f"decoder.layers.{i}" for i, stage in enumerate(decoder.stages[1:])}
    found, h = {}, ops.convert_to_tensor(x)
    for chain in (encoder, decoder):
        for stage in chain.stages:
            h = stage(h)
            if id(stage) in named:
                found[named[id(stage)]] = h
        if chain is encoder:
            found["code"] = h = model.bottleneck.code(h)
            h = unscaled(h)
    return {**found, "reconstruction": h, "image": model.reconstruct(x)}


_COMPARE = {
    "mae": _masked,
    "features": _masked,
    "simmim": _replaced,
    "autoencoder_kl": _latent,
    "autoencoder_rae": _represented,
    "vq_gan": _latent,
    "autoencoder_tiny": _compact,
    "autoencoder_dc": _compact,
}


def _array(tensor):
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def _cast(model, x):
    return ops.cast(x, model.compute_dtype)


if __name__ == "__main__":
    print(json.dumps({name: differences(sys.argv[1], name) for name in sys.argv[2:]}))
