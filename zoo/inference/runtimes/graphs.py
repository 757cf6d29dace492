"""Exported graphs of encoders, kept in the cache: made once for the same weights, settings and versions, and checked then."""

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
# What a graph is made with, beside Keras: another version makes another graph, for what changed may have been an error.
_MAKERS = {"onnx": ("tensorflow", "tf2onnx", "onnx"), "openvino": ("tensorflow", "openvino")}
# Beside a graph: what it was made of, what was compared, and the hashes of its files.
_PROOF = "proof.json"
# Graphs of models in memory, which change with every step of a training, are kept for so many.
_IN_MEMORY, _KEPT = "in-memory", 8


class GraphError(ZooError):
    """A graph cannot be had; on Keras's backend the model runs all the same."""


def graph(subject, kind, values):
    """Path of the graph of a `Subject`, exported and checked if it is not in the cache.

    Args:
        subject: what to export.
        kind: "onnx" or "openvino".
        values: dtype of the images that the graph takes, "uint8" or "float32".

    Raises:
        GraphError: when a package is missing, the export fails or differs from Keras, or the cache cannot be written.
        ZooError: when the features are not the reference features of the weight set; no graph is kept then.
    """
    facts = _facts(subject, kind, values)
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    graphs = cache_dir() / "graphs"
    folder = graphs / _IN_MEMORY / key if subject.in_memory else graphs / f"{subject.name}-{key}"
    if not _is_whole(folder, facts):
        shutil.rmtree(folder, ignore_errors=True)
        _make(subject, kind, values, folder, facts)
    if subject.in_memory:
        _keep_recent(folder)
    return folder / f"graph{SUFFIXES[kind]}"


def _facts(subject, kind, values):
    """JSON-able mapping of all that decides a graph."""
    return {
        "schema": SCHEMA,
        "model": subject.digest(),
        "kind": kind,
        "values": values,
        "settings": keras_settings(),
        "versions": {"zoo": zoo.__version__, **{name: _version(name) for name in ("keras", *_MAKERS[kind])}},
    }


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_whole(folder, facts):
    """Whether a graph carries the proof that it was made of these facts, and its files are those that were checked then."""
    try:
        proof = json.loads((folder / _PROOF).read_text(encoding="utf-8"))
        return proof["facts"] == facts and proof["files"] == _hashes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _hashes(folder):
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != _PROOF}


def _make(subject, kind, values, folder, facts):
    load_quietly()
    from zoo.inference.export.writing import ExportError, write

    model = subject.built()
    checked = subject.check(model)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = contextlib.ExitStack()
        temporary = beside.enter_context(folder_beside(folder))
    except OSError as error:
        raise GraphError(
            f"no graph can be kept in {folder.parent}: {error.strerror}; set ZOO_CACHE to a folder of yours."
        ) from None
    with beside:
        encoder = model.encoder.at(subject.layer, subject.pool)
        try:
            difference = write(encoder, temporary / f"graph{SUFFIXES[kind]}", kind, subject.data_shape, values)
        except ExportError as error:
            raise GraphError(str(error)) from None
        compared = {"keras": difference, "reference features": checked}
        proof = {"facts": facts, "largest differences": compared, "files": _hashes(temporary)}
        (temporary / _PROOF).write_text(json.dumps(proof, indent=1), encoding="utf-8")
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was faster; its graph is as good.
            if not folder.is_dir():
                raise


def _keep_recent(folder):
    """Mark a graph as used, and remove those of models in memory that were used longest ago."""
    with contextlib.suppress(OSError):
        os.utime(folder)
        used = sorted((path for path in folder.parent.iterdir() if not path.name.startswith(".")), key=_last_used)
        for path in used[:-_KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def _last_used(path):
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another process has removed it
        return 0
