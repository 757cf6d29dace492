"""Feature extraction on a Ray cluster: the source is split into parts, each worker has a model and writes a Parquet file per
part."""

import bisect
import contextlib
import functools
import hashlib
import json
import logging
import os
import shutil
import socket
import uuid
from pathlib import Path

from zoo.data.sources import kind_of
from zoo.data.writers import open_writer
from zoo.errors import ZooError
from zoo.inference.features import FeatureStream
from zoo.inference.options import options_of
from zoo.utils.distributions import missing_package
from zoo.utils.files import write_atomically
from zoo.utils.quiet import closed_standard_error

JOB = "_job.json"
SCHEMA = 2
# Aimed-at number of parts, and limits of the images in a part: small parts limit the loss when a worker fails and the wait for
# the last worker.
_PARTS, _LEAST, _MOST = 256, 64, 16_384
# Number of workers that may fail at the same part before the job ends; failures by chance do not repeat at one part.
_MAX_FAILURES = 3


def extract_features_on_ray(name, source, folder, address="local", **options):
    """Compute the features of all images of a source on the workers of a Ray cluster (extra `ray`).

    The same call resumes an interrupted one: complete parts are not computed again.

    Args:
        name: name of a weight set, or the folder of a saved model.
        source: a folder of image files, a .npy, .npz or .parquet file, or a folder of .parquet files. The source, the model and
            `folder` must have the same paths on all machines, and the zoo must be installed on them.
        folder: folder for `part-00000.parquet` and so on, whose rows, in order, are those of `zoo.extract_features`, and for
            `_job.json`, which describes the job. A part in which all images are skipped has no file.
        address: "local" starts a cluster on this machine, "auto" joins the cluster of this machine; otherwise `host:port`.
            A process that is already connected to a cluster uses that one.
        **options: `runtime`, `batch_size`, `dtype`, `layer`, `pool` and the options for reading, see `zoo.extract_features`.

    Returns:
        `folder`.

    Raises:
        ZooError: as `zoo.extract_features`, and if the folder is of another job, the cluster cannot be reached, or an image
            cannot be read. Complete parts are kept.
    """
    for _ in FeatureJob(name, source, folder, address, **options):
        pass
    return folder


