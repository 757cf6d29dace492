"""The training queue, on a git repository whose `zoo train` is a few lines that write what a training writes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.cli import main as cli
from zoo.cli import train as command
from zoo.training import queue
from zoo.training.queue import Job, Run, read_jobs, table, work

ROOT = Path(__file__).parents[2]

# Two epochs; it notes its beginning and its end. What it does in the first epoch is in the file `act` beside the queue.
TRAIN = """
import json, os, sys, time
from pathlib import Path
import numpy as np

_, _, name, *flags = sys.argv
run, weights = (Path(flags[flags.index(flag) + 1]) for flag in ("--run-dir", "--output-dir"))
top = run.parents[1]
act = (top / f"act-{name}").read_text() if (top / f"act-{name}").exists() else ""


def note(word):
    with open(top / "notes", "a") as file:
        file.write(f"{word} {name} {VERSION}\\n")


note("begin")
if act == "fail":
    sys.exit("it diverged")
while act.startswith("meet") and f"begin {act[-1]}" not in (top / "notes").read_text():
    time.sleep(0.02)
run.mkdir(exist_ok=True)
done = (run / "checkpoint.npz").exists()
for epoch in range(1 + done, 3):
    recipe = {"epochs": 2, "batch_size": 100}
    state = {"epoch": epoch, "recipe": recipe, "seconds": 1800.0 * epoch, "steps": 50}
    np.savez(run / "checkpoint.npz", state=np.frombuffer(json.dumps(state).encode(), np.uint8))
    if act == "wait" and epoch == 1:
        (top / "waiting").touch()
        time.sleep(60)
