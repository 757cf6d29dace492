"""`zoo train`: train a weight set from its recipe. Every training script ends with `run_recipe`, which takes the same flags."""

import dataclasses
import signal
from pathlib import Path

from zoo.cli import exits
from zoo.cli.arguments import Parser, add_data_dir, whole_number
from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.training import queue
from zoo.training.recipe import Recipe, load_recipe, recipes
from zoo.utils import streams
from zoo.utils.precision import PRECISIONS
from zoo.utils.quiet import load_quietly

HELP = "train a weight set from its recipe"


def add_arguments(parser):
    parser.add_argument("name", nargs="?", help="of the recipe")
    parser.add_argument("--all", action="store_true", help="every recipe in turn, each in a run folder of its own")
    parser.add_argument("--queue", metavar="FILE", help="the recipes of a file: one a line, flags after its name; see --status")
    parser.add_argument("--at-a-time", type=whole_number(1), help="trainings of a queue at the same time, one core each (2)")
    parser.add_argument("--status", action="store_true", help="print where each training of the queue stands, and train nothing")
    _add_flags(parser)


def run(arguments):
    given = vars(arguments).copy()
    name, every, file = given.pop("name"), given.pop("all"), given.pop("queue")
    given.pop("run")
    status, at_a_time = given.pop("status"), given.pop("at_a_time")
    if bool(name) + every + bool(file) != 1:
        raise ZooError("give the name of one recipe, or --all, or --queue FILE.")
    if file:
        return _queue(file, given, status, at_a_time or 2)
    if status or at_a_time:
        raise ZooError("--status and --at-a-time are of a queue; give --queue FILE, too.")
    if not every:
        _train(load_recipe(name), given)
        return
    parent = Path(given.pop("run_dir") or "runs")
    for name in recipes():
        try:
            _train(load_recipe(name), {**given, "run_dir": str(parent / name)})
        except ZooError as error:
            raise ZooError(f"{name}: {error}") from None


def _queue(file, given, status, at_a_time):
    """Train the recipes of a queue file, or print where they stand; returns 1 where a training failed."""
    folder = given.pop("run_dir")
    if any(given.values()):
        raise ZooError("with --queue, flags of a training stand in the file, after the recipe's name.")
    repository = queue.checkout()
    folder = queue.runs_folder(repository, folder)
    if status:
        print("\n".join(queue.table(file, folder)))
        return 0
    # What ends a service or a session stops the trainings, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return int(queue.work(file, folder, repository, at_a_time, check=_check_line) > 0)


def _check_line(name, flags):
    """Raise a `ZooError` on flags that a line of a queue file may not have."""
    parser = Parser(prog=f"zoo train {name}", add_help=False)
    _add_flags(parser)
    given = parser.parse_args(flags)
    for flag in ("output_dir", "publish", "run_dir", "restart"):
        if getattr(given, flag):
            raise ZooError(f"got --{flag.replace('_', '-')}, but a queue decides where its trainings are kept.")


def run_recipe(recipe, argv=None, prog=None):
    """Train, evaluate and publish `recipe`, changed by command-line flags; what a training script ends with.

    Args:
        recipe: a `Recipe`.
        argv: the flags; None for those of the process.
        prog: the program's name in help and errors; None for that of the process.

    Returns:
        The manifest entry. On bad input one clear line is printed and the process exits with code 2, on Ctrl-C with 130.
    """
    streams.harden()
    parser = Parser(prog=prog, description=f"Train the weight set {recipe.name} from its recipe.")
    _add_flags(parser)
    try:
        return _train(recipe, vars(parser.parse_args(argv)))
    except exits.FAULTS as fault:
        raise SystemExit(exits.report(fault, recipe.name)) from None


def _add_flags(parser):
    parser.add_argument("--epochs", type=int, help="passes over the training images (the recipe's)")
    parser.add_argument("--batch-size", type=int, help="images a step (the recipe's)")
    parser.add_argument("--learning-rate", type=float, help="of the first step after the warm-up (the recipe's)")
    parser.add_argument("--seed", type=int, help="of everything random (the recipe's)")
    parser.add_argument("--precision", choices=PRECISIONS, help="to train in (the recipe's)")
    parser.add_argument("--data", dest="dataset", help="train on this instead: a TFDS name, .npy, .npz or folder of images")
    add_data_dir(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output-dir", help="where the weight file, manifest entry and card go (default: weights/ in --run-dir)")
    where.add_argument("--publish", action="store_true", help="put them into the zoo's own weights, in place of the set there")
    parser.add_argument("--run-dir", help="checkpoint, logs and results; a run found there is resumed (default: runs/NAME)")
    parser.add_argument("--restart", action="store_true", help="begin anew where --run-dir holds an earlier run")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs to the run directory")


def _train(recipe, given):
    """Train `recipe` by a mapping of flags: those that are fields of a recipe change it, the others say where and how."""
    changed = {f.name: given[f.name] for f in dataclasses.fields(Recipe) if given.get(f.name) is not None}
    others = {name: value for name, value in given.items() if name not in {f.name for f in dataclasses.fields(Recipe)}}
    recipe = dataclasses.replace(recipe, **changed)
    if others.pop("publish"):
        others["output_dir"] = manifest.weights_dir()
    # What is wrong with flags and names is said before a framework is loaded for seconds.
    load_quietly()
    from zoo.publishing.train import train

    try:
        return train(recipe, **others, measurable="dataset" in changed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on from the last whole epoch") from None
