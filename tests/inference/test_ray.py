"""A cluster of real workers gives the rows of one machine: also when one is killed, and when a job goes on."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from zoo.cli import main as cli
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.inference import ray as scaling
from zoo.inference.features import extract_features
from zoo.inference.ray import FeatureJob, extract_features_on_ray
from zoo.pretrained.loading import save

pytest.importorskip("ray.data", exc_type=ImportError)
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

# In processes of their own, for minutes.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this machine, which all jobs of the module join."""
    with pytest.MonkeyPatch.context() as patch:
        # Ray gives way to whatever else the machine does, for minutes where that is much.
        patch.setenv("RAY_worker_niceness", "0")
        with scaling._cluster("local"):
            yield


@pytest.fixture(scope="module")
def place(tmp_path_factory, digits):
    """A model, images in every form, and what one machine makes of them."""
    place = tmp_path_factory.mktemp("ray")
    save(tiny("ae_mlp"), place / "ae")
    images = digits[0][:600]
    np.save(place / "images.npy", images)
    with ImageFolder(place / "pictures") as folder:
        folder.write(images[:150])
    files = sorted((place / "pictures").iterdir())
    columns = {"image": [f.read_bytes() for f in files], "key": [f"k{i}" for i in range(150)]}
    pq.write_table(pa.table(columns), place / "images.parquet", row_group_size=50)
    extract_features(place / "ae", place / "images.npy", output=place / "one.parquet")
    return place


def rows(folder):
    """Ids and features of a folder's parts, in their order."""
    parts = sorted(folder.glob("part-*.parquet"))
    tables = [pq.read_table(path) for path in parts]
    ids = [i for table in tables for i in table["id"].to_pylist()]
    return ids, np.concatenate([np.stack([c.to_numpy() for c in table.columns[1:]], 1) for table in tables])


def same(folder, file):
    table = pq.read_table(file)
    ids, features = rows(folder)
    assert ids == table["id"].to_pylist()
    assert pq.read_schema(folder / "part-00000.parquet").names == table.schema.names
    np.testing.assert_allclose(features, np.stack([c.to_numpy() for c in table.columns[1:]], 1), rtol=1e-5, atol=1e-5)
    assert not list(folder.glob(".*")), "nothing half-written is left"


def encode(place, source, folder, *more):
    return cli.main(["encode", str(place / "ae"), str(source), "--output", str(folder), "--ray", "auto", *more])


def test_the_rows_of_one_machine(cluster, place, tmp_path, capsys):
    assert encode(place, place / "images.npy", tmp_path / "out") == 0
    assert capsys.readouterr().out == f"wrote 600 x 4 features to {tmp_path / 'out'}\n"
    same(tmp_path / "out", place / "one.parquet")
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 10


@pytest.mark.parametrize("source", ("pictures", "images.parquet"))
def test_pictures_and_parquet(cluster, place, tmp_path, source):
    assert extract_features_on_ray(place / "ae", place / source, tmp_path / "out", "auto") == tmp_path / "out"
    extract_features(place / "ae", place / source, output=tmp_path / "one.parquet")
    same(tmp_path / "out", tmp_path / "one.parquet")
    if source == "images.parquet":
        assert [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "out").glob("part-*"))] == [50, 50, 50]


def holder(path):
    """Number of the process that writes `path` and has therefore locked it; None if there is none any more."""
    try:
        number = path.stat().st_ino
    except FileNotFoundError:
        return None
    locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return next((int(fields[4]) for fields in locks if fields[5].endswith(f":{number}")), None)


def test_a_worker_that_is_killed_costs_no_row(cluster, place, tmp_path):
    folder, killed, over = tmp_path / "out", [], threading.Event()

    def kill():
        while not over.is_set() and len(killed) < 2:
            for path in folder.glob(".part-*.parquet.tmp-*"):
                pid = holder(path)
                if pid not in (None, os.getpid(), *killed):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.001)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        job = FeatureJob(place / "ae", place / "images.npy", folder, "auto")
        done = [number for number, _ in job]
    finally:
        over.set()
        thread.join()
    assert killed and sorted(done) == list(range(10)) and (job.count, job.width) == (600, 4)
    same(folder, place / "one.parquet")


def test_a_part_that_takes_down_every_worker_ends_the_job(place, tmp_path):
    job = FeatureJob(place / "ae", place / "images.npy", tmp_path / "out")
    job._claim()
    worker = scaling._Worker(job._arguments, job._facts["digest"], 600, job.folder)
    for death in range(3):
        assert json.loads(worker({"number": [1], "start": [64], "stop": [128]})["report"][0])["rows"] == 64
        (job.folder / f".part-00001.begun.{death}").touch()
    report = json.loads(worker({"number": [1], "start": [64], "stop": [128]})["report"][0])
    assert "3 workers were killed at part 1" in report["error"]
    assert json.loads(worker({"number": [0], "start": [0], "stop": [64]})["report"][0])["rows"] == 64


