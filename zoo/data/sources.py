"""Sources of images: a TFDS name, a .npy, .npz or .parquet file, a folder of image files or of .parquet files, and
`zoo.data.sprites`."""

import contextlib
import lzma
import os
import re
import socket
import struct
import sys
import tokenize
import urllib.request
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
from zoo.data.image_stream import same_dtype
from zoo.data.parquet import open_parquet, parquet_files
from zoo.data.splitting import split as split_indices
from zoo.errors import ZooError, suggest
from zoo.utils.distributions import install_command
from zoo.utils.quiet import installed, load_tensorflow_quietly
from zoo.utils.streams import is_terminal


@dataclass(frozen=True)
class Data:
    """Images (N, H, W, C) or vectors (N, D) in memory, with labels and metadata.

    `labels` are integers (N,) or None, `ids` is a list of N texts, `skipped` lists the files that could not be read, and `notes`
    are messages about how the source was read.
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
        """The `Data` of the images at `indices`, an array of integers."""
        labels = None if self.labels is None else np.asarray(self.labels)[indices]
        ids = [self.ids[i] for i in indices]
        return Data(self.images[indices], labels, ids, self.name, self.version, self.class_names, self.skipped, self.notes)


def load(source, split="train", data_dir=None, image_shape=None, resize=False, skip_unreadable=False):
    """All of a source in memory, as a `Data`.

    Args:
        source: a TFDS name ("mnist"), the name of a folder of images in the data folder, a `.npy` file of images, a `.npz` file
            (`images` or `x`, optionally `labels` or `y`; or `x_train`, `y_train`, `x_test`, `y_test`), a folder of image files,
            whose sub-folders, if any, are the classes or the splits `train`, `test` and `validation` with the classes in them, a
            `.parquet` file or a folder of them, see `zoo.data.parquet`, or "sprites", see `zoo.data.sprites`: its labels are the
            shapes, its ids the indices among all its images.
        split: "train", "test", or a TFDS slice such as "train[:90%]"; Parquet, single arrays and most folders have one split.
        data_dir: the data folder, with the data sets of TFDS and folders of images; by default TFDS_DATA_DIR, then the
            default of TFDS.
        image_shape: (height, width, channels) that image files must have; None uses the shape of the first.
        resize: resize image files to `image_shape` instead of raising ZooError for other sizes.
        skip_unreadable: skip image files that cannot be read instead of raising ZooError.

    Raises:
        ZooError: if there is no such source, it cannot be read, or it contains something other than uint8 images, images of
            floats 0..1, or finite vectors.
    """
    source = located(source, data_dir)
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


def located(source, data_dir=None):
    """The path of a folder of images that is called `source` in the data folder; otherwise `source` unchanged.

    An existing path has precedence. The data folder is `data_dir`, by default TFDS_DATA_DIR.
    """
    parent = data_dir or os.environ.get("TFDS_DATA_DIR")
    if parent and not Path(source).exists() and not Path(source).is_absolute():
        folder = Path(parent) / source
        # A folder of TFDS has no images.
        if folder.is_dir() and scan(folder).files:
            return str(folder)
    return source


def kind_of(source):
    """The kind of a source: "tfds", "array", "folder", "parquet" or "sprites". Raises ZooError for a missing file or folder."""
    path = Path(source)
    if path.is_dir():
        # A folder of images remains one if features were written to it as .parquet files.
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
        raise ZooError(f"the data set {name!r} of TFDS requires TensorFlow; install it, or give a folder, .npy or .npz file.")
    load_tensorflow_quietly()
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # TFDS raises several kinds of errors for an invalid name.
        reason = _first_line(error)
        if isinstance(error, tfds.core.DatasetNotFoundError) or reason.startswith("Parsing builder name"):
            near = suggest(name, [*tfds.list_builders(with_community_datasets=False), sprites.NAME])
            raise ZooError(f"there is no folder, file or TFDS data set {name!r}.{near}") from None
        reason = re.sub(r"^Failed to construct dataset .*?}\": ", "", reason)
        raise ZooError(f"TFDS could not prepare the data set {name!r}: {reason[:160]}") from None


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _prepared(name, data_dir):
    builder = _builder(name, data_dir)
    try:
        if not builder.is_prepared():
            _require_network()
        with _quiet_unless_watched():
            builder.download_and_prepare()
    except Exception as error:  # TFDS passes on the errors of all libraries that it uses.
        reason = _first_line(error)[:120]
        if isinstance(error, ModuleNotFoundError) and error.name:
            reason += f"; {install_command(error.name)}"
        raise ZooError(
            f"the data set {name!r} is not prepared in {builder.data_dir} and could not be downloaded "
            f"({reason}); give the folder that contains it with --data-dir or TFDS_DATA_DIR."
        ) from None
    if "image" not in builder.info.features:
        raise ZooError(f"the data set {name!r} has the features {', '.join(builder.info.features)}, expected an 'image'.")
    if None in builder.info.features["image"].shape:
        raise ZooError(f"the images of {name!r} differ in size; export them to a folder, and give the folder and --resize.")
    return builder


def _require_network():
    """Raises OSError if host names cannot be resolved: TFDS would try to download for minutes. A proxy may resolve them."""
    if not urllib.request.getproxies():
        socket.getaddrinfo("storage.googleapis.com", 443)


@contextlib.contextmanager
def _quiet_unless_watched():
    """Show the progress of a download on standard error if it is a terminal; standard output is for results."""
    import tensorflow_datasets as tfds

    if is_terminal(sys.stderr):
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    tfds.disable_progress_bar()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _examples(builder, split, fields, batch_size):
    """Yields batches of the given fields of a prepared data set, in its order, as tuples of arrays."""
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
        raise ZooError(f"the split {split!r} of {name!r} contains no images.")
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


# Errors that NumPy was observed to raise for damaged files and other formats: those of zipfile, zlib, the parser of the header
# and the file system.
_BROKEN = (
    *(ValueError, TypeError, OSError, EOFError, KeyError, IndexError, OverflowError, NotImplementedError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def _arrays(path, split, mmap=False):
    try:
        loaded = np.load(path, mmap_mode="r" if mmap and path.suffix.lower() == ".npy" else None, allow_pickle=False)
    except _BROKEN as error:
        raise ZooError(f"{path} cannot be read: {_reason(error)}.") from None
    if isinstance(loaded, np.ndarray):
        images, labels = loaded, None
    else:
        with loaded:
            images = _member(loaded, path, (f"x_{split}", f"{split}_images", "images", "x"))
            labels = _member(loaded, path, (f"y_{split}", f"{split}_labels", "labels", "y"), needed=False)
    if images.ndim not in (2, 3, 4) or len(images) == 0:
        raise ZooError(f"{path} has an array of shape {images.shape}, expected images (N, H, W, C) or vectors (N, D), N >= 1.")
    # Gray images are often stored without a channel axis.
    images = images[..., None] if images.ndim == 3 else images
    if labels is not None and labels.size != len(images):
        raise ZooError(f"{path} contains {len(images)} images and labels of shape {labels.shape}, expected one label per image.")
    return images, None if labels is None else labels.reshape(-1)


def _member(archive, path, names, needed=True):
    for name in names:
        if name in archive.files:
            try:
                array = archive[name]
            except _BROKEN as error:
                raise ZooError(f"the array {name!r} of {path} cannot be read: {_reason(error)}.") from None
            if not isinstance(array, np.ndarray):
                raise ZooError(f"the member {name!r} of {path} is not a NumPy array.")
            return array
    if needed:
        raise ZooError(f"{path} contains {', '.join(archive.files) or 'nothing'}, expected an array called {' or '.join(names)}.")
    return None


def _reason(error):
    text = str(error)
    if "allow_pickle" in text or "Python objects" in text:
        return "it contains Python objects or no arrays; save it again as a numeric array"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it is damaged or incomplete; copy or save it again"


def _all_images(stream, source):
    """The ids and images of a stream. Raises ZooError if none can be read."""
    batches = list(stream)
    if not batches:
        raise ZooError(f"none of the {stream.total} images of {source} can be read; the first is {stream.skipped[0]}.")
    return [i for b in batches for i in b[0]], np.concatenate(same_dtype([b[1] for b in batches]))


def _load_folder(folder, split, image_shape, resize, skip):
    found = scan(folder)
    stream = FolderStream(found, 256, image_shape, resize, skip, found.of_split(split))
    ids, images = _all_images(stream, folder)
    # For a folder with splits, the classes of all splits, so that labels agree; otherwise those with at least one image.
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
    ids, images = _all_images(stream, path)
    return Data(_checked(images, path), None, ids, path.resolve().stem, "", skipped=list(stream.skipped), notes=stream.notes)


def load_splits(source, data_dir=None, image_shape=None):
    """Mapping of "train" and "test" to the `Data` of a source, and whether the test images had to be split off at random.

    A folder with `train` and `test` has both splits; with `train` and `validation` only, the latter is the test split. Of a
    source with one split, such as other folders, a tenth of the images is split off, always the same ones: of each class, if all
    classes have at least two images.

    Arguments and errors are those of `load`.
    """
    source = located(source, data_dir)
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
    """Tuple of the splits of a folder of images, "train" and optionally "validation" and "test"; empty for other sources."""
    return tuple(scan(source).splits) if kind_of(source) == "folder" else ()


def stream(source, batch_size, image_shape, split="test", data_dir=None, resize=False, skip_unreadable=False):
    """Batches (ids, images) of a source of any size, in order, with constant memory.

    Arguments and errors are those of `load`, except that all splits of a folder are read; the ids contain their names. `.total`
    is the number of images, `.skipped` lists the files that were skipped, and `.notes` are messages about how images were read;
    both are complete after the last batch.
    """
    source = located(source, data_dir)
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
    """Batches of an array, which is memory-mapped for a .npy file."""

    skipped = notes = ()

    def __init__(self, images, batch_size, first=0):
        self.images, self.batch_size, self.first = images, batch_size, first

    @property
    def total(self):
        """Number of images."""
        return len(self.images)

    def part(self, start, stop):
        """The stream of the images `start` to `stop` - 1."""
        return ArrayStream(self.images[start:stop], self.batch_size, self.first + start)

    def __iter__(self) -> Iterator:
        for start in range(0, len(self.images), self.batch_size):
            batch = np.asarray(self.images[start : start + self.batch_size])
            yield [str(self.first + start + i) for i in range(len(batch))], batch


class SpritesStream:
    """Batches of `zoo.data.sprites`, rendered one at a time."""

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
