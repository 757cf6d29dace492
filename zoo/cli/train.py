"""`zoo train`: train a weight set from its recipe. Training scripts accept the same flags."""

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
    parser.add_argument("name", nargs="?", help="name of the recipe")
    parser.add_argument("--all", action="store_true", help="train every recipe, one after another, each in its own run folder")
    parser.add_argument("--queue", metavar="FILE", help="train the recipes of a file: one recipe per line, followed by its flags")
    parser.add_argument("--at-a-time", type=whole_number(1), help="number of trainings of a queue at the same time (default: 2)")
    parser.add_argument("--status", action="store_true", help="print the state of each training of the queue and exit")
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
        raise ZooError("--status and --at-a-time require --queue FILE.")
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
    """Train the recipes of a queue file, or print their states; returns 1 if a training failed."""
    folder = given.pop("run_dir")
    if any(given.values()):
        raise ZooError("with --queue, give the flags of a training in the file, after the name of the recipe.")
    repository = queue.checkout()
    folder = queue.runs_folder(repository, folder)
    if status:
        print("\n".join(queue.table(file, folder)))
        return 0
    # Ending the process, as a service manager does, stops the trainings as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return int(queue.work(file, folder, repository, at_a_time, check=_check_line) > 0)


def _check_line(name, flags):
    """Raises ZooError if a line of a queue file has flags that are not allowed there."""
    parser = Parser(prog=f"zoo train {name}", add_help=False)
    _add_flags(parser)
    given = parser.parse_args(flags)
    for flag in ("output_dir", "publish", "run_dir", "restart"):
        if getattr(given, flag):
            raise ZooError(f"got --{flag.replace('_', '-')}, but a queue sets the folders of its trainings.")


def run_recipe(recipe, argv=None, prog=None):
    """Train, evaluate and publish `recipe`, changed by command-line flags; the last line of a training script.

    Args:
        recipe: a `Recipe`.
        argv: list of flags; None uses those of the process.
        prog: program name in help texts; None uses that of the process.

    Returns:
        The manifest entry.

    Raises:
        SystemExit: with code 2 after printing an error message for invalid input, with code 130 on Ctrl-C.
    """
    streams.harden()
    parser = Parser(prog=prog, description=f"Train the weight set {recipe.name} from its recipe.")
    _add_flags(parser)
    try:
        with exits.warnings_as_lines(recipe.name):
            return _train(recipe, vars(parser.parse_args(argv)))
    except exits.FAULTS as fault:
        raise SystemExit(exits.report(fault, recipe.name)) from None


def _add_flags(parser):
    parser.add_argument("--epochs", type=int, help="number of epochs (default: that of the recipe)")
    parser.add_argument("--batch-size", type=int, help="batch size (default: that of the recipe)")
    parser.add_argument("--learning-rate", type=float, help="learning rate after the warm-up (default: that of the recipe)")
    parser.add_argument("--seed", type=int, help="random seed (default: that of the recipe)")
    parser.add_argument("--precision", choices=PRECISIONS, help="precision of the training (default: that of the recipe)")
    parser.add_argument("--data", dest="dataset", help="TFDS name, .npy or .npz file, or image folder (default: see recipe)")
    add_data_dir(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--output-dir", help="folder for weight file, manifest entry and card (default: weights/ in --run-dir)")
    where.add_argument("--publish", action="store_true", help="replace the set in the zoo's own weights by the result")
    parser.add_argument("--run-dir", help="folder of the run; an interrupted run there is resumed (default: runs/NAME)")
    parser.add_argument("--restart", action="store_true", help="discard the earlier run in --run-dir and start again")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs to the run directory")


def _train(recipe, given):
    """Train `recipe` by a mapping of flags: flags that are fields of a recipe change it; the others are arguments of `train`."""
    changed = {f.name: given[f.name] for f in dataclasses.fields(Recipe) if given.get(f.name) is not None}
    others = {name: value for name, value in given.items() if name not in {f.name for f in dataclasses.fields(Recipe)}}
    recipe = dataclasses.replace(recipe, **changed)
    if others.pop("publish"):
        others["output_dir"] = manifest.weights_dir()
    # Invalid flags and names have been reported by now, before a framework is loaded, which takes seconds.
    load_quietly()
    from zoo.publishing.train import train

    try:
        return train(recipe, **others, measurable="dataset" in changed)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command resumes after the last complete epoch") from None
