"""`python -m zoo.cli.maintenance`: commands that maintain published weight sets."""

import sys

from zoo.cli import exits
from zoo.cli.arguments import Parser, add_data_dir
from zoo.utils import streams
from zoo.utils.quiet import load_quietly


def main(argv=None):
    """Run a command; returns its exit code: 0, 2 after an error message, 130 on Ctrl-C."""
    streams.harden()
    try:
        arguments = _parser().parse_args(argv)
        with exits.warnings_as_lines():
            arguments.run(arguments)
    except exits.FAULTS as fault:
        return exits.report(fault)
    return 0


def _parser():
    parser = Parser(prog="python -m zoo.cli.maintenance", description="Maintain published weight sets.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    text = "publish the training that is the median of several seeds"
    seeds = commands.add_parser("seeds", help=text, description=text)
    seeds.add_argument("name", help="name of the weight set")
    seeds.add_argument("metric", help="metric by which the median run is chosen")
    seeds.add_argument("folders", nargs="+", metavar="folder", help="the --output-dir of each training")
    _add_output_dir(seeds)
    seeds.set_defaults(run=_seeds)

    text = "measure published sets again by the metrics of their recipes, without training"
    remeasure = commands.add_parser("remeasure", help=text, description=text)
    remeasure.add_argument("names", nargs="+", metavar="name", help="name of a weight set")
    remeasure.add_argument("--metrics", help="metrics to measure, separated by commas, or none (''); others keep their values")
    add_data_dir(remeasure)
    _add_output_dir(remeasure)
    remeasure.set_defaults(run=_remeasure)
    return parser


def _add_output_dir(parser):
    parser.add_argument("--output-dir", help="the weights folder to write to (default: the zoo's weights/)")


def _seeds(arguments):
    from zoo.publishing.seeds import publish_median

    entry = publish_median(arguments.name, arguments.metric, arguments.folders, arguments.output_dir)
    values = ", ".join(f"{value:.4g} (seed {seed})" for seed, value in entry["seeds"]["values"][arguments.metric].items())
    print(f"{arguments.metric}: {values}; published seed {entry['run']['seed']}, set this seed in the recipe.")


def _remeasure(arguments):
    load_quietly()
    from zoo.publishing.remeasure import remeasure

    for name in arguments.names:
        only = None if arguments.metrics is None else [each for each in arguments.metrics.split(",") if each]
        entry = remeasure(name, arguments.data_dir, arguments.output_dir, only)
        print(name, ", ".join(f"{metric} {result['value']:.6g}" for metric, result in entry["metrics"].items()))


if __name__ == "__main__":
    sys.exit(main())
