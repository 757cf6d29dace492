"""A training queue: trains the recipes of a file in order, several at a time, one core each, at the lowest priority.

A queue file contains one recipe per line, the most important first. Flags of `zoo train` may follow; `#` begins a comment:

    vq_vae_conv.cifar10
    beta_vae_conv.sprites --seed 1    # a second seed

Every run has a folder of its own outside the repository:

    run/             checkpoint and history
    weights/         weight file, manifest entry and card
    log.txt          what the training printed
    run.json         the commit and the last exit code
    repository/      a git worktree at the commit with which the run began; removed when the run is done

A run is therefore independent of later edits to the repository. The same command continues a stopped queue: finished runs are
skipped, the others continue from their last epoch.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.utils.files import write_atomically

# More threads than the one core of a run would wait for each other.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
_LOWEST_PRIORITY = 19
# Exit codes of an interrupted run: 130 is Ctrl-C in `zoo train`, None is unknown, the negative ones are signals.
_INTERRUPTED = (None, 130, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL)


@dataclass(frozen=True)
class Job:
    """One line of a queue file.

    Args:
        name: of the recipe.
        flags: of `zoo train`, as a tuple of strings.
    """

    name: str
    flags: tuple = ()

    @property
    def folder(self):
        """Name of the run's folder: that of the recipe, then its flags."""
        return "-".join([self.name, *(re.sub(r"[^\w.]+", "-", flag).strip("-") for flag in self.flags)])

    def __str__(self):
        return shlex.join([self.name, *self.flags])


def read_jobs(file, check=None):
    """The `Job`s of a queue file, in its order.

    Args:
        file: path of the queue file.
        check: function of a name and a list of flags that raises a `ZooError` if the flags are not valid.

    Raises:
        ZooError: if a line is not valid; the message states its number.
    """
    jobs = []
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
        try:
            name, *flags = shlex.split(line, comments=True) or [None]
            if name is None:
                continue
            if check is not None:
                check(name, flags)
        except ValueError as error:  # a ZooError, or a quotation mark that is not closed
            raise ZooError(f"{file}, line {number}: {error}") from None
        job = Job(name, tuple(flags))
        if job.folder in {other.folder for other in jobs}:
            raise ZooError(f"{file}, line {number}: {job} occurs twice; give one of them a different --seed.")
        jobs.append(job)
    return jobs


class Run:
    """The folder of a `Job`, and the state of its training.

    Args:
        job: a `Job`.
        folder: of all runs of the queue.
    """

    def __init__(self, job, folder):
        self.job = job
        self.folder = Path(folder) / job.folder

    @property
    def repository(self):
        """Folder of the run's git worktree."""
        return self.folder / "repository"

    def record(self):
        """Mapping of the commit and, after the training has ended, the exit code; empty before the run has started."""
        try:
            return json.loads((self.folder / "run.json").read_bytes())
        except FileNotFoundError:
            return {}

    def update(self, **values):
        """Write values to the record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "run.json", json.dumps({**self.record(), **values}, indent=1).encode())

    def state(self):
        """ "waiting", "running", "interrupted", "failed" or "done"."""
        if not self.record():
            return "waiting"
        with self._lock() as lock:
            if lock is None:
                return "running"
        if self._published():
            return "done"
        return "interrupted" if self.record().get("exit") in _INTERRUPTED else "failed"

    def begin(self, core, origin):
        """Start or continue the training on a core; returns its `subprocess.Popen`, or None if it is running already.

        Args:
            core: number of the core, or None to leave the choice to the system.
            origin: the git repository of which the run has a worktree.
        """
        self._check_out(origin)
        # -P: import the package of the worktree, not of the working directory. Paths in flags are relative to the latter.
        command = [sys.executable, "-P", "-u", "-m", "zoo", "train", self.job.name, *self.job.flags]
        command += ["--run-dir", str(self.folder / "run"), "--output-dir", str(self.folder / "weights")]
        environment = {**os.environ, **_ONE_THREAD, "PYTHONPATH": str(self.repository)}
        with self._lock() as lock, open(self.folder / "log.txt", "ab") as log:
            if lock is None:
                return None
            self.update(exit=None)
            # The process inherits the lock: it is held for as long as the training lives, also when the queue is killed.
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
            )
        _lower_priority(process.pid, core)
        return process

    def end(self, code, origin):
        """Record the exit code of the training, and remove the worktree of a finished run."""
        self.update(exit=code)
        if self.state() == "done":
            _git(origin, "worktree", "remove", "--force", str(self.repository))

    def checkpoint(self):
        """State of the run's checkpoint, see `zoo.training.callbacks.Checkpoint`; empty if there is none yet."""
        import numpy as np

        try:
            with np.load(self.folder / "run" / "checkpoint.npz", allow_pickle=False) as file:
                return json.loads(file["state"].tobytes())
        except FileNotFoundError:
            return {}

    def _published(self):
        # Read as plain JSON: the run's commit may write another version of the manifest than this one reads.
        try:
            return self.job.name in json.loads((self.folder / "weights" / "manifest.json").read_bytes())["weights"]
        except FileNotFoundError:
            return False

    def _check_out(self, origin):
        commit = self.record().get("commit") or _git(origin, "rev-parse", "HEAD")
        _require_recipe(self.job.name, commit, origin)
        self.update(commit=commit)
        if not self.repository.is_dir():
            # A removed folder may still be in the repository's list of worktrees, which would be an error.
            _git(origin, "worktree", "prune")
            _git(origin, "worktree", "add", "--detach", str(self.repository), commit)

    @contextlib.contextmanager
    def _lock(self):
        """File descriptor of the run's lock, or None if another process has it."""
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)