def test_a_job_goes_on_with_what_is_missing(cluster, place, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    extract_features_on_ray(place / "ae", place / "images.npy", folder, "auto")
    (folder / "part-00003.parquet").unlink()
    damaged = folder / "part-00007.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    (folder / ".part-00003.parquet.1").touch()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("part-*") if path != damaged}
    computed, compute = [], FeatureJob._compute
    monkeypatch.setattr(FeatureJob, "_compute", lambda self, missing: computed.append(missing) or compute(self, missing))
    job = FeatureJob(place / "ae", place / "images.npy", folder, "auto")
    assert sorted(number for number, _ in job) == list(range(10)) and job.count == 600
    assert computed == [[3, 7]] and {path: path.stat().st_mtime_ns for path in before} == before
    same(folder, place / "one.parquet")
    # Nothing is missing: no cluster is needed.
    extract_features_on_ray(place / "ae", place / "images.npy", folder, "nowhere")
    assert len(computed) == 1


def test_an_unreadable_picture_ends_the_job_and_its_parts_stay(cluster, place, tmp_path, capsys, digits):
    pictures, folder = tmp_path / "pictures", tmp_path / "out"
    with ImageFolder(pictures) as out:
        out.write(digits[0][:200])
    # The whole last part, and one of the first.
    for number in (3, *range(192, 200)):
        (pictures / f"{number:05d}.png").write_bytes(b"no picture")
    Image.fromarray(digits[0][0, ..., 0]).save(pictures / "00003.png")
    assert encode(place, pictures, folder) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"zoo: {pictures / '00192.png'} cannot be read as an image: ") and err.count("\n") == 1, err
    assert "--skip-unreadable" in err
    assert encode(place, pictures, folder, "--skip-unreadable") == 2, "another job"
    assert "a job with different values of options" in capsys.readouterr().err
    folder = tmp_path / "skipped"
    assert encode(place, pictures, folder, "--skip-unreadable") == 0
    out, err = capsys.readouterr()
    assert out.startswith("wrote 192 x 4 features") and err.count("unreadable\n") == 8 and "skipped 00199.png" in err
    assert rows(folder)[0] == [f"{i:05d}.png" for i in range(192)]
    assert sorted(path.name for path in folder.glob("part-*")) == [f"part-0000{i}.parquet" for i in range(3)]


# -- what is wrong is said before a cluster is asked for


def refused(*arguments, **options):
    with pytest.raises(ZooError) as caught:
        extract_features_on_ray(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folder_of_another_job(place, tmp_path, digits):
    folder, images = tmp_path / "out", tmp_path / "images.npy"
    np.save(images, digits[0][:70])
    FeatureJob(place / "ae", images, folder)._claim()
    save(tiny("ae_mlp"), tmp_path / "other")
    assert f"{folder} contains a job with different values of model, digest; give another" in refused(
        tmp_path / "other", images, folder
    )
    assert "a job with different values of options;" in refused(place / "ae", images, folder, split="train")
    np.save(images, digits[0][70:140])
    assert "a job with different values of files;" in refused(place / "ae", images, folder)
    (folder / scaling.JOB).write_text("{")
    assert f"{scaling.JOB} cannot be read" in refused(place / "ae", images, folder)
    assert "contains files but no _job.json" in refused(place / "ae", images, place)
    assert "cannot write to" in refused(place / "ae", images, tmp_path / "absent" / "out")
    assert "cannot write to" in refused(place / "ae", images, images)


def test_a_cluster_that_is_not_there(place, tmp_path, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "lokal"):
        assert f"there is no Ray cluster at '{address}' (" in refused(place / "ae", place / "images.npy", tmp_path / "o", address)


def test_what_no_cluster_takes(place, tmp_path):
    assert "got 'mnist' for a cluster, expected a folder of images" in refused(place / "ae", "mnist", tmp_path / "out")
    assert "for a cluster, expected the name of a weight set" in refused(tiny("ae_mlp"), place / "images.npy", tmp_path / "out")
    assert "Did you mean 'openvino'" in refused(place / "ae", place / "images.npy", tmp_path / "out", runtime="openvin")
    assert not (tmp_path / "out").exists()


def test_parts_end_where_row_groups_do():
    assert scaling._starts(100, ()) == [0, 64]
    assert scaling._starts(640, range(0, 640, 50)) == [0, 50, 100, 150, 250, 300, 350, 400, 500, 550]
    assert scaling._starts(200, [0]) == [0, 64, 128, 192], "a row group that is too large is cut"
    assert len(scaling._starts(10**6, ())) == 256
