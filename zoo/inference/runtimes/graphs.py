"""Exported graphs of encoders, kept in the cache: made once for the same weights, checked against Keras when they are made."""

import contextlib
import hashlib
import importlib.metadata
import os
import shutil

from zoo.errors import ZooError
from zoo.pretrained.fetch import cache_dir, sha256_of
from zoo.utils.files import folder_beside

# In the form that `sha256sum -c` reads.
_HASHES = "graph.sha256"
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def graph(subject, kind, values):
    """Path of the graph of a `Subject`, exported and checked if it is not in the cache.

    Args:
        subject: what to export.
        kind: "onnx" or "openvino".
        values: dtype of the images that the graph takes, "uint8" or "float32".

    Raises:
        ZooError: when a package is missing, the export fails, or its features differ from those of Keras.
    """
    facts = "/".join([subject.digest(), kind, values, *_versions()])
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    folder = cache_dir() / "graphs" / f"{subject.name}-{key}"
    file = folder / f"graph{SUFFIXES[kind]}"
    if not _is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        _make(subject, kind, values, folder)
    return file


def _is_whole(folder):
    """Whether the files of a graph are those that were checked when it was made."""
    try:
        return (folder / _HASHES).read_text(encoding="utf-8") == _hashes(folder)
    except OSError:
        return False


def _hashes(folder):
    files = sorted(path for path in folder.iterdir() if path.name != _HASHES)
    return "".join(f"{sha256_of(path)}  {path.name}\n" for path in files)


def _versions():
    """A graph of other versions is another graph: what changed in them may have been an error."""
    return importlib.metadata.version("keras"), importlib.metadata.version("autoencoder-zoo")


def _make(subject, kind, values, folder):
    from zoo.utils.quiet import load_quietly

    load_quietly()
    from zoo.inference.export.exporting import write

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = contextlib.ExitStack()
        temporary = beside.enter_context(folder_beside(folder))
    except OSError as error:
        raise ZooError(
            f"no graph can be kept in {folder.parent}: {error.strerror}; set ZOO_CACHE to a folder of yours."
        ) from None
    with beside:
        write(subject.encoder(), os.path.join(temporary, f"graph{SUFFIXES[kind]}"), kind, subject.data_shape, values)
        (temporary / _HASHES).write_text(_hashes(temporary), encoding="utf-8")
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was faster; its graph is as good.
            if not folder.is_dir():
                raise