class FeatureJob:
    """A job whose iteration computes the parts and gives (number, range of images) of each complete one; see
    `extract_features_on_ray`.

    `total` is the number of images, `count` and `width` are the numbers of rows and columns of features written so far, and
    `skipped` lists the images that this run skipped.
    """

    def __init__(self, name, source, folder, address="local", options=None, **fields):
        if not isinstance(name, str | os.PathLike):
            raise ZooError(f"got {name!r} for a cluster, expected the name of a weight set or the folder of a saved model.")
        if kind_of(source) not in ("folder", "array", "parquet"):
            raise ZooError(f"got {source!r} for a cluster, expected a folder of images, or a .npy, .npz or .parquet file.")
        self.folder, self.address, self.skipped = Path(folder).resolve(), address, []
        name, source = os.path.abspath(name) if os.path.isdir(name) else str(name), os.path.abspath(source)
        options = options_of(options, fields)
        self._arguments = dict(name_or_model=name, source=source, options=options)
        stream = FeatureStream(**self._arguments)
        self._skips = options.skip_unreadable
        # Number of images.
        self.total, self.notes = stream.total, list(stream.notes)
        starts = [*_starts(self.total, getattr(stream.images, "borders", ())), self.total]
        self.parts = [range(*ends) for ends in zip(starts, starts[1:])]
        self._facts = {
            "schema": SCHEMA,
            "model": name,
            "digest": stream.subject.digest(),
            "source": source,
            "files": _digest(getattr(stream.images, "files", [Path(source)])),
            "images": self.total,
            "parts": len(self.parts),
            # Features do not depend on the batch size.
            "options": {key: str(v) if isinstance(v, Path) else v for key, v in vars(options).items() if key != "batch_size"},
        }
        self.count, self.width = 0, None

    def __iter__(self):
        self._claim()
        self.count, missing = 0, []
        for number, images in enumerate(self.parts):
            if self._is_complete(number):
                yield number, images
            else:
                missing.append(number)
        if missing:
            for number in self._compute(missing):
                yield number, self.parts[number]
        self._remove_leftovers()
        if not self.count:
            raise ZooError(f"nothing was written to {self.folder}: none of the images can be read.")

    def _claim(self):
        """Write `_job.json` to the folder, or check that the folder is of this job."""
        file, facts = self.folder / JOB, json.loads(json.dumps(self._facts))
        try:
            self.folder.mkdir(exist_ok=True)
            if file.exists():
                found = json.loads(file.read_text(encoding="utf-8"))
            elif any(self.folder.iterdir()):
                raise ZooError(f"{self.folder} contains files but no {JOB}, expected a new folder, or that of the same job.")
            else:
                write_atomically(file, json.dumps(facts, indent=1).encode())
                return
        except ValueError as error:
            if isinstance(error, ZooError):
                raise
            raise ZooError(f"{file} cannot be read; give another folder.") from None
        except OSError as error:
            raise ZooError(f"cannot write to {self.folder}: {error.strerror or error}.") from None
        if found != facts:
            found = found if isinstance(found, dict) else {}
            keys = [key for key in facts if found.get(key) != facts[key]]
            raise ZooError(f"{self.folder} contains a job with different values of {', '.join(keys)}; give another folder.")
        self._remove_leftovers()

    def _remove_leftovers(self):
        """Remove incomplete files of workers that were killed."""
        for leftover in self.folder.glob(".part-*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def _path(self, number):
        return self.folder / f"part-{number:05d}.parquet"

    def _is_complete(self, number):
        """Whether a part has all its rows; they are then counted."""
        import pyarrow.parquet

        try:
            found = pyarrow.parquet.read_metadata(self._path(number))
        except (OSError, pyarrow.ArrowException):
            return False
        wanted = len(self.parts[number])
        if found.num_rows != wanted and not (self._skips and found.num_rows < wanted):
            return False
        self._count_rows(found.num_rows, found.num_columns - 1)
        return True

    def _count_rows(self, rows, width):
        self.count, self.width = self.count + rows, width or self.width

    def _compute(self, missing):
        """Compute parts on the cluster; gives their numbers as they are completed."""
        with _cluster(self.address) as ray:
            items = [{"number": n, "start": self.parts[n].start, "stop": self.parts[n].stop} for n in missing]
            workers, resources = _workers(ray)
            # One part per block, so that a worker that fails loses one part; Ray Data restarts such workers and their parts.
            done = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
                _Worker,
                fn_constructor_args=[self._arguments, self._facts["digest"], self.total, str(self.folder)],
                compute=ray.data.ActorPoolStrategy(size=min(workers, len(items))),
                batch_size=1,
                **resources,
            )
            try:
                with contextlib.closing(iter(done.iter_rows())) as rows:
                    for row in rows:
                        report = json.loads(row["report"])
                        if report.get("error"):
                            raise ZooError(report["error"])
                        self.skipped += report["skipped"]
                        self._count_rows(report["rows"], report["width"])
                        yield report["number"]
            except ray.exceptions.RayError as error:
                last = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
                raise ZooError(f"the job on the cluster failed: {last.strip()[:300]}; the same command resumes it.") from None


