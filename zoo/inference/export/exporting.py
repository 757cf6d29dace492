"""A model in the formats of other tools: written whole and compared with Keras, or not at all."""

import os
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.inference.export.exported import PARTS, Exported
from zoo.inference.export.formats import FORMATS, saved_model
from zoo.inference.export.writing import write
from zoo.utils.files import folder_beside, replace_folder
from zoo.utils.models import check_autoencoder


def export(model, path, format, part="encoder", layer=None, pool=None, values=None):
    """Write a model, or a part of it, for another tool; returns the largest difference between what that gives and Keras.

    Where the format keeps names (ONNX, OpenVINO), they are the same in every export: "images" to "features" for the encoder,
    "codes" to "images" for the decoder, "images" to "reconstructions" for the autoencoder.

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
    path, suffix = Path(path), FORMATS[format].SUFFIX
    if suffix and path.suffix != suffix:
        raise ZooError(f"got the file {path.name!r}, expected a name ending in {suffix} for {format}.")
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to; make it first.")
    if path.exists() and path.is_dir() != (format == "saved_model"):
        raise ZooError(f"{path} is {'a folder' if path.is_dir() else 'a file'}, which {format} does not write; choose another.")
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise ZooError(f"{path} exists and is no SavedModel; choose another path.")
    if path.is_dir() and (added := sorted({item.name for item in path.iterdir()} - saved_model.CONTENT)):
        raise ZooError(f"{path} holds {', '.join(added)} besides a SavedModel, which would be lost; choose another path.")
    whole = Exported(model.config, part, layer, pool, model=model, name=model.name)
    with folder_beside(path) as folder:
        made = folder / path.name
        difference = write(whole, made, format, whole.shape, values or whole.values, PARTS[part])
        if path.is_dir():
            replace_folder(made, path)
            return difference
        for file in sorted(folder.iterdir()):
            os.replace(file, path.parent / file.name)
    return difference
