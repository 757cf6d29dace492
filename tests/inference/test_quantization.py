"""int8 weights: near to the float ones, smaller, and the same after an export."""

import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.inference.export.exporting import export
from zoo.inference.features import extract_features


@pytest.mark.slow
@pytest.mark.parametrize("name", ("ae_mlp", "vae_conv"))
def test_near_and_smaller(images, name):
    model = tiny(name)
    before, drawn, bytes_before = model.encode(images), model.reconstruct(images), size(model)
    assert zoo.quantize(model) is model
    after, redrawn = model.encode(images), model.reconstruct(images)
    scale = np.abs(before).max()
    assert 0 < np.abs(after - before).max() < 0.05 * scale, "what was compiled before is forgotten"
    assert np.abs(redrawn - drawn).max() < 0.1
    assert size(model) < bytes_before
    with pytest.raises(ZooError, match="is quantized already"):
        zoo.quantize(model)


def size(model):
    return sum(np.asarray(variable).nbytes for variable in model.encoder.variables)


@pytest.mark.slow
def test_it_exports_and_runs(images, tmp_path):
    model = tiny("ae_mlp", hidden=(64,))
    export(model, tmp_path / "float.onnx", "onnx")
    zoo.quantize(model)
    assert export(model, tmp_path / "int8.onnx", "onnx") < 1e-4
    assert (tmp_path / "int8.onnx").stat().st_size < 0.7 * (tmp_path / "float.onnx").stat().st_size
    np.testing.assert_allclose(extract_features(model, images, "onnxruntime"), model.encode(images), rtol=1e-4, atol=1e-4)


def test_a_model_without_dense_layers():
    with pytest.raises(ZooError, match="has no dense layers"):
        zoo.quantize(tiny("wta_conv"))
