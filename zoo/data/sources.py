"""Images from where people have them: a TFDS name, a .npy, .npz or .parquet file, a folder of pictures or of .parquet files;
and `zoo.data.sprites`."""

import contextlib
import lzma
import os
import re
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from zoo.data import sprites
from zoo.data.folder_stream import FolderStream
from zoo.data.image_folder import scan
from zoo.data.image_stream import alike
from zoo.data.parquet import open_parquet, parquet_files
from zoo.data.splitting import split as split_indices
from zoo.errors import ZooError, suggest
from zoo.utils.distributions import install_command
from zoo.utils.quiet import installed, load_tensorflow_quietly
from zoo.utils.streams import is_terminal


@dataclass(frozen=True)
class Data:
    """Images (N, H, W, C) or vectors (N, D) in memory, with what is known of them.

    `labels` are integers (N,) or None, `ids` a text for each, `skipped` names the files that could not be read and were left out,
    and `notes` are lines on what else there is to know of how the source was read.
    """

    images: np.ndarray
    labels: np.ndarray | None
    ids: list
    name: str
    version: str
    class_names: list | None = None
    skipped: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def part(self, indices):
        """The images number `indices`, an array of integers."""
        labels = None if self.labels is None else np.asarray(self.labels)[indices]
        ids = [self.ids[i] for i in indices]
        return Data(self.images[indices], labels, ids, self.name, self.version, self.class_names, self.skipped, self.notes)


def load(source, split="train", data_dir=None, image_shape=None, resize=False, skip_unreadable=False):
    """All of a source in memory, as a `Data`.

    Args:
        source: a TFDS name ("mnist"), a `.npy` file of images, a `.npz` file (`images` or `x`, and perhaps `labels` or `y`; or
            `x_train`, `y_train`, `x_test`, `y_test`), a folder of pictures, whose sub-folders, if any, are the classes, or the
            splits `train`, `test` and `validation` with the classes in them, a
            `.parquet` file or a folder of them, see `zoo.data.parquet`, or "sprites", which is rendered on the spot, see
            `zoo.data.sprites`: its labels are the shapes, its ids places in the order of all its images.
        split: "train" or "test", or a TFDS slice such as "train[:90%]"; Parquet, a single array and most folders have but one.
        data_dir: where TFDS data lies or goes; by default TFDS_DATA_DIR, then TFDS's own.
        image_shape: (height, width, channels) that pictures must have; None takes that of the first.
        resize: bring pictures of other sizes to `image_shape` instead of refusing them.
        skip_unreadable: leave out pictures that cannot be decoded instead of refusing the folder.

    Raises:
        ZooError: when there is no such source, or it holds something else than uint8 images, floats 0..1, or finite vectors.
    """
    kind = kind_of(source)
    if kind == "sprites":
        return _load_sprites(split)
    if kind == "tfds":
        return _load_tfds(source, split, data_dir)
    if kind == "folder":
        return _load_folder(Path(source), split, image_shape, resize, skip_unreadable)
    if kind == "parquet":
        return _load_parquet(Path(source), image_shape, resize, skip_unreadable)
    return _load_array(Path(source), split)


def _checked(images, source):
    from zoo.modalities.image import check_images

    try:
        return check_images(images, images.shape[1:])
    except ZooError as error:
        raise ZooError(f"{source}: {error}") from None


def kind_of(source):
    """ "tfds", "array", "folder", "parquet" or "sprites"; `ZooError` for what is none."""
    path = Path(source)
    if path.is_dir():
        # Features that were written beside the pictures do not make it another folder.
        return "parquet" if parquet_files(path) and not scan(path).files else "folder"
    if str(source) == sprites.NAME:
        return "sprites"
    if path.suffix.lower() in (".npy", ".npz", ".parquet"):
        if not path.is_file():
            raise ZooError(f"there is no file {path}.")
        return "parquet" if path.suffix.lower() == ".parquet" else "array"
    if path.is_file():
        wanted = "a .npy, .npz or .parquet file, a folder of images, or a TFDS name such as 'mnist'"
        raise ZooError(f"got the file {path}, expected {wanted}.")
    if os.sep in str(source) and (path.is_absolute() or str(source).endswith(os.sep) or str(source).startswith(".")):
        raise ZooError(f"there is no folder {path}.")
    return "tfds"


