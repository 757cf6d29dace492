"""`zoo tune`: search for better settings of a recipe, compared on images held out of its training split. The same command
resumes an interrupted search."""

import dataclasses
from pathlib import Path

from zoo.cli.arguments import add_data_dir, whole_number
from zoo.training.recipe import load_recipe
from zoo.tuning import space
from zoo.utils.quiet import load_quietly

HELP = "search for better settings of a recipe"


def add_arguments(parser):
    parser.add_argument("recipe", help="name of the recipe")
    parser.add_argument("--strategy", choices=space.STRATEGIES, default="bayesian", help="search strategy (default: bayesian)")
    parser.add_argument("--trials", type=whole_number(1), default=20, help="maximum number of trials (default: 20)")
    parser.add_argument(
        "--vary",
        action="append",
        metavar="NAME=VALUES",
        help="setting and its values, latent_dim=8,16,32, or its range, learning_rate=1e-4:1e-2; may be repeated (default: the "
        f"learning rate, the size of the code, {space.DEPTH} and the weight of the penalty)",
    )
    parser.add_argument("--metric", help="metric to optimize (default: the first of the recipe)")
    parser.add_argument("--epochs", type=int, help="epochs of each trial (default: those of the recipe)")
    parser.add_argument("--held-out", type=float, default=0.1, help="fraction of the training images to compare on (default 0.1)")
    parser.add_argument("--data", dest="dataset", help="TFDS name, .npy or .npz file, or image folder (default: see recipe)")
    add_data_dir(parser)
    parser.add_argument("--seed", type=int, help="random seed of the search and of each training")
    parser.add_argument("--output", help="folder for trials.csv, trials.png and the search state (default: tuning/RECIPE)")
    parser.add_argument("--restart", action="store_true", help="discard the earlier search in OUTPUT and start again")


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
