"""Export of models to the formats of other tools; a file is written only if its outputs agree with Keras."""

import os
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.inference.export.exported import PARTS, Exported
from zoo.inference.export.formats import FORMATS, saved_model
from zoo.inference.export.writing import write
from zoo.utils.files import folder_beside, replace_folder
from zoo.utils.models import check_autoencoder


def export(model, path, format, part="encoder", layer=None, pool=None, values=None):
    """Write a model, or a part of it, in the format of another tool.

    In formats with names (ONNX, OpenVINO), the input and output have fixed names: "images" and "features" for the encoder,
    "codes" and "images" for the decoder, "images" and "reconstructions" for the autoencoder.

    Args:
        model: an `Autoencoder`, or a classifier, of which the encoder can be exported.
        path: path of the file, or of the folder of a SavedModel; an existing one is replaced after the comparison.
        format: "onnx", "openvino" (two files, .xml and .bin), "saved_model", "litert" or "keras", which
            `keras.models.load_model` loads after `import zoo.inference.export.exporting`.
        part: "encoder", from images to features; "decoder", from codes to images; or "autoencoder", from images to
            reconstructions.
        layer, pool: depth and pooling of the features, see `zoo.load_encoder`.
        values: dtype of the input images, "uint8" (the default for images) or "float32".

    Returns:
        The largest difference between the outputs of the export and of Keras, see `zoo.inference.export.writing.write`.

    Raises:
        ZooError: if the format, part or suffix is invalid, a package is missing, or the export fails or differs from Keras;
            nothing is then written.
    """
    if format not in FORMATS:
        raise ZooError(f"got the format {format!r}, expected one of {', '.join(FORMATS)}.{suggest(str(format), FORMATS)}")
    if part not in PARTS:
        raise ZooError(f"got the part {part!r}, expected one of {', '.join(PARTS)}.{suggest(str(part), PARTS)}")
    if part != "encoder" and (layer or pool):
        raise ZooError(f"got a layer or pool for the {part}, expected them for the encoder only.")
    if part != "encoder":
        check_autoencoder(model, model.name)
    path, suffix = Path(path), FORMATS[format].SUFFIX
    if suffix and path.suffix != suffix:
        raise ZooError(f"got the file {path.name!r}, expected a name ending in {suffix} for {format}.")
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to; create it first.")
    if path.exists() and path.is_dir() != (format == "saved_model"):
        raise ZooError(f"{path} is {'a folder' if path.is_dir() else 'a file'}, not what {format} writes; choose another path.")
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise ZooError(f"{path} exists and is not a SavedModel; choose another path.")
    if path.is_dir() and (added := sorted({item.name for item in path.iterdir()} - saved_model.CONTENT)):
        raise ZooError(f"{path} contains {', '.join(added)} besides a SavedModel, which would be lost; choose another path.")
    exported = Exported(model.config, part, layer, pool, model=model, name=model.name)
    with folder_beside(path) as folder:
        made = folder / path.name
        difference = write(exported, made, format, exported.shape, values or exported.values, PARTS[part])
        if path.is_dir():
            replace_folder(made, path)
            return difference
        for file in sorted(folder.iterdir()):
            os.replace(file, path.parent / file.name)
    return difference
