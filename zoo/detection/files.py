"""A fitted detector as a folder: its settings as JSON, and its arrays as safetensors, which run no code."""

import json
from pathlib import Path

from zoo.detection.detector import TableDetector
from zoo.errors import ZooError
from zoo.pretrained.arrays import load_arrays, save_arrays
from zoo.utils.files import folder_beside, replace_folder

SETTINGS, ARRAYS = "detector.json", "weights.safetensors"
SCHEMA = 1


def save(path, model, about):
    """Write a `TableDetector`, and a JSON-serializable mapping, to a folder; an earlier detector there is replaced.

    Raises:
        ZooError: if `path` is something else, a parameter is not plain data, or the folder cannot be written.
    """
    path = Path(path).resolve()
    if path.exists() and not (path.is_dir() and {item.name for item in path.iterdir()} == {SETTINGS, ARRAYS}):
        raise ZooError(f"{path} exists and is not a saved detector; choose another path.")
    try:
        text = json.dumps({"schema": SCHEMA, "model": model.settings, **about}, indent=1)
    except TypeError as error:
        raise ZooError(f"the parameters of the detector cannot be written as JSON ({error}); expected plain values.") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path) as temporary:
            save_arrays(model, temporary / ARRAYS)
            (temporary / SETTINGS).write_text(text + "\n", encoding="utf-8")
            replace_folder(temporary, path)
    except OSError as error:
        raise ZooError(f"the detector could not be saved to {path} ({error.strerror}); choose another path.") from None


def load(path):
    """The `TableDetector` of a folder, and the mapping that it was saved with.

    Raises:
        ZooError: if the folder was not written by `save`, or is damaged.
    """
    path = Path(path)
    try:
        saved = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
        settings = saved["model"] if saved["schema"] == SCHEMA else None
        model = TableDetector(**settings, name="table_detector")
    except (OSError, ValueError, KeyError, TypeError):
        raise ZooError(f"{path} is not a saved detector of this version, expected a folder written by its save.") from None
    model.build()
    load_arrays(model, path / ARRAYS)
    return model, saved
