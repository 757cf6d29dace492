"""`zoo tune`: search for better settings of a recipe, by images held out of its training split. The same command resumes a
search that was stopped."""

import dataclasses
from pathlib import Path

from zoo.cli.arguments import add_data_dir, whole_number
from zoo.training.recipe import load_recipe
from zoo.tuning import space
from zoo.utils.quiet import load_quietly

HELP = "search for better settings of a recipe"


def add_arguments(parser):
    parser.add_argument("recipe", help="of a weight set")
    parser.add_argument("--strategy", choices=space.STRATEGIES, default="bayesian")
    parser.add_argument("--trials", type=whole_number(1), default=20, help="at most (20)")
    parser.add_argument(
        "--vary",
        action="append",
        metavar="NAME=VALUES",
        help="latent_dim=8,16,32 or learning_rate=1e-4:1e-2; again for another setting (by default the learning rate, the "
        f"size of the code, {space.DEPTH} and the weight of the penalty)",
    )
    parser.add_argument("--metric", help="to judge by (the recipe's first)")
    parser.add_argument("--epochs", type=int, help="of every trial (the recipe's)")
    parser.add_argument("--held-out", type=float, default=0.1, help="share of the training images to judge by (0.1)")
    parser.add_argument("--data", dest="dataset", help="train on this instead: a TFDS name, .npy, .npz or folder of images")
    add_data_dir(parser)
    parser.add_argument("--seed", type=int, help="of the search and of every training")
    parser.add_argument("--output", help="a folder for trials.csv, trials.png and what the search keeps (default: tuning/RECIPE)")
    parser.add_argument("--restart", action="store_true", help="begin anew where OUTPUT holds an earlier search")


def run(arguments):
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
