"""Models in the formats of other tools: written whole, and the same as in Keras."""

import subprocess
import sys

import numpy as np
import pytest
from tiny import mostly_slow, tiny

import zoo
from zoo.errors import ZooError
from zoo.inference.export import writing
from zoo.inference.export.exported import PARTS
from zoo.inference.export.exporting import FORMATS, export


@pytest.fixture(scope="module")
def model():
    return zoo.create("vae_conv", input_shape=(8, 8, 1), filters=(4, 8), latent_dim=3, activation="gelu")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_comes_back_the_same(model, tmp_path, format):
    path = tmp_path / f"model{FORMATS[format].SUFFIX}"
    assert 0 <= export(model, path, format) <= writing.TOLERANCE
    assert path.exists() and not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("format", mostly_slow(("onnx", "saved_model"), ("onnx",)))
def test_a_second_takes_the_place_of_the_first(model, tmp_path, format):
    path = tmp_path / f"model{FORMATS[format].SUFFIX}"
    for part in ("encoder", "decoder"):
        export(model, path, format, part)
    left = sorted(p.name for p in tmp_path.iterdir())
    (tmp_path / "alone").mkdir()
    export(model, tmp_path / "alone" / path.name, format, "decoder")
    assert left == [path.name]
    assert size(path) == pytest.approx(size(tmp_path / "alone" / path.name), rel=0.01)


def test_what_was_added_to_a_saved_model_is_not_lost(model, tmp_path):
    export(model, tmp_path / "model", "saved_model")
    (tmp_path / "model" / "assets.extra").mkdir()
    before = size(tmp_path / "model")
    with pytest.raises(ZooError, match="contains assets.extra besides a SavedModel, which would be lost"):
        export(model, tmp_path / "model", "saved_model", "decoder")
    assert size(tmp_path / "model") == before


@pytest.mark.slow
@pytest.mark.parametrize("format", ("onnx", "openvino", "litert"))
@pytest.mark.parametrize("name", ("vq_vae_conv", "superres_resnet", "gumbel_vae_mlp"))
def test_variants_of_operations_that_not_every_format_has(name, format, tmp_path):
    model = tiny(name, (8, 8, 3))
    for part in ("encoder", "autoencoder"):
        assert export(model, tmp_path / f"{part}{FORMATS[format].SUFFIX}", format, part) <= writing.TOLERANCE


def size(path):
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


@pytest.mark.parametrize("part", ("decoder", "autoencoder"))
def test_the_other_parts(model, images, tmp_path, part):
    import onnxruntime

    export(model, tmp_path / "model.onnx", "onnx", part)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    x = model.encode(images) if part == "decoder" else images
    [got] = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(got, model.reconstruct(images), atol=1e-4)


@pytest.mark.parametrize("part", mostly_slow(PARTS, ("encoder",)))
def test_inputs_and_outputs_have_fixed_names(tmp_path, part):
    import onnx
    import openvino

    names, model = PARTS[part], tiny("ae_mlp")
    for format in ("onnx", "openvino"):
        export(model, tmp_path / f"a{FORMATS[format].SUFFIX}", format, part)
    graph = onnx.load(tmp_path / "a.onnx").graph
    assert ([value.name for value in graph.input], [value.name for value in graph.output]) == ([names[0]], [names[1]])
    onnx.checker.check_model(str(tmp_path / "a.onnx"), full_check=True)
    read = openvino.Core().read_model(tmp_path / "a.xml")
    assert [port.get_names() for port in (*read.inputs, *read.outputs)] == [{name} for name in names]


def test_floats_for_images_and_a_depth(model, images, tmp_path):
    import onnxruntime

    export(model, tmp_path / "model.onnx", "onnx", layer="stage1", pool=2, values="float32")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    [got] = session.run(None, {session.get_inputs()[0].name: images / np.float32(255)})
    np.testing.assert_allclose(got, np.asarray(model.encoder.at("stage1", 2)(images)), atol=1e-4)


