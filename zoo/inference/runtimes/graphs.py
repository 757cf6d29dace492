"""Exported graphs of encoders in the cache: made and checked once per combination of weights, settings and versions."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil

import zoo
from zoo.errors import ZooError
from zoo.pretrained.cache import cache_dir
from zoo.pretrained.hashes import sha256_of
from zoo.utils.files import folder_beside
from zoo.utils.quiet import keras_settings, load_quietly

SCHEMA = 1
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
# Packages that make a graph, besides Keras. A graph is made again with a new version, which may have corrected an error.
_EXPORTERS = {"onnx": ("tensorflow", "tf2onnx", "onnx"), "openvino": ("tensorflow", "openvino")}
# File next to a graph: what it was made from, the results of its checks, and the hashes of its files.
_RECORD = "record.json"
# Folder of the graphs of models in memory, and how many of them are kept: such models change with every step of a training.
_IN_MEMORY, _MOST_IN_MEMORY = "in-memory", 8


class GraphError(ZooError):
    """A graph cannot be made; the model still runs on Keras's backend."""


def graph(subject, kind, values):
    """Path of the graph of a `Subject`, exported and checked if it is not in the cache.

    Args:
        subject: the encoder to export.
        kind: "onnx" or "openvino".
        values: dtype of the images that the graph takes, "uint8" or "float32".

    Raises:
        GraphError: if a package is missing, the export fails or differs from Keras, or the cache cannot be written.
        ZooError: if the features differ from the reference features of the weight set; no graph is kept then.
    """
    facts = graph_facts(subject, kind, values)
    folder = cached(subject, facts, lambda temporary: _export(subject, kind, values, temporary))
    return folder / f"graph{SUFFIXES[kind]}"


def cached(subject, facts, make):
    """Folder in the cache with the graph of a `Subject` that has these facts, made if it is not there.

    Args:
        subject: the encoder of the graph.
        facts: JSON-serializable mapping of everything that determines the graph.
        make: function that writes the graph to a folder; returns a mapping of results for its record, see `record_of`.

    Raises:
        GraphError: if the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    graphs = cache_dir() / "graphs"
    folder = graphs / _IN_MEMORY / key if subject.in_memory else graphs / f"{subject.name}-{key}"
    if not _is_valid(folder, facts):
        shutil.rmtree(folder, ignore_errors=True)
        _fill(folder, facts, make)
    if subject.in_memory:
        _keep_recent(folder)
    return folder


def record_of(folder):
    """The record of a folder of `cached`: its `facts`, the hashes of its `files`, and the results of `make`."""
    return json.loads((folder / _RECORD).read_text(encoding="utf-8"))


def graph_facts(subject, kind, values):
    """JSON-serializable mapping of everything that determines a graph."""
    return {
        "schema": SCHEMA,
        "model": subject.digest(),
        "kind": kind,
        "values": values,
        "settings": keras_settings(),
        "versions": versions("keras", *_EXPORTERS[kind]),
    }


def versions(*packages):
    """Mapping of the zoo and packages to their versions."""
    return {"zoo": zoo.__version__, **{name: _version(name) for name in packages}}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_valid(folder, facts):
    """Whether a graph was made from these facts, and its files have the recorded hashes."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return record["facts"] == facts and record["files"] == _hashes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _hashes(folder):
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != _RECORD}


def _fill(folder, facts, make):
    """Make a graph beside `folder`, and move it there once it is complete."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stack = contextlib.ExitStack()
        temporary = stack.enter_context(folder_beside(folder))
    except OSError as error:
        raise GraphError(
            f"no graph can be written to {folder.parent}: {error.strerror}; set ZOO_CACHE to another folder."
        ) from None
    with stack:
        record = {"facts": facts, **make(temporary), "files": _hashes(temporary)}
        (temporary / _RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was faster; its graph is used.
            if not folder.is_dir():
                raise


def _export(subject, kind, values, folder):
    load_quietly()
    from zoo.inference.export.writing import ExportError, write

    model = subject.built()
    checked = subject.check(model)
    encoder = model.encoder.at(subject.layer, subject.pool)
    try:
        difference = write(encoder, folder / f"graph{SUFFIXES[kind]}", kind, subject.data_shape, values)
    except ExportError as error:
        raise GraphError(str(error)) from None
    return {"largest differences": {"keras": difference, "reference features": checked}}


def _keep_recent(folder):
    """Mark a graph as used, and remove those that were used longest ago."""
    with contextlib.suppress(OSError):
        os.utime(folder)
        used = sorted((path for path in folder.parent.iterdir() if not path.name.startswith(".")), key=_last_used)
        for path in used[:-_MOST_IN_MEMORY]:
            shutil.rmtree(path, ignore_errors=True)


def _last_used(path):
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another process has removed it
        return 0
