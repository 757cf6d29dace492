"""Every variant on images of an odd size in bfloat16, and on flat vectors."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import PUBLISHED, tiny

import zoo
from zoo.models import registry

NAMES = zoo.list_models()


def of_each_two():
    """Every variant on its first backbone, and on another that changes from one variant to the next: all pairs take minutes."""
    first, second = {"ae_resnet", "ae_vit", "dae_unet"}, set()
    for i, (variant, (backbones, _)) in enumerate(registry._variants().items()):
        # A variant without backbones is made from a model.
        if backbones and backbones[0] not in PUBLISHED:
            first.add(f"{variant}_{backbones[0]}")
            second.add(f"{variant}_{backbones[i % len(backbones)]}")
    return sorted(first | second)


def one_eager_step(model, x):
    for layer in model._flatten_layers():
        # Residual blocks begin switched off, and their weights stay for a step.
        if hasattr(layer, "conv2"):
            layer.scale.assign(0.5)
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    before = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    history = model.fit(x, batch_size=len(x), verbose=0).history
    assert np.isfinite([value[0] for value in history.values()]).all()
    changed = [np.any(ops.convert_to_numpy(v) != b) for v, b in zip(model.trainable_variables, before)]
    assert sum(changed) >= len(changed) / 2, "one step of Adam moves most weights"


@pytest.mark.slow
@pytest.mark.parametrize("name", of_each_two())
def test_odd_sizes_in_bfloat16(name, policy):
    policy("mixed_bfloat16")
    # Patches and scales divide the sides; what else there is takes any.
    shape = (10, 6, 3) if name.endswith("_vit") or name.startswith("superres") else (9, 7, 3)
    shape = (12, 8, 3) if name.endswith(("_hiera", "_swin")) else shape
    x = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    model = tiny(name, input_shape=shape)
    one_eager_step(model, x)
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model(x[:2]).dtype == "bfloat16"
    for result in (model.encode(x), model.reconstruct(x)):
        assert result.dtype == np.float32 and np.isfinite(result).all()
    assert result.shape == x.shape


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_mlp")])
def test_flat_vectors(name):
    x = np.random.default_rng(0).random((6, 10), dtype=np.float32)
    model = tiny(name, input_shape=(10,))
    model.compile("adam", run_eagerly=True)
    assert np.isfinite(model.fit(x, verbose=0).history["loss"][0])
    assert model.reconstruct(x).shape == (6, 10)
    assert model.anomaly_score(x).shape == (6,)