def work(file, folder, origin, at_a_time=2, check=None, poll=1.0):
    """Train the recipes of a queue file until none is left; returns the number of runs that failed.

    The file is read again whenever a core is free, so that lines can be added meanwhile. A failed run is repeated by the next
    call, not by this one. On an interrupt, the trainings are stopped before this returns.

    Args:
        file: path of the queue file.
        folder: of the runs.
        origin: path of the git repository with the recipes.
        at_a_time: number of trainings at the same time.
        check: see `read_jobs`.
        poll: seconds between two checks of the trainings.
    """
    folder, cores = Path(folder), _cores(at_a_time)
    jobs, active, tried = read_jobs(file, check), {}, set()
    try:
        while True:
            for core, (run, process) in list(active.items()):
                if (code := process.poll()) is not None:
                    del active[core]
                    run.end(code, origin)
                    _say(f"{run.job}: {run.state()}")
            for core in [core for core in cores if core not in active]:
                jobs = _read_again(file, check, jobs)
                run = _next(jobs, folder, tried)
                if run is None:
                    break
                tried.add(run.job)
                if process := run.begin(core, origin):
                    active[core] = run, process
                    _say(f"{run.job}: {'resumed' if run.checkpoint() else 'started'}, log in {run.folder / 'log.txt'}")
            if not active:
                break
            time.sleep(poll)
    except BaseException:
        for _, process in active.values():
            process.terminate()
        for run, process in active.values():
            run.end(process.wait(), origin)
        raise
    return sum(Run(job, folder).state() == "failed" for job in tried)


def _read_again(file, check, jobs):
    """The jobs of a file that may have been changed; if it cannot be read, the previous ones."""
    try:
        return read_jobs(file, check)
    except (OSError, ValueError) as error:
        _say(f"{error} Continuing with the previous contents of the queue file.")
        return jobs


def _next(jobs, folder, tried):
    """The first `Run` that is neither done nor running nor tried before."""
    runs = (Run(job, folder) for job in jobs if job not in tried)
    return next((run for run in runs if run.state() not in ("done", "running")), None)


def table(file, folder):
    """The state of each run of a queue file as rows of text. Speed and hours are averages over the finished epochs."""
    rows = [("recipe", "state", "epoch", "images/s", "hours", "hours left")]
    for job in read_jobs(file):
        run = Run(job, folder)
        rows.append((str(job), run.state(), *_progress(run.checkpoint())))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _progress(state):
    if not state:
        return ("-",) * 4
    epoch, recipe, seconds = state["epoch"], state["recipe"], max(state["seconds"], 1e-9)
    images = state.get("steps", 0) * recipe["batch_size"] * epoch
    speed = f"{images / seconds:.0f}" if images else "-"
    left = (recipe["epochs"] - epoch) * seconds / epoch
    return f"{epoch} of {recipe['epochs']}", speed, f"{seconds / 3600:.1f}", f"{left / 3600:.1f}"


def _require_recipe(name, commit, origin):
    listed = _git(origin, "ls-tree", "--name-only", commit, "training_scripts/").splitlines()
    known = [Path(path).stem for path in listed if path.endswith(".py")]
    if name not in known:
        raise ZooError(f"there is no recipe {name!r} in the commit {commit[:7]}.{suggest(name, known)} Commit it first.")


def _git(repository, *arguments):
    done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ZooError(f"git {arguments[0]} failed in {repository}: {done.stderr.strip()}")
    return done.stdout.strip()


def _cores(count):
    """Numbers of the cores to use, one for each training; placeholders if cores cannot be chosen or there are too few."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[-count:] if count <= len(cores) else [-1 - i for i in range(count)]


def _lower_priority(pid, core):
    """Bind a new process to a core, at the lowest priority; does nothing if the process has ended already."""
    with contextlib.suppress(ProcessLookupError):
        if core is not None and core >= 0:
            os.sched_setaffinity(pid, {core})
        os.setpriority(os.PRIO_PROCESS, pid, _LOWEST_PRIORITY)
        # Linux compares sessions first ("autogroup"): in a separate session, the line above has no effect.
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(str(_LOWEST_PRIORITY))


def _say(line):
    print(f"{time.strftime('%H:%M')} {line}", flush=True)


def checkout():
    """The git repository of this package. Raises ZooError if there is none, or the system does not support queues."""
    if os.name != "posix":
        raise ZooError("a queue requires Linux or macOS; train the recipes one after another.")
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        raise ZooError(f"a queue requires a git repository, and {root} is not one; run it in a clone of the zoo.")
    return root


def runs_folder(repository, folder=None):
    """The absolute path of the folder of all runs, by default next to the repository. It must not be inside the repository."""
    folder = Path(folder or repository.with_name(f"{repository.name}-queue")).resolve()
    if folder.is_relative_to(repository):
        raise ZooError(f"got the folder {folder} inside the repository {repository}, expected one outside it.")
    return folder