class _Worker:
    """Computes parts and writes them atomically, in a process of its own that Ray restarts if it fails."""

    def __init__(self, arguments, digest, count, folder):
        self.arguments, self.expected, self.folder = arguments, (digest, count), Path(folder)

    @functools.cached_property
    def stream(self):
        stream = FeatureStream(**self.arguments)
        if (stream.subject.digest(), stream.total) != self.expected:
            raise ZooError("a worker has another model or other images than the command; give paths that all machines share.")
        return stream

    def __call__(self, batch):
        number, start, stop = (int(batch[key][0]) for key in ("number", "start", "stop"))
        try:
            with self._marked(number):
                report = {"number": number, **self._write(number, self.stream.part(start, stop))}
        # Reported instead of raised, because Ray would add many lines to the message of the command.
        except (ZooError, OSError) as error:
            report = {"error": str(error)}
        return {"report": [json.dumps(report)]}

    @contextlib.contextmanager
    def _marked(self, number):
        """A file that remains if this process is killed, because Ray itself would restart a part that kills workers forever."""
        if len(list(self.folder.glob(f".part-{number:05d}.begun.*"))) >= _MAX_FAILURES:
            raise ZooError(
                f"{_MAX_FAILURES} workers were killed at part {number}, perhaps for lack of memory; give a smaller --batch-size."
            )
        mark = self.folder / f".part-{number:05d}.begun.{uuid.uuid4().hex}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def _write(self, number, part):
        batches = iter(part)
        first = next(batches, None)
        if first is None:
            return {"rows": 0, "width": None, "skipped": list(part.skipped)}
        with open_writer(self.folder / f"part-{number:05d}.parquet") as writer:
            writer.write(*first)
            for ids, rows in batches:
                writer.write(ids, rows)
        return {"rows": writer.count, "width": writer.width, "skipped": list(part.skipped)}


def _starts(count, borders):
    """The first image of each part: at equal distances, moved down to the nearest of `borders` unless another part starts there
    or after it."""
    size = min(max(-(-count // _PARTS), _LEAST), _MOST)
    starts = [0]
    for place in range(size, count, size):
        border = borders[bisect.bisect_right(borders, place) - 1] if borders else place
        starts.append(border if border > starts[-1] else place)
    return starts


def _digest(files):
    """Hexadecimal digest of the names, sizes and modification times of files, which identifies the images of a job."""
    digest = hashlib.sha256()
    for file in files:
        try:
            found = file.stat()
        except OSError:  # a broken link
            found = file.lstat()
        digest.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _workers(ray):
    """The number of workers that fit on a cluster, and the resources of each: a GPU and its share of the processors, or one
    processor."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = [(node["GPU"], node.get("CPU", 0)) for node in nodes if node.get("GPU", 0) >= 1]
    if gpus:
        return int(sum(gpu for gpu, _ in gpus)), {"num_gpus": 1, "num_cpus": min(int(cpu / gpu) for gpu, cpu in gpus)}
    return max(1, int(sum(node.get("CPU", 0) for node in nodes))), {"num_cpus": 1}


def _check_address(address):
    """Raise an error if an address cannot be reached: Ray would wait for minutes and then end the process."""
    if "://" in address:
        raise ZooError(
            "a client outside the cluster is not supported; run the command on the cluster: 'ray job submit -- zoo encode ...'"
        )
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextlib.contextmanager
def _cluster(address):
    """The module `ray`, connected to a cluster; disconnected at the end unless the process was connected before."""
    # Ray would repeat on standard error, in many lines, what the error message of the command states.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError:
        raise missing_package("a cluster", "ray") from None
    connected = ray.is_initialized()
    if not connected:
        options = dict(include_dashboard=False) if address == "local" else {}
        try:
            _check_address(address)
            with closed_standard_error():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except Exception as error:  # each type of connection has its own errors
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ZooError(
                f"there is no Ray cluster at {address!r} ({reason[:160]}), expected local, auto or host:port."
            ) from None
    logger, context = logging.getLogger("ray.data"), ray.data.DataContext.get_current()
    kept = logger.level, context.enable_progress_bars
    logger.setLevel(logging.CRITICAL)
    context.enable_progress_bars = False
    try:
        yield ray
    finally:
        logger.setLevel(kept[0])
        context.enable_progress_bars = kept[1]
        if not connected:
            ray.shutdown()
