"""Images to features at full speed, in flat memory: read, compute and write at the same time."""

import copy
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.errors import ZooError
from zoo.inference import runtimes
from zoo.inference.options import FeatureOptions, options_of
from zoo.inference.runtimes.subject import Subject
from zoo.modalities.image import check_images, picture_shape
from zoo.utils.devices import processors


def extract_features(
    name_or_model, source, runtime="auto", batch_size="auto", dtype="float32", layer=None, pool=None, output=None, **reading
):
    """Features of all images of a source.

    Args:
        name_or_model: the name of a weight set, the folder of a saved model, or a model.
        source: an array (N, *input_shape), uint8 0..255 or floats 0..1; an iterable of such arrays, for example a batched
            `tf.data.Dataset`; or what `zoo encode` takes: a folder of pictures, a .npy, .npz or .parquet file, a TFDS name.
        runtime: "openvino", "onnxruntime", "tensorflow", "jax", "torch", or "auto", the fastest that is installed: see
            `zoo.inference.runtimes`. Graphs are exported once, checked, and kept in the cache.
        batch_size: images at a time, or "auto".
        dtype: precision to compute in, "float32" or "bfloat16", which OpenVINO and Keras's backends have.
        layer, pool: the depth to read, see `zoo.load_encoder`; None is the code.
        output: a .npz, .npy, .csv or .parquet file, written batch by batch, see `zoo.data.writers.open_writer`; memory stays
            flat for any number of images.
        **reading: `split`, `data_dir`, `resize`, `skip_unreadable`, see `zoo.data.load`.

    Returns:
        An array (N, D), float32; with `output` its path.

    Raises:
        ZooError: on a wrong name, source, runtime or size; a file is then not written.
    """
    from zoo.data.writers import check_apart, open_writer

    if output is not None and isinstance(source, (str, os.PathLike)):
        check_apart(source, output)
    options = FeatureOptions(runtime, batch_size, dtype, layer, pool, **reading)
    stream = FeatureStream(name_or_model, source, options)
    if output is None:
        rows = [rows for _, rows in stream]
        if not rows:
            raise ZooError("the source gave no images.")
        return np.concatenate(rows)
    with open_writer(output) as writer:
        for ids, rows in stream:
            writer.write(ids, rows)
    return output


class FeatureStream:
    """Batches (ids, features (n, D) float32) of a source, in its order.

    Args:
        name_or_model, source: as for `extract_features`.
        options: a `zoo.inference.options.FeatureOptions`; or its fields as keywords, which are those of `extract_features`.

    `len()` is the number of images, where the source knows it; files that were left out are named in `.skipped`.
    """

    def __init__(self, name_or_model, source, options=None, **fields):
        self.options = options_of(options, fields)
        self.subject = Subject(name_or_model, self.options.layer, self.options.pool)
        self._engines = {}
        self.images = _stream(source, self.subject.data_shape, self.options)

    def __len__(self):
        return len(self.images)

    def part(self, start, stop):
        """The stream of the images from number `start` to before `stop` of a folder or file, on the same engines."""
        part = copy.copy(self)
        part.images = self.images.part(start, stop)
        return part

    @property
    def skipped(self):
        """Files that could not be read, where they are to be left out."""
        return getattr(self.images, "skipped", ())

    @property
    def runtime(self):
        """Name of the runtime that computes, once it does; None before."""
        return next((engine.name for engine in self._engines.values()), None)

    def __iter__(self):
        first, most = True, len(self.images) if hasattr(self.images, "__len__") else float("inf")
        with ThreadPoolExecutor(max(2, processors())) as threads:
            waiting, ahead = deque(), 1
            for ids, images in self.images:
                images = check_images(images, self.subject.data_shape)
                engine = self._engine("uint8" if images.dtype == np.uint8 else "float32")
                size = engine.batch_size if self.options.batch_size == "auto" else self.options.batch_size
                size = min(size, most)
                for start in range(0, len(images), size):
                    part = images[start : start + size]
                    if first:
                        # Alone: what a backend compiles on its first call is not to be compiled by two threads.
                        first = False
                        yield ids[:size], _run(engine, part, size)
                        continue
                    waiting.append((ids[start : start + size], threads.submit(_run, engine, part, size)))
                    # One more than are computed, so that none of the threads waits for the reader.
                    ahead = engine.threads + 1
                    while len(waiting) > ahead:
                        names, future = waiting.popleft()
                        yield names, future.result()
            while waiting:
                names, future = waiting.popleft()
                yield names, future.result()

    def _engine(self, values):
        if values not in self._engines:
            self._engines[values] = runtimes.open_engine(self.subject, self.options.runtime, self.options.dtype, values)
        return self._engines[values]


def _run(engine, images, size):
    """Features of at most `size` images, padded to that number: the engine sees one shape only."""
    count = len(images)
    if count < size:
        images = np.concatenate([images, np.repeat(images[-1:], size - count, axis=0)])
    rows = engine.run(images)[:count]
    return rows.reshape(count, -1)


class _Batches:
    """Arrays of an iterable, called by their numbers."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        start = 0
        for batch in self.batches:
            images = np.asarray(batch)
            yield [str(start + i) for i in range(len(images))], images
            start += len(images)


def _stream(source, data_shape, options):
    from zoo.data import sources

    # Read in batches that suit every engine; each takes its own number out of them.
    batch_size = 1024 if options.batch_size == "auto" else options.batch_size
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return sources.stream(source, batch_size, picture_shape(data_shape), **options.reading)
    if options.reading_given:
        raise ZooError(f"got {', '.join(options.reading_given)} for images in memory, which are taken as they are.")
    if isinstance(source, np.ndarray) or hasattr(source, "__array__"):
        return sources.ArrayStream(np.asarray(source), batch_size)
    if not hasattr(source, "__iter__"):
        raise ZooError(f"got {source!r} for a source, expected an array, batches of arrays, a folder, a file or a TFDS name.")
    return _Batches(source)
