"""`zoo verify`: check weight files against their hashes, and models against their reference features."""

from zoo.cli.arguments import MODEL_HELP
from zoo.errors import ZooError
from zoo.utils.quiet import load_quietly

HELP = "check weight files and reference features"


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="name", help=f"{MODEL_HELP} (default: all weight sets)")


def run(arguments):
    from zoo.pretrained import manifest
    from zoo.pretrained.verification import check_names, verify, verify_reference_features

    entries = manifest.read()
    names = arguments.names or sorted(entries)
    if not names:
        raise ZooError("there are no weight sets to verify: the manifest is empty.")
    check_names(names)
    if any(name in entries for name in names):
        load_quietly()
    bad = 0
    for name in names:
        [(_, status, detail)] = verify([name])
        if status == "ok" and name in entries:
            try:
                detail += f"; features within {verify_reference_features(name):.1g} of the card's"
            except ZooError as error:  # continue with the other sets
                status, detail = "drifted", str(error)
        bad += status in ("corrupt", "drifted")
        print(f"{name:28} {status:8} {detail}")
    return 1 if bad else 0
