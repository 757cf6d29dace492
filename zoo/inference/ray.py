"""Features of many images on a Ray cluster: a source cut into parts, a model in each worker, a Parquet file for each part."""

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
from zoo.utils.files import write_atomically
from zoo.utils.quiet import closed_standard_error

JOB = "_job.json"
SCHEMA = 2
# Of a part, in images: a worker that dies loses no more, and none waits long for the last one.
_PARTS, _LEAST, _MOST = 256, 64, 16_384
# How often a part may take its worker down before the job ends: machines are lost by chance, not thrice at one part.
_DEATHS = 3


def extract_features_on_ray(name, source, folder, address="local", **options):
    """Features of all images of a source, computed by the workers of a Ray cluster (extra `ray`).

    The same call goes on where an earlier one was stopped: parts that are there and whole are not computed again.

    Args:
        name: of a weight set, or the folder of a saved model.
        source: a folder of pictures, a .npy, .npz or .parquet file, or a folder of .parquet files. Workers on other machines
            must see it, the model and `folder` under the same paths, and have the zoo installed.
        folder: gets `part-00000.parquet` and so on, whose rows in their order are those of `zoo.extract_features`, and
            `_job.json`, which says what they are of. A part all of whose images are left out has no file.
        address: "local" starts a cluster on this machine, "auto" joins the one that this machine is of; else `host:port`.
            A process that is connected to a cluster stays with it.
        **options: `runtime`, `batch_size`, `dtype`, `layer`, `pool` and how to read the source, see `zoo.extract_features`.

    Returns:
        `folder`.

    Raises:
        ZooError: on what `zoo.extract_features` refuses, a folder of another job, a cluster that cannot be reached, and an
            image that cannot be read; the parts that were written stay.
    """
    for _ in FeatureJob(name, source, folder, address, **options):
        pass
    return folder