note("end")
weights.mkdir(exist_ok=True)
(weights / "manifest.json").write_text(json.dumps({"weights": {name: {}}}))
"""


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "training_scripts").mkdir(parents=True)
    (folder / "zoo").mkdir()
    for name in "abcd":
        (folder / "training_scripts" / f"{name}.py").touch()
    (folder / "zoo" / "__init__.py").touch()
    write_version(folder, 1)
    return folder


def write_version(repository, number):
    (repository / "zoo" / "__main__.py").write_text(f"VERSION = {number}{TRAIN}")
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", str(number)], check=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    # The lowest priority would let these tests wait for everything else on the machine.
    monkeypatch.setattr(queue, "_LOWEST_PRIORITY", 0)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "queue.txt"
    path.write_text("# by importance\na\n\nb   # the second\nc --seed 1\n")
    return path


def notes(folder):
    return [tuple(line.split()) for line in (folder / "notes").read_text().splitlines()]


def test_a_file_lists_recipes_with_flags_and_comments(file):
    assert read_jobs(file) == [Job("a"), Job("b"), Job("c", ("--seed", "1"))]
    assert [job.folder for job in read_jobs(file)] == ["a", "b", "c-seed-1"]


@pytest.mark.parametrize(
    "line, message",
    [
        ("a --passes 3", "line 2: unrecognized arguments: --passes 3"),
        ("a --seed one", "line 2: argument --seed: invalid int value: 'one'"),
        ("a --output-dir x", "line 2: got --output-dir, but a queue sets"),
        ("a --publish", "line 2: got --publish"),
        ("a --restart", "line 2: got --restart"),
        ("a 'b", "line 2: No closing quotation"),
        ("b", "line 2: b occurs twice"),
    ],
)
def test_a_wrong_line_is_named(line, message, tmp_path):
    path = tmp_path / "queue.txt"
    path.write_text(f"b\n{line}\n")
    with pytest.raises(zoo.ZooError, match=message):
        read_jobs(path, command._check_line)


def test_recipes_are_trained_in_order_two_at_a_time(file, folder, repository):
    # Each ends only once the other has begun.
    (folder / "act-a").write_text("meet b")
    (folder / "act-b").write_text("meet a")
    assert work(file, folder, repository, poll=0.02) == 0
    found = [note[:2] for note in notes(folder)]
    assert {*found[:2]} == {("begin", "a"), ("begin", "b")}
    assert found.index(("begin", "c")) > min(found.index(("end", "a")), found.index(("end", "b")))
    assert [Run(job, folder).state() for job in read_jobs(file)] == ["done"] * 3
    assert not list(folder.glob("*/repository")), "worktrees of finished runs are removed"
    work(file, folder, repository, poll=0.02)
    assert len(notes(folder)) == 6, "nothing is trained twice"


def test_a_failed_run_stops_no_other_and_is_tried_again_by_the_next_call(file, folder, repository):
    (folder / "act-a").write_text("fail")
    assert work(file, folder, repository, poll=0.02) == 1
    assert [Run(job, folder).state() for job in read_jobs(file)] == ["failed", "done", "done"]
    assert "it diverged" in (folder / "a" / "log.txt").read_text()
    (folder / "act-a").unlink()
    assert work(file, folder, repository, poll=0.02) == 0
    assert Run(Job("a"), folder).state() == "done"


def test_an_interrupted_queue_continues_at_the_commit_of_each_run(file, folder, repository, monkeypatch):
    (folder / "act-a").write_text("wait")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        interrupt_when(folder / "waiting", patched)
        work(file, folder, repository, at_a_time=1, poll=0.02)
    assert [Run(job, folder).state() for job in read_jobs(file)] == ["interrupted", "waiting", "waiting"]
    assert Run(Job("a"), folder).checkpoint()["epoch"] == 1
    write_version(repository, 2)
    work(file, folder, repository, at_a_time=1, poll=0.02)
    assert notes(folder)[:4] == [("begin", "a", "1"), ("begin", "a", "1"), ("end", "a", "1"), ("begin", "b", "2")]


def interrupt_when(path, monkeypatch):
    sleep = time.sleep

    def look(seconds):
        sleep(seconds)
        if path.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(queue.time, "sleep", look)


def test_a_training_that_outlives_its_queue_is_not_started_again(file, folder, repository):
    (folder / "act-a").write_text("wait")
    run = Run(Job("a"), folder)
    process = run.begin(None, repository)
    try:
        assert run.state() == "running" and run.begin(None, repository) is None
        file.write_text("a\nb\n")
        work(file, folder, repository, poll=0.02)
        assert [Run(job, folder).state() for job in read_jobs(file)] == ["running", "done"]
    finally:
        process.kill()
        process.wait()
    assert run.state() == "interrupted"


def test_a_training_has_the_lowest_priority_and_one_core(folder, repository, monkeypatch):
    monkeypatch.setattr(queue, "_LOWEST_PRIORITY", 19)
    (folder / "act-a").write_text("wait")
    core = queue._cores(1)[0]
    process = Run(Job("a"), folder).begin(core, repository)
    try:
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
        if hasattr(os, "sched_getaffinity"):
            assert os.sched_getaffinity(process.pid) == {core}
    finally:
        process.kill()
        process.wait()


def test_lines_may_be_added_while_it_works(file, folder, repository, monkeypatch):
    sleep = time.sleep
    monkeypatch.setattr(queue.time, "sleep", lambda seconds: (file.write_text("a\nd\n"), sleep(seconds)))
    file.write_text("a\n")
    work(file, folder, repository, at_a_time=1, poll=0.02)
    assert Run(Job("d"), folder).state() == "done"


def test_the_table_tells_where_each_stands(file, folder, repository, monkeypatch):
    (folder / "act-b").write_text("wait")
    interrupt_when(folder / "waiting", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        work(file, folder, repository, at_a_time=1, poll=0.02)
    assert [line.split() for line in table(file, folder)] == [
        ["recipe", "state", "epoch", "images/s", "hours", "hours", "left"],
        ["a", "done", "2", "of", "2", "3", "1.0", "0.0"],
        ["b", "interrupted", "1", "of", "2", "3", "0.5", "0.5"],
        ["c", "--seed", "1", "waiting", "-", "-", "-", "-"],
    ]


def test_an_unknown_recipe_names_the_nearest(file, folder, repository):
    (repository / "training_scripts" / "vae_mlp.mnist.py").touch()
    write_version(repository, 2)
    file.write_text("vae_mlp.mnst\n")
    with pytest.raises(zoo.ZooError, match="no recipe 'vae_mlp.mnst' in the commit .*Did you mean 'vae_mlp.mnist'"):
        work(file, folder, repository, poll=0.02)


def test_a_line_that_is_wrong_meanwhile_stops_nothing(file, folder, repository, monkeypatch, capsys):
    sleep = time.sleep
    monkeypatch.setattr(queue.time, "sleep", lambda seconds: (file.write_text("a\na\n"), sleep(seconds)))
    work(file, folder, repository, at_a_time=1, poll=0.02)
    assert [Run(job, folder).state() for job in (Job("a"), Job("b"), Job("c", ("--seed", "1")))] == ["done"] * 3
    assert "line 2: a occurs twice; give one of them a different --seed. Continuing" in capsys.readouterr().out


def test_the_folder_of_the_runs_is_outside_the_repository(repository):
    assert queue.runs_folder(repository) == repository.parent / "repository-queue"
    with pytest.raises(zoo.ZooError, match="inside the repository"):
        queue.runs_folder(repository, repository / "runs")


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--queue", "x", "--at-a-time", "0"], "--at-a-time: got '0', expected an integer of at least 1"),
        (["--queue", "x", "--seed", "1"], "give the flags of a training in the file"),
        (["a", "--queue", "x"], "the name of one recipe, or --all, or --queue FILE"),
        (["a", "--status"], "require --queue FILE"),
        (["--queue", "x"], "x: No such file or directory"),
    ],
)
def test_wrong_flags_are_refused(flags, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *flags]) == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_the_table(file, folder, repository, monkeypatch, capsys):
    monkeypatch.setattr(queue, "checkout", lambda: repository)
    assert cli.main(["train", "--queue", str(file), "--status", "--run-dir", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["a", "waiting", "-", "-", "-", "-"]


def test_a_termination_stops_the_trainings(file, folder, repository):
    (folder / "act-a").write_text("wait")
    file.write_text("a\n")
    code = "import sys; from pathlib import Path; from zoo.training import queue; queue.checkout = lambda: Path(sys.argv[1]); "
    code += "queue._LOWEST_PRIORITY = 0; "
    code += "from zoo.cli.main import main; sys.exit(main(['train', '--queue', *sys.argv[2:]]))"
    command = [sys.executable, "-c", code, str(repository), str(file), "--run-dir", str(folder)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not (folder / "waiting").exists() and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "zoo: interrupted\n")
    assert Run(Job("a"), folder).state() == "interrupted"
    assert json.loads((folder / "a" / "run.json").read_text())["exit"] == -signal.SIGTERM


def test_a_checkpoint_of_a_real_training_is_understood(tmp_path):
    from tiny_recipe import tiny_recipe

    from zoo.training import fit

    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype("uint8")
    run = Run(Job("dae_mlp.digits"), tmp_path)
    (run.folder / "run").mkdir(parents=True)
    fit.fit(tiny_recipe(epochs=2), images, run.folder / "run")
    epoch, speed, hours, left = queue._progress(run.checkpoint())
    assert epoch == "2 of 2" and int(speed) > 0 and (hours, left) == ("0.0", "0.0")
