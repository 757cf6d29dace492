"""Images from where people have them: a TFDS name, a .npy or .npz file, or a folder of pictures."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.errors import ZooError, suggest

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


@dataclass(frozen=True)
class Data:
    """Images (N, H, W, C) or vectors (N, D) in memory, with what is known of them.

    `labels` are integers (N,) or None, `ids` a text for each, `skipped` the files that were unreadable.
    """

    images: np.ndarray
    labels: np.ndarray | None
    ids: list
    name: str
    version: str
    class_names: list | None = None
    skipped: list = field(default_factory=list)


def load(source, split="train", data_dir=None, image_shape=None, resize=False, skip_unreadable=False):
    """All of a source in memory, as a `Data`.

    Args:
        source: a TFDS name ("mnist"), a `.npy` file of images, a `.npz` file (`images` or `x`, and perhaps `labels` or `y`; or
            `x_train`, `y_train`, `x_test`, `y_test`), or a folder of pictures, whose sub-folders, if any, are the classes.
        split: "train" or "test", or a TFDS slice such as "train[:90%]"; a folder and a single array have but one.
        data_dir: where TFDS data lies or goes; by default TFDS_DATA_DIR, then TFDS's own.
        image_shape: (height, width, channels) that pictures must have; None takes that of the first.
        resize: bring pictures of other sizes to `image_shape` instead of refusing them.
        skip_unreadable: leave out pictures that cannot be decoded instead of refusing the folder.

    Raises:
        ZooError: when there is no such source, or it holds something else than images.
    """
    kind = kind_of(source)
    if kind == "tfds":
        return _load_tfds(source, split, data_dir)
    if kind == "folder":
        return _load_folder(Path(source), image_shape, resize, skip_unreadable)
    return _load_array(Path(source), split)


def kind_of(source):
    """"tfds", "array" or "folder"; `ZooError` for what is none."""
    path = Path(source)
    if path.is_dir():
        return "folder"
    if path.suffix in (".npy", ".npz"):
        if not path.is_file():
            raise ZooError(f"there is no file {path}.")
        return "array"
    if path.is_file():
        raise ZooError(f"got the file {path}, expected a .npy or .npz file, a folder of images, or a TFDS name such as 'mnist'.")
    if os.sep in str(source) and (path.is_absolute() or str(source).endswith(os.sep) or str(source).startswith(".")):
        raise ZooError(f"there is no folder {path}.")
    return "tfds"


def _builder(name, data_dir):
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        if not isinstance(error, tfds.core.DatasetNotFoundError):
            raise ZooError(f"TFDS cannot make {name!r}: {str(error).splitlines()[0]}") from None
        near = suggest(name, tfds.list_builders(with_community_datasets=False))
        raise ZooError(f"there is no folder, file or TFDS data set {name!r}.{near}") from None


def _prepared(name, data_dir):
    builder = _builder(name, data_dir)
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS lets the errors of every library below it through.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ZooError(
            f"the data set {name!r} is not prepared in {data_dir or builder.data_dir} and could not be downloaded "
            f"({reason[:120]}); name the folder that has it by --data-dir or TFDS_DATA_DIR."
        ) from None
    return builder


def _load_tfds(name, split, data_dir):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    builder = _prepared(name, data_dir)
    info = builder.info
    if "image" not in info.features:
        raise ZooError(f"the data set {name!r} has the features {', '.join(info.features)}, expected an 'image'.")
    try:
        dataset = builder.as_dataset(split=split, read_config=tfds.ReadConfig(interleave_cycle_length=1))
        count = info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise ZooError(f"the data set {name!r} has no split {split!r}, expected one of {', '.join(info.splits)}.") from error
    if None in info.features["image"].shape:
        raise ZooError(f"the images of {name!r} differ in size; export them to a folder and give that with a size.")
    labelled = "label" in info.features
    dataset = dataset.map(lambda e: (e["image"], e["label"] if labelled else tf.constant(0, tf.int64)))
    batches = list(dataset.batch(1000).prefetch(2).as_numpy_iterator())
    return Data(
        images=np.concatenate([b[0] for b in batches]),
        labels=np.concatenate([b[1] for b in batches]) if labelled else None,
        ids=[f"{split}/{i}" for i in range(count)],
        name=info.name,
        version=str(info.version),
        class_names=info.features["label"].names if labelled else None,
    )


def _load_array(path, split):
    images, labels = _arrays(path, split)
    return Data(images, labels, [str(i) for i in range(len(images))], path.stem, "")


def _arrays(path, split, mmap=False):
    try:
        loaded = np.load(path, mmap_mode="r" if mmap and path.suffix == ".npy" else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ZooError(f"{path} is no readable NumPy file ({str(error).splitlines()[0]}).") from None
    if isinstance(loaded, np.ndarray):
        images, labels = loaded, None
    else:
        with loaded:
            images = _pick(loaded, path, (f"x_{split}", f"{split}_images", "images", "x"))
            labels = _pick(loaded, path, (f"y_{split}", f"{split}_labels", "labels", "y"), needed=False)
    if images.ndim not in (2, 3, 4) or len(images) == 0:
        raise ZooError(f"{path} holds an array of shape {images.shape}, expected images (N, H, W, C) or vectors (N, D), N >= 1.")
    # Grey images are often kept without their channel.
    images = images[..., None] if images.ndim == 3 else images
    if labels is not None and len(labels) != len(images):
        raise ZooError(f"{path} holds {len(images)} images and {len(labels)} labels, expected as many of each.")
    return images, None if labels is None else np.asarray(labels).reshape(len(labels))


def _pick(archive, path, names, needed=True):
    for name in names:
        if name in archive.files:
            try:
                return archive[name]
            except ValueError as error:
                raise ZooError(f"the array {name!r} of {path} cannot be read ({error}).") from None
    if needed:
        raise ZooError(f"{path} holds {', '.join(archive.files) or 'nothing'}, expected an array called {' or '.join(names)}.")
    return None


def _files(folder):
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    if not files:
        raise ZooError(f"the folder {folder} holds no images, expected files ending in {', '.join(_SUFFIXES)}.")
    return files


def _load_folder(folder, image_shape, resize, skip):
    stream = FolderStream(folder, 64, image_shape, resize, skip)
    batches = list(stream)
    if not batches:
        raise ZooError(f"no image of {folder} could be read; the first was {stream.skipped[0]}.")
    ids = [i for b in batches for i in b[0]]
    parents = [str(Path(i).parent) for i in ids]
    names = sorted(set(parents))
    labels = np.array([names.index(p) for p in parents]) if names != ["."] else None
    images = np.concatenate([b[1] for b in batches])
    return Data(images, labels, ids, folder.resolve().name, "", names if labels is not None else None, stream.skipped)


def stream(source, batch_size, image_shape, split="test", data_dir=None, resize=False, skip_unreadable=False):
    """Batches (ids, images) of a source of any size, in order, in flat memory; `len()` is the number of images.

    Arguments and errors are those of `load`; files that were left out are named in `.skipped`.
    """
    kind = kind_of(source)
    if kind == "folder":
        return FolderStream(Path(source), batch_size, image_shape, resize, skip_unreadable)
    if kind == "array":
        return ArrayStream(_arrays(Path(source), split, mmap=True)[0], batch_size)
    return TFDSStream(_prepared(source, data_dir), split, batch_size)


class ArrayStream:
    """Batches of an array, memory-mapped where it comes from a .npy file."""

    skipped = ()

    def __init__(self, images, batch_size):
        self.images, self.batch_size = images, batch_size

    def __len__(self):
        return len(self.images)

    def __iter__(self) -> Iterator:
        for start in range(0, len(self.images), self.batch_size):
            batch = np.asarray(self.images[start : start + self.batch_size])
            yield [str(start + i) for i in range(len(batch))], batch


class TFDSStream:
    """Batches of a prepared TFDS data set."""

    skipped = ()

    def __init__(self, builder, split, batch_size):
        self.builder, self.split, self.batch_size = builder, split, batch_size
        try:
            self.count = builder.info.splits[split].num_examples
        except (KeyError, ValueError):
            splits = ", ".join(builder.info.splits)
            raise ZooError(f"the data set {builder.info.name!r} has no split {split!r}, expected one of {splits}.") from None

    def __len__(self):
        return self.count

    def __iter__(self) -> Iterator:
        import tensorflow_datasets as tfds

        dataset = self.builder.as_dataset(split=self.split, read_config=tfds.ReadConfig(interleave_cycle_length=1))
        start = 0
        for batch in dataset.map(lambda e: e["image"]).batch(self.batch_size).prefetch(2).as_numpy_iterator():
            yield [f"{self.split}/{start + i}" for i in range(len(batch))], batch
            start += len(batch)


class FolderStream:
    """Batches of the pictures under a folder, decoded in parallel, sorted by path. Ids are paths relative to the folder."""

    def __init__(self, folder, batch_size, image_shape, resize, skip_unreadable):
        self.folder, self.batch_size = folder, batch_size
        self.resize, self.skip_unreadable = resize, skip_unreadable
        self.files = _files(folder)
        self.skipped = []
        self.shape = tuple(image_shape) if image_shape else None
        if resize and self.shape is None:
            raise ZooError("got resize without an image_shape to resize to.")
        if self.shape is not None and (len(self.shape) != 3 or self.shape[-1] not in (1, 3)):
            raise ZooError(f"pictures have 1 or 3 channels, expected inputs of shape {self.shape}; give an array instead.")

    def __len__(self):
        return len(self.files)

    def __iter__(self) -> Iterator:
        self.skipped = []
        decoded = self._decoded()
        while group := list(itertools.islice(decoded, self.batch_size)):
            yield [i for i, _ in group], np.stack([image for _, image in group])

    def _decoded(self):
        import concurrent.futures
        from collections import deque

        # TensorFlow's decoder lets go of the interpreter's lock, so that threads run it side by side.
        with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            waiting, rest = deque(), iter(self.files)
            for path in itertools.islice(rest, 4 * self.batch_size):
                waiting.append((path, pool.submit(self._decode, path)))
            while waiting:
                path, future = waiting.popleft()
                following = next(rest, None)
                if following is not None:
                    waiting.append((following, pool.submit(self._decode, following)))
                name = path.relative_to(self.folder).as_posix()
                try:
                    image = future.result()
                except _Unreadable as reason:
                    if not self.skip_unreadable:
                        for _, other in waiting:
                            other.cancel()
                        raise ZooError(f"{path} is no readable image ({reason}); mend it, or give --skip-unreadable.") from None
                    self.skipped.append(name)
                    continue
                yield name, self._fitted(path, image)

    def _decode(self, path):
        import tensorflow as tf

        channels = self.shape[-1] if self.shape else 0
        try:
            image = tf.io.decode_image(path.read_bytes(), channels=channels, expand_animations=False).numpy()
        except (tf.errors.InvalidArgumentError, OSError, ValueError) as error:
            raise _Unreadable(str(error).split("[Op:")[0].strip().splitlines()[0][:100]) from None
        # Transparency is dropped.
        return image[..., :3] if image.shape[-1] == 4 else image[..., :1] if image.shape[-1] == 2 else image

    def _fitted(self, path, image):
        if self.shape is None:
            self.shape = image.shape
        if image.shape == self.shape:
            return image
        if image.shape[-1] != self.shape[-1] or not self.resize:
            raise ZooError(f"{path} has shape {image.shape}, expected {self.shape}; give --resize to bring all to that size.")
        import tensorflow as tf

        resized = tf.image.resize(image, self.shape[:2], antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8).numpy()


class _Unreadable(Exception):
    pass


def save_images(images, folder, ids=None):
    """Write images (N, H, W, C), float 0..1 or uint8, as PNG files; names sort in order. Returns the paths."""
    import tensorflow as tf

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    width = len(str(len(images) - 1))
    paths = []
    for i, image in enumerate(images):
        if image.dtype != np.uint8:
            image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
        name = f"{i:0{width}d}" if ids is None else str(Path(ids[i]).with_suffix(""))
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(image).numpy())
        paths.append(path)
    return paths