class FeatureJob:
    """The parts of a job as they are done: (number of a part, the range of its images); see `extract_features_on_ray`.

    `total` is the number of images, `count` and `width` are the rows and columns of features that were written so far, and
    `skipped` names the images that this run left out.
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
        cuts = [*_cuts(self.total, getattr(stream.images, "borders", ())), self.total]
        self.parts = [range(*cut) for cut in zip(cuts, cuts[1:])]
        self._facts = {
            "schema": SCHEMA,
            "model": name,
            "digest": stream.subject.digest(),
            "source": source,
            "files": _digest(getattr(stream.images, "files", [Path(source)])),
            "images": self.total,
            "parts": len(self.parts),
            # The size of a batch decides no feature.
            "options": {key: str(v) if isinstance(v, Path) else v for key, v in vars(options).items() if key != "batch_size"},
        }
        self.count, self.width = 0, None

    def __iter__(self):
        self._claim()
        self.count, missing = 0, []
        for number, images in enumerate(self.parts):
            if self._whole(number):
                yield number, images
            else:
                missing.append(number)
        if missing:
            for number in self._compute(missing):
                yield number, self.parts[number]
        self._sweep()
        if not self.count:
            raise ZooError(f"there is nothing to write to {self.folder}: none of the images can be read.")

    def _claim(self):
        """Make the folder this job's, or find that it is."""
        file, facts = self.folder / JOB, json.loads(json.dumps(self._facts))
        try:
            self.folder.mkdir(exist_ok=True)
            if file.exists():
                found = json.loads(file.read_text(encoding="utf-8"))
            elif any(self.folder.iterdir()):
                raise ZooError(f"{self.folder} holds files and no {JOB}, expected a new folder, or that of the same job.")
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
            raise ZooError(f"{self.folder} holds the parts of a job with other {', '.join(keys)}; give another folder.")
        self._sweep()

    def _sweep(self):
        """Remove what workers that were killed had begun."""
        for leftover in self.folder.glob(".part-*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def _path(self, number):
        return self.folder / f"part-{number:05d}.parquet"

    def _whole(self, number):
        """Whether a part is there with all its rows, which are then counted."""
        import pyarrow.parquet

        try:
            found = pyarrow.parquet.read_metadata(self._path(number))
        except (OSError, pyarrow.ArrowException):
            return False
        wanted = len(self.parts[number])
        if found.num_rows != wanted and not (self._skips and found.num_rows < wanted):
            return False
        self._counted(found.num_rows, found.num_columns - 1)
        return True

    def _counted(self, rows, width):
        self.count, self.width = self.count + rows, width or self.width

    def _compute(self, missing):
        """Have the parts computed; gives their numbers as they are done."""
        with _cluster(self.address) as ray:
            items = [{"number": n, "start": self.parts[n].start, "stop": self.parts[n].stop} for n in missing]
            workers, resources = _workers(ray)
            # A part a block, so that what a worker loses is a part; Ray Data starts workers that died, and their parts, anew.
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
                        self._counted(report["rows"], report["width"])
                        yield report["number"]
            except ray.exceptions.RayError as error:
                last = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
                raise ZooError(
                    f"the cluster gave up: {last.strip()[:300]}; the same command goes on from the last part."
                ) from None


class _Worker:
    """Writes parts, in a process of its own that Ray starts anew where it dies: a part is whole or not there."""

    def __init__(self, arguments, digest, count, folder):
        self.arguments, self.expected, self.folder = arguments, (digest, count), Path(folder)

    @functools.cached_property
    def stream(self):
        stream = FeatureStream(**self.arguments)
        if (stream.subject.digest(), stream.total) != self.expected:
            raise ZooError("a worker sees another model or other images than the command; give paths that all machines share.")
        return stream

    def __call__(self, batch):
        number, start, stop = (int(batch[key][0]) for key in ("number", "start", "stop"))
        try:
            with self._begun(number):
                report = {"number": number, **self._write(number, self.stream.part(start, stop))}
        # Said by the report, not raised: the command shall end with this line, and Ray adds many.
        except (ZooError, OSError) as error:
            report = {"error": str(error)}
        return {"report": [json.dumps(report)]}

    @contextlib.contextmanager
    def _begun(self, number):
        """A mark that stays where this process is killed: Ray would begin a part that does so again for ever."""
        if len(list(self.folder.glob(f".part-{number:05d}.begun.*"))) >= _DEATHS:
            raise ZooError(f"part {number} took {_DEATHS} workers down, perhaps for want of memory; give a smaller --batch-size.")
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


def _cuts(count, borders):
    """Where parts begin: at even distances, moved down to the last of `borders` where one lies between."""
    size = min(max(-(-count // _PARTS), _LEAST), _MOST)
    cuts = [0]
    for place in range(size, count, size):
        border = borders[bisect.bisect_right(borders, place) - 1] if borders else place
        cuts.append(border if border > cuts[-1] else place)
    return cuts


def _digest(files):
    """Hexadecimal digest of the names, sizes and times of files: other images are another job."""
    digest = hashlib.sha256()
    for file in files:
        try:
            found = file.stat()
        except OSError:  # a link to nothing
            found = file.lstat()
        digest.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _workers(ray):
    """How many workers a cluster has room for, and what each takes: a GPU with its share of processors, else a processor."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = [(node["GPU"], node.get("CPU", 0)) for node in nodes if node.get("GPU", 0) >= 1]
    if gpus:
        return int(sum(gpu for gpu, _ in gpus)), {"num_gpus": 1, "num_cpus": min(int(cpu / gpu) for gpu, cpu in gpus)}
    return max(1, int(sum(node.get("CPU", 0) for node in nodes))), {"num_cpus": 1}


def _reach(address):
    """Stop at an address where nobody answers: Ray would wait for minutes, and then end the process."""
    if "://" in address:
        raise ZooError(
            "a client from outside cannot do; run the command on the cluster, as 'ray job submit -- zoo encode ...' does"
        )
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@contextlib.contextmanager
def _cluster(address):
    """Ray, connected: for the time of this, where the process was not."""
    # Notes on the standard error of what is told here in one line.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError:
        raise ZooError("a cluster needs the extra 'ray': pip install 'autoencoder-zoo[ray]'") from None
    connected = ray.is_initialized()
    if not connected:
        options = dict(include_dashboard=False) if address == "local" else {}
        try:
            _reach(address)
            with closed_standard_error():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except Exception as error:  # each way to a cluster has errors of its own
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
