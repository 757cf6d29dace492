"""A model in the formats of other tools, by Keras's own export, loaded back and compared before it counts."""

import contextlib
import importlib.util
import os
import warnings
from pathlib import Path

import keras
import numpy as np

from zoo.errors import ZooError, suggest
from zoo.inference.runtimes import erfc
from zoo.modalities.image import is_image_shape
from zoo.models import registry
from zoo.models.base.autoencoder import check_autoencoder
from zoo.utils.files import folder_beside, replace_folder

# Format to the suffix of its file; a SavedModel is a folder.
FORMATS = {"onnx": ".onnx", "openvino": ".xml", "saved_model": "", "litert": ".tflite", "keras": ".keras"}
# What a folder of TensorFlow's SavedModel holds.
_SAVED_MODEL = {"assets", "fingerprint.pb", "saved_model.pb", "variables"}
PARTS = ("encoder", "decoder", "autoencoder")
# TensorFlow's name of what a function gives back.
_OUTPUT = "Identity:0"
# Largest difference to Keras, relative to the largest output where that is above 1.
TOLERANCE = 1e-4
# Format to the packages that it needs; its extra is called as it is.
_PACKAGES = {"onnx": ("onnx", "tf2onnx", "onnxruntime"), "openvino": ("openvino",), "litert": ("ai_edge_litert",)}


def export(model, path, format, part="encoder", layer=None, pool=None, values=None):
    """Write a model, or a part of it, for another tool; returns the largest difference between what that gives and Keras.

    Args:
        model: an `Autoencoder`.
        path: of the file, or of the folder of a SavedModel; replaced once the new one is written and compared.
        format: "onnx", "openvino" (two files, .xml and .bin), "saved_model", "litert" or "keras", which
            `keras.models.load_model` reads after `import zoo.inference.export.exporting`.
        part: "encoder", images to features; "decoder", codes to images; or "autoencoder", images to their reconstructions.
        layer, pool: the depth of the features, see `zoo.load_encoder`.
        values: dtype of the images that go in, "uint8" (the default for images) or "float32".

    Raises:
        ZooError: on a wrong format, part or suffix, a missing package, and when the export fails or differs; nothing is then
            written.
    """
    if format not in FORMATS:
        raise ZooError(f"got the format {format!r}, expected one of {', '.join(FORMATS)}.{suggest(str(format), FORMATS)}")
    if part not in PARTS:
        raise ZooError(f"got the part {part!r}, expected one of {', '.join(PARTS)}.{suggest(str(part), PARTS)}")
    if part != "encoder" and (layer or pool):
        raise ZooError(f"got a layer or pool for the {part}; only the encoder has depths.")
    if part != "encoder":
        check_autoencoder(model, model.name)
    path = Path(path)
    if path.suffix != FORMATS[format] and FORMATS[format]:
        raise ZooError(f"got the file {path.name!r}, expected a name ending in {FORMATS[format]} for {format}.")
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to; make it first.")
    if path.exists() and path.is_dir() != (format == "saved_model"):
        raise ZooError(f"{path} is {'a folder' if path.is_dir() else 'a file'}, which {format} does not write; choose another.")
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise ZooError(f"{path} exists and is no SavedModel; choose another path.")
    if path.is_dir() and (added := sorted({item.name for item in path.iterdir()} - _SAVED_MODEL)):
        raise ZooError(f"{path} holds {', '.join(added)} besides a SavedModel, which would be lost; choose another path.")
    whole = Exported(model.config, part, layer, pool, model=model, name=model.name)
    with folder_beside(path) as folder:
        made = folder / path.name
        difference = write(whole, made, format, whole.shape, values or whole.values)
        if path.is_dir():
            replace_folder(made, path)
            return difference
        for file in sorted(folder.iterdir()):
            os.replace(file, path.parent / file.name)
    return difference