def test_pixels_are_scaled_by_a_constant_of_their_own_rank(model, tmp_path):
    import onnx

    export(model, tmp_path / "model.onnx", "onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    ranks = {constant.name: len(constant.dims) for constant in graph.initializer}
    cast = next(node for node in graph.node if graph.input[0].name in node.input)
    scaling = next(node for node in graph.node if cast.output[0] in node.input)
    # ONNX Runtime is a hundred times slower by a scalar, where images have one channel.
    assert scaling.op_type in ("Mul", "Div") and [ranks[name] for name in scaling.input if name in ranks] == [4]


def test_what_gradients_read_is_no_output(tmp_path, images):
    """SiLU's gradient is TensorFlow's own, and keeps its input in the graph."""
    import openvino

    model = tiny("vae_conv", activation="silu")
    assert export(model, tmp_path / "model.xml", "openvino", values="float32") <= writing.TOLERANCE
    graph = openvino.Core().read_model(tmp_path / "model.xml")
    assert [output.partial_shape[1].get_length() for output in graph.outputs] == [model.encode(images).shape[1]]


@pytest.mark.slow
def test_a_keras_file_opens_in_another_process(model, images, tmp_path):
    export(model, tmp_path / "model.keras", "keras")
    np.save(tmp_path / "x.npy", images)
    program = (
        "import numpy as np, keras, zoo.inference.export.exporting; m = keras.models.load_model('model.keras');"
        "np.save('y.npy', m(np.load('x.npy')))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.encode(images), atol=1e-6)


def test_a_variant_of_sequences_of_layers(images, tmp_path):
    small = zoo.create(
        "mae", input_shape=(8, 8, 1), patch_size=2, width=8, depth=2, heads=2, decoder_width=8, decoder_depth=1, decoder_heads=2
    )
    assert export(small, tmp_path / "mae.onnx", "onnx") <= writing.TOLERANCE


def test_an_export_that_differs_is_not_kept(model, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(FORMATS["onnx"], "runner", lambda path: lambda x: np.ones((len(x), 3)))
    with pytest.raises(ZooError, match="the onnx export of .* differs from Keras by"):
        export(model, path, "onnx")
    monkeypatch.setattr(FORMATS["onnx"], "runner", lambda path: lambda x: np.ones((len(x), 4)))
    with pytest.raises(ZooError, match=r"outputs of shape \(3, 4\), expected \(3, 3\) as in Keras"):
        export(model, path, "onnx")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "path, options, message",
    [
        ("a.onnx", dict(format="onx"), "Did you mean 'onnx'"),
        ("a.xml", dict(format="onnx"), "expected a name ending in .onnx"),
        ("absent/a.onnx", dict(format="onnx"), "there is no folder"),
        ("a.onnx", dict(format="onnx", part="encoders"), "Did you mean 'encoder'"),
        ("a.onnx", dict(format="onnx", part="decoder", layer="stage1"), "expected them for the encoder only"),
        ("folder", dict(format="saved_model"), "is not a SavedModel"),
        ("file", dict(format="saved_model"), "is a file, not what saved_model writes"),
    ],
)
def test_wrong_arguments(model, tmp_path, path, options, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match=message):
        export(model, tmp_path / path, **options)


def test_a_missing_package_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setattr(FORMATS["onnx"], "PACKAGES", ("no_such_package",))
    with pytest.raises(ZooError, match="no_such_package; install it: pip install no_such_package"):
        export(model, tmp_path / "a.onnx", "onnx")


def test_the_command(tmp_path, model, capsys):
    from zoo.cli.main import main

    zoo.save(model, tmp_path / "vae")
    assert main(["export", str(tmp_path / "vae"), "--format", "openvino", "--output", str(tmp_path / "vae.xml")]) == 0
    assert "of Keras" in capsys.readouterr().out
    assert (tmp_path / "vae.bin").is_file()