def _builder(name, data_dir):
    if not installed("tensorflow"):
        raise ZooError(f"the data set {name!r} of TFDS needs TensorFlow; install it, or give a folder, .npy or .npz file.")
    load_tensorflow_quietly()
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # An assertion, a missing module, a value: TFDS has no error of its own for a bad name.
        reason = _first_line(error)
        if isinstance(error, tfds.core.DatasetNotFoundError) or reason.startswith("Parsing builder name"):
            near = suggest(name, [*tfds.list_builders(with_community_datasets=False), sprites.NAME])
            raise ZooError(f"there is no folder, file or TFDS data set {name!r}.{near}") from None
        reason = re.sub(r"^Failed to construct dataset .*?}\": ", "", reason)
        raise ZooError(f"TFDS cannot make {name!r}: {reason[:160]}") from None


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _prepared(name, data_dir):
    builder = _builder(name, data_dir)
    try:
        with _quiet_unless_watched():
            builder.download_and_prepare()
    except Exception as error:  # TFDS lets the errors of every library below it through.
        reason = _first_line(error)[:120]
        if isinstance(error, ModuleNotFoundError) and error.name:
            reason += f"; {install_command(error.name)}"
        raise ZooError(
            f"the data set {name!r} is not prepared in {builder.data_dir} and could not be downloaded "
            f"({reason}); name the folder that has it by --data-dir or TFDS_DATA_DIR."
        ) from None
    if "image" not in builder.info.features:
        raise ZooError(f"the data set {name!r} has the features {', '.join(builder.info.features)}, expected an 'image'.")
    if None in builder.info.features["image"].shape:
        raise ZooError(f"the images of {name!r} differ in size; export them to a folder and give that with a size.")
    return builder


