"""The flags of `zoo tune`."""

import dataclasses
from pathlib import Path

from zoo.cli.arguments import Parser
from zoo.training.recipe import load_recipe
from zoo.tuning import space
from zoo.utils.quiet import load_quietly


def parser():
    """The parser; what it cannot read is a `ZooError`."""
    flags = Parser(
        prog="zoo tune",
        description="Search for better settings of a recipe, by images held out of its training split. The same command goes on "
        "with a search that was stopped.",
    )
    flags.add_argument("recipe", help="of a weight set")
    flags.add_argument("--strategy", choices=space.STRATEGIES, default="bayesian")
    flags.add_argument("--trials", type=int, default=20, help="at most (20)")
    flags.add_argument(
        "--vary",
        action="append",
        metavar="NAME=VALUES",
        help="latent_dim=8,16,32 or learning_rate=1e-4:1e-2; again for another setting (by default the learning rate, the "
        f"size of the code, {space.DEPTH} and the weight of the penalty)",
    )
    flags.add_argument("--metric", help="to judge by (the recipe's first)")
    flags.add_argument("--epochs", type=int, help="of every trial (the recipe's)")
    flags.add_argument("--held-out", type=float, default=0.1, help="share of the training images to judge by (0.1)")
    flags.add_argument("--data", dest="dataset", help="train on this instead: a TFDS name, .npy, .npz or folder of images")
    flags.add_argument("--data-dir", help="where TFDS data lies or goes")
    flags.add_argument("--seed", type=int, help="of the search and of every training")
    flags.add_argument("--output", help="a folder for trials.csv, trials.png and what the search keeps (default: tuning/RECIPE)")
    flags.add_argument("--restart", action="store_true", help="begin anew where OUTPUT holds an earlier search")
    return flags


def main(argv):
    """Run `zoo tune`; returns its exit code.

    Raises:
        ZooError: on bad input.
    """
    arguments = parser().parse_args(argv)
    recipe = load_recipe(arguments.recipe)
    given = {name: getattr(arguments, name) for name in ("epochs", "dataset", "seed") if getattr(arguments, name) is not None}
    recipe = dataclasses.replace(recipe, **given)
    axes = [space.parse(text) for text in arguments.vary] if arguments.vary else space.default_axes(recipe)
    folder = Path(arguments.output or Path("tuning") / recipe.name)
    load_quietly()
    from zoo.tuning import report
    from zoo.tuning.search import tune

    rows = tune(
        recipe,
        arguments.strategy,
        arguments.trials,
        axes,
        arguments.metric,
        arguments.held_out,
        folder,
        arguments.data_dir,
        arguments.restart,
    )
    metric = arguments.metric or recipe.metrics[0]
    metric = metric if isinstance(metric, str) else metric["metric"]
    report.write_table(folder, rows)
    drawn = report.draw(rows, metric, folder / "trials.png")
    print(report.as_text(rows, metric))
    print(f"wrote {folder}/trials.csv{' and trials.png' if drawn else ''}")
    return 0
