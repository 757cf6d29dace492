"""Feature extraction of any number of images with constant memory: reading, computing and writing run in parallel."""

import copy
import os
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.data.notes import notes_of
from zoo.errors import ZooError, ZooWarning
from zoo.inference import runtimes
from zoo.inference.calibration import calibration_images
from zoo.inference.options import FeatureOptions, options_of
from zoo.inference.runtimes.subject import Subject
from zoo.utils.devices import processors


def extract_features(
    name_or_model, source, runtime="auto", batch_size="auto", dtype="float32", layer=None, pool=None, output=None, **reading
):
    """Features of all images of a source.

    Args:
        name_or_model: the name of a weight set, the folder of a saved model, or a model.
        source: an array (N, *input_shape), uint8 0..255 or floats 0..1; an iterable of such arrays, for example a batched
            `tf.data.Dataset`, also of pairs (images, labels) and of mappings with `image`; or what `zoo encode` accepts: a folder
            of images, a .npy, .npz or .parquet file, a TFDS name.
        runtime: "openvino", "onnxruntime", "tensorflow", "jax", "torch", or "auto", the fastest that is installed: see
            `zoo.inference.runtimes`. Graphs are exported once, checked, and kept in the cache.
        batch_size: number of images per batch, or "auto".
        dtype: precision of the computation: "float32"; "bfloat16", which OpenVINO and the backends of Keras support; or "int8" on
            ONNX Runtime, calibrated on up to 256 images of the source, see `zoo.inference.runtimes.int8`. With runtime="auto",
            models that int8 does not make faster on this machine, or changes too much, are computed in float32.
        layer, pool: depth and pooling of the features, see `zoo.load_encoder`; by default the code.
        output: a .npz, .npy, .csv or .parquet file, written batch by batch, see `zoo.data.writers.open_writer`; memory
            does not grow with the number of images.
        **reading: `split`, `data_dir`, `resize`, `skip_unreadable`, see `zoo.data.sources.load`.

    Returns:
        An array (N, D), float32; with `output` its path. Warnings list skipped images and how images were read.

    Raises:
        ZooError: if the name, source or runtime is invalid, or images have another size; no file is written then.
    """
    from zoo.data.writers import check_apart, open_writer

    if output is not None and isinstance(source, (str, os.PathLike)):
        check_apart(source, output)
    options = FeatureOptions(runtime, batch_size, dtype, layer, pool, **reading)
    stream = FeatureStream(name_or_model, source, options)
    if output is None:
        rows = [rows for _, rows in stream]
        if not rows:
            raise ZooError("the source contains no images.")
        result = np.concatenate(rows)
    else:
        with open_writer(output) as writer:
            for ids, rows in stream:
                writer.write(ids, rows)
        result = output
    for line in notes_of(stream):
        warnings.warn(f"{source}: {line}", ZooWarning, stacklevel=2)
    return result


class FeatureStream:
    """Batches (ids, features (n, D) float32) of a source, in its order.

    Args:
        name_or_model, source: as for `extract_features`.
        options: a `zoo.inference.options.FeatureOptions`; or its fields as keywords, which are those of `extract_features`.

    `.total` is the number of images, or None if unknown; the number of batches depends on the runtime. `.skipped` lists the files
    that could not be read, and `.notes` are messages about how images were read; both are complete after the last batch.
    """

    def __init__(self, name_or_model, source, options=None, **fields):
        self.options = options_of(options, fields)
        self.subject = Subject(name_or_model, self.options.layer, self.options.pool)
        self._engines = {}
        self.images = self._whole = _stream(source, self.subject, self.options)

    @property
    def total(self):
        """Number of images, including unreadable ones; None if unknown."""
        return getattr(self.images, "total", None)

    def part(self, start, stop):
        """The stream of the images `start` to `stop` - 1 of a folder or file, on the same engines."""
        part = copy.copy(self)
        part.images = self.images.part(start, stop)
        return part

    @property
    def skipped(self):
        """Files that could not be read and were skipped."""
        return getattr(self.images, "skipped", ())

    @property
    def notes(self):
        """Messages about how images were read, for example that transparency was removed."""
        return getattr(self.images, "notes", ())

    @property
    def runtime(self):
        """Name of the runtime; None before the first batch."""
        return next((engine.name for engine in self._engines.values()), None)

    def __iter__(self):
        alone, most = True, float("inf") if self.total is None else self.total
        with ThreadPoolExecutor(max(2, processors())) as threads:
            waiting, ahead = deque(), 1
            for ids, images in self.images:
                images = self._check(images)
                engine = self._engine("uint8" if images.dtype == np.uint8 else "float32")
                size = engine.batch_size if self.options.batch_size == "auto" else self.options.batch_size
                size = min(size, most)
                for start in range(0, len(images), size):
                    part = images[start : start + size]
                    if alone and engine.compiles:
                        # The first batch runs alone, so that two threads do not compile the same function.
                        alone = False
                        yield ids[start : start + size], _run(engine, part, size)
                        continue
                    waiting.append((ids[start : start + size], threads.submit(_run, engine, part, size)))
                    # One batch more than there are threads, so that none of them waits for the reader.
                    ahead = engine.threads + 1
                    while len(waiting) > ahead:
                        names, future = waiting.popleft()
                        yield names, future.result()
            while waiting:
                names, future = waiting.popleft()
                yield names, future.result()

    def _engine(self, values):
        if values not in self._engines:
            self._engines[values] = runtimes.open_engine(
                self.subject,
                self.options.runtime,
                self.options.dtype,
                values,
                # Of all images, also if this is the stream of a part: all parts are computed by the same graph.
                lambda: calibration_images(self._whole, self._check, values),
            )
        return self._engines[values]

    def _check(self, images):
        return self.subject.modality.check(images, self.subject.data_shape)


def _run(engine, images, size):
    """Features of at most `size` images; if the engine compiles, padded to that number, so that it sees one shape only."""
    count = len(images)
    if count < size and engine.compiles:
        images = np.concatenate([images, np.repeat(images[-1:], size - count, axis=0)])
    rows = engine.run(images)[:count]
    return rows.reshape(count, -1)


class _Batches:
    """The images of an iterable of batches; ids are their indices."""

    def __init__(self, batches, modality):
        self.batches, self.modality = batches, modality

    def __iter__(self):
        start = 0
        for batch in self.batches:
            images = self.modality.of_batch(batch)
            yield [str(start + i) for i in range(len(images))], images
            start += len(images)


def _stream(source, subject, options):
    from zoo.data import sources

    # Read in batches large enough for every engine, which splits them.
    batch_size = 8 * subject.images_together if options.batch_size == "auto" else options.batch_size
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return subject.modality.stream(source, batch_size, subject.data_shape, **options.reading)
    if options.reading_given:
        raise ZooError(
            f"got {', '.join(options.reading_given)} with images in memory, expected files; zoo.load_encoder(name, resize=True) "
            "resizes arrays."
        )
    raw = subject.modality.in_memory(source)
    if raw is not None:
        return sources.ArrayStream(subject.modality.check(raw, subject.data_shape), batch_size)
    if not hasattr(source, "__iter__") and hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        # As `keras.utils.PyDataset` is, which ends by its length and not by an IndexError.
        source = (source[i] for i in range(len(source)))
    if not hasattr(source, "__iter__"):
        raise ZooError(f"got {source!r} for a source, expected an array, batches of arrays, a folder, a file or a TFDS name.")
    return _Batches(source, subject.modality)