@contextlib.contextmanager
def _quiet_unless_watched():
    """A download shows on the standard error where someone watches; the standard output belongs to the results."""
    import tensorflow_datasets as tfds

    if is_terminal(sys.stderr):
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    tfds.disable_progress_bar()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _examples(builder, split, fields, batch_size):
    """Batches of the named fields of a prepared data set, in its own order, as tuples of arrays."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(split=split, read_config=tfds.ReadConfig(interleave_cycle_length=1))
    dataset = dataset.map(lambda example: tuple(example[field] for field in fields))
    try:
        yield from dataset.batch(batch_size).prefetch(2).as_numpy_iterator()
    except tf.errors.OpError:
        where = f"{builder.info.name!r} in {builder.data_dir}"
        raise ZooError(f"the files of {where} are damaged; remove them and prepare the data set again.") from None


def _count(builder, split):
    splits = builder.info.splits
    try:
        return splits[split].num_examples
    except (KeyError, ValueError, AssertionError):
        name, known, near = builder.info.name, ", ".join(splits), suggest(split, splits)
        raise ZooError(f"the data set {name!r} has no split {split!r}, expected one of {known}.{near}") from None


def _load_tfds(name, split, data_dir):
    builder = _prepared(name, data_dir)
    info, count = builder.info, _count(builder, split)
    label = info.features["label"] if "label" in info.features else SimpleNamespace(shape=None)
    labelled = label.shape == () and np.issubdtype(label.np_dtype, np.integer)
    batches = list(_examples(builder, split, ("image", "label")[: 1 + labelled], 1000))
    if not batches:
        raise ZooError(f"the split {split!r} of {name!r} holds no images.")
    return Data(
        images=_checked(np.concatenate([b[0] for b in batches]), name),
        labels=np.concatenate([b[1] for b in batches]) if labelled else None,
        ids=[f"{split}/{i}" for i in range(count)],
        name=info.name,
        version=str(info.version),
        class_names=getattr(label, "names", None) if labelled else None,
    )


def _load_sprites(split):
    places = sprites.split_indices(split)
    factors = sprites.factors(places)
    return Data(
        images=sprites.render(factors),
        labels=factors[:, 0],
        ids=[str(place) for place in places],
        name=sprites.NAME,
        version=sprites.VERSION,
        class_names=list(sprites.FACTORS["shape"]),
    )


def _load_array(path, split):
    images, labels = _arrays(path, split)
    return Data(_checked(images, path), labels, [str(i) for i in range(len(images))], path.stem, "")


# All that reading a damaged or foreign file was seen to raise: NumPy passes on what zipfile, zlib, Python's parser of its
# header and the file system say.
_BROKEN = (
    *(ValueError, TypeError, OSError, EOFError, KeyError, IndexError, OverflowError, NotImplementedError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def _arrays(path, split, mmap=False):
    try:
        loaded = np.load(path, mmap_mode="r" if mmap and path.suffix.lower() == ".npy" else None, allow_pickle=False)
    except _BROKEN as error:
        raise ZooError(f"{path} cannot be read: {_broken(error)}.") from None
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
    if labels is not None and labels.size != len(images):
        raise ZooError(f"{path} holds {len(images)} images and labels of shape {labels.shape}, expected one label an image.")
    return images, None if labels is None else labels.reshape(-1)


def _pick(archive, path, names, needed=True):
    for name in names:
        if name in archive.files:
            try:
                array = archive[name]
            except _BROKEN as error:
                raise ZooError(f"the array {name!r} of {path} cannot be read: {_broken(error)}.") from None
            if not isinstance(array, np.ndarray):
                raise ZooError(f"the member {name!r} of {path} is no NumPy array.")
            return array
    if needed:
        raise ZooError(f"{path} holds {', '.join(archive.files) or 'nothing'}, expected an array called {' or '.join(names)}.")
    return None


def _broken(error):
    text = str(error)
    if "allow_pickle" in text or "Python objects" in text:
        return "it holds Python objects, or no arrays at all; save it anew as an array of numbers"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it is damaged or cut short; copy or save it again"


def _gathered(stream, source):
    """The ids and images of a whole stream."""
    batches = list(stream)
    if not batches:
        raise ZooError(f"none of the {stream.total} images of {source} can be read; the first is {stream.skipped[0]}.")
    return [i for b in batches for i in b[0]], np.concatenate(alike([b[1] for b in batches]))


def _load_folder(folder, split, image_shape, resize, skip):
    found = scan(folder)
    stream = FolderStream(found, 256, image_shape, resize, skip, found.of_split(split))
    ids, images = _gathered(stream, folder)
    # Of a folder in splits all classes, so that their numbers are the same for each; else those of which there are images.
    known = [found.relative(file) for file in found.files] if found.splits else ids
    classes = sorted({found.class_of(i) for i in known if not i.endswith("/")})
    labels = None
    if classes != ["."]:
        number = {name: i for i, name in enumerate(classes)}
        labels = np.array([number[found.class_of(i)] for i in ids])
    return Data(
        images, labels, ids, folder.resolve().name, "", classes if labels is not None else None, stream.skipped, stream.notes
    )


def _load_parquet(path, image_shape, resize, skip):
    stream = open_parquet(path, 256, image_shape, resize, skip)
    ids, images = _gathered(stream, path)
    return Data(_checked(images, path), None, ids, path.resolve().stem, "", skipped=list(stream.skipped), notes=stream.notes)


def load_splits(source, data_dir=None, image_shape=None):
    """Mapping of "train" and "test" to the `Data` of these splits of a source, and whether the test split had to be drawn.

    A folder with the folders `train` and `test` has both; with `train` and `validation` alone, the latter is the test. A source
    with one split, as other folders are, has a tenth of its images drawn for the test, always the same: of each class, where it
    has classes of two images and more.

    Arguments and errors are those of `load`.
    """
    train = load(source, "train", data_dir, image_shape)
    kind = kind_of(source)
    if kind == "folder" and len(folder_splits(source)) > 1:
        return {"train": train, "test": load(source, "test", data_dir, train.images.shape[1:])}, False
    if kind not in ("folder", "parquet"):
        test = load(source, "test", data_dir, image_shape)
        if not np.array_equal(train.images, test.images):
            return {"train": train, "test": test}, False
    labels = train.labels if train.labels is not None and np.unique(train.labels, return_counts=True)[1].min() > 1 else None
    parts = split_indices(len(train.images), labels, 0.1, seed=0)
    return dict(zip(("train", "test"), (train.part(indices) for indices in parts))), True


def folder_splits(source):
    """The splits that a folder of images comes in, "train" and perhaps "validation" and "test"; none for other sources."""
    return tuple(scan(source).splits) if kind_of(source) == "folder" else ()


def stream(source, batch_size, image_shape, split="test", data_dir=None, resize=False, skip_unreadable=False):
    """Batches (ids, images) of a source of any size, in order, in flat memory.

    Arguments and errors are those of `load`, but that all images of a folder are read, whatever its splits: their ids say which.
    `.total` is the number of images; `.skipped` names the files that were left out, and `.notes` are lines on what else there
    is to know, both complete when the last batch has been given.
    """
    kind = kind_of(source)
    if kind == "sprites":
        return SpritesStream(split, batch_size)
    if kind == "folder":
        return FolderStream(scan(source), batch_size, image_shape, resize, skip_unreadable)
    if kind == "parquet":
        return open_parquet(Path(source), batch_size, image_shape, resize, skip_unreadable)
    if kind == "array":
        return ArrayStream(_arrays(Path(source), split, mmap=True)[0], batch_size)
    return TFDSStream(_prepared(source, data_dir), split, batch_size)


class ArrayStream:
    """Batches of an array, memory-mapped where it comes from a .npy file."""

    skipped = notes = ()

    def __init__(self, images, batch_size, first=0):
        self.images, self.batch_size, self.first = images, batch_size, first

    @property
    def total(self):
        """Number of images."""
        return len(self.images)

    def part(self, start, stop):
        """The stream of the images from number `start` to before `stop`."""
        return ArrayStream(self.images[start:stop], self.batch_size, self.first + start)

    def __iter__(self) -> Iterator:
        for start in range(0, len(self.images), self.batch_size):
            batch = np.asarray(self.images[start : start + self.batch_size])
            yield [str(self.first + start + i) for i in range(len(batch))], batch


class SpritesStream:
    """Batches of `zoo.data.sprites`, rendered as they are asked for."""

    skipped = notes = ()

    def __init__(self, split, batch_size):
        self.places, self.batch_size = sprites.split_indices(split), batch_size

    @property
    def total(self):
        """Number of images."""
        return len(self.places)

    def __iter__(self) -> Iterator:
        for start in range(0, len(self.places), self.batch_size):
            places = self.places[start : start + self.batch_size]
            yield [str(place) for place in places], sprites.render(sprites.factors(places))


class TFDSStream:
    """Batches of a prepared TFDS data set."""

    skipped = notes = ()

    def __init__(self, builder, split, batch_size):
        self.builder, self.split, self.batch_size = builder, split, batch_size
        self.total = _count(builder, split)

    def __iter__(self) -> Iterator:
        start = 0
        for (batch,) in _examples(self.builder, self.split, ("image",), self.batch_size):
            yield [f"{self.split}/{start + i}" for i in range(len(batch))], batch
            start += len(batch)