@keras.saving.register_keras_serializable("zoo")
class Exported(keras.Model):
    """One part of a model as a Keras model that a `.keras` file can hold.

    Args:
        config: of the model, as `zoo.models.registry.build` takes it.
        part, layer, pool: see `export`.
        model: the model itself; by default built from `config`, with fresh weights.
    """

    def __init__(self, config, part="encoder", layer=None, pool=None, model=None, **kwargs):
        super().__init__(**kwargs)
        self.model = model or registry.build(config)
        self.part = part
        # Under attributes of plain values: Keras wraps mappings that it finds.
        object.__setattr__(self, "settings", {"config": dict(config), "part": part, "layer": layer, "pool": pool})
        self.run = {
            "encoder": lambda: self.model.encoder.at(layer, pool),
            "decoder": lambda: self.model.decoder,
            "autoencoder": lambda: self.model._reconstruct,
        }[part]()
        self.built = True

    @property
    def shape(self):
        """Of one input, without the batch axis."""
        if self.part == "decoder":
            return tuple(self.model.bottleneck.code_shape)
        return tuple(self.model.damaged_shape if self.part == "autoencoder" else self.model.data_shape)

    @property
    def values(self):
        """The dtype that inputs have where nobody asks for another."""
        return "uint8" if self.part != "decoder" and is_image_shape(self.shape) else "float32"

    def call(self, x):
        return self.run(x)

    def get_config(self):
        return {**super().get_config(), **self.settings}


def write(model, path, format, shape, values):
    """Write a Keras model of one input (N, *shape) of dtype `values`, and compare; see `export`."""
    missing = [name for name in _PACKAGES.get(format, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise ZooError(f"{format} needs the package {missing[0]}: pip install 'autoencoder-zoo[{format}]'")
    inputs = keras.Input(shape, dtype=values)
    graph = keras.Model(inputs, model(inputs))
    examples = _examples(shape, values)
    # Keras exports what it has seen called.
    expected = [np.asarray(keras.ops.convert_to_numpy(graph(x)), np.float32) for x in examples]
    try:
        with _quiet():
            _write(graph, str(path), format)
        run = _RUNNERS[format](str(path))
        difference = max(_difference(np.asarray(run(x)), y) for x, y in zip(examples, expected))
    except ZooError:
        raise
    except Exception as error:  # every exporter has errors of its own
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ZooError(f"{model.name} cannot be exported to {format}: {reason[:200]}") from error
    if not difference <= TOLERANCE:
        raise ZooError(
            f"the {format} export of {model.name} differs from Keras by {difference:.2g}, expected at most {TOLERANCE:.0e}."
        )
    return difference


def _examples(shape, values):
    """Inputs of two batch sizes: a graph that has swallowed one fails at the other."""
    rng = np.random.default_rng(0)
    draw = (lambda n: rng.integers(0, 256, (n, *shape), np.uint8)) if values == "uint8" else None
    return [draw(n) if draw else rng.random((n, *shape), dtype=np.float32) for n in (3, 1)]


def _difference(got, expected):
    if got.shape != expected.shape:
        raise ZooError(f"the export gives outputs of shape {got.shape}, where Keras gives {expected.shape}.")
    return float(np.abs(got - expected).max() / max(1.0, float(np.abs(expected).max())))


def _write(graph, path, format):
    if format == "keras":
        graph.save(path)
        return
    if format == "onnx":
        erfc.register()
    graph.export(path, format={"saved_model": "tf_saved_model"}.get(format, format), verbose=False)
    if format == "openvino":
        _drop_by_products(path)


def _drop_by_products(path):
    """Leave a graph of OpenVINO the model's output alone.

    What a gradient of TensorFlow's own would read, as SiLU's, is an output to the converter: computed, laid out and kept.
    """
    import openvino

    core = openvino.Core()
    # Read whole: the file is written again.
    core.set_property({"ENABLE_MMAP": False})
    graph = core.read_model(path)
    by_products = [result for result in graph.get_results() if _OUTPUT not in result.input_value(0).get_names()]
    if len(by_products) == len(graph.get_results()) - 1 > 0:
        for result in by_products:
            graph.remove_result(result)
        openvino.serialize(graph, path)


@contextlib.contextmanager
def _quiet():
    """The converters below Keras warn of their own code."""
    import logging

    kept = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(kept)


def _onnx(path):
    from zoo.inference.runtimes.onnx import session

    return session(path)


def _openvino(path):
    from zoo.inference.runtimes.openvino import compiled

    model = compiled(path, "float32", 1)
    return lambda x: model(x)[0]


def _saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return lambda x: loaded.serve(x).numpy()


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)

    def run(x):
        [there], [back] = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(there["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(there["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(back["index"])

    return run


def _keras(path):
    loaded = keras.models.load_model(path)
    return lambda x: keras.ops.convert_to_numpy(loaded(x))


_RUNNERS = {"onnx": _onnx, "openvino": _openvino, "saved_model": _saved_model, "litert": _litert, "keras": _keras}
